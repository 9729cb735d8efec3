//! A Rust file as rules see it: a flat list of tokens, and the functions with what stands above them.
//!
//! Tokens instead of a syntax tree, because tests often stand inside macros (`proptest!`), where a
//! tree ends, and because nothing here needs more. Strings and comments are not code: a banned name
//! in a message is no finding.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

#[cfg(test)]
mod tests;

/// One Rust file.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// All tokens in order, delimiters included.
    pub(crate) tokens: Vec<Token>,
    /// All functions with a body, in order, nested ones and those inside macros included.
    pub(crate) functions: Vec<Function>,
    /// Names of everything the file defines, and of the types it has an `impl` for.
    pub(crate) names: BTreeSet<String>,
    /// Whether the line (index; line 1 is at 0) holds code rather than a comment or nothing.
    code: Vec<bool>,
    /// First and last line of each module that is compiled for tests only.
    test_modules: Vec<(usize, usize)>,
    /// Whether the whole file is a test.
    is_test: bool,
}

/// One token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// As written; a punctuation token is one character, a delimiter is one token.
    pub(crate) text: String,
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// First line of the statement or item it belongs to.
    pub(crate) statement: usize,
    /// Whether it is compiled for tests only.
    pub(crate) in_test: bool,
}

/// One function with a body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Function {
    /// Its name, without the path.
    pub(crate) name: String,
    /// Line of the keyword `fn`.
    pub(crate) line: usize,
    /// Line of the brace that opens the body.
    pub(crate) body_line: usize,
    /// Lines between the braces of the body that hold code, as clippy counts them.
    pub(crate) lines: usize,
    /// Whether an attribute whose path ends in `test` stands above it.
    pub(crate) is_test: bool,
    /// The lines of its doc comment, trimmed, each with its line.
    pub(crate) docs: Vec<(usize, String)>,
}

/// What is known from the tokens around the one at hand.
#[derive(Debug, Clone, Copy)]
struct Place {
    in_test: bool,
    /// `None` inside braces, where each statement is its own.
    statement: Option<usize>,
}

/// Attributes read since the last item ended.
#[derive(Debug, Default)]
struct Above {
    attributes: Vec<String>,
    docs: Vec<(usize, String)>,
}

