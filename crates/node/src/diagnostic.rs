//! Faults of a configuration file, for people and for programs.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::source::Source;

/// One fault: where it is, what it is, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The file, as it was named.
    pub file: String,
    /// Where in the file; `None` when the file as a whole is at fault.
    #[serde(flatten)]
    pub place: Option<Place>,
    /// What is wrong.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
    /// The line to show.
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1 in characters.
    pub column: usize,
    /// The characters that are meant; at least one.
    pub length: usize,
}

/// A source line, and the part of it to mark, in characters from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) line: String,
    pub(crate) mark_start: usize,
    pub(crate) mark_length: usize,
}

impl Diagnostic {
    pub(crate) fn whole_file(file: &str, cause: String, remedy: &str) -> Self {
        let (file, remedy) = (file.to_owned(), remedy.to_owned());
        Self { file, place: None, cause, remedy, excerpt: None }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.cause)?;
        let gutter = self.place.as_ref().map_or(1, |place| place.line.to_string().len());
        match &self.place {
            Some(place) => {
                writeln!(f, "{:gutter$}--> {}:{}:{}", "", self.file, place.line, place.column)?;
            }
            None => writeln!(f, "{:gutter$}--> {}", "", self.file)?,
        }
        if let (Some(place), Some(excerpt)) = (&self.place, &self.excerpt) {
            writeln!(f, "{:gutter$} |", "")?;
            writeln!(f, "{:gutter$} | {}", place.line, excerpt.line.trim_end())?;
            let mark = "^".repeat(excerpt.mark_length);
            writeln!(f, "{:gutter$} | {:start$}{mark}", "", "", start = excerpt.mark_start)?;
        }
        writeln!(f, "{:gutter$} = help: {}", "", self.remedy)
    }
}

/// All faults of a file, in the order of their places; there is at least one.
///
/// As text, one block per fault with the line it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    errors: Vec<Diagnostic>,
    /// Faults past the limit.
    errors_omitted: usize,
}

impl Diagnostics {
    /// Most faults that are listed; a file with more is easier mended from the top.
    pub const LISTED_MAX: usize = 100;

    pub(crate) fn one(diagnostic: Diagnostic) -> Self {
        Self { errors: vec![diagnostic], errors_omitted: 0 }
    }

    /// Returns the faults, at most [`Diagnostics::LISTED_MAX`].
    pub fn list(&self) -> &[Diagnostic] {
        &self.errors
    }

    /// Returns how many faults are not listed.
    pub fn omitted(&self) -> usize {
        self.errors_omitted
    }

    /// Returns how many faults there are.
    pub fn count(&self) -> usize {
        self.errors.len() + self.errors_omitted
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.errors.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        if self.errors_omitted > 0 {
            let noun = if self.errors_omitted == 1 { "error is" } else { "errors are" };
            writeln!(f, "\n{} more {noun} not shown", self.errors_omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Collects faults while a file is read.
#[derive(Debug)]
pub(crate) struct Findings<'t> {
    source: Source<'t>,
    /// Each with the byte it starts at.
    found: Vec<(usize, Diagnostic)>,
}

impl<'t> Findings<'t> {
    pub(crate) fn new(source: Source<'t>) -> Self {
        Self { source, found: Vec::new() }
    }

    /// Notes a fault at a span of bytes.
    pub(crate) fn report(
        &mut self,
        span: &Range<usize>,
        cause: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (place, excerpt) = self.source.place(span);
        let diagnostic = Diagnostic {
            file: self.source.file.to_owned(),
            place: Some(place),
            cause: cause.into(),
            remedy: remedy.into(),
            excerpt: Some(excerpt),
        };
        self.found.push((span.start, diagnostic));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns the faults in the order of their places.
    pub(crate) fn finish(mut self) -> Diagnostics {
        self.found.sort_by_key(|(start, _)| *start);
        let mut errors: Vec<Diagnostic> =
            self.found.into_iter().map(|(_, diagnostic)| diagnostic).collect();
        let errors_omitted = errors.len().saturating_sub(Diagnostics::LISTED_MAX);
        errors.truncate(Diagnostics::LISTED_MAX);
        Diagnostics { errors, errors_omitted }
    }
}
