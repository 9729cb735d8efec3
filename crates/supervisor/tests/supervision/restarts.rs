//! The cost of restarts, their waits and their records.

use std::time::Duration;

use foundation_process::System;
use foundation_supervisor::{Backoff, Strategy, Supervisor};
use foundation_testkit::{sim_seeds, wait_for};
use foundation_types::ExitReason;

use crate::probe::{World, broken, picture, soon};

#[test]
fn waits_grow_and_healthy_time_forgives() {
    sim_seeds(0..8, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .intensity(100, Duration::from_secs(5))
            .backoff(
                Backoff::exponential(Duration::from_millis(100), Duration::from_secs(1))
                    .jitter(0.0),
            )
            .child(world.spec("a"))
            .start(&system)
            .await
            .expect("it starts");
        for expected in [0, 100, 200, 400, 800, 1000, 1000] {
            let start = env.now();
            world.end(&system, "a", &broken()).await;
            let back = || (world.living() == ["a"]).then_some(()).ok_or("it is down");
            wait_for(&env, "the restart", soon(&system), back).await;
            let took = env.now().saturating_duration_since(start).as_millis();
            assert!((expected..expected + 60).contains(&took), "{took} ms instead of {expected}");
        }
        env.sleep_until(env.now().saturating_add(Duration::from_secs(6))).await;
        world.end(&system, "a", &broken()).await;
        assert_eq!(picture(&supervisor).await, "a+", "the first restart is made at once again");
        let attempts: Vec<_> =
            supervisor.restarts().await.expect("it lives").iter().map(|r| r.attempt).collect();
        assert_eq!(attempts, [1, 2, 3, 4, 5, 6, 7, 1]);
    });
}

#[test]
fn every_restart_leaves_a_bounded_record() {
    sim_seeds(0..4, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = Supervisor::new(Strategy::RestForOne)
            .audit_max(5)
            .backoff(Backoff::NONE)
            .intensity(100, Duration::from_secs(5))
            .child(world.spec("a"))
            .child(world.spec("b"))
            .start(&system)
            .await
            .expect("both start");
        let mut old = (world.pid("a"), world.pid("b"));
        for n in 1..=4_u64 {
            world.end(&system, "a", &broken()).await;
            assert_eq!(picture(&supervisor).await, "a+ b+");
            let new = (world.pid("a"), world.pid("b"));
            let records = supervisor.restarts().await.expect("it lives");
            assert_eq!(records.len() as u64, (2 * n).min(5));
            let [.., a, b] = &*records else { panic!("two at least") };
            assert_eq!((a.number, b.number), (2 * n - 1, 2 * n));
            assert_eq!((a.old, a.new, &*a.child), (Some(old.0), Some(new.0), "a"));
            assert_eq!((b.old, b.new, &*b.child), (Some(old.1), Some(new.1), "b"));
            assert!(a.reason.to_string().contains("broken"));
            assert_eq!(b.reason, ExitReason::SHUTDOWN);
            assert_eq!((a.attempt, b.attempt), (u32::try_from(n).expect("small"), 0));
            old = new;
        }
    });
}

/// Guarantee R3
#[test]
fn a_restart_that_is_due_is_made_while_calls_keep_coming() {
    sim_seeds(0..12, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let wait = Duration::from_millis(50);
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .backoff(Backoff::exponential(wait, wait).jitter(0.0))
            .child(world.spec("a"))
            .child(world.spec("slow"))
            .start(&system)
            .await
            .expect("both start");
        world.slow_end("slow", Duration::from_millis(5));
        world.end(&system, "a", &broken()).await;
        assert_eq!(picture(&supervisor).await, "a+ slow+", "the first restart does not wait");
        // Each call takes the supervisor longer than a timer needs to fire, and the next one waits.
        for _ in 0..3 {
            let supervisor = supervisor.clone();
            env.spawn(async move {
                while supervisor.terminate_child("slow").await.is_ok() {
                    drop(supervisor.restart_child("slow").await);
                }
            });
        }
        world.end(&system, "a", &broken()).await;
        let limit = system.deadline(Duration::from_millis(500));
        let back = || world.living().contains(&"a").then_some(()).ok_or("it is down");
        wait_for(&env, "the second restart", limit, back).await;
        supervisor.stop(soon(&system)).await.expect("it stops");
    });
}

/// Guarantee R3
#[test]
fn the_record_of_a_sibling_that_had_died_too_says_of_what() {
    sim_seeds(0..12, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = Supervisor::new(Strategy::OneForAll)
            .child(world.spec("a"))
            .child(world.spec("b"))
            .start(&system)
            .await
            .expect("both start");
        let (a, b) = (system.monitor(world.pid("a")), system.monitor(world.pid("b")));
        system.kill(a.pid());
        system.kill(b.pid());
        a.await;
        b.await;
        assert_eq!(picture(&supervisor).await, "a+ b+");
        let records = supervisor.restarts().await.expect("it lives");
        let reasons: Vec<_> = records.iter().map(|record| record.reason.clone()).collect();
        assert_eq!(reasons, [ExitReason::Killed, ExitReason::Killed]);
    });
}
