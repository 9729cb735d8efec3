//! Many changes in one step, and many one by one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use foundation_env::Env;
use foundation_env::sync::thread;
use foundation_process::Address;
use foundation_registry::{
    BatchError, Health, Limits, Metadata, Name, NewEntry, Operation, RegisterError, Revision,
    UpdateError, WatchChange, invariants,
};
use foundation_testkit::{Swarm, sim_seeds};
use foundation_types::Pid;

use crate::world::{Task, World, can, in_world, name};

fn agent(id: &str) -> Name {
    name("agents", id)
}

fn register(pid: Pid, id: &str, metadata: Metadata) -> Operation {
    Operation::Register(NewEntry { pid, name: agent(id), metadata })
}

fn update(pid: Pid, id: &str, expected: Option<Revision>, metadata: Metadata) -> Operation {
    Operation::Update { name: agent(id), pid, expected, metadata }
}

fn hand_over(id: &str, from: Pid, to: Pid) -> Operation {
    Operation::HandOver { name: agent(id), from, to }
}

fn unregister(pid: Pid, id: &str) -> Operation {
    Operation::Unregister { name: agent(id), pid }
}

fn expect(id: &str, revision: Option<Revision>) -> Operation {
    Operation::Expect { name: agent(id), revision }
}

/// Guarantee S3
#[test]
fn a_transaction_stands_at_one_revision_with_all_it_changed() {
    in_world(Limits::default(), |world| async move {
        let (registry, one, other) = (&world.registry, world.worker().pid(), world.worker().pid());
        for id in ["a", "b", "c"] {
            registry.register(one, agent(id), can(&["old"])).expect("free");
        }
        let stands = registry.lookup(&agent("a")).expect("it is there").revision();
        let (_, mut watch) = registry.watch("agents", |_| true).expect("it is watched");
        let revision = registry
            .transact(vec![
                expect("e", None),
                update(one, "a", Some(stands), can(&["new"])),
                hand_over("b", one, other),
                unregister(one, "c"),
                register(other, "d", can(&["new"])),
            ])
            .expect("all is as expected");
        assert_eq!(registry.revision("agents").max(revision), registry.revision("agents"));
        let mut told = BTreeMap::new();
        for _ in 0..4 {
            let event = watch.changed().await.expect("no lag");
            assert_eq!(event.revision, revision);
            let (name, what) = match event.change {
                WatchChange::Registered(found) => (found.name.clone(), "registered"),
                WatchChange::Updated { after, .. } => (after.name.clone(), "updated"),
                WatchChange::Replaced { after, .. } => {
                    (after.expect("all match").name.clone(), "replaced")
                }
                WatchChange::Unregistered(found) => (found.name.clone(), "unregistered"),
                other => unreachable!("{other:?}"),
            };
            told.insert(name, what);
        }
        let expected =
            [("a", "updated"), ("b", "replaced"), ("c", "unregistered"), ("d", "registered")];
        assert_eq!(told, expected.map(|(id, what)| (agent(id), what)).into());
        assert_eq!(registry.names(one), [agent("a")]);
        assert_eq!(registry.names(other), [agent("b"), agent("d")]);
        assert_eq!(registry.count_by_capability("agents", "new"), 2);
        assert_eq!(invariants::check(registry), []);
        world.kill(one).await;
        world.kill(other).await;
        assert_eq!((registry.counts().entries, registry.counts().owners), (0, 0));
    });
}

