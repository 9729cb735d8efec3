//! Whose a span is that is opened on this thread.
//!
//! The layer is one for the whole program; systems are many. Which system and which process the thread works
//! for, whoever polls processes tells by a function that is set once; a thread that polls none may say for
//! which system it works.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;

use foundation_types::Pid;

use crate::Telemetry;

/// The process that the current thread polls.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// What its system says of itself.
    pub telemetry: &'a Telemetry,
    /// The process.
    pub pid: Pid,
    /// Whether it is over, and what it held is being dropped.
    pub is_ending: bool,
}

/// Calls its argument with the process that the current thread polls, and not at all if it polls none. The
/// argument is short and runs no code of a user's.
pub type FindOwner = fn(&mut dyn FnMut(Owner<'_>));

static FIND: OnceLock<FindOwner> = OnceLock::new();

thread_local! {
    static ENTERED: RefCell<Option<Telemetry>> = const { RefCell::new(None) };
}

/// Says how to find the process that a thread polls. The first to say so is heard: it is the one crate that
/// knows processes.
pub fn find_owners_by(find: FindOwner) {
    FIND.get_or_init(|| find);
}

/// The system that this thread works for, and the process if it is one. `f` runs no code of a user's.
pub(super) fn with<R>(f: impl FnOnce(&Telemetry, Option<Pid>) -> R) -> Option<R> {
    let (mut f, mut found) = (Some(f), None);
    if let Some(find) = FIND.get() {
        find(&mut |owner| {
            if let Some(f) = f.take() {
                found = Some(f(owner.telemetry, Some(owner.pid)));
            }
        });
    }
    let Some(f) = f else { return found };
    ENTERED.try_with(|entered| Some(f(entered.borrow().as_ref()?, None))).unwrap_or_default()
}

/// Whether what this thread drops belonged to a process that is over.
pub(super) fn is_ending() -> bool {
    let mut is_ending = false;
    if let Some(find) = FIND.get() {
        find(&mut |owner| is_ending = owner.is_ending);
    }
    is_ending
}

impl Telemetry {
    /// Makes this the system for which this thread opens spans, where it polls no process, until the guard is
    /// dropped.
    pub fn enter(&self) -> EnteredTelemetry {
        let entered = ENTERED.try_with(|entered| entered.replace(Some(self.clone())));
        EnteredTelemetry { outer: entered.unwrap_or_default(), bound: PhantomData }
    }
}

/// Restores what was entered before, when it is dropped; see [`Telemetry::enter`].
#[must_use = "it is entered only as long as this lives"]
pub struct EnteredTelemetry {
    outer: Option<Telemetry>,
    /// Bound to its thread.
    bound: PhantomData<*const ()>,
}

impl Drop for EnteredTelemetry {
    fn drop(&mut self) {
        let outer = self.outer.take();
        drop(ENTERED.try_with(|entered| entered.replace(outer)));
    }
}

impl fmt::Debug for EnteredTelemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnteredTelemetry").finish_non_exhaustive()
    }
}
