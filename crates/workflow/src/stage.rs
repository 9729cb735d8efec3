//! The state of one task in a run: blocked, open with its items, done.

use foundation_agent::Payload;
use foundation_types::Instant;

/// Where a task stands.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Waits for this many tasks.
    Blocked { waiting: usize },
    /// Its items are worked on; `left` of them are not done.
    Open { items: Vec<Item>, left: usize },
    /// Every item is done; `items` says how many there were.
    Done { output: Payload, items: usize },
}

/// Bytes of an item's input that an error shows: a line of a terminal.
const EXCERPT_BYTES_MAX: usize = 120;

/// One unit of work.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) state: ItemState,
    /// Attempts handed out.
    pub(crate) issued: u32,
    /// Attempts that ended in an error.
    pub(crate) errors: u32,
    /// Attempts that ended with the death of their agent.
    pub(crate) deaths: u32,
}

/// Where an item stands. The payload is the input until the item is done and the output afterwards.
#[derive(Debug)]
pub(crate) enum ItemState {
    /// Waits in the ready list.
    Ready { input: Payload },
    /// Waits until the instant before it is ready again.
    Delayed { input: Payload, until: Instant },
    /// The attempt with this number is at work, until the instant where it has a deadline.
    Running { input: Payload, number: u32, expires: Option<Instant> },
    /// Done.
    Done { output: Payload },
}

impl Item {
    pub(crate) fn ready(input: Payload) -> Self {
        Self { state: ItemState::Ready { input }, issued: 0, errors: 0, deaths: 0 }
    }

    /// Returns the input of an item that is not done.
    pub(crate) fn input(&self) -> Option<&Payload> {
        match &self.state {
            ItemState::Ready { input }
            | ItemState::Delayed { input, .. }
            | ItemState::Running { input, .. } => Some(input),
            ItemState::Done { .. } => None,
        }
    }

    /// Returns the beginning of what it reads, for people: it names the file or whatever the item is about.
    pub(crate) fn excerpt(&self) -> String {
        let text = self.input().map_or("", Payload::as_str);
        let end = text.floor_char_boundary(EXCERPT_BYTES_MAX);
        match text.get(..end) {
            Some(start) if end < text.len() => format!("{start}…"),
            _ => text.to_owned(),
        }
    }
}

impl Stage {
    /// Returns the items of an open task.
    pub(crate) fn item_mut(&mut self, index: usize) -> Option<&mut Item> {
        match self {
            Self::Open { items, .. } => items.get_mut(index),
            Self::Blocked { .. } | Self::Done { .. } => None,
        }
    }

    /// Takes an open task whose items are all done to done.
    pub(crate) fn close(&mut self, fan_out: bool) {
        let Self::Open { items, left: 0 } = self else { return };
        let mut outputs = items.iter().filter_map(|item| match &item.state {
            ItemState::Done { output } => Some(output),
            _ => None,
        });
        let output = if fan_out {
            Payload::list(outputs)
        } else {
            outputs.next().cloned().unwrap_or_else(Payload::null)
        };
        *self = Self::Done { output, items: items.len() };
    }
}
