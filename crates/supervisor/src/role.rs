//! The place of a child in its supervisor: it outlives each of the processes that fill it.
//!
//! # States
//!
//! Waiting (not started yet, or being restarted), Up (a process fills it), Stopped and `GaveUp`
//! (nobody fills it and nobody is about to).
//!
//! # Who writes
//!
//! The supervisor begins an incarnation before it spawns the process and takes the role down when
//! the process is Dead. The child itself reports that it is up, with the number of its incarnation;
//! a report with an old number changes nothing, so a dying predecessor cannot take the place of
//! its successor.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

use foundation_process::{Address, System};
use foundation_types::ExitReason;

use crate::level::Level;

/// Why nobody fills a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Somebody soon will.
    Restarting,
    /// Its process ended or was stopped, and is not restarted.
    Stopped(ExitReason),
    /// Its supervisor gave up.
    GaveUp(ExitReason),
}

enum Holder<M: Send + 'static> {
    Up(Address<M>),
    Absent(Absence),
}

struct Place<M: Send + 'static> {
    holder: Holder<M>,
    incarnation: u64,
    ready: bool,
    /// The system of the supervisor that has the child; none before it has one.
    system: Option<System>,
}

/// The place of a child whose process handles messages of type `M`.
pub(crate) struct Role<M: Send + 'static> {
    level: Level<Place<M>>,
}

/// A role without its message type, as the supervisor sees it.
pub(crate) trait AnyRole: Send + Sync {
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;

    /// Notes that a supervisor of this system has taken the child.
    fn adopt(&self, system: &System);

    /// The same, unless a child of a clone of the specification fills the role or is about to. Returns
    /// whether it was noted.
    fn adopt_if_free(&self, system: &System) -> bool;

    /// Begins the next incarnation and returns its number.
    fn begin(&self) -> u64;

    /// Takes the role down.
    fn down(&self, absence: Absence);

    /// Notes that the process of this incarnation serves.
    fn signal_ready(&self, incarnation: u64);

    /// Whether a process fills the role and serves.
    fn is_ready(&self) -> bool;
}

impl<M: Send + 'static> Role<M> {
    pub(crate) fn new() -> Self {
        Self {
            level: Level::new(Place {
                holder: Holder::Absent(Absence::Restarting),
                incarnation: 0,
                ready: false,
                system: None,
            }),
        }
    }

    /// Notes that the process of this incarnation has done its `init`.
    pub(crate) fn up(&self, incarnation: u64, address: Address<M>, ready: bool) {
        let stale = self.level.update(|place| {
            if place.incarnation != incarnation {
                return Some(Holder::Up(address));
            }
            place.ready |= ready;
            Some(std::mem::replace(&mut place.holder, Holder::Up(address)))
        });
        drop(stale);
    }

    /// The system of the supervisor that has the child.
    pub(crate) fn system(&self) -> Option<System> {
        self.level.read(|place| place.system.clone())
    }

    /// The process that fills the role and serves.
    pub(crate) fn holder(&self) -> Result<Address<M>, Absence> {
        self.level.read(Place::serving)
    }

    /// Waits while the role is being filled.
    pub(crate) async fn wait(&self) -> Result<Address<M>, Absence> {
        self.level
            .wait(|place| match place.serving() {
                Err(Absence::Restarting) => None,
                found => Some(found),
            })
            .await
    }

    /// Waits until the role has left the process of `gone`, which is dead.
    pub(crate) async fn wait_without(&self, gone: &Address<M>) {
        self.level
            .wait(|place| match &place.holder {
                Holder::Up(address) if address == gone => None,
                _ => Some(()),
            })
            .await;
    }
}

impl<M: Send + 'static> Place<M> {
    fn serving(&self) -> Result<Address<M>, Absence> {
        match &self.holder {
            Holder::Up(address) if self.ready => Ok(address.clone()),
            Holder::Up(_) => Err(Absence::Restarting),
            Holder::Absent(absence) => Err(absence.clone()),
        }
    }
}

impl<M: Send + 'static> AnyRole for Role<M> {
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn adopt(&self, system: &System) {
        let stale = self.level.update(|place| {
            let next = Holder::Absent(Absence::Restarting);
            (place.system.replace(system.clone()), std::mem::replace(&mut place.holder, next))
        });
        drop(stale);
    }

    fn adopt_if_free(&self, system: &System) -> bool {
        self.level.update(|place| {
            let over =
                matches!(place.holder, Holder::Absent(Absence::Stopped(_) | Absence::GaveUp(_)));
            let free = over || place.system.is_none();
            if free {
                place.system = Some(system.clone());
                place.holder = Holder::Absent(Absence::Restarting);
            }
            free
        })
    }

    fn begin(&self) -> u64 {
        let (incarnation, stale) = self.level.update(|place| {
            place.incarnation += 1;
            place.ready = false;
            let next = Holder::Absent(Absence::Restarting);
            (place.incarnation, std::mem::replace(&mut place.holder, next))
        });
        drop(stale);
        incarnation
    }

    fn down(&self, absence: Absence) {
        let stale = self.level.update(|place| {
            place.incarnation += 1;
            place.ready = false;
            std::mem::replace(&mut place.holder, Holder::Absent(absence))
        });
        drop(stale);
    }

    fn signal_ready(&self, incarnation: u64) {
        self.level.update(|place| place.ready |= place.incarnation == incarnation);
    }

    fn is_ready(&self) -> bool {
        self.level.read(|place| place.serving().is_ok())
    }
}

impl<M: Send + 'static> fmt::Debug for Role<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.level.read(|place| match &place.holder {
            Holder::Up(address) => write!(f, "Role({})", address.pid()),
            Holder::Absent(absence) => write!(f, "Role({absence:?})"),
        })
    }
}

/// Lets a child say that it serves, some time after its `init`.
///
/// Given to the factory of [`ChildSpec::with_readiness`](crate::ChildSpec::with_readiness). The
/// supervisor goes on with the next child as soon as `init` is done; a
/// [`ChildAddress`](crate::ChildAddress) waits for this signal.
#[derive(Clone)]
pub struct Ready {
    role: Weak<dyn AnyRole>,
    incarnation: u64,
}

impl Ready {
    pub(crate) fn new(role: Weak<dyn AnyRole>, incarnation: u64) -> Self {
        Self { role, incarnation }
    }

    /// Says that the child serves from now on. A second time, or from a child that is gone, it
    /// says nothing.
    pub fn signal(&self) {
        if let Some(role) = self.role.upgrade() {
            role.signal_ready(self.incarnation);
        }
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").field("incarnation", &self.incarnation).finish_non_exhaustive()
    }
}
