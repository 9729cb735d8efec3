//! Goes through a text sign by sign and says where it is not as expected.

use std::fmt;

use foundation_types::{Code, coded_errors};

#[cfg(test)]
mod tests;

/// Why a text is no query or no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The byte offset of what was found: where a character begins, or the end of the text.
    pub at: usize,
    /// What stands there, shortened.
    pub found: String,
    /// What could stand there.
    pub expected: String,
}

impl ParseError {
    /// Draws the part of the text that is not as expected, with a caret and the reason below it.
    ///
    /// `text` is what was parsed. A long one is cut on both sides, and what is no visible character
    /// shows as a space. The caret is right where each character takes one column.
    ///
    /// # Examples
    ///
    /// ```
    /// use foundation_registry::Query;
    ///
    /// let text = "capability:ocr load<";
    /// let error = text.parse::<Query>().unwrap_err();
    /// let drawn = error.render(text);
    /// assert!(drawn.starts_with("capability:ocr load<\n                    ^ found the end"));
    /// ```
    pub fn render(&self, text: &str) -> String {
        /// Together they leave room in 80 columns.
        const BEFORE_MAX: usize = 50;
        const BEHIND_MAX: usize = 25;
        let at = text.floor_char_boundary(self.at);
        let (before, behind) = text.split_at_checked(at).unwrap_or((text, ""));
        let visible = |sign: char| if sign.is_control() { ' ' } else { sign };
        let length = before.chars().count();
        let mut line = String::from(if length > BEFORE_MAX { "…" } else { "" });
        line.extend(before.chars().skip(length.saturating_sub(BEFORE_MAX)).map(visible));
        let column = line.chars().count();
        line.extend(behind.chars().take(BEHIND_MAX).map(visible));
        if behind.chars().nth(BEHIND_MAX).is_some() {
            line.push('…');
        }
        let Self { found, expected, .. } = self;
        format!("{line}\n{:column$}^ found {found}, expected {expected}", "")
    }

    /// Returns the entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        Code::InvalidInput
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, found, expected } = self;
        write!(f, "found {found} at byte {at}, expected {expected}")
    }
}

coded_errors! {
    ParseError;
}

/// A place in a text.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text, at: 0 }
    }

    /// The byte offset.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What was stepped over since a place before.
    pub(crate) fn since(&self, start: &Self) -> &'a str {
        start.rest.get(..self.at - start.at).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let sign = self.peek()?;
        self.advance(sign.len_utf8());
        Some(sign)
    }

    /// Steps over a text if it stands here.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        let stands = self.rest.starts_with(text);
        if stands {
            self.advance(text.len());
        }
        stands
    }

    /// Steps over a text that must stand here.
    pub(crate) fn expect(&mut self, text: &str) -> Result<(), ParseError> {
        if self.take(text) { Ok(()) } else { Err(self.unexpected(format!("{text:?}"))) }
    }

    pub(crate) fn skip_space(&mut self) {
        self.word(char::is_whitespace);
    }

    /// Steps over all signs of a kind and returns them.
    pub(crate) fn word(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|sign| !is_part(sign)).unwrap_or(self.rest.len());
        let word = self.rest.get(..end).unwrap_or_default();
        self.advance(end);
        word
    }

    /// Says that what stands here is not as expected.
    pub(crate) fn unexpected(&self, expected: impl Into<String>) -> ParseError {
        /// Enough to recognise a word.
        const FOUND_MAX: usize = 24;
        let word = Self::word(&mut self.clone(), |sign| sign.is_alphanumeric() || sign == '_');
        let found = match self.peek() {
            None => "the end of the text".to_owned(),
            Some(sign) if word.is_empty() => format!("{:?}", sign.to_string()),
            Some(_) => match word.char_indices().nth(FOUND_MAX) {
                Some((end, _)) => format!("{:?}", format!("{}…", word.get(..end).unwrap_or(word))),
                None => format!("{word:?}"),
            },
        };
        self.error(found, expected)
    }

    /// Says that something is wrong here that is more than a word.
    pub(crate) fn error(&self, found: String, expected: impl Into<String>) -> ParseError {
        ParseError { at: self.at, found, expected: expected.into() }
    }

    /// Goes on by bytes that end where a sign ends.
    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        self.at += bytes;
    }
}
