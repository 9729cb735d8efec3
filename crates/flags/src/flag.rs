//! Declared flags.

use std::borrow::Cow;
use std::collections::BTreeMap;

use foundation_types::nearest;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// One declared flag: its name, and what it switches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flag {
    name: Cow<'static, str>,
    about: Cow<'static, str>,
}

impl Flag {
    /// The longest name, in bytes.
    pub const NAME_BYTES_MAX: usize = 64;

    /// Declares a flag in code. The [`Catalogue`] checks the name.
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), about: Cow::Borrowed(about) }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what it switches, in a few words.
    pub fn about(&self) -> &str {
        &self.about
    }
}

impl AsRef<str> for Flag {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

/// All flags there are, at most [`Catalogue::FLAGS_MAX`]. In a file it is a table from name to what it switches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Catalogue {
    /// Sorted by name, without duplicates.
    flags: Vec<Flag>,
}

/// Why flags are no catalogue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// A name is not of the allowed form.
    #[error(
        "{0:?} cannot be the name of a flag: use 1 to 64 lower-case letters, digits and underscores, a letter first"
    )]
    BadName(String),
    /// Two flags have one name.
    #[error("the flag {0:?} is declared twice: give one of them another name")]
    Duplicate(String),
    /// There are too many.
    #[error("{0} flags are more than {max}: remove those nobody reads", max = Catalogue::FLAGS_MAX)]
    TooMany(usize),
}

/// Nobody has declared that flag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no flag {name:?}{}", remedy(nearest.as_deref()))]
#[non_exhaustive]
pub struct UnknownFlag {
    /// The name that was asked for, cut to what a name may have.
    pub name: String,
    /// The declared name that looks most like it, if one does.
    pub nearest: Option<String>,
}

fn remedy(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| ": declare it".to_owned(), |name| format!(": did you mean {name:?}?"))
}

impl Catalogue {
    /// The most flags of a system: each step looks at all of them.
    pub const FLAGS_MAX: usize = 1_024;

    /// Collects declared flags.
    ///
    /// # Errors
    /// [`CatalogueError`] for a bad name, a duplicate, or too many.
    pub fn new(flags: impl IntoIterator<Item = Flag>) -> Result<Self, CatalogueError> {
        let mut flags: Vec<Flag> = flags.into_iter().take(Self::FLAGS_MAX + 1).collect();
        if flags.len() > Self::FLAGS_MAX {
            return Err(CatalogueError::TooMany(flags.len()));
        }
        if let Some(flag) = flags.iter().find(|flag| !is_name(flag.name())) {
            let name = flag.name().chars().take(Flag::NAME_BYTES_MAX).collect();
            return Err(CatalogueError::BadName(name));
        }
        flags.sort_by(|left, right| left.name.cmp(&right.name));
        let twice =
            flags.iter().zip(flags.iter().skip(1)).find(|(left, right)| left.name == right.name);
        if let Some((flag, _)) = twice {
            return Err(CatalogueError::Duplicate(flag.name().to_owned()));
        }
        Ok(Self { flags })
    }

    /// Returns the flags, sorted by name.
    pub fn flags(&self) -> &[Flag] {
        &self.flags
    }

    /// Finds the place of a flag among [`Catalogue::flags`].
    pub(crate) fn index(&self, name: &str) -> Result<usize, UnknownFlag> {
        self.flags.binary_search_by(|flag| flag.name().cmp(name)).map_err(|_place| UnknownFlag {
            name: name.chars().take(Flag::NAME_BYTES_MAX).collect(),
            nearest: nearest(name, self.flags.iter().map(Flag::name)).map(str::to_owned),
        })
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= Flag::NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

impl TryFrom<BTreeMap<String, String>> for Catalogue {
    type Error = CatalogueError;

    fn try_from(flags: BTreeMap<String, String>) -> Result<Self, CatalogueError> {
        Self::new(
            flags.into_iter().map(|(name, about)| Flag { name: name.into(), about: about.into() }),
        )
    }
}
