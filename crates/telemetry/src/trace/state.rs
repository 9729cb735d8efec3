//! The header `tracestate`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// What other tracing systems passed along: up to 32 members `key=value`, the newest first. It is carried on
/// as it came. Serialized as the text of the header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TraceState(Option<Arc<str>>);

impl TraceState {
    /// Nothing.
    pub const EMPTY: Self = Self(None);

    /// The most members.
    pub const MEMBERS_MAX: usize = 32;

    /// The longest header that is carried, in bytes: what the specification asks for at least.
    pub const BYTES_MAX: usize = 512;

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of the header; empty if there is nothing to send.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }

    /// The members, the newest first.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.as_str().split(',').filter_map(|member| member.split_once('='))
    }

    /// What `key` passed along.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.members().find(|(known, _)| *known == key).map(|(_, value)| value)
    }
}

/// Why a header `tracestate` cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTraceStateError {
    /// A member is not of the form `key=value`, with the characters that the specification allows.
    #[error("member {index} is not of the form key=value")]
    Member {
        /// Which one, from 0.
        index: usize,
    },
    /// A key occurs twice.
    #[error("the key of member {index} occurs before")]
    Twice {
        /// Which one, from 0.
        index: usize,
    },
    /// More than [`TraceState::MEMBERS_MAX`] members, or longer than [`TraceState::BYTES_MAX`].
    #[error("more than 32 members or 512 bytes")]
    TooLong,
}

impl FromStr for TraceState {
    type Err = ParseTraceStateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use ParseTraceStateError::{Member, TooLong, Twice};
        let mut members: Vec<(&str, &str)> = Vec::new();
        for (index, member) in text.split(',').enumerate() {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=').ok_or(Member { index })?;
            if !is_key(key) || !is_value(value) {
                return Err(Member { index });
            }
            if members.iter().any(|(known, _)| *known == key) {
                return Err(Twice { index });
            }
            members.push((key, value));
        }
        let members: Vec<_> =
            members.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        let text = members.join(",");
        if members.len() > Self::MEMBERS_MAX || text.len() > Self::BYTES_MAX {
            return Err(TooLong);
        }
        Ok(if text.is_empty() { Self::EMPTY } else { Self(Some(text.into())) })
    }
}

/// Section 3.3.1.3.1: a simple key, or one with a tenant before the `@`.
fn is_key(key: &str) -> bool {
    let inside = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'_' | b'-' | b'*' | b'/')
    };
    let part = |part: &str, length_max: usize, digit_first: bool| {
        let first = part.bytes().next();
        let begins = first.is_some_and(|byte| {
            byte.is_ascii_lowercase() || (digit_first && byte.is_ascii_digit())
        });
        begins && part.len() <= length_max && part.bytes().all(inside)
    };
    match key.split_once('@') {
        None => part(key, 256, false),
        Some((tenant, system)) => part(tenant, 241, true) && part(system, 14, false),
    }
}

/// Section 3.3.1.3.2: up to 256 printable characters but `,` and `=`, the last no space.
fn is_value(value: &str) -> bool {
    let inside = |byte: u8| (0x20..=0x7e).contains(&byte) && byte != b',' && byte != b'=';
    !value.is_empty() && value.len() <= 256 && value.bytes().all(inside) && !value.ends_with(' ')
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for TraceState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
