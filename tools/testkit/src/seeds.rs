use crate::swarm::Swarm;
use foundation_env::Env;
use foundation_env::sim::{Policy, SimOptions, Simulation};
use std::any::Any;
use std::env;
use std::future::Future;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::Duration;

/// The variable that replays one seed, in decimal.
const SEED_VARIABLE: &str = "FOUNDATION_SEED";

/// The variable that sets how many seeds run, in decimal.
const COUNT_VARIABLE: &str = "FOUNDATION_SEEDS";

/// What a run left behind; equal for two runs of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The hash over all polls, draws and timers.
    pub trace_hash: u64,
    /// The number of polls.
    pub steps: u64,
    /// Tasks that had not ended when the scenario and everything ready at its end were done.
    pub tasks_left: usize,
    /// Sleeps still waiting then.
    pub timers_left: usize,
}

/// The first seed that failed, from [`first_failure`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The options it ran with.
    pub options: SimOptions,
    /// The message of the panic.
    pub message: String,
}

/// Draws the options of a seed: policy, fault probability and delays.
///
/// One run in eight is FIFO without faults, since that is the schedule production mostly shows; the rest
/// is split between uniform choice and PCT, half of it with faults.
pub fn sim_options(seed: u64) -> SimOptions {
    let mut swarm = Swarm::new(seed);
    let policy = match swarm.range(0..=7) {
        0 => return SimOptions::default().policy(Policy::Fifo),
        1..=4 => Policy::Uniform,
        _ => Policy::Pct { depth: if swarm.chance(0.5) { 2 } else { 3 } },
    };
    let fault_probability = if swarm.chance(0.5) { swarm.unit() * 0.3 } else { 0.0 };
    let delay_max = Duration::from_micros(swarm.range(0..=20_000));
    SimOptions::default().policy(policy).fault_probability(fault_probability).delay_max(delay_max)
}

/// Runs a scenario once in a new simulation, and then what is still ready at its end.
///
/// # Panics
/// With the panic of the scenario or of any task.
pub fn sim_run<F, Fut>(seed: u64, options: SimOptions, scenario: &F) -> Outcome
where
    F: Fn(Env, u64) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut simulation = Simulation::new(seed, options);
    let future = scenario(simulation.env(), seed);
    simulation.block_on(future);
    // Ends by the simulation's own limit of polls at the latest. No time passes.
    simulation.advance(Duration::ZERO);
    Outcome {
        trace_hash: simulation.trace_hash(),
        steps: simulation.steps(),
        tasks_left: simulation.live_tasks(),
        timers_left: simulation.pending_timers(),
    }
}

/// Runs a scenario under every seed of a range, with the options of [`sim_options`].
///
/// Each seed runs twice and must leave the same trace. `FOUNDATION_SEED=<n>` runs that seed alone,
/// `FOUNDATION_SEEDS=<count>` changes how many run.
///
/// # Panics
/// If a run fails, after printing the seed, its options, the command that replays it, and how many seeds
/// it took. If the two runs of a seed differ. If a variable is not a number.
pub fn sim_seeds<F, Fut>(seeds: Range<u64>, scenario: F)
where
    F: Fn(Env, u64) -> Fut,
    Fut: Future<Output = ()>,
{
    sim_seeds_with(seeds, sim_options, scenario);
}

/// Runs like [`sim_seeds`], with options of the caller's choice for each seed.
///
/// # Panics
/// As [`sim_seeds`].
pub fn sim_seeds_with<F, Fut>(seeds: Range<u64>, options: impl Fn(u64) -> SimOptions, scenario: F)
where
    F: Fn(Env, u64) -> Fut,
    Fut: Future<Output = ()>,
{
    for_each_seed(seeds, options, |seed, options| check_deterministic(seed, options, &scenario));
}

