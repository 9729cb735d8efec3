//! `report.merge`: folds the outcomes of all files into one report.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use foundation_types::{Code, Error};
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::report::{DigestReport, DuplicateGroup, LongDocument, TermCount};
use super::stats::{Document, FileOutcome, SkippedFile};
use crate::action::Action;
use crate::context::{ActionContext, ActionLimits};
use crate::payload::Payload;

#[cfg(test)]
mod tests;

/// Merges the outcomes of `text.stats` into a [`DigestReport`].
#[derive(Debug, Clone, Copy)]
pub struct MergeReport;

impl Action for MergeReport {
    type Input = Digest;
    type Output = DigestReport;

    fn name(&self) -> &'static str {
        "report.merge"
    }

    fn summary(&self) -> &'static str {
        "Merges the counts of all files into the digest report."
    }

    /// Reads the outcomes one by one and stops at the first file with which there are too many terms.
    fn read(&self, input: &Payload, context: &ActionContext) -> Result<Digest, Error> {
        let terms_max = context.limits().report_terms_max;
        let mut failure = None;
        let reader = Reader { terms_max, failure: &mut failure };
        let read = input.decode_with(reader);
        match failure {
            Some(DigestError::TooManyTerms { path, .. }) => Err(too_many_terms(path, terms_max)),
            Some(DigestError::CountedTwice { .. }) | None => read,
        }
    }

    fn run(&self, digest: Digest, context: &ActionContext) -> Result<DigestReport, Error> {
        context.check()?;
        Ok(digest.report())
    }
}

fn too_many_terms(path: String, terms_max: usize) -> Error {
    let message = "there are more distinct terms than one report may count";
    let error = Error::new(Code::ConstraintViolation, message).with("path", path);
    error.with("report_terms_max", terms_max).with_remedy(
        "choose a smaller folder, exclude generated data in a .gitignore, or raise \
             limits.report_terms_max",
    )
}

/// The sums over any set of outcomes.
///
/// Adding is commutative and associative: sums, and maps ordered by path and by term. So the order in which
/// files were done leaves no trace. As JSON it reads a list of outcomes one by one, so that the counts
/// of all files are never in memory at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    terms_max: usize,
    documents: BTreeMap<String, Summary>,
    terms: BTreeMap<String, TermTotal>,
    terms_dropped: u64,
    binary_files: u64,
    skipped: Vec<SkippedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Summary {
    title: Option<String>,
    bytes: u64,
    lines: u64,
    words: u64,
    hash: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct TermTotal {
    count: u64,
    files: u64,
}

/// Says why an outcome was not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// The file was added before; counting it twice would falsify every sum.
    #[error("the file {path:?} was counted twice")]
    CountedTwice {
        /// The path of the file.
        path: String,
    },
    /// With the terms of this file there would be more distinct ones than the digest may count.
    #[error("there are more than {terms_max} distinct terms with the file {path:?}")]
    TooManyTerms {
        /// The path of the file.
        path: String,
        /// The limit.
        terms_max: usize,
    },
}

impl Default for Digest {
    /// Counts as many terms as the default limits allow.
    fn default() -> Self {
        Self::new(ActionLimits::default().report_terms_max)
    }
}

impl Digest {
    /// Makes an empty digest that counts at most `terms_max` distinct terms.
    pub fn new(terms_max: usize) -> Self {
        Self {
            terms_max,
            documents: BTreeMap::new(),
            terms: BTreeMap::new(),
            terms_dropped: 0,
            binary_files: 0,
            skipped: Vec::new(),
        }
    }

    /// Adds the outcome of one file.
    ///
    /// # Errors
    /// [`DigestError`] when a document with this path was added before, or its terms are too many; nothing is
    /// added then.
    pub fn add(&mut self, outcome: FileOutcome) -> Result<(), DigestError> {
        match outcome {
            FileOutcome::Document(document) => self.add_document(document),
            FileOutcome::Binary { .. } => {
                self.binary_files += 1;
                Ok(())
            }
            FileOutcome::Skipped(file) => {
                self.skipped.push(file);
                Ok(())
            }
        }
    }

