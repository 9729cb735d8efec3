//! The order of messages, and of the news of a death.

use foundation_types::{Deadline, ExitReason};

use crate::subject::{Event, Gate, Log, Order, Subject, act, ask, quiesce, simulate, start, wait};

/// Guarantee R2
#[test]
fn messages_of_one_sender_arrive_in_order_and_once() {
    simulate(|system| async move {
        let log = Log::default();
        let receiver = system.process(Subject::new(&log)).mailbox(3).spawn().unwrap();
        for sender in 0..4_u64 {
            let to = receiver.clone();
            let sending = wait(async move {
                for n in 0..30 {
                    let note = Order::Note(sender * 100 + n);
                    to.send_until(note, Deadline::NEVER).await.unwrap();
                }
                Ok(())
            });
            system.spawn(Subject::new(&Log::default())).unwrap().try_send(sending).unwrap();
        }
        quiesce(&system).await;
        let notes = log.notes();
        for sender in 0..4 {
            let of_one: Vec<u64> = notes.iter().copied().filter(|n| n / 100 == sender).collect();
            assert_eq!(of_one, (0..30).map(|n| sender * 100 + n).collect::<Vec<_>>());
        }
        assert_eq!(notes.len(), 120);
    });
}

/// Guarantee R2
#[test]
fn nothing_of_a_process_arrives_after_the_news_of_its_death() {
    simulate(|system| async move {
        for trial in 0..3 {
            let (log, gate) = (Log::default(), Gate::closed());
            let receiver = start(&system, Subject::new(&log).traps()).await;
            let sender = start(&system, Subject::new(&Log::default())).await;
            let pid = sender.pid();
            let monitor = ask(&receiver, move |context| {
                context.link(pid).unwrap();
                context.monitor(pid).unwrap()
            })
            .await;
            // The receiver is in the middle of something: everything below queues up behind it.
            receiver.try_send(gate.order()).unwrap();
            let to = receiver.clone();
            sender
                .try_send(act(move |_| {
                    for n in 0..5 {
                        to.try_send(Order::Note(n)).unwrap();
                    }
                    match trial {
                        0 => Err(ExitReason::Normal),
                        1 => panic!("planted"),
                        _ => Err(ExitReason::SHUTDOWN),
                    }
                }))
                .unwrap();
            let reason = system.monitor(pid).await.reason;
            receiver.try_send(Order::Note(5)).unwrap();
            gate.open(1);
            quiesce(&system).await;
            let events = log.take();
            let place = |event: &Event| events.iter().position(|other| other == event);
            let down = place(&Event::Down(monitor, pid, reason.clone())).unwrap();
            let exit = place(&Event::Exit(pid, reason)).unwrap();
            assert!(place(&Event::Note(4)).unwrap() < down.min(exit), "{events:?}");
            assert!(place(&Event::Note(5)).unwrap() > down.max(exit), "{events:?}");
            let notes: Vec<u64> = log_notes(&events);
            assert_eq!(notes, [0, 1, 2, 3, 4, 5]);
        }
    });
}

fn log_notes(events: &[Event]) -> Vec<u64> {
    let note = |event: &Event| if let Event::Note(n) = event { Some(*n) } else { None };
    events.iter().filter_map(note).collect()
}

#[test]
fn an_exit_signal_comes_after_the_messages_before_it() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = start(&system, Subject::new(&log)).await;
        process.try_send(gate.order()).unwrap();
        process.try_send(Order::Note(1)).unwrap();
        assert!(system.exit(process.pid(), ExitReason::SHUTDOWN));
        process.try_send(Order::Note(2)).unwrap();
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Note(1), Event::Terminate(ExitReason::SHUTDOWN)]);
    });
}

#[test]
fn a_stop_goes_ahead_of_waiting_messages_and_a_kill_interrupts_the_handler() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = start(&system, Subject::new(&log)).await;
        process.try_send(gate.order()).unwrap();
        process.try_send(Order::Note(1)).unwrap();
        quiesce(&system).await;
        assert!(system.stop(process.pid(), ExitReason::SHUTDOWN));
        quiesce(&system).await;
        assert_eq!(log.take(), [], "the handler goes on");
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Terminate(ExitReason::SHUTDOWN)]);

        let process = start(&system, Subject::new(&log)).await;
        process.try_send(gate.order()).unwrap();
        quiesce(&system).await;
        assert!(system.kill(process.pid()));
        quiesce(&system).await;
        assert_eq!((log.take(), process.exit_reason()), (vec![], Some(ExitReason::Killed)));
    });
}
