//! The text form of values: how they are written and read.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

use super::Value;
use crate::path::Path;
use crate::scan::{ParseError, Scanner};

/// How many lists and maps may stand in one another in a text; reading recurses that deep.
const DEPTH_MAX: usize = 16;

/// A text as it must be written to be read as that text: bare if possible, else in quotes.
#[derive(Debug, Clone, Copy)]
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reads_as_text = || matches!(literal(self.0), Ok(Value::Text(_)));
        if self.0.chars().all(|sign| is_bare(sign) && is_plain(sign)) && reads_as_text() {
            return f.write_str(self.0);
        }
        write_quoted(self.0, f)
    }
}

/// Writes a text in quotes.
pub(crate) fn write_quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for sign in text.chars() {
        write_escaped(sign, f)?;
    }
    f.write_char('"')
}

/// Tells whether a character shows as what it is; others are escaped.
fn is_plain(sign: char) -> bool {
    sign.is_ascii_graphic() || sign.is_alphanumeric()
}

fn write_escaped(sign: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match sign {
        '"' | '\\' => write!(f, "\\{sign}"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        ' ' => f.write_char(sign),
        _ if is_plain(sign) => f.write_char(sign),
        _ => write!(f, "{}", sign.escape_unicode()),
    }
}

/// Tells whether a character may stand in a text without quotes. The signs that other languages use for
/// patterns and for and, or and not are kept out, so that nobody's operator is read as part of a text.
fn is_bare(sign: char) -> bool {
    let special = matches!(
        sign,
        '(' | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | ','
            | '"'
            | '\''
            | '\\'
            | '='
            | '<'
            | '>'
            | '!'
            | '*'
            | '&'
            | '|'
    );
    !special && !sign.is_whitespace() && !sign.is_control()
}

/// Reads a word without quotes, or says what should stand there instead.
fn literal(word: &str) -> Result<Value, &'static str> {
    if word.is_empty() || word.starts_with(':') {
        return Err("a value; quote a text that begins so");
    }
    if ["and", "or", "not"].iter().any(|join| word.eq_ignore_ascii_case(join)) {
        return Err("a value; quote a text that is a word of the language");
    }
    match word {
        "true" => return Ok(Value::Bool(true)),
        "false" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let is_numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    if !has_digit || !word.bytes().all(is_numeric) {
        return Ok(Value::from(word));
    }
    if let Ok(integer) = word.parse() {
        return Ok(Value::Integer(integer));
    }
    match word.parse::<f64>() {
        // An integer too large must not lose its last digits in silence.
        Ok(number) if number.is_finite() && word.contains(['.', 'e', 'E']) => {
            Ok(Value::Number(number))
        }
        Ok(_) => Err("a number of 64 bits; quote a text of digits"),
        Err(_) => Ok(Value::from(word)),
    }
}

/// Reads a bool, a number or a text.
pub(crate) fn scalar(scanner: &mut Scanner<'_>) -> Result<Value, ParseError> {
    if scanner.peek() == Some('"') {
        return Ok(Value::from(quoted(scanner)?));
    }
    let start = scanner.clone();
    let value = literal(scanner.word(is_bare)).map_err(|expected| start.unexpected(expected))?;
    match scanner.peek() {
        None | Some(')' | ']' | '}' | ',') => Ok(value),
        Some(sign) if sign.is_whitespace() => Ok(value),
        Some(_) => Err(scanner.unexpected("the end of the value; quote a text with this in it")),
    }
}

/// Reads a text in quotes.
pub(crate) fn quoted(scanner: &mut Scanner<'_>) -> Result<String, ParseError> {
    let mut text = String::new();
    scanner.next();
    loop {
        let before = scanner.clone();
        match scanner.next() {
            Some('"') => return Ok(text),
            Some('\\') => {
                let escaped = || before.unexpected(r#"one of \" \\ \n \r \t \u{…}"#);
                text.push(escape(scanner).ok_or_else(escaped)?);
            }
            Some(sign) => text.push(sign),
            None => return Err(before.unexpected("the closing quote")),
        }
    }
}

fn escape(scanner: &mut Scanner<'_>) -> Option<char> {
    match scanner.next()? {
        sign @ ('"' | '\\') => Some(sign),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'u' if scanner.take("{") => {
            let digits = scanner.word(|sign| sign.is_ascii_hexdigit());
            let sign = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
            sign.filter(|_| scanner.take("}"))
        }
        _ => None,
    }
}

fn value(scanner: &mut Scanner<'_>, depth: usize) -> Result<Value, ParseError> {
    scanner.skip_space();
    if !matches!(scanner.peek(), Some('[' | '{')) {
        return scalar(scanner);
    }
    if depth == DEPTH_MAX {
        let expected = format!("at most {DEPTH_MAX} lists and maps in one another");
        return Err(scanner.unexpected(expected));
    }
    if scanner.take("[") {
        let mut items = Vec::new();
        sequence(scanner, "]", |scanner| {
            items.push(value(scanner, depth + 1)?);
            Ok(())
        })?;
        return Ok(Value::List(Arc::from(items)));
    }
    scanner.take("{");
    let mut map = BTreeMap::new();
    sequence(scanner, "}", |scanner| {
        let start = scanner.clone();
        let key = key(scanner)?;
        if map.contains_key(&*key) {
            return Err(start.unexpected("a key that is not yet in the map"));
        }
        scanner.skip_space();
        scanner.expect(":")?;
        map.insert(key, value(scanner, depth + 1)?);
        Ok(())
    })?;
    Ok(Value::Map(Arc::new(map)))
}

fn key(scanner: &mut Scanner<'_>) -> Result<Arc<str>, ParseError> {
    if scanner.peek() == Some('"') {
        return Ok(Arc::from(quoted(scanner)?));
    }
    let start = scanner.clone();
    match scanner.word(Path::may_have) {
        "" => Err(start.unexpected("a key")),
        word => Ok(Arc::from(word)),
    }
}

/// Reads what stands between commas up to the end sign; the beginning is read.
pub(crate) fn sequence<'a>(
    scanner: &mut Scanner<'a>,
    end: &'static str,
    mut item: impl FnMut(&mut Scanner<'a>) -> Result<(), ParseError>,
) -> Result<(), ParseError> {
    scanner.skip_space();
    if scanner.take(end) {
        return Ok(());
    }
    loop {
        scanner.skip_space();
        item(scanner)?;
        scanner.skip_space();
        if scanner.take(end) {
            return Ok(());
        }
        if !scanner.take(",") {
            return Err(scanner.unexpected(format!("\",\" or {end:?}")));
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            // With a point or an exponent, so that it does not read as an integer.
            Self::Number(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "{}", Quoted(value)),
            Self::List(items) => {
                f.write_char('[')?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "" } else { ", " })?;
                }
                f.write_char(']')
            }
            Self::Map(map) => {
                f.write_char('{')?;
                for (at, (key, value)) in map.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    write_key(key, f)?;
                    write!(f, ": {value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

fn write_key(key: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !key.is_empty() && key.chars().all(Path::may_have) {
        return f.write_str(key);
    }
    write_quoted(key, f)
}

impl FromStr for Value {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut scanner = Scanner::new(text);
        let value = value(&mut scanner, 0)?;
        scanner.skip_space();
        match scanner.peek() {
            None => Ok(value),
            Some(_) => Err(scanner.unexpected("the end of the text")),
        }
    }
}
