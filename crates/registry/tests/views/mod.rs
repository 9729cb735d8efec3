//! Views: several answers as of one revision, and reading what somebody else has written.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use foundation_env::sync::thread;
use foundation_registry::{
    AwaitError, Health, Limits, Name, Query, ReadError, Registration, Registry, Revision, Strategy,
    View, invariants,
};
use foundation_testkit::{Swarm, sim_seeds};
use foundation_types::Pid;

use crate::world::{World, can, in_world, name};

const IDS: [&str; 4] = ["a", "b", "c", "d"];
const HEALTHS: [Health; 3] = [Health::Healthy, Health::Degraded, Health::Unhealthy];

/// Makes one change of any kind.
fn change(world: &World, swarm: &mut Swarm, owners: &[Pid; 2]) {
    let name = name("agents", swarm.choose(&IDS).expect("there are some"));
    let pid = *swarm.choose(owners).expect("there are some");
    let capabilities: &[&str] = if swarm.chance(0.5) { &["x"] } else { &["x", "y"] };
    let health = *swarm.choose(&HEALTHS).expect("there are some");
    let registry = &world.registry;
    match swarm.range(0..=3) {
        // Which of them succeed is the model test's matter.
        0 => drop(registry.register(pid, name, can(capabilities).with_health(health))),
        1 => drop(registry.unregister(&name, pid)),
        2 => drop(registry.set_health(&name, pid, health)),
        _ => drop(registry.replace(pid, name, can(capabilities))),
    }
}

