//! Links: two processes that die together unless one traps exits.
//!
//! Each side keeps the other's pid in its own record, under its own lock. The two locks are never
//! held together: linking writes the caller's side first, then the peer's. If the peer is already
//! dead the caller's entry stays, as for a peer that dies later, and the caller sends itself the
//! signal, with the reason that the peer published. A link signal counts only while the receiver still holds the entry, and the
//! entry is removed with it, so each link yields at most one signal, and exactly one if it stands
//! when one side dies.

use std::collections::BTreeSet;
use std::sync::Arc;

use foundation_types::{ExitReason, Pid};

use crate::record::AnyRecord;

/// The peers of one process. The usual process has one link, to its supervisor.
#[derive(Default)]
pub(crate) enum Links {
    #[default]
    None,
    One(Pid),
    Many(Box<Peers>),
}

/// Boxed, so that the record of a process with one link stays small.
pub(crate) struct Peers(BTreeSet<Pid>);

impl Links {
    pub(crate) fn insert(&mut self, pid: Pid) {
        match self {
            Self::None => *self = Self::One(pid),
            Self::One(one) if *one == pid => {}
            Self::One(one) => *self = Self::Many(Box::new(Peers(BTreeSet::from([*one, pid])))),
            Self::Many(many) => {
                many.0.insert(pid);
            }
        }
    }

    /// Removes a peer and says whether it was there.
    pub(crate) fn remove(&mut self, pid: Pid) -> bool {
        match self {
            Self::One(one) if *one == pid => {
                *self = Self::None;
                true
            }
            Self::None | Self::One(_) => false,
            Self::Many(many) => {
                let removed = many.0.remove(&pid);
                if many.0.is_empty() {
                    *self = Self::None;
                }
                removed
            }
        }
    }

    pub(crate) fn contains(&self, pid: Pid) -> bool {
        match self {
            Self::None => false,
            Self::One(one) => *one == pid,
            Self::Many(many) => many.0.contains(&pid),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(many) => many.0.len(),
        }
    }

    /// The peers in the order of their pids.
    pub(crate) fn to_vec(&self) -> Vec<Pid> {
        match self {
            Self::None => Vec::new(),
            Self::One(one) => vec![*one],
            Self::Many(many) => many.0.iter().copied().collect(),
        }
    }
}

/// What became of an attempt to link.
pub(crate) enum Placed {
    Linked,
    /// The peer is dead: the caller's side stands until this signal is handled.
    Dead(ExitReason),
    /// The peer has as many links as it may have; no side stands.
    Full,
}

/// Enters the link on both sides.
pub(crate) fn place(
    own: &dyn AnyRecord,
    peer: Option<&Arc<dyn AnyRecord>>,
    peer_pid: Pid,
    links_max: usize,
) -> Placed {
    let own_pid = own.pid();
    own.locked(|control| control.links.insert(peer_pid));
    let Some(peer) = peer else {
        return Placed::Dead(ExitReason::NoProcess);
    };
    let placed = peer.locked(|control| match control.exit.as_deref() {
        Some(reason) => Placed::Dead(reason.clone()),
        None if control.links.len() >= links_max => Placed::Full,
        None => {
            control.links.insert(own_pid);
            Placed::Linked
        }
    });
    if matches!(placed, Placed::Full) {
        own.locked(|control| control.links.remove(peer_pid));
    }
    placed
}
