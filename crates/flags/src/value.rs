//! What a flag may be set to.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// What a flag is for everybody without an override.
///
/// Written `off`, `on` or `25%`, in files too.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Value(u8);

/// The code of [`Value::ON`]: after the percentages 0 to 100, which are 1 to 101.
const ON: u8 = 102;

/// Why something is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The percentage is above 100.
    #[error("{0} is no percentage: give 0 to 100")]
    NoPercentage(u64),
    /// The text is none of the forms.
    #[error("{0:?} is no value of a flag: write off, on, or a percentage such as 25%")]
    NoValue(String),
}

impl Value {
    /// Off for everybody.
    pub const OFF: Self = Self(0);

    /// On for everybody.
    pub const ON: Self = Self(ON);

    /// On for `percent` of the keys; 0 is nobody, 100 everybody who gives a key.
    ///
    /// # Errors
    /// [`ValueError::NoPercentage`] above 100.
    pub const fn percent(percent: u8) -> Result<Self, ValueError> {
        if percent > 100 {
            return Err(ValueError::NoPercentage(percent as u64));
        }
        Ok(Self(percent + 1))
    }

    /// Returns the percentage, or `None` for off and on.
    pub const fn as_percent(self) -> Option<u8> {
        match self.0 {
            0 | ON.. => None,
            code => Some(code - 1),
        }
    }

    /// Tells whether it is on where no key is given: only if it is on for everybody.
    #[inline]
    pub const fn is_on(self) -> bool {
        self.0 == ON
    }

    /// Tells whether it is on for a key of this bucket, which is below 100.
    #[inline]
    pub fn is_on_for(self, bucket: u8) -> bool {
        // Off is 0 and on is above every bucket's code, so that one comparison answers all three.
        bucket.saturating_add(1) < self.0
    }

    /// Returns the code, below 128.
    pub(crate) const fn code(self) -> u8 {
        self.0
    }

    /// Returns the value of a code that [`Value::code`] gave.
    pub(crate) const fn of_code(code: u8) -> Self {
        Self(code)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_percent() {
            Some(percent) => f.pad(&format!("{percent}%")),
            None => f.pad(if self.is_on() { "on" } else { "off" }),
        }
    }
}

impl FromStr for Value {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let no_value = || ValueError::NoValue(text.chars().take(32).collect());
        match text {
            "off" => Ok(Self::OFF),
            "on" => Ok(Self::ON),
            _ => {
                let digits = text.strip_suffix('%').ok_or_else(no_value)?;
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(no_value());
                }
                let percent: u64 = digits.parse().ok().ok_or_else(no_value)?;
                match u8::try_from(percent) {
                    Ok(percent) => Self::percent(percent),
                    Err(_too_large) => Err(ValueError::NoPercentage(percent)),
                }
            }
        }
    }
}

impl TryFrom<String> for Value {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<Value> for String {
    fn from(value: Value) -> Self {
        value.to_string()
    }
}

/// Everything a flag is set to: its value, and what single keys get instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Setting {
    /// For whoever has no override.
    pub value: Value,
    /// By key: whether it is on for it. At most [`Setting::OVERRIDES_MAX`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, bool>,
}

impl Setting {
    /// The most overrides of one flag: they are for trying things out, and stand whole in each record.
    pub const OVERRIDES_MAX: usize = 32;

    /// The longest key of an override, in bytes.
    pub const KEY_BYTES_MAX: usize = 128;
}

impl From<Value> for Setting {
    fn from(value: Value) -> Self {
        Self { value, overrides: BTreeMap::new() }
    }
}
