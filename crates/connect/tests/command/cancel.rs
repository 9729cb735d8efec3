//! Callers that stop waiting.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use foundation_connect::{CommandError, Commands};
use foundation_env::{Either, select_biased};
use foundation_types::Deadline;

use crate::world::{PATIENCE, Program, World, everywhere, scripted};

const TTL: Duration = Duration::from_mins(10);

/// Waits for something while `call` goes on, and gives `call` up.
async fn abandon<T>(
    call: Pin<Box<impl Future<Output = T>>>,
    until: Pin<Box<impl Future<Output = ()>>>,
) {
    match select_biased(until, call).await {
        Either::First(()) => {}
        Either::Second(_) => panic!("it was answered before it was given up"),
    }
}

async fn callers(world: &World, commands: &Commands, count: usize) {
    world.wait_stats(commands, "the callers", |stats| stats.callers == count).await;
}

/// Guarantee OS1
#[test]
fn a_command_ends_when_its_only_caller_gives_up() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings());
        let call = Box::pin(commands.run(world.request(Program::Hangs)));
        abandon(call, Box::pin(world.wait_runs(1))).await;
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.cancelled, stats.timeouts, stats.started), (1, 0, 1));
        assert_eq!(world.survivors(), Vec::<String>::new());
    });
}

#[test]
fn a_queued_command_never_runs_when_its_caller_gives_up() {
    everywhere(|world| async move {
        let settings = world.settings().concurrent_max(1).waiting_max(1);
        let (commands, _) = world.start(settings);
        let first = world.task(&commands, world.request(Program::Gate));
        world.wait_runs(1).await;
        let call = Box::pin(commands.run(world.request(Program::Hello)));
        abandon(call, Box::pin(callers(&world, &commands, 2))).await;
        world.wait_stats(&commands, "an empty queue", |stats| stats.waiting == 0).await;
        world.open_gate();
        assert!(world.join(first).await.is_ok());
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.started, stats.cancelled, world.runs()), (1, 1, 1));
    });
}

#[test]
fn a_shared_command_goes_on_for_the_caller_that_is_left() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings());
        let ask = || world.request(Program::Gate).cache_ttl(TTL);
        let mut stays = None;
        let joined = Box::pin(async {
            callers(&world, &commands, 1).await;
            stays = Some(world.task(&commands, ask()));
            callers(&world, &commands, 2).await;
        });
        abandon(Box::pin(commands.run(ask())), joined).await;
        callers(&world, &commands, 1).await;
        world.open_gate();
        let output = world.join(stays.unwrap()).await.unwrap();
        assert_eq!(output.stdout.text(), "open\n");
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.started, stats.cancelled, stats.joined), (1, 0, 1));
    });
}

/// The place of a caller that has given up is free for the next one at once.
#[test]
fn who_gave_up_keeps_nobody_out() {
    everywhere(|world| async move {
        let settings = world.settings().concurrent_max(1).waiting_max(1);
        let (commands, _) = world.start(settings);
        let first = world.task(&commands, world.request(Program::Gate));
        world.wait_runs(1).await;
        for _ in 0..10 {
            let call = Box::pin(commands.run(world.request(Program::Hello)));
            abandon(call, Box::pin(callers(&world, &commands, 2))).await;
        }
        let next = world.task(&commands, world.request(Program::Hello));
        callers(&world, &commands, 2).await;
        world.open_gate();
        assert!(world.join(first).await.is_ok());
        assert!(world.join(next).await.is_ok());
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.refused, stats.started), (0, 2));
    });
}

/// The service once took the timer of a caller that had already been forgotten for the last one's:
/// the command was stopped although a patient caller was left. The word of who gave up waits in the
/// mailbox of a suspended service; when it is resumed, timers that were due go ahead of it.
#[test]
fn the_timer_of_who_gave_up_stops_nothing() {
    scripted(|world| async move {
        let (commands, service) = world.start(world.settings());
        let ask = |timeout: Duration| {
            world.request_until(Program::Gate, world.deadline(timeout)).cache_ttl(TTL)
        };
        let patient = world.task(&commands, ask(PATIENCE));
        callers(&world, &commands, 1).await;
        let (first, second) = (Duration::from_millis(150), Duration::from_millis(300));
        let hasty = world.task(&commands, ask(first));
        let gives_up = Box::pin(commands.run(ask(second)));
        abandon(
            gives_up,
            Box::pin(async {
                callers(&world, &commands, 3).await;
                world.system.suspend(service, world.deadline(PATIENCE)).await.unwrap();
            }),
        )
        .await;
        let env = world.system.env();
        env.sleep_until(env.now().saturating_add(second)).await;
        world.system.resume(service, world.deadline(PATIENCE)).await.unwrap();
        let late = world.join(hasty).await;
        assert!(matches!(late, Err(CommandError::Timeout { .. })), "{late:?}");
        assert_eq!(world.join(patient).await.unwrap().stdout.text(), "open\n");
    });
}

