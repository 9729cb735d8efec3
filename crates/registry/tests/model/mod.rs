//! The registry against a model, in simulated runs of random operations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use foundation_process::Address;
use foundation_registry::{
    Health, Metadata, Name, NewEntry, RegisterError, Registration, Revision, Strategy, Watch,
    WatchChange, invariants,
};
use foundation_testkit::{Swarm, Weights, sim_seeds, wait_for};
use foundation_types::Pid;

use crate::world::{Task, Way, World, can, give_way, name, said};

const NAMESPACES: [&str; 3] = ["agents", "tools", "jobs"];
const IDS: [&str; 3] = ["a", "b", "c"];
const CAPABILITIES: [&str; 3] = ["x", "y", "z"];
fn strategies() -> [Strategy; 5] {
    [
        Strategy::RoundRobin,
        Strategy::LeastLoaded,
        Strategy::Random,
        Strategy::PowerOfTwo,
        Strategy::LeastResource(Metadata::MEMORY_USAGE.into()),
    ]
}

type Said = (Vec<String>, Health);

/// What one step of a run does. Weights are by this order.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Spawn,
    Register,
    RegisterAll,
    Replace,
    HandOver,
    Unregister,
    Update,
    SetHealth,
    End,
    Look,
}

const OPERATIONS: [Operation; 10] = [
    Operation::Spawn,
    Operation::Register,
    Operation::RegisterAll,
    Operation::Replace,
    Operation::HandOver,
    Operation::Unregister,
    Operation::Update,
    Operation::SetHealth,
    Operation::End,
    Operation::Look,
];

/// Draws everything that a step needs.
struct Draw {
    swarm: Swarm,
    weights: Weights,
}

impl Draw {
    fn new(seed: u64) -> Self {
        let mut swarm = Swarm::new(seed);
        let weights = swarm.weights(OPERATIONS.len());
        Self { swarm, weights }
    }

    fn operation(&mut self) -> Operation {
        let index = self.swarm.pick(&self.weights);
        OPERATIONS.get(index).copied().unwrap_or(Operation::Look)
    }

    fn of<T: Clone>(&mut self, items: &[T]) -> T {
        self.swarm.choose(items).cloned().expect("the table is not empty")
    }

    fn name(&mut self) -> Name {
        name(self.of(&NAMESPACES), self.of(&IDS))
    }

    fn metadata(&mut self) -> Metadata {
        let mut chosen = CAPABILITIES.to_vec();
        chosen.retain(|_| self.swarm.chance(0.5));
        can(&chosen).with_health(self.of(&[Health::Healthy, Health::Degraded, Health::Unhealthy]))
    }

    fn worker(&mut self, workers: &[Address<Task>]) -> Option<Address<Task>> {
        self.swarm.choose(workers).cloned()
    }
}

/// What the registry should hold: a plain map.
#[derive(Default)]
struct Model {
    entries: BTreeMap<Name, (Pid, Metadata)>,
    living: Vec<Address<Task>>,
    dead: Vec<Pid>,
}

impl Model {
    fn register(
        &mut self,
        pid: Pid,
        name: &Name,
        metadata: &Metadata,
    ) -> Result<(), RegisterError> {
        if let Some((owner, _)) = self.entries.get(name) {
            let (name, owner) = (name.clone(), *owner);
            return Err(RegisterError::AlreadyRegistered { name, owner });
        }
        if self.dead.contains(&pid) {
            return Err(RegisterError::NoProcess { name: name.clone(), pid });
        }
        self.entries.insert(name.clone(), (pid, metadata.clone()));
        Ok(())
    }

    fn owns(&self, pid: Pid, name: &Name) -> bool {
        self.entries.get(name).is_some_and(|(owner, _)| *owner == pid)
    }

    fn with_capability(&self, namespace: &str, capability: &str) -> Vec<(Pid, Said)> {
        let all = self.entries.iter();
        let here = all.filter(|(name, (_, metadata))| {
            name.namespace() == namespace && metadata.has(capability)
        });
        here.map(|(_, (pid, metadata))| (*pid, said(metadata))).collect()
    }

    /// A process that lives or has died; the first one if there is no other.
    fn anybody(&self, draw: &mut Draw) -> Pid {
        let dead = draw.swarm.chance(0.2).then(|| draw.swarm.choose(&self.dead).copied()).flatten();
        let living = draw.worker(&self.living).map(|worker| worker.pid());
        dead.or(living).or(self.dead.first().copied()).expect("some process was spawned")
    }

