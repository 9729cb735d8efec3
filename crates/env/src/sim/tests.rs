use super::{Policy, RunOutcome, SimOptions, Simulation};
use crate::{BlockingError, Env};
use foundation_types::Instant;
use std::collections::BTreeSet;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};

const POLICIES: [Policy; 3] = [Policy::Uniform, Policy::Pct { depth: 3 }, Policy::Fifo];

type Log = Arc<Mutex<Vec<u32>>>;

fn new(seed: u64, policy: Policy) -> Simulation {
    Simulation::new(seed, SimOptions::default().policy(policy).fault_probability(0.3))
}

async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn sleep_ms(env: &Env, ms: u64) {
    env.sleep_until(env.now().saturating_add(Duration::from_millis(ms))).await;
}

/// Workers that draw, sleep, send, block and meet fault points; returns their order of arrival.
fn busy_run(seed: u64, policy: Policy) -> (u64, u64, Vec<u64>) {
    let mut simulation = new(seed, policy);
    let env = simulation.env();
    let arrived = simulation.block_on(async move {
        let (tx, mut rx) = mpsc::channel(2);
        for worker in 0..8_u64 {
            let (tx, env2) = (tx.clone(), env.clone());
            env.spawn(async move {
                for _ in 0..4 {
                    env2.fault_point("worker").await;
                    sleep_ms(&env2, env2.random_below(3)).await;
                    tx.send(worker).await.unwrap();
                }
                assert_eq!(env2.blocking(move || worker).await, Ok(worker));
            });
        }
        drop(tx);
        let mut arrived = Vec::new();
        while let Some(worker) = rx.recv().await {
            arrived.push(worker);
        }
        arrived
    });
    (simulation.trace_hash(), simulation.steps(), arrived)
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    for policy in POLICIES {
        let mut hashes = BTreeSet::new();
        for seed in 0..50 {
            let run = busy_run(seed, policy);
            assert_eq!(run, busy_run(seed, policy), "seed {seed} under {policy:?}");
            assert_eq!(run.2.len(), 32);
            hashes.insert(run.0);
        }
        assert_eq!(hashes.len(), 50, "seeds collide under {policy:?}");
    }
}

#[test]
fn random_policies_reach_every_order_of_four_tasks_and_fifo_one() {
    for (policy, orders) in POLICIES.into_iter().zip([24, 24, 1]) {
        let seen: BTreeSet<Vec<u32>> = (0..400)
            .map(|seed| {
                let mut simulation = new(seed, policy);
                let log = Log::default();
                for task in 0..4 {
                    let log = Arc::clone(&log);
                    simulation.env().spawn(async move { log.lock().unwrap().push(task) });
                }
                assert_eq!(simulation.run_until_idle(100), RunOutcome::Idle);
                log.lock().unwrap().clone()
            })
            .collect();
        assert_eq!(seen.len(), orders, "{policy:?}");
    }
}

