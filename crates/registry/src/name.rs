//! Under what a process can be found.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use foundation_types::NodeId;

use crate::label::{LabelError, LabelFault, LabelKind, fault};

/// Names a process: an id within a namespace, of one node.
///
/// The same id in two namespaces, or of two nodes, names two processes. A name belongs to a role, not to a
/// life: after a restart the new process takes it over, and those who look it up find the new one. The node is
/// that which gave the name, this one unless said, whatever node its owner runs on. Cloning is cheap.
///
/// Names are ordered by namespace, id and node. The text form is `namespace/local_id`, and for another node
/// `namespace/local_id on node 2`.
#[derive(Clone, PartialEq, Eq)]
pub struct Name {
    /// Namespace, slash, id.
    text: Text,
    /// Where the slash is.
    slash: u8,
    node: NodeId,
}

/// Most names are short; those stand in the name itself, so that comparing them follows no pointer.
#[derive(Clone, PartialEq, Eq)]
enum Text {
    Short {
        len: u8,
        /// The rest is zero.
        bytes: [u8; SHORT_MAX],
    },
    Long(Arc<str>),
}

/// A name of 48 bytes.
const SHORT_MAX: usize = 38;

impl Name {
    /// Makes a name of this node.
    ///
    /// # Errors
    ///
    /// [`LabelError`] when a part is empty, too long, or has white space, a control character or, in
    /// the namespace, a slash.
    pub fn new(namespace: &str, local_id: &str) -> Result<Self, LabelError> {
        Self::on(NodeId::LOCAL, namespace, local_id)
    }

    /// Makes a name of a node.
    ///
    /// # Errors
    ///
    /// As [`Name::new`].
    pub fn on(node: NodeId, namespace: &str, local_id: &str) -> Result<Self, LabelError> {
        check(LabelKind::Namespace, namespace)?;
        check(LabelKind::LocalId, local_id)?;
        Ok(Self::of_checked(node, namespace, local_id))
    }

    /// Makes a name of parts that are known to be acceptable.
    pub(crate) fn of_checked(node: NodeId, namespace: &str, local_id: &str) -> Self {
        // At most 64, as the check has found.
        let slash = u8::try_from(namespace.len()).unwrap_or(u8::MAX);
        Self { text: Text::new(namespace, local_id), slash, node }
    }

    /// Returns the namespace.
    pub fn namespace(&self) -> &str {
        text(self.parts().0)
    }

    /// Returns the id within the namespace.
    pub fn local_id(&self) -> &str {
        text(self.parts().1)
    }

    /// Returns the node that gave the name.
    #[inline]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The bytes of the namespace and of the id.
    #[inline]
    pub(crate) fn parts(&self) -> (&[u8], &[u8]) {
        let (namespace, rest) = self.text.bytes().split_at(usize::from(self.slash));
        (namespace, rest.get(1..).unwrap_or_default())
    }
}

impl Text {
    fn new(namespace: &str, local_id: &str) -> Self {
        let parts = [namespace, "/", local_id];
        let len = parts.iter().map(|part| part.len()).sum();
        let mut bytes = [0; SHORT_MAX];
        let (Some(mut rest), Ok(len)) = (bytes.get_mut(..len), u8::try_from(len)) else {
            return Self::Long(parts.concat().into());
        };
        for part in parts {
            let (place, after) = rest.split_at_mut(part.len());
            place.copy_from_slice(part.as_bytes());
            rest = after;
        }
        Self::Short { len, bytes }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            Self::Long(text) => text.as_bytes(),
        }
    }
}

/// A part of what was a text, cut where an ASCII character is.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn check(kind: LabelKind, text: &str) -> Result<(), LabelError> {
    fault(kind, text).map_or(Ok(()), |fault: LabelFault| Err(LabelError { kind, fault }))
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.text.bytes(), self.node).hash(state);
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts()).then(self.node.cmp(&other.node))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace(), self.local_id())?;
        if self.node == NodeId::LOCAL { Ok(()) } else { write!(f, " on node {}", self.node) }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_parts_whatever_its_length() {
        for id_len in [1, 2, SHORT_MAX - 4, SHORT_MAX - 3, SHORT_MAX - 2, 100, 255] {
            let id = "ä".repeat(id_len / 2) + &"x".repeat(id_len % 2);
            let name = Name::new("ns", &id).unwrap();
            assert_eq!((name.namespace(), name.local_id()), ("ns", &*id));
            assert_eq!(name.to_string(), format!("ns/{id}"));
            assert_eq!(name, Name::new("ns", &id).unwrap());
            assert_ne!(name, Name::on(NodeId::new(1), "ns", &id).unwrap());
        }
        assert_eq!(size_of::<Name>(), 48);
    }

    #[test]
    fn names_are_ordered_by_namespace_and_then_by_id() {
        let name = |namespace: &str, id: &str| Name::new(namespace, id).unwrap();
        let long = "z".repeat(60);
        let sorted =
            [name("a", "z"), name("a", &long), name("a!", "a"), name("b", &long), name(&long, "a")];
        assert!(sorted.is_sorted());
    }
}
