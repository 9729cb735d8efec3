//! Dynamic and partitioned supervisors.

use std::time::Duration;

use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::{Context, Limits, Outcome, Process, System};
use foundation_supervisor::{
    Backoff, ChildSpec, ChildState, DynamicMessage, DynamicRef, DynamicSupervisor, PartitionError,
    PartitionSupervisor, Restart, Shutdown, Strategy, Supervisor, SupervisorError, Unavailable,
};
use foundation_testkit::{sim_seeds, wait_for};
use foundation_types::{Code, Deadline, Error, ExitReason};

use crate::probe::{Death, Order, World, broken, soon};

/// Guarantee R3
#[test]
fn there_are_never_more_than_max_children() {
    sim_seeds(0..20, |env, seed| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let max = usize::try_from(seed % 4).expect("small");
        let supervisor =
            DynamicSupervisor::new().max_children(max).start(&system).await.expect("it starts");
        let (answers, starts) = std::sync::mpsc::sync_channel(8);
        for n in 0..6 {
            let (supervisor, answers) = (supervisor.clone(), answers.clone());
            let spec = world.spec_as(format!("child-{n}"), "many");
            env.spawn(async move {
                let answer = supervisor.start_child(spec).await;
                answers.send(answer).expect("the test waits");
            });
        }
        let mut pids = Vec::new();
        for _ in 0..6 {
            let answer = wait_for(&env, "an answer", soon(&system), || starts.try_recv()).await;
            match answer {
                Ok(pid) => pids.push(pid),
                Err(error) => assert_eq!(error, SupervisorError::Full { max_children: max }),
            }
        }
        assert_eq!(pids.len(), max);
        assert_eq!(system.counts().processes, max + 1);
        let Some(pid) = pids.pop() else { return };
        supervisor.terminate_child(pid).await.expect("it stops");
        supervisor.start_child(world.spec("many")).await.expect("there is room again");
        supervisor.start_child(world.spec("many")).await.expect_err("it is full again");
    });
}

/// Guarantee R3
#[test]
fn dynamic_children_restart_as_their_type_says() {
    sim_seeds(0..6, |env, _| async move {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            for death in Death::all() {
                let (world, system) = (World::default(), System::new(env.clone()));
                let supervisor = DynamicSupervisor::new().start(&system).await.expect("it starts");
                let old =
                    supervisor.start_child(world.spec("a").restart(restart)).await.expect("starts");
                supervisor.start_child(world.spec("b")).await.expect("starts");
                world.end(&system, "a", &death).await;
                let again = match restart {
                    Restart::Permanent => true,
                    Restart::Transient => !death.is_orderly(),
                    Restart::Temporary => false,
                };
                let children = supervisor.which_children().await.expect("it lives");
                assert_eq!(children.len(), if again { 2 } else { 1 }, "{restart:?} {death:?}");
                let missing = supervisor.terminate_child(old).await;
                assert!(matches!(missing, Err(SupervisorError::NotFound { .. })));
                if again {
                    wait_for(&env, "the restart", soon(&system), || {
                        (world.living() == ["a", "b"]).then_some(()).ok_or("not yet")
                    })
                    .await;
                    assert_ne!(world.pid("a"), old);
                    let records = supervisor.restarts().await.expect("it lives");
                    assert_eq!((records[0].old, records[0].new), (Some(old), Some(world.pid("a"))));
                }
                world.check_no_overlap();
            }
        }
    });
}

/// Guarantee R3
#[test]
fn a_dynamic_supervisor_gives_up_like_a_static_one() {
    sim_seeds(0..10, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = DynamicSupervisor::new().start(&system).await.expect("it starts");
        let down = system.monitor(supervisor.pid().expect("it runs"));
        let spec = world.spec("a");
        let address = spec.address::<Order>().expect("it handles orders");
        supervisor.start_child(spec).await.expect("it starts");
        supervisor.start_child(world.spec("b")).await.expect("it starts");
        world.fail_starts("a", u32::MAX);
        world.end(&system, "a", &broken()).await;
        let ExitReason::Error(error) = down.await.reason else { panic!("no error") };
        assert_eq!((error.field("child"), error.field("restarts")), (Some("a"), Some("3")));
        assert!(matches!(address.current(), Err(Unavailable::GaveUp { .. })));
        assert_eq!(system.counts().processes, 0);
    });
}

