//! Programs that follow a script, for simulations.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use foundation_env::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use foundation_env::{Either, Sleep, select_biased};

use super::error::CommandError;
use super::output::ExitStatus;
use super::runner::{CommandRunner, Run, RunFuture, StreamKind};

/// `SIGKILL`, on every system.
const SIGKILL: i32 = 9;

/// `SIGTERM`, on every system.
const SIGTERM: i32 = 15;

/// What a scripted program does: it writes, takes its time, and ends.
#[derive(Debug, Clone)]
#[must_use = "a script does nothing before it is given to a runner"]
pub struct Script {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    takes: Option<Duration>,
    status: ExitStatus,
    ignores_termination: bool,
}

impl Script {
    /// Ends with this status at once, having written nothing.
    pub fn ends(status: ExitStatus) -> Self {
        let (stdout, stderr) = (Vec::new(), Vec::new());
        let takes = Some(Duration::ZERO);
        Self { stdout, stderr, takes, status, ignores_termination: false }
    }

    /// Never ends by itself.
    pub fn hangs() -> Self {
        Self { takes: None, ..Self::ends(ExitStatus::Signal(SIGTERM)) }
    }

    /// Ends this much later.
    pub fn takes(mut self, duration: Duration) -> Self {
        self.takes = Some(duration);
        self
    }

    /// Writes to standard output when it starts.
    pub fn stdout(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdout = bytes.into();
        self
    }

    /// Writes to standard error when it starts.
    pub fn stderr(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stderr = bytes.into();
        self
    }

    /// Does not stop when asked to: it has to be killed.
    pub fn ignores_termination(mut self) -> Self {
        self.ignores_termination = true;
        self
    }
}

/// Runs scripts instead of programs, on the clock of the environment.
#[derive(Debug, Clone, Default)]
pub struct ScriptedRunner {
    scripts: BTreeMap<String, Script>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    live: AtomicUsize,
    live_max: AtomicUsize,
    runs: AtomicU64,
}

impl ScriptedRunner {
    /// Makes a runner that finds no program.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a program.
    #[must_use]
    pub fn program(mut self, name: impl Into<String>, script: Script) -> Self {
        self.scripts.insert(name.into(), script);
        self
    }

    /// How many programs run now.
    pub fn live(&self) -> usize {
        self.counts.live.load(Ordering::Acquire)
    }

    /// How many programs ran at the same time at most.
    pub fn live_max(&self) -> usize {
        self.counts.live_max.load(Ordering::Acquire)
    }

    /// How many programs were ever started.
    pub fn runs(&self) -> u64 {
        self.counts.runs.load(Ordering::Acquire)
    }
}

/// Counts one running program.
struct Live(Arc<Counts>);

impl Live {
    fn start(counts: &Arc<Counts>) -> Self {
        counts.runs.fetch_add(1, Ordering::AcqRel);
        let live = counts.live.fetch_add(1, Ordering::AcqRel) + 1;
        counts.live_max.fetch_max(live, Ordering::AcqRel);
        Self(Arc::clone(counts))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::AcqRel);
    }
}

impl CommandRunner for ScriptedRunner {
    fn run(&self, run: Run) -> RunFuture {
        let script = self.scripts.get(&run.plan.program).cloned();
        let counts = Arc::clone(&self.counts);
        Box::pin(async move {
            // The script ends with its future, so it needs no place for longer than the service.
            let Run { env, plan, capture, mut cancel, place: _ } = run;
            let Some(script) = script else {
                let (program, searched) = (plan.program, plan.candidates);
                return Err(CommandError::NotFound { program, searched });
            };
            let live = Live::start(&counts);
            capture.write(StreamKind::Stdout, &script.stdout);
            capture.write(StreamKind::Stderr, &script.stderr);
            let pause = |duration| env.sleep_until(env.now().saturating_add(duration));
            let mut end: Sleep = pause(script.takes.unwrap_or(Duration::MAX));
            let mut status = script.status;
            if let Either::Second(()) = select_biased(Pin::new(&mut end), &mut cancel).await {
                status = ExitStatus::Signal(SIGTERM);
                if script.ignores_termination {
                    let grace = pause(plan.kill_grace);
                    status = match select_biased(end, grace).await {
                        Either::First(()) => script.status,
                        Either::Second(()) => ExitStatus::Signal(SIGKILL),
                    };
                }
            }
            drop(live);
            Ok(status)
        })
    }
}
