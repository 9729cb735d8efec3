//! Exit hooks: what must be given back before anybody may learn of a death.

use std::fmt;

use foundation_env::sync::atomic::Ordering;
use foundation_types::{Code, ExitReason, HookId, Pid};
use smallvec::SmallVec;

use crate::record::{AnyRecord, state};
use crate::system::SystemInner;

/// What an exit hook is told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Exited {
    /// The process that is dying.
    pub pid: Pid,
    /// Why.
    pub reason: ExitReason,
}

/// A closure run by the dying process between Dying and Dead.
pub(crate) type Hook = Box<dyn FnOnce(&Exited) + Send>;

/// The hooks of one process, oldest first. Usually none or one, that of the registry.
pub(crate) type Hooks = SmallVec<[(HookId, Hook); 1]>;

/// Why an exit hook was not added.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookError {
    /// The process is dying or dead: what the hook would give back must not be taken.
    NoProcess(Pid),
    /// The process has as many exit hooks as it may have.
    TooMany {
        /// The process.
        pid: Pid,
        /// The greatest number of hooks a process may have.
        limit: usize,
    },
}

impl HookError {
    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        match self {
            Self::NoProcess(_) => Code::ProcessNotAlive,
            Self::TooMany { .. } => Code::ResourceExhausted,
        }
    }
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProcess(pid) => write!(f, "process {pid} is dying or dead"),
            Self::TooMany { pid, limit } => {
                write!(f, "process {pid} already has {limit} exit hooks")
            }
        }
    }
}

pub(crate) fn add(
    record: &dyn AnyRecord,
    system: &SystemInner,
    hook: Hook,
) -> Result<HookId, (HookError, Hook)> {
    let pid = record.pid();
    let limit = system.limits().hooks_per_process_max;
    let id = HookId::new(system.next_id());
    let mut hook = Some(hook);
    let refused = record.locked(|control| {
        if record.own().state.load(Ordering::Acquire) & (state::DYING | state::DEAD) != 0 {
            return Some(HookError::NoProcess(pid));
        }
        let hooks = &mut control.rare().hooks;
        if hooks.len() >= limit {
            return Some(HookError::TooMany { pid, limit });
        }
        hooks.extend(hook.take().map(|hook| (id, hook)));
        None
    });
    match (refused, hook) {
        (Some(error), Some(hook)) => Err((error, hook)),
        _ => Ok(id),
    }
}

/// Removes a hook that has not run; the hook is returned so that it is dropped without the lock.
pub(crate) fn remove(record: &dyn AnyRecord, id: HookId) -> Option<Hook> {
    record.locked(|control| {
        let hooks = &mut control.rare.as_mut()?.hooks;
        let at = hooks.iter().position(|(known, _)| *known == id)?;
        // In order, since they run newest first.
        Some(hooks.remove(at).1)
    })
}

/// Ties a value to the life of a process: it is dropped before the process is Dead, on every way
/// out.
///
/// Returned by [`Context::hold`](crate::Context::hold). Dropping the handle does not release the
/// value; [`Context::release`](crate::Context::release) does.
#[derive(PartialEq, Eq, Clone, Copy)]
pub struct Held(pub(crate) HookId);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({})", self.0)
    }
}
