//! Timers of a process, and deadlines, on virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use foundation_process::{Context, Elapsed, Limits, System};
use foundation_types::{ExitReason, Instant};

use crate::subject::{Event, Gate, Log, Order, Subject, act, ask, quiesce, simulate, start};

const MS: Duration = Duration::from_millis(1);

/// A message that notes the milliseconds since `start`.
fn stamp(context: &Context<Order>, log: &Log, start: Instant) -> Order {
    let (log, system) = (log.clone(), context.system().clone());
    act(move |_| {
        let passed = system.env().now().saturating_duration_since(start);
        log.add(Event::Note(u64::try_from(passed.as_millis()).unwrap()));
        Ok(())
    })
}

#[test]
fn a_timer_fires_once_at_its_time() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let noted = log.clone();
        ask(&process, move |context| {
            let start = context.system().env().now();
            for ms in [250, 3, 70, 0] {
                let message = stamp(context, &noted, start);
                context.send_after(MS * ms, message).unwrap();
            }
        })
        .await;
        assert_eq!(system.counts().timers, 4);
        quiesce(&system).await;
        // A timer is never early and ticks are a millisecond, so one without delay takes a tick.
        assert_eq!(log.notes(), [1, 3, 70, 250]);
        assert_eq!(system.counts().timers, 0);
    });
}

#[test]
fn a_timer_goes_ahead_of_waiting_messages() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = start(&system, Subject::new(&log)).await;
        ask(&process, |context| context.send_after(MS, Order::Note(1))).await.unwrap();
        process.try_send(gate.order()).unwrap();
        process.try_send(Order::Note(2)).unwrap();
        quiesce(&system).await;
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.notes(), [1, 2]);
    });
}

#[test]
fn an_interval_does_not_drift_and_skips_what_it_missed() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = start(&system, Subject::new(&log)).await;
        let noted = log.clone();
        let timer = ask(&process, move |context| {
            let system = context.system().clone();
            let start = system.env().now();
            let make = move || {
                let (log, system) = (noted.clone(), system.clone());
                act(move |_| {
                    let passed = system.env().now().saturating_duration_since(start);
                    log.add(Event::Note(u64::try_from(passed.as_millis()).unwrap()));
                    Ok(())
                })
            };
            context.send_interval(MS * 100, make).unwrap()
        })
        .await;
        quiesce(&system).await;
        let regular: Vec<u64> = (1..=10).map(|n| n * 100).collect();
        assert!(regular.starts_with(&log.notes()) && log.notes().len() >= 9);
        system.env().sleep_until(system.env().now().saturating_add(MS * 50)).await;
        log.take();
        // Busy from 1050 to 1950 ms: one late tick, then the old schedule again.
        process.try_send(gate.order()).unwrap();
        system.env().sleep_until(system.env().now().saturating_add(MS * 900)).await;
        gate.open(1);
        quiesce(&system).await;
        let ticks = log.notes();
        // As soon as it can, and then by the old schedule.
        assert_eq!(ticks.get(..2), Some(&[1950, 2000][..]));
        assert!(ask(&process, move |context| context.cancel_timer(timer)).await);
        log.take();
        quiesce(&system).await;
        assert_eq!((log.take(), system.counts().timers), (vec![], 0));
    });
}

#[test]
fn a_cancelled_timer_gives_no_message() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let timer = ask(&process, |context| context.send_after(MS * 5, Order::Note(1))).await;
        let timer = timer.unwrap();
        assert!(ask(&process, move |context| context.cancel_timer(timer)).await);
        assert!(!ask(&process, move |context| context.cancel_timer(timer)).await);
        assert_eq!(system.counts().timers, 0);
        quiesce(&system).await;
        assert_eq!(log.take(), []);
    });
}

/// Two timers are due at one tick and the message of each cancels the other, whose signal is in
/// the system lane by then.
#[test]
fn a_timer_that_has_fired_can_still_be_cancelled() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let noted = log.clone();
        ask(&process, move |context| {
            let timers = Arc::new(Mutex::new(Vec::new()));
            for own in 0..2 {
                let (others, log) = (Arc::clone(&timers), noted.clone());
                let message = act(move |context| {
                    let other = others.lock().unwrap()[1 - own];
                    log.add(Event::Note(u64::from(context.cancel_timer(other))));
                    Ok(())
                });
                let timer = context.send_after(MS * 3, message).unwrap();
                timers.lock().unwrap().push(timer);
            }
        })
        .await;
        quiesce(&system).await;
        assert_eq!(log.notes(), [1], "one message, and it did cancel the other");
    });
}

