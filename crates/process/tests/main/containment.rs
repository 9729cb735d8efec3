//! Panics of user code that the exit protocol meets on its way: none of them stops it.

use std::future::{Future, pending};
use std::panic::panic_any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Wake, Waker};
use std::time::Duration;

use foundation_process::System;
use foundation_types::{Deadline, ExitReason, Pid};

use crate::subject::{
    Event, Gate, Log, Order, PanicsWhenDropped, Subject, act, ask, quiesce, simulate, start, wait,
};

/// Guarantee E2
#[test]
fn a_panic_in_any_drop_or_hook_stops_nothing() {
    simulate(|system| async move {
        for kill in [true, false] {
            let (log, gate) = (Log::default(), Gate::closed());
            let bomb = |text| PanicsWhenDropped(log.when_dropped(text));
            let subject = Subject::new(&log)
                .state(bomb("state"))
                .on_terminate(async { panic!("planted in terminate") });
            let process = start(&system, subject).await;
            let pid = process.pid();
            let held = bomb("held");
            ask(&process, move |context| context.hold(held).is_ok()).await;
            // Two: a panic in the drop of a table of them would end the program at the second.
            for text in ["timer", "second timer"] {
                let timed = bomb(text);
                ask(&process, move |context| {
                    let message = Order::Carry(Box::new(timed));
                    context.send_after(Duration::from_secs(9), message).unwrap();
                })
                .await;
            }
            let noted = log.clone();
            system.add_exit_hook(pid, move |_| noted.add(Event::Text("early hook"))).unwrap();
            system.add_exit_hook(pid, |_| panic!("planted in a hook")).unwrap();
            let (flying, passed) = (bomb("in flight"), gate.clone());
            let handler = wait(async move {
                let flying = flying;
                passed.pass().await?;
                drop(flying);
                Ok(())
            });
            process.try_send(handler).unwrap();
            for text in ["first message", "second message"] {
                process.try_send(Order::Carry(Box::new(bomb(text)))).unwrap();
            }
            quiesce(&system).await;
            log.take();
            if kill {
                assert!(system.kill(pid));
            } else {
                // The handler itself panics when it goes on.
                gate.open(1);
            }
            let reason = system.monitor(pid).await.reason;
            assert_eq!(reason == ExitReason::Killed, kill, "{reason}");
            quiesce(&system).await;
            let texts = [
                "in flight",
                "state",
                "timer",
                "second timer",
                "early hook",
                "held",
                "first message",
                "second message",
            ];
            let events = log.take();
            for text in texts {
                let count = events.iter().filter(|event| **event == Event::Text(text)).count();
                assert_eq!(count, 1, "{text}, kill {kill}: {events:?}");
            }
            assert_eq!(system.counts().processes + system.counts().timers, 0);
            for text in ["held", "state", "timer", "planted in a hook"] {
                assert!(is_kept(&system, pid, text), "{text}: {:?}", system.contained_panics());
            }
        }
    });
}

/// Whether an operator can read of a contained panic: whose, what it said, and where.
fn is_kept(system: &System, pid: Pid, text: &str) -> bool {
    system.contained_panics().iter().any(|panic| {
        let placed = panic.report.location.is_some();
        panic.process == Some(pid) && placed && panic.report.message.contains(text)
    })
}

/// Guarantee E2
#[test]
fn a_panic_ends_its_process_and_leaves_the_neighbours() {
    simulate(|system| async move {
        let log = Log::default();
        let neighbour = start(&system, Subject::new(&log)).await;
        let process = start(&system, Subject::new(&log)).await;
        process.try_send(act(|_| panic!("planted {}", 7))).unwrap();
        let reason = system.monitor(process.pid()).await.reason;
        let ExitReason::Panic(report) = reason else { panic!("ended with {reason}") };
        assert_eq!(report.message, "planted 7");
        assert!(report.location.as_ref().is_some_and(|at| at.contains("containment.rs")));
        assert_eq!(neighbour.call(|reply| Order::Echo(1, reply)).await, Ok(1));
    });
}

/// Panics when it is dropped, with a value that panics when it is dropped.
struct PanicsTwice(Option<PanicsWhenDropped>);

impl Drop for PanicsTwice {
    fn drop(&mut self) {
        if let Some(payload) = self.0.take() {
            panic_any(payload);
        }
    }
}

/// A payload whose drop panics used to break off the exit protocol: hooks did not run, and links and
/// monitors were never told.
///
/// Guarantee E2
#[test]
fn a_panic_in_what_a_panic_carries_stops_nothing() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let bomb = || PanicsWhenDropped(log.when_dropped("payload"));
        let subject = Subject::new(&log).state(PanicsTwice(Some(bomb())));
        let process = start(&system, subject).await;
        let watcher = start(&system, Subject::new(&log).traps()).await;
        let pid = process.pid();
        ask(&watcher, move |context| context.link(pid).unwrap()).await;
        let noted = log.clone();
        system.add_exit_hook(pid, move |_| noted.add(Event::Text("early hook"))).unwrap();
        let payload = bomb();
        system.add_exit_hook(pid, move |_| panic_any(payload)).unwrap();
        let (payload, entered) = (bomb(), gate.clone());
        let handler = wait(async move {
            entered.pass().await?;
            panic_any(payload)
        });
        process.try_send(handler).unwrap();
        process.try_send(Order::Carry(Box::new(PanicsTwice(Some(bomb()))))).unwrap();
        let monitor = system.monitor(pid);
        gate.open(1);
        let reason = monitor.await.reason;
        assert_eq!(reason.kind(), "panic");
        quiesce(&system).await;
        let events = log.take();
        for expected in [
            Event::Terminate(reason.clone()),
            Event::Text("early hook"),
            Event::Exit(pid, reason.clone()),
        ] {
            assert!(events.contains(&expected), "{expected:?} is not in {events:?}");
        }
        assert_eq!(system.counts().processes, 1);
    });
}

