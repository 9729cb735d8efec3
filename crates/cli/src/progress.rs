//! Progress of a run, as text.

use std::io::{self, IsTerminal};
use std::time::Duration;

use foundation_types::Instant;

use crate::text::{counted, grouped};

#[cfg(test)]
mod tests;

/// Time between two states of the live line: ten a second are as many as the eye follows.
const LIVE_INTERVAL: Duration = Duration::from_millis(100);
/// Time between two plain lines: a log should not fill with them.
const PLAIN_INTERVAL: Duration = Duration::from_secs(2);
/// Time after which the live line is written again although nothing is new: its time shows that the program lives.
const LIVE_BEAT: Duration = Duration::from_secs(1);
/// Time after which a plain line is repeated although nothing is new.
const PLAIN_BEAT: Duration = Duration::from_secs(10);
/// Characters of the bar, so that the whole line of a usual run fits 70 columns.
const BAR_WIDTH: usize = 12;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressMode {
    /// One line that is written over; for a terminal.
    Live,
    /// A line now and then; for a pipe or a file.
    Plain,
    /// Nothing.
    Off,
}

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStream {
    /// A terminal that can erase a line.
    Terminal,
    /// A terminal that cannot: `TERM` is `dumb`.
    Dumb,
    /// A pipe or a file.
    Pipe,
}

impl ProgressStream {
    /// Looks at standard error and `TERM`.
    pub fn of_stderr() -> Self {
        match (io::stderr().is_terminal(), std::env::var_os("TERM")) {
            (false, _) => Self::Pipe,
            (true, Some(name)) if name == "dumb" => Self::Dumb,
            (true, _) => Self::Terminal,
        }
    }
}

impl ProgressMode {
    /// Chooses from the arguments and the stream. A program that reads JSON wants no lines in its log, a person
    /// at a terminal still wants to see the run move.
    pub fn choose(stream: ProgressStream, json: bool, quiet: bool) -> Self {
        match (quiet, stream, json) {
            (true, _, _) | (false, ProgressStream::Pipe, true) => Self::Off,
            (false, ProgressStream::Terminal, _) => Self::Live,
            (false, ProgressStream::Dumb, _) | (false, ProgressStream::Pipe, false) => Self::Plain,
        }
    }
}

/// What progress shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProgressSample {
    /// Items done.
    pub done: usize,
    /// Items known so far.
    pub total: usize,
    /// Agents restarted so far.
    pub restarts: u64,
}

/// Turns samples into text, not more often than the mode shows them.
#[derive(Debug)]
pub struct ProgressView {
    mode: ProgressMode,
    started: Instant,
    shown: Option<(Instant, ProgressSample)>,
}

impl ProgressView {
    /// Starts at an instant; rates count from it.
    pub fn new(mode: ProgressMode, started: Instant) -> Self {
        Self { mode, started, shown: None }
    }

    /// Returns the text to write now, if any.
    pub fn update(&mut self, now: Instant, sample: ProgressSample) -> Option<String> {
        let (interval, beat) = match self.mode {
            ProgressMode::Live => (LIVE_INTERVAL, LIVE_BEAT),
            ProgressMode::Plain => (PLAIN_INTERVAL, PLAIN_BEAT),
            ProgressMode::Off => return None,
        };
        if let Some((at, before)) = self.shown {
            let pause = if before == sample { beat } else { interval };
            if now.saturating_duration_since(at) < pause {
                return None;
            }
        }
        self.shown = Some((now, sample));
        Some(self.render(now, sample))
    }

    /// Returns the text that makes room for another line, if any; the next update shows the progress again.
    pub fn pause(&mut self) -> Option<String> {
        match self.mode {
            ProgressMode::Live => self.shown.take().map(|_| CLEAR_LINE.to_owned()),
            ProgressMode::Plain | ProgressMode::Off => None,
        }
    }

    /// Returns the text that ends the progress: the last plain line, or what removes the live line, so that
    /// the report stands alone.
    pub fn finish(&mut self, now: Instant, sample: ProgressSample) -> Option<String> {
        match self.mode {
            ProgressMode::Live => self.shown.take().map(|_| CLEAR_LINE.to_owned()),
            ProgressMode::Plain => {
                let changed = self.shown.take().is_none_or(|(_, before)| before != sample);
                changed.then(|| self.render(now, sample))
            }
            ProgressMode::Off => None,
        }
    }

    fn render(&self, now: Instant, sample: ProgressSample) -> String {
        let ProgressSample { done, total, restarts } = sample;
        let elapsed = now.saturating_duration_since(self.started);
        let (rate, seconds) = (per_second(done, elapsed), elapsed.as_secs());
        let restarts = counted(restarts, "restart", "restarts");
        let (of_done, of_total) = (grouped(done as u64), grouped(total as u64));
        let counts =
            format!("{of_done}/{of_total} done, {}/s, {restarts}, {seconds} s", grouped(rate));
        match self.mode {
            ProgressMode::Live => {
                // The end of a line that is cut stands at the edge: a space and not a stray letter.
                format!("{CLEAR_LINE}{WRAP_OFF}[{}] {counts} {WRAP_ON}", bar(done, total))
            }
            ProgressMode::Plain | ProgressMode::Off => format!("progress: {counts}\n"),
        }
    }
}

/// Goes to the start of the line and erases it.
const CLEAR_LINE: &str = "\r\u{1b}[2K";

/// Cuts a line at the edge of a narrow terminal: one that went on in the next row would not be written over.
const WRAP_OFF: &str = "\u{1b}[?7l";
const WRAP_ON: &str = "\u{1b}[?7h";

fn bar(done: usize, total: usize) -> String {
    let filled = (done.min(total) * BAR_WIDTH).checked_div(total).unwrap_or(0);
    format!("{}{}", "#".repeat(filled), "-".repeat(BAR_WIDTH - filled))
}

/// Returns a rate per second, rounded down; 0 for no time.
pub(crate) fn per_second(count: usize, elapsed: Duration) -> u64 {
    const NANOS: u128 = 1_000_000_000;
    let count = u128::try_from(count).unwrap_or(u128::MAX);
    let rate = count.saturating_mul(NANOS).checked_div(elapsed.as_nanos()).unwrap_or(0);
    u64::try_from(rate).unwrap_or(u64::MAX)
}
