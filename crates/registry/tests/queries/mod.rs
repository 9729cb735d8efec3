//! Queries against a plain list, at sizes on both sides of every internal limit.

use std::collections::BTreeMap;
use std::time::Duration;

use foundation_env::sim::{SimOptions, Simulation};
use foundation_registry::{
    Fields, Health, Kind, Limits, Metadata, Name, Patch, Query, RegisterError, Registration,
    UpdateError, invariants,
};
use foundation_testkit::Swarm;
use foundation_types::{NodeId, Pid};

use crate::world::{World, can, name};

mod expression;

fn in_world<F: Future<Output = ()> + Send + 'static>(
    change: impl FnOnce(&mut Limits),
    test: impl FnOnce(World) -> F,
) {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let mut world = World::new(simulation.env());
    let mut limits = Limits::default();
    change(&mut limits);
    world.limit(limits);
    simulation.block_on(test(world));
}

const FILTERS: [&str; 21] = [
    "",
    "capability:all",
    "capability:third",
    "capability:rare",
    "capability:nobody",
    "capability:all health:healthy",
    "capability:third health:degraded type:service",
    "capability in (third, rare) OR health:unhealthy",
    "-health:healthy",
    "health!=healthy capability:all",
    "capability:third load<0.5",
    "load>=0.25 load<0.5 type:agent",
    "NOT (capability:third OR load<0.5)",
    "(capability:third OR capability:rare) (health:healthy OR health:degraded)",
    "id>a-0005 capability:all",
    "health:1 OR custom.shelf in (3, 7.0)",
    "(capability:third load<0.5) OR capability:rare",
    "(capability:third health:healthy) OR (capability:rare type:agent)",
    "(capability:third (load<0.5 OR health:degraded)) OR -health:healthy",
    "NOT *",
    "name_node:7 OR node:7",
];

/// The metadata of the `n`th entry.
fn metadata(n: u64) -> Metadata {
    let capabilities = [("all", 1), ("third", 3), ("rare", 97)];
    let chosen = capabilities.iter().filter(|(_, each)| n.is_multiple_of(*each));
    let mut builder = Metadata::builder().capabilities(chosen.map(|(name, _)| *name));
    builder = builder.kind(if n.is_multiple_of(5) { Kind::Service } else { Kind::Agent });
    builder = builder.health(match n % 7 {
        0 | 1 => Health::Degraded,
        2 => Health::Unhealthy,
        _ => Health::Healthy,
    });
    if !n.is_multiple_of(4) {
        builder = builder.resource("load", f64::from(u32::try_from(n % 16).expect("small")) / 16.0);
    }
    builder.custom("shelf", i64::try_from(n % 11).expect("small")).build().expect("it is valid")
}

/// A registry and the plain list of what should be in it.
struct Shelf {
    world: World,
    owner: Pid,
    model: BTreeMap<Name, Registration>,
}

impl Shelf {
    fn new(world: World) -> Self {
        let owner = world.worker().pid();
        Self { world, owner, model: BTreeMap::new() }
    }

    fn register(&mut self, n: u64) {
        let node = if n % 10 == 9 { NodeId::new(7) } else { NodeId::LOCAL };
        let name = Name::on(node, "agents", &format!("a-{n:06}")).expect("it is valid");
        self.world.registry.register(self.owner, name.clone(), metadata(n)).expect("free");
        self.note(&name);
    }

    fn note(&mut self, name: &Name) {
        match self.world.registry.lookup(name) {
            Some(found) => self.model.insert(name.clone(), found),
            None => self.model.remove(name),
        };
    }

    /// Frees some names and changes others, so that slots are used again and have versions.
    fn stir(&mut self, swarm: &mut Swarm, times: u64) {
        for n in 0..times {
            let names: Vec<_> = self.model.keys().cloned().collect();
            let Some(name) = swarm.choose(&names).cloned() else { return };
            if swarm.chance(0.5) {
                self.world.registry.unregister(&name, self.owner).expect("it is the owner's");
                self.note(&name);
                self.register(1_000_000 + n);
            } else {
                let revision = self.model.get(&name).expect("it is there").revision();
                let update = metadata(swarm.range(0..=200));
                let done = self.world.registry.update(&name, self.owner, revision, update);
                done.expect("nobody else changes it");
                self.note(&name);
            }
        }
    }

