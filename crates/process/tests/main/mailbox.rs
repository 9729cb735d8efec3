//! Sending: the bound, the queue of waiting senders, permits, acknowledgements.

use std::time::Duration;

use foundation_process::{CallError, SendError, System, TrySendError};
use foundation_types::{Deadline, ExitReason};

use crate::subject::{
    Event, Gate, Log, Order, Subject, act, ask, failure, poll_once, quiesce, simulate, start,
};

/// Guarantee M1
#[test]
fn messages_taken_out_but_not_handled_count_against_the_bound() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).mailbox(4).spawn().unwrap();
        assert_eq!(process.capacity(), 4);
        for n in 0..4 {
            let order = if n == 0 { gate.order() } else { Order::Note(n) };
            process.try_send(order).unwrap();
        }
        quiesce(&system).await;
        assert_eq!(process.depth(), 4, "the handler has taken messages and returned from none");
        match process.try_send(Order::Note(9)) {
            Err(TrySendError::Full(Order::Note(9))) => {}
            other => panic!("a full mailbox answered {other:?}"),
        }
        gate.open(1);
        quiesce(&system).await;
        assert_eq!((process.depth(), log.notes()), (0, vec![1, 2, 3]));
        process.try_send(Order::Note(4)).unwrap();
    });
}

/// Guarantee M1
#[test]
fn the_mailbox_never_exceeds_its_bound() {
    simulate(|system| async move {
        let log = Log::default();
        for bound in [1, 2, 7] {
            let process = system.process(Subject::new(&log)).mailbox(bound).spawn().unwrap();
            for sender in 0..5 {
                let process = process.clone();
                system.env().spawn(async move {
                    for n in 0..20 {
                        assert!(process.depth() <= u64::from(bound), "above {bound}");
                        process.send(Order::Note(sender * 100 + n)).await.unwrap();
                        assert!(process.depth() <= u64::from(bound), "above {bound}");
                    }
                });
            }
            quiesce(&system).await;
            assert_eq!(log.take().len(), 100);
        }
    });
}

/// Guarantee M2
#[test]
fn waiting_senders_are_served_in_order_and_nobody_overtakes_them() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        process.try_send(gate.order()).unwrap();
        for n in 1..=3 {
            let process = process.clone();
            system.env().spawn(async move {
                process.send_until(Order::Note(n), Deadline::NEVER).await.unwrap();
            });
            quiesce(&system).await;
        }
        assert_eq!(process.depth(), 1);
        let (barger, seen) = (process.clone(), log.clone());
        system.env().spawn(async move {
            while seen.notes().len() < 3 && barger.try_send(Order::Note(99)).is_err() {
                tokio::task::yield_now().await;
            }
        });
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.notes().get(..3), Some(&[1, 2, 3][..]));
    });
}

/// Guarantee M2
#[test]
fn room_that_is_free_belongs_to_the_first_in_the_queue() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        process.try_send(gate.order()).unwrap();
        quiesce(&system).await;
        let mut first = Box::pin(process.send_until(Order::Note(1), Deadline::NEVER));
        assert!(poll_once(&mut first).await.is_pending());
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(process.depth(), 0, "the place is free and promised");
        let barge = process.try_send(Order::Note(2));
        assert!(matches!(barge, Err(TrySendError::Full(_))), "took a promised place");
        first.await.unwrap();
        quiesce(&system).await;
        assert_eq!(log.notes(), [1]);
    });
}

