use super::*;
use crate::swarm::Swarm;

/// On a number that is read and exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Read(u8),
    Write(u8),
    /// From, to, and whether it was done.
    Exchange(u8, u8, bool),
}

use Operation::{Exchange, Read, Write};

#[expect(clippy::trivially_copy_pass_by_ref, reason = "`linearize` lends both")]
fn step(state: &u8, operation: &Operation) -> Option<u8> {
    match *operation {
        Read(value) => (*state == value).then_some(*state),
        Write(value) => Some(value),
        Exchange(from, to, done) => {
            let fits = (*state == from) == done;
            fits.then_some(if done { to } else { *state })
        }
    }
}

fn call(invoked: u64, returned: u64, operation: Operation) -> Call<Operation> {
    Call { invoked, returned, operation }
}

fn is_linearizable(calls: &[Call<Operation>]) -> bool {
    linearize(0, calls, step).is_ok()
}

#[test]
fn what_one_after_the_other_could_answer_is_accepted() {
    assert!(is_linearizable(&[]));
    assert!(is_linearizable(&[call(1, 2, Write(1)), call(3, 4, Read(1))]));
    // The read overlaps both writes and may stand before, between or after them.
    for seen in [0, 1, 2] {
        let calls = [call(1, 9, Read(seen)), call(2, 3, Write(1)), call(4, 5, Write(2))];
        assert!(is_linearizable(&calls), "{seen}");
    }
    // The later one of two that overlap may come first.
    let calls = [call(1, 6, Write(1)), call(2, 5, Write(2)), call(7, 8, Read(1))];
    assert!(is_linearizable(&calls));
}

#[test]
fn what_no_order_explains_is_refused_with_the_call() {
    let stale = [call(1, 2, Write(1)), call(3, 4, Read(0))];
    let stuck = linearize(0, &stale, step).unwrap_err();
    assert_eq!((stuck.call, stuck.states), (1, BTreeSet::from([1])));
    let twice = [call(1, 4, Exchange(0, 1, true)), call(2, 3, Exchange(0, 2, true))];
    assert!(!is_linearizable(&twice));
    // Seen, then unseen: the second read began after the first had ended.
    let back = [call(1, 9, Write(1)), call(2, 3, Read(1)), call(4, 5, Read(0))];
    assert!(!is_linearizable(&back));
    let refused = [call(1, 2, Exchange(0, 1, false))];
    assert!(!is_linearizable(&refused));
}

#[test]
fn a_call_that_never_returned_took_effect_late_or_never() {
    for seen in [0, 1] {
        let calls = [call(1, u64::MAX, Write(1)), call(2, 3, Read(0)), call(4, 5, Read(seen))];
        assert!(is_linearizable(&calls), "{seen}");
    }
    let not_before = [call(4, u64::MAX, Write(1)), call(1, 2, Read(1))];
    assert!(!is_linearizable(&not_before));
}

/// All orders, one by one.
fn by_force(state: u8, left: &[Call<Operation>]) -> bool {
    let first_return = left.iter().map(|call| call.returned).min();
    let Some(first_return) = first_return else { return true };
    left.iter().enumerate().any(|(index, call)| {
        let mut rest = left.to_vec();
        rest.remove(index);
        call.invoked <= first_return
            && step(&state, &call.operation).is_some_and(|state| by_force(state, &rest))
    })
}

/// A history of an object that does one thing after the other, each call stretched at both ends.
fn history(swarm: &mut Swarm, len: u64) -> Vec<Call<Operation>> {
    let mut state = 0;
    let mut calls = Vec::new();
    for turn in 0..len {
        let number = |swarm: &mut Swarm| *swarm.choose(&[0, 1, 2]).unwrap();
        let operation = match swarm.range(0..=2) {
            0 => Read(state),
            1 => Write(number(swarm)),
            _ => {
                let (from, to) = (number(swarm), number(swarm));
                Exchange(from, to, from == state)
            }
        };
        state = step(&state, &operation).unwrap();
        let moment = 100 + turn * 10;
        let (early, late) = (swarm.range(0..=25), swarm.range(0..=25));
        calls.push(call(moment - early, moment + late, operation));
    }
    calls
}

#[test]
fn it_agrees_with_trying_all_orders() {
    let (mut valid, mut corrupted, mut refused) = (0, 0, 0);
    for seed in 0..3_000 {
        let mut swarm = Swarm::new(seed);
        let len = swarm.range(1..=7);
        let mut calls = history(&mut swarm, len);
        assert!(is_linearizable(&calls), "seed {seed}: {calls:?}");
        valid += 1;
        let index = usize::try_from(swarm.range(0..=len - 1)).unwrap();
        calls[index].operation = match calls[index].operation {
            Read(value) => Read((value + 1) % 3),
            Write(value) => Write((value + 1) % 3),
            Exchange(from, to, done) => Exchange(from, to, !done),
        };
        let expected = by_force(0, &calls);
        assert_eq!(is_linearizable(&calls), expected, "seed {seed}: {calls:?}");
        corrupted += 1;
        refused += u32::from(!expected);
    }
    assert!(refused > corrupted / 4, "{refused} of {corrupted} refused; {valid} valid");
}