impl Source {
    /// Reads the file at `path` (below the root) with the given text.
    ///
    /// # Errors
    /// The text does not consist of Rust tokens.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self> {
        let stream: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| {
            anyhow!("{path}:{}: not Rust: {error}", error.span().start().line)
        })?;
        let mut source = Self {
            code: vec![false; text.lines().count() + 1],
            is_test: is_test_file(path),
            ..Self::default()
        };
        source.walk(stream, Place { in_test: source.is_test, statement: None });
        for function in &mut source.functions {
            let body = source.code.iter().skip(function.body_line).take(function.lines);
            function.lines = body.filter(|holds_code| **holds_code).count();
        }
        Ok(source)
    }

    /// Returns the number of lines that are not tests; 0 for a test file.
    pub(crate) fn lines_without_tests(&self) -> usize {
        if self.is_test {
            return 0;
        }
        let tests: usize = self.test_modules.iter().map(|(first, last)| last + 1 - first).sum();
        self.code.len().saturating_sub(1).saturating_sub(tests)
    }

    fn walk(&mut self, stream: TokenStream, place: Place) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut above = Above::default();
        let mut statement: Option<usize> = place.statement;
        let mut index = 0;
        while let Some(tree) = trees.get(index) {
            if let Some(length) = attribute_length(&trees, index) {
                self.read_attribute(&trees, index, length, &mut above, place);
                index += length;
                continue;
            }
            let line = tree.span().start().line;
            let first = *statement.get_or_insert(line);
            self.define(&trees, index, &mut above);
            let mut inner = Place { statement: Some(first), ..place };
            match tree {
                TokenTree::Group(group) => {
                    let is_block = group.delimiter() == Delimiter::Brace;
                    if is_block {
                        inner.statement = None;
                        inner.in_test |= self.note_tests(&above, group);
                    }
                    self.enter(group, inner, first);
                    if is_block {
                        (statement, above) = (place.statement, Above::default());
                    }
                }
                TokenTree::Punct(punct) => {
                    let text = punct.as_char().to_string();
                    self.push(text, line, first, place.in_test);
                    // A comma may stand in the generics of the item that `above` belongs to.
                    match punct.as_char() {
                        ';' => (statement, above) = (place.statement, Above::default()),
                        ',' => statement = place.statement,
                        _ => {}
                    }
                }
                other => {
                    for covered in line..=other.span().end().line {
                        self.mark(covered);
                    }
                    self.push(other.to_string(), line, first, place.in_test);
                }
            }
            index += 1;
        }
    }

    fn enter(&mut self, group: &Group, place: Place, statement: usize) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        self.push(open.to_owned(), group.span_open().start().line, statement, place.in_test);
        self.walk(group.stream(), place);
        self.push(close.to_owned(), group.span_close().end().line, statement, place.in_test);
    }

    fn push(&mut self, text: String, line: usize, statement: usize, in_test: bool) {
        self.mark(line);
        self.tokens.push(Token { text, line, statement, in_test });
    }

    fn mark(&mut self, line: usize) {
        if let Some(holds_code) = self.code.get_mut(line.saturating_sub(1)) {
            *holds_code = true;
        }
    }

    fn read_attribute(
        &mut self,
        trees: &[TokenTree],
        index: usize,
        length: usize,
        above: &mut Above,
        place: Place,
    ) {
        let Some(TokenTree::Group(group)) = trees.get(index + length - 1) else { return };
        let line = trees.get(index).map_or(0, |sign| sign.span().start().line);
        let text = group.stream().to_string();
        if let Some(doc) = doc_text(group) {
            // `#!` documents the file, not the item below.
            if length == 2 {
                above.docs.push((line, doc.trim().to_owned()));
            }
            return;
        }
        above.attributes.push(text);
        self.push("#".to_owned(), line, line, place.in_test);
        self.enter(group, Place { statement: Some(line), ..place }, line);
    }

    /// Notes a function or another named item that starts at `index`.
    fn define(&mut self, trees: &[TokenTree], index: usize, above: &mut Above) {
        let word = |at: usize| match trees.get(at) {
            Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
            _ => None,
        };
        let Some(keyword) = word(index) else { return };
        match keyword.as_str() {
            "fn" => {
                let Some(name) = word(index + 1) else { return };
                self.names.insert(name.clone());
                self.note_function(trees, index, name, above);
            }
            "struct" | "enum" | "trait" | "type" | "const" | "static" | "mod" | "union" => {
                self.names.extend(word(index + 1));
            }
            "macro_rules" => self.names.extend(word(index + 2)),
            "impl" => {
                // Every word up to the body: the type is among them, and a reference to one of the
                // others (a bound, a trait) is no lie either.
                let head = trees.iter().skip(index + 1).take_while(|tree| !is_block(tree));
                self.names.extend(head.filter_map(|tree| match tree {
                    TokenTree::Ident(ident) => Some(ident.to_string()),
                    _ => None,
                }));
            }
            _ => {}
        }
    }

    fn note_function(&mut self, trees: &[TokenTree], at: usize, name: String, above: &mut Above) {
        let rest = trees.iter().skip(at + 2);
        let mut rest = rest.skip_while(|tree| !is_block(tree) && !is_punct(tree, ';'));
        let Some(TokenTree::Group(body)) = rest.next() else { return };
        let body_line = body.span_open().start().line;
        self.functions.push(Function {
            name,
            line: trees.get(at).map_or(0, |tree| tree.span().start().line),
            body_line,
            // All lines for now; `parse` takes away those without code once it knows them.
            lines: body.span_close().end().line.saturating_sub(body_line + 1),
            is_test: above.attributes.iter().any(|attribute| is_test_attribute(attribute)),
            docs: std::mem::take(&mut above.docs),
        });
    }

    /// Returns whether what stands above the block makes it a test, and remembers a test module.
    fn note_tests(&mut self, above: &Above, block: &Group) -> bool {
        let module = above.attributes.iter().any(|attribute| is_test_condition(attribute));
        if module {
            let lines = (block.span_open().start().line, block.span_close().end().line);
            self.test_modules.push(lines);
        }
        module || above.attributes.iter().any(|attribute| is_test_attribute(attribute))
    }
}

/// Returns whether every token of the file at `path` belongs to a test.
pub(crate) fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("_tests.rs") || path.contains("/tests/")
}

fn attribute_length(trees: &[TokenTree], index: usize) -> Option<usize> {
    let is_sign = |at: usize, sign: char| trees.get(at).is_some_and(|tree| is_punct(tree, sign));
    let is_bracket = |at: usize| matches!(trees.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket);
    match () {
        () if is_sign(index, '#') && is_bracket(index + 1) => Some(2),
        () if is_sign(index, '#') && is_sign(index + 1, '!') && is_bracket(index + 2) => Some(3),
        () => None,
    }
}

fn doc_text(group: &Group) -> Option<String> {
    let mut trees = group.stream().into_iter();
    let is_doc = matches!(trees.next(), Some(TokenTree::Ident(word)) if word == "doc");
    let is_set = matches!(trees.next(), Some(TokenTree::Punct(sign)) if sign.as_char() == '=');
    match trees.next() {
        // The escapes of a string literal are left as they are: tags have none.
        Some(TokenTree::Literal(text)) if is_doc && is_set => {
            Some(text.to_string().trim_matches(['r', '#', '"']).to_owned())
        }
        _ => None,
    }
}

fn is_test_attribute(attribute: &str) -> bool {
    let path = attribute.split(['(', '=']).next().unwrap_or_default();
    path.rsplit("::").next().is_some_and(|last| last.trim() == "test")
}

fn is_test_condition(attribute: &str) -> bool {
    let tight: String = attribute.split_whitespace().collect();
    let mut words = tight.split(|sign: char| !(sign.is_alphanumeric() || "_-\"".contains(sign)));
    tight.starts_with("cfg(") && words.any(|word| word == "test") && !tight.contains("not(test)")
}

fn is_block(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_punct(tree: &TokenTree, sign: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == sign)
}