/// Guarantee M2
#[test]
fn room_that_is_free_and_not_yet_given_out_is_not_taken_by_others() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).mailbox(8).spawn().unwrap();
        process.try_send(gate.order()).unwrap();
        let (own, noted) = (process.clone(), log.clone());
        // Runs when one place is free. Room is given out many places at a time, so not yet.
        let barge = act(move |_| {
            let refused = own.try_send(Order::Note(99)).is_err();
            noted.add(Event::Text(if refused { "refused" } else { "overtook" }));
            Ok(())
        });
        process.try_send(barge).unwrap();
        for n in 0..6 {
            process.try_send(Order::Note(n)).unwrap();
        }
        let mut waiting = Box::pin(process.send_until(Order::Note(6), Deadline::NEVER));
        assert!(poll_once(&mut waiting).await.is_pending());
        gate.open(1);
        waiting.await.unwrap();
        quiesce(&system).await;
        assert_eq!(log.notes(), (0..7).collect::<Vec<_>>());
        assert!(log.read().contains(&Event::Text("refused")));
    });
}

/// Guarantee M2
#[test]
fn a_cancelled_sender_hands_its_grant_on() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        process.try_send(gate.order()).unwrap();
        quiesce(&system).await;
        let mut first = Box::pin(process.send_until(Order::Note(1), Deadline::NEVER));
        assert!(poll_once(&mut first).await.is_pending());
        let second = process.clone();
        system.env().spawn(async move {
            second.send_until(Order::Note(2), Deadline::NEVER).await.unwrap();
        });
        quiesce(&system).await;
        gate.open(1);
        quiesce(&system).await;
        drop(first);
        quiesce(&system).await;
        assert_eq!(log.notes(), [2], "the second sender got the place of the first");
        process.try_send(Order::Note(3)).unwrap();
    });
}

#[test]
fn a_sender_that_leaves_the_queue_loses_only_its_own_place() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        process.try_send(gate.order()).unwrap();
        quiesce(&system).await;
        let mut sends: Vec<_> = (1..=3)
            .map(|n| Box::pin(process.send_until(Order::Note(n), Deadline::NEVER)))
            .collect();
        for send in &mut sends {
            assert!(poll_once(send).await.is_pending());
        }
        drop(sends.remove(1));
        gate.open(1);
        for send in sends {
            send.await.unwrap();
        }
        quiesce(&system).await;
        assert_eq!(log.notes(), [1, 3]);
    });
}

/// Guarantee L1
#[test]
fn a_send_fails_at_its_deadline_and_gives_the_message_back() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        process.try_send(gate.order()).unwrap();
        let deadline = system.deadline(Duration::from_millis(70));
        let refused = process.send_until(Order::Note(5), deadline).await;
        assert!(matches!(refused, Err(SendError::Timeout(Order::Note(5)))), "{refused:?}");
        assert_eq!(Some(system.env().now()), deadline.instant());
        let refused = process.send(Order::Note(6)).await.unwrap_err();
        assert!(refused.is_retryable());
        assert_eq!(system.counts().timers, 0, "a wait that is over leaves no timer");
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.notes(), [0; 0]);
        process.send(Order::Note(7)).await.unwrap();
        quiesce(&system).await;
        assert_eq!(log.notes(), [7]);
    });
}

/// Guarantee L1
#[test]
fn a_waiting_sender_learns_of_the_death_at_once() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        process.try_send(gate.order()).unwrap();
        quiesce(&system).await;
        let mut send = Box::pin(process.send_until(Order::Note(1), Deadline::NEVER));
        assert!(poll_once(&mut send).await.is_pending());
        let before = system.env().now();
        system.kill(process.pid());
        assert!(matches!(send.await, Err(SendError::NoProcess(Order::Note(1)))));
        assert_eq!(system.env().now(), before);
        assert!(matches!(
            process.try_send(Order::Note(2)),
            Err(TrySendError::NoProcess(Order::Note(2)))
        ));
        assert!(matches!(process.send(Order::Note(3)).await, Err(SendError::NoProcess(_))));
    });
}