/// Guarantee S3
#[test]
fn a_refused_transaction_names_the_place_and_the_reason() {
    in_world(Limits::default(), |world| async move {
        let (registry, one, other) = (&world.registry, world.worker().pid(), world.worker().pid());
        let dead = world.worker().pid();
        world.kill(dead).await;
        let stands = registry.register(one, agent("a"), can(&["x"])).expect("free");
        let later = registry.register(other, agent("b"), can(&["x"])).expect("free");
        let before = registry.counts();
        let refused = |operation: Operation| {
            // What stands before it is possible, and is not done.
            let all = vec![register(one, "free", can(&["y"])), operation];
            let error = registry.transact(all).expect_err("it is not possible");
            assert_eq!(registry.whereis(&agent("free")), None);
            match error {
                BatchError::NotChanged { index: 1, source } => source,
                BatchError::Refused { index: 1, source } => {
                    UpdateError::Refused { name: agent("-"), source: Box::new(source) }
                }
                error => unreachable!("{error:?}"),
            }
        };
        let a = || agent("a");
        let taken = |owner| {
            let source = Box::new(RegisterError::AlreadyRegistered { name: a(), owner });
            UpdateError::Refused { name: agent("-"), source }
        };
        let no_process = |at: &str, name: Name| {
            let source = Box::new(RegisterError::NoProcess { name, pid: dead });
            UpdateError::Refused { name: agent(at), source }
        };
        assert_eq!(refused(register(other, "a", can(&[]))), taken(one));
        assert_eq!(refused(expect("a", None)), taken(one));
        assert_eq!(refused(register(dead, "c", can(&[]))), no_process("-", agent("c")));
        assert_eq!(refused(hand_over("a", one, dead)), no_process("a", a()));
        let not_owner = UpdateError::NotOwner { name: a(), owner: one };
        assert_eq!(refused(update(other, "a", None, can(&[]))), not_owner);
        assert_eq!(refused(hand_over("a", other, one)), not_owner);
        assert_eq!(refused(unregister(other, "a")), not_owner);
        let missing = UpdateError::NotRegistered { name: agent("c") };
        assert_eq!(refused(unregister(one, "c")), missing);
        assert_eq!(refused(expect("c", Some(stands))), missing);
        let conflict = UpdateError::Conflict { name: a(), expected: later, stands };
        assert_eq!(refused(expect("a", Some(later))), conflict);
        assert_eq!(refused(update(one, "a", Some(later), can(&[]))), conflict);
        let later = world.system.env().now().saturating_add(Duration::from_secs(1));
        let ahead = Metadata::builder().last_health_check(later).build().expect("who knows");
        let invalid = refused(update(one, "a", None, ahead));
        assert!(
            matches!(&invalid, UpdateError::Refused { name, source }
                if *name == a() && matches!(**source, RegisterError::Metadata { .. })),
            "{invalid:?}"
        );
        assert_eq!(registry.counts(), before);
        assert_eq!(world.system.counts().hooks, 2);
        assert_eq!(invariants::check(registry), []);
        // Nothing but expectations: nothing is changed, and it says what stands.
        let met = vec![expect("a", Some(stands)), expect("c", None)];
        assert_eq!(registry.transact(met), Ok(registry.revision("agents")));
    });
}

/// Guarantee S3
#[test]
fn what_a_transaction_frees_is_room_for_what_it_adds() {
    let mut limits = Limits::default();
    (limits.entries_per_namespace_max, limits.bytes_per_namespace_max) = (2, 9);
    in_world(limits, |world| async move {
        let (registry, pid) = (&world.registry, world.worker().pid());
        for id in ["a", "b"] {
            registry.register(pid, agent(id), can(&["xyz"])).expect("free");
        }
        let full = |limit| RegisterError::RegistryFull { namespace: "agents".into(), limit };
        let heavy = |limit| RegisterError::TooManyBytes { namespace: "agents".into(), limit };
        let refused = |index, source| Err(BatchError::Refused { index, source });
        assert_eq!(registry.transact(vec![register(pid, "c", can(&[]))]), refused(0, full(2)));
        let swap = |capability| {
            vec![
                register(pid, "c", can(&[capability])),
                unregister(pid, "a"),
                register(pid, "d", can(&["x"])),
                unregister(pid, "b"),
            ]
        };
        // The id and 7 bytes, and the id and one: one too many.
        assert_eq!(registry.transact(swap("1234567")), refused(2, heavy(9)));
        assert_eq!(registry.names(pid), [agent("a"), agent("b")]);
        registry.transact(swap("123456")).expect("there is room for just that");
        assert_eq!((registry.counts().entries, registry.counts().bytes), (2, 9));
        let more = vec![update(pid, "d", None, can(&["xy"]))];
        let source = Box::new(heavy(9));
        let source = UpdateError::Refused { name: agent("d"), source };
        assert_eq!(registry.transact(more), Err(BatchError::NotChanged { index: 0, source }));
        let both =
            vec![update(pid, "d", None, can(&["xy"])), update(pid, "c", None, can(&["12345"]))];
        registry.transact(both).expect("one gives what the other takes");
        assert_eq!(invariants::check(registry), []);
    });
}

