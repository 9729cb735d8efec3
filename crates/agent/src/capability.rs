//! Names of what an agent can do.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use foundation_registry::LabelKind;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(test)]
mod tests;

/// Names one thing an agent can do, such as `text.stats`.
///
/// A name is one to eight segments joined by dots, 64 bytes at most. A segment starts with a lower-case
/// ASCII letter and goes on with lower-case letters, digits, `_` and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(Arc<str>);

/// Says what is wrong with the text of a capability, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CapabilityError {
    /// The text has no character.
    #[error("a capability needs a name")]
    Empty,
    /// The text is longer than [`Capability::BYTES_MAX`].
    #[error("a capability has at most {max} bytes, this one has {len}", max = Capability::BYTES_MAX)]
    TooLong {
        /// Bytes in the rejected text.
        len: usize,
    },
    /// The text has more segments than [`Capability::SEGMENTS_MAX`].
    #[error("a capability has at most {max} segments", max = Capability::SEGMENTS_MAX)]
    TooManySegments,
    /// Two dots stand side by side, or a dot begins or ends the text.
    #[error("the segment at byte {at} is empty")]
    EmptySegment {
        /// Byte offset of the place where the segment should be.
        at: usize,
    },
    /// A character is not allowed where it stands.
    #[error(
        "{found:?} at byte {at} is not allowed: use lower-case letters, digits, '_', '-' and dots, and start each segment with a letter"
    )]
    Character {
        /// The rejected character.
        found: char,
        /// Its byte offset.
        at: usize,
    },
}

impl Capability {
    /// Bytes in the longest name: the registry's bound. Its other rules follow from those above.
    pub const BYTES_MAX: usize = LabelKind::Capability.bytes_max();
    /// Segments in the deepest name.
    pub const SEGMENTS_MAX: usize = 8;

    /// Checks a name and wraps it.
    ///
    /// # Errors
    /// [`CapabilityError`] names the first rule the text breaks and the byte where it does.
    pub fn new(text: &str) -> Result<Self, CapabilityError> {
        if text.is_empty() {
            return Err(CapabilityError::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(CapabilityError::TooLong { len: text.len() });
        }
        let mut segment_start = 0;
        for (index, segment) in text.split('.').enumerate() {
            if index == Self::SEGMENTS_MAX {
                return Err(CapabilityError::TooManySegments);
            }
            check_segment(segment, segment_start)?;
            segment_start += segment.len() + 1;
        }
        Ok(Self(Arc::from(text)))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_segment(segment: &str, start: usize) -> Result<(), CapabilityError> {
    if segment.is_empty() {
        return Err(CapabilityError::EmptySegment { at: start });
    }
    for (offset, found) in segment.char_indices() {
        let allowed = match found {
            'a'..='z' => true,
            '0'..='9' | '_' | '-' => offset > 0,
            _ => false,
        };
        if !allowed {
            return Err(CapabilityError::Character { found, at: start + offset });
        }
    }
    Ok(())
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capability({})", self.0)
    }
}

impl FromStr for Capability {
    type Err = CapabilityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl AsRef<str> for Capability {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Capability {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for Capability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Capability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}
