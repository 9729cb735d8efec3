//! Stopping: the order, the limits, and that nobody is left.

use std::time::Duration;

use foundation_process::{Context, Outcome, Process, Reply, System};
use foundation_supervisor::{
    ChildSpec, Restart, Shutdown, Strategy, Supervisor, SupervisorRef, Unavailable,
};
use foundation_testkit::{sim_seeds, wait_for};
use foundation_types::{Deadline, ExitReason, Pid};

use crate::probe::{Death, Event, Order, World, broken, picture, soon};

/// Guarantee R3
#[test]
fn children_stop_in_reverse_one_after_the_other() {
    sim_seeds(0..12, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        for name in ["a", "b", "c", "d"] {
            world.slow_end(name, Duration::from_millis(30));
        }
        let supervisor = ["a", "b", "c", "d"]
            .into_iter()
            .fold(Supervisor::new(Strategy::OneForOne), |s, name| s.child(world.spec(name)))
            .start(&system)
            .await
            .expect("all start");
        assert_eq!(world.started(), ["a", "b", "c", "d"]);
        world.forget_events();
        let reason = supervisor.stop(soon(&system)).await.expect("it stops");
        assert_eq!(reason, ExitReason::SHUTDOWN);
        let expected: Vec<_> =
            ["d", "c", "b", "a"].map(|n| [Event::Terminating(n), Event::Gone(n)]).concat();
        assert_eq!(world.events(), expected);
        assert_eq!(system.counts().processes, 0);
    });
}

/// Guarantee R3
#[test]
fn each_child_has_its_own_limit() {
    sim_seeds(0..8, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        for name in ["brutal", "limited", "patient"] {
            world.slow_end(name, Duration::from_secs(20));
        }
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .child(world.spec("patient").shutdown(Shutdown::Infinity))
            .child(world.spec("limited").shutdown(Shutdown::Timeout(Duration::from_secs(2))))
            .child(world.spec("brutal").shutdown(Shutdown::BrutalKill))
            .start(&system)
            .await
            .expect("all start");
        world.forget_events();
        let start = env.now();
        supervisor.stop(soon(&system)).await.expect("it stops");
        let took = env.now().saturating_duration_since(start);
        assert!(took >= Duration::from_secs(22) && took < Duration::from_secs(23), "{took:?}");
        assert_eq!(
            world.events(),
            [
                Event::Gone("brutal"),
                Event::Terminating("limited"),
                Event::Gone("limited"),
                Event::Terminating("patient"),
                Event::Gone("patient"),
            ]
        );
    });
}

/// Guarantee R3
#[test]
fn a_child_that_hangs_is_killed_at_its_limit() {
    sim_seeds(0..8, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .child(world.spec("a"))
            .start(&system)
            .await
            .expect("it starts");
        world.address(&system, "a").send(Order::Hang).await.expect("alive");
        wait_for(&env, "a hanging handler", soon(&system), || {
            world.events().contains(&Event::Hanging("a")).then_some(()).ok_or("not yet")
        })
        .await;
        let start = env.now();
        supervisor.terminate_child("a").await.expect("it stops");
        let took = env.now().saturating_duration_since(start);
        assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(6), "{took:?}");
        assert_eq!(picture(&supervisor).await, "a-");
    });
}

/// Guarantee R3
#[test]
fn a_child_that_unlinks_is_still_restarted_and_stopped() {
    sim_seeds(0..12, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .child(world.spec("a"))
            .start(&system)
            .await
            .expect("it starts");
        let pid = supervisor.pid().expect("it runs");
        let unlink = |reply| Order::Unlink(pid, reply);
        world.address(&system, "a").call(unlink).await.expect("it answers");
        world.end(&system, "a", &broken()).await;
        assert_eq!(picture(&supervisor).await, "a+");
        let unlink = |reply| Order::Unlink(pid, reply);
        world.address(&system, "a").call(unlink).await.expect("it answers");
        supervisor.terminate_child("a").await.expect("it stops");
        assert_eq!(world.living(), [""; 0]);
    });
}

fn tree(world: &World) -> Supervisor {
    let inner = world.clone();
    Supervisor::new(Strategy::OneForOne)
        .child(world.spec("first"))
        .child(ChildSpec::supervisor("middle", move || {
            let innermost = inner.clone();
            Supervisor::new(Strategy::OneForAll).child(inner.spec("left")).child(
                ChildSpec::supervisor("low", move || {
                    Supervisor::new(Strategy::RestForOne)
                        .child(innermost.spec("leaf1"))
                        .child(innermost.spec("leaf2"))
                }),
            )
        }))
        .child(world.spec("last"))
}

/// Guarantee R4
#[test]
fn a_tree_that_stops_leaves_nobody() {
    sim_seeds(0..20, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = tree(&world).start(&system).await.expect("all start");
        assert_eq!(world.started(), ["first", "left", "leaf1", "leaf2", "last"]);
        supervisor.stop(soon(&system)).await.expect("it stops");
        assert_eq!(world.gone(), ["last", "leaf2", "leaf1", "left", "first"]);
        assert_eq!(system.counts().processes, 0);
    });
}

