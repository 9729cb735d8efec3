//! What a digest says.

use serde::{Deserialize, Serialize};

use super::stats::SkippedFile;

/// The result of a digest. Every list has a fixed order, so equal inputs give equal bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DigestReport {
    /// Text files counted.
    pub files: u64,
    /// Their size together, in bytes.
    pub bytes: u64,
    /// Their lines together.
    pub lines: u64,
    /// Their words together, with repetitions.
    pub words: u64,
    /// Distinct terms in all files.
    pub terms_distinct: u64,
    /// Distinct terms left out of single files because those had too many; 0 means the counts are exact.
    pub terms_dropped: u64,
    /// The most frequent terms: highest count first, then by term; at most [`DigestReport::TERMS_MAX`].
    pub terms: Vec<TermCount>,
    /// The documents with most words: longest first, then by path; at most [`DigestReport::LONGEST_MAX`].
    pub longest: Vec<LongDocument>,
    /// Groups of files with equal content: most wasted bytes first, then by first path.
    pub duplicates: Vec<DuplicateGroup>,
    /// Files passed over because they are not text.
    pub binary_files: u64,
    /// Files that should have been counted and were not, ordered by path.
    pub skipped: Vec<SkippedFile>,
}

impl DigestReport {
    /// Most terms a report lists.
    pub const TERMS_MAX: usize = 20;
    /// Most documents a report lists as the longest.
    pub const LONGEST_MAX: usize = 10;
}

/// How often a term occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermCount {
    /// The term, in lower case.
    pub term: String,
    /// Its occurrences in all files.
    pub count: u64,
    /// The files it occurs in.
    pub files: u64,
}

/// One of the longest documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongDocument {
    /// The path below the root.
    pub path: String,
    /// The first heading, where there is one.
    pub title: Option<String>,
    /// Words, with repetitions.
    pub words: u64,
    /// Lines.
    pub lines: u64,
    /// Size in bytes.
    pub bytes: u64,
}

/// Files with equal content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateGroup {
    /// BLAKE3 hash of the content, 64 hexadecimal digits.
    pub hash: String,
    /// Size of one of the files, in bytes.
    pub bytes: u64,
    /// Their paths, ordered; at least two.
    pub paths: Vec<String>,
}
