//! The protocol of readers and the writer, in every interleaving.
#![cfg(foundation_loom)]
#![expect(clippy::expect_used, reason = "a test fails where its world is not as built")]

use foundation_env::sync::{Arc, model, thread};
use foundation_flags::model::Live;
use foundation_flags::{Setting, Value};

fn all(percent: u8) -> Arc<[Setting]> {
    vec![Setting::from(Value::percent(percent).expect("a percentage")); 2].into()
}

/// Guarantee FL2
#[test]
fn no_reader_sees_a_step_in_part() {
    model(|| {
        let live = Arc::new(Live::new(all(0)));
        let writer = {
            let live = Arc::clone(&live);
            thread::spawn(move || {
                live.publish(1, all(1));
                live.publish(2, all(2));
            })
        };
        // Whoever has seen a step in one flag finds at least that step in the other, and in the table.
        let first = live.value(0);
        let second = live.value(1);
        assert!(first <= second, "{first} and then {second}");
        let table = live.settings().first().expect("two flags").value;
        assert!(second <= table, "{second} and then {table}");
        writer.join().expect("the writer ends");
        assert_eq!(live.value(0), Value::percent(2).expect("a percentage"));
    });
}
