//! Registering against a death and against each other, and reading while others write, on threads whose schedules
//! shuttle samples.

#![cfg(foundation_shuttle)]
#![expect(clippy::expect_used, reason = "a test fails where its world is not as built")]

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use foundation_env::sim::{SimOptions, Simulation};
use foundation_env::sync::atomic::{AtomicU64, Ordering};
use foundation_env::sync::thread;
use foundation_registry::{Group, Health, JoinError, RegisterError, WatchChange, invariants};
use foundation_types::Pid;
use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use foundation_process::{Context, Outcome, Process, System};
use foundation_registry::{Entry, Metadata, Name, Query, Registry};

mod replay;

use replay::{Replay, Witness};

/// Schedules per scenario: uniformly random, then with three priority changes.
const SCHEDULES: (usize, usize) = (3_000, 2_000);

/// A whole system runs on each thread's stack; shuttle's 32 KiB are too few for a debug build.
const STACK_BYTES: usize = 1 << 19;

fn sample(scenario: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    let scenario = Arc::new(scenario);
    let again = Arc::clone(&scenario);
    Runner::new(RandomScheduler::new(SCHEDULES.0), config.clone()).run(move || scenario());
    Runner::new(PctScheduler::new(3, SCHEDULES.1), config).run(move || again());
}

struct Worker;

impl Process for Worker {
    type Message = ();

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        Ok(())
    }
}

#[derive(Clone)]
struct World {
    system: System,
    registry: Registry,
}

impl World {
    fn worker(&self) -> Pid {
        self.system.spawn(Worker).expect("the system takes processes").pid()
    }
}

fn name(namespace: &str, id: &str) -> Name {
    Name::new(namespace, id).expect("the test's names are valid")
}

fn metadata() -> Metadata {
    Metadata::new(["x"]).expect("the test's capabilities are valid")
}

/// A simulation with two workers that have run; dropping it ends them as a dropped runtime does.
fn two_workers() -> (Simulation, World, [Pid; 2]) {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let system = System::new(simulation.env());
    let world = World { registry: Registry::new(system.clone()), system };
    let workers = [world.worker(), world.worker()];
    simulation.advance(Duration::from_millis(1));
    (simulation, world, workers)
}

/// Guarantee I1
/// Guarantee I5
#[test]
fn registering_against_a_death_leaves_no_ghost() {
    sample(|| {
        let (simulation, world, [pid, _]) = two_workers();
        let names = [name("agents", "a"), name("tools", "a")];
        let registering = {
            let (world, names) = (world.clone(), names.clone());
            thread::spawn(move || {
                for name in names {
                    match world.registry.register(pid, name, metadata()) {
                        Ok(_) | Err(RegisterError::NoProcess { .. }) => {}
                        Err(other) => unreachable!("{other}"),
                    }
                    assert_eq!(invariants::check(&world.registry), []);
                }
            })
        };
        let dying = thread::spawn(move || drop(simulation));
        dying.join().expect("the death is not disturbed");
        // The death is known; a registration may still be under way and must be refused.
        for name in &names {
            assert_eq!(world.registry.whereis(name), None);
        }
        registering.join().expect("registering is not disturbed");
        assert_eq!(invariants::check(&world.registry), []);
        let counts = world.registry.counts();
        assert_eq!((counts.entries, counts.index_rows, counts.owners), (0, 0, 0));
    });
}

/// Guarantee I1
#[test]
fn whoever_learns_on_another_thread_finds_the_name_free() {
    sample(|| {
        let (simulation, world, [pid, _]) = two_workers();
        let name = name("agents", "a");
        world.registry.register(pid, name.clone(), metadata()).expect("free");
        let address = world.system.address::<()>(pid).expect("alive");
        let monitor = world.system.monitor(pid);
        let learn = |learned: Pin<Box<dyn Future<Output = ()> + Send>>| {
            let (world, name) = (world.clone(), name.clone());
            thread::spawn(move || {
                block_on(learned);
                assert_eq!(world.registry.whereis(&name), None);
                assert_eq!(world.registry.find_by_capability("agents", "x"), []);
                assert_eq!(world.registry.names(pid), []);
            })
        };
        let by_monitor = learn(Box::pin(async move { drop(monitor.await) }));
        let refused = async move { while address.send(()).await.is_ok() {} };
        let by_send = learn(Box::pin(refused));
        drop(simulation);
        by_monitor.join().expect("the name is free after DOWN");
        by_send.join().expect("the name is free after a refused send");
    });
}