    fn replace(&mut self, world: &World, draw: &mut Draw) {
        let (name, metadata) = (draw.name(), draw.metadata());
        let pid = self.anybody(draw);
        let before = world.registry.lookup(&name);
        let done = world.registry.replace(pid, name.clone(), metadata.clone());
        assert_eq!(done.is_ok(), !self.dead.contains(&pid));
        if let Ok((_, replaced)) = done {
            assert_eq!(replaced, before);
            self.entries.insert(name, (pid, metadata));
        }
    }

    fn hand_over(&mut self, world: &World, draw: &mut Draw) {
        let (name, from, to) = (draw.name(), self.anybody(draw), self.anybody(draw));
        let can = self.owns(from, &name) && !self.dead.contains(&to);
        assert_eq!(world.registry.hand_over(&name, from, to).is_ok(), can);
        if let Some((owner, _)) = self.entries.get_mut(&name).filter(|_| can) {
            *owner = to;
        }
    }

    fn update(&mut self, world: &World, draw: &mut Draw) {
        let (name, metadata) = (draw.name(), draw.metadata());
        let Some(found) = world.registry.lookup(&name) else { return };
        let stale = draw.swarm.chance(0.3);
        if stale {
            let health = if found.metadata.health() == Health::Healthy {
                Health::Degraded
            } else {
                Health::Healthy
            };
            world.registry.set_health(&name, found.pid, health).expect("it is the owner's");
            assert!(!found.is_current());
            if let Some((_, metadata)) = self.entries.get_mut(&name) {
                *metadata = metadata.clone().with_health(health);
            }
        }
        let expected = found.revision();
        let done = world.registry.update(&name, found.pid, expected, metadata.clone());
        assert_eq!(done.is_ok(), !stale, "{done:?}");
        if let Some((_, kept)) = self.entries.get_mut(&name).filter(|_| !stale) {
            *kept = metadata;
        }
    }

    /// Registers up to four names of one namespace, some of which may be refused, and so all.
    fn register_all(&mut self, world: &World, draw: &mut Draw) {
        let namespace = draw.of(&NAMESPACES);
        let len = draw.swarm.range(1..=4);
        let batch: Vec<_> = (0..len)
            .map(|_| NewEntry {
                pid: self.anybody(draw),
                name: name(namespace, draw.of(&IDS)),
                metadata: draw.metadata(),
            })
            .collect();
        let names: BTreeSet<_> = batch.iter().map(|new| &new.name).collect();
        let can = names.len() == batch.len()
            && batch
                .iter()
                .all(|new| !self.entries.contains_key(&new.name) && !self.dead.contains(&new.pid));
        let done = world.registry.register_all(batch.clone());
        assert_eq!(done.is_ok(), can, "{done:?}");
        if can {
            self.entries.extend(batch.into_iter().map(|new| (new.name, (new.pid, new.metadata))));
        }
    }

    /// Compares everything that can be asked with what the model says.
    fn compare(&self, world: &World, draw: &mut Draw) {
        for (namespace, id) in NAMESPACES.iter().flat_map(|n| IDS.iter().map(move |id| (n, id))) {
            let name = name(namespace, id);
            let expected = self.entries.get(&name).map(|(pid, _)| *pid);
            assert_eq!(world.registry.whereis(&name), expected, "{name}");
        }
        for (namespace, capability) in
            NAMESPACES.iter().flat_map(|n| CAPABILITIES.iter().map(move |c| (n, c)))
        {
            let found = world.registry.find_by_capability(namespace, capability);
            let found: Vec<_> =
                found.into_iter().map(|entry| (entry.pid, said(&entry.metadata))).collect();
            let expected = self.with_capability(namespace, capability);
            assert_eq!(found, expected, "{capability} in {namespace}");
            let counted = world.registry.count_by_capability(namespace, capability);
            assert_eq!(counted, expected.len(), "{capability} in {namespace}");
            let best = expected.iter().map(|(_, (_, health))| *health).min();
            let best = best.filter(|health| *health != Health::Unhealthy);
            let picked = world.registry.pick(namespace, capability, draw.of(&strategies()));
            assert_eq!(picked.as_ref().map(|entry| entry.metadata.health()), best);
            if let Some(picked) = picked {
                assert!(expected.contains(&(picked.pid, said(&picked.metadata))));
            }
        }
        for worker in &self.living {
            let names = self.entries.iter().filter(|(_, (pid, _))| *pid == worker.pid());
            assert!(names.map(|(name, _)| name).eq(&world.registry.names(worker.pid())));
        }
        assert_eq!(invariants::check(&world.registry), []);
        let hooks = world.system.counts().hooks;
        let owners: BTreeSet<_> = self.entries.values().map(|(pid, _)| *pid).collect();
        assert_eq!(hooks, owners.len(), "one hook for each process with a name");
    }

