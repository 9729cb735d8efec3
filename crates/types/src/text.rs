//! Texts with a bound: an error must stay small whatever it is told to carry.

use std::fmt::{self, Write};

#[cfg(test)]
mod tests;

/// Stands at the end of a text that was cut.
const CUT: char = '…';

/// Renders `value`, cut at `bytes_max` and marked with `…` if it is longer.
///
/// Rendering stops at the bound, so a huge value costs no more than a long one. A value whose own
/// formatting fails keeps what it wrote so far and is marked the same way.
pub(crate) fn bounded(value: impl fmt::Display, bytes_max: usize) -> String {
    let mut writer = BoundedWriter { text: String::new(), bytes_max };
    if write!(writer, "{value}").is_err() {
        writer.text.push(CUT);
    }
    writer.text
}

/// Cuts `text` at `bytes_max` as [`bounded`] does.
pub(crate) fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push(CUT);
    }
}

struct BoundedWriter {
    text: String,
    bytes_max: usize,
}

impl Write for BoundedWriter {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        // Invariant: the text never exceeds the bound, so the subtraction cannot wrap.
        let room = self.bytes_max - self.text.len();
        if part.len() <= room {
            self.text.push_str(part);
            return Ok(());
        }
        self.text.push_str(part.get(..part.floor_char_boundary(room)).unwrap_or_default());
        Err(fmt::Error)
    }
}
