//! The id that all work for one request shares.

use std::fmt;
use std::str::FromStr;

use foundation_env::Env;
use serde::{Serialize, Serializer};

/// 128 random bits: unique without asking anybody. Shown as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CorrelationId(u128);

impl CorrelationId {
    /// Makes the id with these bits.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The bits.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Draws a fresh one.
    pub fn random(env: &Env) -> Self {
        Self((u128::from(env.random_u64()) << 64) | u128::from(env.random_u64()))
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for CorrelationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a correlation id is 32 hexadecimal digits")]
pub struct ParseCorrelationIdError;

impl FromStr for CorrelationId {
    type Err = ParseCorrelationIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        crate::trace::hexadecimal(text, 32).map(Self).ok_or(ParseCorrelationIdError)
    }
}
