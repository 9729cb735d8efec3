//! Under what a process can be found.

use std::fmt;
use std::sync::Arc;

use crate::label::{LabelError, LabelKind, checked};

/// Names a process: an id within a namespace.
///
/// The same id in two namespaces names two processes. A name belongs to a role, not to a life: after a
/// restart the new process takes it over, and those who look it up find the new one. Cloning is cheap.
/// The text form is `namespace/local_id`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    namespace: Arc<str>,
    local_id: Arc<str>,
}

impl Name {
    /// Makes a name of its two parts.
    ///
    /// # Errors
    ///
    /// [`LabelError`] when a part is empty, too long, or has white space, a control character or, in
    /// the namespace, a slash.
    pub fn new(namespace: &str, local_id: &str) -> Result<Self, LabelError> {
        Ok(Self {
            namespace: checked(LabelKind::Namespace, namespace)?,
            local_id: checked(LabelKind::LocalId, local_id)?,
        })
    }

    /// Returns the namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the id within the namespace.
    pub fn local_id(&self) -> &str {
        &self.local_id
    }

    pub(crate) fn shared_namespace(&self) -> &Arc<str> {
        &self.namespace
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.local_id)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}
