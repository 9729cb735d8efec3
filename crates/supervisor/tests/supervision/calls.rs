//! Children started, stopped, restarted, deleted, listed and counted at run time; role addresses.

use std::time::Duration;

use foundation_process::{Context, Outcome, Process, Reply, System};
use foundation_supervisor::{
    ChildCallError, ChildSpec, Ready, Restart, Strategy, Supervisor, SupervisorError, Unavailable,
};
use foundation_testkit::{sim_seeds, wait_for};
use foundation_types::{Deadline, ExitReason};

use crate::probe::{Death, Order, World, broken, picture, soon};

/// A role used to stay "restarting" for ever when a restart that was asked for failed.
#[test]
fn a_child_that_cannot_be_restarted_is_stopped_for_those_at_its_role() {
    sim_seeds(0..4, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .child(world.spec("a"))
            .start(&system)
            .await
            .expect("it starts");
        let role = supervisor.child::<Order>("a").await.expect("it is there");
        supervisor.terminate_child("a").await.expect("it stops");
        world.fail_starts("a", 1);
        let failed = supervisor.restart_child("a").await;
        assert!(matches!(failed, Err(SupervisorError::NotStarted { .. })), "{failed:?}");
        let gone = role.wait_current(Deadline::NEVER).await;
        assert!(matches!(gone, Err(Unavailable::Stopped { .. })), "{gone:?}");
        supervisor.restart_child("a").await.expect("it starts now");
        role.wait_current(soon(&system)).await.expect("it is back");
    });
}

/// Guarantee R3
#[test]
fn children_are_managed_at_run_time_as_in_otp() {
    sim_seeds(0..8, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .child(world.spec("a"))
            .start(&system)
            .await
            .expect("it starts");
        let b = supervisor.start_child(world.spec("b")).await.expect("it starts");
        assert_eq!(b, world.pid("b"));
        let again = supervisor.start_child(world.spec("b")).await;
        assert_eq!(again, Err(SupervisorError::Running { child: "b".into(), pid: b }));
        let restarted = supervisor.restart_child("b").await;
        assert_eq!(restarted, Err(SupervisorError::Running { child: "b".into(), pid: b }));
        assert!(matches!(supervisor.delete_child("b").await, Err(SupervisorError::Running { .. })));

        supervisor.terminate_child("b").await.expect("it stops");
        supervisor.terminate_child("b").await.expect("it is stopped");
        assert_eq!(picture(&supervisor).await, "a+ b-");
        let again = supervisor.start_child(world.spec("b")).await;
        assert_eq!(again, Err(SupervisorError::AlreadyPresent { child: "b".into() }));
        let counts = supervisor.count_children().await.expect("it answers");
        assert_eq!((counts.specs, counts.active, counts.workers, counts.supervisors), (2, 1, 2, 0));

        let new = supervisor.restart_child("b").await.expect("it starts");
        assert_ne!(new, b);
        supervisor.terminate_child("b").await.expect("it stops");
        supervisor.delete_child("b").await.expect("it is deleted");
        assert_eq!(picture(&supervisor).await, "a+");

        let missing = || SupervisorError::NotFound { child: "b".into() };
        assert_eq!(supervisor.terminate_child("b").await, Err(missing()));
        assert_eq!(supervisor.restart_child("b").await, Err(missing()));
        assert_eq!(supervisor.delete_child("b").await, Err(missing()));

        world.fail_starts("c", 1);
        let failed = supervisor.start_child(world.spec("c")).await;
        assert!(matches!(failed, Err(SupervisorError::NotStarted { .. })), "{failed:?}");
        assert_eq!(picture(&supervisor).await, "a+", "what did not start is not added");

        let temporary = world.spec("t").restart(Restart::Temporary);
        supervisor.start_child(temporary).await.expect("it starts");
        supervisor.terminate_child("t").await.expect("it stops");
        assert_eq!(picture(&supervisor).await, "a+", "a temporary child leaves nothing");

        let nested = ChildSpec::supervisor("n", || Supervisor::new(Strategy::OneForOne));
        supervisor.start_child(nested).await.expect("it starts");
        let counts = supervisor.count_children().await.expect("it answers");
        assert_eq!((counts.specs, counts.active, counts.workers, counts.supervisors), (2, 2, 1, 1));
    });
}

#[test]
fn contradicting_settings_are_refused() {
    sim_seeds(0..1, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let twice =
            Supervisor::new(Strategy::OneForOne).child(world.spec("a")).child(world.spec("a"));
        assert!(matches!(twice.validate(), Err(SupervisorError::AlreadyPresent { .. })));
        assert!(twice.start(&system).await.is_err());
        let significant = world.spec("a").significant(true);
        let permanent = Supervisor::new(Strategy::OneForOne).child(significant.clone());
        assert!(matches!(permanent.validate(), Err(SupervisorError::PermanentSignificant { .. })));
        let never =
            Supervisor::new(Strategy::OneForOne).child(significant.restart(Restart::Transient));
        assert!(matches!(
            never.validate(),
            Err(SupervisorError::SignificantWithoutAutoShutdown { .. })
        ));
        assert_eq!(system.counts().processes, 0);
    });
}