/// Guarantee R4
#[test]
fn a_killed_supervisor_takes_its_subtree_along() {
    sim_seeds(0..40, |env, seed| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = tree(&world).start(&system).await.expect("all start");
        let top = supervisor.pid().expect("it runs");
        // Links cannot reach these two: one has none, the other never gets to its signals.
        let low = system.info(world.pid("leaf1")).expect("it runs").ancestors[0];
        let unlink = |reply| Order::Unlink(low, reply);
        world.address(&system, "leaf1").call(unlink).await.expect("it answers");
        world.address(&system, "leaf2").send(Order::Hang).await.expect("alive");
        if seed % 2 == 0 {
            env.fault_point("before the kill").await;
        }
        let start = env.now();
        let down = system.monitor(top);
        system.kill(top);
        assert_eq!(down.await.reason, ExitReason::Killed);
        wait_for(&env, "an empty system", soon(&system), || match system.counts().processes {
            0 => Ok(()),
            left => Err(format!("{left} are left: {:?}", system.processes())),
        })
        .await;
        let took = env.now().saturating_duration_since(start);
        assert!(took < Duration::from_secs(1), "everybody was killed, nobody waited for: {took:?}");
    });
}

/// Guarantee R4
#[test]
fn a_supervisor_killed_while_it_starts_a_child_leaves_nobody() {
    sim_seeds(0..30, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        world.hang_starts("b", true);
        let starting = system
            .process(
                Supervisor::new(Strategy::OneForOne).child(world.spec("a")).child(world.spec("b")),
            )
            .spawn()
            .expect("it is spawned");
        wait_for(&env, "the hanging child", soon(&system), || {
            let processes = system.counts().processes;
            (processes == 3).then_some(()).ok_or(processes)
        })
        .await;
        system.kill(starting.pid());
        wait_for(&env, "an empty system", soon(&system), || match system.counts().processes {
            0 => Ok(()),
            left => Err(left),
        })
        .await;
    });
}

/// Guarantee R4
#[test]
fn a_failed_start_stops_those_before_in_reverse() {
    sim_seeds(0..10, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        world.fail_starts("c", 1);
        let started = ["a", "b", "c", "d"]
            .into_iter()
            .fold(Supervisor::new(Strategy::OneForOne), |s, name| s.child(world.spec(name)))
            .start(&system)
            .await;
        let error = started.expect_err("c fails").into_reason().to_string();
        assert!(error.contains("child=c") && error.contains("told to fail"), "{error}");
        assert_eq!(world.started(), ["a", "b"]);
        assert_eq!(world.gone(), ["b", "a"]);
        assert_eq!(system.counts().processes, 0);
    });
}

#[test]
fn init_that_hangs_ends_at_the_start_timeout() {
    sim_seeds(0..4, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        world.hang_starts("a", true);
        let start = env.now();
        let started =
            Supervisor::new(Strategy::OneForOne).child(world.spec("a")).start(&system).await;
        let error = started.expect_err("a hangs").into_reason().to_string();
        assert!(error.contains("init was not done in time"), "{error}");
        assert_eq!(env.now().saturating_duration_since(start).as_secs(), 30);
        assert_eq!(system.counts().processes, 0);
    });
}

/// Guarantee R3
#[test]
fn a_supervisor_in_a_restart_loop_answers_and_stops() {
    sim_seeds(0..10, |env, _| async move {
        for backoff in
            [foundation_supervisor::Backoff::NONE, foundation_supervisor::Backoff::default()]
        {
            let (world, system) = (World::default(), System::new(env.clone()));
            let supervisor = Supervisor::new(Strategy::OneForOne)
                .intensity(1_000_000, Duration::from_secs(5))
                .backoff(backoff)
                .child(world.spec("a"))
                .child(world.spec("b"))
                .start(&system)
                .await
                .expect("both start");
            world.fail_starts("a", u32::MAX);
            world.end(&system, "a", &broken()).await;
            env.sleep_until(env.now().saturating_add(Duration::from_millis(100))).await;
            assert_eq!(picture(&supervisor).await, "a? b+");
            assert!(matches!(
                supervisor.restart_child("a").await,
                Err(foundation_supervisor::SupervisorError::Restarting { .. })
            ));
            supervisor.terminate_child("a").await.expect("it stops trying");
            assert_eq!(picture(&supervisor).await, "a- b+");
            world.fail_starts("a", 0);
            supervisor.restart_child("a").await.expect("it starts");
            world.fail_starts("a", u32::MAX);
            world.end(&system, "a", &broken()).await;
            supervisor.stop(soon(&system)).await.expect("it stops in the loop");
            assert_eq!(system.counts().processes, 0);
        }
    });
}