#[test]
fn a_child_that_hangs_in_its_start_holds_up_nobody() {
    sim_seeds(0..8, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = DynamicSupervisor::new().start(&system).await.expect("it starts");
        world.hang_starts("slow", true);
        let (slow, spec) = (supervisor.clone(), world.spec("slow"));
        env.spawn(async move {
            let failed = slow.start_child(spec).await;
            assert!(matches!(failed, Err(SupervisorError::NotStarted { .. })), "{failed:?}");
        });
        let start = env.now();
        for _ in 0..3 {
            supervisor.start_child(world.spec("quick")).await.expect("it starts");
        }
        let took = env.now().saturating_duration_since(start);
        assert!(took < Duration::from_secs(1), "{took:?}");
        wait_for(&env, "the end of the slow one", soon(&system), || {
            let processes = system.counts().processes;
            (processes == 4).then_some(()).ok_or(processes)
        })
        .await;
        assert_eq!(supervisor.count_children().await.expect("it lives").specs, 3);
    });
}

/// Guarantee R4
#[test]
fn dynamic_children_stop_at_the_same_time_each_within_its_limit() {
    sim_seeds(0..8, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = DynamicSupervisor::new().start(&system).await.expect("it starts");
        world.slow_end("slow", Duration::from_secs(3));
        world.slow_end("stuck", Duration::from_mins(1));
        for _ in 0..20 {
            supervisor.start_child(world.spec("slow")).await.expect("it starts");
        }
        let brutal = world.spec("stuck").shutdown(Shutdown::BrutalKill);
        supervisor.start_child(brutal).await.expect("it starts");
        supervisor.start_child(world.spec("stuck")).await.expect("it starts");
        let start = env.now();
        supervisor.stop(soon(&system)).await.expect("it stops");
        let took = env.now().saturating_duration_since(start);
        assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(6), "{took:?}");
        assert_eq!(world.living(), [""; 0]);
        assert_eq!(system.counts().processes, 0);
    });
}

/// Guarantee R4
#[test]
fn a_killed_dynamic_supervisor_takes_its_children_along() {
    sim_seeds(0..20, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = DynamicSupervisor::new().start(&system).await.expect("it starts");
        for _ in 0..10 {
            supervisor.start_child(world.spec("a")).await.expect("it starts");
        }
        world.address(&system, "a").send(Order::Hang).await.expect("alive");
        system.kill(supervisor.pid().expect("it runs"));
        wait_for(&env, "an empty system", system.deadline(Duration::from_secs(1)), || match system
            .counts()
            .processes
        {
            0 => Ok(()),
            left => Err(left),
        })
        .await;
    });
}

/// Guarantee R3
#[test]
fn a_dynamic_child_is_stopped_while_it_runs_hangs_or_waits_for_its_restart() {
    sim_seeds(0..12, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = DynamicSupervisor::new()
            .intensity(1000, Duration::from_secs(5))
            .backoff(Backoff::exponential(Duration::from_secs(1), Duration::from_secs(1)))
            .start(&system)
            .await
            .expect("it starts");
        let pid = supervisor.start_child(world.spec("a")).await.expect("it starts");
        world.address(&system, "a").send(Order::Hang).await.expect("alive");
        let twice = (supervisor.clone(), supervisor.clone());
        let (done, both) = std::sync::mpsc::sync_channel(8);
        for supervisor in [twice.0, twice.1] {
            let done = done.clone();
            env.spawn(async move {
                let answer = supervisor.terminate_child(pid).await;
                done.send(answer).expect("the test waits");
            });
        }
        let mut answers = Vec::new();
        for _ in 0..2 {
            answers.push(wait_for(&env, "an answer", soon(&system), || both.try_recv()).await);
        }
        assert!(answers.contains(&Ok(())), "{answers:?}");
        assert_eq!(world.living(), [""; 0]);

        let first = supervisor.start_child(world.spec("a")).await.expect("it starts");
        world.end(&system, "a", &broken()).await;
        let back = || (world.pid("a") != first).then_some(()).ok_or("not yet");
        wait_for(&env, "the first restart", soon(&system), back).await;
        let second = world.pid("a");
        world.end(&system, "a", &broken()).await;
        let children = supervisor.which_children().await.expect("it lives");
        assert_eq!(children[0].state, ChildState::Restarting);
        supervisor.terminate_child(second).await.expect("it stops waiting");
        assert_eq!(supervisor.count_children().await.expect("it lives").specs, 0);
        env.sleep_until(env.now().saturating_add(Duration::from_secs(3))).await;
        assert_eq!(world.living(), [""; 0]);
    });
}