    fn compare(&self, filter: &str) {
        let query: Query = filter.parse().expect("a query");
        let matching = self.model.iter().filter(|(_, found)| query.filter().matches(&***found));
        let expected: BTreeMap<_, _> =
            matching.map(|(name, found)| (name.clone(), found.clone())).collect();
        let registry = &self.world.registry;
        let page = registry.query("agents", &query);
        let found: BTreeMap<_, _> =
            page.registrations.iter().map(|found| (found.name.clone(), found.clone())).collect();
        assert_eq!(page.registrations.len(), found.len(), "{filter}: each once");
        assert_eq!(found, expected, "{filter}");
        assert_eq!(page.next, None);
        assert_eq!(registry.count("agents", &query), expected.len(), "{filter}");
        assert_eq!(registry.exists("agents", &query), !expected.is_empty(), "{filter}");
        let plan = registry.explain("agents", &query);
        assert!(plan.candidates_max >= expected.len(), "{filter}: {plan}");
        // Nothing waits for a reader, so the numbers are exact.
        let len = self.model.len();
        assert!(plan.candidates_max == len || !plan.indexed.is_empty(), "{filter}: {len}, {plan}");
    }

    /// Compares the first ones in an order, of what a filter matches.
    fn compare_first(&self, filter: &str, order: &str) {
        let query: Query = format!("{filter} {order}").parse().expect("a query");
        let all = self.model.values().filter(|found| query.filter().matches(&***found));
        let mut expected: Vec<_> = all.cloned().collect();
        // Stable, so names decide among equals.
        expected.sort_by(|a, b| query.compare(&**a, &**b));
        let limit = query.limit().expect("it has one");
        let has_more = limit > 0 && expected.len() > limit;
        expected.truncate(limit);
        let page = self.world.registry.query("agents", &query);
        assert_eq!(page.registrations, expected, "{query}");
        assert_eq!(page.next.is_some(), has_more, "{query}");
    }

    fn compare_random(&self, swarm: &mut Swarm, times: u64) {
        for _ in 0..times {
            let filter = expression::filter(swarm);
            self.compare(&filter);
            self.compare_first(&filter, &expression::order_and_limit(swarm));
        }
    }
}

/// Guarantee I2
#[test]
fn queries_equal_a_plain_list_at_every_size() {
    for size in [0, 1, 2, 3, 12, 13, 63, 64, 65, 100, 101] {
        in_world(
            |limits| limits.names_per_process_max = 1 << 20,
            |world| async move {
                let mut shelf = Shelf::new(world);
                (0..size).for_each(|n| shelf.register(n));
                for filter in FILTERS {
                    shelf.compare(filter);
                }
                let mut swarm = Swarm::new(size);
                shelf.stir(&mut swarm, 40);
                for filter in FILTERS {
                    shelf.compare(filter);
                }
                shelf.compare_random(&mut swarm, 60);
                assert_eq!(invariants::check(&shelf.world.registry), []);
            },
        );
    }
}

/// Guarantee I2
#[test]
fn queries_equal_a_plain_list_where_blocks_begin_and_with_many_entries() {
    for size in [4_095, 4_096, 4_097, 100_000] {
        in_world(
            |limits| limits.names_per_process_max = 1 << 20,
            |world| async move {
                let mut shelf = Shelf::new(world);
                (0..size).for_each(|n| shelf.register(n));
                let mut swarm = Swarm::new(size);
                shelf.stir(&mut swarm, 3);
                // Of many entries every third filter is enough: most of those find something by an index.
                let every = if size < 5_000 { 1 } else { 3 };
                for filter in FILTERS.iter().step_by(every) {
                    shelf.compare(filter);
                }
                shelf.compare_random(&mut swarm, if size < 5_000 { 12 } else { 2 });
            },
        );
    }
}

#[test]
fn a_plan_says_what_the_indexes_answer() {
    in_world(
        |_| {},
        |world| async move {
            let mut shelf = Shelf::new(world);
            (0..60).for_each(|n| shelf.register(n));
            let explain = |text: &str| {
                shelf.world.registry.explain("agents", &text.parse().expect("a query"))
            };
            let exact = explain("capability:third health:healthy");
            assert!(exact.is_exact());
            assert_eq!(exact.candidates_max, 20, "the smaller set decides: {exact}");
            let mixed = explain("capability in (third, rare) load<0.5");
            assert_eq!(
                (mixed.indexed.len(), mixed.asked.as_slice()),
                (1, &["load<0.5".to_owned()][..])
            );
            let scan = explain("load<0.5");
            assert!(scan.indexed.is_empty(), "{scan}");
            assert_eq!(scan.candidates_max, 60, "as many as there are: {scan}");
            let nobody = explain("load<0.5 NOT *");
            assert_eq!((nobody.candidates_max, nobody.is_exact()), (0, true), "{nobody}");
            let either = explain("capability:third OR load<0.5");
            assert!(either.indexed.is_empty(), "half of an OR is not enough: {either}");
        },
    );
}