#[test]
fn a_panic_is_not_reported_with_the_text_of_one_that_was_caught_before() {
    simulate(|system| async move {
        let log = Log::default();
        let (first, second) =
            (start(&system, Subject::new(&log)).await, start(&system, Subject::new(&log)).await);
        let caught =
            ask(&first, |_| std::panic::catch_unwind(|| panic!("caught at home")).is_err());
        assert!(caught.await);
        // A resumed panic passes no hook, so nothing is known of it but what it carries.
        let resumed = act(|_| std::panic::resume_unwind(Box::new("resumed".to_owned())));
        second.try_send(resumed).unwrap();
        let reason = system.monitor(second.pid()).await.reason;
        let ExitReason::Panic(report) = reason else { panic!("ended with {reason}") };
        assert_eq!((&*report.message, &report.location), ("resumed", &None));
    });
}

#[test]
fn a_panic_in_the_maker_of_an_interval_ends_the_process_in_order() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        ask(&process, |context| {
            let make = || panic!("planted in an interval");
            context.send_interval(Duration::from_millis(1), make).unwrap();
        })
        .await;
        let reason = system.monitor(process.pid()).await.reason;
        assert_eq!(reason.kind(), "panic");
        assert_eq!(log.take(), [Event::Terminate(reason)]);
    });
}

#[test]
fn a_panic_in_init_ends_the_process() {
    simulate(|system| async move {
        let log = Log::default();
        let subject = Subject::new(&log).on_init(async { panic!("planted in init") });
        let process = system.spawn(subject).unwrap();
        let reason = system.monitor(process.pid()).await.reason;
        assert_eq!(reason.kind(), "panic");
        assert_eq!(log.take(), [], "terminate does not run after a failed init");
    });
}

/// Guarantee S6
#[test]
fn messages_that_panic_when_dropped_are_still_counted() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = start(&system, Subject::new(&log)).await;
        process.try_send(gate.order()).unwrap();
        for _ in 0..5 {
            let bomb = PanicsWhenDropped(log.when_dropped("message"));
            process.try_send(Order::Carry(Box::new(bomb))).unwrap();
        }
        quiesce(&system).await;
        system.kill(process.pid());
        quiesce(&system).await;
        assert_eq!(log.take(), vec![Event::Text("message"); 5]);
        let letters = system.dead_letters();
        assert_eq!(letters.iter().map(|letter| letter.count).sum::<usize>(), 5);
        assert_eq!(system.troubles().contained_panics, 5);
    });
}

/// What an executor does whose queue is full: it panics when it is told to run a task.
struct FullQueue;

impl Wake for FullQueue {
    fn wake(self: Arc<Self>) {
        panic!("too many tasks queued");
    }
}

/// A waker is a stranger's code. One that panicked used to end the exit protocol before others were told, or
/// the keeper of all timers.
///
/// Guarantee E2
#[test]
fn a_waker_that_panics_keeps_no_news_from_others() {
    simulate(|system| async move {
        let (log, waker) = (Log::default(), Waker::from(Arc::new(FullQueue)));
        let mut strange = TaskContext::from_waker(&waker);
        let process = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        let watcher = start(&system, Subject::new(&log).traps()).await;
        let pid = process.pid();
        process.try_send(Gate::closed().order()).unwrap();
        quiesce(&system).await;
        let mut room = Box::pin(process.send_until(Order::Note(1), Deadline::NEVER));
        let mut monitor = system.monitor(pid);
        let soon = system.deadline(Duration::from_millis(20));
        let mut timer = Box::pin(system.before(soon, pending::<()>()));
        assert!(room.as_mut().poll(&mut strange).is_pending());
        assert!(Pin::new(&mut monitor).poll(&mut strange).is_pending());
        assert!(timer.as_mut().poll(&mut strange).is_pending());
        ask(&watcher, move |context| context.link(pid).unwrap()).await;
        let later = system.monitor(pid);
        quiesce(&system).await;
        assert_eq!(system.contained_panics().len(), 0, "outside of all processes nobody keeps it");
        system.kill(pid);
        assert_eq!(later.await.reason, ExitReason::Killed);
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Exit(pid, ExitReason::Killed)]);
        assert!(timer.await.is_err(), "the keeper of the timers lives");
        assert!(room.await.is_err());
        let deadline = system.deadline(Duration::from_millis(20));
        assert!(system.before(deadline, pending::<()>()).await.is_err(), "and goes on");
    });
}
