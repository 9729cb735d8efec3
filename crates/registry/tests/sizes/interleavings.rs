//! A million steps of registering, killing and asking, in random order.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foundation_registry::{Health, Name, RegisterError, Strategy, invariants};
use foundation_testkit::{Swarm, sim_seeds_once, wait_for};
use foundation_types::Pid;

use crate::world::{World, can, give_way, name};

const RUNS: u64 = 100;
const CLIENTS: u64 = 4;
/// Of each client in each run.
const STEPS: u64 = 2_500;

/// What the clients of a run share.
struct Town {
    world: World,
    names: Vec<Name>,
    people: Mutex<People>,
    done: AtomicU64,
}

#[derive(Default)]
struct People {
    living: Vec<Pid>,
    /// Whose death somebody has learned of.
    dead: BTreeSet<Pid>,
}

impl Town {
    fn new(world: World) -> Self {
        let of = |space| ["a", "b", "c", "d"].map(move |id| name(space, id));
        let names = ["agents", "tools"].into_iter().flat_map(of).collect();
        let living = (0..8).map(|_| world.worker().pid()).collect();
        let people = Mutex::new(People { living, dead: BTreeSet::new() });
        Self { world, names, people, done: AtomicU64::new(0) }
    }

    fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, swarm: &mut Swarm) -> &Name {
        swarm.choose(&self.names).expect("there are names")
    }

    async fn live(&self, mut swarm: Swarm) {
        for _ in 0..STEPS {
            match swarm.range(0..=31) {
                0..=7 => self.register(&mut swarm),
                8..=11 => self.unregister(&mut swarm),
                12 => self.kill(&mut swarm).await,
                13..=22 => self.check(self.world.registry.whereis(self.name(&mut swarm))),
                _ => self.ask(&mut swarm),
            }
            if swarm.chance(0.5) {
                give_way().await;
            }
        }
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn register(&self, swarm: &mut Swarm) {
        let (wanted, people) = (self.name(swarm).clone(), self.people());
        let Some(pid) = swarm.choose(&people.living).copied() else { return };
        let dead = people.dead.last().copied().filter(|_| swarm.chance(0.1));
        drop(people);
        let registry = &self.world.registry;
        if let Some(dead) = dead {
            let done = registry.register(dead, wanted, can(&["x"]));
            let Err(RegisterError::AlreadyRegistered { owner, .. }) = done else {
                return assert!(done.is_err(), "{dead} has got a name");
            };
            return self.check(Some(owner));
        }
        let health = *swarm.choose(&[Health::Healthy, Health::Degraded]).expect("two");
        match registry.register(pid, wanted, can(&["x", "y"]).with_health(health)) {
            Err(RegisterError::AlreadyRegistered { owner, .. }) => self.check(Some(owner)),
            Ok(_) | Err(RegisterError::NoProcess { .. }) => {}
            Err(other) => unreachable!("{other}"),
        }
    }

    fn unregister(&self, swarm: &mut Swarm) {
        let wanted = self.name(swarm);
        if let Some(pid) = self.world.registry.whereis(wanted) {
            self.check(Some(pid));
            self.world.registry.unregister(wanted, pid).expect("nobody was in between");
        }
    }

    /// Kills one and learns of it, with others at work in between.
    async fn kill(&self, swarm: &mut Swarm) {
        let Some(pid) = self.choose_victim(swarm) else { return };
        self.world.kill(pid).await;
        self.people().dead.insert(pid);
    }

    /// Takes one out of those who live, and puts a new one in its place.
    fn choose_victim(&self, swarm: &mut Swarm) -> Option<Pid> {
        let mut people = self.people();
        let pid = swarm.choose(&people.living).copied()?;
        people.living.retain(|other| *other != pid);
        people.living.push(self.world.worker().pid());
        Some(pid)
    }

    fn ask(&self, swarm: &mut Swarm) {
        let (registry, space) = (&self.world.registry, self.name(swarm).namespace());
        let strategy = Strategy::Random;
        match swarm.range(0..=2) {
            0 => self.check(registry.pick(space, "x", strategy).map(|found| found.pid)),
            1 => self.check(registry.find_by_capability(space, "y").iter().map(|found| found.pid)),
            _ => {
                let found = registry.find_by_capability(space, "x").len();
                assert_eq!(registry.count_by_capability(space, "x"), found);
            }
        }
    }

    /// Nobody is found whose death was known when the call began.
    fn check(&self, found: impl IntoIterator<Item = Pid>) {
        let people = self.people();
        for pid in found {
            assert!(!people.dead.contains(&pid), "{pid} was found after its death was known");
        }
    }
}

/// Guarantee I1
/// Guarantee L3
/// Guarantee S2
#[test]
fn in_a_million_interleavings_nobody_finds_the_dead() {
    sim_seeds_once(0..RUNS, |env, seed| async move {
        let town = Arc::new(Town::new(World::new(env.clone())));
        for client in 0..CLIENTS {
            let town = Arc::clone(&town);
            let swarm = Swarm::new(seed * CLIENTS + client);
            env.spawn(async move { town.live(swarm).await });
        }
        let deadline = town.world.system.deadline(Duration::from_mins(10));
        wait_for(&env, "all clients", deadline, || match town.done.load(Ordering::Relaxed) {
            CLIENTS => Ok(()),
            done => Err(format!("{done} are done")),
        })
        .await;
        assert_eq!(invariants::check(&town.world.registry), []);
    });
}
