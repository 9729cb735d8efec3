//! How queries are read.
//!
//! ```text
//! query       = directive* [any] directive*
//! any         = every ("OR" every)*
//! every       = term (["AND"] term)*
//! term        = ("NOT" | "-") term | "(" any ")" | "*" | "has" ":" path | path condition
//! condition   = (":" | "=" | "!=" | "<" | "<=" | ">" | ">=") value | ["not"] "in" "(" values ")"
//! path        = segment ("." segment)*, a segment in quotes if it has other signs than a path may
//! directive   = "order" ":" ["-"] path ("," ["-"] path)* | "limit" ":" number
//! ```

use std::str::FromStr;

use super::error::{Bound, QueryError};
use super::filter::{Filter, Node, Operator};
use super::{Order, Query};
use crate::path::Path;
use crate::scan::{ParseError, Scanner};
use crate::value::{quoted, scalar, sequence};

/// What may stand where a term may.
const CONDITION: &str = "a condition such as field:value";
/// What may stand behind a path; the longer ones first, or their beginnings would be taken for them.
const OPERATORS: [(&str, Operator); 7] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("!=", Operator::NotEqual),
    (":", Operator::Equal),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

struct Parser<'a> {
    scanner: Scanner<'a>,
    conditions: usize,
    /// NOT and parentheses around the place; the parser recurses that deep.
    nesting: usize,
}

impl FromStr for Query {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut parser = Parser::new(text)?;
        let (mut filter, mut order, mut limit) = (Filter::ALL, None, None);
        parser.directives(&mut order, &mut limit)?;
        if parser.starts_term() {
            filter = parser.any()?;
            parser.directives(&mut order, &mut limit)?;
        }
        parser.end("order:, limit: or the end of the text")?;
        let query = Self { filter, order: order.unwrap_or_default(), limit };
        query.check_bytes().map_err(|error| refused(&parser.scanner, &error))?;
        Ok(query)
    }
}

impl FromStr for Filter {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut parser = Parser::new(text)?;
        let filter = if parser.starts_term() { parser.any()? } else { Self::ALL };
        parser.end("a condition or the end of the text")?;
        filter.check_bytes().map_err(|error| refused(&parser.scanner, &error))?;
        Ok(filter)
    }
}

