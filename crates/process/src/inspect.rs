//! Looking at processes without disturbing them.

use std::sync::Arc;
use std::time::Duration;

use foundation_env::sync::atomic::Ordering;
use foundation_telemetry::ErrorContext;
use foundation_types::{ExitReason, Instant, PanicReport, Pid};

use crate::deadlock;
use crate::record::{AnyRecord, Identity, state};
use crate::system::SystemInner;
use crate::watchdog::SAMPLE;

/// Parents are followed this far up.
const ANCESTORS_MAX: usize = 32;

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ProcessState {
    /// It handles messages or waits for them.
    Running,
    /// It handles no user messages until it is resumed.
    Suspended,
    /// Its exit reason is decided; its `terminate` hook or the exit protocol runs.
    Exiting,
}

/// A view of one process at one moment. Read from its record: the process is not asked, so this
/// also works for one that is stuck.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// Its pid.
    pub pid: Pid,
    /// Its name for humans.
    pub label: Option<Arc<str>>,
    /// The type of its state.
    pub type_name: &'static str,
    /// Its parent and the parent's parents, nearest first, up to the first dead one.
    pub ancestors: Vec<Pid>,
    /// What it is doing.
    pub state: ProcessState,
    /// Messages accepted and not yet handled.
    pub depth: u64,
    /// The greatest depth allowed.
    pub capacity: u32,
    /// Messages handled since the start.
    pub handled: u64,
    /// Estimated time spent in its handlers, from samples every 10 ms.
    pub busy: Duration,
    /// The kind of the message it handles or handled last; the type of its messages before the first.
    pub message: &'static str,
    /// The processes it is linked to.
    pub links: Vec<Pid>,
    /// Monitors that others hold on it.
    pub monitors: usize,
    /// The newest ends of its linked children, oldest first; eight at most.
    pub child_exits: Vec<(Pid, ExitReason)>,
    /// The process that its handler waits for.
    pub waiting_on: Option<Pid>,
    /// It was asked to die and has not yielded yet.
    pub kill_pending: bool,
}

/// What [`System::top`](crate::System::top) sorts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopBy {
    /// Messages waiting.
    Depth,
    /// Estimated busy time.
    Busy,
    /// Messages handled.
    Handled,
}

/// The end of a process that did not end in order.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CrashReport {
    /// The process.
    pub pid: Pid,
    /// Its label or type.
    pub name: String,
    /// Why it ended; a panic carries its place and backtrace.
    pub reason: ExitReason,
    /// The kind of the message it handled last.
    pub message: &'static str,
    /// Messages it handled.
    pub handled: u64,
    /// Its parent and the parent's parents, nearest first, up to the first dead one.
    pub ancestors: Vec<Pid>,
    /// On whose behalf it did what it did last.
    pub context: ErrorContext,
    /// When, on the system's clock.
    pub at: Instant,
}

/// A panic of user code that was kept from ending anything: in a drop, a waker, an exit hook or a `terminate`
/// hook.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ContainedPanic {
    /// The process on whose behalf the code ran.
    pub process: Option<Pid>,
    /// What it said, and where.
    pub report: PanicReport,
    /// When, on the system's clock.
    pub at: Instant,
}

/// A cycle of processes that waited for each other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadlockReport {
    /// From the process that closed the cycle back to itself.
    pub path: Vec<Pid>,
    /// No wait had a deadline, so the wait that closed the cycle failed. Otherwise a deadline ends it.
    pub failed: bool,
    /// When, on the system's clock.
    pub at: Instant,
}

/// Sizes of a system's tables. After all processes have ended every one but `spawned` is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Processes that are not dead.
    pub processes: usize,
    /// Armed timers: of processes, and of calls and sends in progress.
    pub timers: usize,
    /// Monitors on living processes.
    pub monitors: usize,
    /// Link ends on living processes.
    pub links: usize,
    /// Exit hooks on living processes.
    pub hooks: usize,
    /// Messages accepted and not yet handled.
    pub messages: u64,
}

impl Identity {
    /// The label, or the type for those without one.
    pub(crate) fn name(&self) -> String {
        self.label.as_deref().unwrap_or_else(self.kind.type_name).to_owned()
    }
}

impl dyn AnyRecord + '_ {
    pub(crate) fn current_message(&self) -> &'static str {
        let identity = self.identity();
        let kind = self.own().kind.load(Ordering::Relaxed) as usize;
        identity.kind.message_kinds.get(kind).copied().unwrap_or_else(identity.kind.message_type)
    }
}

/// The parents of a process, nearest first.
fn ancestors(system: &SystemInner, identity: &Identity) -> Vec<Pid> {
    let mut chain = Vec::new();
    let mut next = identity.parent;
    while let Some(pid) = next.filter(|_| chain.len() < ANCESTORS_MAX) {
        chain.push(pid);
        next = system.table().get(pid).and_then(|record| record.identity().parent);
    }
    chain
}

pub(crate) fn info(system: &SystemInner, record: &dyn AnyRecord) -> ProcessInfo {
    let identity = record.identity();
    let own = record.own();
    let word = own.state.load(Ordering::Acquire);
    let (links, monitors, child_exits) = record.locked(|control| {
        let rare = control.rare.as_ref();
        let monitors = rare.map_or(0, |rare| rare.monitors.len());
        let child_exits = rare.map(|rare| rare.child_exits.iter().cloned().collect());
        (control.links.to_vec(), monitors, child_exits.unwrap_or_default())
    });
    let state = match word {
        word if word & (state::EXITING | state::DYING | state::DEAD) != 0 => ProcessState::Exiting,
        word if word & state::SUSPENDED != 0 => ProcessState::Suspended,
        _ => ProcessState::Running,
    };
    ProcessInfo {
        pid: identity.pid,
        label: identity.label.clone(),
        type_name: (identity.kind.type_name)(),
        ancestors: ancestors(system, identity),
        state,
        depth: record.depth(),
        capacity: identity.bound,
        handled: own.handled.load(Ordering::Relaxed),
        busy: SAMPLE.saturating_mul(own.busy_samples.load(Ordering::Relaxed)),
        message: record.current_message(),
        links,
        monitors,
        child_exits,
        waiting_on: deadlock::unpack(own.waiting_on.load(Ordering::Relaxed), identity.pid.node())
            .map(|(pid, _)| pid),
        kill_pending: word & state::KILL != 0,
    }
}

pub(crate) fn crash_report(
    system: &SystemInner,
    record: &dyn AnyRecord,
    reason: ExitReason,
) -> CrashReport {
    let identity = record.identity();
    CrashReport {
        pid: identity.pid,
        name: identity.name(),
        reason,
        message: record.current_message(),
        handled: record.own().handled.load(Ordering::Relaxed),
        ancestors: ancestors(system, identity),
        context: ErrorContext::current(),
        at: system.env().now(),
    }
}

pub(crate) fn counts(system: &SystemInner) -> Counts {
    let mut counts = Counts {
        processes: system.table().len(),
        timers: system.timers().len(),
        ..Counts::default()
    };
    for record in system.table().records() {
        counts.messages += record.depth();
        record.locked(|control| {
            counts.links += control.links.len();
            if let Some(rare) = &control.rare {
                counts.monitors += rare.monitors.len();
            }
            counts.hooks += control.hooks.len();
        });
    }
    counts
}
