//! Groups: processes that belong together, under a name of their own.
//!
//! A membership is kept as a name is: an entry of a namespace that has an owner. Its local id is made of the
//! group and the member, so that nobody is in a group twice, and the group stands in it as a capability, so
//! that the index of capabilities leads from a group to its members. Namespaces of groups are others than those
//! of names, though they are called the same; see [`Holdings`](crate::registry::Holdings).

use std::fmt;
use std::sync::Arc;

use foundation_types::{Instant, NodeId, Pid};

use crate::entry::Entry;
use crate::label::{LabelError, LabelKind, checked};
use crate::metadata::Metadata;
use crate::name::Name;

mod broadcast;
mod error;
mod membership;
mod watch;

pub use broadcast::{MemberDelivery, MemberOutcome};
pub use error::{JoinError, LeaveError};
pub use watch::{GroupChange, GroupEvent, GroupSnapshot, GroupWatch};

/// Names a group of processes: a label within a namespace.
///
/// The same label in two namespaces names two groups. Groups and names do not meet: a group may be called like
/// a name. A group is there while somebody is in it, so nobody makes or deletes one. Cloning is cheap. The text
/// form is `namespace/label`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    namespace: Arc<str>,
    label: Arc<str>,
}

/// Stands between the group and the member in the local id of a membership; no group has it in its label.
const SEPARATOR: char = '/';

impl Group {
    /// Makes the name of a group of its two parts.
    ///
    /// # Errors
    ///
    /// [`LabelError`] when a part is empty, longer than 64 bytes, or has white space, a control character or a
    /// slash.
    pub fn new(namespace: &str, label: &str) -> Result<Self, LabelError> {
        Ok(Self {
            namespace: checked(LabelKind::Namespace, namespace)?,
            label: checked(LabelKind::Group, label)?,
        })
    }

    /// Returns the namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the label within the namespace.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What the membership of a process stands under.
    fn name_of(&self, member: Pid) -> Name {
        let id = format!("{}{SEPARATOR}{member}", self.label);
        Name::of_checked(NodeId::LOCAL, &self.namespace, &id)
    }

    /// The membership of a process.
    fn membership(&self, pid: Pid, now: Instant) -> Entry {
        // The rule for capabilities is the one for groups.
        let metadata = Metadata::new([self.label()])
            .unwrap_or_else(|error| unreachable!("{self} is a group: {error}"));
        Entry { name: self.name_of(pid), pid, metadata, registered_at: now, updated_at: now }
    }

    /// The group of a membership.
    fn of(membership: &Name) -> Option<Self> {
        let (label, _) = membership.local_id().split_once(SEPARATOR)?;
        Some(Self { namespace: membership.namespace().into(), label: label.into() })
    }
}

/// Whether an entry stands under the name that the membership of its owner in its group has.
pub(crate) fn is_membership(entry: &Entry) -> bool {
    let Some(group) = Group::of(&entry.name) else { return false };
    let groups = entry.metadata.capabilities();
    groups.eq([group.label()]) && entry.name == group.name_of(entry.pid)
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.label)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({self})")
    }
}
