use super::Live;
use crate::value::{Setting, Value};
use foundation_env::sync::Arc;

fn all(percent: u8, count: usize) -> Arc<[Setting]> {
    vec![Setting::from(Value::percent(percent).expect("a percentage")); count].into()
}

#[test]
fn each_step_is_read_as_published() {
    let live = Live::new(all(0, 3));
    for step in 1..=100 {
        let settings = all(u8::try_from(step).expect("small"), 3);
        live.publish(step, Arc::clone(&settings));
        assert_eq!(live.settings(), settings);
        for index in 0..3 {
            assert_eq!(live.value(index).as_percent().map(u64::from), Some(step));
        }
    }
    assert_eq!(live.value(3), Value::OFF);
}
