//! Fields that are indexed on request, against a plain list and a registry without them.

use std::collections::BTreeMap;

use foundation_process::System;
use foundation_registry::{
    Fields, IndexError, Metadata, MetadataBuilder, MetadataError, Name, Query, RegisterError,
    Registration, Registry, UpdateError, Value, invariants,
};
use foundation_testkit::{Swarm, sim_seeds};
use foundation_types::Pid;

use crate::world::{World, can, name};

const INDEXED: [&str; 6] = [
    "custom.team",
    "custom.model.size",
    "coordination.round",
    "resources.gpu",
    "affinity",
    "shelf",
];
/// Some of them equal others, and some look as if they did.
const VALUES: [&str; 12] = [
    "1",
    "1.0",
    "\"1\"",
    "1.5",
    "true",
    "\"true\"",
    "-0.0",
    "0",
    "red",
    "[red, 1, 1.0, [blue]]",
    "[]",
    "{size: 1}",
];
const QUERIES: [&str; 14] = [
    "custom.team:1",
    "custom.team:1.0",
    "custom.team:\"1\"",
    "custom.team in (red, true, 1.5)",
    "custom.team:0 OR custom.model.size:1",
    "custom.team:red capability:x",
    "custom.team not in (red, 1)",
    "custom.model.size in (1, 2)",
    "coordination.round:1.0 -custom.team:1",
    "resources.gpu:1 OR resources.gpu:1.5",
    "affinity:red",
    "shelf:1 OR shelf:red",
    "node:0 custom.team:true",
    "node:1 OR node in (0.5, zero)",
];

fn indexed(system: &System) -> Registry {
    let builder = Registry::builder(system.clone());
    let builder = INDEXED.iter().fold(builder, |builder, path| builder.index(path));
    builder.build().expect("they can be indexed")
}

fn value(swarm: &mut Swarm) -> Value {
    let text = swarm.choose(&VALUES).expect("there are some");
    text.parse().expect("a value")
}

fn metadata(swarm: &mut Swarm) -> Metadata {
    let mut builder = Metadata::builder();
    let mut some = |builder: MetadataBuilder,
                    set: fn(MetadataBuilder, Value) -> MetadataBuilder| {
        if swarm.chance(0.6) { set(builder, value(swarm)) } else { builder }
    };
    builder = some(builder, |builder, value| builder.custom("team", value));
    builder = some(builder, |builder, value| builder.custom("model", value));
    builder = some(builder, |builder, value| builder.coordination("round", value));
    builder = some(builder, |builder, value| builder.custom("shelf", value));
    if swarm.chance(0.5) {
        builder = builder.resource("gpu", *swarm.choose(&[0.0, 1.0, 1.5]).expect("some"));
    }
    if swarm.chance(0.5) {
        builder = builder.capability("x").affinity("red").resource("shelf", 1.0);
    }
    builder.build().expect("it is valid")
}

fn names(found: &[Registration]) -> Vec<Name> {
    let mut names: Vec<_> = found.iter().map(|found| found.name.clone()).collect();
    names.sort_unstable();
    names
}

/// Asks both registries everything, and the list of what should be in them.
fn compare(registries: [&Registry; 2], model: &BTreeMap<Name, (Pid, Metadata)>) {
    for text in QUERIES {
        let query: Query = text.parse().expect("a query");
        let found = registries.map(|registry| registry.query("agents", &query).registrations);
        let listed = model.keys().filter_map(|name| registries[1].lookup(name));
        let matching: Vec<_> =
            listed.filter(|found| query.filter().matches(&**found as &dyn Fields)).collect();
        let expected = names(&matching);
        for (registry, found) in registries.into_iter().zip(&found) {
            assert_eq!(names(found), expected, "{text}");
            assert_eq!(registry.count("agents", &query), expected.len(), "{text}");
            assert_eq!(registry.exists("agents", &query), !expected.is_empty(), "{text}");
            assert_eq!(invariants::check(registry), []);
        }
    }
}

/// Guarantee I2
#[test]
fn indexed_fields_answer_as_those_that_are_not() {
    sim_seeds(0..8, |env, seed| async move {
        let world = World::new(env);
        let (plain, indexed) = (&world.registry, &indexed(&world.system));
        let mut swarm = Swarm::new(seed);
        let mut model = BTreeMap::new();
        let owner = world.worker().pid();
        for step in 0..60 {
            let name = name("agents", &format!("a{}", swarm.range(0..=15)));
            let metadata = metadata(&mut swarm);
            if swarm.chance(0.3) {
                let freed = [plain, indexed].map(|one| one.unregister(&name, owner).is_ok());
                assert_eq!(freed, [model.remove(&name).is_some(); 2]);
            } else {
                for registry in [plain, indexed] {
                    registry.replace(owner, name.clone(), metadata.clone()).expect("it fits");
                }
                model.insert(name, (owner, metadata));
            }
            if step % 6 == 0 {
                // What changes under a view does not show in it, in the index neither.
                let query: Query = "custom.team in (1, red) OR affinity:red".parse().expect("one");
                let same = indexed.read("agents", |view| {
                    let before = view.count(&query);
                    for name in model.keys() {
                        let found = indexed.lookup(name).expect("it is there");
                        let same = found.metadata.clone();
                        indexed.unregister(name, owner).expect("it is the owner's");
                        indexed.register(owner, name.clone(), same).expect("free");
                    }
                    (before, view.count(&query), view.query(&query).registrations.len())
                });
                let (before, counted, listed) = same.expect("it is waited for");
                assert_eq!((counted, listed), (before, before));
                compare([plain, indexed], &model);
            }
        }
        world.kill(owner).await;
        assert_eq!((plain.counts().index_rows, indexed.counts().index_rows), (0, 0));
    });
}

