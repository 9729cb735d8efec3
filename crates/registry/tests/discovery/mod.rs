//! Discovery against a plain list.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foundation_env::Env;
use foundation_env::sim::{SimOptions, Simulation};
use foundation_env::sync::thread;
use foundation_registry::{
    Amounts, Health, Limits, Metadata, Name, NewEntry, Page, QueryError, Registry, UsageRanges,
    invariants,
};
use foundation_testkit::Swarm;
use foundation_types::NodeId;

use crate::world::{World, can, name};

const CAPABILITIES: [&str; 4] = ["a", "b", "c", "nobody"];
const RESOURCES: [&str; 4] = [
    Metadata::MEMORY_AVAILABLE,
    Metadata::CPU_AVAILABLE,
    Metadata::MEMORY_USAGE,
    Metadata::CPU_USAGE,
];

/// What is registered, in the order of names.
type List = Vec<(Name, Metadata)>;

/// A multiple of 1/8 up to 1, so that sums are exact and ties are common.
fn eighth(swarm: &mut Swarm) -> f64 {
    f64::from(u32::try_from(swarm.range(0..=8)).expect("small")) / 8.0
}

fn metadata(swarm: &mut Swarm) -> Metadata {
    let mut builder = Metadata::builder();
    for capability in ["a", "b", "c"] {
        if swarm.chance(0.5) {
            builder = builder.capability(capability);
        }
    }
    for resource in RESOURCES {
        if swarm.chance(0.7) {
            builder = builder.resource(resource, eighth(swarm));
        }
    }
    // What an attribute says is not taken for a resource.
    builder = builder.custom(Metadata::MEMORY_AVAILABLE, 9.0);
    let health = [Health::Healthy, Health::Healthy, Health::Degraded, Health::Unhealthy];
    builder.health(*swarm.choose(&health).expect("some")).build().expect("it is valid")
}

fn filled(registry: &Registry, world: &World, size: u64, swarm: &mut Swarm) -> List {
    let owner = world.worker().pid();
    let mut list = Vec::new();
    for n in 0..size {
        let (name, metadata) =
            (name("agents", &format!("a-{:04}", n * 37 % 1_000)), metadata(swarm));
        registry.register(owner, name.clone(), metadata.clone()).expect("free");
        list.push((name, metadata));
    }
    // So that some slots have been used before, and some entries have versions.
    for _ in 0..size / 8 {
        let at = usize::try_from(swarm.range(0..=size - 1)).expect("small");
        let (name, kept) = list.get_mut(at).expect("below the length");
        *kept = metadata(swarm);
        registry.unregister(name, owner).expect("it is the owner's");
        registry.register(owner, name.clone(), kept.clone()).expect("free");
    }
    list.sort_by(|(a, _), (b, _)| a.cmp(b));
    list
}

fn names(page: &Page) -> Vec<&Name> {
    assert_eq!(page.next, None, "it is all there is");
    page.registrations.iter().map(|found| &found.name).collect()
}

/// What a list says to a question.
fn plain(list: &List, matches: impl Fn(&Metadata) -> bool) -> Vec<&Name> {
    let healthy = |metadata: &Metadata| metadata.health() == Health::Healthy;
    let found = list.iter().filter(|(_, metadata)| healthy(metadata) && matches(metadata));
    found.map(|(name, _)| name).collect()
}