/// Guarantee I1
#[test]
fn whoever_learns_while_a_name_leaves_the_dead_finds_it_no_more() {
    sample(|| {
        let (simulation, world, [one, two]) = two_workers();
        for id in ["a", "b", "c"] {
            world.registry.register(one, name("agents", id), metadata()).expect("free");
        }
        let (monitor, registry) = (world.system.monitor(one), world.registry.clone());
        let leaving = thread::spawn(move || {
            // Each is refused when the death was faster.
            drop(registry.unregister(&name("agents", "a"), one));
            drop(registry.hand_over(&name("agents", "b"), one, two));
            drop(registry.replace(two, name("agents", "c"), metadata()));
        });
        let dying = thread::spawn(move || drop(simulation));
        block_on(monitor);
        for id in ["a", "b", "c"] {
            assert_ne!(world.registry.whereis(&name("agents", id)), Some(one), "{id}");
        }
        leaving.join().expect("changing is not disturbed");
        dying.join().expect("the death is not disturbed");
        assert_eq!(invariants::check(&world.registry), []);
    });
}

/// Guarantee I5
#[test]
fn unregistering_against_a_death_keeps_the_tables_whole() {
    sample(|| {
        let (simulation, world, [pid, _]) = two_workers();
        let name = name("agents", "a");
        world.registry.register(pid, name.clone(), metadata()).expect("free");
        let unregistering = {
            let (world, name) = (world.clone(), name.clone());
            // Whether the death was faster shows in the result and nowhere else.
            thread::spawn(move || drop(world.registry.unregister(&name, pid)))
        };
        let dying = thread::spawn(move || drop(simulation));
        assert_eq!(invariants::check(&world.registry), []);
        unregistering.join().expect("unregistering is not disturbed");
        dying.join().expect("the death is not disturbed");
        assert_eq!(world.registry.whereis(&name), None);
        assert_eq!(world.registry.counts().owners, 0);
    });
}

/// Guarantee G1
#[test]
fn joining_and_leaving_against_a_death_leaves_no_member() {
    sample(|| {
        let (simulation, world, [pid, _]) = two_workers();
        let groups = ["a", "b"].map(|label| Group::new("agents", label).expect("it is valid"));
        assert_eq!(world.registry.join(&groups[0], pid), Ok(true));
        let changing = {
            let (world, groups) = (world.clone(), groups.clone());
            thread::spawn(move || {
                match world.registry.join(&groups[1], pid) {
                    Ok(true) | Err(JoinError::NoProcess { .. }) => {}
                    other => unreachable!("{other:?}"),
                }
                // Whether the death was faster shows in the result and nowhere else.
                world.registry.leave(&groups[0], pid).expect("nobody holds the turn for long");
            })
        };
        let dying = thread::spawn(move || drop(simulation));
        assert_eq!(invariants::check(&world.registry), []);
        dying.join().expect("the death is not disturbed");
        for group in &groups {
            assert!(!world.registry.is_member(group, pid), "{group}");
            assert_eq!(world.registry.members(group), []);
        }
        changing.join().expect("joining and leaving are not disturbed");
        assert_eq!(invariants::check(&world.registry), []);
        let groups = world.registry.counts().groups;
        assert_eq!((groups.memberships, groups.members), (0, 0));
        assert_eq!(world.system.counts().hooks, 0);
    });
}

/// Guarantee G1
#[test]
fn whoever_learns_while_a_member_leaves_finds_it_no_more() {
    sample(|| {
        let (simulation, world, [pid, _]) = two_workers();
        let group = Group::new("agents", "a").expect("it is valid");
        assert_eq!(world.registry.join(&group, pid), Ok(true));
        let (registry, left) = (world.registry.clone(), group.clone());
        let leaving = thread::spawn(move || drop(registry.leave(&left, pid)));
        let monitor = world.system.monitor(pid);
        let dying = thread::spawn(move || drop(simulation));
        block_on(monitor);
        assert_eq!(world.registry.members(&group), []);
        leaving.join().expect("leaving is not disturbed");
        dying.join().expect("the death is not disturbed");
        assert_eq!(invariants::check(&world.registry), []);
    });
}

/// Guarantee S1
#[test]
fn of_two_that_register_one_name_one_wins() {
    sample(|| {
        let (_simulation, world, pids) = two_workers();
        let name = name("agents", "a");
        let threads = pids.map(|pid| {
            let (world, name) = (world.clone(), name.clone());
            thread::spawn(move || world.registry.register(pid, name, metadata()))
        });
        let results = threads.map(|thread| thread.join().expect("registering is not disturbed"));
        let owner = world.registry.whereis(&name).expect("one has it");
        for (pid, result) in pids.into_iter().zip(results) {
            let taken = RegisterError::AlreadyRegistered { name: name.clone(), owner };
            assert_eq!(result.map(drop), if pid == owner { Ok(()) } else { Err(taken) });
        }
        assert_eq!(invariants::check(&world.registry), []);
    });
}