/// Counts the seeds that show a task overtaken `overtaken` times between its two steps.
fn seeds_with_overtaking(policy: Policy, overtaken: u32) -> usize {
    let shows = |seed: &u64| {
        let mut simulation = new(*seed, policy);
        let (count, seen) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (count2, seen2) = (Arc::clone(&count), Arc::clone(&seen));
        simulation.env().spawn(async move {
            let before = count2.load(Ordering::Relaxed);
            yield_now().await;
            seen2.store(count2.load(Ordering::Relaxed) - before, Ordering::Relaxed);
        });
        simulation.env().spawn(async move {
            let (tx, mut rx) = mpsc::channel(1);
            for _ in 0..overtaken {
                tx.send(()).await.unwrap();
                rx.recv().await.unwrap();
                yield_now().await;
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(simulation.run_until_idle(1_000), RunOutcome::Idle);
        seen.load(Ordering::Relaxed) == overtaken
    };
    (0..200).filter(shows).count()
}

#[test]
fn a_random_schedule_shows_races_that_fifo_hides() {
    assert_eq!(seeds_with_overtaking(Policy::Fifo, 3), 0);
    assert!(seeds_with_overtaking(Policy::Uniform, 3) > 5);
}

#[test]
fn timers_run_in_virtual_order_and_take_no_real_time() {
    for policy in POLICIES {
        let mut simulation = new(1, policy);
        let env = simulation.env();
        let log = Log::default();
        for days in [5, 1, 4, 2, 3] {
            let (env2, log) = (env.clone(), Arc::clone(&log));
            env.spawn(async move {
                env2.sleep_until(Instant::ORIGIN.saturating_add(Duration::from_hours(24 * days)))
                    .await;
                log.lock().unwrap().push(u32::try_from(days).unwrap());
            });
        }
        assert_eq!(simulation.run_until_idle(1_000), RunOutcome::Idle);
        assert_eq!(simulation.pending_timers(), 5);
        assert_eq!(env.now(), Instant::ORIGIN);
        simulation.advance(Duration::from_hours(60));
        assert_eq!(*log.lock().unwrap(), [1, 2]);
        assert_eq!(env.now(), Instant::ORIGIN.saturating_add(Duration::from_hours(60)));
        let until = env.now().saturating_add(Duration::from_hours(24 * 9));
        simulation.block_on(env.sleep_until(until));
        assert_eq!(*log.lock().unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!((simulation.live_tasks(), simulation.pending_timers()), (0, 0));
    }
}

#[test]
fn timers_of_one_instant_fire_in_the_order_they_were_set() {
    let mut simulation = new(1, Policy::Fifo);
    let env = simulation.env();
    let log = Log::default();
    let at = env.now().saturating_add(Duration::from_secs(1));
    for task in 0..20 {
        let (sleep, log) = (env.sleep_until(at), Arc::clone(&log));
        env.spawn(async move {
            sleep.await;
            log.lock().unwrap().push(task);
        });
    }
    simulation.advance(Duration::from_secs(1));
    assert_eq!(*log.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_dropped_or_reset_sleep_leaves_no_timer() {
    let mut simulation = new(1, Policy::Uniform);
    let env = simulation.env();
    let hour = env.now().saturating_add(Duration::from_hours(1));
    simulation.block_on(async {
        let mut sleep = env.sleep_until(hour.saturating_add(Duration::from_hours(9)));
        poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut sleep).poll(cx).is_pending())).await;
        sleep.reset(hour);
        sleep.await;
        assert_eq!(env.now(), hour);
        let mut dropped = env.sleep_until(hour.saturating_add(Duration::from_hours(9)));
        poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut dropped).poll(cx).is_pending())).await;
    });
    assert_eq!(simulation.pending_timers(), 0);
    assert_eq!(env.wall().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 1_767_229_200);
}

#[test]
fn tokio_channels_and_locks_run_unchanged() {
    for seed in 0..50 {
        let mut simulation = new(seed, POLICIES[usize::try_from(seed % 3).unwrap()]);
        let env = simulation.env();
        let total = simulation.block_on(async move {
            let (seen_tx, mut seen_rx) = watch::channel(0_u32);
            let (gate, go) = (Arc::new(Semaphore::new(1)), Arc::new(Notify::new()));
            for _ in 0..5 {
                let (gate, go, seen_tx) = (Arc::clone(&gate), Arc::clone(&go), seen_tx.clone());
                env.spawn(async move {
                    go.notified().await;
                    go.notify_one();
                    let _permit = gate.acquire().await.unwrap();
                    seen_tx.send_modify(|seen| *seen += 1);
                });
            }
            let (tx, rx) = oneshot::channel();
            env.spawn(async move {
                seen_rx.wait_for(|&seen| seen == 5).await.unwrap();
                tx.send(5).unwrap();
            });
            go.notify_one();
            rx.await
        });
        assert_eq!(total, Ok(5), "seed {seed}");
    }
}

