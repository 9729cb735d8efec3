use std::sync::{Arc, Mutex};

use foundation_env::sim::{SimOptions, Simulation};

use super::*;
use crate::process::Outcome;

/// Writes down, for each message, whether it goes the way of a watched process.
struct Looks(Arc<Mutex<Vec<bool>>>);

impl Process for Looks {
    type Message = ();

    async fn handle(&mut self, (): (), context: &mut Context<()>) -> Outcome {
        self.0.lock().unwrap().push(context.notes.has(Notes::WATCHED));
        Ok(())
    }
}

#[test]
fn a_process_that_is_watched_no_more_pays_no_more() {
    let mut simulation = Simulation::new(0, SimOptions::default());
    let system = System::new(simulation.env());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let looks = system.spawn(Looks(Arc::clone(&seen))).unwrap();
    let deadline = system.deadline(Duration::from_secs(1));
    simulation.block_on(async {
        let trace = system.trace(looks.pid(), 4).unwrap();
        looks.send_acknowledged((), deadline).await.unwrap();
        drop(trace);
        looks.send_acknowledged((), Deadline::NEVER).await.unwrap();
        for _ in 0..2 {
            looks.send(()).await.unwrap();
            let quiet = system.env().now().saturating_add(Duration::from_millis(1));
            system.env().sleep_until(quiet).await;
        }
    });
    assert_eq!(*seen.lock().unwrap(), [true, true, false, false]);
}
