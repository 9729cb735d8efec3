//! Groups: who is in them, what a death does, and what a broadcast answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use foundation_env::Env;
use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::{Address, DeliveryOutcome, Outcome, Process};
use foundation_registry::{
    AwaitError, Group, GroupChange, GroupCounts, GroupWatch, JoinError, LabelKind, Lagged, Limits,
    MemberOutcome, Registry, WatchError, invariants,
};
use foundation_testkit::{Swarm, sim_seeds, wait_for};
use foundation_types::{ExitReason, Pid};

use crate::world::{Task, Way, World, can, give_way, name};

const NAMESPACES: [&str; 2] = ["agents", "tools"];
/// Their order as labels is not that of `label/`.
const LABELS: [&str; 3] = ["a", "a-b", "b"];

fn group(namespace: &str, label: &str) -> Group {
    Group::new(namespace, label).expect("the test's groups are valid")
}

fn all_groups() -> impl Iterator<Item = Group> {
    NAMESPACES.iter().flat_map(|namespace| LABELS.iter().map(|label| group(namespace, label)))
}

fn in_world<F: Future<Output = ()>>(limits: Limits, test: impl FnOnce(World) -> F) {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let mut world = World::new(simulation.env());
    world.limit(limits);
    simulation.block_on(test(world.clone()));
    assert_eq!(invariants::check(&world.registry), []);
}

/// What the groups should be: a plain set.
#[derive(Default)]
struct Model {
    memberships: BTreeSet<(Group, Pid)>,
    living: Vec<Address<Task>>,
    dead: Vec<Pid>,
}

impl Model {
    fn members(&self, group: &Group) -> Vec<Pid> {
        let here = self.memberships.iter().filter(|(of, _)| of == group);
        here.map(|(_, pid)| *pid).collect()
    }

    fn step(&mut self, world: &World, swarm: &mut Swarm) -> Option<(Address<Task>, Way)> {
        let groups: Vec<_> = all_groups().collect();
        let group = swarm.choose(&groups).expect("there are groups").clone();
        let worker = swarm.choose(&self.living).cloned();
        let pid = worker.as_ref().map(Address::pid);
        match (swarm.range(0..=9), pid) {
            (0, _) | (_, None) => self.living.push(world.worker()),
            (1..=4, Some(pid)) => {
                let is_new = self.memberships.insert((group.clone(), pid));
                assert_eq!(world.registry.join(&group, pid), Ok(is_new), "{pid} in {group}");
            }
            (5, _) => {
                let pid = swarm.choose(&self.dead).copied()?;
                let refused = world.registry.join(&group, pid);
                assert_eq!(refused, Err(JoinError::NoProcess { group: group.clone(), pid }));
                assert_eq!(world.registry.leave(&group, pid), Ok(false));
            }
            (6 | 7, Some(pid)) => {
                let was_member = self.memberships.remove(&(group.clone(), pid));
                assert_eq!(world.registry.leave(&group, pid), Ok(was_member), "{pid} in {group}");
            }
            _ => {
                let way = swarm.choose(&Way::ALL).copied().unwrap_or(Way::Kill);
                return worker.map(|worker| (worker, way));
            }
        }
        None
    }

    fn compare(&self, registry: &Registry) {
        for group in all_groups() {
            let expected = self.members(&group);
            assert_eq!(registry.members(&group), expected, "{group}");
            assert_eq!(registry.member_count(&group), expected.len(), "{group}");
        }
        for pid in self.living.iter().map(Address::pid) {
            let mine = self.memberships.iter().filter(|(_, member)| *member == pid);
            assert!(mine.map(|(group, _)| group).eq(&registry.groups_of(pid)), "{pid}");
            for group in all_groups() {
                let is_member = self.memberships.contains(&(group.clone(), pid));
                assert_eq!(registry.is_member(&group, pid), is_member);
            }
        }
        for namespace in NAMESPACES {
            let mut expected = BTreeMap::new();
            let here = self.memberships.iter().filter(|(of, _)| of.namespace() == namespace);
            here.for_each(|(group, _)| *expected.entry(group.clone()).or_insert(0) += 1);
            assert_eq!(registry.groups(namespace), expected, "no group without a member");
        }
        let counts = registry.counts();
        assert_eq!(counts.groups.memberships, self.memberships.len());
        assert_eq!((counts.entries, counts.owners), (0, 0), "memberships are no names");
        assert_eq!(invariants::check(registry), []);
    }
}

