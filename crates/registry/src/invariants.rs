//! What must hold of a registry at every moment, checked in full.
//!
//! For tests, simulations and operators who suspect something; it looks at every entry and holds up all
//! writers meanwhile.

use std::collections::BTreeSet;

use foundation_types::Pid;

use crate::group::is_membership;
use crate::name::Name;
use crate::registry::{Held, Holdings, Registry, names_of};

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Invariant I1: the owner of an entry is dead.
    #[error("{name} belongs to {pid}, which is dead")]
    DeadOwner {
        /// The name.
        name: Name,
        /// The owner.
        pid: Pid,
    },
    /// Invariant I2: an entry is not found by a value it has.
    #[error("{name} has {value} and is not in its index row")]
    NotIndexed {
        /// The name.
        name: Name,
        /// The attribute and the value.
        value: String,
    },
    /// Invariant I2: an index row leads to a slot in which nothing carries the value any more.
    #[error("the index row of {value} in {namespace} holds slot {slot}, which does not carry it")]
    StaleIndexRow {
        /// The namespace.
        namespace: String,
        /// The attribute and the value.
        value: String,
        /// The slot.
        slot: u32,
    },
    /// An entry is not found by its name.
    #[error("{name} stands in its slot and a look-up does not find it")]
    NotFound {
        /// The name.
        name: Name,
    },
    /// Fewer or more entries are counted than there are.
    #[error("{namespace} counts {counted} entries and has {found}")]
    Miscounted {
        /// The namespace.
        namespace: String,
        /// What the counter says.
        counted: usize,
        /// How many there are.
        found: usize,
    },
    /// Other bytes are counted than entries carry.
    #[error("{namespace} counts {counted} bytes and its entries carry {found}")]
    MiscountedBytes {
        /// The namespace.
        namespace: String,
        /// What the counter says.
        counted: usize,
        /// What they carry.
        found: usize,
    },
    /// A slot that is not dirty is not what every reader would take it for.
    #[error("slot {slot} in {namespace} needs a question, and its bit says that it does not")]
    NotDirty {
        /// The namespace.
        namespace: String,
        /// The slot.
        slot: u32,
    },
    /// Invariant I3: an entry stands in a namespace that is not its own.
    #[error("{name} stands in the namespace {found}")]
    WrongNamespace {
        /// The name.
        name: Name,
        /// Where it stands.
        found: String,
    },
    /// Invariant I5: an entry is not in the row of its owner, so its death would not free it.
    #[error("{name} belongs to {pid} and is not in its owner row")]
    NotOwned {
        /// The name.
        name: Name,
        /// The owner.
        pid: Pid,
    },
    /// Invariant I5: an owner row names an entry that is not there or has another owner.
    #[error("the owner row of {pid} holds {name}, which it does not have")]
    StaleOwnerRow {
        /// The name.
        name: Name,
        /// The owner of the row.
        pid: Pid,
    },
    /// A membership stands under the name of another one, so it could be there twice.
    #[error("the membership {name} of {pid} is that of another process or group")]
    NotItsMembership {
        /// What it stands under.
        name: Name,
        /// The member.
        pid: Pid,
    },
}

/// Returns everything that is wrong with a registry, in a fixed order; nothing, if it is whole.
///
/// May be called at any time, also while processes register and die. Waits for the turn of every namespace,
/// however long that takes, and holds up all who want to write, until it has looked at everything: those whose
/// patience ends sooner ([`Registry::within`]) are answered `Busy`.
pub fn check(registry: &Registry) -> Vec<Violation> {
    let mut violations = Vec::new();
    // One after the other: nothing that must hold is about both.
    for held in [Held::Names, Held::Memberships] {
        check_holdings(registry, held, &mut violations);
    }
    // Tables are in no order, and a run must replay.
    violations.sort_unstable();
    violations
}

fn check_holdings(registry: &Registry, held: Held, violations: &mut Vec<Violation>) {
    let shared = registry.shared();
    let Holdings { namespaces, owners, .. } = shared.holdings(held);
    // Lock order: the list of namespaces, writers in the order of their labels, then the owners. Nobody else
    // holds two writers or two parts of the owners.
    let no_new_ones = namespaces.hold();
    let turns = namespaces.all().into_iter().map(|namespace| {
        let (writer, end) = namespace.turn().split();
        ((namespace, writer), end)
    });
    // The ends are dropped last, also by a panic.
    let (ends, writers): (Vec<_>, Vec<_>) = turns.map(|(writer, end)| (end, writer)).unzip();
    let owners = owners.lock();
    let mut owned = BTreeSet::new();
    for (namespace, writer) in &writers {
        namespace.audit(writer, violations);
        for version in namespace.standing(writer) {
            let (name, pid) = (version.entry.name.clone(), version.entry.pid);
            if !shared.system().is_alive(pid) {
                violations.push(Violation::DeadOwner { name: name.clone(), pid });
            }
            if matches!(held, Held::Memberships) && !is_membership(&version.entry) {
                violations.push(Violation::NotItsMembership { name: name.clone(), pid });
            }
            owned.insert((pid, name));
        }
    }
    let rows = owners.iter().flat_map(|part| part.values());
    let rows: BTreeSet<_> =
        rows.flat_map(|row| names_of(row).into_iter().map(|(name, _)| (row.pid, name))).collect();
    for (pid, name) in owned.difference(&rows) {
        violations.push(Violation::NotOwned { name: name.clone(), pid: *pid });
    }
    for (pid, name) in rows.difference(&owned) {
        violations.push(Violation::StaleOwnerRow { name: name.clone(), pid: *pid });
    }
    drop((owners, writers, no_new_ones));
    // Serves those who were queued meanwhile: their wakers are strangers' code.
    drop(ends);
}
