//! Deadlines.

use std::time::Duration;

use foundation_connect::CommandError;
use foundation_types::Deadline;

use crate::world::{PATIENCE, Program, everywhere, scripted};

/// Long enough for the service to hear of the request on a busy machine.
const TIMEOUT: Duration = Duration::from_millis(900);

/// Guarantee OS1
#[test]
fn a_timeout_leaves_neither_child_nor_grandchild() {
    everywhere(|world| async move {
        for program in [Program::Hangs, Program::Stubborn] {
            let grace = Duration::from_millis(100);
            let (commands, _) = world.start(world.settings().kill_grace(grace));
            let before = world.system.env().now();
            let deadline = world.deadline(TIMEOUT);
            let late = commands.run(world.request_until(program, deadline)).await;
            assert!(deadline.has_passed(world.system.env().now()));
            // Not a moment later: nothing is left when the caller learns of it.
            assert_eq!(world.survivors(), Vec::<String>::new());
            let Err(CommandError::Timeout { after, stdout, .. }) = late else { panic!("{late:?}") };
            assert!("started\n".starts_with(&*stdout.text()), "{stdout:?}");
            if !world.is_real() {
                assert_eq!((&*stdout.text(), after >= TIMEOUT), ("started\n", true));
                let waited = world.system.env().now().saturating_duration_since(before);
                let stubborn = program == Program::Stubborn;
                assert_eq!(waited, if stubborn { TIMEOUT + grace } else { TIMEOUT });
            }
            let stats = world.wait_idle(&commands).await;
            assert_eq!((stats.timeouts, stats.cancelled, stats.killed), (1, 0, 0));
        }
    });
}

#[test]
fn a_timeout_disturbs_no_other_command() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings());
        let other = world.task(&commands, world.request(Program::Gate));
        let late = world.request_until(Program::Hangs, world.deadline(TIMEOUT));
        let late = commands.run(late).await;
        assert!(matches!(late, Err(CommandError::Timeout { .. })), "{late:?}");
        assert!(!other.is_done());
        world.open_gate();
        assert_eq!(world.join(other).await.unwrap().stdout.text(), "open\n");
        world.wait_idle(&commands).await;
        assert_eq!(world.survivors(), Vec::<String>::new());
    });
}

#[test]
fn a_deadline_that_has_passed_starts_nothing() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings());
        let passed = Deadline::at(world.system.env().now());
        let answer = commands.run(world.request_until(Program::Hello, passed)).await;
        assert!(matches!(answer, Err(CommandError::NotStarted { .. })), "{answer:?}");
        assert_eq!((world.runs(), commands.stats().await.unwrap().started), (0, 0));
    });
}

#[test]
fn the_time_in_the_queue_counts() {
    everywhere(|world| async move {
        let settings = world.settings().concurrent_max(1).waiting_max(1);
        let (commands, _) = world.start(settings);
        let first = world.task(&commands, world.request(Program::Gate));
        world.wait_runs(1).await;
        let short = Duration::from_millis(50);
        let deadline = world.deadline(short);
        let answer = commands.run(world.request_until(Program::Hello, deadline)).await;
        let Err(CommandError::NotStarted { after, .. }) = answer else { panic!("{answer:?}") };
        assert!(deadline.has_passed(world.system.env().now()));
        // A real clock has gone on between the deadline and the call.
        assert!(after >= short || world.is_real(), "{after:?}");
        world.open_gate();
        assert!(world.join(first).await.unwrap().status.is_success());
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.started, stats.timeouts, world.runs()), (1, 1, 1));
    });
}

/// A request whose deadline had passed when the service came to it was once told that it had waited
/// for no time at all.
#[test]
fn the_time_in_the_mailbox_counts() {
    scripted(|world| async move {
        let (commands, service) = world.start(world.settings());
        let env = world.system.env();
        world.system.suspend(service, world.deadline(PATIENCE)).await.unwrap();
        let asked = env.now();
        let late = commands.run(world.request_until(Program::Hello, world.deadline(TIMEOUT)));
        let mut late = Box::pin(late);
        let resumed = asked.saturating_add(2 * TIMEOUT);
        assert!(world.system.before(Deadline::at(resumed), late.as_mut()).await.is_err());
        world.system.resume(service, world.deadline(PATIENCE)).await.unwrap();
        let answer = late.await;
        let Err(CommandError::NotStarted { after, .. }) = answer else { panic!("{answer:?}") };
        assert!(after >= 2 * TIMEOUT, "{after:?}");
        assert_eq!(commands.stats().await.unwrap().timeouts, 1);
    });
}