fn compare(registry: &Registry, list: &List, swarm: &mut Swarm) {
    let capability = *swarm.choose(&CAPABILITIES).expect("some");
    let found = registry.find_capable_and_healthy("agents", capability).expect("a query");
    assert_eq!(names(&found), plain(list, |metadata| metadata.has(capability)));
    assert_eq!(found.revision, registry.revision("agents"));

    let needed = Amounts { memory: eighth(swarm), cpu: eighth(swarm) };
    let enough = |metadata: &Metadata| {
        let memory = metadata.resource(Metadata::MEMORY_AVAILABLE);
        let cpu = metadata.resource(Metadata::CPU_AVAILABLE);
        memory.is_some_and(|memory| memory >= needed.memory)
            && cpu.is_some_and(|cpu| cpu >= needed.cpu)
    };
    let found = registry.find_with_resources("agents", needed).expect("a query");
    assert_eq!(names(&found), plain(list, enough), "{needed:?}");
    let found = registry.find_capable_with_resources("agents", capability, needed);
    let both = |metadata: &Metadata| metadata.has(capability) && enough(metadata);
    assert_eq!(names(&found.expect("a query")), plain(list, both), "{capability} {needed:?}");

    let mut wanted = CAPABILITIES.to_vec();
    wanted.retain(|_| swarm.chance(0.4));
    let found = registry.find_by_all_capabilities("agents", wanted.iter().copied());
    let all = |metadata: &Metadata| wanted.iter().all(|wanted| metadata.has(wanted));
    assert_eq!(names(&found.expect("a query")), plain(list, all), "{wanted:?}");

    let ranges = UsageRanges { memory: eighth(swarm)..=eighth(swarm), cpu: 0.0..=eighth(swarm) };
    let within = |metadata: &Metadata| {
        let memory = metadata.resource(Metadata::MEMORY_USAGE);
        let cpu = metadata.resource(Metadata::CPU_USAGE);
        memory.is_some_and(|memory| ranges.memory.contains(&memory))
            && cpu.is_some_and(|cpu| ranges.cpu.contains(&cpu))
    };
    let found = registry.find_by_resource_range("agents", &ranges).expect("a query");
    assert_eq!(names(&found), plain(list, within), "{ranges:?}");

    least_loaded(registry, list, capability, swarm);
    summaries(registry, list);
}

fn least_loaded(registry: &Registry, list: &List, capability: &str, swarm: &mut Swarm) {
    let count = usize::try_from(swarm.range(0..=list.len() as u64 + 2)).expect("small");
    let mut expected: Vec<_> = plain(list, |metadata| metadata.has(capability));
    let load = |name: &Name| {
        let (_, metadata) = list.iter().find(|(other, _)| other == name).expect("it is listed");
        let usage = |resource| metadata.resource(resource).unwrap_or(1.0);
        usage(Metadata::MEMORY_USAGE) + usage(Metadata::CPU_USAGE)
    };
    // Stable, so names decide among equals.
    expected.sort_by(|a, b| load(a).total_cmp(&load(b)));
    expected.truncate(count);
    let found = registry.find_least_loaded("agents", capability, count).expect("a query");
    assert_eq!(names(&found), expected, "{count} with {capability}");
}

fn summaries(registry: &Registry, list: &List) {
    let counts = registry.count_by_every_capability("agents");
    let mut expected = BTreeMap::new();
    for capability in list.iter().flat_map(|(_, metadata)| metadata.capabilities()) {
        *expected.entry(Arc::from(capability)).or_insert(0) += 1;
    }
    assert_eq!(counts.by_capability, expected);

    let summary = registry.health_summary("agents");
    assert_eq!(summary.total, list.len());
    for health in Health::ALL {
        let expected = list.iter().filter(|(_, metadata)| metadata.health() == health).count();
        assert_eq!(summary.by_health.get(&health), Some(&expected), "{health}");
    }
    let local = BTreeMap::from([(NodeId::LOCAL, list.len())]);
    assert_eq!(summary.by_node, if list.is_empty() { BTreeMap::new() } else { local });
    let number = |len: usize| f64::from(u32::try_from(len).expect("small"));
    let share = 100.0 * number(summary.of(Health::Healthy)) / number(list.len().max(1));
    assert!((summary.healthy_percentage() - share).abs() < 1e-9, "{summary:?}");

    let resources = registry.resource_summary("agents");
    let healthy: Vec<_> =
        list.iter().filter(|(_, metadata)| metadata.health() == Health::Healthy).collect();
    assert_eq!(resources.healthy, healthy.len());
    for (found, resource) in [
        (resources.memory_usage, Metadata::MEMORY_USAGE),
        (resources.cpu_usage, Metadata::CPU_USAGE),
    ] {
        let said: Vec<_> =
            healthy.iter().filter_map(|(_, metadata)| metadata.resource(resource)).collect();
        let total: f64 = said.iter().sum();
        assert_eq!(found.reported, said.len());
        assert!((found.total - total).abs() < 1e-9, "{found:?}");
        let average = total / number(said.len().max(1));
        assert!((found.average() - average).abs() < 1e-9, "{found:?}");
    }
}

