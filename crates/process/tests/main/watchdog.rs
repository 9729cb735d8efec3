//! Handlers that do not yield. Real threads and real time: a stuck thread is what this is about.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use foundation_process::System;
use foundation_testkit::wait_for;
use foundation_types::ExitReason;

use crate::subject::{Log, Order, Subject, act, ask};

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
    let deadline = system.deadline(Duration::from_secs(30));
    wait_for(system.env(), "a report that it cannot be killed", deadline, || {
        let found = system.stalls().iter().any(|stall| stall.unkillable);
        if found { Ok(()) } else { Err("no report") }
    })
    .await;
    let report = system.shutdown(system.deadline(Duration::ZERO)).await;
    let stuck: Vec<_> = report.stuck.iter().map(|info| (info.pid, info.kill_pending)).collect();
    assert_eq!((stuck, report.killed), (vec![(pid, true)], vec![pid]));
    assert!(process.is_alive(), "it keeps what it holds until it yields");
    let monitor = system.monitor(pid);
    release.send(()).unwrap();
    assert_eq!(monitor.await.reason, ExitReason::Killed);
    let unkillable: Vec<_> = system.stalls().iter().map(|stall| stall.unkillable).collect();
    assert_eq!(unkillable, [false, true], "once, and once more when it was to die");
    assert!(process.try_send(Order::Note(1)).is_err());
}

/// A process whose messages took little each kept its thread until it had handled 256 of them, however long
/// that was.
#[tokio::test(flavor = "current_thread")]
async fn a_process_whose_messages_take_long_together_gives_way() {
    let system = System::current();
    let process = system.spawn(Subject::new(&Log::default())).unwrap();
    for _ in 0..300 {
        let clock = system.env().clone();
        let work = act(move |_| {
            let until = clock.now().saturating_add(Duration::from_millis(5));
            while clock.now() < until {}
            Ok(())
        });
        process.try_send(work).unwrap();
    }
    // The thread is the only one, so the other process sees what is left when the first gives way.
    let other = system.spawn(Subject::new(&Log::default())).unwrap();
    let seen = process.clone();
    let left = ask(&other, move |_| seen.depth()).await;
    assert!(left > 300 - 256, "it gave way before its number of messages made it, {left} left");
    system.kill(process.pid());
}
