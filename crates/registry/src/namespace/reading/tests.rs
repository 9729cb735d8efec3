use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

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
