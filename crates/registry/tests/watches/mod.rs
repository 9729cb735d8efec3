//! Watches: lag, waking, bounds, and what a death says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use foundation_env::sync::thread;
use foundation_process::System;
use foundation_registry::{
    Entry, Health, Lagged, Limits, NewEntry, WatchChange, WatchError, invariants,
};
use foundation_types::ExitReason;

use crate::world::{World, can, in_world, name};

/// Guarantee N1
#[test]
fn a_watch_that_sleeps_is_woken_and_told_why_a_process_died() {
    in_world(Limits::default(), |world| async move {
        let (_, mut watch) = world.registry.watch("agents", |_| true).expect("it is watched");
        let worker = world.worker();
        let registry = world.registry.clone();
        let pid = worker.pid();
        world.system.env().spawn(async move {
            registry.register(pid, name("agents", "a"), can(&["x"])).expect("free");
        });
        let event = watch.changed().await.expect("no lag");
        assert!(matches!(&event.change, WatchChange::Registered(found) if found.pid == pid));
        assert!(world.system.exit(pid, ExitReason::shutdown_because("moving house")));
        let event = watch.changed().await.expect("no lag");
        let WatchChange::Died { before, reason } = event.change else {
            unreachable!("{event:?}");
        };
        assert_eq!(before.pid, pid);
        assert_eq!(reason, ExitReason::shutdown_because("moving house"));
        assert!(!before.is_current());
        assert_eq!(world.registry.whereis(&name("agents", "a")), None, "when it is told");
    });
}

/// Guarantee N1
#[test]
fn a_watch_that_is_too_slow_says_how_much_it_missed_and_resynchronises() {
    let mut limits = Limits::default();
    limits.watch_changes_max = 4;
    in_world(limits, |world| async move {
        let (_, mut watch) = world.registry.watch("agents", |_| true).expect("it is watched");
        let pid = world.worker().pid();
        for id in ["a", "b", "c", "d", "e", "f", "g"] {
            world.registry.register(pid, name("agents", id), can(&[])).expect("free");
        }
        assert_eq!(watch.changed().await, Err(Lagged { missed: 3 }));
        assert_eq!(watch.changed().await, Err(Lagged { missed: 3 }), "until it resynchronises");
        let snapshot = watch.resynchronise();
        assert_eq!(snapshot.registrations.len(), 7);
        assert_eq!(snapshot.revision, world.registry.revision("agents"));
        let revision = world.registry.register(pid, name("agents", "h"), can(&[])).expect("free");
        assert_eq!(watch.changed().await.expect("no lag").revision, revision);
    });
}

/// Guarantee N1
#[test]
fn what_is_kept_for_a_slow_watch_is_bounded_in_bytes_too() {
    let mut limits = Limits::default();
    limits.watch_bytes_max = 10;
    in_world(limits, |world| async move {
        let (_, mut watch) = world.registry.watch("agents", |_| true).expect("it is watched");
        let pid = world.worker().pid();
        let name = name("agents", "a");
        // Its id and its capability: 4 bytes stand before each change but the first.
        world.registry.register(pid, name.clone(), can(&["xyz"])).expect("free");
        let set = |health| world.registry.set_health(&name, pid, health).expect("it is owned");
        set(Health::Degraded);
        set(Health::Healthy);
        assert!(matches!(watch.changed().await, Ok(event) if event.revision.get() == 1));
        let mut late = world.registry.watch("agents", |_| true).expect("it is watched").1;
        set(Health::Degraded);
        assert!(watch.changed().await.is_ok(), "what it has read itself is not lost");
        let revision = set(Health::Unhealthy);
        let event = late.changed().await.expect("8 bytes are kept");
        assert!(event.revision < revision);
        set(Health::Healthy);
        set(Health::Degraded);
        set(Health::Healthy);
        assert_eq!(watch.changed().await.map(drop), Ok(()), "read before");
        assert_eq!(watch.changed().await, Err(Lagged { missed: 3 }));
        watch.resynchronise();
        let revision = set(Health::Unhealthy);
        assert_eq!(watch.changed().await.map(|event| event.revision), Ok(revision));
    });
}

