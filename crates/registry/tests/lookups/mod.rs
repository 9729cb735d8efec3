//! What registering, looking up and picking do, one caller at a time.

use std::collections::{BTreeMap, BTreeSet};

use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::Address;
use foundation_registry::{
    Health, Limits, Name, RegisterError, Registry, Strategy, UpdateError, invariants,
};
use foundation_types::{NodeId, Pid};

use crate::world::{Task, Way, World, can, give_way, name, said};

/// Runs a test in a simulated world of its own and audits the registry at its end.
fn in_world<Fut: Future<Output = ()>>(test: impl FnOnce(World) -> Fut) {
    in_limited_world(Limits::default(), test);
}

fn in_limited_world<Fut: Future<Output = ()>>(limits: Limits, test: impl FnOnce(World) -> Fut) {
    let mut simulation = Simulation::new(7, SimOptions::default());
    let mut world = World::new(simulation.env());
    world.limit(limits);
    simulation.block_on(test(world.clone()));
    assert_eq!(invariants::check(&world.registry), []);
}

impl World {
    fn registered(&self, id: &str, capabilities: &[&str]) -> Address<Task> {
        let worker = self.worker();
        self.registry.register(worker.pid(), name("agents", id), can(capabilities)).expect("free");
        worker
    }

    /// Who is picked, `count` times in a row.
    fn picks(&self, strategy: &Strategy, count: usize) -> Vec<Option<Pid>> {
        let pick = || self.registry.pick("agents", "x", strategy.clone()).map(|entry| entry.pid);
        (0..count).map(|_| pick()).collect()
    }

    fn set_health(&self, id: &str, health: Health) {
        let name = name("agents", id);
        let pid = self.registry.whereis(&name).expect("registered");
        self.registry.set_health(&name, pid, health).expect("owned");
    }
}

/// Guarantee S1
#[test]
fn register_never_overwrites() {
    in_world(|world| async move {
        let first = world.registered("a", &["x"]).pid();
        let name = name("agents", "a");
        for pid in [world.worker().pid(), first] {
            let refused = world.registry.register(pid, name.clone(), can(&["y"]));
            let owner = first;
            let taken = RegisterError::AlreadyRegistered { name: name.clone(), owner };
            assert_eq!(refused, Err(taken));
        }
        let entry = world.registry.lookup(&name).expect("registered");
        assert_eq!((entry.pid, said(&entry.metadata)), (first, said(&can(&["x"]))));
    });
}

#[test]
fn only_the_owner_gives_a_name_back() {
    in_world(|world| async move {
        let (owner, other) = (world.registered("a", &["x"]).pid(), world.worker().pid());
        let (name, nobody) = (name("agents", "a"), name("elsewhere", "a"));
        let not_owner = UpdateError::NotOwner { name: name.clone(), owner };
        assert_eq!(world.registry.unregister(&name, other), Err(not_owner.clone()));
        assert_eq!(world.registry.set_health(&name, other, Health::Unhealthy), Err(not_owner));
        assert_eq!(world.registry.whereis(&name), Some(owner));
        assert_eq!(world.registry.unregister(&name, owner).map(drop), Ok(()));
        assert_eq!(world.registry.whereis(&name), None);
        assert_eq!(world.registry.find_by_capability("agents", "x"), []);
        for name in [name, nobody] {
            let missing = UpdateError::NotRegistered { name: name.clone() };
            assert_eq!(world.registry.unregister(&name, owner), Err(missing));
        }
    });
}

/// Guarantee I5
#[test]
fn a_process_has_one_hook_for_all_its_names() {
    in_world(|world| async move {
        let pid = world.registered("0", &["x"]).pid();
        for id in 1..64 {
            let name = name(&format!("space-{}", id % 5), &id.to_string());
            world.registry.register(pid, name, can(&["x"])).expect("free");
        }
        assert_eq!(world.system.counts().hooks, 1);
        let last = name("agents", "64");
        let refused = world.registry.register(pid, last, can(&[]));
        assert_eq!(refused, Err(RegisterError::TooManyNames { pid, limit: 64 }));
        let names = world.registry.names(pid);
        assert_eq!(names.len(), 64);
        for name in &names {
            assert_eq!(world.system.counts().hooks, 1);
            world.registry.unregister(name, pid).expect("owned");
        }
        assert_eq!((world.system.counts().hooks, world.registry.counts().owners), (0, 0));
    });
}

