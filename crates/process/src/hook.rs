//! Exit hooks: what must be given back before anybody may learn of a death.

use std::fmt;

use foundation_env::sync::atomic::Ordering;
use foundation_types::{Code, ExitReason, HookId, Pid};

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

/// The hooks of one process, the newest first: a list, since most processes have none or one, that of the
/// registry, and each block holds its closure.
#[derive(Default)]
pub(crate) struct Hooks(Option<Hook>);

/// The newest hook of a list, with those before it.
pub(crate) type Hook = Box<dyn Node>;

/// A closure run by the dying process between Dying and Dead.
pub(crate) trait Node: Send {
    fn link(&mut self) -> &mut Link;

    fn run(self: Box<Self>, exited: &Exited);
}

/// What a list knows of each hook.
pub(crate) struct Link {
    id: HookId,
    older: Hooks,
    /// How many there are up to this one.
    len: usize,
}

struct Linked<F> {
    link: Link,
    run: F,
}

impl<F: FnOnce(&Exited) + Send> Node for Linked<F> {
    fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    fn run(self: Box<Self>, exited: &Exited) {
        (self.run)(exited);
    }
}

impl Hooks {
    pub(crate) fn len(&mut self) -> usize {
        self.0.as_mut().map_or(0, |newest| newest.link().len)
    }

    /// Takes out the newest hook.
    pub(crate) fn pop(&mut self) -> Option<Hook> {
        let mut newest = self.0.take()?;
        *self = std::mem::take(&mut newest.link().older);
        Some(newest)
    }

    fn push(&mut self, mut hook: Hook) {
        let len = self.len() + 1;
        let link = hook.link();
        link.len = len;
        link.older = std::mem::take(self);
        self.0 = Some(hook);
    }

    fn remove(&mut self, id: HookId) -> Option<Hook> {
        let mut newer = Self::default();
        // Those above it go to a list of their own, and come back in their order.
        let removed = loop {
            let Some(mut hook) = self.pop() else { break None };
            if hook.link().id == id {
                break Some(hook);
            }
            newer.push(hook);
        };
        while let Some(hook) = newer.pop() {
            self.push(hook);
        }
        removed
    }
}

/// One after the other: a process may have thousands.
impl Drop for Hooks {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

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
    hook: impl FnOnce(&Exited) + Send + 'static,
) -> Result<HookId, HookError> {
    let pid = record.pid();
    let limit = system.limits().hooks_per_process_max;
    let id = HookId::new(system.next_id());
    let link = Link { id, older: Hooks::default(), len: 1 };
    let mut hook: Option<Hook> = Some(Box::new(Linked { link, run: hook }));
    // A hook that is refused is dropped without the lock.
    let refused = record.locked(|control| {
        if record.own().state.load(Ordering::Acquire) & (state::DYING | state::DEAD) != 0 {
            return Some(HookError::NoProcess(pid));
        }
        if control.hooks.len() >= limit {
            return Some(HookError::TooMany { pid, limit });
        }
        if let Some(hook) = hook.take() {
            control.hooks.push(hook);
        }
        None
    });
    refused.map_or(Ok(id), Err)
}

/// Removes a hook that has not run; the hook is returned so that it is dropped without the lock.
pub(crate) fn remove(record: &dyn AnyRecord, id: HookId) -> Option<Hook> {
    record.locked(|control| control.hooks.remove(id))
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
