//! What must hold of a registry at every moment, checked in full.
//!
//! For tests, simulations and operators who suspect something; it looks at every entry and holds up all
//! writers meanwhile.

use std::collections::BTreeSet;

use foundation_types::Pid;

use crate::name::Name;
use crate::registry::Registry;

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
    /// Invariant I2: an entry is not found by a capability it has.
    #[error("{name} has the capability {capability} and is not in its index row")]
    NotIndexed {
        /// The name.
        name: Name,
        /// The capability.
        capability: String,
    },
    /// Invariant I2: an index row leads to no entry, or to one without the capability.
    #[error("the index row of {capability} holds {name}, which does not have it")]
    StaleIndexRow {
        /// The name.
        name: Name,
        /// The capability.
        capability: String,
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
}

/// Returns everything that is wrong with a registry, in a fixed order; nothing, if it is whole.
///
/// May be called at any time, also while processes register and die.
pub fn check(registry: &Registry) -> Vec<Violation> {
    let shared = registry.shared();
    // Lock order: the list of namespaces, tables in the order of their labels, then the owners. Nobody
    // else holds two tables or two parts of the owners.
    let list = shared.namespaces().list();
    let tables: Vec<_> = list.iter().map(|namespace| (namespace, namespace.lock())).collect();
    let owners = shared.owners().lock();
    let mut violations = Vec::new();
    let mut owned = BTreeSet::new();
    for (namespace, table) in &tables {
        let label = &namespace.label;
        for entry in table.entries() {
            let (name, pid) = (entry.name.clone(), entry.pid);
            if name.namespace() != &**label {
                let found = label.to_string();
                violations.push(Violation::WrongNamespace { name: name.clone(), found });
            }
            if !shared.system().is_alive(pid) {
                violations.push(Violation::DeadOwner { name: name.clone(), pid });
            }
            for capability in &**entry.metadata.shared_capabilities() {
                let row = table.capabilities.get(capability);
                if !row.is_some_and(|row| row.ids.contains(name.shared_id())) {
                    let (name, capability) = (name.clone(), capability.to_string());
                    violations.push(Violation::NotIndexed { name, capability });
                }
            }
            owned.insert((pid, Name::from_parts(label, name.shared_id())));
        }
        for (capability, row) in &table.capabilities {
            for id in &row.ids {
                let entry = table.get(namespace.key(id));
                if !entry.is_some_and(|entry| entry.metadata.has(capability)) {
                    let name = Name::from_parts(label, id);
                    let capability = capability.to_string();
                    violations.push(Violation::StaleIndexRow { name, capability });
                }
            }
        }
    }
    let rows = owners.iter().flat_map(|part| part.values());
    let rows: BTreeSet<_> =
        rows.flat_map(|row| row.names().into_iter().map(|name| (row.pid, name))).collect();
    for (pid, name) in owned.difference(&rows) {
        violations.push(Violation::NotOwned { name: name.clone(), pid: *pid });
    }
    for (pid, name) in rows.difference(&owned) {
        violations.push(Violation::StaleOwnerRow { name: name.clone(), pid: *pid });
    }
    // Tables are in no order, and a run must replay.
    violations.sort_unstable();
    violations
}