/// Guarantee N3
#[test]
fn who_is_told_of_a_revision_reads_at_least_that() {
    sample(|| {
        let (_simulation, world, pids) = two_workers();
        let told = Arc::new(AtomicU64::new(0));
        let writers = pids.map(|pid| {
            let (world, told) = (world.clone(), Arc::clone(&told));
            thread::spawn(move || {
                let name = name("agents", &pid.to_string());
                let revision = world.registry.register(pid, name, metadata()).expect("free");
                told.fetch_max(revision.get(), Ordering::AcqRel);
            })
        });
        let revision = world.registry.revision("agents").get().max(told.load(Ordering::Acquire));
        let read = world.registry.read("agents", |view| {
            let counted = view.count_by_capability("x");
            assert_eq!(view.find_by_capability("x").len(), counted);
            (view.revision().get(), counted)
        });
        let (at, counted) = read.expect("it is waited for");
        assert!(at >= revision, "{at} and {revision}");
        assert!(counted >= usize::from(revision > 0));
        for writer in writers {
            writer.join().expect("registering is not disturbed");
        }
        let count = world.registry.read("agents", |view| view.count_by_capability("x"));
        assert_eq!(count, Ok(2));
    });
}

/// Guarantee I1
/// Guarantee L1
#[test]
fn registering_without_waiting_against_a_death_leaves_nothing_behind() {
    sample(|| {
        let (simulation, world, [pid, _]) = two_workers();
        let names = [name("agents", "a"), name("agents", "b")];
        let asking = names.clone().map(|name| {
            let world = world.clone();
            thread::spawn(move || world.registry.register_async(pid, name, metadata()))
        });
        let dying = thread::spawn(move || drop(simulation));
        dying.join().expect("the death is not disturbed");
        for name in &names {
            assert_eq!(world.registry.whereis(name), None);
        }
        for ticket in asking.map(|thread| thread.join().expect("asking is not disturbed")) {
            match ticket.try_result() {
                Some(Ok(_) | Err(RegisterError::NoProcess { .. })) => {}
                other => unreachable!("all turns are over, and the ticket says {other:?}"),
            }
        }
        assert_eq!(invariants::check(&world.registry), []);
        assert_eq!(world.registry.counts().entries, 0);
    });
}

/// A watch takes no turn when it resynchronises: a change may be published and not yet in the ring.
///
/// Guarantee N1
#[test]
fn a_watch_that_resynchronises_while_others_write_sees_each_change_once() {
    sample(|| {
        let (_simulation, world, [pid, _]) = two_workers();
        let name = name("agents", "a");
        world.registry.register(pid, name.clone(), metadata()).expect("free");
        let (_, mut watch) = world.registry.watch("agents", |_| true).expect("room");
        let (registry, changed) = (world.registry.clone(), name.clone());
        let writing = thread::spawn(move || {
            for health in [Health::Degraded, Health::Healthy] {
                registry.set_health(&changed, pid, health).expect("its own");
            }
        });
        let snapshot = watch.resynchronise();
        let mut stands = snapshot.registrations.first().expect("it stands").clone();
        writing.join().expect("writing is not disturbed");
        let mut cx = task::Context::from_waker(Waker::noop());
        while let Poll::Ready(event) = watch.poll_changed(&mut cx) {
            let event = event.expect("no lag");
            assert!(snapshot.revision < event.revision, "it was in the snapshot");
            let WatchChange::Updated { before, after } = event.change else {
                unreachable!("{event:?}");
            };
            assert_eq!(before, stands, "nothing falls between the snapshot and the watch");
            stands = after;
        }
        assert_eq!(world.registry.lookup(&name), Some(stands), "nothing is missing at the end");
    });
}

/// What a reader asks, by the name a query has for it.
const HEALTHS: [Health; 2] = [Health::Healthy, Health::Degraded];

/// A reader's questions, and the answers, to be judged when the witness knows what stood at each revision.
struct Reader {
    world: World,
    queries: [Query; 2],
    everything: Query,
    pages: Vec<(Option<Health>, foundation_registry::Page)>,
    counts: Vec<(Health, usize, (u64, u64))>,
}

