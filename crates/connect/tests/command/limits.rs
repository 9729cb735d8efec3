//! Bounds, and what happens at them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use foundation_connect::{
    CommandError, CommandRunner, CommandService, Commands, ExitStatus, Limit, Run, RunFuture,
};
use foundation_process::{Limits, System};
use foundation_types::{Code, Deadline, Error};

use crate::world::{Program, everywhere, scripted};

/// Guarantee OS1
#[test]
fn the_sixth_command_is_refused() {
    everywhere(|world| async move {
        let (commands, service) = world.start(world.settings());
        for _ in 0..5 {
            drop(world.task(&commands, world.request(Program::Hangs)));
        }
        world.wait_runs(5).await;
        let sixth = commands.run(world.request(Program::Hello)).await;
        let limit = Limit::Commands { concurrent_max: 5, waiting_max: 0 };
        let Err(error @ CommandError::TooMany(found)) = sixth else { panic!("{sixth:?}") };
        assert_eq!(found, limit);
        assert!(error.is_retryable());
        assert_eq!(Error::from(error).code(), Code::ResourceExhausted);
        let stats = commands.stats().await.unwrap();
        assert_eq!((stats.running, stats.waiting, stats.refused), (5, 0, 1));
        let mut down = world.system.monitor(service);
        world.system.stop(service, foundation_types::ExitReason::SHUTDOWN);
        (&mut down).await;
        assert_eq!(world.survivors(), Vec::<String>::new());
    });
}

#[test]
fn the_queue_is_bounded() {
    everywhere(|world| async move {
        let settings = world.settings().concurrent_max(1).waiting_max(2);
        let (commands, _) = world.start(settings);
        let first = world.task(&commands, world.request(Program::Gate));
        world.wait_runs(1).await;
        let second = world.task(&commands, world.request(Program::Gate));
        world.wait_stats(&commands, "one in the queue", |stats| stats.waiting == 1).await;
        let third = world.task(&commands, world.request(Program::Hello));
        world.wait_stats(&commands, "two in the queue", |stats| stats.waiting == 2).await;
        let fourth = commands.run(world.request(Program::Hello)).await;
        assert!(matches!(fourth, Err(CommandError::TooMany(_))), "{fourth:?}");
        assert_eq!(world.runs(), 1);
        world.open_gate();
        for task in [third, second, first] {
            assert!(world.join(task).await.unwrap().status.is_success());
        }
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.started, stats.refused, world.runs()), (3, 1, 3));
    });
}

/// Notes what starts in which order, and takes a while for each.
#[derive(Debug, Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl CommandRunner for Recorder {
    fn run(&self, run: Run) -> RunFuture {
        self.0.lock().unwrap().extend(run.plan.arguments);
        let end = run.env.sleep_until(run.env.now().saturating_add(Duration::from_secs(1)));
        Box::pin(async move {
            end.await;
            Ok(ExitStatus::Code(0))
        })
    }
}

#[test]
fn the_queue_is_served_in_order() {
    scripted(|world| async move {
        let recorder = Recorder::default();
        let settings = world.settings().concurrent_max(1).waiting_max(4).build().unwrap();
        let service = CommandService::new(settings, Arc::new(recorder.clone()));
        let commands = Commands::from(world.system.spawn(service).unwrap());
        let mut tasks = Vec::new();
        let names = ["first", "second", "third", "fourth", "fifth"];
        for name in names {
            tasks.push(world.task(&commands, world.request(Program::Hello).arg(name)));
            let callers = tasks.len();
            world.wait_stats(&commands, "one more", |stats| stats.callers == callers).await;
        }
        for task in tasks {
            assert!(world.join(task).await.is_ok());
        }
        assert_eq!(*recorder.0.lock().unwrap(), names);
    });
}

#[test]
fn callers_that_share_a_command_are_bounded_too() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings().callers_max(2));
        let ttl = Duration::from_secs(1);
        let ask = || world.request(Program::Gate).cache_ttl(ttl);
        let tasks = [world.task(&commands, ask()), world.task(&commands, ask())];
        world.wait_stats(&commands, "two callers", |stats| stats.callers == 2).await;
        let third = commands.run(ask()).await;
        let limit = Limit::Callers { callers_max: 2 };
        assert!(matches!(third, Err(CommandError::TooMany(found)) if found == limit), "{third:?}");
        world.open_gate();
        for task in tasks {
            assert!(world.join(task).await.is_ok());
        }
    });
}

/// A caller for whom there was no timer once waited without one, so its deadline never came.
#[test]
fn a_caller_without_a_timer_is_refused() {
    scripted(|mut world| async move {
        let mut limits = Limits::default();
        limits.timers_per_process_max = 1;
        world.system = System::with_limits(world.system.env().clone(), limits);
        let (commands, _) = world.start(world.settings());
        let first = world.task(&commands, world.request(Program::Gate));
        world.wait_runs(1).await;
        let second = commands.run(world.request(Program::Hello)).await;
        let limit = Limit::Timers { timers_max: 1 };
        assert!(
            matches!(second, Err(CommandError::TooMany(found)) if found == limit),
            "{second:?}"
        );
        // One without a deadline needs none, and the place of who was refused is free.
        let never = world.request_until(Program::Hello, Deadline::NEVER);
        assert!(commands.run(never).await.is_ok());
        assert!(world.join(first).await.is_ok());
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.started, stats.refused), (2, 1));
    });
}
