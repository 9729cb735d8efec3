//! Sharing: cached results and joined commands.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use foundation_connect::{
    AllowList, ArgumentPolicy, CommandError, CommandRequest, CommandRunner, CommandService,
    CommandSettings, Commands, ExitStatus, Origin, Run, RunFuture, StreamKind,
};

use foundation_testkit::wait_for;

use crate::world::{Program, World, everywhere, scripted};

const TTL: Duration = Duration::from_mins(10);

fn shared(world: &World, program: Program) -> CommandRequest {
    world.request(program).cache_ttl(TTL)
}

#[test]
fn a_success_is_answered_from_the_cache() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings());
        let first = commands.run(shared(&world, Program::Hello)).await.unwrap();
        assert_eq!(first.origin, Origin::Ran);
        for _ in 0..3 {
            let again = commands.run(shared(&world, Program::Hello)).await.unwrap();
            assert_eq!(again.origin, Origin::Cached);
            assert_eq!((again.status, &again.stdout), (first.status, &first.stdout));
        }
        assert_eq!(world.runs(), 1);
        // Who does not ask for a cached result gets none.
        let fresh = commands.run(world.request(Program::Hello)).await.unwrap();
        assert_eq!(fresh.origin, Origin::Ran);
        let other = shared(&world, Program::Hello).arg("other");
        assert_eq!(commands.run(other).await.unwrap().origin, Origin::Ran);
        assert_eq!(world.runs(), 3);

        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.hits, stats.misses, stats.cache_entries), (3, 2, 2));
        assert_eq!(commands.clear_cache().await.unwrap(), 2);
        let again = commands.run(shared(&world, Program::Hello)).await.unwrap();
        assert_eq!(again.origin, Origin::Ran);
        assert_eq!(world.runs(), 4);
    });
}

#[test]
fn failures_are_not_cached() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings());
        for runs in 1..=2 {
            let output = commands.run(shared(&world, Program::Fails)).await.unwrap();
            assert_eq!(output.origin, Origin::Ran);
            assert_eq!(world.runs(), runs);
            let missing = commands.run(shared(&world, Program::Missing)).await;
            assert!(matches!(missing, Err(CommandError::NotFound { .. })), "{missing:?}");
        }
        let timeout = Duration::from_millis(900);
        let late = world.request_until(Program::Hangs, world.deadline(timeout)).cache_ttl(TTL);
        let late = commands.run(late).await;
        assert!(matches!(late, Err(CommandError::Timeout { .. })), "{late:?}");
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.hits, stats.misses, stats.cache_entries), (0, 5, 0));
        assert_eq!((stats.cache_bytes, stats.timeouts), (0, 1));
    });
}

#[test]
fn equal_requests_run_the_program_once() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings().concurrent_max(1));
        let callers: Vec<_> =
            (0..8).map(|_| world.task(&commands, shared(&world, Program::Gate))).collect();
        world.wait_stats(&commands, "eight callers", |stats| stats.callers == 8).await;
        // A different one is not joined, and there is no place for it.
        let other = commands.run(shared(&world, Program::Hello)).await;
        assert!(matches!(other, Err(CommandError::TooMany(_))), "{other:?}");
        world.open_gate();
        let mut ran = 0;
        for caller in callers {
            let output = world.join(caller).await.unwrap();
            assert_eq!(output.stdout.text(), "open\n");
            ran += usize::from(output.origin == Origin::Ran);
        }
        assert_eq!((ran, world.runs()), (1, 1));
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.started, stats.joined, stats.hits), (1, 7, 0));
    });
}

#[test]
fn one_caller_that_cannot_wait_does_not_stop_the_others() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings());
        let patient = world.task(&commands, shared(&world, Program::Gate));
        world.wait_stats(&commands, "the first caller", |stats| stats.callers == 1).await;
        let deadline = world.deadline(Duration::from_millis(900));
        let hasty = world.request_until(Program::Gate, deadline).cache_ttl(TTL);
        let hasty = commands.run(hasty).await;
        assert!(matches!(hasty, Err(CommandError::Timeout { .. })), "{hasty:?}");
        assert!(!patient.is_done());
        world.open_gate();
        assert_eq!(world.join(patient).await.unwrap().stdout.text(), "open\n");
        assert_eq!(world.runs(), 1);
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.started, stats.timeouts, stats.joined), (1, 1, 1));
    });
}

