//! Whole systems in the simulation: one thread, virtual time, real agents, a real folder.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]
#![expect(
    clippy::large_futures,
    reason = "a scenario's future lives once, on the test's own stack"
)]

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use foundation_agent::digest::{DigestReport, FileOutcome, FileStats, ListedFile};
use foundation_agent::{Action, ActionContext, Actions, Payload};
use foundation_env::Env;
use foundation_env::sim::{SimOptions, Simulation};
use foundation_node::{Node, NodeError, RunOptions, SystemSpec};
use foundation_process::{Limits, System};
use foundation_testkit::{sim_options, sim_seeds, sim_seeds_with, wait_for};
use foundation_types::{Code, Deadline, Error};
use foundation_workflow::{Chaos, RunEnd, RunError, RunOutcome, RunStatus};

/// As the example, with room for every rate of deaths.
const DIGEST: &str = r#"
[system]
name = "digest"

[[agent]]
name = "lister"
capabilities = ["files.list"]
restart = { intensity = 100000, period_ms = 1000 }

[[pool]]
name = "readers"
capabilities = ["text.stats"]
size = 3
restart = { intensity = 100000, period_ms = 1000 }

[[agent]]
name = "merger"
capabilities = ["report.merge"]
restart = { intensity = 100000, period_ms = 1000 }

[[task]]
name = "list"
capability = "files.list"
deaths_max = 1000

[[task]]
name = "stats"
capability = "text.stats"
for_each = "list"
DEADLINE
deaths_max = 1000

[[task]]
name = "merge"
capability = "report.merge"
after = ["stats"]
deaths_max = 1000
"#;

const FILES: usize = 24;

/// One folder for all tests: it is only read.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::TempDir::new().unwrap();
        for number in 0..FILES {
            let text = format!("agent {number} reads\n{}", "mailbox ".repeat(number % 5));
            fs::write(folder.path().join(format!("{number:02}.txt")), text).unwrap();
        }
        fs::write(folder.path().join("latin.txt"), b"caf\xe9").unwrap();
        folder
    });
    folder.path()
}

fn spec(text: &str, actions: &Actions) -> SystemSpec {
    match SystemSpec::parse("system.toml", text, actions) {
        Ok(spec) => spec,
        Err(faults) => panic!("{faults}"),
    }
}

fn options(chaos: Option<Chaos>) -> RunOptions {
    RunOptions::new(folder(), 2).with_chaos(chaos)
}

fn soon(env: &Env) -> Deadline {
    Deadline::after(env.now(), Duration::from_mins(10))
}

/// Starts a system, waits for its end, stops it, and checks that nothing is left.
async fn carry_out(
    env: &Env,
    spec: SystemSpec,
    options: &RunOptions,
) -> (Result<RunOutcome, NodeError>, u64) {
    // Nothing in it is outside of the tree: a strict system would refuse it.
    let mut limits = Limits::default();
    limits.strict_supervision = true;
    let system = System::with_limits(env.clone(), limits);
    let node = Node::start(&system, spec, options).await.unwrap();
    let outcome = system.before(soon(env), node.outcome()).await.unwrap();
    let restarts = node.restarts();
    let report = node.stop(soon(env)).await;
    assert!(report.killed.is_empty() && report.stuck.is_empty(), "{report:?}");
    assert_eq!(system.counts().processes, 0);
    (outcome, restarts)
}

async fn digest(env: &Env, text: &str, chaos: Option<Chaos>) -> (Payload, RunStatus, u64) {
    let spec = spec(text, &Actions::builtin());
    let (outcome, restarts) = carry_out(env, spec, &options(chaos)).await;
    match outcome.unwrap() {
        RunOutcome { end: RunEnd::Done(report), status, .. } => (report, status, restarts),
        other => panic!("{other:?}"),
    }
}

fn undisturbed() -> &'static Payload {
    static REPORT: OnceLock<Payload> = OnceLock::new();
    REPORT.get_or_init(|| {
        let mut simulation = Simulation::new(0, SimOptions::default());
        let env = simulation.env();
        let (report, status, restarts) = simulation
            .block_on(async { digest(&env, &DIGEST.replace("DEADLINE", ""), None).await });
        assert_eq!((status.progress.deaths, status.progress.late, restarts), (0, 0, 0));
        let read: DigestReport = report.decode().unwrap();
        assert_eq!((read.files, read.skipped.len()), (FILES as u64, 1));
        report
    })
}

/// Guarantee J1: a run's report does not depend on which agents die while it is made
#[test]
fn deaths_do_not_change_a_byte_of_the_report() {
    let expected = undisturbed();
    sim_seeds(0..24, |env, seed| async move {
        let rate = [0.1, 0.5, 0.9][usize::try_from(seed % 3).unwrap()];
        let chaos = Chaos::new(rate, seed).unwrap();
        let (report, status, restarts) =
            digest(&env, &DIGEST.replace("DEADLINE", ""), Some(chaos)).await;
        assert_eq!(report, *expected);
        let progress = status.progress;
        assert!(progress.deaths > 0 || rate < 0.5, "half of 27 attempts and none died");
        assert_eq!(status.panics + status.kills, progress.deaths, "every death was planned");
        assert_eq!(progress.attempts, progress.deaths + progress.done as u64);
        assert!(restarts <= progress.deaths, "{restarts} of {}", progress.deaths);
    });
}