const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];
const NAMES_MAX: usize = 3;
const ENTRIES_MAX: usize = 4;

/// What stands, by id: who has it, with what capability, and since which revision.
type Model = BTreeMap<&'static str, (Pid, &'static str, Revision)>;

struct Draw<'a> {
    swarm: Swarm,
    workers: &'a [Address<Task>],
}

impl Draw<'_> {
    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        *self.swarm.choose(items).expect("the table is not empty")
    }

    fn pid(&mut self) -> Pid {
        self.swarm.choose(self.workers).expect("there are some").pid()
    }

    /// An operation, more often than not one that is possible, and what a model makes of it: none if it is not.
    fn operation(&mut self, model: &Model, dead: Pid) -> (Operation, Option<Model>) {
        let (id, capability) = (self.of(&IDS), self.of(&["x", "y"]));
        let found = model.get(id).copied();
        let owner = found.map(|found| found.0).filter(|_| self.swarm.chance(0.9));
        let (owner, other) = (owner.unwrap_or_else(|| self.pid()), self.pid());
        let is_owned = found.is_some_and(|found| found.0 == owner);
        let right = found.map(|found| found.2).filter(|_| self.swarm.chance(0.8));
        let mut after = model.clone();
        let new = Revision::default();
        let (operation, is_possible) = match self.of(&[0, 0, 1, 2, 3, 4]) {
            0 => {
                after.insert(id, (other, capability, new));
                (register(other, id, can(&[capability])), found.is_none() && other != dead)
            }
            1 => {
                after.insert(id, (owner, capability, new));
                (update(owner, id, right, can(&[capability])), is_owned)
            }
            2 => {
                after.insert(id, (other, found.map_or("", |found| found.1), new));
                let has_it = owner == other;
                (hand_over(id, owner, other), is_owned && (has_it || other != dead))
            }
            3 => {
                after.remove(id);
                (unregister(owner, id), is_owned)
            }
            _ => (expect(id, right), found.map(|found| found.2) == right),
        };
        (operation, is_possible.then_some(after))
    }
}

/// What a model says of a transaction: whether it is made, and what stands then.
fn draw_transaction(
    draw: &mut Draw<'_>,
    model: &Model,
    dead: Pid,
) -> (Vec<Operation>, Option<Model>) {
    let (mut operations, mut after) = (Vec::new(), Some(model.clone()));
    let len = draw.of(&[1, 2, 3, 4]);
    let mut ids = Vec::new();
    while operations.len() < len {
        // Each name once, so each may be decided by what stood before; now and then one comes twice.
        let (operation, done) = draw.operation(after.as_ref().unwrap_or(model), dead);
        let id = operation.name().local_id().to_owned();
        let is_twice = ids.contains(&id);
        if is_twice && !draw.swarm.chance(0.05) {
            continue;
        }
        ids.push(id);
        after = after.and(done).filter(|_| !is_twice);
        operations.push(operation);
    }
    // Rows keep what they lose until it is published.
    let fits = |after: &Model| {
        let claims =
            after.iter().filter(|(id, now)| model.get(**id).map(|was| was.0) != Some(now.0));
        let mut held: BTreeMap<Pid, usize> = BTreeMap::new();
        for was in model.values() {
            *held.entry(was.0).or_default() += 1;
        }
        claims.for_each(|(_, now)| *held.entry(now.0).or_default() += 1);
        let changed = |pid: &Pid| {
            after
                .iter()
                .any(|(id, now)| now.0 == *pid && model.get(id).map(|was| was.0) != Some(*pid))
        };
        after.len() <= ENTRIES_MAX
            && held.iter().all(|(pid, held)| *held <= NAMES_MAX || !changed(pid))
    };
    (operations, after.filter(fits))
}

/// Guarantee S3
#[test]
fn transactions_do_what_a_model_does_or_nothing() {
    let made = [const { AtomicU32::new(0) }; 2];
    sim_seeds(0..40, |env, seed| {
        let mut world = World::new(env);
        let mut limits = Limits::default();
        (limits.entries_per_namespace_max, limits.names_per_process_max) = (ENTRIES_MAX, NAMES_MAX);
        world.limit(limits);
        one_run(world, seed, &made)
    });
    let made = made.map(AtomicU32::into_inner);
    assert!(made.iter().all(|count| *count > 0), "some are made and some refused: {made:?}");
}

