//! At most one per key and window, in every interleaving.
#![cfg(foundation_loom)]
#![expect(clippy::expect_used, reason = "a test fails where its world is not as built")]

use std::time::Duration;

use foundation_env::sim::{SimOptions, Simulation};
use foundation_env::sync::{Arc, model, thread};
use foundation_telemetry::OncePer;

/// Guarantee SE1
#[test]
fn of_two_that_come_at_once_one_is_admitted() {
    model(|| {
        // One key is new, the other's window is over.
        let mut simulation = Simulation::new(7, SimOptions::default());
        let env = simulation.env();
        let once = Arc::new(OncePer::new(env.clone(), Duration::from_secs(1), 8));
        assert!(once.admits("known"));
        let later = env.now().saturating_add(Duration::from_secs(1));
        simulation.block_on(env.sleep_until(later));
        let other = {
            let once = Arc::clone(&once);
            thread::spawn(move || (once.admits("known"), once.admits("new")))
        };
        let (known, new) = (once.admits("known"), once.admits("new"));
        let (other_known, other_new) = other.join().expect("the other ends");
        assert!(known != other_known, "the known key");
        assert!(new != other_new, "the new key");
    });
}
