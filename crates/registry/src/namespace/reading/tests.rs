use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::super::members::{BLOCK, Held, Members, ones};
use super::super::reclaim::tests::{change, is_whole, with_one_entry};
use super::{ATTEMPTS, Hold, Reading};
use crate::indexed::Attribute;
use crate::name::Name;
use crate::namespace::Candidates;

fn in_turn(reading: &Reading<'_>) -> bool {
    matches!(reading.hold, Some(Hold::Turn(_)))
}

fn entries(reading: &Reading<'_>) -> (usize, usize) {
    let able = reading.carriers(Attribute::Capability, "x");
    (reading.versions(&Candidates::All).count(), reading.count(&able, true, |_| true))
}

#[test]
fn a_question_that_is_never_waited_for_is_answered_in_the_writers_turn() {
    let namespace = with_one_entry(0);
    let asked = Cell::new(0);
    let answer = |reading: &Reading<'_>| {
        asked.set(asked.get() + 1);
        if !in_turn(reading) {
            // Faster than the reader, each time.
            change(&namespace, 2);
        }
        (in_turn(reading), entries(reading))
    };
    assert_eq!(namespace.answer(answer), (true, (1, 1)));
    assert_eq!(asked.get(), ATTEMPTS + 1);
    assert!(is_whole(&namespace));
    assert_eq!(namespace.sizes().waiting, 0);
}

#[test]
fn a_question_without_a_place_is_answered_in_the_writers_turn() {
    let namespace = with_one_entry(usize::MAX);
    let readers: Vec<_> = std::iter::from_fn(|| namespace.read()).collect();
    assert_eq!(readers.len(), super::READERS_MAX as usize);
    let answer = |reading: &Reading<'_>| (in_turn(reading), entries(reading));
    assert_eq!(namespace.answer(answer), (true, (1, 1)));
    drop(readers);
    assert_eq!(namespace.answer(answer), (false, (1, 1)));
}

type Numbers = BTreeSet<u32>;

/// Slots of two blocks: none, some of which lists are made, and some of which words and bits are.
fn slots() -> impl Strategy<Value = Numbers> {
    let len = prop_oneof![Just(0_usize), 1..4_usize, 26..30_usize, 60..80_usize, 600..700_usize];
    let slot = prop_oneof![0..BLOCK + 300, 0..200_u32];
    len.prop_flat_map(move |len| prop::collection::btree_set(slot.clone(), 0..=len))
}

/// A set that had some members more.
fn set_of(slots: &Numbers, gone: &Numbers) -> Candidates {
    let (members, mut held) = (Members::default(), Held::default());
    slots.iter().chain(gone).for_each(|slot| members.insert(&mut held, *slot));
    gone.difference(slots).for_each(|slot| members.remove(&held, *slot));
    Candidates::Term(members.view())
}

proptest! {
    /// Guarantee I2
    #[test]
    fn what_is_in_all_sets_is_found_and_nothing_else(
        all in prop::collection::vec((slots(), slots()), 4),
    ) {
        let namespace = with_one_entry(0);
        let sets: Vec<_> = all.iter().map(|(slots, gone)| set_of(slots, gone)).collect();
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| (sets[at].clone(), &all[at].0));
        let either = Candidates::Or(vec![c.0.clone(), Candidates::And(vec![a.0.clone(), d.0])]);
        let among: Numbers = c.1.union(&(a.1 & d.1)).copied().collect();
        for (set, wanted) in [
            (Candidates::And(vec![a.0.clone()]), a.1.clone()),
            (Candidates::And(vec![a.0.clone(), b.0.clone()]), a.1 & b.1),
            (Candidates::And(vec![b.0.clone(), a.0.clone(), c.0]), &(a.1 & b.1) & c.1),
            (Candidates::And(vec![either.clone(), b.0.clone()]), b.1 & &among),
            (Candidates::And(vec![b.0, either.clone()]), b.1 & &among),
            (either, among),
        ] {
            let found = set.blocks(&namespace).into_iter().flat_map(|number| {
                let words = set.read(&namespace, number);
                words.into_iter().flat_map(move |words| ones(&words).map(move |at| number * BLOCK + at))
            });
            prop_assert_eq!(found.collect::<Numbers>(), wanted);
        }
    }
}

/// Looks while the turn is held; more than anybody needs, on however busy a machine.
const LOOKS_MAX: u32 = 3_000_000;

/// Guarantee L2
#[test]
fn nobody_who_looks_waits_for_a_writer() {
    let namespace = with_one_entry(usize::MAX);
    let (asks, is_done) = (AtomicBool::new(false), AtomicBool::new(false));
    let name = Name::new("agents", "a").unwrap();
    std::thread::scope(|scope| {
        let turn = namespace.begin();
        scope.spawn(|| {
            asks.store(true, Ordering::Release);
            for _ in 0..100 {
                let found =
                    namespace.lookup(namespace.key(&name), |found| found.entry.name.clone());
                assert_eq!(found.as_ref(), Some(&name));
                assert_eq!(
                    namespace.answer(|reading| (in_turn(reading), entries(reading))),
                    (false, (1, 1))
                );
            }
            is_done.store(true, Ordering::Release);
        });
        let looks = (0..LOOKS_MAX).take_while(|_| {
            std::thread::yield_now();
            !is_done.load(Ordering::Acquire)
        });
        let looks = looks.count();
        drop(turn);
        assert!(
            asks.load(Ordering::Acquire) && looks < LOOKS_MAX as usize,
            "it waits for the writer"
        );
    });
}
