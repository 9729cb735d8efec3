//! Reads the fields of one TOML table and notes every fault instead of stopping at the first.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::Findings;
use foundation_types::nearest;

/// One table of the file.
#[derive(Debug, Clone)]
pub(crate) struct Table<'t> {
    /// How the file writes it, such as `[[task]]`.
    title: &'static str,
    fields: &'t DeTable<'t>,
    /// The place of its header.
    pub(crate) span: Range<usize>,
}

/// A text with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) span: Range<usize>,
}

impl<'t> Table<'t> {
    /// Takes a value that should be a table with some of the known fields.
    pub(crate) fn new(
        title: &'static str,
        value: &'t Spanned<DeValue<'t>>,
        known: &[&str],
        findings: &mut Findings<'_>,
    ) -> Option<Self> {
        let DeValue::Table(fields) = value.get_ref() else {
            let found = value.get_ref().type_str();
            let cause = format!("{title} should be a table, not {}", article(found));
            findings.report(&value.span(), cause, format!("write {title} on a line of its own"));
            return None;
        };
        for key in fields.keys() {
            check_known(title, key, known, findings);
        }
        Some(Self { title, fields, span: value.span() })
    }

    /// Returns whether it is written as `[[agent]]`.
    pub(crate) fn is_agent(&self) -> bool {
        self.title == "[[agent]]"
    }

    /// Returns the value of a field.
    pub(crate) fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.fields.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// Returns the place of a field's value, or of the table if the field is not set.
    pub(crate) fn span_of(&self, key: &str) -> Range<usize> {
        self.value(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Reads a text that must be there.
    pub(crate) fn required_text(
        &self,
        key: &str,
        example: &str,
        findings: &mut Findings<'_>,
    ) -> Option<Text> {
        if self.value(key).is_none() {
            self.missing(key, example, findings);
        }
        self.text(key, example, findings)
    }

    /// Reads a text that may be there.
    pub(crate) fn text(
        &self,
        key: &str,
        example: &str,
        findings: &mut Findings<'_>,
    ) -> Option<Text> {
        let value = self.value(key)?;
        let text = as_text(value);
        if text.is_none() {
            wrong_type(key, "a text", value, &format!("{key} = {example}"), findings);
        }
        text
    }

    /// Reads a list of texts; an empty one if the field is not set.
    pub(crate) fn texts(&self, key: &str, example: &str, findings: &mut Findings<'_>) -> Vec<Text> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            wrong_type(key, "a list of texts", value, &format!("{key} = {example}"), findings);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            let text = as_text(item);
            if text.is_none() {
                let written = format!("{key} = {example}");
                wrong_type(key, "a list of texts", item, &written, findings);
            }
            texts.extend(text);
        }
        texts
    }

    /// Reads a whole number within a range; `None` if the field is not set or wrong.
    pub(crate) fn number(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
        findings: &mut Findings<'_>,
    ) -> Option<u64> {
        let value = self.value(key)?;
        let (min, max) = (range.start(), range.end());
        let remedy = format!("write a whole number from {min} to {max}");
        let DeValue::Integer(integer) = value.get_ref() else {
            let found = article(value.get_ref().type_str());
            let cause = format!("{key} should be a whole number, not {found}");
            findings.report(&value.span(), cause, remedy);
            return None;
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.and_then(|number| u64::try_from(number).ok());
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let cause = format!("{key} = {integer} is out of range");
            findings.report(&value.span(), cause, remedy);
        }
        number
    }

    /// Notes that a field is missing.
    pub(crate) fn missing(&self, key: &str, example: &str, findings: &mut Findings<'_>) {
        let cause = format!("{} has no {key}", self.title);
        findings.report(&self.span, cause, format!("add a line such as {key} = {example}"));
    }
}

/// Reads an array of tables, such as all `[[task]]`.
pub(crate) fn tables<'t>(
    title: &'static str,
    value: Option<&'t Spanned<DeValue<'t>>>,
    known: &[&str],
    findings: &mut Findings<'_>,
) -> Vec<Table<'t>> {
    let Some(value) = value else { return Vec::new() };
    let DeValue::Array(items) = value.get_ref() else {
        let cause = format!("{title} should be a list of tables");
        findings.report(&value.span(), cause, format!("write {title} with two brackets"));
        return Vec::new();
    };
    items.iter().filter_map(|item| Table::new(title, item, known, findings)).collect()
}

/// Notes a field or table that nobody reads: it is most likely misspelt.
pub(crate) fn check_known(
    title: &str,
    key: &Spanned<toml::de::DeString<'_>>,
    known: &[&str],
    findings: &mut Findings<'_>,
) {
    let name = key.get_ref();
    if known.contains(&name.as_ref()) {
        return;
    }
    let remedy = match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("remove it; known here: {}", known.join(", ")),
    };
    findings.report(&key.span(), format!("{title} has no field {name:?}"), remedy);
}

fn as_text(value: &Spanned<DeValue<'_>>) -> Option<Text> {
    let text = value.get_ref().as_str()?;
    Some(Text { value: text.to_owned(), span: value.span() })
}

fn wrong_type(
    key: &str,
    expected: &str,
    value: &Spanned<DeValue<'_>>,
    written: &str,
    findings: &mut Findings<'_>,
) {
    let found = article(value.get_ref().type_str());
    let cause = format!("{key} should be {expected}, not {found}");
    findings.report(&value.span(), cause, format!("write for example {written}"));
}

fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {noun}")
}
