//! What is registered: names, capabilities and healths, the same for every subject.

use foundation_registry::Health;

use super::{LARGE, MIDDLE};

/// The namespace of every name.
pub(super) const NAMESPACE: &str = "agents";

/// Capabilities that entries share in the usual shape.
const POOL: u64 = 1_000;

/// Bytes of the texts of one entry: its name, as in `agents/tenant-042/reader-0012345`, and three
/// capabilities, as in `document.read-123`. Health is no text.
pub(super) const PAYLOAD: f64 = 32.0 + 3.0 * 17.0;
/// The same where each capability has its own number, as in `document.read-0012345`.
pub(super) const PAYLOAD_DISTINCT: f64 = 32.0 + 3.0 * 21.0;

/// How capabilities and healths are spread over the entries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spread {
    /// Three of a thousand capabilities, and all healths.
    Wide,
    /// One capability that everybody has, two of a thousand, and one health. The node is one in any case.
    Shared,
    /// Three capabilities that nobody else has.
    Distinct,
    /// What the questions ask for, and capabilities of the thousand up to three.
    Asked,
}

/// How much of what is registered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) size: u64,
    pub(super) spread: Spread,
}

/// One entry to register.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Unique within [`NAMESPACE`].
    pub(super) id: String,
    pub(super) capabilities: Vec<String>,
    pub(super) health: Health,
}

/// Who is asked for: everybody with all these capabilities and, if one is given, this health.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// The one fewest have comes first.
    pub(super) capabilities: &'static [&'static str],
    pub(super) health: Option<Health>,
    /// Entries there are.
    pub(super) of: u64,
    /// Entries that fit.
    pub(super) matches: u64,
}

const HALF: &str = "answer.half";
const TENTH: &str = "answer.tenth";
const HUNDREDTH: &str = "answer.hundredth";

impl Question {
    /// 1,000 of 100,000.
    pub(super) const ONE_IN_HUNDRED: Self =
        Self { capabilities: &[HUNDREDTH], health: None, of: MIDDLE, matches: 1_000 };
    /// 50,000 of 100,000.
    pub(super) const HALF: Self =
        Self { capabilities: &[HALF], health: None, of: MIDDLE, matches: 50_000 };
    /// 10 of 1,000,000; the criteria alone fit 10,000, 10,000 and 100,000.
    pub(super) const THREE_CRITERIA: Self = Self {
        capabilities: &[HUNDREDTH, TENTH],
        health: Some(Health::Degraded),
        of: LARGE,
        matches: 10,
    };

    /// Returns what has to be registered for it.
    pub(super) fn shape(self) -> Shape {
        Shape { size: self.of, spread: Spread::Asked }
    }
}

impl Spread {
    /// Returns the bytes of the texts of one entry.
    pub(super) fn payload(self) -> f64 {
        match self {
            Self::Distinct => PAYLOAD_DISTINCT,
            _ => PAYLOAD,
        }
    }

    /// Makes the entry of that number.
    pub(super) fn item(self, number: u64) -> Item {
        let first = mixed(number) % POOL;
        let of_pool = |step: u64| format!("document.read-{:03}", (first + step * 333) % POOL);
        let is_each = |parts: u64, every: u64| (number / parts).is_multiple_of(every);
        let capabilities = match self {
            Self::Wide => vec![of_pool(0), of_pool(1), of_pool(2)],
            Self::Shared => vec!["document.read-all".to_owned(), of_pool(1), of_pool(2)],
            Self::Distinct => {
                (0..3).map(|step| format!("document.read-{:07}", number * 3 + step)).collect()
            }
            Self::Asked => {
                // The digits of the number decide, so criteria are independent and counts exact.
                let asked =
                    [(HALF, is_each(1, 2)), (TENTH, is_each(1, 10)), (HUNDREDTH, is_each(10, 100))];
                let asked = asked.into_iter().filter(|(_, has)| *has);
                let asked: Vec<String> = asked.map(|(text, _)| text.to_owned()).collect();
                let rest = (0..3).map(of_pool).skip(asked.len());
                asked.iter().cloned().chain(rest).collect()
            }
        };
        let health = match self {
            Self::Asked if is_each(1_000, 100) => Health::Degraded,
            Self::Wide | Self::Distinct if is_each(1, 3) => Health::Degraded,
            Self::Wide | Self::Distinct if is_each(1, 7) => Health::Unhealthy,
            _ => Health::Healthy,
        };
        Item { id: id(number), capabilities, health }
    }
}

impl Shape {
    /// Makes all entries, in the order in which they are registered.
    pub(super) fn items(self) -> impl Iterator<Item = Item> {
        shuffled(self.size, 1).into_iter().map(move |number| self.spread.item(number))
    }

    /// Makes that many entries with numbers beyond the shape, whose ids lie between its ids.
    pub(super) fn spares(self, count: u64) -> impl Iterator<Item = Item> {
        (self.size..self.size + count).map(move |number| self.spread.item(number))
    }
}

/// Returns the ids of the first `size` entries in the order in which they are looked up.
pub(super) fn probes(size: u64) -> impl Iterator<Item = String> {
    shuffled(size, 2).into_iter().map(id)
}

/// Returns a name as one text, for subjects without namespaces.
pub(super) fn full_name(id: &str) -> String {
    format!("{NAMESPACE}/{id}")
}

fn id(number: u64) -> String {
    format!("tenant-{:03}/reader-{number:07}", mixed(number) % 1_000)
}

/// Returns the numbers below `size` in an order that depends on the seed alone.
fn shuffled(size: u64, seed: u64) -> Vec<u64> {
    let mut numbers: Vec<u64> = (0..size).collect();
    // The mixed numbers are the keys; they are distinct, so the order is one.
    numbers.sort_unstable_by_key(|number| mixed(number ^ (seed << 32)));
    numbers
}

/// Spreads a number over all bits, one to one: the last step of `SplitMix64` (Steele, Lea, Flood 2014).
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_payload_is_that_of_every_entry() {
        for spread in [Spread::Wide, Spread::Shared, Spread::Distinct] {
            for number in [0, 7, 99_999, 999_999] {
                let item = spread.item(number);
                let texts: usize = item.capabilities.iter().map(String::len).sum();
                let bytes = full_name(&item.id).len() + texts;
                assert_eq!(u32::try_from(bytes).map(f64::from), Ok(spread.payload()), "{item:?}");
                let distinct: BTreeSet<_> = item.capabilities.iter().collect();
                assert_eq!(distinct.len(), 3, "{item:?}");
            }
        }
    }

    #[test]
    fn questions_have_as_many_answers_as_they_say() {
        for question in [Question::ONE_IN_HUNDRED, Question::HALF, Question::THREE_CRITERIA] {
            let fits = |item: &Item| {
                let has = |text: &&str| item.capabilities.iter().any(|found| found == text);
                question.capabilities.iter().all(has)
                    && question.health.is_none_or(|health| item.health == health)
            };
            let found = (0..question.of).filter(|number| fits(&Spread::Asked.item(*number)));
            assert_eq!(u64::try_from(found.count()), Ok(question.matches), "{question:?}");
        }
    }

    #[test]
    fn each_name_comes_once() {
        let shape = Shape { size: 1_000, spread: Spread::Wide };
        let ids: BTreeSet<String> = shape.items().map(|item| item.id).collect();
        let probed: BTreeSet<String> = probes(1_000).collect();
        assert_eq!((ids.len(), &ids), (1_000, &probed));
        assert!(shape.spares(64).all(|item| !ids.contains(&item.id)));
        assert!(shape.items().map(|item| item.id).ne(probes(1_000)));
    }
}
