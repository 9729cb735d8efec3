//! A writer crashes at every point of every change; nobody else may notice.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use foundation_env::sim::{RunOutcome, SimOptions, Simulation};
use foundation_process::{Context, Outcome, Process, System};
use foundation_types::Pid;

use super::{after, end};
use crate::{
    BatchError, Entry, Group, GroupWatch, Health, Metadata, Name, NewEntry, RegisterError,
    Registration, Registry, Value, Watch, WatchEvent, invariants,
};

struct Worker;

impl Process for Worker {
    type Message = ();

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        Ok(())
    }
}

struct World {
    simulation: RefCell<Simulation>,
    system: System,
    registry: Registry,
    pids: [Pid; 2],
    /// Somebody who sleeps until something changes, of names or of groups.
    woken: Arc<Woken>,
    _watches: (Watch, GroupWatch),
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What one is told of a namespace.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    standing: BTreeMap<Name, Registration>,
    members: Vec<Pid>,
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn name(id: &str) -> Name {
    Name::new("agents", id).unwrap()
}

fn metadata(capabilities: &[&str], team: i64) -> Metadata {
    let builder = Metadata::builder().capabilities(capabilities.iter().copied());
    builder.custom("team", team).build().unwrap()
}

fn readers() -> Group {
    Group::new("agents", "readers").unwrap()
}

impl World {
    /// Two processes with a name each, one with a name that was free before, and a group with one of them.
    fn new() -> Self {
        let simulation = Simulation::new(1, SimOptions::default());
        let system = System::new(simulation.env());
        let registry = Registry::builder(system.clone()).index("custom.team").build().unwrap();
        let pids = [(); 2].map(|()| system.spawn(Worker).unwrap().pid());
        let [first, second] = pids;
        registry.register(second, name("c"), metadata(&["x"], 0)).unwrap();
        registry.unregister(&name("c"), second).unwrap();
        registry.register(first, name("a"), metadata(&["x", "y"], 1)).unwrap();
        registry.register(second, name("b"), metadata(&["x"], 2)).unwrap();
        registry.join(&readers(), first).unwrap();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = TaskContext::from_waker(&waker);
        let (_, mut watch) = registry.watch("agents", |_| true).unwrap();
        let (_, mut members) = registry.watch_group(&readers()).unwrap();
        assert!(watch.poll_changed(&mut cx).is_pending());
        assert!(members.poll_changed(&mut cx).is_pending());
        let simulation = RefCell::new(simulation);
        Self { simulation, system, registry, pids, woken, _watches: (watch, members) }
    }

    fn run(&self) {
        let outcome = self.simulation.borrow_mut().run_until_idle(10_000);
        assert_eq!(outcome, RunOutcome::Idle);
    }

    fn told(&self) -> Told {
        let found = NAMES.map(|id| (name(id), self.registry.lookup(&name(id))));
        let found = found.into_iter().filter_map(|(name, found)| Some((name, found?)));
        Told { standing: found.collect(), members: self.registry.members(&readers()) }
    }