/// A request that comes while its equal is being stopped gets a program of its own.
#[test]
fn a_command_that_is_being_stopped_is_not_joined() {
    scripted(|world| async move {
        let (commands, _) = world.start(world.settings());
        let ask = || {
            let deadline = world.deadline(Duration::from_millis(300));
            world.request_until(Program::Stubborn, deadline).cache_ttl(TTL)
        };
        let first = world.task(&commands, ask());
        world.wait_stats(&commands, "the stop", |stats| stats.stopping == 1).await;
        assert!(!first.is_done());
        let second = world.task(&commands, ask());
        for task in [first, second] {
            let answer = world.join(task).await;
            assert!(matches!(answer, Err(CommandError::Timeout { .. })), "{answer:?}");
        }
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.started, stats.joined, stats.stopping), (2, 0, 0));
        assert_eq!(world.survivors(), Vec::<String>::new());
    });
}

/// Writes where the program lies; with an argument it takes a second.
#[derive(Debug)]
struct Whereabouts;

impl CommandRunner for Whereabouts {
    fn run(&self, run: Run) -> RunFuture {
        for path in &run.plan.candidates {
            run.capture.write(StreamKind::Stdout, path.as_os_str().as_encoded_bytes());
        }
        if run.plan.arguments.is_empty() {
            return Box::pin(ready(Ok(ExitStatus::Code(0))));
        }
        let end = run.env.sleep_until(run.env.now().saturating_add(Duration::from_secs(1)));
        Box::pin(async move {
            end.await;
            Ok(ExitStatus::Code(0))
        })
    }
}

#[test]
fn a_new_allow_list_is_not_answered_from_results_of_the_old_one() {
    scripted(|world| async move {
        let list = |path: &str| AllowList::new().allow_path("tool", path, ArgumentPolicy::any());
        let settings = CommandSettings::builder(list("/old/tool")).build().unwrap();
        let service = CommandService::new(settings, Arc::new(Whereabouts));
        let commands = Commands::from(world.system.spawn(service).unwrap());
        let request = || CommandRequest::new("tool", world.deadline(TTL)).cache_ttl(TTL);
        let first = commands.run(request()).await.unwrap();
        assert_eq!(first.stdout.text(), "/old/tool");
        let slow = world.task(&commands, request().arg("slowly"));
        world.wait_stats(&commands, "a slow command", |stats| stats.running == 1).await;

        commands.allow(list("/new/tool")).await.unwrap();
        let second = commands.run(request()).await.unwrap();
        assert_eq!((&*second.stdout.text(), second.origin), ("/new/tool", Origin::Ran));
        let joining = commands.run(request().arg("slowly")).await.unwrap();
        assert_eq!((&*joining.stdout.text(), joining.origin), ("/new/tool", Origin::Ran));
        // What ran already goes on, for those who asked for it.
        assert_eq!(world.join(slow).await.unwrap().stdout.text(), "/old/tool");
        let last = commands.run(request().arg("slowly")).await.unwrap();
        assert_eq!((&*last.stdout.text(), last.origin), ("/new/tool", Origin::Cached));
    });
}

#[test]
fn nobody_joins_a_command_whose_callers_have_all_given_up() {
    scripted(|world| async move {
        let settings = world.settings().callers_max(1).build().unwrap();
        let spawn = world.system.process(world.service(settings)).mailbox(1);
        let address = spawn.spawn().unwrap();
        let (commands, pid) = (Commands::from(address.clone()), address.pid());
        {
            let mut first = Box::pin(commands.run(shared(&world, Program::Gate)));
            let soon = world.deadline(Duration::from_millis(100));
            assert!(world.system.before(soon, first.as_mut()).await.is_err(), "it waits");
            // The mailbox holds one message, so that the word of the first caller comes too late.
            world.system.suspend(pid, world.deadline(TTL)).await.unwrap();
            let second = world.task(&commands, shared(&world, Program::Gate));
            let sent = || (address.depth() == 1).then_some(()).ok_or("it is not sent");
            wait_for(world.system.env(), "the second request", world.deadline(TTL), sent).await;
            drop(first);
            world.system.resume(pid, world.deadline(TTL)).await.unwrap();
            let second = world.join(second).await.unwrap();
            assert_eq!((&*second.stdout.text(), second.origin), ("open\n", Origin::Ran));
        }
        assert_eq!(world.runs(), 2);
    });
}