    async fn step(&mut self, world: &World, draw: &mut Draw) {
        match draw.operation() {
            Operation::Spawn => self.living.push(world.worker()),
            Operation::Register => {
                let (name, metadata) = (draw.name(), draw.metadata());
                let dead = draw.swarm.chance(0.1).then(|| self.dead.last().copied()).flatten();
                let living = draw.worker(&self.living).map(|worker| worker.pid());
                let Some(pid) = dead.or(living) else { return };
                let expected = self.register(pid, &name, &metadata);
                assert_eq!(world.registry.register(pid, name, metadata).map(drop), expected);
            }
            Operation::RegisterAll => self.register_all(world, draw),
            Operation::Replace => self.replace(world, draw),
            Operation::HandOver => self.hand_over(world, draw),
            Operation::Update => self.update(world, draw),
            Operation::Unregister => {
                let (name, worker) = (draw.name(), draw.worker(&self.living));
                let Some(pid) = worker.map(|worker| worker.pid()) else { return };
                let owns = self.owns(pid, &name);
                assert_eq!(world.registry.unregister(&name, pid).is_ok(), owns);
                if owns {
                    self.entries.remove(&name);
                }
            }
            Operation::SetHealth => {
                let (name, health) = (draw.name(), draw.metadata().health());
                let owner = self.entries.get(&name).map(|(pid, _)| *pid);
                let other = draw.worker(&self.living).map(|worker| worker.pid());
                let Some(pid) = owner.filter(|_| draw.swarm.chance(0.8)).or(other) else { return };
                let owns = self.owns(pid, &name);
                assert_eq!(world.registry.set_health(&name, pid, health).is_ok(), owns);
                if let Some((_, metadata)) = self.entries.get_mut(&name).filter(|_| owns) {
                    *metadata = metadata.clone().with_health(health);
                }
            }
            Operation::End => {
                let Some(worker) = draw.worker(&self.living) else { return };
                let down = world.system.monitor(worker.pid());
                draw.of(&Way::ALL).end(&world.system, &worker);
                down.await;
                self.living.retain(|other| *other != worker);
                self.entries.retain(|_, (pid, _)| *pid != worker.pid());
                self.dead.push(worker.pid());
            }
            Operation::Look => {}
        }
    }
}

/// Somebody who knows of a namespace only what a watch tells: who has the capability `x`.
struct Onlooker {
    watch: Watch,
    known: BTreeMap<Name, (Pid, Said)>,
    revision: Revision,
}

impl Onlooker {
    fn new(world: &World, namespace: &str) -> Self {
        let (snapshot, watch) =
            world.registry.watch(namespace, |entry| entry.metadata.has("x")).expect("a namespace");
        assert_eq!(snapshot.registrations, []);
        Self { watch, known: BTreeMap::new(), revision: snapshot.revision }
    }

    fn know(&mut self, found: &Registration) {
        self.known.insert(found.name.clone(), (found.pid, said(&found.metadata)));
    }

    fn forget(&mut self, found: &Registration) {
        let known = self.known.remove(&found.name);
        assert_eq!(known, Some((found.pid, said(&found.metadata))), "what it was told before");
    }

    /// Reads what there is to read.
    fn catch_up(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(event) = self.watch.poll_changed(&mut cx) {
            let event = event.expect("the ring is long enough");
            assert!(event.revision >= self.revision, "in order");
            self.revision = event.revision;
            match &event.change {
                WatchChange::Registered(found) | WatchChange::NowMatches { after: found, .. } => {
                    assert!(!self.known.contains_key(&found.name));
                    self.know(found);
                }
                WatchChange::Updated { before, after } => {
                    self.forget(before);
                    self.know(after);
                }
                WatchChange::Replaced { before, after } => {
                    if let Some(before) = before {
                        self.forget(before);
                    }
                    if let Some(after) = after {
                        self.know(after);
                    }
                }
                WatchChange::Unregistered(before)
                | WatchChange::NoLongerMatches { before, .. }
                | WatchChange::Died { before, .. } => self.forget(before),
                other => unreachable!("{other:?}"),
            }
        }
    }

