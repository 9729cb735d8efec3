//! Batches whose pool is closed, or whose earlier items are not done.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use foundation_env::Env;
use foundation_process::System;
use foundation_supervisor::{BatchOptions, TaskLimits, TaskOutcome, TaskSupervisor};
use foundation_testkit::sim_seeds;
use foundation_types::Pid;

async fn open(env: &Env, max_children: usize) -> (System, TaskSupervisor, Pid) {
    let system = System::new(env.clone());
    let tasks = TaskSupervisor::new(TaskLimits::default().max_children(max_children));
    let keeper = tasks.start(&system).await.expect("it opens");
    (system, tasks, keeper)
}

async fn close(system: &System, keeper: Pid) {
    let down = system.monitor(keeper);
    system.kill(keeper);
    down.await;
}

/// A batch asked its pool for the time, and a closed pool has none: items without end were cancelled one by one
/// for ever, and those of a finite batch were cancelled where they had timed out.
#[test]
fn a_batch_on_a_closed_pool_ends_at_its_deadline() {
    sim_seeds(0..6, |env, seed| async move {
        let (system, tasks, keeper) = open(&env, 2).await;
        close(&system, keeper).await;
        let deadline = system.deadline(Duration::from_secs(1));
        let options = BatchOptions::default().deadline(deadline).ordered(seed % 2 == 0);
        let body = |(), _| async { Ok::<_, ()>(()) };
        let mut endless = tasks.batch(std::iter::repeat(()), options.clone(), body);
        let mut counted = tasks.batch([(); 4], options, body);
        let cancelled = Some(TaskOutcome::Cancelled);
        assert_eq!(endless.next().await.map(|item| item.outcome), cancelled);
        assert_eq!(counted.next().await.map(|item| item.outcome), cancelled);
        assert!(!endless.was_cut_short());
        env.sleep_until(env.now().saturating_add(Duration::from_secs(2))).await;
        assert_eq!(endless.next().await, None);
        assert!(endless.was_cut_short());
        for _ in 0..3 {
            let timed_out = Some(TaskOutcome::TimedOut);
            assert_eq!(counted.next().await.map(|item| item.outcome), timed_out);
        }
        assert_eq!(counted.next().await, None);
        assert!(!counted.was_cut_short());
    });
}

/// While an earlier item still ran, a batch in order settled item after item within one poll.
#[test]
fn a_batch_in_order_gives_way_while_an_earlier_item_runs() {
    sim_seeds(0..30, |env, _| async move {
        let (system, tasks, keeper) = open(&env, 1).await;
        let taken = Cell::new(0);
        let items = (0..100_u64).inspect(|_| taken.set(taken.get() + 1));
        let options = BatchOptions::default().max_concurrency(usize::MAX);
        let mut batch =
            tasks.batch(items, options, |_, _| std::future::pending::<Result<(), ()>>());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pin!(batch.next()).poll(&mut cx).is_pending());
        assert_eq!(taken.get(), 2, "one runs and one waits");
        close(&system, keeper).await;
        for _ in 0..4 {
            let before = taken.get();
            let _told = pin!(batch.next()).poll(&mut cx);
            assert!(taken.get() <= before + 1, "{before} and then {}", taken.get());
        }
    });
}

/// What a batch in order kept for later was bounded by its concurrency only, which may be without bound.
#[test]
fn a_batch_in_order_keeps_so_many_outcomes_at_most() {
    sim_seeds(0..1, |env, _| async move {
        let (system, tasks, _) = open(&env, 4).await;
        let taken = Cell::new(0);
        let items = (0..3000_u64).inspect(|_| taken.set(taken.get() + 1));
        let options = BatchOptions::default().max_concurrency(usize::MAX);
        let mut batch = tasks.batch(items, options, |n, _| async move {
            if n == 0 {
                std::future::pending::<()>().await;
            }
            Ok::<_, ()>(())
        });
        let deadline = system.deadline(Duration::from_mins(10));
        system.before(deadline, batch.next()).await.expect_err("the first never ends");
        assert!((1024..=1024 + 5).contains(&taken.get()), "{}", taken.get());
    });
}