    /// Indexes, counts and look-ups say the same.
    fn agrees(&self, told: &Told) {
        for (query, interest) in
            [("x", "capability:x"), ("y", "capability:y"), ("z", "capability:z")]
        {
            let expected = told.standing.values().filter(|found| found.metadata.has(query)).count();
            let query = interest.parse().unwrap();
            assert_eq!(self.registry.count("agents", &query), expected, "{interest}");
        }
        for team in 0..5 {
            let query = format!("custom.team:{team}").parse().unwrap();
            let is_in = |found: &&Registration| {
                found.metadata.custom().any(|(_, value)| *value == Value::Integer(team))
            };
            let expected = told.standing.values().filter(is_in).count();
            assert_eq!(self.registry.count("agents", &query), expected, "team {team}");
        }
        assert_eq!(self.registry.member_count(&readers()), told.members.len());
    }
}

type Change = fn(&World);

/// Everything that takes the writer's turn.
const CHANGES: [(&str, Change); 12] = [
    ("register", |world| {
        drop(world.registry.register(world.pids[0], name("d"), metadata(&["x", "z"], 3)));
    }),
    ("register the first of a process", |world| {
        let pid = world.system.spawn(Worker).unwrap().pid();
        drop(world.registry.register(pid, name("d"), metadata(&["z"], 1)));
    }),
    ("register many", |world| {
        let new = |id| NewEntry {
            pid: world.pids[1],
            name: name(id),
            metadata: metadata(&["y", "z"], 4),
        };
        let done: Result<_, BatchError> =
            world.registry.register_all(["d", "e", "f"].map(new).into());
        drop(done);
    }),
    ("register later", |world| {
        drop(world.registry.register_async(world.pids[0], name("e"), metadata(&["x"], 3)));
    }),
    ("update", |world| {
        let found = world.registry.lookup(&name("a")).unwrap();
        let update =
            world.registry.update(&name("a"), world.pids[0], found.revision(), metadata(&["z"], 4));
        drop(update);
    }),
    ("set health", |world| {
        drop(world.registry.set_health(&name("a"), world.pids[0], Health::Degraded));
    }),
    ("replace", |world| {
        drop(world.registry.replace(world.pids[0], name("b"), metadata(&["y"], 0)));
    }),
    ("hand over", |world| {
        drop(world.registry.hand_over(&name("a"), world.pids[0], world.pids[1]));
    }),
    ("unregister", |world| drop(world.registry.unregister(&name("a"), world.pids[0]))),
    ("join", |world| drop(world.registry.join(&readers(), world.pids[1]))),
    ("leave", |world| drop(world.registry.leave(&readers(), world.pids[0]))),
    ("update under a reader", |world| {
        let health = |found: Option<Registration>| found.unwrap().metadata.health();
        let before = health(world.registry.lookup(&name("a")));
        let read = world.registry.read("agents", |view| {
            let set = world.registry.set_health(&name("a"), world.pids[0], Health::Degraded);
            assert_eq!(health(view.lookup(&name("a"))), before);
            drop(set);
        });
        drop(read);
    }),
];

fn entries(told: &Told) -> Vec<&Entry> {
    told.standing.values().map(|found| &**found).collect()
}

/// What a watch has told since it began; none if it lags.
fn events(watch: &mut Watch) -> Option<Vec<WatchEvent>> {
    let mut events = Vec::new();
    let mut cx = TaskContext::from_waker(Waker::noop());
    while let Poll::Ready(event) = watch.poll_changed(&mut cx) {
        events.push(event.ok()?);
    }
    Some(events)
}

/// Lets a change crash at its first, second, third ... point, each in a world of its own; `judge` is called with the
/// world, and with what it told before. Returns at how many points it crashed.
fn at_each_point(change: Change, judge: impl Fn(&World, &Told)) -> u32 {
    for point in 0.. {
        let world = World::new();
        let told = world.told();
        after([Some(point), None]);
        let crashed = catch_unwind(AssertUnwindSafe(|| change(&world))).is_err();
        if !end() {
            assert!(!crashed, "it crashed by itself");
            return point;
        }
        judge(&world, &told);
    }
    unreachable!()
}

/// Guarantee F1
/// Guarantee S3
#[test]
fn a_crash_at_any_point_of_a_change_is_noticed_by_nobody() {
    for (what, change) in CHANGES {
        let whole = World::new();
        change(&whole);
        let done = whole.told();
        let points = at_each_point(change, |world, before| {
            assert_eq!(
                world.woken.0.load(Ordering::Relaxed),
                1,
                "{what}: who watched was not told"
            );
            // As of the newest published revision, without anybody having repaired anything.
            let told = world.told();
            let is_done = told.members == done.members && entries(&told) == entries(&done);
            assert!(told == *before || is_done, "{what}: half of it: {told:?}");
            // The next to write finds everything as it was told.
            let (_, mut watch) = world.registry.watch("agents", |_| true).unwrap();
            assert_eq!(invariants::check(&world.registry), [], "{what}");
            assert_eq!(world.told(), told, "{what}");
            world.agrees(&told);
            assert!(world.registry.counts().rebuilt + world.registry.counts().groups.rebuilt <= 1);
            change(world);
            assert_eq!(invariants::check(&world.registry), [], "{what}");
            assert!(events(&mut watch).is_some());
            world.agrees(&world.told());
        });
        assert!(points > 3, "{what} crashed at {points} points");
    }
}

/// Guarantee F1
/// Guarantee I1
#[test]
fn whoever_dies_after_a_crash_leaves_nothing_behind() {
    for (what, change) in CHANGES {
        at_each_point(change, |world, _| {
            for pid in world.pids {
                world.system.kill(pid);
            }
            world.run();
            let told = world.told();
            let is_theirs = |found: &Registration| world.pids.contains(&found.pid);
            assert!(!told.standing.values().any(is_theirs), "{what}: {told:?}");
            assert_eq!(told.members, [], "{what}");
            assert_eq!(invariants::check(&world.registry), [], "{what}");
        });
    }
}

/// Guarantee F1
/// Guarantee I1
#[test]
fn a_death_that_crashes_frees_its_names_all_the_same() {
    let die: Change = |world| {
        world.system.kill(world.pids[0]);
        world.run();
    };
    let points = at_each_point(die, |world, before| {
        let mut expected = before.clone();
        expected.standing.remove(&name("a"));
        expected.members.clear();
        assert_eq!(world.told(), expected);
        world.agrees(&expected);
        assert_eq!(invariants::check(&world.registry), []);
    });
    assert!(points > 3);
}

/// Guarantee F1
#[test]
fn a_watch_learns_that_a_crash_may_have_lost_changes() {
    let world = World::new();
    let (_, mut watch) = world.registry.watch("agents", |_| true).unwrap();
    assert_eq!(events(&mut watch), Some(Vec::new()));
    let before = world.told();
    assert!(world.registry.rebuild("agents"));
    assert!(!world.registry.rebuild("nobody"));
    assert_eq!(events(&mut watch), None);
    let snapshot = watch.resynchronise();
    assert_eq!(snapshot.registrations.len(), before.standing.len());
    assert_eq!(world.told(), before);
    assert_eq!(invariants::check(&world.registry), []);
    assert_eq!(world.registry.counts().waiting, 0);
    let last = world.registry.unregister(&name("b"), world.pids[1]).unwrap();
    assert_eq!(events(&mut watch).unwrap().last().unwrap().revision, last);
}

/// Points of a first and a second crash.
fn pairs() -> impl Iterator<Item = (u32, u32)> {
    let seconds = |first| (0..20).step_by(3).map(move |second| (first, second));
    (0..40).step_by(2).flat_map(seconds)
}

/// Whoever builds the namespace anew crashes too: whoever has the next turn tries again.
///
/// Guarantee F1
#[test]
fn a_second_crash_loses_nothing_either() {
    for (what, change) in CHANGES {
        let whole = World::new();
        change(&whole);
        let done = whole.told();
        let mut twice = 0;
        for (first, second) in pairs() {
            let world = World::new();
            let before = world.told();
            after([Some(first), Some(second)]);
            drop(catch_unwind(AssertUnwindSafe(|| change(&world))));
            let other = || world.registry.register(world.pids[1], name("g"), metadata(&["w"], 9));
            let other = catch_unwind(AssertUnwindSafe(other));
            assert!(!matches!(other, Ok(Err(_))), "{what} at {first} and {second}: {other:?}");
            twice += u32::from(end());
            assert_eq!(invariants::check(&world.registry), [], "{what} at {first} and {second}");
            let told = world.told();
            let is_done = told.members == done.members && entries(&told) == entries(&done);
            assert!(told == before || is_done, "{what} at {first} and {second}: {told:?}");
            world.agrees(&told);
        }
        assert!(twice > 3, "{what} crashed twice in {twice} worlds");
    }
}

/// Guarantee F1
/// Guarantee L1
#[test]
fn a_crash_while_others_are_served_is_not_that_of_who_serves() {
    let mut interrupted = 0;
    for point in 0.. {
        let world = World::new();
        let [first, second] = world.pids;
        after([Some(point), None]);
        let ask =
            |(id, pid)| (id, world.registry.register_async(pid, name(id), metadata(&["z"], 1)));
        let tickets = world.registry.while_held_up("agents", || {
            [("d", first), ("e", second), ("a", second), ("f", second)].map(ask)
        });
        world.run();
        let has_crashed = end();
        for (id, ticket) in tickets {
            let owner = world.registry.whereis(&name(id));
            match ticket.try_result() {
                Some(Ok(_)) => assert!(owner.is_some(), "{id} at {point}"),
                Some(Err(RegisterError::AlreadyRegistered { .. })) => assert_eq!(id, "a"),
                Some(Err(RegisterError::Interrupted { .. })) if has_crashed => interrupted += 1,
                other => unreachable!("{id} at {point}: {other:?}"),
            }
        }
        assert_eq!(invariants::check(&world.registry), [], "{point}");
        assert_eq!(world.registry.counts().waiting, 0);
        if !has_crashed {
            assert!(point > 10 && interrupted > 10, "{interrupted} of {point}");
            return;
        }
    }
}
