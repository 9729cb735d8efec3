use std::cell::{Cell, RefCell};

use anyhow::bail;

use super::*;

const BENCHES: &[Bench] = &[
    Bench::throughput("rate", "per s", &["a", "b"], &[]),
    Bench { is_large: true, ..Bench::throughput("large", "per s", &["a"], &[]) },
];
const GROUP: Group = Group {
    name: "test",
    benches: BENCHES,
    floors: &[],
    time_max: Duration::MAX,
    measure: |_, _, _| bail!("children measure"),
};
const ALL: Selection = Selection { benches: Vec::new(), subjects: Vec::new(), has_large: false };

/// Runs with samples that take a second each; `take` gets the number of the sample and its limit.
fn run(plan: Plan, take: impl Fn(u32, Duration) -> Result<(f64, f64)>) -> (Results, u32) {
    let (count, seconds) = (Cell::new(0), Cell::new(0));
    let take = |_: &Job, limit: Duration| {
        seconds.set(seconds.get() + 1);
        count.set(count.get() + 1);
        take(count.get(), limit).map(|(value, foreign)| (Sample::of(value), foreign))
    };
    let spent = || Duration::from_secs(seconds.get());
    let results = plan.measure(&GROUP, &ALL, &Source { take: &take, spent: &spent }).unwrap();
    (results, count.get())
}

fn budget(seconds: u64) -> Plan {
    Plan { budget: Some(Duration::from_secs(seconds)), ..Plan::quick() }
}

#[test]
fn the_median_is_the_middle() {
    let spread = |values: &[f64]| Spread::of(values.to_vec());
    assert_eq!(spread(&[9.0, 1.0, 4.0]), Spread { median: 4.0, min: 1.0, max: 9.0 });
    assert_eq!(spread(&[9.0, 1.0, 4.0, 6.0]), Spread { median: 5.0, min: 1.0, max: 9.0 });
    assert_eq!(spread(&[7.0]), Spread { median: 7.0, min: 7.0, max: 7.0 });
    let endless = spread(&[f64::INFINITY, f64::INFINITY, 2.0]);
    assert!(endless.median.is_infinite());
}

/// The ratio of two medians compared figures of different rounds, so the drift that interleaving is
/// meant to cancel stayed in.
#[test]
fn a_ratio_compares_within_a_round() {
    let mut results = Results::default();
    // The machine halves its speed in the third round and both are hit; ours lacks the last round.
    results.add("rate", "ours", &[20.0, 22.0, 10.0]);
    results.add("rate", "theirs", &[10.0, 10.0, 5.0, 1.0]);
    let of = |subject| results.get("rate", subject).unwrap();
    let ratio = of("ours").ratio(of("theirs"), Better::Higher).unwrap();
    assert_eq!(ratio, Spread { median: 2.0, min: 2.0, max: 2.2 });
    assert_eq!(of("ours").ratio(&Samples::default(), Better::Higher), None);
}

#[test]
fn a_disturbed_sample_is_taken_again_at_most_twice_and_the_quietest_counts() {
    let disturbed = [0.9, 0.3, 0.5, 0.0];
    let foreign = |n: u32| disturbed[usize::try_from(n - 1).unwrap()];
    let plan = Plan::quick().exactly(1);
    let (results, count) = run(plan, |n, _| Ok((f64::from(n), foreign(n))));
    assert_eq!(count, 4);
    assert_eq!(results.get("rate", "a").unwrap().spread().median.to_bits(), 2_f64.to_bits());
    assert_eq!(results.get("rate", "b").unwrap().rounds(), 1);
    assert!(results.busy().unwrap().contains("1 of 2 samples"));
}

/// One child that failed threw away the figures of all others.
#[test]
fn a_failed_sample_is_noted_and_the_rest_goes_on() {
    let plan = Plan::quick().exactly(2);
    let (results, _) = run(plan, |n, _| if n == 1 { bail!("it broke") } else { Ok((1.0, 0.0)) });
    assert_eq!(results.failures, ["test/rate with a, round 1: it broke"]);
    let rounds = |subject| results.get("rate", subject).unwrap().rounds();
    assert_eq!((rounds("a"), rounds("b")), (1, 2));
}

#[test]
fn the_budget_ends_retakes_rounds_and_children() {
    let limits = RefCell::new(Vec::new());
    let (results, count) = run(budget(3), |_, limit| {
        limits.borrow_mut().push(limit.as_secs());
        Ok((1.0, 0.9))
    });
    assert_eq!(count, 3, "{limits:?}");
    assert_eq!(*limits.borrow(), [3, 2, 1]);
    assert_eq!(results.failures.len(), usize::from(results.get("rate", "b").is_none()));
    let (results, count) = run(budget(1), |_, _| Ok((1.0, 0.0)));
    assert_eq!((count, results.failures.len()), (1, 1));
    assert!(results.failures[0].contains("the time is up"), "{:?}", results.failures);
    let (_, count) = run(budget(100), |_, limit| Ok((1.0, f64::from(limit > child::TIME_MAX))));
    assert_eq!(count, 6, "a child has at most a minute");
}

#[test]
fn a_large_benchmark_is_left_out_unless_it_is_named() {
    let count = |chosen: Selection| chosen.jobs(&GROUP, 0).len();
    assert_eq!(count(ALL), 2);
    assert_eq!(count(Selection { has_large: true, ..ALL }), 3);
    assert_eq!(count(Selection { benches: vec!["large".to_owned()], ..ALL }), 1);
}
