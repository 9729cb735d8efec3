//! What is told as done is done, in every answer and at once; what is refused has changed nothing; and no death
//! waits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::{Context, Outcome, Process};
use foundation_registry::{
    Health, Metadata, Name, NewEntry, Patch, Registry, Revision, Strategy, invariants,
};
use foundation_testkit::{Swarm, sim_seeds};
use foundation_types::Pid;

use crate::world::{World, can, name};

const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const CAPABILITIES: [&str; 3] = ["x", "y", "z"];
const TEAMS: [&str; 2] = ["red", "blue"];

/// What stands, by id: owner, capabilities, health and team.
type Expected = BTreeMap<&'static str, (Pid, BTreeSet<&'static str>, Health, &'static str)>;

/// A registry, and what should be in it.
struct Book {
    world: World,
    pids: Vec<Pid>,
    stands: Expected,
    swarm: Swarm,
}

impl Book {
    fn new(mut world: World, seed: u64) -> Self {
        let builder = Registry::builder(world.system.clone()).index("custom.team");
        world.registry = builder.build().expect("it can be indexed");
        let pids = (0..3).map(|_| world.worker().pid()).collect();
        Self { world, pids, stands: Expected::new(), swarm: Swarm::new(seed) }
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        *self.swarm.choose(items).expect("there are some")
    }

    fn pid(&mut self) -> Pid {
        let pids = self.pids.clone();
        self.of(&pids)
    }

    fn drawn(&mut self) -> (BTreeSet<&'static str>, Health, &'static str) {
        let able = CAPABILITIES.into_iter().filter(|_| self.swarm.chance(0.5)).collect();
        let health = self.of(&[Health::Healthy, Health::Degraded, Health::Unhealthy]);
        (able, health, self.of(&TEAMS))
    }

    /// Does one thing that succeeds, and returns the revision that was told, if any.
    async fn change(&mut self) -> Option<Revision> {
        let id = self.of(&IDS);
        let (pid, (able, health, team)) = (self.pid(), self.drawn());
        let (registry, wanted) = (self.world.registry.clone(), name("agents", id));
        let metadata = metadata(&able, health, team);
        let Some((owner, stood, stood_health, stood_team)) = self.stands.get(id).cloned() else {
            self.stands.insert(id, (pid, able, health, team));
            let new = NewEntry { pid, name: wanted.clone(), metadata: metadata.clone() };
            return Some(match self.of(&[0, 1, 2]) {
                0 => registry.register(pid, wanted, metadata).expect("free"),
                1 => registry.register_all(vec![new]).expect("free"),
                _ => registry.replace(pid, wanted, metadata).expect("free").0,
            });
        };
        let found = registry.lookup(&wanted).expect("it stands");
        let (told, stands) = match self.of(&[0, 1, 2, 3, 4, 5, 6]) {
            0 => (
                registry.replace(pid, wanted, metadata).map(|done| done.0).ok(),
                Some((pid, able, health, team)),
            ),
            1 => (
                registry.hand_over(&wanted, owner, pid).ok(),
                Some((pid, stood, stood_health, stood_team)),
            ),
            2 => {
                let told = registry.update(&wanted, owner, found.revision(), metadata).ok();
                (told, Some((owner, able, health, team)))
            }
            3 => {
                let patch = Patch::new().custom("team", team).health(health);
                (registry.patch(&wanted, owner, &patch).ok(), Some((owner, stood, health, team)))
            }
            4 => (
                registry.set_health(&wanted, owner, health).ok(),
                Some((owner, stood, health, stood_team)),
            ),
            5 => (registry.unregister(&wanted, owner).ok(), None),
            _ => return self.kill(owner).await,
        };
        assert!(told.is_some(), "nothing is in the way");
        match stands {
            Some(stands) => self.stands.insert(id, stands),
            None => self.stands.remove(id),
        };
        told
    }

    async fn kill(&mut self, pid: Pid) -> Option<Revision> {
        self.world.kill(pid).await;
        self.stands.retain(|_, (owner, ..)| *owner != pid);
        self.pids.retain(|other| *other != pid);
        self.pids.push(self.world.worker().pid());
        None
    }

