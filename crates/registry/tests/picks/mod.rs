//! Strategies among many, where only a few may be looked at.

use std::collections::BTreeMap;

use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::Address;
use foundation_registry::{Health, Kind, Limits, Metadata, Query, Registry, Strategy, invariants};
use foundation_types::Pid;

use crate::world::{Task, Way, World, can, name};

fn strategies() -> [Strategy; 5] {
    [
        Strategy::RoundRobin,
        Strategy::LeastLoaded,
        Strategy::Random,
        Strategy::PowerOfTwo,
        Strategy::LeastResource(Metadata::CPU_USAGE.into()),
    ]
}

fn in_world(test: impl FnOnce(&World)) {
    let mut simulation = Simulation::new(11, SimOptions::default());
    let mut world = World::new(simulation.env());
    let mut limits = Limits::default();
    limits.names_per_process_max = 1 << 20;
    world.limit(limits);
    simulation.block_on(async { test(&world) });
    assert_eq!(invariants::check(&world.registry), []);
}

impl World {
    fn add(&self, id: usize, metadata: Metadata) -> Address<Task> {
        let worker = self.worker();
        let name = name("agents", &format!("a-{id:05}"));
        self.registry.register(worker.pid(), name, metadata).expect("free");
        worker
    }

    /// How often each is picked.
    fn picked(
        &self,
        times: usize,
        pick: impl Fn(&Registry) -> Option<Pid>,
    ) -> BTreeMap<Pid, usize> {
        let mut counts = BTreeMap::new();
        for _ in 0..times {
            *counts.entry(pick(&self.registry).expect("somebody")).or_insert(0) += 1;
        }
        counts
    }
}

fn query(text: &str) -> Query {
    text.parse().expect("a query")
}

/// Fifty who may be picked, the first of them in the last slots of a block and the others in the next one, after
/// and between thousands who cannot or are not well.
fn crowd(world: &World, health: Health) -> Vec<Address<Task>> {
    let mut usable = Vec::new();
    for id in 0..5_640 {
        let (metadata, is_usable) = match id % 4 {
            0 => (can(&["x"]).with_health(health), true),
            1 => (can(&["y"]), false),
            2 => (can(&["x"]).with_health(Health::Unhealthy), false),
            _ => (can(&["x"]).with_health(Health::Degraded), false),
        };
        if id < 5_440 && is_usable {
            continue;
        }
        let worker = world.add(id, metadata);
        if is_usable {
            usable.push(worker);
        }
    }
    usable
}

/// Guarantee C1
#[test]
fn whoever_is_picked_from_a_crowd_is_healthy_and_everybody_is_picked() {
    in_world(|world| {
        let usable: Vec<_> = crowd(world, Health::Healthy).iter().map(Address::pid).collect();
        assert_eq!(usable.len(), 50);
        for strategy in strategies() {
            let by_capability = world.picked(2_000, |registry| {
                registry.pick("agents", "x", strategy.clone()).map(|found| found.pid)
            });
            let wanted = query("capability:x id>a-0 order:id limit:1");
            let by_query = world.picked(2_000, |registry| {
                let picked = registry.pick_where("agents", &wanted, strategy.clone());
                picked.map(|found| found.pid)
            });
            for counts in [by_capability, by_query] {
                assert!(counts.keys().all(|pid| usable.contains(pid)), "{strategy:?}");
                assert_eq!(counts.len(), 50, "{strategy:?}: everybody has a turn");
                // 40 are expected of each; 5 standard deviations are 31.
                let (least, most) = (counts.values().min(), counts.values().max());
                let near = match strategy {
                    Strategy::RoundRobin => 40..=40,
                    _ => 9..=71,
                };
                assert!(least.is_some_and(|least| near.contains(least)), "{strategy:?} {counts:?}");
                assert!(most.is_some_and(|most| near.contains(most)), "{strategy:?} {counts:?}");
            }
        }
    });
}

/// Guarantee C1
#[test]
fn degraded_ones_are_picked_only_while_nobody_is_healthy() {
    in_world(|world| {
        for id in 0..100 {
            let health = if id % 2 == 0 { Health::Degraded } else { Health::Unhealthy };
            world.add(id, can(&["x"]).with_health(health));
        }
        let health = |strategy: &Strategy| {
            let found = world.registry.pick("agents", "x", strategy.clone());
            found.map(|found| found.metadata.health())
        };
        for strategy in strategies() {
            for _ in 0..50 {
                assert_eq!(health(&strategy), Some(Health::Degraded), "{strategy:?}");
            }
        }
        let well = world.add(100, can(&["x"]));
        for strategy in strategies() {
            assert_eq!(health(&strategy), Some(Health::Healthy), "{strategy:?}");
        }
        let unhealthy = query("health:unhealthy");
        for strategy in strategies() {
            let found = world.registry.pick_where("agents", &unhealthy, strategy);
            assert_eq!(found, None, "whatever the query asks for");
        }
        for name in world.registry.names(well.pid()) {
            world.registry.unregister(&name, well.pid()).expect("it is the owner's");
        }
        for strategy in strategies() {
            assert_eq!(health(&strategy), Some(Health::Degraded), "{strategy:?}");
        }
    });
}