/// Guarantee I2
#[test]
fn an_index_that_was_asked_for_is_used() {
    sim_seeds(0..1, |env, _| async move {
        let world = World::new(env);
        let registry = indexed(&world.system);
        let owner = world.worker().pid();
        for n in 0..60_i64 {
            let metadata = Metadata::builder().custom("team", n % 20).build().expect("valid");
            registry.register(owner, name("agents", &n.to_string()), metadata).expect("free");
        }
        let plan = |text: &str| registry.explain("agents", &text.parse().expect("a query"));
        let few = plan("custom.team:7.0 node:0");
        assert_eq!((few.candidates_max, few.is_exact()), (3, true), "{few}");
        let or = plan("custom.team in (1, 2) OR custom.team:3");
        assert_eq!((or.candidates_max, or.indexed.len()), (9, 1), "{or}");
        let none = plan("custom.team:red");
        assert_eq!((none.candidates_max, none.is_exact()), (0, true), "{none}");
        // By another path, or in another way, everybody is asked.
        for text in ["team:7", "custom.team>7", "has:custom.team", "custom.other:7"] {
            assert!(!plan(text).is_exact(), "{text}");
        }
        assert_eq!(plan("node:0").candidates_max, 60);
        assert_eq!(plan("node in (1, 2.5, here)").candidates_max, 0);
    });
}

/// Guarantee S3
#[test]
fn a_list_too_long_to_index_is_refused_and_leaves_nothing() {
    sim_seeds(0..1, |env, _| async move {
        let world = World::new(env);
        let registry = indexed(&world.system);
        let owner = world.worker().pid();
        let list = |count: i64| {
            let items: Vec<_> = (0..count).map(Value::from).collect();
            let builder = Metadata::builder().custom("team", Value::List(items.into()));
            builder.build().expect("valid")
        };
        let refused = registry.register(owner, name("agents", "a"), list(65));
        let Err(RegisterError::Metadata { source: MetadataError { fields, .. }, .. }) = refused
        else {
            unreachable!("{refused:?}");
        };
        assert_eq!(fields[0].path, "custom.team");
        assert!(fields[0].to_string().contains("64"), "{}", fields[0]);
        registry.register(owner, name("agents", "a"), list(64)).expect("as many as may be");
        let found = registry.lookup(&name("agents", "a")).expect("registered");
        let refused = registry.update(&found.name, owner, found.revision(), list(65));
        assert!(matches!(refused, Err(UpdateError::Refused { .. })), "{refused:?}");
        assert!(found.is_current());
        assert!(world.registry.register(owner, name("agents", "a"), list(65)).is_ok(), "no index");
        let free = world.registry.register(owner, name("agents", "b"), can(&[]));
        assert!(free.is_ok());
    });
}

#[test]
fn a_registry_says_what_it_indexes() {
    sim_seeds(0..1, |env, _| async move {
        let world = World::new(env);
        let always = ["capability", "health", "type", "node"];
        assert_eq!(world.registry.indexed(), always);
        let builder = Registry::builder(world.system.clone());
        let builder = builder.index("custom.\"gpu:0\"").index("shelf").index("shelf");
        let registry = builder.build().expect("they can be indexed");
        let expected = [&always[..], &["custom.\"gpu:0\"", "shelf"]].concat();
        assert_eq!(registry.indexed(), expected);
        for path in registry.indexed() {
            let query: Query = format!("{path}:x").parse().expect("a query");
            registry.register(world.worker().pid(), name("agents", &path), can(&[])).ok();
            let plan = registry.explain("agents", &query);
            assert!(plan.is_exact(), "{plan}");
        }
    });
}

#[test]
fn a_registry_says_what_it_does_not_index() {
    sim_seeds(0..1, |env, _| async move {
        let system = World::new(env).system;
        let build = |path: &str| Registry::builder(system.clone()).index(path).build().map(drop);
        assert!(matches!(build("a b"), Err(IndexError::Path(_))));
        assert!(matches!(build("health"), Err(IndexError::NoAttribute { .. })));
        assert!(matches!(build("name_node"), Err(IndexError::NoAttribute { .. })));
        assert_eq!(build("custom.team"), Ok(()));
    });
}
