//! Panics of user code that the exit protocol meets on its way: none of them stops it.

use std::panic::panic_any;

use foundation_types::ExitReason;

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
            let timed = bomb("timer");
            ask(&process, move |context| {
                let message = Order::Carry(Box::new(timed));
                context.send_after(std::time::Duration::from_secs(9), message).unwrap();
            })
            .await;
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
            assert!(system.troubles().contained_panics >= 5, "{:?}", system.troubles());
        }
    });
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
            context.send_interval(std::time::Duration::from_millis(1), make).unwrap();
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