    /// What it knows is what the model says.
    fn compare(&mut self, model: &Model, namespace: &str) {
        self.catch_up();
        let matching = model
            .entries
            .iter()
            .filter(|(name, (_, metadata))| name.namespace() == namespace && metadata.has("x"));
        let expected: BTreeMap<_, _> = matching
            .map(|(name, (pid, metadata))| (name.clone(), (*pid, said(metadata))))
            .collect();
        assert_eq!(self.known, expected);
    }
}

/// Guarantee I2
/// Guarantee I3
/// Guarantee I5
/// Guarantee N1
/// Guarantee S3
#[test]
fn the_registry_equals_its_model() {
    sim_seeds(0..150, |env, seed| async move {
        let world = World::new(env);
        let mut onlooker = Onlooker::new(&world, "agents");
        let mut draw = Draw::new(seed);
        let mut model =
            Model { living: (0..3).map(|_| world.worker()).collect(), ..Model::default() };
        for _ in 0..60 {
            model.step(&world, &mut draw).await;
            model.compare(&world, &mut draw);
            onlooker.compare(&model, "agents");
        }
    });
}

/// What clients of a concurrent run know together.
#[derive(Clone)]
struct Known {
    world: World,
    dead: Arc<Mutex<BTreeSet<Pid>>>,
    living: Arc<Mutex<Vec<Address<Task>>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    /// Every answer, checked against those whose death somebody has learned of.
    fn look(&self, draw: &mut Draw) {
        let dead = locked(&self.dead);
        let name = draw.name();
        let mut found: Vec<Pid> = self.world.registry.whereis(&name).into_iter().collect();
        let (namespace, capability) = (name.namespace(), draw.of(&CAPABILITIES));
        let all = self.world.registry.find_by_capability(namespace, capability);
        found.extend(all.into_iter().map(|entry| entry.pid));
        let picked = self.world.registry.pick(namespace, capability, draw.of(&strategies()));
        found.extend(picked.map(|entry| entry.pid));
        let ghost = found.iter().find(|pid| dead.contains(pid));
        assert_eq!(ghost, None, "found after its death was known");
        assert_eq!(invariants::check(&self.world.registry), []);
    }

    async fn client(self, mut draw: Draw) {
        for _ in 0..30 {
            let worker = draw.worker(&locked(&self.living));
            match (draw.operation(), worker) {
                (Operation::Spawn, _) => locked(&self.living).push(self.world.worker()),
                (Operation::Register, Some(worker)) => {
                    let known_dead = locked(&self.dead).contains(&worker.pid());
                    let done =
                        self.world.registry.register(worker.pid(), draw.name(), draw.metadata());
                    assert!(done.is_err() || !known_dead, "a dead process got a name");
                }
                (Operation::Unregister, Some(worker)) => {
                    // Whether it owns the name depends on the schedule; the audit judges the result.
                    drop(self.world.registry.unregister(&draw.name(), worker.pid()));
                }
                (Operation::End, Some(worker)) => self.end(worker, &mut draw).await,
                _ => {}
            }
            self.look(&mut draw);
            give_way().await;
        }
        // So that every run has deaths, also one whose weights have none.
        self.end(self.world.worker(), &mut draw).await;
        self.look(&mut draw);
    }

    async fn end(&self, worker: Address<Task>, draw: &mut Draw) {
        let _registered_or_not =
            self.world.registry.register(worker.pid(), draw.name(), draw.metadata());
        let down = self.world.system.monitor(worker.pid());
        if worker.is_alive() {
            draw.of(&[Way::Kill, Way::Stop]).end(&self.world.system, &worker);
        }
        down.await;
        locked(&self.living).retain(|other| *other != worker);
        locked(&self.dead).insert(worker.pid());
    }
}

/// Guarantee I1
/// Guarantee I2
/// Guarantee I5
#[test]
fn nobody_finds_whom_somebody_knows_to_be_dead() {
    sim_seeds(0..150, |env, seed| async move {
        let world = World::new(env.clone());
        let living = (0..4).map(|_| world.worker()).collect();
        let known = Known { world, dead: Arc::default(), living: Arc::new(Mutex::new(living)) };
        let done = Arc::new(AtomicU32::new(0));
        for client in 0..4 {
            let (known, done) = (known.clone(), Arc::clone(&done));
            let draw = Draw::new(seed * 4 + client);
            env.spawn(async move {
                known.client(draw).await;
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        let deadline = known.world.system.deadline(Duration::from_mins(1));
        wait_for(&env, "four clients", deadline, || match done.load(Ordering::Relaxed) {
            4 => Ok(()),
            count => Err(format!("{count} are done")),
        })
        .await;
    });
}
