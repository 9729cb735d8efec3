//! What a death does to names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use foundation_env::Env;
use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::{Context, Outcome, Process, Signal};
use foundation_registry::{RegisterError, invariants};
use foundation_testkit::{sim_seeds, wait_for};
use foundation_types::{ExitReason, Pid};

use crate::world::{Task, Way, World, can, give_way, name};

const NAMES: [(&str, &str); 3] = [("agents", "a"), ("agents", "b"), ("tools", "a")];

impl World {
    /// What somebody finds who has just learned of the death of `dead`.
    fn check_free(&self, dead: Pid, how: &str) {
        for (namespace, id) in NAMES {
            let name = name(namespace, id);
            let found = self.registry.whereis(&name);
            self.expect(found != Some(dead), || format!("{how}: {name} still leads to {dead}"));
            let all = self.registry.find_by_capability(namespace, "work");
            let listed = all.iter().any(|entry| entry.pid == dead);
            self.expect(!listed, || format!("{how}: {dead} is still found in {namespace}"));
        }
        let names = self.registry.names(dead);
        self.expect(names.is_empty(), || format!("{how}: {dead} still has {names:?}"));
        // It may be taken at once; only a successor can have been faster.
        let successor = self.worker().pid();
        let taken = self.registry.register(successor, name("agents", "a"), can(&["work"]));
        let owner = match taken {
            Ok(_) => successor,
            Err(RegisterError::AlreadyRegistered { owner, .. }) => owner,
            Err(error) => {
                self.expect(false, || format!("{how}: {error}"));
                return;
            }
        };
        self.expect(owner != dead, || format!("{how}: {dead} keeps its name from a successor"));
    }
}

/// Learns by a signal.
struct Watcher {
    world: World,
    target: Pid,
    by_link: bool,
    told: Arc<AtomicU32>,
}

impl Process for Watcher {
    type Message = ();

