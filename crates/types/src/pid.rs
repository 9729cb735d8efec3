//! The address of one incarnation of a process.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

#[cfg(test)]
mod tests;

/// Names a node of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u16);

impl NodeId {
    /// The node this program runs on.
    pub const LOCAL: Self = Self(0);

    /// Makes a node id from its number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Identifies one incarnation of a process: a slot of a node, and which tenant of that slot.
///
/// A slot is used again after its process died, under a higher generation, so a stale pid never
/// reaches a stranger. The text form is `<node.slot.generation>` with plain decimal numbers; each
/// pid has exactly one text form, so texts may be compared instead of pids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid {
    node: NodeId,
    slot: u32,
    // Not zero, so that `Option<Pid>` costs no extra byte in links, monitors and mail.
    generation: NonZeroU32,
}

const _: () = assert!(size_of::<Pid>() <= 12 && size_of::<Option<Pid>>() == size_of::<Pid>());

impl Pid {
    /// Makes a pid from its parts; the table of processes is the one who knows which are alive.
    pub const fn new(node: NodeId, slot: u32, generation: NonZeroU32) -> Self {
        Self { node, slot, generation }
    }

    /// Returns the node on which the process runs.
    pub const fn node(self) -> NodeId {
        self.node
    }

    /// Returns the slot in the process table of that node.
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// Returns which tenant of the slot this is; the first is 1.
    pub const fn generation(self) -> NonZeroU32 {
        self.generation
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}.{}>", self.node, self.slot, self.generation)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names a part of the text form of a pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PidPart {
    /// The number of the node, 0 to 65535.
    Node,
    /// The slot in the process table, 0 to 4294967295.
    Slot,
    /// The tenant of the slot, 1 to 4294967295.
    Generation,
}

impl fmt::Display for PidPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Node => "node",
            Self::Slot => "slot",
            Self::Generation => "generation",
        })
    }
}

/// Tells why a text is not a pid; `at` is the byte offset of the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParsePidError {
    /// A mark of the form `<node.slot.generation>` is not where it belongs.
    #[error("expected {expected:?} at byte {at}; a pid has the form <node.slot.generation>")]
    MarkExpected {
        /// The mark that belongs here: `<`, `.` or `>`.
        expected: char,
        /// Where it belongs.
        at: usize,
    },
    /// A part has no digit.
    #[error("expected the digits of the {part} at byte {at}")]
    DigitsExpected {
        /// The part without digits.
        part: PidPart,
        /// Where its digits belong.
        at: usize,
    },
    /// A part starts with a needless zero; it is refused so that each pid has one text form.
    #[error("the {part} at byte {at} starts with a needless zero; remove it")]
    NeedlessZero {
        /// The part with the zero.
        part: PidPart,
        /// Where the part starts.
        at: usize,
    },
    /// A part is a number beyond its range.
    #[error("the {part} at byte {at} is outside {min}..={max}")]
    OutOfRange {
        /// The part with the number.
        part: PidPart,
        /// Where the part starts.
        at: usize,
        /// The least number allowed.
        min: u32,
        /// The greatest number allowed.
        max: u32,
    },
    /// The pid is whole but more text follows.
    #[error("unexpected text after the pid at byte {at}; remove it")]
    TextAfter {
        /// Where the surplus text starts.
        at: usize,
    },
}

/// Reads a pid from the front to the back of its text.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn mark(&mut self, expected: char) -> Result<(), ParsePidError> {
        if !self.rest().starts_with(expected) {
            return Err(ParsePidError::MarkExpected { expected, at: self.at });
        }
        self.at += expected.len_utf8();
        Ok(())
    }

    fn number(&mut self, part: PidPart, min: u32, max: u32) -> Result<u32, ParsePidError> {
        let at = self.at;
        let rest = self.rest();
        let digits_len = rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = rest.get(..digits_len).unwrap_or_default();
        if digits.is_empty() {
            return Err(ParsePidError::DigitsExpected { part, at });
        }
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(ParsePidError::NeedlessZero { part, at });
        }
        self.at += digits_len;
        // Only digits are left, so the one way to fail is a number too great for u32.
        let number = digits.parse::<u32>().ok().filter(|number| (min..=max).contains(number));
        number.ok_or(ParsePidError::OutOfRange { part, at, min, max })
    }
}

impl FromStr for Pid {
    type Err = ParsePidError;

    /// Reads the form that [`Display`](fmt::Display) writes, and no other.
    fn from_str(text: &str) -> Result<Self, ParsePidError> {
        let mut parser = Parser { text, at: 0 };
        parser.mark('<')?;
        let node_at = parser.at;
        let node_max = u32::from(u16::MAX);
        let node = parser.number(PidPart::Node, 0, node_max)?;
        let node = u16::try_from(node).map_err(|_beyond_u16| ParsePidError::OutOfRange {
            part: PidPart::Node,
            at: node_at,
            min: 0,
            max: node_max,
        })?;
        parser.mark('.')?;
        let slot = parser.number(PidPart::Slot, 0, u32::MAX)?;
        parser.mark('.')?;
        let generation_at = parser.at;
        let generation = parser.number(PidPart::Generation, 1, u32::MAX)?;
        let generation = NonZeroU32::new(generation).ok_or(ParsePidError::OutOfRange {
            part: PidPart::Generation,
            at: generation_at,
            min: 1,
            max: u32::MAX,
        })?;
        parser.mark('>')?;
        if !parser.rest().is_empty() {
            return Err(ParsePidError::TextAfter { at: parser.at });
        }
        Ok(Self::new(NodeId::new(node), slot, generation))
    }
}

impl Serialize for Pid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(PidVisitor)
    }
}

struct PidVisitor;

impl Visitor<'_> for PidVisitor {
    type Value = Pid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pid of the form <node.slot.generation>")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Pid, E> {
        text.parse().map_err(E::custom)
    }
}
