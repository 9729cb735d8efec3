//! `text.stats`: reads and counts one file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use foundation_types::{Code, Error};
use serde::{Deserialize, Serialize};

use super::list::ListedFile;
use super::words;
use crate::action::Action;
use crate::context::{ActionContext, ActionLimits};

#[cfg(test)]
mod tests;

/// Bytes at the start of a file that are searched for a zero byte; git decides in the same way.
const SNIFF_BYTES: usize = 8_000;
/// Characters in the longest title; it is one cell of a table.
const TITLE_CHARS_MAX: usize = 100;
/// Bytes reserved before reading, whatever the file system says the size is.
const RESERVE_BYTES_MAX: u64 = 1 << 20;

/// Reads one listed file and counts what is in it.
///
/// A file that cannot be read, is too large or is not UTF-8 is an answer ([`FileOutcome::Skipped`]) and not
/// an error: the rest of the run does not depend on it.
#[derive(Debug, Clone, Copy)]
pub struct FileStats;

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileOutcome {
    /// The file is text and was counted.
    Document(Document),
    /// The file holds a zero byte near its start, so it is no text.
    Binary {
        /// The path below the root.
        path: String,
    },
    /// The file should have been counted and was not.
    Skipped(SkippedFile),
}

/// The counts of one text file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The path below the root.
    pub path: String,
    /// The first heading of a Markdown file, cut to 100 characters.
    pub title: Option<String>,
    /// Size in bytes.
    pub bytes: u64,
    /// Lines; the last one counts whether or not it ends with a line feed.
    pub lines: u64,
    /// Words, with repetitions.
    pub words: u64,
    /// BLAKE3 hash of the content, 64 hexadecimal digits.
    pub hash: String,
    /// Occurrences of each term, ordered by term; at most `file_terms_max` of them.
    pub terms: Vec<(String, u64)>,
    /// Distinct terms left out because there were more than `file_terms_max`.
    pub terms_dropped: u64,
}

/// A file that was not counted, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SkippedFile {
    /// The path below the root.
    pub path: String,
    /// The reason, in lower case and without a full stop.
    pub reason: String,
}

impl Action for FileStats {
    type Input = ListedFile;
    type Output = FileOutcome;

    fn name(&self) -> &'static str {
        "text.stats"
    }

    fn summary(&self) -> &'static str {
        "Reads one file and counts its lines, words and terms."
    }

    fn run(&self, file: ListedFile, context: &ActionContext) -> Result<FileOutcome, Error> {
        context.check()?;
        let ListedFile { path, skip } = file;
        if let Some(reason) = skip {
            return Ok(FileOutcome::Skipped(SkippedFile { path, reason }));
        }
        check_below_root(&path)?;
        let limits = context.limits();
        let content = match read(&context.root().join(&path), limits.file_bytes_max) {
            Ok(Content::Bytes(content)) => content,
            Ok(Content::TooLarge { is_binary: true }) => return Ok(FileOutcome::Binary { path }),
            Ok(Content::TooLarge { is_binary: false }) => {
                let reason = format!("larger than {} bytes", limits.file_bytes_max);
                return Ok(FileOutcome::Skipped(SkippedFile { path, reason }));
            }
            Err(error) => {
                let reason = read_reason(&error);
                return Ok(FileOutcome::Skipped(SkippedFile { path, reason }));
            }
        };
        Ok(outcome(path, &content, limits))
    }
}

/// The path comes from another task's output; it must not lead out of the folder.
fn check_below_root(path: &str) -> Result<(), Error> {
    let below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if below && !path.is_empty() {
        return Ok(());
    }
    Err(Error::new(Code::InvalidInput, "the path does not lead to a file below the input folder")
        .with("path", path)
        .with_remedy("give a relative path without '..', as files.list does"))
}

enum Content {
    Bytes(Vec<u8>),
    TooLarge { is_binary: bool },
}

fn read(path: &Path, bytes_max: u64) -> io::Result<Content> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file any more"));
    }
    let reserve = usize::try_from(metadata.len().min(RESERVE_BYTES_MAX)).unwrap_or(0);
    let mut content = Vec::with_capacity(reserve);
    // The size is checked on what was read: a file may grow, and some say they are empty.
    let taken = file.take(bytes_max.saturating_add(1)).read_to_end(&mut content)?;
    let too_large = u64::try_from(taken).is_ok_and(|taken| taken > bytes_max);
    Ok(if too_large {
        Content::TooLarge { is_binary: is_binary(&content) }
    } else {
        Content::Bytes(content)
    })
}

/// Words a failure without the operating system's numbers, which differ between systems.
fn read_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it vanished after it was listed".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}

fn outcome(path: String, content: &[u8], limits: &ActionLimits) -> FileOutcome {
    if is_binary(content) {
        return FileOutcome::Binary { path };
    }
    match std::str::from_utf8(content) {
        Ok(text) => FileOutcome::Document(document(path, text, limits)),
        Err(error) => {
            let reason = format!("not UTF-8: the first wrong byte is at {}", error.valid_up_to());
            FileOutcome::Skipped(SkippedFile { path, reason })
        }
    }
}

fn is_binary(content: &[u8]) -> bool {
    content.iter().take(SNIFF_BYTES).any(|byte| *byte == 0)
}

fn document(path: String, text: &str, limits: &ActionLimits) -> Document {
    let words = words::count(text);
    let mut terms: Vec<(String, u64)> = words.terms.into_iter().collect();
    let dropped = terms.len().saturating_sub(limits.file_terms_max);
    if dropped > 0 {
        terms.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        terms.truncate(limits.file_terms_max);
        terms.sort();
    }
    Document {
        title: title(&path, text),
        path,
        bytes: count(text.len()),
        lines: count(text.lines().count()),
        words: words.count,
        hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        terms,
        terms_dropped: count(dropped),
    }
}

fn title(path: &str, text: &str) -> Option<String> {
    let extension = Path::new(path).extension()?;
    if !["md", "markdown", "mdx"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
        return None;
    }
    text.lines().find_map(heading)
}

/// Reads an ATX heading: up to six `#`, a space, the text, and possibly closing `#`.
fn heading(line: &str) -> Option<String> {
    let marked = line.trim_start_matches('#');
    let level = line.len() - marked.len();
    if !(1..=6).contains(&level) || !marked.starts_with([' ', '\t']) {
        return None;
    }
    let text = marked.trim().trim_end_matches('#').trim_end();
    let title: String = text.chars().take(TITLE_CHARS_MAX).collect();
    (!title.is_empty()).then_some(title)
}

fn count(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
