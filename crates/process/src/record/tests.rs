use std::future::Future;
use std::pin::pin;
use std::sync::Weak;
use std::sync::atomic::AtomicBool as Flag;
use std::task::{Context as TaskContext, Wake};

use foundation_env::sim::{SimOptions, Simulation};
use foundation_types::Deadline;

use super::*;
use crate::context::Context;
use crate::process::{Outcome, Process};

struct Idle;

impl Process for Idle {
    type Message = u64;

    async fn handle(&mut self, _: u64, _: &mut Context<u64>) -> Outcome {
        Ok(())
    }
}

/// The last clone of a waker may own a whole task, whose drop is user code.
struct Task {
    record: Weak<Record<u64>>,
    locked: Arc<Flag>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Task {
    fn drop(&mut self) {
        let locked = self.record.upgrade().is_some_and(|record| record.lanes.try_lock().is_none());
        self.locked.store(locked, Ordering::Relaxed);
    }
}

#[test]
fn the_waker_of_a_waiting_sender_is_dropped_without_the_lock() {
    let simulation = Simulation::new(0, SimOptions::default());
    let system = System::new(simulation.env());
    let idle = system.process(Idle).mailbox(1).spawn().unwrap();
    let record: Arc<dyn Any + Send + Sync> =
        system.inner().table().get(idle.pid()).unwrap().into_any();
    let record = Arc::downgrade(&record.downcast::<Record<u64>>().unwrap());
    assert!(idle.try_send(0).is_ok());
    let mut send = pin!(idle.send_until(1, Deadline::NEVER));
    let locked = Arc::new(Flag::new(true));
    let task = Arc::new(Task { record, locked: Arc::clone(&locked) });
    for waker in [Waker::from(task), Waker::noop().clone()] {
        assert!(send.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
    }
    assert!(!locked.load(Ordering::Relaxed), "dropped under the lock");
}
