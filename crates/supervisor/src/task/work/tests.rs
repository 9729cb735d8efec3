use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};

use foundation_testkit::sim_seeds;
use foundation_types::NodeId;

use super::super::pool::Place;
use super::*;
use crate::TaskLimits;

/// On threads a keeper can end between the admission of a task and its spawn. The task then began to work
/// under no supervisor, until whoever had spawned it got to killing it. Now its process looks itself.
///
/// Guarantee R4
#[test]
fn a_task_that_is_spawned_after_the_end_of_its_keeper_does_not_begin() {
    sim_seeds(0..4, |env, seed| async move {
        let system = System::new(env);
        let pool = Arc::new(Pool::new(TaskLimits::default()));
        // Any process will do as keeper: what counts is its pid.
        let keeper = Pid::new(NodeId::new(0), 1, NonZeroU32::MIN);
        pool.open(&system, keeper).expect("it is closed");
        let begun = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&begun);
        let control = Control::new(Arc::clone(&pool), pool.number());
        let finish = Finish::<(), ()>::new(Arc::clone(&control), drop);
        let admitted = pool.admit(control.number(), (), |()| Work {
            begin: move |_, _| {
                begins.store(true, Ordering::Release);
                async { TaskOutcome::Ok(()) }
            },
            options: TaskOptions::default(),
            finish,
        });
        let Ok(Place::Now { work, owner, slot }) = admitted else { panic!("there is room") };
        let closed = seed % 2 == 0;
        if closed {
            assert_eq!(pool.close(), [], "nothing has been spawned");
        }
        let task = Task {
            owner: owner.pid,
            slot: Some(Arc::new(slot)),
            work: Arc::new(Mutex::new(Some(work))),
        };
        let address = system.process(task).mailbox(1).spawn().expect("it is spawned");
        system.monitor(address.pid()).await;
        assert_eq!(begun.load(Ordering::Acquire), !closed);
        let stats = pool.stats();
        assert_eq!((stats.ok, stats.cancelled), if closed { (0, 1) } else { (1, 0) });
        assert_eq!(stats.running, 0);
    });
}