/// Says at a place what the query has too much of there.
fn refused(place: &Scanner<'_>, error: &QueryError) -> ParseError {
    match error {
        QueryError::TooLarge { bound, found } => {
            place.error(format!("{found} {bound}"), format!("at most {}", bound.max()))
        }
        _ => place.unexpected(error.to_string()),
    }
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, ParseError> {
        let mut scanner = Scanner::new(text);
        if let Err(error) = Bound::Bytes.check(text.len()) {
            scanner.take(text.get(..text.floor_char_boundary(Bound::Bytes.max())).unwrap_or(text));
            return Err(refused(&scanner, &error));
        }
        Ok(Self { scanner, conditions: 0, nesting: 0 })
    }

    fn any(&mut self) -> Result<Filter, ParseError> {
        let start = self.place();
        let mut parts = vec![self.every()?];
        while self.take_word("or") {
            parts.push(self.every()?);
        }
        Filter::or(parts).checked().map_err(|error| refused(&start, &error))
    }

    fn every(&mut self) -> Result<Filter, ParseError> {
        let start = self.place();
        let mut parts = vec![self.term()?];
        while self.take_word("and") || self.starts_term() {
            parts.push(self.term()?);
        }
        Filter::and(parts).checked().map_err(|error| refused(&start, &error))
    }

    fn term(&mut self) -> Result<Filter, ParseError> {
        let start = self.place();
        if self.scanner.take("-") || self.take_word("not") {
            let part = self.nested(&start, Self::term)?;
            return Filter::not(part).checked().map_err(|error| refused(&start, &error));
        }
        if self.scanner.take("(") {
            let part = self.nested(&start, Self::any)?;
            self.scanner.skip_space();
            return if self.scanner.take(")") {
                Ok(part)
            } else {
                Err(self.scanner.unexpected("a condition or \")\""))
            };
        }
        self.conditions += 1;
        Bound::Conditions.check(self.conditions).map_err(|error| refused(&start, &error))?;
        if self.scanner.take("*") {
            return Ok(Filter::ALL);
        }
        if self.take_word("has") {
            self.colon()?;
            return Ok(Filter(Node::Exists(self.path("a field")?)));
        }
        let path = self.path(CONDITION)?;
        self.condition(path).map(Filter)
    }

    fn condition(&mut self, path: Path) -> Result<Node, ParseError> {
        self.scanner.skip_space();
        if self.take_word("in") {
            let values = self.values()?;
            return Ok(Node::In(path, values));
        }
        if self.take_word("not") {
            self.scanner.skip_space();
            if !self.take_word("in") {
                return Err(self.scanner.unexpected("in"));
            }
            let values = self.values()?;
            return Ok(Node::NotIn(path, values));
        }
        let operator = OPERATORS.iter().find(|(text, _)| self.scanner.take(text));
        let Some(&(_, operator)) = operator else {
            return Err(self.scanner.unexpected("one of : = != < <= > >= in, not in"));
        };
        self.scanner.skip_space();
        Ok(Node::Comparison(path, operator, scalar(&mut self.scanner)?))
    }

    fn values(&mut self) -> Result<Vec<crate::value::Value>, ParseError> {
        self.scanner.skip_space();
        self.scanner.expect("(")?;
        let mut values = Vec::new();
        sequence(&mut self.scanner, ")", |scanner| {
            let full = Bound::Values.check(values.len() + 1);
            full.map_err(|error| refused(scanner, &error))?;
            values.push(scalar(scanner)?);
            Ok(())
        })?;
        Ok(values)
    }

    fn directives(
        &mut self,
        order: &mut Option<Vec<Order>>,
        limit: &mut Option<usize>,
    ) -> Result<(), ParseError> {
        loop {
            let start = self.place();
            if self.take_word("order") {
                if order.is_some() {
                    return Err(start.unexpected("no second order:"));
                }
                *order = Some(self.order()?);
            } else if self.take_word("limit") {
                if limit.is_some() {
                    return Err(start.unexpected("no second limit:"));
                }
                *limit = Some(self.limit()?);
            } else {
                return Ok(());
            }
        }
    }

    fn order(&mut self) -> Result<Vec<Order>, ParseError> {
        let mut order = Vec::new();
        self.colon()?;
        loop {
            let full = Bound::OrderKeys.check(order.len() + 1);
            full.map_err(|error| refused(&self.scanner, &error))?;
            let descending = self.scanner.take("-");
            order.push(Order { path: self.path("a field to order by")?, descending });
            let behind = self.place();
            if !self.scanner.take(",") {
                self.scanner = behind;
                return Ok(order);
            }
            self.scanner.skip_space();
        }
    }

    fn limit(&mut self) -> Result<usize, ParseError> {
        self.colon()?;
        let start = self.scanner.clone();
        let digits = self.scanner.word(|sign| sign.is_ascii_digit());
        digits
            .parse()
            .map_err(|_too_long| start.unexpected(format!("a number up to {}", usize::MAX)))
    }

    fn path(&mut self, expected: &str) -> Result<Path, ParseError> {
        let start = self.scanner.clone();
        self.scanner.word(Path::may_have);
        while self.scanner.peek() == Some('"')
            && matches!(self.scanner.since(&start).chars().next_back(), None | Some('.'))
        {
            quoted(&mut self.scanner)?;
            self.scanner.word(Path::may_have);
        }
        match self.scanner.since(&start) {
            "" => Err(start.unexpected(expected)),
            text => Path::new(text).map_err(|error| {
                let found = start.unexpected("").found;
                start.error(found, format!("{expected}; {}", error.fault))
            }),
        }
    }

    fn colon(&mut self) -> Result<(), ParseError> {
        self.scanner.skip_space();
        self.scanner.expect(":")?;
        self.scanner.skip_space();
        Ok(())
    }

    fn nested(
        &mut self,
        start: &Scanner<'a>,
        parse: impl FnOnce(&mut Self) -> Result<Filter, ParseError>,
    ) -> Result<Filter, ParseError> {
        self.nesting += 1;
        Bound::Depth.check(self.nesting).map_err(|error| refused(start, &error))?;
        let filter = parse(self)?;
        self.nesting -= 1;
        Ok(filter)
    }

    /// Returns the place of what comes next.
    fn place(&mut self) -> Scanner<'a> {
        self.scanner.skip_space();
        self.scanner.clone()
    }

    /// Tells whether what comes next can only be a term, or a mistake in its place.
    fn starts_term(&mut self) -> bool {
        let word = self.place().word(Path::may_have);
        let ends = ["or", "order", "limit"].iter().any(|end| word.eq_ignore_ascii_case(end));
        !ends && !matches!(self.scanner.peek(), None | Some(')'))
    }

    /// Steps over a word of the language if it is the whole word that comes next.
    fn take_word(&mut self, expected: &str) -> bool {
        let mut behind = self.place();
        let found = behind.word(Path::may_have).eq_ignore_ascii_case(expected);
        if found {
            self.scanner = behind;
        }
        found
    }

    fn end(&mut self, expected: &str) -> Result<(), ParseError> {
        match self.place().peek() {
            None => Ok(()),
            Some(_) => Err(self.scanner.unexpected(expected)),
        }
    }
}