async fn one_run(world: World, seed: u64, made: &[AtomicU32; 2]) {
    let registry = &world.registry;
    let workers = [(); 3].map(|()| world.worker());
    let dead = workers[2].pid();
    world.kill(dead).await;
    let mut draw = Draw { swarm: Swarm::new(seed), workers: &workers };
    let mut model = Model::new();
    for step in 0..60 {
        let (operations, after) = draw_transaction(&mut draw, &model, dead);
        let done = registry.transact(operations.clone());
        let place =
            || format!("seed {seed}, step {step}: {operations:?} of {model:?} was {done:?}");
        assert_eq!(done.is_ok(), after.is_some(), "{}", place());
        let [accepted, refused] = made;
        if done.is_ok() { accepted } else { refused }.fetch_add(1, Ordering::Relaxed);
        let next = after.unwrap_or_else(|| model.clone());
        let mut stands = Model::new();
        for id in IDS {
            let Some(found) = registry.lookup(&agent(id)) else { continue };
            let capability = if found.metadata.has("x") { "x" } else { "y" };
            stands.insert(id, (found.pid, capability, found.revision()));
        }
        let told = |model: &Model| -> Vec<_> {
            model.iter().map(|(id, (pid, capability, _))| (*id, *pid, *capability)).collect()
        };
        assert_eq!(told(&stands), told(&next), "{}", place());
        assert_eq!(invariants::check(registry), [], "{}", place());
        model = stands;
    }
}

/// Guarantee S3
#[test]
fn transactions_that_expect_what_they_have_read_lose_no_update() {
    const ROUNDS: u32 = 500;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let world = World::new(Env::current());
    let pid = world.worker().pid();
    let amount = |value: u32| {
        Metadata::builder().resource("units", f64::from(value)).build().expect("an amount")
    };
    let accounts = [agent("a"), agent("b")];
    for account in &accounts {
        world.registry.register(pid, account.clone(), amount(ROUNDS * 2)).expect("free");
    }
    // Each moves one unit from one account to the other, and tries again when somebody was faster.
    let mover = |from: usize| {
        let (registry, accounts) = (world.registry.clone(), accounts.clone());
        thread::spawn(move || {
            let mut conflicts = 0_u32;
            for _ in 0..ROUNDS {
                loop {
                    let read = [from, 1 - from]
                        .map(|at| registry.lookup(&accounts[at]).expect("it stays"));
                    let units = read
                        .each_ref()
                        .map(|found| found.metadata.resource("units").expect("it has some"));
                    let set =
                        |found: &foundation_registry::Registration, units: f64| Operation::Update {
                            name: found.name.clone(),
                            pid,
                            expected: Some(found.revision()),
                            metadata: Metadata::builder()
                                .resource("units", units)
                                .build()
                                .expect("an amount"),
                        };
                    let moved = vec![set(&read[0], units[0] - 1.0), set(&read[1], units[1] + 1.0)];
                    match registry.transact(moved) {
                        Ok(_) => break,
                        Err(BatchError::NotChanged {
                            source: UpdateError::Conflict { .. },
                            ..
                        }) => conflicts += 1,
                        Err(error) => unreachable!("{error}"),
                    }
                }
            }
            conflicts
        })
    };
    let movers = [mover(0), mover(1)];
    for mover in movers {
        mover.join().expect("nobody saw anything wrong");
    }
    let units = accounts.each_ref().map(|account| {
        world.registry.lookup(account).expect("it stays").metadata.resource("units")
    });
    assert_eq!(units, [Some(f64::from(ROUNDS * 2)); 2]);
    assert_eq!(
        world.registry.lookup(&accounts[0]).expect("it stays").metadata.health(),
        Health::Healthy
    );
}

