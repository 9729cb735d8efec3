//! Waiting for names, and addresses that follow them.

use std::time::Duration;

use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::{CallError, SendError};
use foundation_registry::{
    AwaitError, Health, Limits, NamedCallError, NamedSendError, Registry, WatchError,
};
use foundation_types::{Code, Error};

use crate::world::{Task, Way, World, can, give_way, name};

const MS: Duration = Duration::from_millis(1);

fn in_world<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(World) -> F) {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let world = World::new(simulation.env());
    simulation.block_on(test(world));
}

/// Registers a new worker under the name after a while.
fn registers_after(world: &World, delay: Duration) {
    let world = world.clone();
    let at = world.system.env().now().saturating_add(delay);
    let env = world.system.env().clone();
    env.clone().spawn(async move {
        env.sleep_until(at).await;
        let worker = world.worker().pid();
        world.registry.register(worker, name("agents", "a"), can(&[])).expect("free");
    });
}

/// Guarantee L1
#[test]
fn a_wait_for_a_name_ends_when_it_is_taken_or_at_its_deadline() {
    in_world(|world| async move {
        let (registry, wanted) = (&world.registry, name("agents", "a"));
        let start = world.system.env().now();
        let late = registry.await_registered(&wanted, world.system.deadline(MS * 5)).await;
        assert_eq!(late, Err(AwaitError::Timeout { name: wanted.clone() }));
        assert_eq!(world.system.env().now(), start.saturating_add(MS * 5));
        registers_after(&world, MS * 7);
        let found = registry.await_registered(&wanted, world.system.deadline(MS * 50)).await;
        let owner = found.expect("it came").pid;
        assert_eq!(world.system.env().now(), start.saturating_add(MS * 12));
        assert_eq!(registry.whereis(&wanted), Some(owner));
        let at_once = registry.await_registered(&wanted, world.system.deadline(MS)).await;
        assert_eq!(at_once.map(|found| found.pid), Ok(owner));

        let still = registry.await_gone(&wanted, owner, world.system.deadline(MS * 5)).await;
        assert_eq!(still, Err(AwaitError::Timeout { name: wanted.clone() }));
        world.system.kill(owner);
        let gone = registry.await_gone(&wanted, owner, world.system.deadline(MS * 50)).await;
        assert_eq!(gone, Ok(()));
        assert_eq!(registry.counts().watches, 0, "no wait leaves its watch behind");
    });
}

#[test]
fn a_named_address_reaches_whoever_has_the_name() {
    in_world(|world| async move {
        let address = world.registry.named::<Task>(name("agents", "a"));
        registers_after(&world, MS * 3);
        let first = address.resolve(world.system.deadline(MS * 50)).await.expect("it came");
        // The first one ends with the message; the second one is there later.
        address.send(Task::End(Way::Return)).await.expect("it is there");
        world.system.monitor(first.pid()).await;
        registers_after(&world, MS * 3);
        address.send(Task::End(Way::Return)).await.expect("it came again");
        let ended = address.call_until(Task::Keep, world.system.deadline(MS * 50)).await;
        assert!(matches!(ended, Err(NamedCallError::Call(CallError::Exited(_)))), "{ended:?}");
        let missed = address.call_until(Task::Keep, world.system.deadline(MS * 50)).await;
        assert!(matches!(missed, Err(NamedCallError::Nobody(_))), "{missed:?}");

        let other = world.registry.named::<String>(name("agents", "a"));
        registers_after(&world, MS * 3);
        let refused = other.resolve(world.system.deadline(MS * 50)).await;
        assert!(matches!(refused, Err(AwaitError::OtherMessages { .. })), "{refused:?}");
    });
}