/// Somebody who knows of a group only what its watch tells.
struct Onlooker {
    watch: GroupWatch,
    known: BTreeSet<Pid>,
}

impl Onlooker {
    fn catch_up(&mut self, dead: &[Pid]) {
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(event) = self.watch.poll_changed(&mut cx) {
            let event = event.expect("the ring is long enough");
            let is_new = match event.change {
                GroupChange::Joined => self.known.insert(event.pid),
                GroupChange::Left => self.known.remove(&event.pid),
                GroupChange::Died(_) => {
                    assert!(dead.contains(&event.pid), "only the dead have died");
                    self.known.remove(&event.pid)
                }
                other => unreachable!("{other:?}"),
            };
            assert!(is_new, "nothing is told twice");
        }
    }
}

/// Guarantee G1
/// Guarantee N1
#[test]
fn groups_equal_a_plain_set() {
    sim_seeds(0..100, |env, seed| async move {
        let world = World::new(env);
        let watched = group("agents", "a");
        let (snapshot, watch) = world.registry.watch_group(&watched).expect("it is watched");
        assert_eq!(snapshot.members, []);
        let mut onlooker = Onlooker { watch, known: BTreeSet::new() };
        let mut swarm = Swarm::new(seed);
        let mut model =
            Model { living: (0..3).map(|_| world.worker()).collect(), ..Model::default() };
        for _ in 0..80 {
            if let Some((worker, way)) = model.step(&world, &mut swarm) {
                let (down, pid) = (world.system.monitor(worker.pid()), worker.pid());
                way.end(&world.system, &worker);
                down.await;
                model.living.retain(|other| *other != worker);
                model.memberships.retain(|(_, member)| *member != pid);
                model.dead.push(pid);
            }
            model.compare(&world.registry);
            onlooker.catch_up(&model.dead);
            assert!(onlooker.known.iter().copied().eq(model.members(&watched)));
        }
    });
}

impl World {
    /// What somebody finds who has just learned of the death of `dead`.
    fn check_in_no_group(&self, dead: Pid, how: &str) {
        for group in all_groups() {
            let members = self.registry.members(&group);
            self.expect(!members.contains(&dead), || format!("{how}: {dead} is in {group}"));
            let is_member = self.registry.is_member(&group, dead);
            self.expect(!is_member, || format!("{how}: {dead} is still found in {group}"));
            let counted = self.registry.member_count(&group);
            self.expect(counted == members.len(), || format!("{how}: {counted} in {group}"));
        }
        let groups = self.registry.groups_of(dead);
        self.expect(groups.is_empty(), || format!("{how}: {dead} is still in {groups:?}"));
    }
}

/// A process in every group dies; three who learn of it look at once.
async fn all_observers_find_it_in_no_group(world: World, way: Way) {
    let env = world.system.env().clone();
    let (worker, stays) = (world.worker(), world.worker().pid());
    let pid = worker.pid();
    for group in all_groups() {
        assert_eq!(world.registry.join(&group, pid), Ok(true));
        assert_eq!(world.registry.join(&group, stays), Ok(true));
    }
    let told = Arc::new(AtomicU32::new(0));
    let observe = |how: &'static str,
                   learned: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        let (world, told) = (world.clone(), Arc::clone(&told));
        env.spawn(async move {
            learned.await;
            world.check_in_no_group(pid, how);
            told.fetch_add(1, Ordering::Relaxed);
        });
    };
    let monitor = world.system.monitor(pid);
    observe("monitor", Box::pin(async move { drop(monitor.await) }));
    let address = worker.clone();
    observe("call", Box::pin(async move { drop(address.call(Task::Keep).await) }));
    let (_, mut watch) = world.registry.watch_group(&group("tools", "b")).expect("it is watched");
    observe(
        "watch",
        Box::pin(async move {
            let event = watch.changed().await.expect("no lag");
            assert!(event.pid == pid && matches!(event.change, GroupChange::Died(_)), "{event:?}");
            // Others may come later in the order of namespaces, but not after the death is known.
        }),
    );
    for _ in 0..env.random_below(4) {
        give_way().await;
    }
    way.end(&world.system, &worker);
    let deadline = world.system.deadline(Duration::from_secs(5));
    wait_for(&env, "three observers", deadline, || match told.load(Ordering::Relaxed) {
        3 => Ok(()),
        count => Err(format!("{way:?}: {count} were told")),
    })
    .await;
    world.assert_content();
    for group in all_groups() {
        assert_eq!(world.registry.members(&group), [stays]);
    }
    assert_eq!(invariants::check(&world.registry), []);
}

