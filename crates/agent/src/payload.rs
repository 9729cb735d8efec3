//! The value that travels between tasks.

use std::fmt;
use std::sync::Arc;

use foundation_types::{Code, Error};
use serde::de::{DeserializeOwned, DeserializeSeed, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::value::RawValue;

#[cfg(test)]
mod tests;

/// Holds one JSON value as text.
///
/// The text is kept instead of a tree because a run keeps the output of every task: a table of word counts
/// takes about a tenth of the memory as text. Clones share the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Arc<str>);

impl Payload {
    /// Returns the JSON value `null`, the input of a task that depends on nothing.
    pub fn null() -> Self {
        Self(Arc::from("null"))
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// `serialization_failed` when the value has no JSON form, such as a map whose keys are not text.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        let text = serde_json::to_string(value).map_err(|source| {
            Error::new(Code::SerializationFailed, "the value has no json form").caused_by(source)
        })?;
        Ok(Self(Arc::from(text)))
    }

    /// Takes over JSON text after checking that it is one whole JSON value.
    ///
    /// # Errors
    /// `deserialization_failed` with the line and column of the first character that does not fit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let raw: &RawValue = serde_json::from_str(text).map_err(malformed)?;
        Ok(Self(Arc::from(raw.get())))
    }

    /// Reads the value into a type.
    ///
    /// # Errors
    /// `type_mismatch` with serde's account of what was expected and found.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.0).map_err(mismatched)
    }

    /// Reads the value with a state of the reader's own.
    pub(crate) fn decode_with<'de, S: DeserializeSeed<'de>>(
        &'de self,
        seed: S,
    ) -> Result<S::Value, Error> {
        seed.deserialize(&mut serde_json::Deserializer::from_str(&self.0)).map_err(mismatched)
    }

    /// Returns the JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the size of the JSON text in bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Cuts a JSON list into its items, in order.
    ///
    /// # Errors
    /// `type_mismatch` when the value is no list, `constraint_violation` when the list has more than
    /// `items_max` items; reading stops there.
    pub fn items(&self, items_max: usize) -> Result<Vec<Self>, Error> {
        let mut deserializer = serde_json::Deserializer::from_str(&self.0);
        let (items, whole) =
            deserializer.deserialize_seq(ItemsVisitor { items_max }).map_err(|source| {
                Error::new(Code::TypeMismatch, "the value is not a list").caused_by(source)
            })?;
        if whole {
            return Ok(items);
        }
        Err(Error::new(Code::ConstraintViolation, "the list has too many items")
            .with("items_max", items_max))
    }

    /// Joins values into one JSON list, in the order given.
    pub fn list<'a>(items: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut text = String::from("[");
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&item.0);
        }
        text.push(']');
        Self(Arc::from(text))
    }

    /// Joins named values into one JSON object, in the order given; the caller keeps the names unique.
    ///
    /// # Errors
    /// `serialization_failed` when a name cannot be written as a JSON string.
    pub fn object<'a>(
        fields: impl IntoIterator<Item = (&'a str, &'a Self)>,
    ) -> Result<Self, Error> {
        let mut text = String::from("{");
        for (index, (name, value)) in fields.into_iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(Self::encode(name)?.as_str());
            text.push(':');
            text.push_str(&value.0);
        }
        text.push('}');
        Ok(Self(Arc::from(text)))
    }
}

fn malformed(source: serde_json::Error) -> Error {
    Error::new(Code::DeserializationFailed, "the text is not one json value").caused_by(source)
}

fn mismatched(source: serde_json::Error) -> Error {
    Error::new(Code::TypeMismatch, "the value has another shape than the reader expects")
        .caused_by(source)
}

impl fmt::Debug for Payload {
    /// Shows the first bytes only: an output may be large and debug text ends up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 80;
        let end = self.0.floor_char_boundary(SHOWN_MAX);
        let shown = self.0.get(..end).unwrap_or_default();
        let rest = self.0.len() - shown.len();
        if rest == 0 {
            write!(f, "Payload({shown})")
        } else {
            write!(f, "Payload({shown} +{rest} bytes)")
        }
    }
}

struct ItemsVisitor {
    items_max: usize,
}

impl<'de> Visitor<'de> for ItemsVisitor {
    /// The items, and whether they are all there were.
    type Value = (Vec<Payload>, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.items_max {
            let Some(item) = list.next_element::<&'de RawValue>()? else {
                return Ok((items, true));
            };
            items.push(Payload(Arc::from(item.get())));
        }
        // The list may end exactly at the limit. The rest of a longer one is passed over unread, so that
        // the deserializer reports the limit and not a missing bracket.
        let mut whole = true;
        while list.next_element::<serde::de::IgnoredAny>()?.is_some() {
            whole = false;
        }
        Ok((items, whole))
    }
}