/// Guarantee N1
#[test]
fn a_watch_of_a_busy_namespace_rests_for_a_moment_and_no_longer() {
    in_world(Limits::default(), |world| async move {
        let (_, mut watch) = world.registry.watch("agents", |_| true).expect("it is watched");
        let (env, registry, pid) = (world.system.env(), &world.registry, world.worker().pid());
        let name = name("agents", "a");
        registry.register(pid, name.clone(), can(&[])).expect("free");
        let mut set = |n: u32| {
            let health = if n.is_multiple_of(2) { Health::Degraded } else { Health::Unhealthy };
            registry.set_health(&name, pid, health).expect("it is owned")
        };
        for round in 0..3 {
            let last = (0..40).map(&mut set).last().expect("some");
            while watch.changed().await.expect("no lag").revision < last {}
            // It has read everything: now it rests, and this change comes meanwhile.
            let (began, other, owned) = (env.now(), registry.clone(), name.clone());
            world.system.env().spawn(async move {
                other.set_health(&owned, pid, Health::Healthy).expect("it is owned");
            });
            let waited =
                world.system.before(world.system.deadline(Duration::from_secs(1)), watch.changed());
            assert!(waited.await.expect("it ends").is_ok(), "round {round}");
            let rested = env.now().saturating_duration_since(began);
            assert_eq!(rested, Duration::from_millis(1), "round {round}");
        }
        // Nothing happens for a while: then the next change wakes it at once.
        env.sleep_until(env.now().saturating_add(Duration::from_millis(100))).await;
        let (began, other, owned) = (env.now(), registry.clone(), name.clone());
        world.system.env().spawn(async move {
            other.set_health(&owned, pid, Health::Healthy).expect("it is owned");
        });
        assert!(watch.changed().await.is_ok());
        assert_eq!(env.now(), began);
    });
}

/// Guarantee N1
#[test]
fn a_heartbeat_moves_the_health_check_and_is_told() {
    in_world(Limits::default(), |world| async move {
        let (env, name) = (world.system.env().clone(), name("agents", "a"));
        let (registry, pid) = (&world.registry, world.worker().pid());
        registry.register(pid, name.clone(), can(&["x"])).expect("free");
        let (_, mut watch) = registry.watch("agents", |_| true).expect("it is watched");
        let rows = registry.counts().index_rows;
        for beat in 1..4 {
            env.sleep_until(env.now().saturating_add(Duration::from_millis(7))).await;
            let revision = registry.set_health(&name, pid, Health::Healthy).expect("its own");
            let found = registry.lookup(&name).expect("it is registered");
            assert_eq!((found.revision(), found.updated_at), (revision, env.now()), "{beat}");
            assert_eq!(found.metadata.last_health_check(), Some(env.now()));
            let event = watch.changed().await.expect("no lag");
            let WatchChange::Updated { before, after } = event.change else {
                unreachable!("{event:?}");
            };
            assert_eq!(after, found);
            assert!(before.metadata.last_health_check() < after.metadata.last_health_check());
            assert_eq!(before.metadata.health(), after.metadata.health());
            // A second one at the same instant says nothing new.
            let newest = registry.revision("agents");
            assert_eq!(registry.set_health(&name, pid, Health::Healthy), Ok(newest));
            assert_eq!(registry.counts().index_rows, rows);
            assert_eq!(registry.count_by_capability("agents", "x"), 1);
        }
        registry.set_health(&name, pid, Health::Degraded).expect("its own");
        assert_eq!(invariants::check(registry), []);
        registry.unregister(&name, pid).expect("its own");
        assert_eq!(registry.counts().index_rows, 0);
    });
}

/// A task that says whether it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A poll read on until there was nothing new, which is never while somebody writes as fast as it reads: here the
/// interest does, so that each change that is passed over makes another one.
#[test]
fn a_watch_of_which_nothing_matches_lets_others_run_while_changes_come() {
    /// So many that it would be noticed, and the test still ends.
    const WRITTEN_MAX: u32 = 50_000;

    in_world(Limits::default(), |world| async move {
        let (pid, written) = (world.worker().pid(), Arc::new(AtomicU32::new(0)));
        let (registry, counter) = (world.registry.clone(), Arc::clone(&written));
        let interest = move |entry: &Entry| {
            let (wanted, other) = (name("agents", "wanted"), name("agents", "other"));
            if entry.name == wanted {
                return true;
            }
            if counter.fetch_add(1, Ordering::Relaxed) < WRITTEN_MAX {
                let turned = registry.unregister(&other, pid);
                if turned.is_err() {
                    registry.register(pid, other, can(&[])).expect("free");
                }
            }
            false
        };
        let (_, mut watch) = world.registry.watch("agents", interest).expect("it is watched");
        world.registry.register(pid, name("agents", "other"), can(&[])).expect("free");
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        for poll in 1..=20 {
            let polled = watch.poll_changed(&mut Context::from_waker(&waker));
            assert!(polled.is_pending(), "{polled:?}");
            let passed_over = written.load(Ordering::Relaxed);
            assert!(passed_over <= poll * 512, "{passed_over} in {poll} polls");
            let is_woken = woken.0.swap(false, Ordering::Relaxed);
            assert!(is_woken, "it comes back to the rest");
        }
        world.registry.register(pid, name("agents", "wanted"), can(&[])).expect("free");
        let event = watch.changed().await.expect("no lag");
        assert!(matches!(event.change, WatchChange::Registered(_)), "{event:?}");
        written.store(WRITTEN_MAX, Ordering::Relaxed);
        while watch.poll_changed(&mut Context::from_waker(&waker)) != Poll::Pending
            || woken.0.swap(false, Ordering::Relaxed)
        {}
    });
}