/// The rate 1 was once refused, since no attempt would ever end. But an item is spared when it has cost as many
/// agents as its task may lose.
///
/// Guarantee J1: a run's report does not depend on which agents die while it is made
#[test]
fn a_run_ends_although_every_attempt_dies_that_may() {
    let expected = undisturbed();
    let text = DIGEST.replace("DEADLINE", "").replace("deaths_max = 1000", "deaths_max = 3");
    sim_seeds(0..4, |env, seed| {
        let text = text.clone();
        async move {
            let (report, status, _) = digest(&env, &text, Chaos::new(1.0, seed).ok()).await;
            assert_eq!(report, *expected);
            let (progress, items) = (status.progress, FILES as u64 + 3);
            assert_eq!((progress.deaths, progress.attempts), (3 * items, 4 * items));
        }
    });
}

/// Counts a file whether or not anybody still wants to know, as an action does that was told too late.
struct Stubborn;

impl Action for Stubborn {
    type Input = ListedFile;
    type Output = FileOutcome;

    fn name(&self) -> &'static str {
        "test.stubborn"
    }

    fn summary(&self) -> &'static str {
        "Counts one file and cannot be cancelled."
    }

    fn run(&self, file: ListedFile, context: &ActionContext) -> Result<FileOutcome, Error> {
        FileStats.run(file, &ActionContext::new(context.root()))
    }
}

/// Attempts pass their deadline and are repeated while their agents still work on them, so two results of one
/// file arrive, in either order.
///
/// Guarantee J1: a run's report does not depend on which agents die while it is made
#[test]
fn a_result_that_comes_twice_counts_once() {
    let expected = undisturbed();
    let text = DIGEST
        .replace("DEADLINE", "deadline_ms = 4\nattempts_max = 1000")
        .replace("size = 3", "size = 40\naction = \"test.stubborn\"");
    let mut actions = Actions::builtin();
    actions.add(Stubborn).unwrap();
    let spec = spec(&text, &actions);
    // The simulated pool has two places and an action holds one for up to 1.5 s, so many attempts still wait
    // for one a second past their deadline, and there are agents enough to try again meanwhile.
    let slow = |seed| sim_options(seed).delay_max(Duration::from_millis(1_500));
    sim_seeds_with(0..24, slow, |env, seed| {
        let spec = spec.clone();
        async move {
            let chaos = Chaos::new(0.2, seed).ok();
            let (outcome, _) = carry_out(&env, spec, &options(chaos)).await;
            let RunOutcome { end: RunEnd::Done(report), status, .. } = outcome.unwrap() else {
                panic!("a deadline ended the run")
            };
            assert_eq!(report, *expected);
            assert_eq!(status.progress.done, FILES + 3);
            assert!(status.progress.late > 0, "no result came twice: {:?}", status.progress);
        }
    });
}

#[test]
fn the_same_seed_plans_the_same_deaths_on_every_schedule() {
    let text = DIGEST.replace("DEADLINE", "");
    let deaths = |seed| {
        let mut simulation = Simulation::new(seed, SimOptions::default());
        let env = simulation.env();
        let chaos = Chaos::new(0.4, 11).ok();
        let (_, status, _) = simulation.block_on(async { digest(&env, &text, chaos).await });
        (status.progress.deaths, status.panics, status.kills)
    };
    assert_eq!(deaths(1), deaths(2));
}

/// An agent that cannot be kept alive ends the run with the pool's name and reasons, not with a hang.
#[test]
fn a_pool_that_uses_up_its_budget_ends_the_run_and_says_why() {
    let text = DIGEST
        .replace("DEADLINE", "")
        .replace("size = 3\nrestart = { intensity = 100000", "size = 3\nrestart = { intensity = 2");
    sim_seeds(0..4, |env, seed| {
        let text = text.clone();
        async move {
            let spec = spec(&text, &Actions::builtin());
            let chaos = Chaos::new(0.9, seed).ok();
            let (outcome, _) = carry_out(&env, spec, &options(chaos)).await;
            let error = outcome.unwrap_err();
            let shown = error.to_string();
            assert!(matches!(&error, NodeError::GaveUp { child, .. } if child == "readers"));
            assert!(shown.contains("2 times in 1000 ms"), "{shown}");
            assert!(shown.contains("last: readers-"), "{shown}");
            assert!(error.remedy().contains("restart.intensity"), "{}", error.remedy());
        }
    });
}