#[test]
fn a_batch_names_what_is_wrong_with_it() {
    in_world(Limits::default(), |world| async move {
        let pid = world.worker().pid();
        let new = |namespace: &str, id: &str| NewEntry {
            pid,
            name: name(namespace, id),
            metadata: can(&["x"]),
        };
        let all = |batch: Vec<NewEntry>| world.registry.register_all(batch).map(drop);
        assert_eq!(all(vec![]), Err(BatchError::Empty));
        let other = vec![new("agents", "a"), new("tools", "b")];
        assert_eq!(all(other), Err(BatchError::OtherNamespace { index: 1 }));
        let twice = vec![new("agents", "a"), new("agents", "b"), new("agents", "a")];
        assert_eq!(all(twice), Err(BatchError::Twice { index: 2 }));
        let long = (0..1_025).map(|at| new("agents", &format!("{at}"))).collect();
        assert_eq!(all(long), Err(BatchError::TooLarge { len: 1_025, len_max: 1_024 }));
        assert_eq!(world.registry.counts().entries, 0);
        // More names than one process may have: the claim of the 65th fails, and none is left.
        let many: Vec<_> = (0..65).map(|at| new("agents", &format!("{at}"))).collect();
        let refused = all(many);
        assert!(matches!(refused, Err(BatchError::Refused { index: 64, .. })), "{refused:?}");
        assert_eq!((world.registry.counts().owners, world.system.counts().hooks), (0, 0));
    });
}

#[test]
fn each_of_a_batch_is_answered_for_itself_and_a_name_is_freed_once() {
    in_world(Limits::default(), |world| async move {
        let pid = world.worker().pid();
        let other = world.worker().pid();
        let registry = &world.registry;
        registry.register(other, name("agents", "b"), can(&[])).expect("free");
        let batch = ["a", "b", "c"].map(|id| NewEntry {
            pid,
            name: name("agents", id),
            metadata: can(&["x"]),
        });
        let done = registry.register_each(batch.into()).expect("not too many");
        let done: Vec<_> = done.iter().map(Result::is_ok).collect();
        assert_eq!(done, [true, false, true]);
        assert_eq!(registry.register_each(Vec::new()), Ok(Vec::new()));
        let new = NewEntry { pid, name: name("agents", "a"), metadata: can(&[]) };
        let refused = registry.register_each(vec![new; 1_025]);
        assert_eq!(refused, Err(BatchError::TooLarge { len: 1_025, len_max: 1_024 }));
        assert_eq!(registry.whereis(&name("agents", "b")), Some(other));
        let free = |id: &str| registry.unregister_if_present(&name("agents", id), pid);
        assert_eq!((free("a"), free("a"), free("none")), (Ok(true), Ok(false), Ok(false)));
        assert!(free("b").is_err(), "another process has it");
        assert_eq!(registry.names(pid), [name("agents", "c")]);
    });
}

/// A batch that did not fit in whole once blamed its first entry, whatever stood behind it; a name that was taken
/// went unmentioned.
#[test]
fn a_batch_names_the_first_entry_that_is_refused() {
    let mut limits = Limits::default();
    limits.entries_per_namespace_max = 4;
    in_world(limits, |world| async move {
        let (pid, other) = (world.worker().pid(), world.worker().pid());
        for id in ["x", "y"] {
            world.registry.register(other, name("agents", id), can(&[])).expect("free");
        }
        let new = |id: &str| NewEntry { pid, name: name("agents", id), metadata: can(&["z"]) };
        let all = |ids: &[&str]| {
            world.registry.register_all(ids.iter().map(|id| new(id)).collect()).map(drop)
        };
        let refused = |index, source| Err(BatchError::Refused { index, source });
        let full = || RegisterError::RegistryFull { namespace: "agents".into(), limit: 4 };
        let taken = || RegisterError::AlreadyRegistered { name: name("agents", "x"), owner: other };
        assert_eq!(all(&["a", "b", "c", "d", "e"]), refused(2, full()));
        assert_eq!(all(&["x", "b", "c", "d", "e"]), refused(0, taken()));
        assert_eq!(all(&["a", "b", "x", "d"]), refused(2, taken()));
        assert_eq!(all(&["a", "b", "a", "d"]), Err(BatchError::Twice { index: 2 }));
        assert_eq!((world.registry.counts().owners, world.registry.names(pid).len()), (1, 0));
        assert_eq!(all(&["a", "b"]), Ok(()));
        assert_eq!(all(&["c", "d"]), refused(0, full()));
        assert_eq!(invariants::check(&world.registry), []);
    });
}
