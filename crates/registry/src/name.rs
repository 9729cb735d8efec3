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
    text: Arc<str>,
    /// Where the slash is.
    slash: u8,
    node: NodeId,
}

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
        let mut text = String::with_capacity(namespace.len() + 1 + local_id.len());
        text.push_str(namespace);
        text.push('/');
        text.push_str(local_id);
        // At most 64, as the check has found.
        let slash = u8::try_from(namespace.len()).unwrap_or(u8::MAX);
        Ok(Self { text: text.into(), slash, node })
    }

    /// Returns the namespace.
    #[inline]
    pub fn namespace(&self) -> &str {
        self.parts().0
    }

    /// Returns the id within the namespace.
    #[inline]
    pub fn local_id(&self) -> &str {
        self.parts().1
    }

    /// Returns the node that gave the name.
    #[inline]
    pub fn node(&self) -> NodeId {
        self.node
    }

    #[inline]
    fn parts(&self) -> (&str, &str) {
        let slash = usize::from(self.slash);
        let parts = self.text.get(..slash).zip(self.text.get(slash + 1..));
        parts.unwrap_or_else(|| unreachable!("a name has a slash where it was made"))
    }
}

fn check(kind: LabelKind, text: &str) -> Result<(), LabelError> {
    fault(kind, text).map_or(Ok(()), |fault: LabelFault| Err(LabelError { kind, fault }))
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&*self.text, self.node).hash(state);
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
        f.write_str(&self.text)?;
        if self.node == NodeId::LOCAL { Ok(()) } else { write!(f, " on node {}", self.node) }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}