/// A flag and a waker, registered in the wrong order: the flag is checked first. A set that falls in
/// between is never noticed.
async fn wait_wrongly(env: Env, flag: Arc<AtomicBool>, waiting: Arc<Mutex<Option<Waker>>>) {
    if !flag.load(Ordering::Relaxed) {
        env.fault_point("between check and registration").await;
        let mut registered = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut registered, true) {
                return Poll::Ready(());
            }
            *waiting.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[test]
fn a_lost_wake_is_reported_as_a_deadlock_with_the_tasks_left() {
    let run = |seed| {
        std::panic::catch_unwind(|| {
            let mut simulation = new(seed, Policy::Uniform);
            let env = simulation.env();
            let flag = Arc::new(AtomicBool::new(false));
            let waiting = Arc::new(Mutex::new(None::<Waker>));
            let waits = wait_wrongly(env.clone(), Arc::clone(&flag), Arc::clone(&waiting));
            env.spawn(async move {
                flag.store(true, Ordering::Relaxed);
                if let Some(waker) = waiting.lock().unwrap().take() {
                    waker.wake();
                }
            });
            simulation.block_on(waits);
        })
    };
    let failures: Vec<_> = (0..100).filter_map(|seed| run(seed).err()).collect();
    assert!(!failures.is_empty() && failures.len() < 100, "{} of 100 seeds", failures.len());
    let message = failures[0].downcast_ref::<String>().unwrap();
    assert!(message.contains("deadlock") && message.contains("block_on"), "{message}");
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_sleep_for_ever_is_a_deadlock() {
    let mut simulation = new(1, Policy::Uniform);
    let sleep = simulation.env().sleep_until(Instant::from_nanos(u64::MAX));
    simulation.block_on(sleep);
}

#[test]
#[should_panic(expected = "livelock")]
fn an_endless_loop_is_reported() {
    let mut simulation = Simulation::new(1, SimOptions::default().steps_max(1_000));
    simulation.block_on(async {
        loop {
            yield_now().await;
        }
    });
}

#[test]
fn a_loop_that_yields_starves_nobody() {
    for seed in 0..200 {
        for policy in POLICIES {
            let mut simulation = new(seed, policy);
            let env = simulation.env();
            simulation.block_on(async move {
                let done = Arc::new(AtomicBool::new(false));
                let done2 = Arc::clone(&done);
                env.spawn(async move { done2.store(true, Ordering::Relaxed) });
                while !done.load(Ordering::Relaxed) {
                    yield_now().await;
                }
            });
            assert!(simulation.steps() < 50, "seed {seed}: {simulation:?}");
        }
    }
}

#[test]
fn two_tasks_that_wake_each_other_starve_nobody() {
    for seed in 0..100 {
        for policy in POLICIES {
            let options = SimOptions::default().policy(policy).steps_max(20_000);
            let mut simulation = Simulation::new(seed, options);
            let env = simulation.env();
            simulation.block_on(async move {
                let (ping, mut pinged) = mpsc::channel(1);
                let (pong, mut ponged) = mpsc::channel(1);
                let done = Arc::new(AtomicBool::new(false));
                let (done2, env2) = (Arc::clone(&done), env.clone());
                env.spawn(async move {
                    while pinged.recv().await.is_some() {
                        pong.send(()).await.unwrap();
                    }
                });
                ping.send(()).await.unwrap();
                env2.spawn(async move { done2.store(true, Ordering::Relaxed) });
                while !done.load(Ordering::Relaxed) {
                    ponged.recv().await.unwrap();
                    ping.send(()).await.unwrap();
                }
            });
        }
    }
}

/// Reports whether a task that is ready sees all 30 rounds of two others go by before it runs.
fn is_held_back(seed: u64, policy: Policy) -> bool {
    let mut simulation = Simulation::new(seed, SimOptions::default().policy(policy));
    let env = simulation.env();
    simulation.block_on(async move {
        let (ping, mut pinged) = mpsc::channel(1);
        let (pong, mut ponged) = mpsc::channel(1);
        let (go, gone) = oneshot::channel();
        let rounds = Arc::new(AtomicU32::new(0));
        let (rounds2, (seen_tx, seen)) = (Arc::clone(&rounds), oneshot::channel());
        env.spawn(async move {
            gone.await.unwrap();
            seen_tx.send(rounds2.load(Ordering::Relaxed)).unwrap();
        });
        env.spawn(async move {
            while pinged.recv().await.is_some() {
                pong.send(()).await.unwrap();
            }
        });
        go.send(()).unwrap();
        for _ in 0..30 {
            ping.send(()).await.unwrap();
            ponged.recv().await.unwrap();
            rounds.fetch_add(1, Ordering::Relaxed);
        }
        seen.await == Ok(30)
    })
}

#[test]
fn pct_holds_one_task_back_for_long_and_uniform_does_not() {
    let seeds = |policy| (0..200).filter(|&seed| is_held_back(seed, policy)).count();
    assert!(seeds(Policy::Pct { depth: 1 }) > 50); // its priority is the lowest of three
    assert_eq!(seeds(Policy::Uniform), 0);
    assert_eq!(seeds(Policy::Fifo), 0);
}

#[test]
#[should_panic(expected = "planted")]
fn a_panic_in_a_task_reaches_the_test() {
    let mut simulation = new(1, Policy::Uniform);
    simulation.env().spawn(async { panic!("planted") });
    simulation.block_on(pending::<()>());
}

#[test]
fn blocking_work_runs_once_even_if_its_caller_gives_up() {
    let ran = Arc::new(AtomicU32::new(0));
    for seed in 0..20 {
        let mut simulation = new(seed, Policy::Uniform);
        let env = simulation.env();
        let counter = Arc::clone(&ran);
        let mut blocking = env.blocking(move || counter.fetch_add(1, Ordering::Relaxed));
        let started = poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut blocking).poll(cx)));
        assert!(
            simulation.block_on(started).is_pending(),
            "work never runs inside its caller's poll"
        );
        drop(blocking);
        simulation.advance(Duration::from_secs(1));
        let failed = simulation.block_on(env.blocking(|| -> () { panic!("planted") }));
        assert_eq!(failed, Err(BlockingError::Panicked { message: "planted".to_owned() }));
        assert_eq!(simulation.live_tasks(), 0);
    }
    assert_eq!(ran.load(Ordering::Relaxed), 20);
}