/// A caller that has given up, whose word for it still waits in the mailbox, is nobody for whom the
/// program could go on: the other is the last one, and told when nothing of it is left.
#[test]
fn the_last_caller_in_earnest_is_told_when_its_program_is_gone() {
    scripted(|world| async move {
        let (commands, service) = world.start(world.settings());
        let ask = |timeout: Duration| {
            world.request_until(Program::Stubborn, world.deadline(timeout)).cache_ttl(TTL)
        };
        let time = Duration::from_millis(150);
        let hasty = world.task(&commands, ask(time));
        callers(&world, &commands, 1).await;
        abandon(
            Box::pin(commands.run(ask(PATIENCE))),
            Box::pin(async {
                callers(&world, &commands, 2).await;
                world.system.suspend(service, world.deadline(PATIENCE)).await.unwrap();
            }),
        )
        .await;
        let env = world.system.env();
        env.sleep_until(env.now().saturating_add(time)).await;
        world.system.resume(service, world.deadline(PATIENCE)).await.unwrap();
        let late = world.join(hasty).await;
        assert!(matches!(late, Err(CommandError::Timeout { .. })), "{late:?}");
        assert_eq!(world.survivors(), [""; 0]);
    });
}

/// Each caller that left once sent a message of its own, or had a task wait for room for it, also one
/// whose request the service had never seen. Those messages kept out the callers that were left.
#[test]
fn many_who_leave_at_once_are_one_message() {
    scripted(|world| async move {
        let settings = world.settings().concurrent_max(1).waiting_max(20).build().unwrap();
        let spawn = world.system.process(world.service(settings)).mailbox(20);
        let address = spawn.spawn().unwrap();
        let (commands, pid) = (Commands::from(address.clone()), address.pid());
        let env = world.system.env();
        // Half of the callers are known to the service, the other half wait in its mailbox.
        let call = || Box::pin(commands.run(world.request(Program::Hangs)));
        let mut known: Vec<_> = (0..10).map(|_| call()).collect();
        let mut unknown: Vec<_> = (0..10).map(|_| call()).collect();
        for one in &mut known {
            assert!(world.system.before(Deadline::at(env.now()), one.as_mut()).await.is_err());
        }
        callers(&world, &commands, 10).await;
        world.system.suspend(pid, world.deadline(TTL)).await.unwrap();
        for one in &mut unknown {
            assert!(world.system.before(Deadline::at(env.now()), one.as_mut()).await.is_err());
        }
        assert_eq!(address.depth(), 10);
        drop(unknown);
        assert_eq!(address.depth(), 10);
        drop(known);
        assert_eq!(address.depth(), 11);
        world.system.resume(pid, world.deadline(TTL)).await.unwrap();
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.started, stats.cancelled), (1, 10));
    });
}

/// The word of who leaves while the mailbox is full comes when there is room, from one task.
#[test]
fn who_leaves_while_the_mailbox_is_full_is_noticed_too() {
    scripted(|world| async move {
        let settings = world.settings().build().unwrap();
        let spawn = world.system.process(world.service(settings)).mailbox(1);
        let address = spawn.spawn().unwrap();
        let (commands, pid) = (Commands::from(address.clone()), address.pid());
        let start = world.system.env().now();
        let mut leaves = Box::pin(commands.run(world.request(Program::Hangs)));
        let soon = world.deadline(Duration::from_millis(100));
        assert!(world.system.before(soon, leaves.as_mut()).await.is_err(), "it waits");
        world.system.suspend(pid, world.deadline(TTL)).await.unwrap();
        let mut stays = Box::pin(commands.run(world.request(Program::Gate)));
        let soon = world.deadline(Duration::from_millis(100));
        assert!(world.system.before(soon, stays.as_mut()).await.is_err(), "it waits");
        assert_eq!(address.depth(), 1);
        drop(leaves);
        world.system.resume(pid, world.deadline(TTL)).await.unwrap();
        assert!(stays.await.is_ok());
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.started, stats.cancelled), (2, 1));
        // Virtual time: not only at its deadline.
        let taken = world.system.env().now().saturating_duration_since(start);
        assert!(taken < Duration::from_secs(5), "noticed after {taken:?}");
    });
}
