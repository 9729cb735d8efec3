//! What counts as a word and as a term.

use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

#[cfg(test)]
mod tests;

/// Characters in the shortest term; shorter words say little about a text.
const TERM_CHARS_MIN: usize = 3;
/// Bytes in the longest term; longer runs are encoded data rather than words.
const TERM_BYTES_MAX: usize = 64;

/// English words too common to describe a text. Sorted: it is searched by halving.
const STOP_WORDS: [&str; 73] = [
    "about", "after", "all", "also", "and", "any", "are", "because", "been", "before", "but",
    "can", "could", "did", "does", "each", "even", "for", "from", "had", "has", "have", "her",
    "here", "his", "how", "into", "its", "just", "like", "may", "more", "most", "not", "now",
    "off", "one", "only", "other", "our", "out", "over", "same", "she", "should", "some", "such",
    "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those",
    "too", "two", "under", "very", "was", "were", "what", "when", "where", "which", "while", "who",
    "will", "with", "you",
];

/// The words of one text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// All words, with repetitions.
    pub(super) count: u64,
    /// Occurrences of each term.
    pub(super) terms: BTreeMap<String, u64>,
}

/// Counts words and terms.
///
/// A word is a longest run of characters that are alphabetic or numeric in Unicode's sense, or combining
/// diacritical marks, so that a decomposed letter does not end a word. This splits identifiers at `_` and
/// takes a run of Chinese characters as one word; text segmentation after UAX 29 would join `a.b` to one
/// word, which is wrong for source code. A term is a word in lower case with at least three characters,
/// one of them a letter, that is no stop word.
pub(super) fn count(text: &str) -> Words {
    let mut words = Words::default();
    let mut seen = Seen::default();
    let mut lower = String::new();
    for word in text.split(|c: char| !continues_word(c)) {
        // A mark alone, after a space, is no word.
        if !word.contains(char::is_alphanumeric) {
            continue;
        }
        words.count += 1;
        if word.len() > TERM_BYTES_MAX {
            continue;
        }
        lower.clear();
        if word.is_ascii() {
            lower.push_str(word);
            lower.make_ascii_lowercase();
        } else {
            lower.push_str(&word.to_lowercase());
        }
        // Most words repeat: look before making a key, and judge each word once.
        if let Some(count) = seen.get_mut(lower.as_str()) {
            if let Some(count) = count {
                *count += 1;
            }
        } else {
            seen.insert(lower.clone(), is_term(&lower).then_some(1));
        }
    }
    words.terms = seen.into_iter().filter_map(|(term, count)| Some((term, count?))).collect();
    words
}

/// Words in lower case, with their occurrences if they are terms. Hashed with fixed keys, and its order is not
/// seen: it ends up in an ordered map. Searching an ordered map for every word took half the time of a run.
#[expect(clippy::disallowed_types, reason = "the hasher is fixed and the order is not seen")]
type Seen = std::collections::HashMap<String, Option<u64>, BuildHasherDefault<DefaultHasher>>;

fn continues_word(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() || is_mark(c) }
}

fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

fn is_term(lower: &str) -> bool {
    lower.chars().nth(TERM_CHARS_MIN - 1).is_some()
        && lower.contains(char::is_alphabetic)
        && STOP_WORDS.binary_search(&lower).is_err()
}
