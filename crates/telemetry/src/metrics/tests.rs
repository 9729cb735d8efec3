use std::sync::atomic::AtomicU32;

use foundation_env::sim::{SimOptions, Simulation};

use super::*;
use crate::Telemetry;

static JOBS: Metric<2> = Metric::counter("jobs_total", ["kind", "outcome"], "Jobs done.");
static LOAD: Metric<0> = Metric::gauge("load_ratio", [], "How busy it is.");
static TOOK: Metric<1> = Metric::histogram("job_us", ["kind"], "How long jobs took.");
static AGAIN: Metric<1> = Metric::counter("jobs_total", ["kind"], "Something else.");
static WRONG: Metric<1> = Metric::counter("jobs", ["the kind"], "A label with a space.");

fn metrics() -> (Simulation, Metrics) {
    let simulation = Simulation::new(7, SimOptions::default());
    let metrics = Telemetry::new(simulation.env()).metrics().clone();
    (simulation, metrics)
}

/// Lets time go by.
fn pass(simulation: &mut Simulation, length: Duration) {
    let env = simulation.env();
    simulation.block_on(env.sleep_until(env.now().saturating_add(length)));
}

/// Guarantee MT1
#[test]
fn what_threads_count_at_once_adds_up() {
    let (_simulation, metrics) = metrics();
    let counter = JOBS.to_counter(&metrics, ["read", "ok"]).unwrap();
    let histogram = TOOK.to_histogram(&metrics, ["read"]).unwrap();
    // More threads than lanes, so that some share one, and again, so that lanes are handed on.
    for _ in 0..3 {
        let together = std::sync::Barrier::new(40);
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    together.wait();
                    for value in 0..10_000 {
                        counter.increment();
                        histogram.record(value % 100);
                    }
                });
            }
        });
    }
    assert_eq!(counter.get(), 1_200_000);
    let total = histogram.total();
    assert_eq!((total.count, total.sum, total.max), (1_200_000, 1_200_000 / 100 * 4_950, 99));
}

/// Guarantee MT2
#[test]
fn windows_forget_what_is_older() {
    let (mut simulation, metrics) = metrics();
    let took = TOOK.to_histogram(&metrics, ["read"]).unwrap();
    let counts = || Window::ALL.map(|window| took.window(window).count);
    // Not at the very end of a step.
    pass(&mut simulation, Duration::from_secs(1));
    took.record(1_000_000);
    assert_eq!(counts(), [1; 3]);
    for minute in 1..=16_u64 {
        pass(&mut simulation, Duration::from_mins(1));
        took.record(10);
        // The one at the very beginning of a window is in its first step.
        let all = [1, 5, 15].map(|minutes| minute.min(minutes) + 1);
        assert_eq!(counts(), all, "after {minute} minutes");
    }
    assert_eq!((took.window(Window::Minute).max, took.total().max), (10, 1_000_000));
    assert_eq!(took.total().count, 17);
    pass(&mut simulation, Duration::from_mins(20));
    assert_eq!(took.window(Window::QuarterHour), Distribution::default());
}

/// Guarantee MT3
#[test]
fn series_beyond_the_bound_are_one_and_counted() {
    let (_simulation, metrics) = metrics();
    for index in 0..Metrics::SERIES_MAX + 5 {
        JOBS.to_counter(&metrics, [&index.to_string(), "ok"]).unwrap().increment();
    }
    let known = JOBS.to_counter(&metrics, ["0", "ok"]).unwrap();
    assert_eq!(known.get(), 1, "those that are known go on");
    let snapshot = metrics.snapshot();
    assert_eq!((snapshot.len(), snapshot[0].overflows), (1, 5));
    assert_eq!(snapshot[0].series.len(), Metrics::SERIES_MAX + 1);
    let other = snapshot[0].series.iter().find(|series| series.labels == ["other", "other"]);
    assert!(matches!(other.unwrap().value, SeriesValue::Counter(5)));
}

/// Guarantee MT4
#[test]
fn the_text_is_what_prometheus_reads() {
    let (_simulation, metrics) = metrics();
    JOBS.to_counter(&metrics, ["a \"b\"\\\n", "ok"]).unwrap().add(3);
    LOAD.to_gauge(&metrics, []).unwrap().set(0.5);
    let took = TOOK.to_histogram(&metrics, ["read"]).unwrap();
    let _idle = TOOK.to_histogram(&metrics, ["idle"]).unwrap();
    (1..=20).for_each(|value| took.record(value));
    let expected = r#"# HELP job_us How long jobs took.
# TYPE job_us summary
job_us{kind="idle",quantile="0.5"} NaN
job_us{kind="idle",quantile="0.9"} NaN
job_us{kind="idle",quantile="0.95"} NaN
job_us{kind="idle",quantile="0.99"} NaN
job_us{kind="idle",quantile="0.999"} NaN
job_us_sum{kind="idle"} 0
job_us_count{kind="idle"} 0
job_us{kind="read",quantile="0.5"} 10
job_us{kind="read",quantile="0.9"} 18
job_us{kind="read",quantile="0.95"} 19
job_us{kind="read",quantile="0.99"} 20
job_us{kind="read",quantile="0.999"} 20
job_us_sum{kind="read"} 210
job_us_count{kind="read"} 20
# HELP jobs_total Jobs done.
# TYPE jobs_total counter
jobs_total{kind="a \"b\"\\\n",outcome="ok"} 3
# HELP load_ratio How busy it is.
# TYPE load_ratio gauge
load_ratio 0.5
"#;
    assert_eq!(metrics.prometheus(), expected);
}

/// Guarantee MT3
#[test]
fn a_declaration_that_does_not_fit_is_refused() {
    let (_simulation, metrics) = metrics();
    let refused = |result: Result<Counter, MetricError>| result.unwrap_err();
    JOBS.to_counter(&metrics, ["read", "ok"]).unwrap();
    let twice = refused(AGAIN.to_counter(&metrics, ["read"]));
    assert_eq!(twice, MetricError::Twice { name: "jobs_total" });
    let name = refused(WRONG.to_counter(&metrics, ["read"]));
    assert_eq!(name, MetricError::Name { name: "the kind" });
    let kind = JOBS.to_gauge(&metrics, ["read", "ok"]).unwrap_err();
    assert_eq!(kind, MetricError::Kind { name: "jobs_total" });
}

/// Guarantee MT5
#[test]
fn what_is_observed_is_looked_up_when_it_is_read() {
    let (_simulation, metrics) = metrics();
    let looked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&looked);
    let again = metrics.clone();
    let observed = LOAD.observe(&metrics, [], move || {
        // It may use the metrics itself.
        JOBS.to_counter(&again, ["look", "ok"]).map_or(0.0, |jobs| {
            jobs.increment();
            f64::from(counted.fetch_add(1, Ordering::Relaxed) + 1)
        })
    });
    assert!(metrics.prometheus().contains("load_ratio 1\n"));
    assert!(metrics.prometheus().contains("load_ratio 2\n"));
    let panics = LOAD.observe(&metrics, [], || panic!("as planned"));
    assert!(metrics.prometheus().contains("load_ratio 3\n"), "it harms nobody else");
    drop((observed, panics));
    assert!(metrics.prometheus().contains("load_ratio 3\n"));
    assert_eq!(looked.load(Ordering::Relaxed), 3);
    LOAD.to_gauge(&metrics, []).unwrap().add(-0.5);
    assert!(metrics.prometheus().contains("load_ratio 2.5\n"));
}