#[test]
fn a_child_that_cannot_be_monitored_is_refused_and_forgotten() {
    sim_seeds(0..8, |env, _| async move {
        let mut limits = Limits::default();
        limits.monitors_per_process_max = 1;
        let (world, system) = (World::default(), System::with_limits(env.clone(), limits));
        let supervisor = DynamicSupervisor::new().start(&system).await.expect("it starts");
        supervisor.start_child(world.spec("a")).await.expect("it starts");
        let start = env.now();
        let refused = supervisor.start_child(world.spec("b")).await;
        assert!(matches!(refused, Err(SupervisorError::NotStarted { .. })), "{refused:?}");
        assert!(env.now().saturating_duration_since(start) < Duration::from_secs(1));
        wait_for(&env, "the end of b", soon(&system), || {
            (system.counts().processes == 2).then_some(()).ok_or("not yet")
        })
        .await;
        assert_eq!(supervisor.count_children().await.expect("it lives").specs, 1);
    });
}

/// The exit signal of a child comes before the DOWN, so the monitor of the dead process kept the room that its
/// replacement needs. That one was killed, which counted as a failed restart: one death used up two.
///
/// Guarantee R3
#[test]
fn a_child_restarts_where_there_is_room_for_one_monitor_only() {
    sim_seeds(0..20, |env, _| async move {
        let mut limits = Limits::default();
        limits.monitors_per_process_max = 1;
        let (world, system) = (World::default(), System::with_limits(env.clone(), limits));
        let supervisor = DynamicSupervisor::new().intensity(1, Duration::from_secs(5));
        let supervisor = supervisor.start(&system).await.expect("it starts");
        for round in 1..=3 {
            if round == 1 {
                supervisor.start_child(world.spec("a")).await.expect("it starts");
            }
            world.end(&system, "a", &broken()).await;
            let records = supervisor.restarts().await.expect("one death is one restart");
            assert_eq!(records.len(), round);
            wait_for(&env, "the restart", soon(&system), || {
                (world.living() == ["a"]).then_some(()).ok_or("not yet")
            })
            .await;
            env.sleep_until(env.now().saturating_add(Duration::from_secs(10))).await;
        }
        world.check_no_overlap();
    });
}

/// The limit of each stop used to be kept until it was over, so that a supervisor whose children came and went
/// held one for each of the last five seconds.
#[test]
fn the_limit_of_a_stop_ends_with_the_child() {
    let mut simulation = Simulation::new(1, SimOptions::default());
    let (world, env) = (World::default(), simulation.env());
    let system = System::new(env.clone());
    let pause = |millis| env.sleep_until(env.now().saturating_add(Duration::from_millis(millis)));
    let supervisor = simulation.block_on(async {
        let supervisor = DynamicSupervisor::new().start(&system).await.expect("it starts");
        for _ in 0..200 {
            let pid = supervisor.start_child(world.spec("a")).await.expect("it starts");
            supervisor.terminate_child(pid).await.expect("it stops");
            pause(10).await;
        }
        supervisor
    });
    let before = simulation.steps();
    simulation.block_on(pause(20_000));
    let steps = simulation.steps() - before;
    assert!(steps < 200, "{steps} steps, and only the timer that was set had to go off");
    assert!(supervisor.pid().is_ok());
}

/// Two children of one specification used to fill its role in turn, and the end of either took it from both.
#[test]
fn a_specification_has_one_child_at_a_time() {
    sim_seeds(0..6, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = DynamicSupervisor::new().start(&system).await.expect("it starts");
        let spec = world.spec("a");
        let role = spec.address::<Order>().expect("it handles orders");
        world.fail_starts("a", 1);
        supervisor.start_child(spec.clone()).await.expect_err("it fails");
        let pid = supervisor.start_child(spec.clone()).await.expect("the first has ended");
        let again = supervisor.start_child(spec.clone()).await;
        assert_eq!(again, Err(SupervisorError::RoleTaken { child: "a".into() }));
        assert_eq!(role.call(Order::Pid).await, Ok(pid));
        supervisor.terminate_child(pid).await.expect("it stops");
        supervisor.start_child(spec.clone()).await.expect("it is free");
        system.kill(supervisor.pid().expect("it runs"));
        let other = DynamicSupervisor::new().start(&system).await.expect("it starts");
        wait_for(&env, "the end of the first", soon(&system), || {
            (system.counts().processes == 1).then_some(()).ok_or("not yet")
        })
        .await;
        other.start_child(spec).await.expect("a killed supervisor leaves it free");
    });
}