/// An AND within an OR was answered by no index, so everybody was asked.
///
/// Guarantee I2
#[test]
fn a_plan_uses_what_indexes_know_of_the_parts_of_an_or() {
    in_world(
        |_| {},
        |world| async move {
            let mut shelf = Shelf::new(world);
            (0..60).for_each(|n| shelf.register(n));
            let check = |text: &str, indexed: &str, is_exact: bool, candidates_max: usize| {
                let query: Query = text.parse().expect("a query");
                let plan = shelf.world.registry.explain("agents", &query);
                assert_eq!(plan.indexed, [indexed], "{plan}");
                assert_eq!(plan.asked, if is_exact { vec![] } else { vec![text] }, "{plan}");
                assert_eq!(plan.candidates_max, candidates_max, "{plan}");
                shelf.compare(text);
            };
            // 20 can do the third, 1 is rare, 18 are degraded.
            let whole = "capability:third health:degraded OR capability:rare";
            check(whole, whole, true, 19);
            let part = "capability:third load<0.5 OR capability:rare";
            check(part, "capability:third OR capability:rare", false, 21);
            let deep = "capability:third (capability:rare OR health:degraded load<0.5) \
                        OR capability:rare id>a has:load";
            let known = "capability:third (capability:rare OR health:degraded) OR capability:rare";
            check(deep, known, false, 20);
        },
    );
}

#[test]
fn pages_follow_each_other_in_the_order_of_the_query() {
    in_world(
        |_| {},
        |world| async move {
            let mut shelf = Shelf::new(world);
            (0..50).for_each(|n| shelf.register(n));
            for text in ["capability:all limit:7", "capability:all order:-load,id limit:7"] {
                let query: Query = text.parse().expect("a query");
                let mut all = Vec::new();
                let mut page = shelf.world.registry.query("agents", &query);
                loop {
                    assert!(page.registrations.len() <= 7);
                    all.extend(page.registrations.iter().map(|found| found.name.clone()));
                    let Some(cursor) = &page.next else { break };
                    assert_eq!(cursor.revision(), page.revision);
                    page = shelf.world.registry.query_after("agents", &query, cursor);
                }
                let mut sorted = all.clone();
                sorted.sort_unstable();
                assert!(sorted.iter().eq(shelf.model.keys()), "{text}: each once");
                let whole: Query = text.replace("limit:7", "").parse().expect("a query");
                let whole = shelf.world.registry.query("agents", &whole);
                assert!(whole.registrations.iter().map(|found| &found.name).eq(&all), "{text}");
            }
            let none: Query = "limit:0".parse().expect("a query");
            let none = shelf.world.registry.query("agents", &none);
            assert_eq!((none.registrations.len(), none.next), (0, None), "it ends nowhere");
            let elsewhere = shelf.world.registry.query("nowhere", &Query::default());
            assert_eq!(elsewhere.registrations, []);
        },
    );
}

/// The node that gave a name could not be asked for, and `node` was taken for it.
#[test]
fn the_node_of_a_name_and_that_of_its_process_are_two_fields() {
    in_world(
        |_| {},
        |world| async move {
            let mut shelf = Shelf::new(world);
            // Every tenth name is of node 7, and all are of one process of this node.
            (0..60).for_each(|n| shelf.register(n));
            for (text, expected) in
                [("name_node:7", 6), ("name_node:0", 54), ("node:7", 0), ("node:0", 60)]
            {
                let query: Query = text.parse().expect("a query");
                assert_eq!(shelf.world.registry.count("agents", &query), expected, "{text}");
            }
        },
    );
}

/// Guarantee I2
#[test]
fn pages_under_changes_repeat_and_skip_nobody_who_stands() {
    in_world(
        |_| {},
        |world| async move {
            let mut swarm = Swarm::new(5);
            let mut shelf = Shelf::new(world);
            (0..50).for_each(|n| shelf.register(n));
            let (registry, owner) = (shelf.world.registry.clone(), shelf.owner);
            let query: Query = "capability:all limit:3".parse().expect("a query");
            let mut standing: Vec<_> = shelf.model.keys().cloned().collect();
            let mut seen = Vec::new();
            let mut page = registry.query("agents", &query);
            for round in 0.. {
                seen.extend(page.registrations.iter().map(|found| found.name.clone()));
                let Some(cursor) = &page.next else { break };
                // One goes, another comes, and some change.
                let at = usize::try_from(swarm.range(0..=standing.len() as u64 - 1));
                let gone = standing.swap_remove(at.expect("small"));
                registry.unregister(&gone, owner).expect("it is the owner's");
                shelf.register(100 + round);
                for _ in 0..5 {
                    let name = swarm.choose(&standing).expect("some").clone();
                    if swarm.chance(0.5) {
                        registry.replace(owner, name, metadata(round)).expect("it fits");
                    } else {
                        let patch = Patch::new().custom("shelf", 1).add_capability("new");
                        registry.patch(&name, owner, &patch).expect("it is the owner's");
                    }
                }
                page = registry.query_after("agents", &query, cursor);
            }
            for name in &standing {
                assert_eq!(seen.iter().filter(|other| *other == name).count(), 1, "{name}");
            }
        },
    );
}

