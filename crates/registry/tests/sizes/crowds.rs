//! Many at once: registering one name, dying, standing beside another namespace.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use foundation_env::Env;
use foundation_env::sim::{SimOptions, Simulation};
use foundation_registry::{
    Counts, Health, Limits, Query, RegisterError, Revision, Strategy, invariants,
};
use foundation_testkit::Swarm;
use foundation_types::Pid;
use tokio::sync::Barrier;

use crate::world::{World, can, name};

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_time().build().expect("a runtime")
}

const CONTENDERS: usize = 64;
const ROUNDS: u32 = 10_000;

type Results = Vec<(Pid, Result<Revision, RegisterError>)>;

/// What one round came to: one has the name, and every other was told who.
fn judge(world: &World, results: &Results) {
    let name = name("agents", "only");
    let owner = world.registry.whereis(&name).expect("one has it");
    assert_eq!(results.len(), CONTENDERS);
    let taken = RegisterError::AlreadyRegistered { name: name.clone(), owner };
    for (pid, result) in results {
        match result {
            Ok(revision) => {
                let stands = world.registry.lookup(&name).expect("it does");
                assert_eq!((*pid, *revision), (owner, stands.revision()));
            }
            Err(error) => assert_eq!((error, *pid == owner), (&taken, false)),
        }
    }
    world.registry.unregister(&name, owner).expect("it is the owner's");
}

/// Guarantee S1
#[test]
fn of_64_that_register_one_name_at_once_one_wins_each_time() {
    let runtime = runtime();
    let world = World::new(Env::tokio(runtime.handle().clone()));
    let (barrier, results) = (Arc::new(Barrier::new(CONTENDERS)), Arc::default());
    let done = Arc::new(Barrier::new(CONTENDERS + 1));
    let _entered = runtime.enter();
    for _ in 0..CONTENDERS {
        let (world, barrier, done) = (world.clone(), Arc::clone(&barrier), Arc::clone(&done));
        let results: Arc<Mutex<Results>> = Arc::clone(&results);
        let pid = world.worker().pid();
        world.system.env().clone().spawn(async move {
            for _ in 0..ROUNDS {
                let result = world.registry.register(pid, name("agents", "only"), can(&["x"]));
                let locked = results.lock();
                locked.unwrap_or_else(PoisonError::into_inner).push((pid, result));
                if barrier.wait().await.is_leader() {
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    let results = std::mem::take(&mut *results);
                    let judged = || judge(&world, &results);
                    let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(judged));
                    // A panic in a task would leave the others waiting.
                    world.expect(judged.is_ok(), || format!("{results:?}"));
                }
                barrier.wait().await;
            }
            done.wait().await;
        });
    }
    runtime.block_on(done.wait());
    world.assert_content();
    assert_eq!(world.registry.counts().entries, 0);
}

const DEATHS: usize = 10_000;

/// Guarantee I6
/// Guarantee S2
#[test]
fn at_the_news_of_the_last_of_10_000_deaths_nothing_of_them_is_left() {
    let runtime = runtime();
    let world = World::new(Env::tokio(runtime.handle().clone()));
    let _entered = runtime.enter();
    let survivor = world.worker().pid();
    world.registry.register(survivor, name("agents", "survivor"), can(&["x"])).expect("free");
    let mut pids = Vec::new();
    for number in 0..DEATHS {
        let pid = world.worker().pid();
        let (each, own) = (format!("each-{}", number % 100), format!("own-{number}"));
        let metadata = can(&["x", &each, &own]);
        world.registry.register(pid, name("agents", &number.to_string()), metadata).expect("free");
        pids.push(pid);
    }
    let all: Query = "capability:x".parse().expect("a query");
    let candidates = || world.registry.explain("agents", &all).candidates_max;
    assert_eq!(candidates(), DEATHS + 1);
    let downs: Vec<_> = pids.iter().map(|pid| world.system.monitor(*pid)).collect();
    for pid in &pids {
        world.system.kill(*pid);
    }
    for down in downs {
        runtime.block_on(down);
    }
    // The first read since: what the index itself still holds, before anybody could have cleaned up for a reader.
    assert_eq!(candidates(), 1, "rows of the dead are left");
    let counts = world.registry.counts();
    // The rows: capability, health, type and node.
    assert_eq!((counts.entries, counts.index_rows, counts.owners), (1, 4, 1));
    assert_eq!((counts.waiting, world.system.counts().hooks), (0, 1));
    for number in 0..DEATHS {
        assert_eq!(world.registry.whereis(&name("agents", &number.to_string())), None);
    }
    runtime.block_on(world.kill(survivor));
    let mut empty = Counts::default();
    empty.namespaces = 1;
    assert_eq!(world.registry.counts(), empty);
    assert_eq!(invariants::check(&world.registry), []);
}

const SPACES: [&str; 2] = ["here", "there"];
const ENTRIES: usize = 100_000;

/// Two namespaces with the same ids, of owners of their own.
fn two_namespaces(world: &World) -> [BTreeSet<Pid>; 2] {
    let mut swarm = Swarm::new(1);
    let mut owners = [const { BTreeSet::new() }; 2];
    for number in 0..ENTRIES / 2 / 50 {
        for (space, owners) in SPACES.iter().zip(&mut owners) {
            let pid = world.worker().pid();
            owners.insert(pid);
            for own in 0..50 {
                let name = name(space, &format!("{number}-{own}"));
                let rest = ["x", "y", "z"].into_iter().filter(|_| swarm.chance(0.5));
                let metadata = can(&rest.collect::<Vec<_>>());
                let health = swarm.choose(&[Health::Healthy, Health::Degraded]).copied();
                let metadata = metadata.with_health(health.expect("two"));
                world.registry.register(pid, name, metadata).expect("free");
            }
        }
    }
    owners
}

/// Guarantee I3
/// Guarantee S7
#[test]
fn of_100_000_entries_in_two_namespaces_each_is_found_in_its_own() {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let mut world = World::new(simulation.env());
    let limits = Limits::default();
    world.limit(limits);
    simulation.block_on(async {
        let owners = two_namespaces(&world);
        let queries = ["*", "capability:x health:healthy", "capability in (y, z)", "-capability:x"];
        for (space, owners) in SPACES.into_iter().zip(&owners) {
            let own = |found: &foundation_registry::Registration| {
                found.name.namespace() == space && owners.contains(&found.pid)
            };
            for query in queries {
                let query: Query = query.parse().expect("a query");
                let page = world.registry.query(space, &query);
                assert!(page.registrations.iter().all(own), "{query} in {space}");
                assert_eq!(world.registry.count(space, &query), page.registrations.len());
                assert!(page.registrations.len() > ENTRIES / 10, "{query} says too little");
            }
            assert!(world.registry.find_by_capability(space, "z").iter().all(own));
            for _ in 0..1_000 {
                let picked = world.registry.pick(space, "y", Strategy::RoundRobin);
                assert!(picked.as_ref().is_some_and(own), "{picked:?} in {space}");
            }
        }
        // Everybody of one namespace goes; the other stays as it is.
        let before = world.registry.query("there", &"*".parse().expect("a query"));
        for pid in &owners[0] {
            world.kill(*pid).await;
        }
        assert_eq!(world.registry.query("there", &"*".parse().expect("a query")), before);
        assert_eq!(world.registry.counts().entries, ENTRIES / 2);
    });
}