#[test]
fn watches_are_bounded_and_leave_nothing_behind() {
    let mut limits = Limits::default();
    (limits.watches_per_namespace_max, limits.namespaces_max) = (1, 1);
    in_world(limits, |world| async move {
        let watch = world.registry.watch("agents", |_| true).expect("it is watched");
        let full = world.registry.watch("agents", |_| true).err();
        assert!(matches!(full, Some(WatchError::TooManyWatches { limit: 1, .. })), "{full:?}");
        let new = world.registry.watch("tools", |_| true).err();
        assert!(matches!(new, Some(WatchError::TooManyNamespaces { limit: 1 })), "{new:?}");
        let label = world.registry.watch("a b", |_| true).err();
        assert!(matches!(label, Some(WatchError::Label(_))), "{label:?}");
        assert_eq!(world.registry.counts().watches, 1);
        drop(watch);
        assert_eq!(world.registry.counts().watches, 0);
        assert!(world.registry.watch("agents", |_| true).is_ok());
    });
}

/// What a process does to its own name was once told as `Replaced`: that another process has it.
///
/// Guarantee N1
#[test]
fn nobody_is_replaced_by_itself() {
    in_world(Limits::default(), |world| async move {
        let (pid, other) = (world.worker().pid(), world.worker().pid());
        let (registry, mine) = (&world.registry, name("agents", "a"));
        registry.register(pid, mine.clone(), can(&["x"])).expect("free");
        let (_, mut watch) =
            registry.watch("agents", |entry| entry.metadata.has("x")).expect("there is room");
        registry.replace(pid, mine.clone(), can(&["x", "y"])).expect("room");
        registry.hand_over(&mine, pid, pid).expect("its own");
        registry.replace(pid, mine.clone(), can(&[])).expect("room");
        registry.replace(pid, mine.clone(), can(&["x"])).expect("room");
        registry.hand_over(&mine, pid, other).expect("its own");
        let mut kinds = Vec::new();
        for _ in 0..5 {
            kinds.push(match watch.changed().await.expect("it is not slow").change {
                WatchChange::Updated { .. } => "updated",
                WatchChange::NoLongerMatches { .. } => "matches no longer",
                WatchChange::NowMatches { .. } => "matches now",
                WatchChange::Replaced { .. } => "replaced",
                other => unreachable!("{other:?}"),
            });
        }
        assert_eq!(kinds, ["updated", "updated", "matches no longer", "matches now", "replaced"]);
        assert_eq!(invariants::check(&world.registry), []);
    });
}

/// Guarantee S3
#[test]
fn a_batch_is_seen_whole_or_not_at_all_from_other_threads() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let world = World::new(foundation_env::Env::current());
    let system: System = world.system.clone();
    let pid = world.worker().pid();
    let done = Arc::new(AtomicBool::new(false));
    let reader = thread::spawn({
        let (registry, done) = (world.registry.clone(), Arc::clone(&done));
        move || {
            let mut seen = [0_u32; 2];
            while !done.load(Ordering::Acquire) {
                let found = registry.find_by_capability("agents", "x");
                assert!(found.is_empty() || found.len() == 5, "{} of 5", found.len());
                let counted = registry.count_by_capability("agents", "x");
                assert!(counted == 0 || counted == 5, "{counted} of 5");
                seen[usize::from(found.is_empty())] += 1;
                let unwell = registry.pick("agents", "x", foundation_registry::Strategy::Random);
                assert!(unwell.is_none_or(|found| found.metadata.health() == Health::Healthy));
            }
            seen
        }
    });
    for _ in 0..3_000 {
        let batch = ["a", "b", "c", "d", "e"].map(|id| NewEntry {
            pid,
            name: name("agents", id),
            metadata: can(&["x"]),
        });
        world.registry.register_all(batch.to_vec()).expect("all are free");
        // All five at one revision: the death of their owner.
        let owner = world.worker().pid();
        for id in ["a", "b", "c", "d", "e"] {
            world.registry.hand_over(&name("agents", id), pid, owner).expect("it is the owner's");
        }
        let down = system.monitor(owner);
        system.kill(owner);
        runtime.block_on(down);
    }
    done.store(true, Ordering::Release);
    let seen = reader.join().expect("the reader saw nothing wrong");
    assert!(seen[0] > 0, "it looked while they were there: {seen:?}");
}