/// Guarantee C1
#[test]
fn the_better_of_two_is_never_the_busiest() {
    in_world(|world| {
        for size in [2, 8, 9, 40] {
            let capability = format!("of-{size}");
            let workers: Vec<_> =
                (0..size).map(|id| world.add(size * 100 + id, can(&[&capability]))).collect();
            // The workers do not run before this test awaits something: their messages wait.
            for (at, worker) in workers.iter().enumerate() {
                for _ in 0..at {
                    worker.try_send(Task::End(Way::Return)).expect("room");
                }
            }
            let counts = world.picked(3_000, |registry| {
                let found = registry.pick("agents", &capability, Strategy::PowerOfTwo);
                found.map(|found| found.pid)
            });
            let of = |at: usize| {
                let worker = workers.get(at).expect("it is one of them");
                counts.get(&worker.pid()).copied().unwrap_or(0)
            };
            assert_eq!(of(size - 1), 0, "of {size}");
            // The least busy is taken whenever it is one of the two: of n that is 2 in n.
            assert!(of(0) > 3_000 / size, "of {size}: {}", of(0));
            assert!(size == 2 || of(size - 2) < of(0), "of {size}");
            let least = world.registry.pick("agents", &capability, Strategy::LeastLoaded);
            assert_eq!(least.map(|found| found.pid), workers.first().map(Address::pid));
        }
    });
}

/// Guarantee C1
#[test]
fn the_least_of_a_resource_is_picked_and_equals_share() {
    in_world(|world| {
        let using = |id: usize, cpu: Option<f64>| {
            let mut builder = Metadata::builder().capability("x");
            if let Some(cpu) = cpu {
                builder = builder.resource(Metadata::CPU_USAGE, cpu);
            }
            world.add(id, builder.build().expect("it is valid")).pid()
        };
        let strategy = Strategy::LeastResource(Metadata::CPU_USAGE.into());
        let pick = |registry: &Registry| {
            registry.pick("agents", "x", strategy.clone()).map(|found| found.pid)
        };
        let unknown = using(0, None);
        assert_eq!(world.picked(1, pick).into_keys().collect::<Vec<_>>(), [unknown]);
        let busy = using(1, Some(0.75));
        assert_eq!(world.picked(1, pick).into_keys().collect::<Vec<_>>(), [busy], "the last one");
        let equals = [using(2, Some(0.25)), using(3, Some(0.25)), using(4, Some(0.25))];
        let counts = world.picked(300, pick);
        assert!(counts.keys().eq(&equals), "{counts:?}");
        assert!(counts.values().all(|count| *count > 50), "{counts:?}");
    });
}

/// Two callers asked in alternation for two capabilities of the healthy. Both moved the turn of `health:healthy`, on
/// which their filters begin, each past the other's workers to the first of his own: the second ones were never
/// picked. A filter with a capability now keeps the turn there, and others where fewest are.
///
/// Guarantee C1
#[test]
fn callers_in_alternation_do_not_starve_each_others_workers() {
    in_world(|world| {
        let add = |id: usize, capability: &str, kind: Kind| {
            let builder = Metadata::builder().capability(capability).kind(kind);
            world.add(id, builder.build().expect("it is valid")).pid()
        };
        let readers = [0, 1, 2].map(|id| add(id, "ocr", Kind::Agent));
        let scanners = [3, 4, 5].map(|id| add(id, "scan", Kind::Service));
        for [one, other] in [
            ["health:healthy capability:ocr", "health:healthy capability:scan"],
            ["health:healthy type:agent", "health:healthy type:service"],
        ] {
            let queries = [query(one), query(other)];
            let pick = |registry: &Registry, query| {
                registry.pick_where("agents", query, Strategy::RoundRobin).map(|found| found.pid)
            };
            let mut counts = BTreeMap::new();
            for _ in 0..30 {
                for query in &queries {
                    let picked = pick(&world.registry, query).expect("somebody");
                    *counts.entry(picked).or_insert(0) += 1;
                }
            }
            assert!(counts.keys().eq(readers.iter().chain(&scanners)), "{one}: {counts:?}");
            assert!(counts.values().all(|count| *count == 10), "{one}: {counts:?}");
        }
    });
}

#[test]
fn a_query_without_a_single_value_takes_turns_too() {
    in_world(|world| {
        let workers: Vec<_> = ["x", "y", "z"]
            .iter()
            .enumerate()
            .map(|(id, capability)| world.add(id, can(&[capability])).pid())
            .collect();
        for text in ["", "capability in (x, y, z)", "id>a", "health:healthy"] {
            let query = query(text);
            let counts = world.picked(30, |registry| {
                let found = registry.pick_where("agents", &query, Strategy::RoundRobin);
                found.map(|found| found.pid)
            });
            assert!(counts.keys().eq(&workers), "{text}: {counts:?}");
            assert!(counts.values().all(|count| *count == 10), "{text}: {counts:?}");
        }
        let nobody = query("capability:nobody");
        for strategy in strategies() {
            assert_eq!(world.registry.pick_where("agents", &nobody, strategy.clone()), None);
            assert_eq!(world.registry.pick_where("nowhere", &query(""), strategy), None);
        }
    });
}