    /// Every way to ask, and no difference.
    fn check(&self, told: Option<Revision>) {
        let registry = &self.world.registry;
        assert!(told.is_none_or(|told| registry.revision("agents") >= told), "{told:?}");
        for id in IDS {
            let owner = self.stands.get(id).map(|(pid, ..)| *pid);
            assert_eq!(registry.whereis(&name("agents", id)), owner, "{id}");
            let found = registry.lookup(&name("agents", id));
            assert_eq!(found.as_ref().map(|found| found.pid), owner, "{id}");
            assert!(found.is_none_or(|found| found.is_current()));
        }
        for pid in &self.pids {
            let own = self.stands.iter().filter(|(_, (owner, ..))| owner == pid);
            let own: Vec<_> = own.map(|(id, _)| name("agents", id)).collect();
            assert_eq!(registry.names(*pid), own);
        }
        for capability in CAPABILITIES {
            let able = self.ids(|(_, able, ..)| able.contains(capability));
            let found = registry.find_by_capability("agents", capability);
            assert!(found.iter().map(|found| found.name.local_id()).eq(able.iter().copied()));
            assert_eq!(registry.count_by_capability("agents", capability), able.len());
            let is_usable = |id: &&&str| {
                self.stands.get(**id).is_some_and(|(_, _, health, _)| *health != Health::Unhealthy)
            };
            let picked = registry.pick("agents", capability, Strategy::RoundRobin);
            assert_eq!(picked.is_some(), able.iter().any(|id| is_usable(&id)));
            assert!(picked.is_none_or(|picked| able.contains(&picked.name.local_id())));
            self.ask(&format!("capability:{capability}"), &able);
        }
        for health in [Health::Healthy, Health::Degraded, Health::Unhealthy] {
            self.ask(&format!("health:{}", health.as_str()), &self.ids(|found| found.2 == health));
        }
        for team in TEAMS {
            self.ask(&format!("custom.team:{team}"), &self.ids(|found| found.3 == team));
        }
        self.ask("*", &self.ids(|_| true));
        assert_eq!(registry.counts().entries, self.stands.len());
    }

    fn ids(
        &self,
        is: impl Fn(&(Pid, BTreeSet<&'static str>, Health, &'static str)) -> bool,
    ) -> Vec<&'static str> {
        self.stands.iter().filter(|(_, found)| is(found)).map(|(id, _)| *id).collect()
    }

    fn ask(&self, text: &str, expected: &[&str]) {
        let query = format!("{text} order:id").parse().expect("a query");
        let registry = &self.world.registry;
        let page = registry.query("agents", &query);
        let found: Vec<_> = page.registrations.iter().map(|found| found.name.local_id()).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(registry.count("agents", &query), expected.len(), "{text}");
        assert_eq!(registry.exists("agents", &query), !expected.is_empty(), "{text}");
        let read = registry.read("agents", |view| view.count(&query));
        assert_eq!(read, Ok(expected.len()), "{text}");
    }
}

fn metadata(able: &BTreeSet<&str>, health: Health, team: &str) -> Metadata {
    let builder = Metadata::builder().capabilities(able.iter().copied()).health(health);
    builder.custom("team", team).build().expect("it is valid")
}

/// Guarantee L5
#[test]
fn when_a_change_has_returned_every_answer_reflects_it() {
    sim_seeds(0..20, |env, seed| async move {
        let mut book = Book::new(World::new(env), seed);
        for _ in 0..60 {
            let told = book.change().await;
            book.check(told);
        }
        assert_eq!(invariants::check(&book.world.registry), []);
    });
}

/// What is asked for in vain, and whether it was refused.
type Refusal<'a> = (&'a str, Box<dyn Fn() -> bool + 'a>);

/// Everything that can be asked of a registry without naming what it holds.
fn portrait(world: &World, pids: &[Pid]) -> (Vec<String>, Vec<Vec<Name>>, String) {
    let all = world.registry.query("agents", &"* order:id".parse().expect("a query"));
    let all = all.registrations.iter().map(|found| format!("{found:?}")).collect();
    let names = pids.iter().map(|pid| world.registry.names(*pid)).collect();
    let revision = world.registry.revision("agents");
    (all, names, format!("{:?} at {revision:?}", world.registry.counts()))
}

