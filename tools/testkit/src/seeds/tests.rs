use super::{first_failure, plan, report, sim_options, sim_run, sim_seeds, sim_seeds_with};
use foundation_env::Env;
use foundation_env::sim::{Policy, SimOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Two tasks add one each, in a read and a write with a fault point in between: a lost update.
async fn lose_an_update(env: Env) {
    let total = Arc::new(AtomicU64::new(0));
    let (tx, mut rx) = tokio::sync::mpsc::channel::<()>(1);
    for _ in 0..2 {
        let (total, tx, env2) = (Arc::clone(&total), tx.clone(), env.clone());
        env.spawn(async move {
            let before = total.load(Ordering::Relaxed);
            env2.fault_point("between read and write").await;
            total.store(before + 1, Ordering::Relaxed);
            drop(tx);
        });
    }
    drop(tx);
    assert_eq!(rx.recv().await, None);
    assert_eq!(total.load(Ordering::Relaxed), 2, "lost update");
}

#[test]
fn a_lost_update_is_found_and_replays() {
    let failure = first_failure(0..200, sim_options, |env, _| lose_an_update(env)).unwrap();
    assert!(failure.message.contains("lost update"), "{failure:?}");
    let again =
        first_failure(failure.seed..failure.seed + 1, sim_options, |env, _| lose_an_update(env));
    assert_eq!(again, Some(failure));
    let fifo = |_| SimOptions::default().policy(Policy::Fifo);
    assert_eq!(first_failure(0..50, fifo, |env, _| lose_an_update(env)), None);
}

#[test]
fn each_seed_runs_twice() {
    let runs = AtomicU64::new(0);
    let options = |_| SimOptions::default();
    sim_seeds_with(3..7, options, |env, seed| {
        runs.fetch_add(seed, Ordering::Relaxed);
        async move { assert!(env.random_f64() < 1.0) }
    });
    // Whoever runs the tests may set FOUNDATION_SEEDS; then the sum says nothing.
    if std::env::var_os("FOUNDATION_SEEDS").is_none()
        && std::env::var_os("FOUNDATION_SEED").is_none()
    {
        assert_eq!(runs.into_inner(), 2 * (3 + 4 + 5 + 6));
    }
}

#[test]
fn state_kept_between_runs_is_reported() {
    let runs = AtomicU64::new(0);
    let failed = catch_unwind(AssertUnwindSafe(|| {
        sim_seeds(0..1, |env, _| {
            let draws = runs.fetch_add(1, Ordering::Relaxed);
            async move { (0..draws).for_each(|_| assert!(env.random_f64() < 1.0)) }
        });
    }));
    let message = super::message(&*failed.unwrap_err());
    assert!(message.contains("cannot be replayed"), "{message}");
}

#[test]
fn what_is_left_at_the_end_is_counted() {
    let outcome = sim_run(1, SimOptions::default(), &|env: Env, _| async move {
        let env2 = env.clone();
        env.spawn(async move {
            env2.sleep_until(env2.now().saturating_add(Duration::from_secs(1))).await;
        });
        env.spawn(async {});
    });
    assert_eq!((outcome.tasks_left, outcome.timers_left), (1, 1));
}

#[test]
fn options_vary_in_every_dimension() {
    let options: Vec<String> = (0..200).map(|seed| format!("{:?}", sim_options(seed))).collect();
    for part in [
        "Fifo",
        "Uniform",
        "depth: 2",
        "depth: 3",
        "fault_probability: 0.0,",
        "fault_probability: 0.2",
    ] {
        assert!(options.iter().any(|options| options.contains(part)), "{part} is never drawn");
    }
}

#[test]
fn variables_choose_the_seeds() {
    assert_eq!(plan(5..9, None, None), 5..9);
    assert_eq!(plan(5..9, Some("77"), Some("3")), 77..78);
    assert_eq!(plan(5..9, None, Some(" 3 ")), 5..8);
    assert!(catch_unwind(|| plan(5..9, Some("0x1f"), None)).is_err());
}

/// The command that was printed once was `cargo test NAME`, which from the root tests the default member
/// only and replays nothing.
#[test]
fn the_report_names_a_command_that_replays_the_test() {
    let lines = |test| {
        let report = report(7, 3, SimOptions::default(), test);
        report.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        lines(Some("concurrent::every_schedule")),
        [
            "replay: FOUNDATION_SEED=7 cargo test --workspace -- --exact concurrent::every_schedule",
            "caught-after-seeds: 3",
        ]
    );
    for unnamed in [None, Some("main")] {
        assert_eq!(lines(unnamed)[0], "replay: FOUNDATION_SEED=7 cargo test --workspace");
    }
}
