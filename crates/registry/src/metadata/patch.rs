//! Changes of metadata that leave the rest as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use foundation_types::Instant;

use super::audit::Audit;
use super::builder::MetadataBuilder;
use super::error::{Faults, FieldFault, MetadataError};
use super::place::Place;
use super::{Health, Kind, Metadata};
use crate::label::LabelKind;
use crate::value::Value;

#[cfg(test)]
mod tests;

type Map = BTreeMap<Arc<str>, Value>;

/// A list of changes of [`Metadata`], in the manner of a JSON merge patch (RFC 7396).
///
/// The changes are made in the order in which they were written, and all or none. A path is names with
/// dots between, which lead into maps. Where RFC 7396 writes `null` to remove, there is a method for it,
/// and what is not there is removed without an error. Beyond it, a map can also be replaced as a whole.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::Arc;
///
/// use foundation_registry::{Field, Health, Metadata, Patch, Value};
/// use foundation_types::Instant;
///
/// let metadata = Metadata::builder()
///     .capability("text.read")
///     .resource("memory_mb", 512.0)
///     .custom("draft", true)
///     .custom("model", Value::Map(Arc::new(BTreeMap::from([("size".into(), 7_i64.into())]))))
///     .build()?;
/// let patch = Patch::new()
///     .health(Health::Degraded)
///     .add_capability("text.stats")
///     .resource("memory_mb", 256.0)
///     .custom("model.version", "b")
///     .remove_custom("draft");
/// let patched = patch.apply(&metadata, Instant::from_nanos(5))?;
///
/// assert!(patched.has("text.read") && patched.has("text.stats"));
/// assert_eq!(patched.field("custom.model.size"), Some(Field::Value(&Value::Integer(7))));
/// assert_eq!(patched.field("custom.model.version"), Some(Field::Value(&Value::from("b"))));
/// assert_eq!(patched.field("custom.draft"), None);
/// assert_eq!(patched.last_health_check(), Some(Instant::from_nanos(5)));
/// # Ok::<(), foundation_registry::MetadataError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use]
pub struct Patch {
    changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq)]
enum Change {
    Kind(Kind),
    Health(Health),
    Capabilities(Vec<String>),
    AddCapability(String),
    RemoveCapability(String),
    Affinity(Vec<String>),
    /// None removes.
    Resource(String, Option<f64>),
    Attribute(Group, String, Action),
}

/// Which attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Coordination,
    Custom,
}

#[derive(Debug, Clone, PartialEq)]
enum Action {
    Set(Value),
    Merge(Value),
    Remove,
}

impl Patch {
    /// Makes a patch that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what the process is.
    pub fn kind(self, kind: Kind) -> Self {
        self.with(Change::Kind(kind))
    }

    /// Sets the health, and the moment of the patch as that of the last health check.
    pub fn health(self, health: Health) -> Self {
        self.with(Change::Health(health))
    }

    /// Replaces all capabilities.
    pub fn capabilities<'a>(self, capabilities: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(Change::Capabilities(capabilities.into_iter().map(str::to_owned).collect()))
    }

    /// Adds a capability.
    pub fn add_capability(self, capability: &str) -> Self {
        self.with(Change::AddCapability(capability.to_owned()))
    }

    /// Removes a capability.
    pub fn remove_capability(self, capability: &str) -> Self {
        self.with(Change::RemoveCapability(capability.to_owned()))
    }

    /// Replaces all nodes that the process prefers.
    pub fn affinity<'a>(self, nodes: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(Change::Affinity(nodes.into_iter().map(str::to_owned).collect()))
    }

    /// Sets the amount of a resource.
    pub fn resource(self, name: &str, amount: f64) -> Self {
        self.with(Change::Resource(name.to_owned(), Some(amount)))
    }

    /// Removes a resource.
    pub fn remove_resource(self, name: &str) -> Self {
        self.with(Change::Resource(name.to_owned(), None))
    }

    /// Sets the value at a path of coordination variables. What stands on the way and is no map becomes
    /// one; a map at the path itself is replaced.
    pub fn coordination(self, path: &str, value: impl Into<Value>) -> Self {
        self.attribute(Group::Coordination, path, Action::Set(value.into()))
    }

    /// Merges a map into that at a path of coordination variables: key by key, and maps within maps the
    /// same way. A value that is no map, or meets none, is set.
    pub fn merge_coordination(self, path: &str, value: impl Into<Value>) -> Self {
        self.attribute(Group::Coordination, path, Action::Merge(value.into()))
    }

    /// Removes what stands at a path of coordination variables.
    pub fn remove_coordination(self, path: &str) -> Self {
        self.attribute(Group::Coordination, path, Action::Remove)
    }

    /// Sets the value at a path of custom attributes, as [`Patch::coordination`] does.
    pub fn custom(self, path: &str, value: impl Into<Value>) -> Self {
        self.attribute(Group::Custom, path, Action::Set(value.into()))
    }

    /// Merges a map into that at a path of custom attributes, as [`Patch::merge_coordination`] does.
    pub fn merge_custom(self, path: &str, value: impl Into<Value>) -> Self {
        self.attribute(Group::Custom, path, Action::Merge(value.into()))
    }

    /// Removes what stands at a path of custom attributes.
    pub fn remove_custom(self, path: &str) -> Self {
        self.attribute(Group::Custom, path, Action::Remove)
    }

    /// Returns the metadata with all changes made, checked as [`Metadata::checked`] does.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] with every change that is wrong and every rule that the result would break.
    pub fn apply(&self, metadata: &Metadata, now: Instant) -> Result<Metadata, MetadataError> {
        let mut builder = metadata.to_builder();
        for change in &self.changes {
            change.apply(&mut builder, now);
        }
        builder.build_at(now)
    }

    fn attribute(self, group: Group, path: &str, action: Action) -> Self {
        self.with(Change::Attribute(group, path.to_owned(), action))
    }

    fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }
}