fn is(health: Option<Health>) -> impl Fn(&Entry) -> bool {
    move |entry| health.is_none_or(|health| entry.metadata.health() == health)
}

impl Reader {
    fn new(world: &World) -> Self {
        let of = |health: Health| format!("health:{}", health.as_str()).parse().expect("a query");
        let everything = "capability:x".parse().expect("a query");
        let (queries, pages, counts) = (HEALTHS.map(of), Vec::new(), Vec::new());
        Self { world: world.clone(), queries, everything, pages, counts }
    }

    fn read(mut self) -> Self {
        let registry = &self.world.registry;
        for (health, query) in HEALTHS.into_iter().zip(&self.queries) {
            self.pages.push((Some(health), registry.query("agents", query)));
            let before = registry.revision("agents").get();
            let count = registry.count("agents", query);
            self.counts.push((health, count, (before, registry.revision("agents").get())));
        }
        self.pages.push((None, registry.query("agents", &self.everything)));
        self
    }

    fn judge(&self, replay: &Replay) {
        for (health, page) in &self.pages {
            replay.check_page(page, is(*health));
        }
        for (health, count, around) in &self.counts {
            replay.check_count(*count, *around, is(Some(*health)));
        }
    }
}

/// Lets `threads` run beside two readers, and judges what these read by what a watch was told.
fn read_beside(world: &World, witness: Witness, threads: Vec<thread::JoinHandle<()>>) {
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let reader = Reader::new(world);
            thread::spawn(move || reader.read())
        })
        .collect();
    let readers: Vec<_> =
        readers.into_iter().map(|reader| reader.join().expect("reading is undisturbed")).collect();
    for thread in threads {
        thread.join().expect("the thread is undisturbed");
    }
    let replay = witness.replay();
    readers.iter().for_each(|reader| reader.judge(&replay));
    assert_eq!(invariants::check(&world.registry), []);
    assert_eq!(world.registry.counts().waiting, 0, "nothing waits for readers that have gone");
}

/// Guarantee I2
/// Guarantee N1
#[test]
fn readers_beside_writers_see_one_revision_each() {
    sample(|| {
        let (_simulation, world, [one, two]) = two_workers();
        let witness = Witness::of(&world.registry, "agents");
        let [a, b, c] = ["a", "b", "c"].map(|id| name("agents", id));
        world.registry.register(one, a.clone(), metadata()).expect("free");
        world.registry.register(two, b.clone(), metadata()).expect("free");
        let registry = world.registry.clone();
        let changing = thread::spawn(move || {
            for health in [Health::Degraded, Health::Healthy] {
                registry.set_health(&a, one, health).expect("it is the owner's");
            }
        });
        let registry = world.registry.clone();
        let moving = thread::spawn(move || {
            registry.unregister(&b, two).expect("it is the owner's");
            registry.register(two, c, metadata()).expect("free");
        });
        read_beside(&world, witness, vec![changing, moving]);
    });
}

/// Guarantee I2
/// Guarantee N1
#[test]
fn readers_beside_deaths_see_one_revision_each() {
    sample(|| {
        let (simulation, world, [one, two]) = two_workers();
        let witness = Witness::of(&world.registry, "agents");
        for (pid, id) in [(one, "a"), (one, "b"), (two, "c")] {
            world.registry.register(pid, name("agents", id), metadata()).expect("free");
        }
        let dying = thread::spawn(move || drop(simulation));
        let registry = world.registry.clone();
        let taking = thread::spawn(move || {
            // Refused when the death was faster.
            drop(registry.hand_over(&name("agents", "a"), one, two));
            drop(registry.set_health(&name("agents", "c"), two, Health::Degraded));
        });
        read_beside(&world, witness, vec![dying, taking]);
        assert_eq!(world.registry.counts().entries, 0);
    });
}

/// Whoever goes last takes back what waited, also if he meets another one who is doing so.
///
/// Guarantee I2
#[test]
fn nothing_waits_when_the_last_reader_has_gone() {
    sample(|| {
        let (_simulation, world, [pid, _]) = two_workers();
        let name = name("agents", "a");
        world.registry.register(pid, name.clone(), metadata()).expect("free");
        let readers = [(); 2].map(|()| {
            let (world, name) = (world.clone(), name.clone());
            thread::spawn(move || world.registry.read("agents", |view| view.lookup(&name)).is_ok())
        });
        world.registry.set_health(&name, pid, Health::Degraded).expect("its own");
        for reader in readers {
            assert!(reader.join().expect("reading is not disturbed"));
        }
        assert_eq!(world.registry.counts().waiting, 0);
    });
}
