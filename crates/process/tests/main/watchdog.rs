//! Handlers that do not yield. Real threads and real time: a stuck thread is what this is about.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use foundation_process::System;
use foundation_testkit::wait_for;
use foundation_types::ExitReason;

use crate::subject::{Log, Order, Subject, act};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_does_not_yield_is_named_and_cannot_be_killed_until_it_does() {
    let system = System::current();
    let process = system.process(Subject::new(&Log::default())).label("blocker").spawn().unwrap();
    let pid = process.pid();
    let (release, blocked) = sync_channel::<()>(1);
    process
        .try_send(act(move |_| {
            // Blocks its thread: exactly what a handler must not do.
            blocked.recv()?;
            Ok(())
        }))
        .unwrap();
    let deadline = system.deadline(Duration::from_secs(30));
    let stall = wait_for(system.env(), "a report of the stalled handler", deadline, || {
        system.stalls().first().cloned().ok_or("no report")
    })
    .await;
    assert_eq!((stall.pid, &*stall.name, stall.message), (pid, "blocker", "do"));
    assert!(!stall.unkillable);
    assert!(system.info(pid).unwrap().busy > Duration::ZERO);

    assert!(system.kill(pid));
    let report = system.shutdown(system.deadline(Duration::ZERO)).await;
    let stuck: Vec<_> = report.stuck.iter().map(|info| (info.pid, info.kill_pending)).collect();
    assert_eq!((stuck, report.killed), (vec![(pid, true)], vec![pid]));
    assert!(process.is_alive(), "it keeps what it holds until it yields");
    let monitor = system.monitor(pid);
    release.send(()).unwrap();
    assert_eq!(monitor.await.reason, ExitReason::Killed);
    assert_eq!(system.stalls().len(), 1, "reported once");
    assert!(process.try_send(Order::Note(1)).is_err());
}