impl Change {
    /// Makes the change, or notes in the builder why it cannot be made. Counts are left to the end, so
    /// that a name may come before another one goes.
    fn apply(&self, builder: &mut MetadataBuilder, now: Instant) {
        match self {
            Self::Kind(kind) => builder.kind = *kind,
            Self::Health(health) => {
                builder.health = *health;
                builder.last_health_check = Some(now);
            }
            Self::Capabilities(texts) => {
                builder.capabilities =
                    texts.iter().filter_map(|text| builder.capability_label(text)).collect();
            }
            Self::AddCapability(text) => {
                let label = builder.capability_label(text);
                builder.capabilities.extend(label);
            }
            Self::RemoveCapability(text) => {
                if let Some(label) = builder.capability_label(text) {
                    builder.capabilities.remove(&label);
                }
            }
            Self::Affinity(texts) => {
                builder.affinity =
                    texts.iter().filter_map(|text| builder.affinity_label(text)).collect();
            }
            Self::Resource(name, amount) => {
                if let Some(name) = builder.name(&Place::Field("resources"), name) {
                    match amount {
                        Some(amount) => _ = builder.resources.insert(name, *amount),
                        None => _ = builder.resources.remove(&name),
                    }
                }
            }
            Self::Attribute(group, path, action) => action.apply(builder, *group, path),
        }
    }
}

impl Action {
    fn apply(&self, builder: &mut MetadataBuilder, group: Group, path: &str) {
        let (field, map) = match group {
            Group::Coordination => ("coordination", &mut builder.coordination),
            Group::Custom => ("custom", &mut builder.custom),
        };
        if !self.is_sound(&mut builder.faults, &Place::Field(field), path, 1) {
            return;
        }
        let names: Vec<_> = path.split('.').collect();
        match self {
            Self::Set(value) => put(map, &names, &|_| value.clone()),
            Self::Merge(value) => put(map, &names, &|old| merged(old, value)),
            Self::Remove => remove(map, &names),
        }
    }

    /// Checks the names of a path, and what is merged there before merging descends into it.
    fn is_sound(&self, faults: &mut Faults, place: &Place<'_>, path: &str, level: usize) -> bool {
        let (name, rest) = path.split_once('.').map_or((path, None), |(n, rest)| (n, Some(rest)));
        let here = Place::Key(place, name);
        if level > Metadata::NESTING_MAX {
            faults.push(&here, FieldFault::TooDeep { levels_max: Metadata::NESTING_MAX });
            return false;
        }
        let is_name = faults.label(&here, LabelKind::Attribute, name).is_some();
        let is_rest_sound = match (rest, self) {
            (Some(rest), _) => self.is_sound(faults, &here, rest, level + 1),
            // What is set is checked with the result.
            (None, Self::Set(_) | Self::Remove) => true,
            (None, Self::Merge(value)) => {
                let mut found = Faults::default();
                let mut audit = Audit::new(&mut found);
                audit.value(&here, value, level);
                audit.finish();
                faults.extend(found)
            }
        };
        is_name && is_rest_sound
    }
}

/// Replaces what stands at a path by what `change` makes of it, with maps on the way there.
fn put(map: &mut Map, names: &[&str], change: &dyn Fn(Option<Value>) -> Value) {
    let Some((&name, rest)) = names.split_first() else { return };
    let old = map.remove(name);
    let new = if rest.is_empty() {
        change(old)
    } else {
        let mut inner = map_or_new(old);
        put(Arc::make_mut(&mut inner), rest, change);
        Value::Map(inner)
    };
    map.insert(Arc::from(name), new);
}

fn merged(old: Option<Value>, patch: &Value) -> Value {
    let Value::Map(changes) = patch else { return patch.clone() };
    let mut map = map_or_new(old);
    let inner = Arc::make_mut(&mut map);
    for (name, change) in &**changes {
        let old = inner.remove(name);
        inner.insert(Arc::clone(name), merged(old, change));
    }
    Value::Map(map)
}

fn remove(map: &mut Map, names: &[&str]) {
    let Some((&name, rest)) = names.split_first() else { return };
    if rest.is_empty() {
        map.remove(name);
    } else if let Some(Value::Map(inner)) = map.get_mut(name) {
        remove(Arc::make_mut(inner), rest);
    }
}

fn map_or_new(value: Option<Value>) -> Arc<Map> {
    if let Some(Value::Map(map)) = value { map } else { Arc::default() }
}