fn in_world(test: impl FnOnce(&World)) {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let mut world = World::new(simulation.env());
    let mut limits = Limits::default();
    limits.names_per_process_max = 1 << 20;
    world.limit(limits);
    simulation.block_on(async { test(&world) });
    assert_eq!(invariants::check(&world.registry), []);
}

/// Guarantee D1
#[test]
fn discovery_equals_a_plain_list() {
    for (seed, size) in [0, 1, 2, 3, 9, 12, 13, 63, 64, 65, 200].into_iter().enumerate() {
        for seed in [seed, seed + 100] {
            in_world(|world| {
                let mut swarm = Swarm::new(seed as u64);
                let list = filled(&world.registry, world, size, &mut swarm);
                for _ in 0..20 {
                    compare(&world.registry, &list, &mut swarm);
                }
            });
        }
    }
}

/// Guarantee D1
#[test]
fn discovery_answers_in_a_namespace_that_nobody_used() {
    in_world(|world| compare(&world.registry, &Vec::new(), &mut Swarm::new(1)));
}

#[test]
fn discovery_refuses_what_cannot_be() {
    in_world(|world| {
        let registry = &world.registry;
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let refused = registry.find_with_resources("agents", Amounts { memory: 0.0, cpu: bad });
            assert!(matches!(refused, Err(QueryError::Value { .. })), "{refused:?}");
            let ranges = UsageRanges { memory: 0.0..=bad, cpu: 0.0..=1.0 };
            let refused = registry.find_by_resource_range("agents", &ranges);
            assert!(matches!(refused, Err(QueryError::Value { .. })), "{refused:?}");
        }
        let many: Vec<_> = (0..64).map(|n| n.to_string()).collect();
        let all = |len| many.iter().take(len).map(String::as_str);
        let refused = registry.find_by_all_capabilities("agents", all(64));
        assert!(matches!(refused, Err(QueryError::TooLarge { .. })), "{refused:?}");
        assert!(registry.find_by_all_capabilities("agents", all(63)).is_ok());
    });
}

/// Five come in one step and go in one step; whoever sums up sees all of them or nobody.
///
/// Guarantee D1
#[test]
fn the_parts_of_a_summary_belong_together_on_threads() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let world = World::new(Env::current());
    let done = Arc::new(AtomicBool::new(false));
    let reader = thread::spawn({
        let (registry, done) = (world.registry.clone(), Arc::clone(&done));
        move || {
            let mut seen = [0_u32; 2];
            while !done.load(Ordering::Acquire) {
                let quick = registry.health_summary("quick");
                assert_eq!(quick.total, quick.by_node.values().sum(), "{quick:?}");
                let summary = registry.health_summary("agents");
                let healthy = summary.of(Health::Healthy);
                let local = summary.by_node.get(&NodeId::LOCAL).copied().unwrap_or(0);
                assert_eq!((summary.total, healthy), (local, local), "{summary:?}");
                assert!(local == 0 || local == 5, "{summary:?}");
                let counts = registry.count_by_every_capability("agents").by_capability;
                assert!(counts.values().all(|count| *count == 5), "{counts:?}");
                assert!(counts.is_empty() || counts.len() == 2, "{counts:?}");
                let resources = registry.resource_summary("agents");
                assert!(matches!(resources.healthy, 0 | 5), "{resources:?}");
                seen[usize::from(local == 0)] += 1;
            }
            seen
        }
    });
    for _ in 0..1_000 {
        let pid = world.worker().pid();
        let batch = ["a", "b", "c", "d", "e"].map(|id| NewEntry {
            pid,
            name: name("agents", id),
            metadata: can(&["x", "y"]),
        });
        world.registry.register_all(batch.to_vec()).expect("all are free");
        let down = world.system.monitor(pid);
        world.system.kill(pid);
        runtime.block_on(down);
    }
    // Much more often than the reader looks.
    let pid = world.worker().pid();
    for _ in 0..20_000 {
        world.registry.register(pid, name("quick", "a"), can(&["x"])).expect("free");
        world.registry.unregister(&name("quick", "a"), pid).expect("it is the owner's");
    }
    done.store(true, Ordering::Release);
    let seen = reader.join().expect("the reader saw nothing wrong");
    assert!(seen.iter().all(|times| *times > 0), "it looked at both times: {seen:?}");
}
