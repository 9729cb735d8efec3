//! The actions of the digest job: list the files of a folder, count one file, merge the counts.
//!
//! `files.list` yields one [`ListedFile`] per file in the order of the path bytes; `text.stats` turns one of
//! them into a [`FileOutcome`]; `report.merge` folds all outcomes into a [`DigestReport`]. The merge keeps
//! ordered maps and sums only, so the report does not depend on the order in which the files were done.

mod list;
mod stats;
mod words;

mod merge;
mod report;
mod rules;

pub use list::{ListFiles, ListedFile};
pub use merge::{Digest, DigestError, MergeReport};
pub use report::{DigestReport, DuplicateGroup, LongDocument, TermCount};
pub use stats::{Document, FileOutcome, FileStats, SkippedFile};