    async fn init(&mut self, context: &mut Context<()>) -> Outcome {
        context.trap_exit(true);
        if self.by_link {
            context.link(self.target)?;
        } else {
            context.monitor(self.target)?;
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        Ok(())
    }

    async fn handle_signal(&mut self, signal: Signal, _: &mut Context<()>) -> Outcome {
        let how = if matches!(signal, Signal::Down { .. }) { "DOWN" } else { "EXIT" };
        self.world.check_free(self.target, how);
        self.told.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

async fn all_observers_find_the_names_free(world: World, way: Way) {
    let env = world.system.env().clone();
    let worker = world.worker();
    let pid = worker.pid();
    for (namespace, id) in NAMES {
        world.registry.register(pid, name(namespace, id), can(&["work"])).expect("free");
    }
    let told = Arc::new(AtomicU32::new(0));
    for by_link in [false, true] {
        let (world, told) = (world.clone(), Arc::clone(&told));
        let watcher = Watcher { world: world.clone(), target: pid, by_link, told };
        world.system.spawn(watcher).expect("the system takes processes");
    }
    let observe = |how: &'static str,
                   learned: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        let (world, told) = (world.clone(), Arc::clone(&told));
        env.spawn(async move {
            learned.await;
            world.check_free(pid, how);
            told.fetch_add(1, Ordering::Relaxed);
        });
    };
    let monitor = world.system.monitor(pid);
    observe("monitor", Box::pin(async move { drop(monitor.await) }));
    let address = worker.clone();
    observe("call", Box::pin(async move { drop(address.call(Task::Keep).await) }));
    let address = worker.clone();
    let alive = async move {
        while address.is_alive() {
            give_way().await;
        }
    };
    observe("is_alive", Box::pin(alive));
    for _ in 0..env.random_below(4) {
        give_way().await;
    }
    way.end(&world.system, &worker);
    let deadline = world.system.deadline(Duration::from_secs(5));
    wait_for(&env, "five observers", deadline, || match told.load(Ordering::Relaxed) {
        5 => Ok(()),
        count => Err(format!("{way:?}: {count} were told")),
    })
    .await;
    world.assert_content();
    assert_eq!(invariants::check(&world.registry), []);
}

/// Guarantee I1
/// Guarantee S2
#[test]
fn whoever_learns_of_a_death_finds_the_names_free() {
    for way in Way::ALL {
        sim_seeds(0..40, |env, _| all_observers_find_the_names_free(World::new(env), way));
    }
}

/// Guarantee I1
#[test]
fn a_dropped_runtime_frees_the_names_of_its_processes() {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let world = World::new(simulation.env());
    let registered = world.clone();
    let (polled, never_polled) = simulation.block_on(async move {
        let polled = registered.worker().pid();
        give_way().await;
        let never_polled = registered.worker().pid();
        for (id, pid) in [("a", polled), ("b", never_polled)] {
            registered.registry.register(pid, name("agents", id), can(&["work"])).expect("free");
        }
        (polled, never_polled)
    });
    drop(simulation);
    for (id, pid) in [("a", polled), ("b", never_polled)] {
        assert_eq!(world.registry.whereis(&name("agents", id)), None, "{pid} keeps its name");
    }
    assert_eq!(world.registry.counts().owners, 0);
    assert_eq!(invariants::check(&world.registry), []);
}

/// Looks up the name of its process when it is dropped.
struct LooksUp {
    world: World,
    owner: Option<Pid>,
    looked: Arc<AtomicU32>,
}

impl Drop for LooksUp {
    fn drop(&mut self) {
        let found = self.world.registry.whereis(&name("agents", "a"));
        let owner = self.owner;
        self.world.expect(found.is_some() && found == owner, || {
            format!("while the state of {owner:?} was dropped its name led to {found:?}")
        });
        self.looked.fetch_add(1, Ordering::Relaxed);
    }
}

impl Process for LooksUp {
    type Message = Way;

    async fn init(&mut self, context: &mut Context<Way>) -> Outcome {
        self.owner = Some(context.pid());
        let name = name("agents", "a");
        self.world.registry.register(context.pid(), name, can(&["work"]))?;
        Ok(())
    }

    async fn handle(&mut self, way: Way, context: &mut Context<Way>) -> Outcome {
        match way {
            Way::Panic => unreachable!("asked to panic"),
            _ => context.stop(ExitReason::Normal),
        }
        Ok(())
    }

    async fn terminate(&mut self, _: &ExitReason, context: &mut Context<Way>) {
        let found = self.world.registry.whereis(&name("agents", "a"));
        self.world.expect(found == Some(context.pid()), || {
            format!("in terminate the name led to {found:?}")
        });
    }
}

/// Guarantee I1
#[test]
fn a_process_keeps_its_name_until_its_state_is_dropped() {
    for way in [Way::Return, Way::Panic, Way::Kill] {
        sim_seeds(0..10, |env, _| async move {
            let world = World::new(env.clone());
            let looked = Arc::new(AtomicU32::new(0));
            let process =
                LooksUp { world: world.clone(), owner: None, looked: Arc::clone(&looked) };
            let deadline = world.system.deadline(Duration::from_secs(1));
            let address = world.system.process(process).start(deadline).await.expect("free");
            let down = world.system.monitor(address.pid());
            if way == Way::Kill {
                world.system.kill(address.pid());
            } else {
                address.send(way).await.expect("alive");
            }
            down.await;
            assert_eq!(looked.load(Ordering::Relaxed), 1);
            world.assert_content();
            assert_eq!(world.registry.whereis(&name("agents", "a")), None);
        });
    }
}

/// Counts the holders of a name: one more when it is registered, one less when the state is dropped.
struct Holder(Arc<AtomicU32>);

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

const CONTENDERS: u32 = 4;

/// Contenders for one name take it, die in any way, and take it again.
async fn contend(world: World, rounds: u32) {
    let env = world.system.env().clone();
    // A worker counts from its spawn; one that has no name yet is not a holder and not in here.
    let holders = Arc::new(AtomicU32::new(0));
    let done = Arc::new(AtomicU32::new(0));
    for _ in 0..CONTENDERS {
        let (world, holders, done) = (world.clone(), Arc::clone(&holders), Arc::clone(&done));
        env.clone().spawn(async move {
            for _ in 0..rounds {
                contend_once(&world, &holders).await;
            }
            done.fetch_add(1, Ordering::Relaxed);
        });
    }
    let deadline = world.system.deadline(Duration::from_mins(1));
    wait_for(&env, "all contenders", deadline, || match done.load(Ordering::Relaxed) {
        CONTENDERS => Ok(()),
        count => Err(format!("{count} are done")),
    })
    .await;
    world.assert_content();
    assert_eq!(invariants::check(&world.registry), []);
}

async fn contend_once(world: &World, holders: &Arc<AtomicU32>) {
    let env = world.system.env();
    let slot = Arc::new(std::sync::Mutex::new(None));
    let worker = world.worker_with(Arc::clone(&slot));
    let pid = worker.pid();
    loop {
        match world.registry.register(pid, name("agents", "only"), can(&["work"])) {
            Ok(_) => break,
            Err(RegisterError::AlreadyRegistered { owner, .. }) => {
                drop(world.system.monitor(owner).await);
                if world.registry.whereis(&name("agents", "only")) == Some(owner) {
                    return world
                        .expect(false, || format!("{owner} keeps the name after its DOWN"));
                }
            }
            Err(error) => return world.expect(false, || error.to_string()),
        }
    }
    let others = holders.fetch_add(1, Ordering::Relaxed);
    world.expect(others == 0, || format!("{pid} took the name beside {others} others"));
    // From here on the worker's state is the last reference, and the count falls with it.
    *slot.lock().expect("nobody panics with it") = Some(Holder(Arc::clone(holders)));
    drop(slot);
    for _ in 0..env.random_below(3) {
        give_way().await;
    }
    let ways = Way::ALL;
    let index = usize::try_from(env.random_below(ways.len() as u64)).unwrap_or(0);
    let down = world.system.monitor(pid);
    ways.get(index).expect("below the length").end(&world.system, &worker);
    down.await;
}

/// Guarantee S1
#[test]
fn a_name_never_has_two_holders() {
    sim_seeds(0..60, |env, _| contend(World::new(env), 6));
}

/// Guarantee S1
#[test]
fn a_name_never_has_two_holders_on_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    let world = World::new(Env::tokio(runtime.handle().clone()));
    runtime.block_on(contend(world, 200));
}

#[test]
fn registering_a_dead_process_is_refused() {
    sim_seeds(0..4, |env, _| async move {
        let world = World::new(env);
        let pid = world.worker().pid();
        world.kill(pid).await;
        let name = name("agents", "a");
        let refused = world.registry.register(pid, name.clone(), can(&[]));
        assert_eq!(refused, Err(RegisterError::NoProcess { name, pid }));
        assert_eq!(world.registry.counts().entries, 0);
        assert_eq!(world.registry.counts().owners, 0);
    });
}

/// Guarantee S4
#[test]
fn after_many_lives_the_tables_are_empty() {
    sim_seeds(0..2, |env, _| async move {
        let world = World::new(env);
        for life in 0..2_000_u32 {
            let worker = world.worker();
            for index in 0..3 {
                let name = name("agents", &format!("{}-{index}", life % 7));
                world.registry.register(worker.pid(), name, can(&["x", "y"])).expect("free");
            }
            if life % 3 == 0 {
                let name = name("agents", &format!("{}-0", life % 7));
                world.registry.unregister(&name, worker.pid()).expect("owned");
            }
            world.kill(worker.pid()).await;
        }
        let counts = world.registry.counts();
        assert_eq!((counts.entries, counts.index_rows, counts.owners), (0, 0, 0));
        assert_eq!(world.system.counts().hooks, 0);
    });
}
