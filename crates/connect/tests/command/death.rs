//! Deaths of the processes around a program.

use std::time::Duration;

use foundation_connect::{CommandError, Commands};
use foundation_env::Env;
use foundation_process::CallError;
use foundation_supervisor::ChildCallError;
use foundation_testkit::wait_for;
use foundation_types::{ExitReason, Pid};

use crate::world::{PATIENCE, Program, Task, World, everywhere, really, zombies};

async fn hang(world: &World, program: Program) -> (Commands, Pid, Task) {
    let grace = Duration::from_millis(100);
    let (commands, service) = world.start(world.settings().kill_grace(grace));
    let task = world.task(&commands, world.request(program));
    world.wait_runs(1).await;
    (commands, service, task)
}

/// Guarantee OS1
#[test]
fn a_killed_worker_takes_its_program_along_and_no_other() {
    everywhere(|world| async move {
        let (commands, _, task) = hang(&world, Program::Stubborn).await;
        let workers = world.workers();
        let other = world.task(&commands, world.request(Program::Gate));
        world.wait_runs(2).await;
        assert_eq!(workers.len(), 1);
        for worker in workers {
            assert!(world.system.kill(worker));
        }
        let answer = world.join(task).await;
        let Err(CommandError::Killed { reason, .. }) = &answer else { panic!("{answer:?}") };
        assert_eq!(*reason, ExitReason::Killed);
        world.open_gate();
        assert!(world.join(other).await.unwrap().status.is_success());
        world.wait_no_survivors().await;
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.killed, stats.started), (1, 2));
    });
}

/// Guarantee OS1
#[test]
fn a_killed_service_takes_its_programs_along() {
    everywhere(|world| async move {
        for program in [Program::Hangs, Program::Stubborn] {
            let grace = Duration::from_millis(100);
            let (commands, service) = world.start(world.settings().kill_grace(grace));
            let before = world.runs();
            let task = world.task(&commands, world.request(program));
            world.wait_runs(before + 1).await;
            assert!(world.system.kill(service));
            let answer = world.join(task).await;
            let exited = ChildCallError::Call(CallError::Exited(ExitReason::Killed));
            assert!(
                matches!(&answer, Err(CommandError::Service(error)) if *error == exited),
                "{answer:?}"
            );
            world.wait_no_survivors().await;
            wait_for(world.system.env(), "no worker", world.deadline(PATIENCE), || {
                let workers = world.workers();
                if workers.is_empty() { Ok(()) } else { Err(format!("{workers:?}")) }
            })
            .await;
        }
    });
}

/// Guarantee OS1
#[test]
fn a_service_that_stopped_has_stopped_its_programs() {
    everywhere(|world| async move {
        let (_, service, task) = hang(&world, Program::Stubborn).await;
        let down = world.system.monitor(service);
        assert!(world.system.stop(service, ExitReason::SHUTDOWN));
        assert_eq!(down.await.reason, ExitReason::SHUTDOWN);
        assert_eq!(world.survivors(), Vec::<String>::new());
        assert_eq!(world.workers(), []);
        let answer = world.join(task).await;
        assert!(matches!(answer, Err(CommandError::Service(_))), "{answer:?}");
    });
}

/// Guarantee OS1
#[test]
fn a_system_that_shut_down_leaves_no_program() {
    everywhere(|world| async move {
        let (_, _, task) = hang(&world, Program::Hangs).await;
        let report = world.system.shutdown(world.deadline(PATIENCE)).await;
        assert_eq!(world.survivors(), Vec::<String>::new());
        assert!(report.killed.is_empty() && report.stuck.is_empty(), "{report:?}");
        let answer = world.join(task).await;
        assert!(matches!(answer, Err(CommandError::Service(_))), "{answer:?}");
    });
}

/// Guarantee OS1
#[test]
fn a_runtime_that_is_dropped_leaves_no_program_and_no_zombie() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let world = World::real(Env::tokio(runtime.handle().clone()));
    let task = runtime.block_on(async { hang(&world, Program::Stubborn).await });
    assert!(!world.survivors().is_empty());
    drop(runtime);
    // The world has no runtime any more, so another one keeps the time.
    really(|watcher| {
        let world = &world;
        async move {
            wait_for(watcher.system.env(), "no program", watcher.deadline(PATIENCE), || {
                let left = (world.survivors(), zombies());
                if left.0.is_empty() && left.1.is_empty() {
                    Ok(())
                } else {
                    Err(format!("{left:?}"))
                }
            })
            .await;
        }
    });
    drop(task);
}