/// Guarantee I3
#[test]
fn the_same_id_in_two_namespaces_is_two_names() {
    in_world(|world| async move {
        let (first, second) = (world.worker().pid(), world.worker().pid());
        let names = [name("left", "a"), name("right", "a")];
        for (pid, name) in [first, second].into_iter().zip(&names) {
            world.registry.register(pid, name.clone(), can(&["x"])).expect("free");
        }
        world.registry.set_health(&names[0], first, Health::Unhealthy).expect("owned");
        let found = world.registry.find_by_capability("right", "x");
        assert_eq!(found.iter().map(|entry| entry.pid).collect::<Vec<_>>(), [second]);
        assert_eq!(world.registry.pick("left", "x", Strategy::Random), None);
        world.kill(first).await;
        assert_eq!(world.registry.whereis(&names[0]), None);
        assert_eq!(world.registry.whereis(&names[1]), Some(second));
    });
}

#[test]
fn the_same_id_of_two_nodes_is_two_names() {
    in_world(|world| async move {
        let (here, there) = (world.worker(), world.worker());
        let local = name("agents", "a");
        let remote = Name::on(NodeId::new(2), "agents", "a").expect("a name");
        world.registry.register(here.pid(), local.clone(), can(&["x"])).expect("free");
        world.registry.register(there.pid(), remote.clone(), can(&["x"])).expect("free");
        assert_eq!(world.registry.whereis(&local), Some(here.pid()));
        assert_eq!(world.registry.whereis(&remote), Some(there.pid()));
        assert_eq!(remote.to_string(), "agents/a on node 2");
        assert!(local < remote && remote < name("agents", "b"));

        let taken = world.registry.register(here.pid(), remote.clone(), can(&[])).unwrap_err();
        assert!(
            matches!(taken, RegisterError::AlreadyRegistered { owner, .. } if owner == there.pid())
        );
        world.kill(here.pid()).await;
        assert_eq!(world.registry.whereis(&local), None);
        assert_eq!(world.registry.whereis(&remote), Some(there.pid()));
    });
}

#[test]
fn a_full_namespace_refuses_answers_and_recovers() {
    let mut limits = Limits::default();
    limits.entries_per_namespace_max = 2;
    limits.namespaces_max = 1;
    in_limited_world(limits, |world| async move {
        let first = world.registered("a", &["x"]);
        world.registered("b", &["x"]);
        let pid = world.worker().pid();
        let refused = world.registry.register(pid, name("agents", "c"), can(&["x"]));
        let full = RegisterError::RegistryFull { namespace: "agents".into(), limit: 2 };
        assert_eq!(refused, Err(full));
        let refused = world.registry.register(pid, name("tools", "c"), can(&["x"]));
        let full = RegisterError::TooManyNamespaces { namespace: "tools".into(), limit: 1 };
        assert_eq!(refused, Err(full));
        assert_eq!(world.system.counts().hooks, 2);
        assert_eq!(world.registry.find_by_capability("agents", "x").len(), 2);
        world.kill(first.pid()).await;
        world.registry.register(pid, name("agents", "c"), can(&["x"])).expect("room again");
    });
}

#[test]
fn a_process_without_room_for_a_hook_is_refused() {
    in_world(|world| async move {
        let pid = world.worker().pid();
        let limit = world.system.limits().hooks_per_process_max;
        for _ in 0..limit {
            world.system.add_exit_hook(pid, |_| ()).expect("room");
        }
        let refused = world.registry.register(pid, name("agents", "a"), can(&["x"]));
        assert_eq!(refused, Err(RegisterError::TooManyHooks { pid, limit }));
        assert_eq!(world.registry.counts().entries, 0);
    });
}

#[test]
fn addresses_are_found_by_name_and_message_type() {
    in_world(|world| async move {
        let worker = world.registered("a", &[]);
        let name = name("agents", "a");
        assert_eq!(world.registry.address::<Task>(&name), Some(worker));
        assert_eq!(world.registry.address::<String>(&name), None);
    });
}

#[test]
fn the_first_that_is_not_excluded_is_found() {
    in_world(|world| async move {
        let [a, b, c] = ["b", "a", "c"].map(|id| world.registered(id, &["x"]).pid());
        world.registered("d", &["y"]);
        world.set_health("c", Health::Unhealthy);
        let first = |excluded: &[Pid]| {
            let excluded = excluded.iter().copied().collect::<BTreeSet<_>>();
            world.registry.first_by_capability("agents", "x", &excluded)
        };
        assert_eq!([first(&[]), first(&[a]), first(&[b])], [Some(a), Some(b), Some(a)]);
        assert_eq!([first(&[a, b]), first(&[c, a, b])], [Some(c), None]);
        world.kill(a).await;
        assert_eq!(first(&[]), Some(b));
        assert_eq!(world.registry.first_by_capability("tools", "x", &BTreeSet::new()), None);
        assert_eq!(world.registry.first_by_capability("agents", "z", &BTreeSet::new()), None);
    });
}

