//! The fields of a span or log line, read out as values.

use std::fmt;

use tracing::Metadata;
use tracing::field::{Field, Visit};

use crate::Value;
use crate::span::SpanRecord;

/// Where `tracing` keeps the text of a log line.
const MESSAGE: &str = "message";

/// Collects fields, at most [`SpanRecord::ATTRIBUTES_MAX`] and one for the message.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) values: Vec<(&'static str, Value<'static>)>,
    pub(super) message: Option<String>,
    pub(super) omitted: u32,
}

impl Fields {
    /// For all fields that a span or line is declared with.
    pub(super) fn of(metadata: &Metadata<'_>) -> Self {
        let declared = metadata.fields().len().min(SpanRecord::ATTRIBUTES_MAX);
        Self { values: Vec::with_capacity(declared), message: None, omitted: 0 }
    }

    fn add(&mut self, field: &Field, value: impl FnOnce() -> Value<'static>) {
        if self.values.len() < SpanRecord::ATTRIBUTES_MAX {
            self.values.push((field.name(), value()));
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, || Value::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, || Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, || Value::Uint(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, || Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            self.message = Value::from(value).into_owned().as_text().map(ToOwned::to_owned);
        } else {
            self.add(field, || Value::from(value).into_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Cut::default();
        // It fails where the text is cut.
        fmt::write(&mut text, format_args!("{value:?}")).unwrap_or_default();
        self.record_str(field, &text.0);
    }
}

/// Takes a text up to a little more than what is kept of one, so that nothing large is written out.
#[derive(Default)]
struct Cut(String);

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() > Value::TEXT_BYTES_MAX {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}