/// Guarantee N4
#[test]
fn what_is_refused_changes_nothing() {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let world = World::new(simulation.env());
    simulation.block_on(async {
        let registry = &world.registry;
        let [one, two, dead] = [(); 3].map(|()| world.worker().pid());
        world.kill(dead).await;
        let (a, b, free) = (name("agents", "a"), name("agents", "b"), name("agents", "free"));
        registry.register(one, a.clone(), can(&["x"])).expect("free");
        registry.register(two, b.clone(), can(&["y"])).expect("free");
        for number in 0..62 {
            registry.register(two, name("agents", &number.to_string()), can(&[])).expect("free");
        }
        registry.register(two, name("agents", "full"), can(&[])).expect("the last of 64");
        let stale = registry.lookup(&a).expect("registered").revision();
        registry.set_health(&a, one, Health::Degraded).expect("it is the owner's");
        let new = |pid, name: &Name| NewEntry { pid, name: name.clone(), metadata: can(&["z"]) };
        let bad = Patch::new().health(Health::Healthy).add_capability("not one");
        let refusals: [Refusal<'_>; 14] = [
            ("taken", Box::new(|| registry.register(two, a.clone(), can(&["z"])).is_err())),
            ("by itself", Box::new(|| registry.register(one, a.clone(), can(&["z"])).is_err())),
            ("dead", Box::new(|| registry.register(dead, free.clone(), can(&["z"])).is_err())),
            ("too many", Box::new(|| registry.register(two, free.clone(), can(&["z"])).is_err())),
            (
                "replaced by the dead",
                Box::new(|| registry.replace(dead, a.clone(), can(&[])).is_err()),
            ),
            (
                "replaced by one with enough",
                Box::new(|| registry.replace(two, a.clone(), can(&[])).is_err()),
            ),
            ("handed to the dead", Box::new(|| registry.hand_over(&a, one, dead).is_err())),
            ("handed to one with enough", Box::new(|| registry.hand_over(&a, one, two).is_err())),
            ("handed by a stranger", Box::new(|| registry.hand_over(&a, two, two).is_err())),
            ("stale", Box::new(|| registry.update(&a, one, stale, can(&["z"])).is_err())),
            ("patched wrongly", Box::new(|| registry.patch(&a, one, &bad).is_err())),
            ("freed by a stranger", Box::new(|| registry.unregister(&a, two).is_err())),
            (
                "half of a batch",
                Box::new(|| registry.register_all(vec![new(one, &free), new(one, &b)]).is_err()),
            ),
            (
                "half of a batch dead",
                Box::new(|| {
                    registry
                        .register_all(vec![new(one, &free), new(dead, &name("agents", "g"))])
                        .is_err()
                }),
            ),
        ];
        let before = portrait(&world, &[one, two, dead]);
        for (why, refusal) in refusals {
            assert!(refusal(), "{why}: it is not refused");
            assert_eq!(portrait(&world, &[one, two, dead]), before, "{why}");
        }
        assert_eq!(invariants::check(registry), []);
    });
}

/// Counts what it handles, and lets others run after each message.
struct Busy(Arc<AtomicU32>);

impl Process for Busy {
    type Message = ();

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        self.0.fetch_add(1, Ordering::Relaxed);
        crate::world::give_way().await;
        Ok(())
    }
}

const QUEUED: u32 = 10_000;

/// Guarantee L3
#[test]
fn a_death_does_not_wait_for_what_is_queued() {
    sim_seeds(0..4, |env, _| async move {
        let world = World::new(env);
        let handled = Arc::new(AtomicU32::new(0));
        let process = world.system.process(Busy(Arc::clone(&handled))).mailbox(QUEUED);
        let address = process.spawn().expect("the system takes processes");
        for space in ["agents", "tools", "jobs"] {
            world.registry.register(address.pid(), name(space, "a"), can(&["x"])).expect("free");
        }
        for _ in 0..QUEUED {
            address.try_send(()).expect("there is room");
        }
        crate::world::give_way().await;
        world.kill(address.pid()).await;
        for space in ["agents", "tools", "jobs"] {
            assert_eq!(world.registry.whereis(&name(space, "a")), None);
            assert_eq!(world.registry.count_by_capability(space, "x"), 0);
        }
        let handled = handled.load(Ordering::Relaxed);
        assert!(handled < QUEUED / 10, "{handled} messages were handled first");
        assert_eq!(invariants::check(&world.registry), []);
    });
}
