//! The service as a child of a supervisor.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use foundation_connect::{
    CommandError, CommandRunner, CommandService, CommandStats, Commands, ExitStatus, Place, Run,
    RunFuture,
};
use foundation_supervisor::{ChildSpec, Strategy, Supervisor};

use crate::world::{PATIENCE, Program, everywhere, scripted};

/// Guarantee OS1
#[test]
fn a_restarted_service_serves_and_its_old_programs_are_gone() {
    everywhere(|world| async move {
        let settings = world.settings().build().unwrap();
        let factory = world.clone();
        let spec = ChildSpec::new("commands", move || factory.service(settings.clone()));
        let child = spec.address().unwrap();
        let commands = Commands::from(child.clone());
        let supervisor = Supervisor::new(Strategy::OneForOne).child(spec);
        let supervisor = Box::pin(supervisor.start(&world.system)).await.unwrap();

        let task = world.task(&commands, world.request(Program::Hangs));
        world.wait_runs(1).await;
        let down = world.system.monitor(child.current().unwrap().pid());
        assert!(world.system.kill(down.pid()));
        down.await;
        let output = commands.run(world.request(Program::Hello)).await.unwrap();
        assert_eq!(output.stdout.text(), "hello\n");
        let answer = world.join(task).await;
        assert!(matches!(answer, Err(CommandError::Service(_))), "{answer:?}");
        world.wait_no_survivors().await;

        let task = world.task(&commands, world.request(Program::Hangs));
        world.wait_runs(3).await;
        let report = world.system.shutdown(world.deadline(Duration::from_secs(20))).await;
        assert_eq!(world.survivors(), Vec::<String>::new());
        assert!(report.killed.is_empty(), "{report:?}");
        drop((world.join(task).await, supervisor));
    });
}

/// A restarted service once knew nothing of its predecessor's programs, which are killed with it and
/// take their time to end: a service that was killed often ran many times `concurrent_max`.
#[test]
fn a_restarted_service_counts_what_its_predecessor_left() {
    scripted(|world| async move {
        let slow = SlowDeath::default();
        let settings = world.settings().concurrent_max(3).waiting_max(3).build().unwrap();
        let runner = slow.clone();
        let spec = ChildSpec::new("commands", move || {
            CommandService::new(settings.clone(), Arc::new(runner.clone()))
        });
        let child = spec.address().unwrap();
        let commands = Commands::from(child.clone());
        let supervisor = Supervisor::new(Strategy::OneForOne).child(spec);
        let supervisor = Box::pin(supervisor.start(&world.system)).await.unwrap();

        let first: Vec<_> =
            (0..3).map(|_| world.task(&commands, world.request(Program::Hangs))).collect();
        world.wait_stats(&commands, "three programs", |stats| stats.running == 3).await;
        let down = world.system.monitor(child.current().unwrap().pid());
        assert!(world.system.kill(down.pid()));
        down.await;
        for task in first {
            let answer = world.join(task).await;
            assert!(matches!(answer, Err(CommandError::Service(_))), "{answer:?}");
        }
        let deadline = world.deadline(PATIENCE);
        child.wait_current(deadline).await.unwrap();
        let second: Vec<_> =
            (0..3).map(|_| world.task(&commands, world.request(Program::Hangs))).collect();
        let queued = |stats: &CommandStats| (stats.waiting, stats.stuck) == (3, 3);
        let stats = world.wait_stats(&commands, "a queue", queued).await;
        assert_eq!((stats.running, stats.started), (0, 0), "{stats:?}");
        let full = commands.run(world.request(Program::Hello)).await;
        assert!(matches!(full, Err(CommandError::TooMany(_))), "{full:?}");

        // Each that ends makes room for one.
        for ended in 1..=3 {
            slow.let_one_end();
            world.wait_stats(&commands, "one more", |stats| stats.running == ended).await;
            let stats = commands.stats().await.unwrap();
            assert_eq!((stats.waiting, stats.stuck), (3 - ended, 3 - ended));
        }
        let report = world.system.shutdown(world.deadline(PATIENCE)).await;
        assert!(report.killed.is_empty(), "{report:?}");
        drop((second, supervisor));
    });
}

/// Runs nothing, and keeps the places of what was killed until it is told that they have ended.
#[derive(Debug, Clone, Default)]
struct SlowDeath(Arc<Mutex<Vec<Place>>>);

impl SlowDeath {
    fn let_one_end(&self) {
        let place = self.0.lock().unwrap().pop();
        assert!(place.is_some(), "none is dying");
    }
}

impl CommandRunner for SlowDeath {
    fn run(&self, run: Run) -> RunFuture {
        struct Dying(Option<Place>, SlowDeath);
        impl Drop for Dying {
            fn drop(&mut self) {
                let place = self.0.take().unwrap();
                place.mark_stuck();
                self.1.0.lock().unwrap().push(place);
            }
        }
        let (dying, cancel) = (Dying(Some(run.place), self.clone()), run.cancel);
        Box::pin(async move {
            cancel.await;
            drop(dying);
            Ok(ExitStatus::Code(0))
        })
    }
}
