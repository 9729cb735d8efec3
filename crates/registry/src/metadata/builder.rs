//! How metadata is put together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foundation_types::Instant;

use super::audit::Audit;
use super::error::{Faults, MetadataError};
use super::place::Place;
use super::{Details, Health, Kind, Labels, Metadata};
use crate::label::LabelKind;
use crate::value::Value;

#[cfg(test)]
mod tests;

/// Puts [`Metadata`] together. Whatever is not set stays as [`Metadata::default`] has it; a name that is
/// set twice has the later value. What is wrong is noted and told by [`build`](Self::build).
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct MetadataBuilder {
    pub(super) kind: Kind,
    pub(super) health: Health,
    pub(super) capabilities: BTreeSet<Arc<str>>,
    pub(super) affinity: BTreeSet<Arc<str>>,
    pub(super) resources: BTreeMap<Arc<str>, f64>,
    pub(super) coordination: BTreeMap<Arc<str>, Value>,
    pub(super) custom: BTreeMap<Arc<str>, Value>,
    pub(super) created_at: Option<Instant>,
    pub(super) last_health_check: Option<Instant>,
    pub(super) faults: Faults,
}

impl MetadataBuilder {
    /// Sets what the process is.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Adds a capability, a label of at most 64 bytes; naming one twice is naming it once.
    pub fn capability(self, capability: &str) -> Self {
        self.capabilities([capability])
    }

    /// Adds capabilities; at most [`Metadata::CAPABILITIES_MAX`] in all.
    pub fn capabilities<'a>(mut self, capabilities: impl IntoIterator<Item = &'a str>) -> Self {
        for text in capabilities {
            if let Some(label) = self.capability_label(text) {
                add(&mut self.capabilities, Metadata::CAPABILITIES_MAX, label);
            }
        }
        self
    }

    /// Sets the health.
    pub fn health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }

    /// Sets how much the process has of a resource: finite, not below zero, in whatever unit the name
    /// implies; at most [`Metadata::RESOURCES_MAX`] in all.
    pub fn resource(mut self, name: &str, amount: f64) -> Self {
        let place = Place::Field("resources");
        if let Some(name) = self.name(&place, name) {
            insert(&mut self.resources, Metadata::RESOURCES_MAX, name, amount);
        }
        self
    }

    /// Adds a node that the process prefers, a label of at most 64 bytes; at most
    /// [`Metadata::AFFINITY_MAX`] in all.
    pub fn affinity(mut self, node: &str) -> Self {
        if let Some(label) = self.affinity_label(node) {
            add(&mut self.affinity, Metadata::AFFINITY_MAX, label);
        }
        self
    }

    /// Sets a coordination variable; at most [`Metadata::ATTRIBUTES_MAX`] in all.
    pub fn coordination(mut self, name: &str, value: impl Into<Value>) -> Self {
        let place = Place::Field("coordination");
        if let Some(name) = self.name(&place, name) {
            insert(&mut self.coordination, Metadata::ATTRIBUTES_MAX, name, value.into());
        }
        self
    }

    /// Sets a custom attribute; at most [`Metadata::ATTRIBUTES_MAX`] in all.
    pub fn custom(mut self, name: &str, value: impl Into<Value>) -> Self {
        let place = Place::Field("custom");
        if let Some(name) = self.name(&place, name) {
            insert(&mut self.custom, Metadata::ATTRIBUTES_MAX, name, value.into());
        }
        self
    }

    /// Sets when the process was created, on the system's clock.
    pub fn created_at(mut self, at: Instant) -> Self {
        self.created_at = Some(at);
        self
    }

    /// Sets when its health was last looked at, on the system's clock; not before its creation.
    pub fn last_health_check(mut self, at: Instant) -> Self {
        self.last_health_check = Some(at);
        self
    }

    /// Makes the metadata.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] with every field that breaks a rule of [`Metadata`]. Whether instants lie in the
    /// future, only [`Metadata::checked`] can tell.
    pub fn build(self) -> Result<Metadata, MetadataError> {
        self.finish(None)
    }

    /// Makes the metadata as [`build`](Self::build) and then [`Metadata::checked`] do, with the faults of
    /// both.
    ///
    /// # Errors
    ///
    /// Theirs.
    pub fn build_at(self, now: Instant) -> Result<Metadata, MetadataError> {
        self.finish(Some(now))?.checked(now)
    }

    fn finish(self, now: Option<Instant>) -> Result<Metadata, MetadataError> {
        let mut faults = self.faults;
        faults.times(self.created_at, self.last_health_check, now);
        let mut audit = Audit::new(&mut faults);
        let bounds = ("capabilities", Metadata::CAPABILITIES_MAX);
        audit.labels("capability", bounds, &self.capabilities);
        audit.labels("affinity", ("nodes", Metadata::AFFINITY_MAX), &self.affinity);
        audit.resources(&self.resources);
        audit.attributes("coordination", &self.coordination);
        audit.attributes("custom", &self.custom);
        let bytes = audit.finish();
        faults.finish()?;
        let details = Details {
            resources: self.resources.into(),
            affinity: Labels::from(&self.affinity),
            coordination: self.coordination.into(),
            custom: self.custom.into(),
        };
        let (created_at, last_health_check) = (self.created_at, self.last_health_check);
        Ok(Metadata {
            capabilities: Labels::from(&self.capabilities),
            details: (!details.is_empty()).then(|| Arc::new(details)),
            created_at: created_at.unwrap_or(Instant::ORIGIN),
            last_health_check: last_health_check.unwrap_or(Instant::ORIGIN),
            // No more than BYTES_MAX, as the check has found.
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            kind: self.kind,
            health: self.health,
            has_created_at: created_at.is_some(),
            has_last_health_check: last_health_check.is_some(),
        })
    }

    pub(super) fn capability_label(&mut self, text: &str) -> Option<Arc<str>> {
        let place = Place::Field("capability");
        self.faults.label(&Place::Key(&place, text), LabelKind::Capability, text)
    }

    pub(super) fn affinity_label(&mut self, text: &str) -> Option<Arc<str>> {
        let place = Place::Field("affinity");
        self.faults.label(&Place::Key(&place, text), LabelKind::NodeAffinity, text)
    }

    /// Takes over a name that is a label; notes the fault of one that is not.
    pub(super) fn name(&mut self, place: &Place<'_>, name: &str) -> Option<Arc<str>> {
        self.faults.label(&Place::Key(place, name), LabelKind::Attribute, name)
    }
}

/// Adds a label unless the set is past its bound already; one too many is enough to be refused.
fn add(labels: &mut BTreeSet<Arc<str>>, count_max: usize, label: Arc<str>) {
    if labels.len() <= count_max {
        labels.insert(label);
    }
}

/// Sets a value unless the map is past its bound already, as [`add`] does.
fn insert<V>(map: &mut BTreeMap<Arc<str>, V>, count_max: usize, name: Arc<str>, value: V) {
    if map.len() <= count_max || map.contains_key(&name) {
        map.insert(name, value);
    }
}
