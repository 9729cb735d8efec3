//! The seam to the operating system: what runs one program.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use foundation_env::Env;
use foundation_env::sync::Mutex;
use tokio::sync::oneshot;

use super::error::CommandError;
use super::output::{ExitStatus, Stream};
use super::places::Place;

/// Runs programs: the operating system's in production, scripted ones in a simulation.
///
/// # Contract
///
/// * The future is ready when the program has ended and nothing of it is left: no process of its
///   group, no zombie. Everything it wrote, up to the capture's bound, is in the capture then.
/// * When [`Run::cancel`] becomes ready the program is asked to stop, and killed
///   [`Plan::kill_grace`] later. The future is then ready with the status of that end.
/// * When the future is dropped everything is killed at once, before the drop returns. What is
///   killed and has not ended yet keeps the [`Place`].
/// * A program that cannot be found is [`CommandError::NotFound`].
pub trait CommandRunner: fmt::Debug + Send + Sync + 'static {
    /// Runs one program.
    fn run(&self, run: Run) -> RunFuture;
}

/// A running program.
pub type RunFuture = Pin<Box<dyn Future<Output = Result<ExitStatus, CommandError>> + Send>>;

/// What a runner is given.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    /// Where it runs: clock, timers, blocking work.
    pub env: Env,
    /// What to run.
    pub plan: Plan,
    /// Where its output goes.
    pub capture: Arc<Capture>,
    /// Ready when nobody wants the program to go on.
    pub cancel: Cancel,
    /// Kept until nothing of the program is left, also when the future is dropped before.
    pub place: Place,
}

impl Run {
    /// Puts together what a runner is given, in a place that no bound counts.
    pub fn new(env: Env, plan: Plan, capture: Arc<Capture>, cancel: Cancel) -> Self {
        Self { env, plan, capture, cancel, place: Place::uncounted() }
    }
}

/// A program to run, after all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The name it was asked for by.
    pub program: String,
    /// Absolute paths where it may lie; the first that is an executable file is it.
    pub candidates: Vec<PathBuf>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The directory it runs in, absolute.
    pub directory: PathBuf,
    /// Its whole environment.
    pub variables: BTreeMap<String, String>,
    /// The time between asking it to stop and killing it. When it ends earlier, what it has started
    /// is killed at once.
    pub kill_grace: Duration,
}

/// Which of the two streams of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Keeps the beginning of what a program writes, readable while it runs.
#[derive(Debug)]
pub struct Capture {
    bytes_max: usize,
    stdout: Mutex<Kept>,
    stderr: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    truncated: bool,
}

impl Capture {
    /// Makes an empty capture that keeps at most `bytes_max` of each stream.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, stdout: Mutex::default(), stderr: Mutex::default() }
    }

    fn kept(&self, kind: StreamKind) -> &Mutex<Kept> {
        match kind {
            StreamKind::Stdout => &self.stdout,
            StreamKind::Stderr => &self.stderr,
        }
    }

    /// Adds what a stream brought; what is over the bound is thrown away and marked.
    pub fn write(&self, kind: StreamKind, bytes: &[u8]) {
        let mut kept = self.kept(kind).lock();
        let room = self.bytes_max - kept.bytes.len();
        let fits = bytes.get(..room).unwrap_or(bytes);
        kept.bytes.extend_from_slice(fits);
        kept.truncated |= fits.len() < bytes.len();
    }

    /// What a stream has brought so far.
    pub fn read(&self, kind: StreamKind) -> Stream {
        let kept = self.kept(kind).lock();
        Stream::new(&kept.bytes, kept.truncated)
    }
}

/// Ready when its [`CancelGuard`] is dropped.
///
/// # Cancel safety
///
/// Cancel safe.
#[derive(Debug)]
pub struct Cancel(oneshot::Receiver<()>);

/// Keeps a program running. Dropped, it cancels: whoever asked for the program may end in any way
/// and the program still ends with it.
#[derive(Debug)]
#[must_use = "dropping it cancels the program"]
pub struct CancelGuard(#[expect(dead_code, reason = "it acts by its drop")] oneshot::Sender<()>);

impl Cancel {
    /// Makes a pair.
    pub fn pair() -> (CancelGuard, Self) {
        let (sender, receiver) = oneshot::channel();
        (CancelGuard(sender), Self(receiver))
    }
}

impl Future for Cancel {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|_dropped| ())
    }
}