/// Runs like [`sim_seeds`], but each seed once: for a test whose length is what it is for.
///
/// # Panics
/// If a run fails, as [`sim_seeds`]. If a variable is not a number.
pub fn sim_seeds_once<F, Fut>(seeds: Range<u64>, scenario: F)
where
    F: Fn(Env, u64) -> Fut,
    Fut: Future<Output = ()>,
{
    for_each_seed(seeds, sim_options, |seed, options| {
        sim_run(seed, options, &scenario);
    });
}

/// Runs what the variables leave of the seeds, and reports the first that fails.
fn for_each_seed(
    seeds: Range<u64>,
    options: impl Fn(u64) -> SimOptions,
    run: impl Fn(u64, SimOptions),
) {
    let (seed, count) = (env::var(SEED_VARIABLE).ok(), env::var(COUNT_VARIABLE).ok());
    for (seed, tried) in plan(seeds, seed.as_deref(), count.as_deref()).zip(1_u64..) {
        let options = options(seed);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| run(seed, options))) {
            print(&report(seed, tried, options, thread::current().name()));
            resume_unwind(payload);
        }
    }
}

/// Runs a seed twice and compares the traces.
fn check_deterministic<F, Fut>(seed: u64, options: SimOptions, scenario: &F)
where
    F: Fn(Env, u64) -> Fut,
    Fut: Future<Output = ()>,
{
    let first = sim_run(seed, options, scenario);
    let second = sim_run(seed, options, scenario);
    assert!(
        first == second,
        "two runs of seed {seed} differ, so it cannot be replayed: {first:?} and then {second:?}; look for time, \
         randomness, threads, hash maps or state kept between runs that do not come from Env"
    );
}

/// Runs a scenario once per seed until one fails, and returns that failure, or `None` if all passed.
///
/// This is for planted faults: the test asserts that the fault is found within its budget of seeds. The
/// panic hook still prints each panic.
pub fn first_failure<F, Fut>(
    seeds: Range<u64>,
    options: impl Fn(u64) -> SimOptions,
    scenario: F,
) -> Option<Failure>
where
    F: Fn(Env, u64) -> Fut,
    Fut: Future<Output = ()>,
{
    seeds.into_iter().find_map(|seed| {
        let options = options(seed);
        let failed = catch_unwind(AssertUnwindSafe(|| sim_run(seed, options, &scenario))).err()?;
        Some(Failure { seed, options, message: message(&*failed) })
    })
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("panic payload is not text").to_owned()
}

/// Applies the two variables to the seeds a test asks for.
fn plan(seeds: Range<u64>, seed: Option<&str>, count: Option<&str>) -> Range<u64> {
    if let Some(seed) = seed {
        let seed = number(SEED_VARIABLE, seed);
        return seed..seed.saturating_add(1);
    }
    match count {
        Some(count) => seeds.start..seeds.start.saturating_add(number(COUNT_VARIABLE, count)),
        None => seeds,
    }
}

#[expect(clippy::panic, reason = "a mistyped seed must not pass as a green run")]
fn number(variable: &str, text: &str) -> u64 {
    match text.trim().parse() {
        Ok(number) => number,
        Err(error) => panic!("{variable} is {text:?}, which is not a decimal number: {error}"),
    }
}

/// Says what failed, how to run just that again, and after how many seeds it was found, which is what
/// `cargo xtask faults` writes into its table.
fn report(seed: u64, tried: u64, options: SimOptions, test: Option<&str>) -> String {
    // The root of the workspace tests only the program by default. The harness names a test's thread
    // after it, unless it runs all of them on the main thread.
    let test = test.filter(|name| *name != "main");
    let exactly = test.map(|name| format!(" -- --exact {name}")).unwrap_or_default();
    format!(
        "seed {seed} failed with {options:?}\n\
         replay: {SEED_VARIABLE}={seed} cargo test --workspace{exactly}\n\
         caught-after-seeds: {tried}"
    )
}

#[expect(clippy::print_stderr, reason = "the harness shows it with the failed test")]
fn print(report: &str) {
    eprintln!("{report}");
}

#[cfg(test)]
mod tests;