/// Guarantee S4
#[test]
fn the_timers_of_a_dead_process_are_gone() {
    simulate(|system| async move {
        for end in 0..3 {
            let log = Log::default();
            let process = start(&system, Subject::new(&log)).await;
            ask(&process, |context| {
                for n in 0..20 {
                    context.send_after(MS * 500, Order::Note(n)).unwrap();
                    context.send_interval(MS * 500, || Order::Note(99)).unwrap();
                }
            })
            .await;
            assert_eq!(system.counts().timers, 40);
            match end {
                0 => assert!(system.kill(process.pid())),
                1 => assert!(system.stop(process.pid(), ExitReason::Normal)),
                _ => process.try_send(act(|_| panic!("planted"))).unwrap(),
            }
            system.monitor(process.pid()).await;
            assert_eq!(system.counts().timers, 0);
        }
    });
}

#[test]
fn timers_have_a_limit() {
    foundation_testkit::sim_seeds(0..2, |env, _| async move {
        let mut limits = Limits::default();
        limits.timers_per_process_max = 1;
        let system = System::with_limits(env, limits);
        let process = start(&system, Subject::new(&Log::default())).await;
        ask(&process, |context| {
            let timer = context.send_after(MS, Order::Note(1)).unwrap();
            let refused = context.send_interval(MS, || Order::Note(2)).unwrap_err();
            assert_eq!((refused.what, refused.limit), ("timers", 1));
            assert!(context.cancel_timer(timer));
            context.send_after(MS, Order::Note(1)).unwrap();
        })
        .await;
    });
}

/// Guarantee L1
#[test]
fn a_deadline_cuts_a_wait_and_drops_what_waits() {
    simulate(|system| async move {
        let log = Log::default();
        let value = log.when_dropped("cut");
        let endless = async move {
            let _value = value;
            std::future::pending::<()>().await;
        };
        let deadline = system.deadline(MS * 12);
        assert_eq!(system.before(deadline, endless).await, Err(Elapsed));
        assert_eq!(Some(system.env().now()), deadline.instant());
        assert_eq!(log.take(), [Event::Text("cut")]);
        assert_eq!(system.before(deadline, async { 3 }).await, Ok(3), "what is ready wins");
        let far = system.deadline(Duration::from_hours(24 * 365 * 3));
        assert_eq!(system.before(far, std::future::pending::<()>()).await, Err(Elapsed));
        assert_eq!(Some(system.env().now()), far.instant(), "beyond the span of the wheel");
        assert_eq!(system.counts().timers, 0);
    });
}

/// The deadline of a wait that is over stays armed for the next one of the same task.
///
/// Guarantee L1
#[test]
fn a_wait_ends_at_its_own_deadline_and_not_at_that_of_the_wait_before() {
    simulate(|system| async move {
        for (before, after) in [(100, 10), (10, 100), (50, 50)] {
            let nap = system.env().sleep_until(system.env().now().saturating_add(MS));
            assert_eq!(system.before(system.deadline(MS * before), nap).await, Ok(()));
            assert_eq!(system.counts().timers, 0, "a wait that is over has no timer");
            let deadline = system.deadline(MS * after);
            assert_eq!(system.before(deadline, std::future::pending::<()>()).await, Err(Elapsed));
            assert_eq!(Some(system.env().now()), deadline.instant(), "{before} then {after} ms");
            assert_eq!(system.counts().timers, 0);
        }
    });
}

/// Timers of one tick used to fire newest first.
#[test]
fn timers_of_one_tick_fire_in_the_order_in_which_they_were_armed() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        ask(&process, |context| {
            // The far ones move down through the levels of the wheel, the near ones do not.
            for (n, ms) in [(10, 500), (0, 5), (1, 5), (11, 500), (2, 5), (12, 500)] {
                context.send_after(MS * ms, Order::Note(n)).unwrap();
            }
        })
        .await;
        quiesce(&system).await;
        assert_eq!(log.notes(), [0, 1, 2, 10, 11, 12]);
    });
}