/// Guarantee R4
#[test]
fn a_supervisor_that_gives_up_is_restarted_with_its_children() {
    sim_seeds(0..10, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let leaf = world.spec("leaf");
        let address = leaf.address::<Order>().expect("it handles orders");
        let middle = ChildSpec::supervisor("middle", move || {
            Supervisor::new(Strategy::OneForOne)
                .intensity(0, Duration::from_secs(5))
                .child(leaf.clone())
        });
        let inner = SupervisorRef::from(middle.address().expect("it is a supervisor"));
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .child(middle.restart(Restart::Transient))
            .start(&system)
            .await
            .expect("all start");
        let old = inner.pid().expect("it runs");
        world.end(&system, "leaf", &Death::Panic).await;
        let new = address.call(Order::Pid).await;
        let new = match new {
            // The leaf is found again as soon as the middle supervisor is back.
            Ok(new) => new,
            Err(error) => {
                let said = error.to_string();
                assert!(said.contains("gave up"), "{said}");
                supervisor.which_children().await.expect("it lives");
                address.call(Order::Pid).await.expect("it is back")
            }
        };
        assert_eq!(new, world.pid("leaf"));
        supervisor.which_children().await.expect("it lives");
        assert_ne!(inner.pid().expect("it runs"), old);
        supervisor.stop(soon(&system)).await.expect("it stops");
        assert!(matches!(address.current(), Err(Unavailable::Stopped { .. })));
    });
}

/// Guarantee R3
#[test]
fn replacements_wait_for_slow_predecessors() {
    sim_seeds(0..20, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        for name in ["a", "b", "c"] {
            world.slow_end(name, Duration::from_millis(40));
        }
        let supervisor = ["a", "b", "c"]
            .into_iter()
            .fold(Supervisor::new(Strategy::OneForAll), |s, name| s.child(world.spec(name)))
            .start(&system)
            .await
            .expect("all start");
        world.end(&system, "a", &Death::Panic).await;
        assert_eq!(picture(&supervisor).await, "a+ b+ c+");
        supervisor.terminate_child("b").await.expect("it stops");
        supervisor.restart_child("b").await.expect("it starts");
        world.check_no_overlap();
    });
}

/// Guarantee R3
/// Guarantee R4
#[test]
fn a_restarted_supervisor_waits_for_the_subtree_of_its_predecessor() {
    sim_seeds(0..60, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        // Anew each time, so that only the supervisor itself can know its predecessors.
        let made = world.clone();
        let low = move || {
            Supervisor::new(Strategy::OneForAll).child(made.spec("leaf1")).child(made.spec("leaf2"))
        };
        let middle = move || {
            Supervisor::new(Strategy::OneForOne).child(ChildSpec::supervisor("low", low.clone()))
        };
        let middle = ChildSpec::supervisor("middle", middle);
        let role = SupervisorRef::from(middle.address().expect("it is a supervisor"));
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .child(middle)
            .start(&system)
            .await
            .expect("all start");
        for kill_low in [false, true, false] {
            let old = world.pid("leaf2");
            world.address(&system, "leaf1").send(Order::Hang).await.expect("alive");
            let victim = if kill_low {
                system.info(old).expect("it runs").ancestors[0]
            } else {
                role.pid().expect("it runs")
            };
            let down = system.monitor(victim);
            system.kill(victim);
            down.await;
            wait_for(&env, "the new subtree", soon(&system), || {
                let back = world.pid("leaf2") != old && system.counts().processes == 5;
                back.then_some(()).ok_or_else(|| format!("{:?}", system.processes()))
            })
            .await;
            assert_eq!(picture(&supervisor).await, "middle+");
            world.check_no_overlap();
        }
    });
}

/// Tells a supervisor to end, as its parent.
struct Parent(Supervisor);

impl Process for Parent {
    type Message = Reply<Pid>;

    async fn handle(&mut self, reply: Reply<Pid>, context: &mut Context<Reply<Pid>>) -> Outcome {
        let child = std::mem::replace(&mut self.0, Supervisor::new(Strategy::OneForOne));
        let child = Box::pin(context.process(child).start(Deadline::NEVER)).await?;
        context.system().exit(child.pid(), ExitReason::shutdown_because("the parent says so"));
        reply.send(child.pid());
        Ok(())
    }
}

/// Guarantee R3
#[test]
fn an_exit_signal_counts_only_from_the_parent() {
    sim_seeds(0..6, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = Supervisor::new(Strategy::OneForOne).child(world.spec("a"));
        let parent = system.spawn(Parent(supervisor)).expect("it is spawned");
        let child = parent.call(|reply| reply).await.expect("it answers");
        let end = system.monitor(child).await.reason;
        assert!(matches!(end, ExitReason::Shutdown(Some(_)) | ExitReason::NoProcess), "{end}");
        assert_eq!(world.living(), [""; 0]);

        let supervisor = Supervisor::new(Strategy::OneForOne).child(world.spec("a"));
        let supervisor = supervisor.start(&system).await.expect("it starts");
        system.exit(supervisor.pid().expect("it runs"), ExitReason::SHUTDOWN);
        assert_eq!(picture(&supervisor).await, "a+");
    });
}