#[test]
fn blocking_work_takes_virtual_time_up_to_the_limit_or_none() {
    let took: Vec<u64> = (0..50)
        .map(|seed| {
            let options = SimOptions::default().delay_max(Duration::from_nanos(100));
            let mut simulation = Simulation::new(seed, options);
            let work = simulation.env().blocking(|| ());
            assert_eq!(simulation.block_on(work), Ok(()));
            simulation.env().now().as_nanos()
        })
        .collect();
    assert!(took.contains(&0) && took.iter().any(|&ns| ns > 50), "{took:?}");
    assert!(took.iter().all(|&ns| ns <= 100), "{took:?}");
}

#[test]
fn nothing_runs_in_the_background_thread() {
    let simulation = new(1, Policy::Uniform);
    assert!(simulation.env().background("watchdog", |_| panic!("started")).unwrap().is_none());
    assert!(simulation.env().is_simulated());
}

#[test]
fn dropping_the_simulation_drops_its_tasks_and_later_ones_at_once() {
    struct Respawn(Env, Arc<AtomicU32>);
    impl Drop for Respawn {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
            let count = Arc::clone(&self.1);
            let guard = scopeguard(move || {
                count.fetch_add(1, Ordering::Relaxed);
            });
            self.0.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
        }
    }
    let drops = Arc::new(AtomicU32::new(0));
    let mut simulation = new(1, Policy::Uniform);
    let env = simulation.env();
    let slot = Arc::new(Mutex::new(None::<Waker>));
    let (respawn, slot2) = (Respawn(env.clone(), Arc::clone(&drops)), Arc::clone(&slot));
    env.spawn(async move {
        let _respawn = respawn;
        poll_fn(|cx| {
            *slot2.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
        .await;
    });
    assert_eq!(simulation.run_until_idle(10), RunOutcome::Idle);
    assert_eq!(simulation.live_tasks(), 1);
    drop(simulation);
    assert_eq!(drops.load(Ordering::Relaxed), 2);
    slot.lock().unwrap().take().unwrap().wake();
    assert_eq!(Arc::strong_count(&drops), 1, "a task outlived the simulation");
}

fn scopeguard(f: impl FnMut() + Send + 'static) -> impl Send {
    struct Guard<F: FnMut()>(F);
    impl<F: FnMut()> Drop for Guard<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    Guard(f)
}

/// A task that ends, woken in its last poll or not, and whose waker is kept; then another in its slot.
fn polls_of_the_next_owner(policy: Policy, woken_at_the_end: bool) -> u32 {
    let mut simulation = new(1, policy);
    let env = simulation.env();
    let kept = Arc::new(Mutex::new(None::<Waker>));
    let kept2 = Arc::clone(&kept);
    env.spawn(poll_fn(move |cx| {
        if woken_at_the_end {
            cx.waker().wake_by_ref();
        }
        *kept2.lock().unwrap() = Some(cx.waker().clone());
        Poll::Ready(())
    }));
    assert_eq!(simulation.run_until_idle(1), RunOutcome::Idle);
    let polls = Arc::new(AtomicU32::new(0));
    let polls2 = Arc::clone(&polls);
    env.spawn(poll_fn(move |_| {
        polls2.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }));
    assert_eq!(simulation.run_until_idle(10), RunOutcome::Idle);
    kept.lock().unwrap().take().unwrap().wake();
    assert_eq!(simulation.run_until_idle(10), RunOutcome::Idle);
    polls.load(Ordering::Relaxed)
}

#[test]
fn a_waker_of_an_ended_task_never_wakes_the_next_owner_of_its_slot() {
    for policy in POLICIES {
        assert_eq!(polls_of_the_next_owner(policy, false), 1, "{policy:?}");
        assert_eq!(polls_of_the_next_owner(policy, true), 1, "{policy:?}");
    }
}

#[test]
fn running_is_bounded_by_the_given_steps() {
    let mut simulation = new(1, Policy::Uniform);
    simulation.env().spawn(async {
        loop {
            yield_now().await;
        }
    });
    assert_eq!(simulation.run_until_idle(17), RunOutcome::StepLimit);
    assert_eq!(simulation.steps(), 17);
}

#[test]
fn polls_draws_timers_and_fault_points_each_mark_the_trace() {
    let hash = |act: fn(&mut Simulation)| {
        let mut simulation = new(1, Policy::Fifo);
        act(&mut simulation);
        simulation.trace_hash()
    };
    let hashes = BTreeSet::from([
        hash(|_| ()),
        hash(|simulation| assert!(simulation.env().random_f64() < 1.0)),
        hash(|simulation| drop(simulation.env().fault_point("one"))),
        hash(|simulation| drop(simulation.env().fault_point("two"))),
        // The first has one poll, the others have the same two and differ in their timer.
        hash(|simulation| one_sleep(simulation, 1_000, Duration::ZERO)),
        hash(|simulation| one_sleep(simulation, 1_000, Duration::from_secs(1))),
        hash(|simulation| one_sleep(simulation, 500, Duration::from_secs(1))),
    ]);
    assert_eq!(hashes.len(), 7);
}

fn one_sleep(simulation: &mut Simulation, ms: u64, then: Duration) {
    let env = simulation.env();
    simulation.env().spawn(async move { sleep_ms(&env, ms).await });
    simulation.advance(then);
}