#[test]
fn an_address_of_a_role_finds_the_restarted_process() {
    sim_seeds(0..20, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let spec = world.spec("a");
        let address = spec.address::<Order>().expect("it handles orders");
        assert!(spec.address::<u64>().is_none());
        assert!(matches!(address.current(), Err(Unavailable::Restarting { .. })));
        assert!(address.call(Order::Pid).await.is_err(), "nobody has it yet, so nobody waits");
        let supervisor =
            Supervisor::new(Strategy::OneForOne).child(spec).start(&system).await.expect("starts");
        let old = address.call(Order::Pid).await.expect("it answers");
        world.fail_starts("a", 2);
        system.kill(old);
        let new = loop {
            match address.call(Order::Pid).await {
                Ok(pid) => break pid,
                // Accepted by the dying process and lost with it.
                Err(ChildCallError::Call(_)) => {}
                Err(other) => panic!("{other}"),
            }
        };
        assert_ne!(new, old);
        let found = supervisor.child::<Order>("a").await.expect("it has a");
        assert_eq!(found.call(Order::Pid).await, Ok(new));
        assert!(supervisor.child::<u64>("a").await.is_err());

        world.fail_starts("a", u32::MAX);
        world.end(&system, "a", &broken()).await;
        let deadline = system.deadline(Duration::from_millis(1));
        let said = address.call_until(Order::Pid, deadline).await;
        let Err(ChildCallError::Unavailable(unavailable)) = said else { panic!("{said:?}") };
        assert!(
            matches!(unavailable, Unavailable::Restarting { .. } | Unavailable::GaveUp { .. }),
            "{unavailable}"
        );
        // Two restarts are used up, so it gives up before the five seconds are over.
        let said = address.call(Order::Pid).await;
        assert!(
            matches!(&said, Err(ChildCallError::Unavailable(Unavailable::GaveUp { reason, .. }))
                if reason.to_string().contains("gave up")),
            "{said:?}"
        );
        let back = address.try_send(Order::Panic).expect_err("nobody is there").into_message();
        assert!(matches!(back, Order::Panic));
    });
}

#[test]
fn an_address_says_when_its_child_is_stopped_or_killed_with_its_supervisor() {
    sim_seeds(0..12, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let spec = world.spec("a").restart(Restart::Transient);
        let address = spec.address::<Order>().expect("it handles orders");
        let supervisor =
            Supervisor::new(Strategy::OneForOne).child(spec).start(&system).await.expect("starts");
        world.end(&system, "a", &Death::Exit(ExitReason::Normal)).await;
        let said = address.wait_current(Deadline::NEVER).await;
        assert_eq!(
            said.expect_err("it has ended"),
            Unavailable::Stopped { child: "a".into(), reason: ExitReason::Normal }
        );
        supervisor.restart_child("a").await.expect("it starts");
        address.call(Order::Pid).await.expect("it answers");
        system.kill(supervisor.pid().expect("it runs"));
        let said = address.wait_current(Deadline::NEVER).await;
        if let Ok(address) = said {
            // Seen in the moment before the kill was carried out.
            system.monitor(address.pid()).await;
        }
        let said = address.wait_current(Deadline::NEVER).await;
        assert_eq!(
            said.expect_err("its supervisor is gone"),
            Unavailable::GaveUp { child: "a".into(), reason: ExitReason::Killed }
        );
    });
}

#[test]
fn nobody_waits_for_a_child_whose_supervisor_ended_before_its_turn_to_start() {
    sim_seeds(0..12, |env, seed| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let last = world.spec("c");
        let address = last.address::<Order>().expect("it handles orders");
        let kill = seed % 2 == 0;
        if kill {
            world.hang_starts("b", true);
        } else {
            world.fail_starts("b", 1);
        }
        let starting = system
            .process(
                Supervisor::new(Strategy::OneForOne)
                    .child(world.spec("a"))
                    .child(world.spec("b"))
                    .child(last),
            )
            .spawn()
            .expect("it is spawned");
        let down = system.monitor(starting.pid());
        if kill {
            wait_for(&env, "the start of b", soon(&system), || {
                (system.counts().processes == 3).then_some(()).ok_or("not yet")
            })
            .await;
            system.kill(starting.pid());
        }
        down.await;
        let said =
            system.before(soon(&system), Box::pin(address.wait_current(Deadline::NEVER))).await;
        let said = said.expect("nobody is going to fill the role").expect_err("nobody fills it");
        assert_eq!(matches!(said, Unavailable::GaveUp { .. }), kill, "{said}");
        assert_eq!(matches!(said, Unavailable::Stopped { .. }), !kill, "{said}");
    });
}

struct Slow(Ready);

enum Warm {
    Up,
    Ask(Reply<()>),
}

impl Process for Slow {
    type Message = Warm;

    async fn handle(&mut self, message: Warm, _: &mut Context<Warm>) -> Outcome {
        match message {
            Warm::Up => self.0.signal(),
            Warm::Ask(reply) => reply.send(()),
        }
        Ok(())
    }
}

#[test]
fn readiness_is_separate_from_the_start() {
    sim_seeds(0..8, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let slow = ChildSpec::with_readiness("slow", Slow);
        let address = slow.address::<Warm>().expect("it handles this");
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .child(slow)
            .child(world.spec("next"))
            .start(&system)
            .await
            .expect("the next child does not wait for readiness");
        for _ in 0..2 {
            let children = supervisor.which_children().await.expect("it lives");
            assert_eq!(children.iter().map(|c| c.ready).collect::<Vec<_>>(), [false, true]);
            let deadline = system.deadline(Duration::from_millis(10));
            assert!(address.call_until(Warm::Ask, deadline).await.is_err());
            let children = supervisor.which_children().await.expect("it lives");
            let foundation_supervisor::ChildState::Running(pid) = children[0].state else {
                panic!("it runs")
            };
            let direct = system.address::<Warm>(pid).expect("it runs");
            direct.send(Warm::Up).await.expect("it runs");
            address.call(Warm::Ask).await.expect("it serves now");
            // The next incarnation has to say so again.
            let down = system.monitor(pid);
            system.kill(pid);
            down.await;
        }
        supervisor.stop(soon(&system)).await.expect("it stops");
    });
}