/// Guarantee G1
#[test]
fn whoever_learns_of_a_death_finds_it_in_no_group() {
    for way in Way::ALL {
        sim_seeds(0..20, |env, _| all_observers_find_it_in_no_group(World::new(env), way));
    }
}

/// Guarantee G1
#[test]
fn joining_against_a_death_leaves_no_member_on_threads() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let world = World::new(Env::current());
    for _ in 0..500 {
        let pid = world.worker().pid();
        let registry = world.registry.clone();
        let joining = foundation_env::sync::thread::spawn(move || {
            all_groups().map(|group| registry.join(&group, pid)).collect::<Vec<_>>()
        });
        let down = world.system.monitor(pid);
        world.system.kill(pid);
        runtime.block_on(down);
        for group in all_groups() {
            assert!(!world.registry.is_member(&group, pid), "{pid} in {group}");
        }
        let joined = joining.join().expect("the thread ends");
        assert!(
            joined
                .iter()
                .all(|joined| matches!(joined, Ok(true) | Err(JoinError::NoProcess { .. })))
        );
    }
    assert_eq!(invariants::check(&world.registry), []);
    let counts = world.registry.counts().groups;
    let GroupCounts { namespaces, memberships, waiting, members, .. } = counts;
    assert_eq!((namespaces, memberships, waiting, members), (2, 0, 0, 0));
    assert_eq!(world.system.counts().hooks, 0);
}

/// Counts the notes it gets.
struct Listener(Arc<AtomicU32>);

#[derive(Clone)]
struct Note;

impl Process for Listener {
    type Message = Note;

