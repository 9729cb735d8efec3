//! The text of a configuration file, and places in it.

use std::ops::Range;

use crate::diagnostic::{Excerpt, Place};

#[cfg(test)]
mod tests;

/// Characters of a source line that an excerpt shows.
const EXCERPT_CHARS_MAX: usize = 120;
/// Characters shown before the place when the line is longer than that.
const EXCERPT_CHARS_BEFORE: usize = 40;

/// One file.
#[derive(Debug)]
pub(crate) struct Source<'t> {
    pub(crate) file: &'t str,
    pub(crate) text: &'t str,
}

impl Source<'_> {
    /// Finds the line and column of a span of bytes, and the line to show. A span that goes on past its
    /// line is cut at the line's end; a span past the end of the text stands at the end.
    pub(crate) fn place(&self, span: &Range<usize>) -> (Place, Excerpt) {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let end = self.text.floor_char_boundary(span.end.clamp(start, self.text.len()));
        let before = self.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = self.text.get(line_start..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let column = self.text.get(line_start..start).unwrap_or_default().chars().count();
        let line_end = line_start + line.len();
        let marked = self.text.get(start..end.min(line_end).max(start)).unwrap_or_default();
        let length = marked.chars().count().max(1);
        let line_number = before.matches('\n').count() + 1;
        (Place { line: line_number, column: column + 1, length }, excerpt(line, column, length))
    }
}

fn excerpt(line: &str, column: usize, length: usize) -> Excerpt {
    let long = line.chars().count() > EXCERPT_CHARS_MAX;
    let skipped = if long { column.saturating_sub(EXCERPT_CHARS_BEFORE) } else { 0 };
    // Every character takes one column: a tab would move the mark, a control character the terminal.
    let shown = line.chars().skip(skipped).take(EXCERPT_CHARS_MAX);
    let shown: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mark_start = column - skipped;
    let mark_length = length.min(EXCERPT_CHARS_MAX.saturating_sub(mark_start)).max(1);
    Excerpt { line: shown, mark_start, mark_length }
}
