//! Monitors: one DOWN each.

use foundation_process::{Limits, System};
use foundation_types::{ExitReason, MonitorId};

use crate::subject::{
    Event, Gate, Log, Subject, act, ask, failure, poll_once, quiesce, simulate, start,
};

/// Guarantee R1
#[test]
fn each_monitor_gets_one_down_with_the_reason() {
    simulate(|system| async move {
        let log = Log::default();
        let watcher = start(&system, Subject::new(&log)).await;
        let target = start(&system, Subject::new(&Log::default())).await;
        let pid = target.pid();
        let ids = ask(&watcher, move |context| {
            [context.monitor(pid).unwrap(), context.monitor(pid).unwrap()]
        })
        .await;
        assert_eq!(system.counts().monitors, 2);
        target.try_send(act(|_| Err(failure()))).unwrap();
        assert_eq!(system.monitor(pid).await.reason, failure());
        quiesce(&system).await;
        let mut events = log.take();
        events
            .sort_by_key(|event| if let Event::Down(id, ..) = event { id.get().get() } else { 0 });
        assert_eq!(events, ids.map(|id| Event::Down(id, pid, failure())));
        assert_eq!(system.counts().monitors, 0);
    });
}

/// Guarantee R1
#[test]
fn a_monitor_on_a_dead_process_fires_at_once() {
    simulate(|system| async move {
        let log = Log::default();
        let watcher = start(&system, Subject::new(&log)).await;
        let dead = start(&system, Subject::new(&log)).await;
        let pid = dead.pid();
        system.kill(pid);
        quiesce(&system).await;
        let before = system.env().now();
        assert_eq!(system.monitor(pid).await.reason, ExitReason::NoProcess);
        assert_eq!(system.env().now(), before);
        let id = ask(&watcher, move |context| context.monitor(pid)).await.unwrap();
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Down(id, pid, ExitReason::NoProcess)]);
    });
}

/// Guarantee R1
#[test]
fn a_demonitored_process_gives_no_down_wherever_it_already_is() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let watcher = start(&system, Subject::new(&log)).await;
        let target = start(&system, Subject::new(&Log::default())).await;
        let pid = target.pid();
        let early = ask(&watcher, move |context| context.monitor(pid)).await.unwrap();
        assert!(ask(&watcher, move |context| context.demonitor(early)).await);
        assert!(!ask(&watcher, move |context| context.demonitor(early)).await);
        assert_eq!(system.counts().monitors, 0, "it is gone on the other side too");
        // Two messages take monitors back whose DOWN is on the way: the first when it may still be
        // in the mailbox, the second when the process has certainly fetched it.
        let ids = ask(&watcher, move |context| [(); 3].map(|()| context.monitor(pid).unwrap()));
        let [first, second, kept] = ids.await;
        watcher.try_send(gate.order()).unwrap();
        watcher
            .try_send(act(move |context| {
                assert!(context.demonitor(first));
                Ok(())
            }))
            .unwrap();
        watcher.try_send(gate.order()).unwrap();
        watcher
            .try_send(act(move |context| {
                assert!(context.demonitor(second));
                Ok(())
            }))
            .unwrap();
        quiesce(&system).await;
        system.kill(pid);
        quiesce(&system).await;
        gate.open(2);
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Down(kept, pid, ExitReason::Killed)]);
        assert!(!ask(&watcher, move |context| context.demonitor(kept)).await, "it has fired");
    });
}

/// Guarantee R1
#[test]
fn a_monitor_outside_a_process_resolves_once_and_survives_a_cancelled_wait() {
    simulate(|system| async move {
        let target = start(&system, Subject::new(&Log::default())).await;
        let mut monitor = system.monitor(target.pid());
        assert_eq!(monitor.pid(), target.pid());
        assert!(poll_once(&mut monitor).await.is_pending());
        let soon = system.deadline(std::time::Duration::from_millis(3));
        assert!(system.before(soon, &mut monitor).await.is_err());
        let dropped = system.monitor(target.pid());
        assert_eq!(system.counts().monitors, 2);
        drop(dropped);
        assert_eq!(system.counts().monitors, 1, "dropping it demonitors");
        system.kill(target.pid());
        assert_eq!((&mut monitor).await.reason, ExitReason::Killed);
        assert_eq!(monitor.await.reason, ExitReason::Killed, "it goes on knowing");
    });
}

/// Guarantee S4
#[test]
fn a_dead_watcher_leaves_no_monitor_behind() {
    simulate(|system| async move {
        let target = start(&system, Subject::new(&Log::default())).await;
        let pid = target.pid();
        for end in 0..3 {
            let watcher = start(&system, Subject::new(&Log::default())).await;
            for _ in 0..10 {
                ask(&watcher, move |context| context.monitor(pid)).await.unwrap();
            }
            assert_eq!(system.counts().monitors, 10);
            match end {
                0 => assert!(system.kill(watcher.pid())),
                1 => assert!(system.stop(watcher.pid(), ExitReason::SHUTDOWN)),
                _ => watcher.try_send(act(|_| panic!("planted"))).unwrap(),
            }
            quiesce(&system).await;
            assert_eq!(system.counts().monitors, 0);
        }
    });
}

#[test]
fn monitors_have_a_limit() {
    foundation_testkit::sim_seeds(0..2, |env, _| async move {
        let mut limits = Limits::default();
        limits.monitors_per_process_max = 2;
        let system = System::with_limits(env, limits);
        let watcher = start(&system, Subject::new(&Log::default())).await;
        let pid = start(&system, Subject::new(&Log::default())).await.pid();
        let ids: Vec<MonitorId> = ask(&watcher, move |context| {
            let ids = vec![context.monitor(pid).unwrap(), context.monitor(pid).unwrap()];
            let refused = context.monitor(pid).unwrap_err();
            assert_eq!((refused.what, refused.limit), ("monitors", 2));
            ids
        })
        .await;
        ask(&watcher, move |context| {
            assert!(context.demonitor(ids[0]));
            context.monitor(pid).unwrap();
        })
        .await;
    });
}