#[test]
fn a_pool_without_restarts_starves_the_run_which_says_so() {
    let text = DIGEST
        .replace("DEADLINE", "")
        .replace("size = 3\nrestart = {", "size = 3\nrestart = { type = \"temporary\",");
    sim_seeds(0..2, |env, _| {
        let text = text.clone();
        async move {
            let spec = spec(&text, &Actions::builtin());
            let chaos = Chaos::new(0.9, 3).ok();
            let (outcome, _) = carry_out(&env, spec, &options(chaos)).await;
            let RunEnd::Failed(error) = outcome.unwrap().end else { panic!("nobody could") };
            assert!(
                matches!(&*error, RunError::NoAgent { task, .. } if task == "stats"),
                "{error}"
            );
        }
    });
}

/// Ends in the way its input says.
struct Behave;

impl Action for Behave {
    type Input = ();
    type Output = ();

    fn name(&self) -> &'static str {
        "test.behave"
    }

    fn summary(&self) -> &'static str {
        "Fails or panics."
    }

    fn run(&self, (): (), context: &ActionContext) -> Result<(), Error> {
        match context.root().to_str() {
            Some("fail") => {
                Err(Error::new(Code::InvalidInput, "refused").with_remedy("ask nicely"))
            }
            _ => panic!("the action cannot go on"),
        }
    }
}

const BEHAVE: &str = r#"
[system]
name = "behave"
[[pool]]
name = "actors"
capabilities = ["test.behave"]
restart = { intensity = 1000, period_ms = 1000 }
[[task]]
name = "act"
capability = "test.behave"
deaths_max = 5
"#;

#[test]
fn an_action_that_fails_or_panics_fails_the_run_within_its_limits() {
    sim_seeds(0..4, |env, _| async move {
        let mut actions = Actions::new();
        actions.add(Behave).unwrap();
        for root in ["fail", "panic"] {
            let options = RunOptions::new(root, 2);
            let (outcome, _) = carry_out(&env, spec(BEHAVE, &actions), &options).await;
            let RunOutcome { end: RunEnd::Failed(error), status, .. } = outcome.unwrap() else {
                panic!("{root} is no success")
            };
            match (root, &*error) {
                ("fail", RunError::TaskFailed { errors: 1, .. }) => {
                    assert_eq!(error.remedy(), "ask nicely");
                }
                ("panic", RunError::TooManyDeaths { deaths: 6, last, .. }) => {
                    // The place was once lost on the way out of the pool.
                    assert!(last.to_string().contains("the action cannot go on at "), "{last}");
                    assert!(last.to_string().contains(file!()), "{last}");
                    assert_eq!(status.panics, 6);
                }
                (_, error) => panic!("{root}: {error}"),
            }
        }
    });
}

#[test]
fn an_interrupted_run_says_how_far_it_came_and_leaves_nothing() {
    let text = DIGEST.replace("DEADLINE", "");
    // Most files take a good part of a second, so the run is not over before it is interrupted.
    let slow = |seed| sim_options(seed).delay_max(Duration::from_secs(1));
    sim_seeds_with(0..8, slow, |env, _| {
        let text = text.clone();
        async move {
            let system = System::new(env.clone());
            let spec = spec(&text, &Actions::builtin());
            let node = Node::start(&system, spec, &options(None)).await.unwrap();
            while node.status().await.unwrap().run.progress.done < 5 {
                env.sleep_until(env.now().saturating_add(Duration::from_micros(100))).await;
            }
            assert!(node.interrupt().await);
            let outcome = system.before(soon(&env), node.outcome()).await.unwrap().unwrap();
            let RunStatus { progress, tasks, .. } = outcome.status;
            assert!(matches!(outcome.end, RunEnd::Interrupted), "{:?}", outcome.end);
            assert!((5..FILES + 3).contains(&progress.done), "{progress:?}");
            assert_eq!((tasks[0].done, tasks[2].done), (1, 0));
            assert_eq!(progress.errors, 0, "who gave up has not failed");
            let report = node.stop(soon(&env)).await;
            assert!(report.killed.is_empty(), "{report:?}");
        }
    });
}

/// The keeper's state is lost with it; its supervisor starts another one, which begins anew.
#[test]
fn a_killed_keeper_is_replaced_and_the_report_is_the_same() {
    let expected = undisturbed();
    let text = DIGEST.replace("DEADLINE", "");
    sim_seeds(0..8, |env, _| {
        let text = text.clone();
        async move {
            let system = System::new(env.clone());
            let spec = spec(&text, &Actions::builtin());
            let node = Node::start(&system, spec, &options(None)).await.unwrap();
            let keeper = wait_for(&env, "the keeper", soon(&env), || {
                let all = system.processes();
                let found = all.iter().find(|process| process.label.as_deref() == Some("keeper"));
                found.map(|process| process.pid).ok_or(all.len())
            })
            .await;
            assert!(system.kill(keeper));
            let outcome = system.before(soon(&env), node.outcome()).await.unwrap().unwrap();
            let RunEnd::Done(report) = outcome.end else { panic!("{:?}", outcome.end) };
            assert_eq!(report, *expected);
        }
    });
}
