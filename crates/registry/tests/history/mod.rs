//! Histories of real threads: what each name did must fit one order, and each query the revision it says.

mod object;
mod threads;

use foundation_testkit::linearize;
use foundation_types::Pid;

use crate::replay::Witness;
use crate::world::World;

use object::{Name, Operation, State, step};
use threads::{NAMESPACES, Recorded, record};

/// Every name's history fits one order, in which each process dies once.
fn check_names(recorded: &Recorded) {
    for name in Name::all() {
        let calls = recorded.of_name(name);
        let fits = linearize(State::default(), &calls, step);
        if let Err(stuck) = fits {
            let odd = calls.get(stuck.call);
            let near: Vec<_> = calls
                .iter()
                .filter(|call| {
                    odd.is_some_and(|odd| {
                        call.returned > odd.invoked.saturating_sub(40)
                            && call.invoked < odd.returned
                    })
                })
                .collect();
            unreachable!("{name:?}: {stuck}: {odd:?}\nnear it: {near:#?}");
        }
    }
}

/// Revisions grow in the order of time, and the watch tells of each change at the revision its caller got.
fn check_revisions(recorded: &Recorded, witness: Vec<Witness>) {
    for (namespace, witness) in NAMESPACES.into_iter().zip(witness) {
        let replay = witness.replay();
        let mut changes: Vec<_> = recorded.changes(namespace).collect();
        changes.sort_unstable_by_key(|(call, _)| call.invoked);
        // By the tick at which they were known.
        let mut known: Vec<_> = changes.iter().map(|(call, rev)| (call.returned, *rev)).collect();
        known.sort_unstable();
        let (mut newest, mut seen) = (0, known.into_iter().peekable());
        for (call, revision) in changes {
            while let Some((_, earlier)) = seen.next_if(|(tick, _)| *tick < call.invoked) {
                newest = newest.max(earlier);
            }
            assert!(revision > newest, "{call:?} got {revision} after {newest}");
            let held = replay.at(revision).get(call.operation.name.id());
            let held = held.map(|found| (found.pid, found.revision().get()));
            let expected = call.operation.holder_after().map(|pid| (recorded.pid(pid), revision));
            assert_eq!(held, expected, "{call:?} in the watch");
        }
        for asked in recorded.asked(namespace) {
            asked.check(&replay);
        }
    }
}

/// Runs a window of so many threads and steps, and returns how many calls it recorded.
fn run(runtime: &tokio::runtime::Runtime, threads: u64, steps: u64, seed: u64) -> usize {
    let world = threads::world(runtime);
    let witness = NAMESPACES.map(|namespace| Witness::of(&world.registry, namespace)).into();
    let recorded = record(runtime, &world, (threads, steps), seed);
    check_names(&recorded);
    check_revisions(&recorded, witness);
    assert_eq!(foundation_registry::invariants::check(&world.registry), []);
    end_all(runtime, &world, &recorded.pids);
    recorded.calls.len()
}

fn end_all(runtime: &tokio::runtime::Runtime, world: &World, pids: &[Pid]) {
    for pid in pids {
        runtime.block_on(world.kill(*pid));
    }
    let counts = world.registry.counts();
    assert_eq!((counts.entries, counts.index_rows, counts.owners), (0, 0, 0));
}

/// Guarantee S1
/// Guarantee I2
#[test]
fn every_history_of_threads_fits_one_order() {
    let runtime = threads::runtime();
    let mut calls = 0;
    for (round, threads) in [2, 4, 8].into_iter().cycle().take(12).enumerate() {
        let seed = u64::try_from(round).expect("small");
        calls += run(&runtime, threads, 16_000 / threads, seed);
    }
    assert!(calls > 150_000, "{calls} calls are too few to say much");
}

type Told = (u64, u64, Operation);

/// Whether a history of the first name fits one order.
fn fits(told: &[Told]) -> bool {
    let call = |&(invoked, returned, operation): &Told| foundation_testkit::Call {
        invoked,
        returned,
        operation,
    };
    let calls: Vec<_> = told.iter().map(call).collect();
    linearize(State::default(), &calls, step).is_ok()
}

/// The measure itself: each of these is a way in which a registry could lie.
#[test]
fn a_history_that_lies_is_refused() {
    use Operation::{Change, Found, Gone, Leaves, Register, Unregister, Whereis};
    use object::Answer::{At, Conflict, Dying, Missing, NotOwner, Taken};
    let register = |pid, answer| Register { pid, answer };
    let registered = (1, 2, register(0, At(1)));
    let gone = [(3, 6, Leaves(0)), (3, 6, Gone(0))];
    let after = |rest: &[Told]| fits(&[&[registered], rest].concat());
    let after_death = |rest: &[Told]| fits(&[&[registered], &gone[..], rest].concat());

    assert!(after(&[(3, 4, Whereis(Some(0))), (5, 6, Found(Some((0, 1))))]));
    assert!(!after(&[(3, 4, Whereis(None))]), "a name that is taken is not found");
    assert!(!after(&[(3, 4, Whereis(Some(1)))]), "somebody who never had it");
    assert!(!after(&[(3, 4, Found(Some((0, 2))))]), "a revision that never was");
    assert!(!after(&[(3, 4, register(1, At(2)))]), "overwritten");
    assert!(after(&[(3, 4, register(1, Taken(0)))]));
    assert!(!after(&[(3, 4, register(1, Taken(2)))]), "the error names somebody else");
    assert!(!after(&[(3, 4, register(1, Dying))]), "nobody died");
    assert!(!after(&[(3, 4, Unregister { pid: 1, answer: At(2) })]), "a stranger freed it");
    assert!(after(&[(3, 4, Unregister { pid: 1, answer: NotOwner(0) })]));
    let twice = [(3, 5, Unregister { pid: 0, answer: At(2) }); 2];
    assert!(!after(&twice), "freed twice");
    assert!(!after(&[(3, 4, Unregister { pid: 0, answer: Missing })]), "it is there");
    let update = |answer| Change { pid: 0, expected: 1, answer };
    assert!(!after(&[(3, 6, update(At(2))), (4, 5, update(At(3)))]), "a lost update");
    assert!(after(&[(3, 6, update(At(2))), (4, 5, update(Conflict(2)))]));

    assert!(after_death(&[(7, 8, Whereis(None)), (9, 10, register(1, At(2)))]));
    assert!(after_death(&[(4, 5, Whereis(Some(0)))]), "it is still dying");
    assert!(!after_death(&[(7, 8, Whereis(Some(0)))]), "a ghost");
    assert!(!after_death(&[(7, 8, register(1, Taken(0)))]), "a ghost keeps its name");
    assert!(!after_death(&[(7, 8, register(0, At(2)))]), "the dead get no name");
    assert!(!after_death(&[(4, 4, Whereis(None)), (5, 5, Whereis(Some(0)))]), "back again");
}
