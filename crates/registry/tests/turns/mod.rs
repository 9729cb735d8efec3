//! Waiting for the turn to write, and registering without waiting for it.

use std::sync::mpsc;
use std::time::Duration;

use foundation_env::Env;
use foundation_process::System;
use foundation_registry::{
    AwaitError, BatchError, Group, Health, JoinError, LeaveError, Limits, NamedSendError, NewEntry,
    Patch, RegisterError, Registry, Revision, Ticket, UpdateError, WatchError, invariants,
};
use foundation_testkit::{sim_seeds, wait_for};
use foundation_types::Pid;

use crate::world::{Worker, World, can, name};

const MS: Duration = Duration::from_millis(1);

/// Longer than any test takes, so that a fault ends in a message and not in a test that hangs.
const AT_LAST: Duration = Duration::from_secs(5);

/// Runs a test on real threads: where nobody else runs nobody can be waited for.
fn on_threads<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(World) -> F) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_time().build().expect("a runtime");
    let world = World::new(Env::tokio(runtime.handle().clone()));
    runtime.block_on(test(world));
}

/// The turn of `agents`, held by another thread until this is dropped.
struct HeldUp {
    release: Option<mpsc::SyncSender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl HeldUp {
    fn new(registry: &Registry) -> Self {
        let ((release, released), (hold, held)) = (mpsc::sync_channel(1), mpsc::sync_channel(1));
        let registry = registry.clone();
        let body = move || {
            registry.while_held_up("agents", || {
                hold.send(()).expect("the test waits for it");
                // An error is the release, or that it never came.
                released.recv_timeout(AT_LAST).ok();
            });
        };
        let thread = std::thread::Builder::new().spawn(body).expect("there is a thread");
        held.recv().expect("the turn is had");
        Self { release: Some(release), thread: Some(thread) }
    }
}

impl Drop for HeldUp {
    fn drop(&mut self) {
        drop(self.release.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the thread that held the turn ends");
        }
    }
}

fn group(label: &str) -> Group {
    Group::new("agents", label).expect("it is valid")
}

/// Everything that needs the turn: each is refused, and says of which namespace.
fn all_are_refused(registry: &Registry, owner: Pid, free: Pid) {
    let (mine, new) = (name("agents", "a"), name("agents", "new"));
    let batch = vec![NewEntry { pid: free, name: new.clone(), metadata: can(&[]) }];
    let registered = [
        registry.register(free, new.clone(), can(&["x"])),
        registry.replace(free, mine.clone(), can(&["x"])).map(|(revision, _)| revision),
        registry.replace(free, new, can(&["x"])).map(|(revision, _)| revision),
    ];
    for refused in registered {
        assert!(
            matches!(&refused, Err(RegisterError::Busy { namespace, .. })
            if &**namespace == "agents"),
            "{refused:?}"
        );
        assert!(refused.is_err_and(|error| error.is_retryable()));
    }
    let stands = registry.lookup(&mine).expect("look-ups wait for nobody").revision();
    let changed = [
        registry.hand_over(&mine, owner, free),
        registry.unregister(&mine, owner),
        registry.update(&mine, owner, stands, can(&[])),
        registry.patch(&mine, owner, &Patch::new().add_capability("y")),
        registry.set_health(&mine, owner, Health::Degraded),
    ];
    for refused in changed {
        assert!(
            matches!(&refused, Err(UpdateError::Busy { waited, .. }) if *waited >= MS * 2),
            "{refused:?}"
        );
    }
    let refused = registry.register_all(batch);
    assert!(matches!(refused, Err(BatchError::Busy { .. })), "{refused:?}");
    let (readers, others) = (group("readers"), group("others"));
    let refused = registry.join(&others, owner);
    assert!(matches!(refused, Err(JoinError::Busy { .. })), "{refused:?}");
    let refused = registry.leave(&readers, owner);
    assert!(matches!(refused, Err(LeaveError::Busy { .. })), "{refused:?}");
    let refused =
        [registry.watch("agents", |_| true).map(drop), registry.watch_group(&readers).map(drop)];
    for refused in refused {
        assert!(matches!(refused, Err(WatchError::Busy { .. })), "{refused:?}");
    }
}

/// Guarantee L1
#[test]
fn a_change_whose_turn_does_not_come_is_refused_and_never_made() {
    on_threads(|world| async move {
        let (owner, free) = (world.worker().pid(), world.worker().pid());
        let mine = name("agents", "a");
        world.registry.register(owner, mine.clone(), can(&["x"])).expect("free");
        world.registry.join(&group("readers"), owner).expect("room");
        let (_, mut watch) = world.registry.watch("agents", |_| true).expect("there is room");
        let before = (world.registry.counts(), world.registry.revision("agents"));
        let held = HeldUp::new(&world.registry);
        all_are_refused(&world.registry.within(MS * 2), owner, free);
        // Reading and other namespaces wait for nobody.
        assert_eq!(world.registry.whereis(&mine), Some(owner));
        assert_eq!(world.registry.count_by_capability("agents", "x"), 1);
        let query = "capability:x".parse().expect("a query");
        assert_eq!(world.registry.query("agents", &query).registrations.len(), 1);
        assert_eq!(watch.resynchronise().registrations.len(), 1);
        assert_eq!(world.registry.members(&group("readers")), [owner]);
        world.registry.register(free, name("tools", "a"), can(&[])).expect("free");
        drop(held);
        let mut counts = world.registry.counts();
        (counts.namespaces, counts.entries, counts.owners) = (1, 1, 1);
        (counts.bytes, counts.index_rows) = (before.0.bytes, before.0.index_rows);
        assert_eq!((counts, world.registry.revision("agents")), before);
        assert_eq!(invariants::check(&world.registry), []);
        world.registry.within(MS * 2).unregister(&mine, owner).expect("the turn is free again");
    });
}

/// Beginning to wait takes the turn too, and waited for it as long as the handle would, past the deadline.
///
/// Guarantee L1
#[test]
fn a_wait_whose_turn_does_not_come_ends_at_its_deadline() {
    on_threads(|world| async move {
        let owner = world.worker().pid();
        let (mine, new) = (name("agents", "a"), name("agents", "new"));
        world.registry.register(owner, mine.clone(), can(&[])).expect("free");
        world.registry.join(&group("readers"), owner).expect("room");
        let stands = world.registry.revision("agents");
        // Others have come further.
        for id in ["a", "b", "c"] {
            world.registry.register(owner, name("tools", id), can(&[])).expect("free");
        }
        let further = world.registry.revision("tools");
        let patient = world.registry.within(AT_LAST * 2);
        let soon = || world.system.deadline(MS * 5);
        let held = HeldUp::new(&world.registry);
        let timeout = AwaitError::Timeout { name: new.clone() };
        assert_eq!(patient.await_registered(&new, soon()).await, Err(timeout.clone()));
        let missed = AwaitError::Timeout { name: mine.clone() };
        assert_eq!(patient.await_gone(&mine, owner, soon()).await, Err(missed));
        let sent = patient.named(new.clone()).send_until("message", soon()).await;
        assert_eq!(sent, Err(NamedSendError::Nobody { message: "message", cause: timeout }));
        let missed = patient.await_revision("agents", further, soon()).await;
        assert!(matches!(missed, Err(AwaitError::NotReached { stands: s, .. }) if s == stands));
        let nobody = group("others");
        let missed = patient.await_member(&nobody, soon()).await;
        assert_eq!(missed, Err(AwaitError::NoMember { group: nobody }));
        // One that would still be there says why it is not.
        let late = world.system.deadline(AT_LAST);
        let refused = world.registry.within(MS).await_registered(&new, late).await;
        let is_busy = matches!(refused, Err(AwaitError::Watch(WatchError::Busy { .. })));
        assert!(is_busy, "{refused:?}");
        let refused = world.registry.within(Duration::ZERO).unregister(&mine, owner);
        assert!(matches!(refused, Err(UpdateError::Busy { .. })), "it is held all the while");
        drop(held);
        assert_eq!(world.registry.counts().watches, 0);
    });
}

/// Each of a batch once waited as long as the whole call may.
///
/// Guarantee L1
#[test]
fn registrations_of_one_call_wait_together() {
    const EACH_MS: u32 = 40;
    on_threads(|world| async move {
        let (env, pid) = (world.system.env().clone(), world.worker().pid());
        world.registry.register(pid, name("agents", "first"), can(&[])).expect("free");
        let held = HeldUp::new(&world.registry);
        let new = |namespace: &str, number: u32| NewEntry {
            pid,
            name: name(namespace, &number.to_string()),
            metadata: can(&[]),
        };
        let mut batch: Vec<_> = (0..50).map(|number| new("agents", number)).collect();
        batch.push(new("tools", 50));
        let start = env.now();
        let done = world.registry.within(MS * EACH_MS).register_each(batch).expect("few enough");
        let took = env.now().saturating_duration_since(start);
        drop(held);
        let (last, busy) = done.split_last().expect("there are some");
        assert!(last.is_ok(), "who has not to wait is not refused: {last:?}");
        for refused in busy {
            assert!(matches!(refused, Err(RegisterError::Busy { .. })), "{refused:?}");
        }
        assert!(took < MS * EACH_MS * 50, "{took:?} for what may take {EACH_MS} ms");
        assert_eq!(world.registry.names(pid).len(), 2);
    });
}

/// Guarantee L1
#[test]
fn a_queued_registration_is_made_when_the_turn_ends() {
    // More than are served in one turn; and one at which it is exactly full.
    for len in [1, 31, 32, 33, 100] {
        sim_seeds(0..2, move |env, _| async move {
            let world = World::new(env);
            let pids = [world.worker().pid(), world.worker().pid()];
            let names = move |index: usize| name("agents", &format!("n{index:03}"));
            world.registry.register(pids[0], names(0), can(&[])).expect("free");
            let tickets: Vec<Ticket> = world.registry.while_held_up("agents", || {
                let ask =
                    |index| world.registry.register_async(pids[index % 2], names(index), can(&[]));
                let tickets: Vec<_> = (0..len).map(ask).collect();
                assert!(tickets.iter().all(|ticket| ticket.try_result().is_none()));
                // Dropping a ticket takes nothing back.
                drop(ask(len));
                tickets
            });
            let mut last = Revision::default();
            for (index, ticket) in tickets.into_iter().enumerate() {
                let outcome = ticket.await;
                if index == 0 {
                    let taken = RegisterError::AlreadyRegistered { name: names(0), owner: pids[0] };
                    assert_eq!(outcome, Err(taken));
                    continue;
                }
                let revision = outcome.expect("the name is free");
                assert!(last <= revision, "in the order in which they were asked for");
                last = revision;
                assert_eq!(world.registry.whereis(&names(index)), Some(pids[index % 2]));
            }
            let deadline = world.system.deadline(AT_LAST);
            let dropped = world.registry.await_registered(&names(len), deadline).await;
            assert_eq!(dropped.map(|found| found.pid), Ok(pids[len % 2]));
            assert_eq!(invariants::check(&world.registry), []);
        });
    }
}

#[test]
fn a_free_turn_is_taken_at_once() {
    sim_seeds(0..2, |env, _| async move {
        let world = World::new(env);
        let pid = world.worker().pid();
        let ticket = world.registry.register_async(pid, name("agents", "a"), can(&["x"]));
        assert_eq!(ticket.try_result(), Some(Ok(world.registry.revision("agents"))));
        assert_eq!(ticket.try_result(), Some(ticket.await), "it can be asked again");
        let refused = world.registry.register_async(pid, name("agents", "a"), can(&["x"])).await;
        assert!(matches!(refused, Err(RegisterError::AlreadyRegistered { .. })), "{refused:?}");
    });
}

/// Guarantee L1
#[test]
fn past_its_bound_the_queue_refuses_at_once() {
    sim_seeds(0..2, |env, _| async move {
        let system = System::new(env);
        let mut limits = Limits::default();
        limits.waiting_registrations_max = 2;
        let registry = Registry::with_limits(system.clone(), limits);
        let pid = system.spawn(Worker::new(())).expect("there is room").pid();
        registry.register(pid, name("agents", "first"), can(&[])).expect("free");
        let ask = |id: &str| registry.register_async(pid, name("agents", id), can(&[]));
        let tickets = registry.while_held_up("agents", || ["a", "b", "c"].map(ask));
        let busy = RegisterError::Busy { namespace: "agents".into(), waited: Duration::ZERO };
        let outcomes = tickets.map(|ticket| ticket.try_result().map(|result| result.map(drop)));
        assert_eq!(outcomes, [Some(Ok(())), Some(Ok(())), Some(Err(busy))]);
        assert_eq!(registry.whereis(&name("agents", "c")), None);
        assert!(ask("c").try_result().is_some_and(|result| result.is_ok()), "it has recovered");
    });
}

/// Guarantee L1
#[test]
fn a_queued_registration_is_given_up_at_its_deadline() {
    on_threads(|world| async move {
        let env = world.system.env().clone();
        let (pid, dies) = (world.worker().pid(), world.worker().pid());
        world.registry.register(pid, name("agents", "first"), can(&[])).expect("free");
        let held = HeldUp::new(&world.registry);
        let hasty = world.registry.within(MS * 2);
        let awaited = hasty.register_async(pid, name("agents", "awaited"), can(&[]));
        let dropped = hasty.register_async(pid, name("agents", "dropped"), can(&[]));
        let asked = hasty.register_async(pid, name("agents", "asked"), can(&[]));
        let patient = world.registry.within(AT_LAST * 2);
        let made = patient.register_async(pid, name("agents", "made"), can(&[]));
        let dead = patient.register_async(dies, name("agents", "dead"), can(&[]));
        let refused = awaited.await;
        assert!(
            matches!(&refused, Err(RegisterError::Busy { waited, .. }) if *waited >= MS * 2),
            "{refused:?}"
        );
        // Nobody looks at one that was dropped: whoever comes to it finds that it is too late.
        let (start, deadline) = (env.now(), world.system.deadline(AT_LAST));
        wait_for(&env, "the deadline", deadline, || {
            let passed = env.now().saturating_duration_since(start) > MS * 3;
            if passed { Ok(()) } else { Err("not yet") }
        })
        .await;
        world.kill(dies).await;
        // Who only asks, and never waits, is told too, and no other thing later.
        assert_eq!(format!("{asked:?}"), "Ticket(None)", "printing decides nothing");
        let refused = asked.try_result();
        assert!(matches!(refused, Some(Err(RegisterError::Busy { .. }))), "{refused:?}");
        drop(held);
        assert_eq!(asked.try_result(), refused);
        let refused = dropped.await;
        assert!(matches!(refused, Err(RegisterError::Busy { .. })), "{refused:?}");
        assert!(matches!(dead.await, Err(RegisterError::NoProcess { .. })));
        assert!(made.await.is_ok());
        for id in ["awaited", "asked", "dropped", "dead"] {
            assert_eq!(world.registry.whereis(&name("agents", id)), None, "{id}");
        }
        assert_eq!(invariants::check(&world.registry), []);
    });
}