/// Every question, answered.
type Answers = (BTreeMap<&'static str, Option<Registration>>, Vec<Vec<Name>>, Vec<usize>);

fn ask(view: &View<'_>) -> Answers {
    let queries = ["", "capability:x", "capability:y health:healthy", "health!=healthy", "id>b"];
    let queries: Vec<Query> = queries.map(|text| text.parse().expect("a query")).into();
    let names =
        |found: Vec<Registration>| found.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    let listed = queries.iter().map(|query| names(view.query(query).registrations));
    let listed = listed.chain([names(view.find_by_capability("y"))]).collect::<Vec<_>>();
    let counted = queries.iter().map(|query| view.count(query));
    let counted = counted.chain([view.count_by_capability("y")]).collect::<Vec<_>>();
    for (query, (listed, counted)) in queries.iter().zip(listed.iter().zip(&counted)) {
        assert_eq!((listed.len(), !listed.is_empty()), (*counted, view.exists(query)), "{query}");
        assert!(view.explain(query).candidates_max >= *counted);
    }
    let first = view.first_by_capability("y", &[].into());
    assert_eq!(first.is_some(), counted.last() != Some(&0));
    let usable = "capability:y -health:unhealthy".parse().expect("a query");
    for strategy in [Strategy::RoundRobin, Strategy::Random, Strategy::PowerOfTwo] {
        let able = "capability:y".parse().expect("a query");
        for picked in [view.pick("y", strategy.clone()), view.pick_where(&able, strategy.clone())] {
            assert_eq!(picked.is_some(), view.exists(&usable), "{strategy:?}");
        }
    }
    let stands = IDS.map(|id| (id, view.lookup(&name("agents", id))));
    assert!(
        stands
            .iter()
            .all(|(id, found)| view.whereis(&name("agents", id))
                == found.as_ref().map(|one| one.pid))
    );
    assert_eq!(view.lookup(&name("tools", "a")), None, "of another namespace");
    (stands.into(), listed, counted)
}

/// Guarantee N2
#[test]
fn every_answer_of_a_view_is_of_its_revision() {
    sim_seeds(0..12, |env, seed| async move {
        let world = World::new(env);
        let mut swarm = Swarm::new(seed);
        let owners = [world.worker().pid(), world.worker().pid()];
        for _ in 0..20 {
            change(&world, &mut swarm, &owners);
            let registry = &world.registry;
            let read = registry.read("agents", |view| {
                let revision = view.revision();
                assert_eq!(revision, registry.revision("agents"), "the newest when it began");
                let answers = ask(view);
                for _ in 0..swarm.range(1..=8) {
                    change(&world, &mut swarm, &owners);
                    assert_eq!(ask(view), answers, "{view:?}");
                    let newer = registry.read("agents", |newer| (newer.revision(), ask(newer)));
                    let (newest, _) = newer.expect("it is waited for");
                    assert_eq!(newest, registry.revision("agents"));
                }
                assert_eq!((view.revision(), view.check()), (revision, Ok(())));
            });
            assert_eq!(read, Ok(()));
            assert_eq!(registry.counts().waiting, 0, "nothing waits for a view that has gone");
            assert_eq!(invariants::check(registry), []);
        }
    });
}

/// Guarantee N2
#[test]
fn a_view_that_is_not_waited_for_any_longer_says_so() {
    let mut limits = Limits::default();
    limits.waiting_versions_max = 4;
    in_world(limits, |world| async move {
        let (registry, pid) = (&world.registry, world.worker().pid());
        let name = name("agents", "a");
        registry.register(pid, name.clone(), can(&["x"])).expect("free");
        let mut healths = HEALTHS.iter().rev().cycle();
        let mut update = |times: usize| {
            for health in healths.by_ref().take(times) {
                registry.set_health(&name, pid, *health).expect("it is the owner's");
            }
        };
        let read = registry.read("agents", |view| {
            update(4);
            assert_eq!(view.check(), Ok(()));
            assert_eq!(
                view.lookup(&name).map(|found| found.metadata.health()),
                Some(Health::Healthy)
            );
            assert_eq!(registry.counts().waiting, 4 + 4, "versions, and slots that settle");
        });
        assert_eq!(read, Ok(()));
        let before = registry.revision("agents");
        let read = registry.read("agents", |view| {
            update(5);
            let expired = view.check();
            assert!(registry.counts().waiting < 4, "what waited for it is taken back");
            expired
        });
        let expired = ReadError::SnapshotExpired { namespace: "agents".into(), revision: before };
        assert_eq!(read, Err(expired));
        assert_eq!((registry.counts().expired, registry.counts().waiting), (1, 0));
        assert_eq!(registry.count_by_capability("agents", "x"), 1);
        assert_eq!(invariants::check(registry), []);
    });
}

#[test]
fn a_view_ends_with_a_panic_too() {
    in_world(Limits::default(), |world| async move {
        let (registry, pid) = (world.registry.clone(), world.worker().pid());
        registry.register(pid, name("agents", "a"), can(&["x"])).expect("free");
        let inner = registry.clone();
        let ended = thread::spawn(move || {
            inner.read("agents", |_| {
                inner.unregister(&name("agents", "a"), pid).expect("it is the owner's");
                unreachable!("the closure's own mistake");
            })
        });
        assert!(ended.join().is_err());
        assert_eq!(registry.counts().waiting, 0);
    });
}

#[test]
fn pages_of_one_view_have_everything_once() {
    in_world(Limits::default(), |world| async move {
        let (registry, pid) = (&world.registry, world.worker().pid());
        for n in 0..25 {
            let name = name("agents", &format!("{n:02}"));
            registry.register(pid, name, can(&["x"])).expect("free");
        }
        let query: Query = "capability:x order:-id limit:4".parse().expect("a query");
        let names = registry.read("agents", |view| {
            let (mut names, mut page) = (Vec::new(), view.query(&query));
            loop {
                assert_eq!(page.revision, view.revision());
                names.extend(page.registrations.iter().map(|found| found.name.clone()));
                // The one that would come next, were it still there.
                let next = name("agents", &format!("{:02}", 24 - names.len() % 25));
                drop(registry.unregister(&next, pid));
                let Some(cursor) = page.next else { return names };
                page = view.query_after(&query, &cursor);
            }
        });
        let names = names.expect("it is waited for");
        assert_eq!(names.len(), 25);
        assert!(names.is_sorted_by(|a, b| a > b));
    });
}

#[test]
fn a_namespace_that_was_never_used_is_empty() {
    in_world(Limits::default(), |world| async move {
        let answers = world.registry.read("nowhere", |view| (view.revision(), ask(view)));
        let (revision, (stands, ..)) = answers.expect("there is nothing to wait for");
        assert_eq!(revision, Revision::default());
        assert!(stands.values().all(Option::is_none));
        assert_eq!(world.registry.counts().namespaces, 0, "reading makes none");
    });
}

#[test]
fn one_reader_too_many_is_refused_and_the_registry_answers_all_the_same() {
    /// Opens views within views until there is no place.
    fn deeper(registry: &Registry, depth: u32) -> u32 {
        match registry.read("agents", |_| deeper(registry, depth + 1)) {
            Ok(deepest) => deepest,
            Err(ReadError::TooManyReaders { limit, .. }) => {
                assert_eq!(limit, depth);
                assert_eq!(registry.count_by_capability("agents", "x"), 1);
                depth
            }
            Err(other) => unreachable!("{other}"),
        }
    }
    in_world(Limits::default(), |world| async move {
        let (registry, pid) = (world.registry.clone(), world.worker().pid());
        registry.register(pid, name("agents", "a"), can(&["x"])).expect("free");
        let inner = registry.clone();
        let deep = std::thread::Builder::new().stack_size(256 << 20);
        let deepest = deep.spawn(move || deeper(&inner, 0)).expect("a thread").join();
        assert_eq!(deepest.expect("no view panics"), 4_088);
        assert!(registry.read("agents", |_| ()).is_ok(), "places again");
        registry.unregister(&name("agents", "a"), pid).expect("it is the owner's");
        assert_eq!(registry.counts().waiting, 0);
    });
}

/// Guarantee N3
#[test]
fn a_revision_that_does_not_stand_is_refused_and_can_be_awaited() {
    in_world(Limits::default(), |world| async move {
        let (registry, pid) = (&world.registry, world.worker().pid());
        let stands = registry.register(pid, name("agents", "a"), can(&["x"])).expect("free");
        let found =
            registry.read_at_least("agents", stands, |view| view.whereis(&name("agents", "a")));
        assert_eq!(found, Ok(Some(pid)));
        let other = registry.clone();
        let wanted = {
            // A revision of another namespace that this one has not come to.
            let names = ["a", "b", "c"].map(|id| name("tools", id));
            let done = names.map(|name| other.register(pid, name, can(&[])).expect("free"));
            *done.last().expect("three")
        };
        let refused = registry.read_at_least("agents", wanted, |_| unreachable!("not called"));
        let namespace = "agents".into();
        assert_eq!(refused, Err::<(), _>(ReadError::NotReached { namespace, wanted, stands }));
        let refused = registry.read_at_least("nowhere", stands, |_| ());
        assert!(matches!(refused, Err(ReadError::NotReached { .. })), "{refused:?}");

        let soon = world.system.deadline(Duration::from_secs(1));
        let missed = registry.await_revision("agents", wanted, soon).await;
        let namespace = "agents".into();
        assert_eq!(missed, Err(AwaitError::NotReached { namespace, wanted, stands }));
        let later = registry.clone();
        world.system.env().spawn(async move {
            for id in ["b", "c", "d"] {
                later.register(pid, name("agents", id), can(&[])).expect("free");
            }
        });
        let soon = world.system.deadline(Duration::from_secs(1));
        let reached = registry.await_revision("agents", wanted, soon).await.expect("it comes");
        assert!(reached >= wanted);
        let count = registry.read_at_least("agents", wanted, |view| view.count(&Query::default()));
        assert!(count.expect("it stands") >= 3);
        let at_once = world.system.deadline(Duration::ZERO);
        assert!(registry.await_revision("agents", stands, at_once).await.is_ok(), "it is past");
        assert_eq!(registry.counts().watches, 0);
    });
}

/// Guarantee N3
#[test]
fn who_is_told_of_a_revision_reads_what_was_written() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let mut world = World::new(foundation_env::Env::current());
    let mut limits = Limits::default();
    limits.names_per_process_max = 2_000;
    world.limit(limits);
    let pid = world.worker().pid();
    let (told, learned) = mpsc::sync_channel::<(Name, Option<Pid>, Revision)>(16);
    let reader = thread::spawn({
        let registry = world.registry.clone();
        move || {
            for (name, expected, revision) in learned {
                let query: Query = format!("id:{}", name.local_id()).parse().expect("a query");
                let read = registry.read_at_least("agents", revision, |view| {
                    (view.whereis(&name), view.count(&query), view.revision())
                });
                let (found, count, at) = read.expect("whoever is told of it has it");
                assert!(at >= revision);
                assert_eq!((found, count), (expected, usize::from(expected.is_some())));
            }
        }
    });
    for n in 0..2_000 {
        let name = name("agents", &format!("n-{n}"));
        let registered = world.registry.register(pid, name.clone(), can(&["x"])).expect("free");
        if n % 3 > 0 {
            told.send((name, Some(pid), registered)).expect("it listens");
            continue;
        }
        let freed = world.registry.unregister(&name, pid).expect("it is the owner's");
        told.send((name, None, freed)).expect("it listens");
    }
    drop(told);
    reader.join().expect("the reader saw everything");
}