/// Tells its supervisor that it has ended well, and then does not.
struct Liar;

impl Process for Liar {
    type Message = ();

    async fn handle(&mut self, (): (), context: &mut Context<()>) -> Outcome {
        let info = context.system().info(context.pid()).expect("it runs");
        context.system().exit(info.ancestors[0], ExitReason::Normal);
        Err(ExitReason::error(Error::new(Code::InternalError, "broken")))
    }
}

/// The reason of any exit signal of a dead child used to count as the reason of its death.
///
/// Guarantee R3
#[test]
fn a_child_cannot_say_of_what_it_dies() {
    sim_seeds(0..10, |env, _| async move {
        let system = System::new(env.clone());
        let supervisor = DynamicSupervisor::new().start(&system).await.expect("it starts");
        let spec = ChildSpec::new("liar", || Liar).restart(Restart::Transient);
        let old = supervisor.start_child(spec).await.expect("it starts");
        let down = system.monitor(old);
        system.address::<()>(old).expect("it runs").send(()).await.expect("it runs");
        down.await;
        assert_eq!(supervisor.count_children().await.expect("it lives").specs, 1);
        let records = supervisor.restarts().await.expect("it lives");
        assert!(records[0].reason.to_string().contains("broken"), "{records:?}");
    });
}

#[test]
fn keys_go_to_their_partition_through_restarts() {
    sim_seeds(0..8, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let made = world.clone();
        let supervisor = PartitionSupervisor::<Order>::new(4, |index| {
            made.spec_as(format!("partition-{index}"), ["p0", "p1", "p2", "p3"][index])
        })
        .expect("four partitions");
        let partitions = supervisor.partitions();
        let supervisor = supervisor.start(&system).await.expect("it starts");
        assert_eq!(world.started(), ["p0", "p1", "p2", "p3"]);
        let mut used = [0; 4];
        for key in 0..200_u32 {
            let index = partitions.index_of(&key);
            used[index] += 1;
            let pid = partitions.of(&key).call(Order::Pid).await.expect("it answers");
            assert_eq!(pid, world.pid(["p0", "p1", "p2", "p3"][index]));
        }
        assert!(used.iter().all(|count| *count > 20), "{used:?}");
        let (index, old) = (partitions.index_of("key"), partitions.of("key"));
        let old = old.call(Order::Pid).await.expect("it answers");
        world.end(&system, ["p0", "p1", "p2", "p3"][index], &Death::Panic).await;
        let new = partitions.of("key").call(Order::Pid).await.expect("it was restarted");
        assert_ne!(new, old);
        supervisor.stop(soon(&system)).await.expect("it stops");
        assert_eq!(system.counts().processes, 0);
    });
}

#[test]
fn partitions_of_dynamic_supervisors_and_their_errors() {
    sim_seeds(0..4, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let none = PartitionSupervisor::<Order>::new(0, |_| world.spec("a"));
        assert_eq!(none.expect_err("none"), PartitionError::NoPartitions);
        let other = PartitionSupervisor::<u64>::new(2, |_| world.spec("a"));
        assert!(matches!(other, Err(PartitionError::WrongMessage { index: 0, .. })));

        let partitioned = PartitionSupervisor::<DynamicMessage>::new(3, |index| {
            ChildSpec::supervisor(format!("partition-{index}"), DynamicSupervisor::new)
        })
        .expect("three partitions");
        let partitions = partitioned.partitions();
        // Nested: the routes survive a restart of the partitioned supervisor as a whole.
        let top = Supervisor::new(Strategy::OneForOne)
            .child(ChildSpec::supervisor("partitions", move || partitioned.supervisor()))
            .start(&system)
            .await
            .expect("it starts");
        let start = |key: u32| {
            let (supervisor, spec) =
                (DynamicRef::from(partitions.of(&key).clone()), world.spec("a"));
            async move { supervisor.start_child(spec).await }
        };
        for key in 0..9 {
            start(key).await.expect("it starts");
        }
        assert_eq!(system.counts().processes, 2 + 3 + 9);
        let children = top.which_children().await.expect("it lives");
        let ChildState::Running(middle) = children[0].state else { panic!("it runs") };
        system.kill(middle);
        wait_for(&env, "the restart", soon(&system), || {
            let processes = system.counts().processes;
            (!system.is_alive(middle) && processes == 2 + 3).then_some(()).ok_or(processes)
        })
        .await;
        partitions.of(&1).wait_current(Deadline::NEVER).await.expect("it is back");
        start(1).await.expect("it starts");
    });
}