#[test]
fn round_robin_takes_each_in_turn_also_when_members_change() {
    in_world(|world| async move {
        let [a, b, c] = ["a", "b", "c"].map(|id| world.registered(id, &["x", "y"]).pid());
        let (strategy, some) = (Strategy::RoundRobin, Some);
        assert_eq!(world.picks(&strategy, 4), [some(a), some(b), some(c), some(a)]);
        world.kill(a).await;
        assert_eq!(world.picks(&strategy, 3), [some(b), some(c), some(b)]);
        let new = world.registered("bb", &["x"]).pid();
        assert_eq!(world.picks(&strategy, 3), [some(c), some(new), some(b)]);
        assert_eq!(world.registry.pick("agents", "unknown", strategy), None);
    });
}

#[test]
fn unhealthy_ones_are_never_picked_and_degraded_ones_only_without_healthy_ones() {
    in_world(|world| async move {
        let [a, b] = ["a", "b"].map(|id| world.registered(id, &["x"]).pid());
        for strategy in [Strategy::RoundRobin, Strategy::LeastLoaded, Strategy::Random] {
            world.set_health("a", Health::Degraded);
            world.set_health("b", Health::Healthy);
            assert_eq!(world.picks(&strategy, 3), [Some(b); 3], "{strategy:?}");
            world.set_health("b", Health::Unhealthy);
            assert_eq!(world.picks(&strategy, 3), [Some(a); 3], "{strategy:?}");
            world.set_health("a", Health::Unhealthy);
            assert_eq!(world.picks(&strategy, 1), [None], "{strategy:?}");
            assert_eq!(world.registry.find_by_capability("agents", "x").len(), 2);
        }
    });
}

#[test]
fn least_loaded_takes_the_shortest_queue_and_spreads_equals() {
    in_world(|world| async move {
        let workers = ["a", "b", "c"].map(|id| world.registered(id, &["x"]));
        // The workers do not run before this test awaits something: their messages wait.
        for (worker, messages) in workers.iter().zip([2, 1, 3]) {
            for _ in 0..messages {
                worker.try_send(Task::End(Way::Return)).expect("room");
            }
        }
        let picked = world.picks(&Strategy::LeastLoaded, 5);
        assert_eq!(picked, [Some(workers[1].pid()); 5]);
        let equals = ["d", "e", "f"].map(|id| world.registered(id, &["z"]).pid());
        let mut counts = BTreeMap::new();
        for _ in 0..300 {
            let entry = world.registry.pick("agents", "z", Strategy::LeastLoaded);
            *counts.entry(entry.expect("somebody").pid).or_insert(0) += 1;
        }
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), equals);
        assert!(counts.values().all(|&count| count > 50), "{counts:?}");
    });
}

#[test]
fn random_reaches_everybody() {
    in_world(|world| async move {
        for id in ["a", "b", "c"] {
            world.registered(id, &["x"]);
        }
        let mut counts = BTreeMap::new();
        for pid in world.picks(&Strategy::Random, 300) {
            *counts.entry(pid.expect("somebody")).or_insert(0) += 1;
        }
        assert!(counts.len() == 3 && counts.values().all(|&count| count > 50), "{counts:?}");
    });
}

#[test]
fn times_of_an_entry_are_those_of_the_system_clock() {
    let mut simulation = Simulation::new(7, SimOptions::default());
    let world = World::new(simulation.env());
    let second = std::time::Duration::from_secs(1);
    simulation.advance(second);
    world.registered("a", &["x"]);
    let registered_at = world.system.env().now();
    simulation.advance(second);
    world.set_health("a", Health::Degraded);
    let entry = world.registry.lookup(&name("agents", "a")).expect("registered");
    assert_eq!(entry.registered_at, registered_at);
    assert_eq!(entry.updated_at, registered_at.saturating_add(second));
}

#[test]
fn a_dropped_registry_takes_its_hooks_back() {
    in_world(|world| async move {
        let registry = Registry::new(world.system.clone());
        let pid = world.worker().pid();
        registry.register(pid, name("agents", "a"), can(&["x"])).expect("free");
        assert_eq!(world.system.counts().hooks, 1);
        drop(registry);
        assert_eq!(world.system.counts().hooks, 0);
        give_way().await;
        assert!(world.system.is_alive(pid));
    });
}