    fn add_document(&mut self, document: Document) -> Result<(), DigestError> {
        let Document { path, title, bytes, lines, words, hash, terms, terms_dropped } = document;
        if self.documents.contains_key(&path) {
            return Err(DigestError::CountedTwice { path });
        }
        let terms_max = self.terms_max;
        // Whether a term is new is asked only where all of them might be too many.
        if self.terms.len() + terms.len() > terms_max {
            let new = terms.iter().filter(|(term, _)| !self.terms.contains_key(term)).count();
            if self.terms.len() + new > terms_max {
                return Err(DigestError::TooManyTerms { path, terms_max });
            }
        }
        self.documents.insert(path, Summary { title, bytes, lines, words, hash });
        self.terms_dropped += terms_dropped;
        for (term, count) in terms {
            let total = self.terms.entry(term).or_default();
            total.count += count;
            total.files += 1;
        }
        Ok(())
    }

    /// Draws up the report.
    pub fn report(self) -> DigestReport {
        let mut skipped = self.skipped;
        skipped.sort();
        DigestReport {
            files: count(self.documents.len()),
            bytes: self.documents.values().map(|document| document.bytes).sum(),
            lines: self.documents.values().map(|document| document.lines).sum(),
            words: self.documents.values().map(|document| document.words).sum(),
            terms_distinct: count(self.terms.len()),
            terms_dropped: self.terms_dropped,
            terms: most_frequent(self.terms),
            longest: longest(&self.documents),
            duplicates: duplicates(&self.documents),
            binary_files: self.binary_files,
            skipped,
        }
    }
}

fn most_frequent(terms: BTreeMap<String, TermTotal>) -> Vec<TermCount> {
    let mut terms: Vec<(String, TermTotal)> = terms.into_iter().collect();
    // The sort is stable and the map was ordered, so ties stay in the order of the terms.
    terms.sort_by_key(|(_, total)| Reverse(total.count));
    terms.truncate(DigestReport::TERMS_MAX);
    let listed = terms.into_iter();
    listed.map(|(term, TermTotal { count, files })| TermCount { term, count, files }).collect()
}

fn longest(documents: &BTreeMap<String, Summary>) -> Vec<LongDocument> {
    let mut by_length: Vec<(&String, &Summary)> = documents.iter().collect();
    by_length.sort_by_key(|(_, document)| Reverse(document.words));
    by_length.truncate(DigestReport::LONGEST_MAX);
    let listed = by_length.into_iter();
    listed
        .map(|(path, document)| LongDocument {
            path: path.clone(),
            title: document.title.clone(),
            words: document.words,
            lines: document.lines,
            bytes: document.bytes,
        })
        .collect()
}

fn duplicates(documents: &BTreeMap<String, Summary>) -> Vec<DuplicateGroup> {
    let mut by_hash: BTreeMap<&str, DuplicateGroup> = BTreeMap::new();
    for (path, document) in documents {
        let group = by_hash.entry(&document.hash).or_insert_with(|| DuplicateGroup {
            hash: document.hash.clone(),
            bytes: document.bytes,
            paths: Vec::new(),
        });
        group.paths.push(path.clone());
    }
    let mut groups: Vec<_> = by_hash.into_values().filter(|group| group.paths.len() > 1).collect();
    groups.sort_by(|left, right| {
        wasted(right).cmp(&wasted(left)).then_with(|| left.paths.cmp(&right.paths))
    });
    groups
}

fn wasted(group: &DuplicateGroup) -> u64 {
    group.bytes.saturating_mul(count(group.paths.len()).saturating_sub(1))
}

fn count(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let terms_max = ActionLimits::default().report_terms_max;
        Reader { terms_max, failure: &mut None }.deserialize(deserializer)
    }
}

/// Reads a list of outcomes, and says why it stopped where serde has text only.
struct Reader<'a> {
    terms_max: usize,
    failure: &'a mut Option<DigestError>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Digest;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Digest, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of file outcomes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut outcomes: A) -> Result<Digest, A::Error> {
        let mut digest = Digest::new(self.terms_max);
        while let Some(outcome) = outcomes.next_element::<FileOutcome>()? {
            if let Err(error) = digest.add(outcome) {
                return Err(serde::de::Error::custom(self.failure.insert(error)));
            }
        }
        Ok(digest)
    }
}