#[test]
fn a_permit_holds_a_place_until_it_is_used_or_dropped() {
    simulate(|system| async move {
        let log = Log::default();
        let process = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        let permit = process.reserve(Deadline::NEVER).await.unwrap();
        assert!(matches!(process.try_send(Order::Note(1)), Err(TrySendError::Full(_))));
        permit.send(Order::Note(2)).unwrap();
        quiesce(&system).await;
        drop(process.reserve(Deadline::NEVER).await.unwrap());
        process.try_send(Order::Note(3)).unwrap();
        quiesce(&system).await;
        assert_eq!(log.notes(), [2, 3]);
        let permit = process.reserve(Deadline::NEVER).await.unwrap();
        system.kill(process.pid());
        quiesce(&system).await;
        assert!(matches!(permit.send(Order::Note(4)), Err(SendError::NoProcess(Order::Note(4)))));
        assert!(matches!(process.reserve(Deadline::NEVER).await, Err(SendError::NoProcess(()))));
    });
}

#[test]
fn an_acknowledged_send_waits_until_the_message_is_handled() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = start(&system, Subject::new(&log)).await;
        process.try_send(gate.order()).unwrap();
        let deadline = system.deadline(Duration::from_mins(1));
        let mut sent = Box::pin(process.send_acknowledged(Order::Note(1), deadline));
        assert!(poll_once(&mut sent).await.is_pending());
        quiesce(&system).await;
        assert!(poll_once(&mut sent).await.is_pending());
        gate.open(1);
        sent.await.unwrap();
        assert_eq!(log.notes(), [1]);

        let soon = system.deadline(Duration::from_millis(5));
        process.try_send(gate.order()).unwrap();
        let late = process.send_acknowledged(Order::Note(2), soon).await;
        assert_eq!(late, Err(CallError::Timeout));
        process.try_send(act(|_| Err(failure()))).unwrap();
        let mut lost = Box::pin(process.send_acknowledged(Order::Note(3), deadline));
        assert!(poll_once(&mut lost).await.is_pending());
        gate.open(1);
        assert_eq!(lost.await, Err(CallError::Exited(failure())));
        let dead = process.send_acknowledged(Order::Note(4), deadline).await;
        assert_eq!(dead, Err(CallError::NoProcess));
    });
}

/// Guarantee L1
#[test]
fn a_message_to_a_sleeping_process_wakes_it() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        for n in 0..3 {
            quiesce(&system).await;
            process.try_send(Order::Note(n)).unwrap();
        }
        quiesce(&system).await;
        assert_eq!(log.notes(), [0, 1, 2]);
    });
}

/// A flood of news used to be handled in one poll, however long it was.
#[test]
fn a_process_gives_way_between_signals_too() {
    simulate(|system: System| async move {
        let log = Log::default();
        let watcher = start(&system, Subject::new(&log)).await;
        let dead = start(&system, Subject::new(&Log::default())).await.pid();
        system.kill(dead);
        quiesce(&system).await;
        ask(&watcher, move |context| {
            for _ in 0..2000 {
                context.monitor(dead).unwrap();
            }
        })
        .await;
        while log.read().is_empty() {
            tokio::task::yield_now().await;
        }
        let seen = log.read().len();
        assert!(seen < 2000, "handled all in one poll");
        quiesce(&system).await;
        assert_eq!(log.read().len(), 2000);
    });
}

#[test]
fn a_busy_process_gives_way() {
    simulate(|system: System| async move {
        let log = Log::default();
        let process = system.process(Subject::new(&log)).mailbox(4096).spawn().unwrap();
        for n in 0..2000 {
            process.try_send(Order::Note(n)).unwrap();
        }
        // A kill is noticed between two polls: a process that never gave way would handle all.
        system.env().spawn({
            let (system, log) = (system.clone(), log.clone());
            let pid = process.pid();
            async move {
                while log.notes().is_empty() && system.is_alive(pid) {
                    tokio::task::yield_now().await;
                }
                system.kill(pid);
            }
        });
        let down = system.monitor(process.pid()).await;
        assert_eq!(down.reason, ExitReason::Killed);
        let handled = log.notes().len();
        let letters: usize = system.dead_letters().iter().map(|letter| letter.count).sum();
        assert_eq!(handled + letters, 2000);
    });
}
