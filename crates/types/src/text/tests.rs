use std::cell::Cell;
use std::fmt;

use proptest::prelude::*;

use super::{bounded, cut};

/// Writes itself piece by piece without end and counts the pieces.
struct Endless<'a>(&'a Cell<usize>);

impl fmt::Display for Endless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            self.0.set(self.0.get() + 1);
            f.write_str("0123456789")?;
        }
    }
}

struct Faulty;

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half")?;
        Err(fmt::Error)
    }
}

#[test]
fn rendering_stops_at_the_bound() {
    let pieces = Cell::new(0);
    assert_eq!(bounded(Endless(&pieces), 25), "0123456789012345678901234…");
    assert_eq!(pieces.get(), 3);
}

#[test]
fn faulty_value_keeps_what_it_wrote() {
    assert_eq!(bounded(Faulty, 25), "half…");
}

#[test]
fn text_at_the_bound_is_whole() {
    assert_eq!(bounded("abc", 3), "abc");
    assert_eq!(bounded("", 0), "");
    assert_eq!(bounded("é", 1), "…");
}

proptest! {
    #[test]
    fn both_ways_of_cutting_agree_and_keep_a_prefix(text in ".{0,20}", bytes_max in 0..30_usize) {
        let rendered = bounded(&text, bytes_max);
        let mut shortened = text.clone();
        cut(&mut shortened, bytes_max);
        prop_assert_eq!(&rendered, &shortened);
        if text.len() <= bytes_max {
            prop_assert_eq!(rendered, text);
        } else {
            let kept = rendered.strip_suffix('…').unwrap();
            prop_assert!(kept.len() <= bytes_max && text.starts_with(kept));
            // No more is lost than the one character that straddles the bound.
            prop_assert!(kept.len() + 4 > bytes_max);
        }
    }
}