    async fn handle(&mut self, _: Note, _: &mut foundation_process::Context<Note>) -> Outcome {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Guarantee G2
#[test]
fn a_broadcast_answers_for_every_member() {
    in_world(Limits::default(), |world| async move {
        let (registry, notes) = (&world.registry, group("agents", "notes"));
        let heard = Arc::new(AtomicU32::new(0));
        let listener = || {
            let process = world.system.process(Listener(Arc::clone(&heard))).mailbox(1);
            process.spawn().expect("the system takes processes")
        };
        let deadline = || world.system.deadline(Duration::from_millis(5));
        assert_eq!(registry.broadcast(&notes, &Note, deadline()).await, Ok(vec![]));
        let (well, full, dying) = (listener(), listener(), listener());
        let other = world.worker();
        for pid in [well.pid(), full.pid(), other.pid(), dying.pid()] {
            assert_eq!(registry.join(&notes, pid), Ok(true));
        }
        // Suspended with its mailbox full, so no room comes before the deadline.
        world.system.suspend(full.pid(), deadline()).await.expect("it lives");
        full.try_send(Note).unwrap_or_else(|_| unreachable!("room for one"));
        let deliveries = registry.broadcast(&notes, &Note, deadline()).await;
        let deliveries = deliveries.expect("it is not too large");
        let outcomes: Vec<_> = deliveries.iter().map(|one| (one.to, one.outcome)).collect();
        let accepted = MemberOutcome::Delivery(DeliveryOutcome::Accepted);
        assert_eq!(
            outcomes,
            [
                (well.pid(), accepted),
                (full.pid(), MemberOutcome::Delivery(DeliveryOutcome::Full)),
                (dying.pid(), accepted),
                (other.pid(), MemberOutcome::OtherMessages),
            ]
        );
        world.kill(dying.pid()).await;
        let deliveries = registry.broadcast(&notes, &Note, deadline()).await.expect("as before");
        let told: Vec<_> = deliveries.iter().map(|one| (one.to, one.is_accepted())).collect();
        assert_eq!(told, [(well.pid(), true), (full.pid(), false), (other.pid(), false)]);
        assert_eq!(world.system.dead_letters().len(), 2, "what did not fit is not lost in silence");
        give_way().await;
        wait_for(world.system.env(), "the notes", deadline(), || {
            match heard.load(Ordering::Relaxed) {
                3 => Ok(()),
                count => Err(format!("{count} were heard")),
            }
        })
        .await;
    });
}

#[test]
fn groups_are_bounded_and_recover() {
    let mut limits = Limits::default();
    (limits.groups_per_process_max, limits.memberships_per_namespace_max) = (2, 3);
    (limits.namespaces_max, limits.names_per_process_max) = (1, 1);
    in_world(limits, |world| async move {
        let registry = &world.registry;
        let [a, b, c] = ["a", "b", "c"].map(|label| group("agents", label));
        let (first, second) = (world.worker().pid(), world.worker().pid());
        for group in [&a, &b] {
            assert_eq!(registry.join(group, first), Ok(true));
        }
        let refused = registry.join(&c, first);
        assert_eq!(refused, Err(JoinError::TooManyGroups { pid: first, limit: 2 }));
        assert_eq!(registry.join(&a, first), Ok(false), "it is in it, whatever the limit");
        assert_eq!(registry.join(&c, second), Ok(true));
        let refused = registry.join(&a, second);
        let namespace = "agents".into();
        assert_eq!(refused, Err(JoinError::Full { namespace, limit: 3 }));
        let refused = registry.join(&group("tools", "a"), second);
        let namespace = "tools".into();
        assert_eq!(refused, Err(JoinError::TooManyNamespaces { namespace, limit: 1 }));
        // Its groups leave a process room for its name, in a namespace that has none of the groups.
        registry.register(first, name("names", "a"), can(&["x"])).expect("room");
        assert_eq!(registry.names(first), [name("names", "a")]);
        assert_eq!(registry.groups_of(first), [a.clone(), b]);
        assert_eq!(world.system.counts().hooks, 3, "one for names, one for each of two in groups");
        world.kill(first).await;
        assert_eq!(registry.join(&a, second), Ok(true), "room again");
        for group in [&a, &c] {
            assert_eq!(registry.leave(group, second), Ok(true));
        }
        assert_eq!(world.system.counts().hooks, 0);
    });
}

/// Guarantee I3
#[test]
fn groups_and_names_of_one_namespace_do_not_meet() {
    in_world(Limits::default(), |world| async move {
        let registry = &world.registry;
        let pid = world.worker().pid();
        let (a, elsewhere) = (group("agents", "a"), group("tools", "a"));
        registry.register(pid, name("agents", "a"), can(&["a"])).expect("free");
        let (before, mut names) = registry.watch("agents", |_| true).expect("it is watched");
        assert_eq!(registry.members(&a), []);
        let other = world.worker().pid();
        registry.join(&a, other).expect("room");
        assert_eq!((registry.members(&a), registry.members(&elsewhere)), (vec![other], vec![]));
        assert_eq!(registry.find_by_capability("agents", "a").len(), 1);
        assert_eq!(registry.revision("agents"), before.revision);
        assert_eq!(registry.names(other), []);
        assert_eq!(registry.groups_of(pid), []);
        let counts = registry.counts();
        assert_eq!((counts.entries, counts.owners, counts.watches), (1, 1, 1));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(names.poll_changed(&mut cx), Poll::Pending, "a watch of names tells of names");
        assert_eq!(counts.groups.memberships, 1);
        registry.unregister(&name("agents", "a"), pid).expect("it is the owner's");
        assert_eq!(registry.members(&a), [other]);
    });
}

/// Guarantee N1
#[test]
fn a_watch_of_a_group_tells_why_and_says_when_it_lags() {
    let mut limits = Limits::default();
    (limits.watch_changes_max, limits.watches_per_namespace_max) = (3, 1);
    in_world(limits, |world| async move {
        let registry = &world.registry;
        let (watched, other) = (group("agents", "a"), group("agents", "b"));
        let [first, second] = [world.worker().pid(), world.worker().pid()];
        registry.join(&watched, first).expect("room");
        let (snapshot, mut watch) = registry.watch_group(&watched).expect("it is watched");
        assert_eq!(snapshot.members, [first]);
        let refused = registry.watch_group(&other).err();
        assert!(
            matches!(refused, Some(WatchError::TooManyWatches { limit: 1, .. })),
            "{refused:?}"
        );
        registry.join(&other, second).expect("room");
        registry.join(&watched, second).expect("room");
        assert!(world.system.exit(first, ExitReason::shutdown_because("moving house")));
        let event = watch.changed().await.expect("no lag");
        assert_eq!((event.pid, event.change), (second, GroupChange::Joined));
        let event = watch.changed().await.expect("no lag");
        let died = GroupChange::Died(ExitReason::shutdown_because("moving house"));
        assert_eq!((event.pid, event.change), (first, died));
        assert!(event.revision > snapshot.revision);
        for _ in 0..2 {
            assert_eq!(registry.leave(&watched, second), Ok(true));
            registry.join(&watched, second).expect("room");
        }
        assert_eq!(watch.changed().await, Err(Lagged { missed: 1 }));
        assert_eq!(watch.resynchronise().members, [second]);
        assert_eq!(registry.leave(&watched, second), Ok(true));
        assert_eq!(watch.changed().await.map(|event| event.change), Ok(GroupChange::Left));
        assert_eq!(registry.counts().groups.watches, 1);
        drop(watch);
        assert_eq!(registry.counts().groups.watches, 0);
    });
}

#[test]
fn a_wait_for_a_member_ends_when_one_joins_or_at_its_deadline() {
    in_world(Limits::default(), |world| async move {
        let (registry, wanted) = (&world.registry, group("agents", "a"));
        let in_ms = |ms| world.system.deadline(Duration::from_millis(ms));
        let late = registry.await_member(&wanted, in_ms(5)).await;
        assert_eq!(late, Err(AwaitError::NoMember { group: wanted.clone() }));
        let (joins, at) = (world.clone(), world.system.env().now());
        let pid = world.worker().pid();
        world.system.env().spawn(async move {
            joins.system.env().sleep_until(at.saturating_add(Duration::from_millis(3))).await;
            joins.registry.join(&group("agents", "a"), pid).expect("room");
        });
        assert_eq!(registry.await_member(&wanted, in_ms(50)).await, Ok(pid));
        assert_eq!(registry.await_member(&wanted, in_ms(0)).await, Ok(pid), "it is there");
        assert_eq!(registry.counts().groups.watches, 0, "no wait leaves its watch behind");
    });
}

#[test]
fn labels_of_groups_are_checked() {
    for (namespace, label, kind) in [
        ("a b", "a", LabelKind::Namespace),
        ("a", "", LabelKind::Group),
        ("a", "b/c", LabelKind::Group),
        ("a", "b c", LabelKind::Group),
        ("a", &"x".repeat(65), LabelKind::Group),
    ] {
        let refused = Group::new(namespace, label).expect_err("it is refused");
        assert_eq!(refused.kind, kind);
    }
    let longest = Group::new("agents", &"x".repeat(64)).expect("64 bytes are allowed");
    in_world(Limits::default(), |world| async move {
        let pid = world.worker().pid();
        assert_eq!(world.registry.join(&longest, pid), Ok(true));
        assert_eq!(world.registry.groups_of(pid), [longest]);
    });
}

/// Guarantee I5
#[test]
fn a_dropped_registry_takes_the_hooks_of_members_back() {
    in_world(Limits::default(), |world| async move {
        let registry = Registry::new(world.system.clone());
        let pid = world.worker().pid();
        registry.join(&group("agents", "a"), pid).expect("room");
        assert_eq!(world.system.counts().hooks, 1);
        drop(registry);
        assert_eq!(world.system.counts().hooks, 0);
    });
}
