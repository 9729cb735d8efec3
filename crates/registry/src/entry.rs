//! What is registered under a name.

use foundation_types::{Instant, Pid};

use crate::field::{Field, Fields};
use crate::metadata::Metadata;
use crate::name::Name;
use crate::path::Path;

/// A registration as it was at one moment.
///
/// Its fields, for queries, are those of its metadata ([`Metadata::field`]) and, before them:
///
/// | Path | Field |
/// |---|---|
/// | `namespace`, `id` | the parts of the name |
/// | `node` | the number of the node that the process runs on ([`Pid::node`](foundation_types::Pid::node)) |
/// | `name_node` | the number of the node that gave the name ([`Name::node`]), which may be another one |
/// | `registered_at`, `updated_at` | nanoseconds on the system's clock |
// In this order, so that name and pid, which a look-up wants, stand side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[repr(C)]
pub struct Entry {
    /// The name.
    pub name: Name,
    /// The process that has it.
    pub pid: Pid,
    /// What the process can do, and how well.
    pub metadata: Metadata,
    /// When it was registered, on the system's clock.
    pub registered_at: Instant,
    /// When its metadata last changed, on the system's clock.
    pub updated_at: Instant,
}

impl Entry {
    /// Returns how many bytes it carries: those of its name's id, which counts once for each entry, and of its
    /// metadata ([`Metadata::bytes`]).
    pub fn bytes(&self) -> usize {
        self.name.local_id().len() + self.metadata.bytes()
    }
}

impl Fields for Entry {
    fn field(&self, path: &Path) -> Option<Field<'_>> {
        let nanos = |at: Instant| Field::Integer(i64::try_from(at.as_nanos()).unwrap_or(i64::MAX));
        match path.as_str() {
            "namespace" => Some(Field::Text(self.name.namespace())),
            "id" => Some(Field::Text(self.name.local_id())),
            "node" => Some(Field::Integer(i64::from(self.pid.node().get()))),
            "name_node" => Some(Field::Integer(i64::from(self.name.node().get()))),
            "registered_at" => Some(nanos(self.registered_at)),
            "updated_at" => Some(nanos(self.updated_at)),
            path => self.metadata.field(path),
        }
    }
}
