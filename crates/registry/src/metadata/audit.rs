//! Checks all of a builder's content against the bounds, and measures it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Metadata;
use super::error::{Faults, FieldFault};
use super::place::Place;
use crate::label::{LabelError, LabelKind, fault};
use crate::value::Value;

/// The running sums of one check.
#[derive(Debug)]
pub(super) struct Audit<'a> {
    faults: &'a mut Faults,
    bytes: usize,
    /// Values in attributes, those within others too.
    values: usize,
}

impl<'a> Audit<'a> {
    pub(super) fn new(faults: &'a mut Faults) -> Self {
        Self { faults, bytes: 0, values: 0 }
    }

    /// Adds labels, which are checked already.
    pub(super) fn labels(
        &mut self,
        field: &'static str,
        (what, count_max): (&'static str, usize),
        labels: &BTreeSet<Arc<str>>,
    ) {
        self.count(field, (what, count_max), labels.len());
        for label in labels {
            self.add(label.len());
        }
    }

    /// Adds resources, whose names are checked already.
    pub(super) fn resources(&mut self, resources: &BTreeMap<Arc<str>, f64>) {
        let field = "resources";
        self.count(field, ("resources", Metadata::RESOURCES_MAX), resources.len());
        for (name, amount) in resources {
            self.add(name.len().saturating_add(8));
            let fault = match *amount {
                amount if !amount.is_finite() => FieldFault::NotFinite,
                amount if amount < 0.0 => FieldFault::Negative,
                _ => continue,
            };
            self.faults.push(&Place::Key(&Place::Field(field), name), fault);
        }
    }

    /// Adds attributes, whose names on the first level are checked already.
    pub(super) fn attributes(
        &mut self,
        field: &'static str,
        attributes: &BTreeMap<Arc<str>, Value>,
    ) {
        self.count(field, ("attributes", Metadata::ATTRIBUTES_MAX), attributes.len());
        for (name, value) in attributes {
            self.add(name.len());
            self.value(&Place::Key(&Place::Field(field), name), value, 1);
        }
    }

    /// Adds a value and those within. Past a bound it descends no further, so the cost is bounded also
    /// for a value that holds itself shared in many places.
    pub(super) fn value(&mut self, place: &Place<'_>, value: &Value, level: usize) {
        self.values = self.values.saturating_add(1);
        if self.values > Metadata::VALUES_MAX {
            let (what, count_max) = ("values in attributes", Metadata::VALUES_MAX);
            let is_first = self.values == count_max + 1;
            if is_first {
                let fault = FieldFault::TooMany { what, count_max };
                self.faults.push(&Place::Field("metadata"), fault);
            }
            return;
        }
        if level > Metadata::NESTING_MAX {
            let levels_max = Metadata::NESTING_MAX;
            return self.faults.push(place, FieldFault::TooDeep { levels_max });
        }
        match value {
            Value::Number(number) if !number.is_finite() => {
                self.faults.push(place, FieldFault::NotFinite);
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&Place::Item(place, index), item, level + 1);
                }
            }
            Value::Map(map) => {
                for (name, value) in &**map {
                    let place = Place::Key(place, name);
                    let kind = LabelKind::Attribute;
                    if let Some(fault) = fault(kind, name) {
                        let error = LabelError { kind, fault };
                        self.faults.push(&place, FieldFault::Label(error));
                    }
                    self.add(name.len());
                    self.value(&place, value, level + 1);
                }
            }
            Value::Bool(_) | Value::Integer(_) | Value::Number(_) | Value::Text(_) => {
                self.add(value.bytes());
            }
        }
    }

    /// Ends the check and returns the bytes of the whole.
    pub(super) fn finish(self) -> usize {
        let (bytes, bytes_max) = (self.bytes, Metadata::BYTES_MAX);
        if bytes > bytes_max {
            let fault = FieldFault::TooLarge { bytes, bytes_max };
            self.faults.push(&Place::Field("metadata"), fault);
        }
        bytes
    }

    fn count(
        &mut self,
        field: &'static str,
        (what, count_max): (&'static str, usize),
        count: usize,
    ) {
        if count > count_max {
            self.faults.push(&Place::Field(field), FieldFault::TooMany { what, count_max });
        }
    }

    fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }
}
