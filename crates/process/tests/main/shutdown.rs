//! The end of a whole system.

use std::time::Duration;

use foundation_process::{Counts, SpawnError};
use foundation_types::ExitReason;

use crate::subject::{Event, Gate, Log, Order, Subject, quiesce, simulate, start};

#[test]
fn a_shutdown_stops_the_newest_first_and_lets_each_finish() {
    simulate(|system| async move {
        let log = Log::default();
        let mut processes = Vec::new();
        for name in ["first", "second", "third"] {
            let (noted, gate) = (log.clone(), system.clone());
            let hook = async move {
                let until = gate.env().now().saturating_add(Duration::from_millis(30));
                gate.env().sleep_until(until).await;
                noted.add(Event::Text(name));
            };
            processes.push(start(&system, Subject::new(&log).on_terminate(hook)).await);
        }
        let report = system.shutdown(system.deadline(Duration::from_secs(1))).await;
        assert_eq!((report.stopped, report.killed, report.stuck), (3, vec![], vec![]));
        let told = Event::Terminate(ExitReason::SHUTDOWN);
        let expected = ["third", "second", "first"];
        assert_eq!(log.take(), expected.map(|name| [told.clone(), Event::Text(name)]).concat());
        assert_eq!(system.counts(), Counts::default());
        let refused = system.spawn(Subject::new(&log)).unwrap_err();
        assert_eq!(refused, SpawnError::ShuttingDown);
        assert!(processes.iter().all(|process| !process.is_alive()));
    });
}

#[test]
fn a_shutdown_kills_what_does_not_stop_and_lets_the_others_stop_in_order() {
    simulate(|system| async move {
        let log = Log::default();
        let old = start(&system, Subject::new(&log)).await;
        let stuck = start(&system, Subject::new(&log)).await;
        stuck.try_send(Gate::closed().order()).unwrap();
        quiesce(&system).await;
        let deadline = system.deadline(Duration::from_millis(80));
        let start = system.env().now();
        let report = system.shutdown(deadline).await;
        let taken = system.env().now().saturating_duration_since(start);
        assert_eq!(taken, Duration::from_millis(40), "half of the time, since another one waits");
        assert_eq!((report.stopped, report.killed, report.stuck), (1, vec![stuck.pid()], vec![]));
        assert!(log.take().contains(&Event::Terminate(ExitReason::SHUTDOWN)));
        assert!(!old.is_alive());
        assert_eq!(system.counts(), Counts::default());
    });
}

#[test]
fn a_shutdown_kills_at_the_deadline_what_is_left() {
    simulate(|system| async move {
        let log = Log::default();
        let stuck = start(&system, Subject::new(&log)).await;
        stuck.try_send(Gate::closed().order()).unwrap();
        quiesce(&system).await;
        let deadline = system.deadline(Duration::from_millis(80));
        let report = system.shutdown(deadline).await;
        assert_eq!(Some(system.env().now()), deadline.instant());
        assert_eq!((report.stopped, report.killed), (0, vec![stuck.pid()]));
        assert_eq!(system.counts(), Counts::default());
    });
}

/// Guarantee S6
#[test]
fn a_shutdown_lets_processes_handle_what_they_have_accepted() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = start(&system, Subject::new(&log)).await;
        process.try_send(gate.order()).unwrap();
        for n in 0..5 {
            process.try_send(Order::Note(n)).unwrap();
        }
        quiesce(&system).await;
        gate.open(1);
        let report = system.shutdown(system.deadline(Duration::from_secs(1))).await;
        assert_eq!((report.stopped, report.killed), (1, vec![]));
        assert_eq!(log.notes(), [0, 1, 2, 3, 4]);
        assert_eq!(system.troubles().dead_letters, 0);
    });
}

/// The children of a process that is no supervisor used to be killed as soon as it was down,
/// long before the deadline.
#[test]
fn a_shutdown_lets_children_stop_in_order_too() {
    simulate(|system| async move {
        let log = Log::default();
        let parent = start(&system, Subject::new(&log)).await;
        for linked in [true, false] {
            let (noted, clock) = (log.clone(), system.clone());
            let hook = async move {
                let until = clock.env().now().saturating_add(Duration::from_millis(30));
                clock.env().sleep_until(until).await;
                noted.add(Event::Text("done"));
            };
            let child = Subject::new(&log).on_terminate(hook);
            let child = system.process(child).parent(parent.pid());
            let child = if linked { child.linked() } else { child };
            child.start(system.deadline(Duration::from_secs(1))).await.unwrap();
        }
        let report = system.shutdown(system.deadline(Duration::from_secs(1))).await;
        assert_eq!((report.stopped, report.killed), (3, vec![]));
        let done = log.take().iter().filter(|event| **event == Event::Text("done")).count();
        assert_eq!(done, 2);
    });
}
