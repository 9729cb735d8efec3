//! Where in a registration a value stands.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use foundation_types::{Code, coded_errors};

use crate::scan::Scanner;
use crate::value::{quoted, write_quoted};

#[cfg(test)]
mod tests;

/// A checked path to a field, such as `health` or `custom.gpu.model`. Cloning is cheap.
///
/// One to eight segments of letters, digits, `_` and `-`, with dots between them and no `-` at the
/// beginning. The words of the query language are no paths, so a text is never read in two ways. A segment with
/// other signs stands in double quotes, with the escapes of a [`Value`](crate::Value), as in `custom."gpu:0"`; a dot
/// it cannot have, nor can the name of an attribute.
///
/// # Examples
///
/// ```
/// use foundation_registry::Path;
///
/// let path = Path::new("custom.gpu.model")?;
/// assert_eq!(path.segments().collect::<Vec<_>>(), ["custom", "gpu", "model"]);
/// assert!(Path::new("custom..model").is_err());
///
/// let path = Path::new(r#"custom."gpu:0".load"#)?;
/// assert_eq!(path.segments().collect::<Vec<_>>(), ["custom", "gpu:0", "load"]);
/// assert_eq!(path.to_string(), r#"custom."gpu:0".load"#);
/// # Ok::<(), foundation_registry::PathError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
// The segments without quotes, with dots between.
pub struct Path(Arc<str>);

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// The text, cut at [`Path::BYTES_MAX`].
    pub text: String,
    /// The first rule it breaks.
    pub fault: PathFault,
}

impl PathError {
    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        Code::InvalidInput
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a path: {:?}: {}", self.text, self.fault)
    }
}

coded_errors! {
    PathError;
}

/// Names a rule that a path breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathFault {
    /// A segment, or the whole, has no character.
    EmptySegment {
        /// Its byte offset.
        at: usize,
    },
    /// There are more than [`Path::SEGMENTS_MAX`] segments.
    TooManySegments,
    /// It is longer than [`Path::BYTES_MAX`].
    TooLong,
    /// A character is neither letter, digit, `_` nor `-`, or the first one is a `-`.
    Character {
        /// The character.
        found: char,
        /// Its byte offset.
        at: usize,
    },
    /// What is in quotes is not well formed, or has a dot.
    Quoted {
        /// The byte offset of the fault.
        at: usize,
    },
    /// It is one of `and`, `or`, `not`, `in`, `has`, `order` and `limit`, in any case of letters.
    Reserved,
}

impl Path {
    /// The segments of a path.
    pub const SEGMENTS_MAX: usize = 8;
    /// The bytes of a path; as many as those of a local id.
    pub const BYTES_MAX: usize = 255;

    /// Checks a text and takes it over.
    ///
    /// # Errors
    ///
    /// The first rule the text breaks.
    pub fn new(text: &str) -> Result<Self, PathError> {
        let path = if text.contains('"') {
            unquoted(text)
        } else {
            fault(text).map_or_else(|| Ok(Self(Arc::from(text))), Err)
        };
        match path {
            Ok(path) => Ok(path),
            Err(fault) => {
                let end = text.floor_char_boundary(Self::BYTES_MAX);
                let text = text.get(..end).unwrap_or_default().to_owned();
                Err(PathError { text, fault })
            }
        }
    }

    /// Returns the segments with dots between, without quotes. The text form is what it displays as.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the segments from the outermost one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// Tells whether a character may stand in a path, as part of a segment or between two.
    pub(crate) fn may_have(sign: char) -> bool {
        sign.is_alphanumeric() || matches!(sign, '_' | '-' | '.')
    }
}

/// The words that mean something else where a path may stand.
const RESERVED: [&str; 7] = ["and", "or", "not", "in", "has", "order", "limit"];

fn fault(text: &str) -> Option<PathFault> {
    if text.len() > Path::BYTES_MAX {
        return Some(PathFault::TooLong);
    }
    let leading = text.starts_with('-').then_some((0, '-'));
    let mut signs = text.char_indices();
    if let Some((at, found)) = leading.or_else(|| signs.find(|&(_, sign)| !Path::may_have(sign))) {
        return Some(PathFault::Character { found, at });
    }
    let mut at = 0;
    for segment in text.split('.') {
        if segment.is_empty() {
            return Some(PathFault::EmptySegment { at });
        }
        at += segment.len() + 1;
    }
    if text.split('.').count() > Path::SEGMENTS_MAX {
        return Some(PathFault::TooManySegments);
    }
    RESERVED.iter().any(|word| text.eq_ignore_ascii_case(word)).then_some(PathFault::Reserved)
}

/// Reads a path with segments in quotes.
fn unquoted(text: &str) -> Result<Path, PathFault> {
    if text.len() > Path::BYTES_MAX {
        return Err(PathFault::TooLong);
    }
    let (mut scanner, mut names) = (Scanner::new(text), Vec::new());
    loop {
        let at = scanner.at();
        let name = if scanner.peek() == Some('"') {
            let name = quoted(&mut scanner).map_err(|error| PathFault::Quoted { at: error.at })?;
            if name.contains('.') {
                return Err(PathFault::Quoted { at });
            }
            name
        } else {
            if at == 0 && scanner.peek() == Some('-') {
                return Err(PathFault::Character { found: '-', at });
            }
            scanner.word(|sign| sign != '.' && Path::may_have(sign)).to_owned()
        };
        let behind = scanner.at();
        match scanner.next() {
            Some(found) if found != '.' => {
                return Err(PathFault::Character { found, at: behind });
            }
            _ if name.is_empty() => return Err(PathFault::EmptySegment { at }),
            _ => names.push(name),
        }
        if scanner.at() == behind {
            break;
        }
    }
    if names.len() > Path::SEGMENTS_MAX {
        return Err(PathFault::TooManySegments);
    }
    let path = Path(names.join(".").into());
    // Escapes may make it longer than it was given.
    if path.to_string().len() > Path::BYTES_MAX { Err(PathFault::TooLong) } else { Ok(path) }
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptySegment { at } => write!(f, "a segment is empty at byte {at}"),
            Self::TooManySegments => {
                write!(f, "at most {} segments are allowed", Path::SEGMENTS_MAX)
            }
            Self::TooLong => write!(f, "at most {} bytes are allowed", Path::BYTES_MAX),
            Self::Character { found, at } => write!(f, "remove {found:?} at byte {at}"),
            Self::Quoted { at } => write!(f, "the quoted text at byte {at} is no segment"),
            Self::Reserved => f.write_str("it is a word of the query language"),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_reserved = RESERVED.iter().any(|word| self.0.eq_ignore_ascii_case(word));
        for (number, segment) in self.segments().enumerate() {
            f.write_str(if number == 0 { "" } else { "." })?;
            let is_first = number == 0 && (is_reserved || segment.starts_with('-'));
            if is_first || !segment.chars().all(Self::may_have) {
                write_quoted(segment, f)?;
            } else {
                f.write_str(segment)?;
            }
        }
        Ok(())
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

impl AsRef<str> for Path {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}
