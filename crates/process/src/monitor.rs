//! Monitors: exactly one DOWN for each, however the placing races with the death.
//!
//! The watched process keeps `id -> watcher` under its own lock. The exit protocol takes that map
//! in the same step that publishes the exit reason, so a monitor is either in the map when it is
//! taken, and fires, or finds the reason, and answers itself.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context as TaskContext, Poll};

use foundation_types::{ExitReason, MonitorId, Pid};

use crate::record::AnyRecord;
use crate::reply::{self, Answer, Reply};
use crate::signal::SystemMessage;

/// Who is told.
pub(crate) enum Watcher {
    /// A process, through its system lane. Its record and not its pid: many deaths at once would meet in the
    /// process table over one watcher.
    Process(Arc<dyn AnyRecord>),
    /// A task that awaits a [`Monitor`].
    Task(Reply<Down>),
}

/// Who watches one process. Usually nobody or one.
#[derive(Default)]
pub(crate) enum Monitors {
    #[default]
    None,
    One(MonitorId, Watcher),
    Many(BTreeMap<MonitorId, Watcher>),
}

impl Monitors {
    fn insert(&mut self, id: MonitorId, watcher: Watcher) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(id, watcher),
            Self::One(first, first_watcher) => {
                Self::Many(BTreeMap::from([(first, first_watcher), (id, watcher)]))
            }
            Self::Many(mut many) => {
                many.insert(id, watcher);
                Self::Many(many)
            }
        };
    }

    fn remove(&mut self, id: MonitorId) -> Option<Watcher> {
        match self {
            Self::One(one, _) if *one == id => match std::mem::take(self) {
                Self::One(_, watcher) => Some(watcher),
                _ => None,
            },
            Self::None | Self::One(..) => None,
            Self::Many(many) => many.remove(&id),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(..) => 1,
            Self::Many(many) => many.len(),
        }
    }
}

/// The news of a death.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Down {
    /// The process that died.
    pub pid: Pid,
    /// Why; [`ExitReason::NoProcess`] when it was gone before it was monitored.
    pub reason: ExitReason,
}

impl Watcher {
    /// Tells the watcher; a watcher that is dead itself needs no news.
    pub(crate) fn notify(self, monitor: MonitorId, down: Down) {
        match self {
            Self::Process(watcher) => {
                let Down { pid, reason } = down;
                drop(watcher.push_system(SystemMessage::Down { monitor, pid, reason }));
            }
            Self::Task(port) => port.send(down),
        }
    }
}

/// Enters a watcher, or gives it back with the reason when the process is dead.
pub(crate) fn place(
    record: &dyn AnyRecord,
    id: MonitorId,
    watcher: Watcher,
) -> Result<(), (Watcher, ExitReason)> {
    let mut watcher = Some(watcher);
    let dead = record.locked(|control| {
        if control.exit.is_none()
            && let Some(watcher) = watcher.take()
        {
            control.rare().monitors.insert(id, watcher);
        }
        control.exit.as_deref().cloned()
    });
    match (dead, watcher) {
        (Some(reason), Some(watcher)) => Err((watcher, reason)),
        _ => Ok(()),
    }
}

/// Takes a watcher out again; it is returned so that it is dropped without the lock.
pub(crate) fn remove(record: &dyn AnyRecord, id: MonitorId) -> Option<Watcher> {
    if foundation_env::fault::planted("monitor_not_removed") {
        return None;
    }
    record.locked(|control| control.rare.as_mut()?.monitors.remove(id))
}

/// Waits for the end of one process. Made by [`System::monitor`](crate::System::monitor) for code
/// that is not a process; a process uses [`Context::monitor`](crate::Context::monitor).
///
/// Resolves once, also when the process was dead before. Dropping it demonitors.
///
/// # Cancel safety
///
/// Cancel safe: polling it again after a cancelled wait goes on waiting for the same death.
#[must_use = "a monitor does nothing unless awaited"]
pub struct Monitor {
    pid: Pid,
    id: MonitorId,
    target: Option<Weak<dyn AnyRecord>>,
    state: MonitorState,
}

enum MonitorState {
    Waiting(Answer<Down>),
    Known(Down),
}

impl Monitor {
    pub(crate) fn new(pid: Pid, id: MonitorId, record: Option<&Arc<dyn AnyRecord>>) -> Self {
        let known = |reason| MonitorState::Known(Down { pid, reason });
        let Some(record) = record else {
            return Self { pid, id, target: None, state: known(ExitReason::NoProcess) };
        };
        let (port, answer) = reply::channel();
        let state = match place(&**record, id, Watcher::Task(port)) {
            Ok(()) => MonitorState::Waiting(answer),
            Err((_, reason)) => known(reason),
        };
        Self { pid, id, target: Some(Arc::downgrade(record)), state }
    }

    /// The process that is waited for.
    pub fn pid(&self) -> Pid {
        self.pid
    }
}

impl Future for Monitor {
    type Output = Down;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Down> {
        let down = match &mut self.state {
            MonitorState::Known(down) => down.clone(),
            MonitorState::Waiting(answer) => match Pin::new(answer).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(down)) => down,
                Poll::Ready(Err(reply::NoAnswer)) => {
                    Down { pid: self.pid, reason: ExitReason::NoProcess }
                }
            },
        };
        self.state = MonitorState::Known(down.clone());
        Poll::Ready(down)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if matches!(self.state, MonitorState::Waiting(_))
            && let Some(record) = self.target.as_ref().and_then(Weak::upgrade)
        {
            drop(remove(&*record, self.id));
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("pid", &self.pid)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
