//! Tables, numbers and names as text for people.

#[cfg(test)]
mod tests;

/// A table with a head; columns are as wide as their widest cell.
#[derive(Debug)]
pub(crate) struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
    right: [bool; COLUMNS],
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(crate) fn new(head: [&str; COLUMNS]) -> Self {
        Self { rows: vec![head.map(str::to_owned)], right: [false; COLUMNS] }
    }

    /// Sets which columns hold numbers and are aligned to the right.
    pub(crate) fn numbers(mut self, right: [bool; COLUMNS]) -> Self {
        self.right = right;
        self
    }

    pub(crate) fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells.map(|cell| printable(&cell)));
    }

    /// Returns the lines, each indented by two spaces.
    pub(crate) fn render(&self) -> String {
        let mut widths = [0; COLUMNS];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(widths).zip(self.right) {
                let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
                let (before, after) = if right { (padding.as_str(), "") } else { ("", &*padding) };
                line.push_str("  ");
                line.push_str(before);
                line.push_str(cell);
                line.push_str(after);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A moment by the wall clock as people write it: day and time of UTC, to the second.
///
/// The day of a count of days is Howard Hinnant's `civil_from_days`: years begin in March, so that the leap day is
/// the last of one.
pub(crate) fn utc(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000;
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// Makes a name from a file system or a file safe to print: control characters could move the cursor or
/// rewrite the screen.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}

/// Writes a number with a comma after every three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a size with one digit after the point, in the largest binary unit that is not above it.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut text = format!("{bytes} B");
    let mut unit = 1_u64;
    for name in UNITS {
        unit *= 1_024;
        if bytes < unit {
            break;
        }
        // Cut, not rounded: 1023.99 KiB stays below 1 MiB.
        let tenths = u128::from(bytes) * 10 / u128::from(unit);
        text = format!("{}.{} {name}", tenths / 10, tenths % 10);
    }
    text
}

/// Writes a count with its noun.
pub(crate) fn counted(count: impl TryInto<u64>, one: &str, many: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}
