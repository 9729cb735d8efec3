//! Calls: what they answer, and when.

use std::time::Duration;

use foundation_process::{CallError, Reply};
use foundation_types::{Deadline, ExitReason};

use crate::subject::{
    Gate, Log, Order, Subject, act, failure, poll_once, quiesce, simulate, start, wait,
};

/// Guarantee L1
#[test]
fn a_call_ends_with_the_reply_or_says_why_there_is_none() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let before = system.env().now();
        assert_eq!(process.call(|reply| Order::Echo(7, reply)).await, Ok(7));

        let dropped = process
            .call::<u64>(|reply| {
                act(move |_| {
                    drop(reply);
                    Ok(())
                })
            })
            .await;
        assert_eq!(dropped, Err(CallError::NoReply));

        let failed = process.call::<u64>(|reply| {
            act(move |_| {
                drop(reply);
                Err(failure())
            })
        });
        assert_eq!(failed.await, Err(CallError::Exited(failure())));
        let gone = process.call(|reply| Order::Echo(8, reply)).await;
        assert_eq!(gone, Err(CallError::NoProcess));
        assert_eq!(system.env().now(), before, "none of them waited for its deadline");
    });
}

/// Guarantee L1
#[test]
fn a_call_fails_at_its_deadline() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let deadline = system.deadline(Duration::from_millis(30));
        let late = process.call_until(Order::Keep, deadline).await;
        assert_eq!(late, Err(CallError::Timeout));
        assert_eq!(Some(system.env().now()), deadline.instant());

        let start = system.env().now();
        assert_eq!(process.call(Order::Keep).await, Err(CallError::Timeout));
        let waited = system.env().now().saturating_duration_since(start);
        assert_eq!(waited, foundation_process::DEFAULT_TIMEOUT);

        let passed = Deadline::at(start);
        let at_once = process.call_until(Order::Keep, passed).await;
        assert_eq!(at_once, Err(CallError::Timeout));
        assert_eq!(system.counts().timers, 0);
    });
}

/// Guarantee L1
#[test]
fn a_call_to_a_full_mailbox_says_that_it_was_not_handled() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        process.try_send(gate.order()).unwrap();
        let deadline = system.deadline(Duration::from_millis(30));
        let full = process.call_until(|reply| Order::Echo(1, reply), deadline).await;
        assert_eq!(full, Err(CallError::Full));
        gate.open(1);
        assert_eq!(process.call(|reply| Order::Echo(2, reply)).await, Ok(2));
    });
}

/// Guarantee L1
#[test]
fn a_pending_call_fails_at_once_when_the_process_dies() {
    simulate(|system| async move {
        let log = Log::default();
        let ends: [(&str, ExitReason); 3] =
            [("kill", ExitReason::Killed), ("stop", ExitReason::SHUTDOWN), ("error", failure())];
        for (way, reason) in ends {
            let process = start(&system, Subject::new(&log)).await;
            let mut kept = Box::pin(process.call_until(Order::Keep, Deadline::NEVER));
            assert!(poll_once(&mut kept).await.is_pending());
            quiesce(&system).await;
            assert!(poll_once(&mut kept).await.is_pending());
            let gate = Gate::closed();
            process.try_send(gate.order()).unwrap();
            let mut queued = Box::pin(process.call_until(Order::Keep, Deadline::NEVER));
            assert!(poll_once(&mut queued).await.is_pending());
            let before = system.env().now();
            match way {
                "kill" => assert!(system.kill(process.pid())),
                "stop" => assert!(system.stop(process.pid(), reason.clone())),
                _ => assert!(system.exit(process.pid(), reason.clone())),
            }
            if way != "kill" {
                gate.open(1);
            }
            if way == "error" {
                // The exit signal is served after the messages before it, so this one is kept too.
                quiesce(&system).await;
            } else {
                assert_eq!(kept.as_mut().await, Err(CallError::Exited(reason.clone())), "{way}");
                assert_eq!(system.env().now(), before, "{way}");
                assert_eq!(queued.await, Err(CallError::Exited(reason)), "{way}");
                continue;
            }
            assert_eq!(kept.await, Err(CallError::Exited(reason.clone())), "{way}");
            assert_eq!(queued.await, Err(CallError::Exited(reason)), "{way}");
        }
    });
}

#[test]
fn a_reply_port_can_be_answered_by_another_process() {
    simulate(|system| async move {
        let log = Log::default();
        let front = start(&system, Subject::new(&log)).await;
        let back = start(&system, Subject::new(&log)).await;
        let passed_on = |reply: Reply<u64>| {
            let back = back.clone();
            act(move |context| {
                let order = act(move |_| {
                    reply.send(42);
                    Ok(())
                });
                back.try_send(order).unwrap();
                context.stop(ExitReason::Normal);
                Ok(())
            })
        };
        assert_eq!(front.call(passed_on).await, Ok(42), "also when the first process ends");
    });
}

#[test]
fn an_answer_to_a_caller_that_gave_up_comes_back() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = start(&system, Subject::new(&log)).await;
        let (inside, noted) = (gate.clone(), log.clone());
        let mut call = Box::pin(process.call_until(
            move |reply: Reply<u64>| {
                wait(async move {
                    assert!(!reply.is_abandoned());
                    inside.pass().await?;
                    assert!(reply.is_abandoned());
                    assert_eq!(reply.try_send(5), Err(5));
                    noted.add(crate::subject::Event::Text("refused"));
                    Ok(())
                })
            },
            Deadline::NEVER,
        ));
        assert!(poll_once(&mut call).await.is_pending());
        quiesce(&system).await;
        drop(call);
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.take(), [crate::subject::Event::Text("refused")]);
        assert!(process.is_alive());
        assert_eq!(system.counts().timers, 0, "a cancelled call leaves no timer");
    });
}