/// Guarantee S3
#[test]
fn a_patch_is_applied_whole_or_not_at_all() {
    in_world(
        |_| {},
        |world| async move {
            let mut shelf = Shelf::new(world);
            shelf.register(3);
            let (registry, owner) = (shelf.world.registry.clone(), shelf.owner);
            let wanted = name("agents", "a-000003");
            let other = shelf.world.worker().pid();
            let patch = Patch::new().add_capability("new").custom("shelf", 99);
            let refused = registry.patch(&wanted, other, &patch);
            assert!(matches!(refused, Err(UpdateError::NotOwner { .. })), "{refused:?}");
            registry.patch(&wanted, owner, &patch).expect("it is the owner's");
            let found = registry.lookup(&wanted).expect("registered");
            assert!(found.metadata.has("new") && found.metadata.has("third"));
            let bad = Patch::new().add_capability("fine").add_capability("not fine");
            let refused = registry.patch(&wanted, owner, &bad);
            assert!(matches!(refused, Err(UpdateError::Refused { .. })), "{refused:?}");
            assert!(found.is_current(), "nothing was changed");
            let query: Query = "custom.shelf:99 capability:new".parse().expect("a query");
            assert_eq!(registry.count("agents", &query), 1);
            assert!(found.field(&"id".parse().expect("a path")).is_some());
        },
    );
}

#[test]
fn bytes_are_bounded_and_counted() {
    in_world(
        |limits| limits.bytes_per_namespace_max = 40,
        |world| async move {
            let pid = world.worker().pid();
            let registry = &world.registry;
            // 1 byte of the id and 15 of the capability.
            let metadata = can(&["abcdefghijklmno"]);
            registry.register(pid, name("agents", "a"), metadata.clone()).expect("16 of 40 bytes");
            registry.register(pid, name("agents", "b"), metadata.clone()).expect("32 of 40 bytes");
            let full = registry.register(pid, name("agents", "c"), metadata.clone());
            assert!(matches!(full, Err(RegisterError::TooManyBytes { limit: 40, .. })), "{full:?}");
            assert!(
                registry.register(pid, name("tools", "c"), metadata.clone()).is_ok(),
                "elsewhere"
            );
            let found = registry.lookup(&name("agents", "a")).expect("registered");
            let more = can(&["abcdefghijklmno", "pqrstuvwxyz"]);
            let grown = registry.update(&found.name, pid, found.revision(), more);
            assert!(matches!(grown, Err(UpdateError::Refused { .. })), "{grown:?}");
            let replaced =
                registry.replace(pid, name("agents", "a"), can(&["abcdefghijklmno", "pqrst"]));
            assert!(replaced.is_ok(), "5 more of the 8 that are left");
            let replaced =
                registry.replace(pid, name("agents", "a"), can(&["abcdefghijklmnopqrstuvwxyz"]));
            assert!(matches!(replaced, Err(RegisterError::TooManyBytes { .. })), "{replaced:?}");
            registry.replace(pid, name("agents", "a"), metadata.clone()).expect("less fits always");
            assert_eq!(registry.counts().bytes, 48);
            registry.unregister(&name("agents", "b"), pid).expect("it is the owner's");
            assert!(registry.register(pid, name("agents", "c"), metadata).is_ok(), "room again");
            assert_eq!(invariants::check(registry), []);
        },
    );
}

/// Guarantee I4
#[test]
fn metadata_from_the_future_is_refused() {
    in_world(
        |_| {},
        |world| async move {
            let pid = world.worker().pid();
            let later = world.system.env().now().saturating_add(Duration::from_secs(1));
            let metadata =
                Metadata::builder().created_at(later).build().expect("no clock was asked");
            let refused = world.registry.register(pid, name("agents", "a"), metadata);
            assert!(matches!(refused, Err(RegisterError::Metadata { .. })), "{refused:?}");
            assert_eq!(world.registry.counts().entries, 0);
        },
    );
}
