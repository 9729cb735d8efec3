use super::wait_for;
use foundation_env::Env;
use foundation_env::sim::{SimOptions, Simulation};
use foundation_types::Deadline;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn a_level_is_seen_and_its_value_returned() {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let env = simulation.env();
    let found = simulation.block_on(async {
        let (env, start) = (&env, env.now());
        wait_for(env, "ten seconds", Deadline::after(start, MINUTE), || {
            let passed = env.now().saturating_duration_since(start).as_secs();
            if passed >= 10 { Ok(passed) } else { Err(format!("{passed} s have passed")) }
        })
        .await
    });
    assert_eq!(found, 10);
}

#[test]
fn giving_up_names_the_place_the_wish_and_the_status() {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let env = simulation.env();
    let deadline = Deadline::after(env.now(), MINUTE);
    let wait = wait_for(&env, "a miracle", deadline, || Err::<(), _>("nothing happened"));
    let failed = catch_unwind(AssertUnwindSafe(|| simulation.block_on(wait))).unwrap_err();
    let message = failed.downcast_ref::<String>().unwrap();
    for part in ["tests.rs", "a miracle", "60.0", "nothing happened"] {
        assert!(message.contains(part), "{part} is missing in: {message}");
    }
}

#[tokio::test]
async fn a_deadline_in_the_past_still_looks_once() {
    let env = Env::current();
    let past = Deadline::at(env.now());
    assert_eq!(wait_for(&env, "now", past, || Ok::<_, &str>(3)).await, 3);
}

#[tokio::test]
#[should_panic(expected = "needs a deadline")]
async fn waiting_for_ever_is_refused() {
    let env = Env::current();
    wait_for(&env, "never", Deadline::NEVER, || Ok::<_, &str>(())).await;
}