/// A wait took the place of a watch: with as many senders as watches, the next one was refused at once.
#[test]
fn who_waits_takes_no_place_of_a_watch_and_has_a_bound_of_its_own() {
    in_world(|world| async move {
        let mut limits = Limits::default();
        (limits.watches_per_namespace_max, limits.waits_per_namespace_max) = (1, 2);
        let registry = Registry::with_limits(world.system.clone(), limits);
        let watch = registry.watch("agents", |_| true).expect("there is room for one");
        for _ in 0..2 {
            let (registry, system) = (registry.clone(), world.system.clone());
            world.system.env().spawn(async move {
                let address = registry.named::<Task>(name("agents", "a"));
                let sent = address.send_until(Task::End(Way::Return), system.deadline(MS * 9));
                drop(sent.await);
            });
        }
        while registry.counts().watches < 3 {
            give_way().await;
        }
        drop(watch);
        let watch = registry.watch("agents", |_| true);
        assert!(watch.is_ok(), "waits take no place of it: {:?}", watch.err());
        let address = registry.named::<Task>(name("agents", "b"));
        let refused = address.resolve(world.system.deadline(MS)).await;
        let full = WatchError::TooManyWaits { namespace: "agents".into(), limit: 2 };
        assert_eq!(full.code(), Code::ResourceExhausted);
        assert_eq!(refused.err(), Some(AwaitError::Watch(full)));
        // Other namespaces have bounds of their own.
        let other = name("tools", "b");
        let missed = registry.await_registered(&other, world.system.deadline(MS)).await;
        assert_eq!(missed, Err(AwaitError::Timeout { name: other }));

        let env = world.system.env();
        env.sleep_until(env.now().saturating_add(MS * 9)).await;
        assert_eq!(registry.counts().watches, 1, "the waits have ended");
        let missed = address.resolve(world.system.deadline(MS)).await;
        assert!(matches!(missed, Err(AwaitError::Timeout { .. })), "there is room: {missed:?}");
    });
}

#[test]
fn why_nothing_was_sent_to_a_name_has_a_code_that_an_error_keeps() {
    in_world(|world| async move {
        // Not printable, as messages need not be.
        struct Secret;
        let address = world.registry.named::<Secret>(name("agents", "a"));
        let missed = address.send_until(Secret, world.system.deadline(MS)).await.err();
        let error = missed.expect("nobody has the name");
        assert_eq!(error.code(), Code::Timeout);
        let error = Error::from(error);
        assert_eq!(error.code(), Code::Timeout);
        let report = error.report().to_string();
        assert!(report.contains("while agents/a was awaited"), "{report}");

        let error = NamedSendError::Send(SendError::NoProcess(Secret));
        assert_eq!(error.code(), Code::ProcessNotAlive);
        let error = Error::from(error);
        assert_eq!(error.code(), Code::ProcessNotAlive);
        assert!(error.report().to_string().contains("no such process"), "{}", error.report());
    });
}

/// Guarantee N1
#[test]
fn who_waits_in_a_busy_namespace_is_told_at_once() {
    in_world(|world| async move {
        let (env, pid) = (world.system.env().clone(), world.worker().pid());
        let (busy, late) = (name("agents", "busy"), name("agents", "late"));
        world.registry.register(pid, busy.clone(), can(&[])).expect("free");
        let (registry, clock, began) = (world.registry.clone(), env.clone(), env.now());
        env.spawn(async move {
            for round in 0..8 {
                // The one who waits reads these together, more than make a namespace busy.
                for change in 0..20 {
                    let health = [Health::Degraded, Health::Healthy][change % 2];
                    registry.set_health(&busy, pid, health).expect("it is owned");
                }
                give_way().await;
                give_way().await;
                assert_eq!(clock.now(), began, "round {round}");
            }
            registry.register(pid, late, can(&[])).expect("free");
        });
        let deadline = world.system.deadline(Duration::from_secs(1));
        let found = world.registry.await_registered(&name("agents", "late"), deadline).await;
        assert_eq!(found.map(|found| found.pid), Ok(pid));
        assert_eq!(env.now(), began, "it rested");
    });
}
