//! The file in which the state outlives the program.
//!
//! One line says what it is, its version, and the length and XXH3 checksum of the rest, which is JSON:
//!
//! ```text
//! foundation-flags 1 412 9e3779b97f4a7c15
//! {"step":3,"settings":{"spans":{"value":"on"}},…}
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use foundation_env::fault;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::change::Change;
use crate::rollout::RolloutState;
use crate::value::Setting;

const MAGIC: &str = "foundation-flags";
const VERSION: u32 = 1;

/// Everything that is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) step: u64,
    /// By name; those of flags that are not declared are kept for when they are.
    pub(crate) settings: BTreeMap<String, Setting>,
    pub(crate) records: Vec<Change>,
    pub(crate) forgotten: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rollout: Option<RolloutState>,
}

/// Why a file holds no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is damaged at byte {at}: {cause}; restore it from a copy, or remove it to begin with all flags off", path.display())]
#[non_exhaustive]
pub struct DamagedState {
    /// The file.
    pub path: PathBuf,
    /// Where the first fault was found, in bytes from the beginning.
    pub at: usize,
    /// What is wrong.
    pub cause: String,
}

impl Saved {
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let body = serde_json::to_string(self)?;
        let sum = XxHash3_64::oneshot(body.as_bytes());
        Ok(format!("{MAGIC} {VERSION} {} {sum:016x}\n{body}\n", body.len()).into_bytes())
    }

    pub(crate) fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, DamagedState> {
        let damaged = |at, cause: String| DamagedState { path: path.to_owned(), at, cause };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| damaged(error.valid_up_to(), "it is not text".to_owned()))?;
        let Some((head, rest)) = text.split_once('\n') else {
            return Err(damaged(text.len(), "it ends in its first line".to_owned()));
        };
        let mut words = head.split(' ');
        if words.next() != Some(MAGIC) {
            return Err(damaged(0, format!("it does not begin with {MAGIC}")));
        }
        let version: Option<u32> = words.next().and_then(|word| word.parse().ok());
        if version != Some(VERSION) {
            let cause = format!("this program reads version {VERSION} of it");
            return Err(damaged(MAGIC.len() + 1, cause));
        }
        let length: Option<usize> = words.next().and_then(|word| word.parse().ok());
        let sum = words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
        let (Some(length), Some(sum), None) = (length, sum, words.next()) else {
            return Err(damaged(0, "its first line is not whole".to_owned()));
        };
        let body = rest.strip_suffix('\n').unwrap_or(rest);
        if body.len() != length {
            let cause = format!("{} bytes follow the first line where {length} belong", body.len());
            return Err(damaged(head.len() + 1, cause));
        }
        let unchecked = fault::planted("flags_state_unchecked");
        if XxHash3_64::oneshot(body.as_bytes()) != sum && !unchecked {
            return Err(damaged(head.len() + 1, "its checksum is another".to_owned()));
        }
        serde_json::from_str(body)
            .map_err(|error| damaged(head.len() + error.column(), error.to_string()))
    }
}

#[cfg(test)]
mod tests;
