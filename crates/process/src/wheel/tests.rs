use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Key, Wheel};

#[derive(Debug, Clone)]
enum Step {
    /// Adds an entry so many ticks ahead, or behind.
    Insert(i64),
    /// Cancels the `n`th key ever handed out, alive or stale.
    Remove(usize),
    Advance(u64),
}

/// Distances on both sides of every level's span.
fn distance() -> impl Strategy<Value = u64> {
    (0_u32..40, 0_u64..8).prop_map(|(bits, jitter)| (1 << bits) + jitter)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => distance().prop_map(|ticks| Step::Insert(i64::try_from(ticks).unwrap())),
        1 => (0_i64..100).prop_map(|ticks| Step::Insert(-ticks)),
        2 => (0_usize..200).prop_map(Step::Remove),
        2 => distance().prop_map(Step::Advance),
        2 => (0_u64..70).prop_map(Step::Advance),
    ]
}

proptest! {
    /// Each entry fires in the advance that reaches its tick, once, unless it is cancelled before.
    #[test]
    fn the_wheel_equals_a_sorted_map(steps in prop::collection::vec(step(), 1..300)) {
        let mut wheel: Wheel<usize> = Wheel::default();
        let mut model: BTreeMap<usize, u64> = BTreeMap::new();
        let mut keys: Vec<Key> = Vec::new();
        let mut now = 0_u64;
        for step in steps {
            match step {
                Step::Insert(ticks) => {
                    let tick = now.saturating_add_signed(ticks);
                    let number = keys.len();
                    keys.push(wheel.insert(tick, number));
                    model.insert(number, tick.max(now + 1));
                }
                Step::Remove(number) => {
                    let Some(key) = keys.get(number) else { continue };
                    let alive = model.remove(&number).is_some();
                    prop_assert_eq!(wheel.get_mut(*key).is_some(), alive);
                    prop_assert_eq!(wheel.remove(*key), alive.then_some(number));
                }
                Step::Advance(ticks) => {
                    now += ticks;
                    let mut due = Vec::new();
                    wheel.advance(now, &mut due);
                    let mut expected: Vec<(u64, usize)> =
                        model.iter().filter(|(_, at)| **at <= now).map(|(n, at)| (*at, *n)).collect();
                    expected.sort_unstable();
                    model.retain(|_, at| *at > now);
                    due.sort_by_key(|due| due.order);
                    let due: Vec<(u64, usize)> =
                        due.iter().map(|due| (due.order.0, due.payload)).collect();
                    prop_assert_eq!(due, expected);
                }
            }
            prop_assert_eq!(wheel.len(), model.len());
            // The next stop is never after the next entry, and there is one while entries wait.
            let next = model.values().min();
            prop_assert_eq!(wheel.next_tick().is_some(), next.is_some());
            prop_assert!(wheel.next_tick() <= next.copied());
        }
    }
}

/// An entry beyond the span used to hide the others of the last level behind a whole turn: a timer
/// of two weeks fired after two years. Found by the property above.
#[test]
fn a_far_entry_hides_no_nearer_one() {
    let mut wheel = Wheel::default();
    wheel.insert(1 << 36, "far");
    wheel.insert(1 << 30, "near");
    let mut due = Vec::new();
    wheel.advance(1 << 30, &mut due);
    assert_eq!(due.iter().map(|due| due.payload).collect::<Vec<_>>(), ["near"]);
}

#[test]
fn a_stale_key_finds_nothing_also_when_the_slab_was_given_back() {
    let mut wheel = Wheel::default();
    let keys: Vec<Key> = (0..1000).map(|n| wheel.insert(5, n)).collect();
    let mut due = Vec::new();
    wheel.advance(5, &mut due);
    assert_eq!((due.len(), wheel.len()), (1000, 0));
    let young: Vec<Key> = (0..1000).map(|n| wheel.insert(9, n)).collect();
    assert!(keys.iter().all(|key| wheel.remove(*key).is_none() && wheel.get_mut(*key).is_none()));
    assert!(young.iter().all(|key| wheel.remove(*key).is_some()));
}
