//! The table of OTP: restart type x exit reason x strategy, with escalation and failing restarts.

use std::time::Duration;

use foundation_process::System;
use foundation_supervisor::{
    AutoShutdown, Backoff, DynamicSupervisor, Restart, Strategy, Supervisor, SupervisorError,
    SupervisorRef,
};
use foundation_testkit::sim_seeds;
use foundation_types::ExitReason;

use crate::probe::{Death, Event, World, broken, picture, soon};

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
const RESTARTS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];
const NAMES: [&str; 3] = ["a", "b", "c"];

/// Whether OTP restarts such a child after such a death.
fn restarts(restart: Restart, death: &Death) -> bool {
    match restart {
        Restart::Permanent => true,
        Restart::Transient => !death.is_orderly(),
        Restart::Temporary => false,
    }
}

/// Whom the restart of the child at `index` takes along, itself included.
fn taken_along(strategy: Strategy, index: usize) -> Vec<usize> {
    match strategy {
        Strategy::OneForOne => vec![index],
        Strategy::OneForAll => vec![0, 1, 2],
        Strategy::RestForOne => (index..3).collect(),
    }
}

async fn three(
    world: &World,
    system: &System,
    strategy: Strategy,
    restart: Restart,
) -> SupervisorRef {
    let supervisor = NAMES.into_iter().fold(Supervisor::new(strategy), |supervisor, name| {
        supervisor.child(world.spec(name).restart(restart))
    });
    supervisor.start(system).await.expect("all start")
}

/// Guarantee R3
#[test]
fn base_every_type_every_reason_every_strategy() {
    sim_seeds(0..6, |env, _| async move {
        for strategy in STRATEGIES {
            for restart in RESTARTS {
                for death in Death::all() {
                    for victim in 0..3 {
                        let system = System::new(env.clone());
                        Box::pin(base(&system, strategy, restart, &death, victim)).await;
                    }
                }
            }
        }
    });
}

async fn base(system: &System, strategy: Strategy, restart: Restart, death: &Death, victim: usize) {
    let case = format!("{strategy:?} {restart:?} {death:?} of {}", NAMES[victim]);
    let world = World::default();
    let supervisor = three(&world, system, strategy, restart).await;
    assert_eq!(world.started(), NAMES, "{case}");
    let before = NAMES.map(|name| world.pid(name));
    world.forget_events();
    world.end(system, NAMES[victim], death).await;
    let picture = picture(&supervisor).await;

    if restarts(restart, death) {
        let along = taken_along(strategy, victim);
        assert_eq!(picture, "a+ b+ c+", "{case}");
        for (index, name) in NAMES.into_iter().enumerate() {
            assert_eq!(world.pid(name) != before[index], along.contains(&index), "{case}: {name}");
        }
        let started: Vec<_> = along.iter().map(|index| NAMES[*index]).collect();
        assert_eq!(world.started(), started, "{case}");
        let mut gone = vec![NAMES[victim]];
        gone.extend(started.iter().rev().filter(|name| **name != NAMES[victim]));
        assert_eq!(world.gone(), gone, "{case}");
    } else {
        let rest: Vec<_> = NAMES
            .iter()
            .enumerate()
            .filter_map(|(index, name)| match (index == victim, restart) {
                (true, Restart::Temporary) => None,
                (true, _) => Some(format!("{name}-")),
                _ => Some(format!("{name}+")),
            })
            .collect();
        assert_eq!(picture, rest.join(" "), "{case}");
        assert_eq!(world.started(), [""; 0], "{case}");
    }
    world.check_no_overlap();
    supervisor.stop(soon(system)).await.expect("it stops");
    assert_eq!(world.living(), [""; 0], "{case}");
}

/// Guarantee R3
#[test]
fn escalation_stops_everybody_in_reverse_and_tells_why() {
    sim_seeds(0..4, |env, _| async move {
        for strategy in STRATEGIES {
            for restart in [Restart::Permanent, Restart::Transient] {
                for death in Death::all().iter().filter(|death| restarts(restart, death)) {
                    for victim in NAMES {
                        let system = System::new(env.clone());
                        Box::pin(escalation(&system, strategy, restart, death, victim)).await;
                    }
                }
            }
        }
    });
}

async fn escalation(
    system: &System,
    strategy: Strategy,
    restart: Restart,
    death: &Death,
    victim: &'static str,
) {
    let case = format!("{strategy:?} {restart:?} {death:?} of {victim}");
    let world = World::default();
    let supervisor = three(&world, system, strategy, restart).await;
    let down = system.monitor(supervisor.pid().expect("it runs"));
    for _ in 0..3 {
        world.end(system, victim, death).await;
        // The wait before the third restart is at most 20 ms.
        let all = || (world.living().len() == 3).then_some(()).ok_or("not all are back");
        foundation_testkit::wait_for(system.env(), "a restart", soon(system), all).await;
        assert_eq!(picture(&supervisor).await, "a+ b+ c+", "{case}");
    }
    world.forget_events();
    world.end(system, victim, death).await;
    let ExitReason::Error(error) = down.await.reason else { panic!("no error: {case}") };
    assert_eq!(error.field("child"), Some(victim), "{case}");
    assert_eq!(error.field("restarts"), Some("3"), "{case}");
    assert_eq!(error.field("period_ms"), Some("5000"), "{case}");
    let reasons = error.field("last_reasons").unwrap_or_default();
    let of_victim = reasons.split("; ").filter(|reason| reason.starts_with(victim)).count();
    assert_eq!(of_victim, 4, "{case}: {reasons}");
    if *death == broken() {
        assert!(error.report().to_string().contains("caused by: E2401 internal_error: broken"));
    }
    let others = NAMES.iter().rev().filter(|name| **name != victim);
    let gone: Vec<_> = std::iter::once(&victim).chain(others).copied().collect();
    assert_eq!(world.gone(), gone, "{case}");
    assert_eq!(system.counts().processes, 0, "{case}");
}

/// Guarantee R3
#[test]
fn old_restarts_are_forgotten() {
    sim_seeds(0..8, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .backoff(Backoff::NONE)
            .child(world.spec("a"))
            .start(&system)
            .await
            .expect("it starts");
        for _ in 0..12 {
            world.end(&system, "a", &broken()).await;
            assert_eq!(picture(&supervisor).await, "a+");
            env.sleep_until(env.now().saturating_add(Duration::from_secs(2))).await;
        }
        assert_eq!(supervisor.restarts().await.expect("it lives").len(), 12);
    });
}

/// Guarantee R3
#[test]
fn a_sibling_that_fails_while_restarting_is_another_attempt() {
    sim_seeds(0..8, |env, _| async move {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            for restart in [Restart::Permanent, Restart::Transient] {
                for victim in 0..3 {
                    for failing in taken_along(strategy, victim) {
                        let system = System::new(env.clone());
                        Box::pin(sibling_fails(&system, strategy, restart, victim, failing)).await;
                    }
                }
            }
        }
    });
}

async fn sibling_fails(
    system: &System,
    strategy: Strategy,
    restart: Restart,
    victim: usize,
    failing: usize,
) {
    let case = format!("{strategy:?} {restart:?}: {failing} fails with {victim}");
    let world = World::default();
    let supervisor = three(&world, system, strategy, restart).await;
    world.forget_events();
    world.fail_starts(NAMES[failing], 1);
    world.end(system, NAMES[victim], &broken()).await;
    let all = || (world.living().len() == 3).then_some(()).ok_or("not all are back");
    foundation_testkit::wait_for(system.env(), "the second try", soon(system), all).await;
    assert_eq!(picture(&supervisor).await, "a+ b+ c+", "{case}");
    // The first try ends at the one that fails, which leads the second: its rest, or all again.
    let first = taken_along(strategy, victim).into_iter().take_while(|index| *index != failing);
    let expected: Vec<_> =
        first.chain(taken_along(strategy, failing)).map(|index| NAMES[index]).collect();
    assert_eq!(world.started(), expected, "{case}");
    world.check_no_overlap();
    let records = supervisor.restarts().await.expect("it lives");
    let failed: Vec<_> = records.iter().filter(|record| record.new.is_none()).collect();
    assert_eq!(failed.len(), 1, "{case}");
    assert_eq!(&*failed[0].child, NAMES[failing], "{case}");
}

/// Guarantee R3
#[test]
fn restarts_that_keep_failing_escalate() {
    sim_seeds(0..8, |env, _| async move {
        for strategy in STRATEGIES {
            for failing in NAMES {
                let (world, system) = (World::default(), System::new(env.clone()));
                let supervisor = three(&world, &system, strategy, Restart::Permanent).await;
                let down = system.monitor(supervisor.pid().expect("it runs"));
                world.fail_starts(failing, u32::MAX);
                world.end(&system, failing, &broken()).await;
                let ExitReason::Error(error) = down.await.reason else { panic!("no error") };
                assert_eq!(error.field("child"), Some(failing));
                let tries =
                    world.events().iter().filter(|e| **e == Event::FailedToStart(failing)).count();
                assert_eq!(tries, 3, "three restarts were allowed");
                assert_eq!(world.living(), [""; 0]);
                assert_eq!(system.counts().processes, 0);
            }
        }
    });
}

/// Guarantee R3
#[test]
fn temporary_bystanders_are_stopped_and_discarded() {
    sim_seeds(0..8, |env, _| async move {
        for strategy in STRATEGIES {
            let (world, system) = (World::default(), System::new(env.clone()));
            let supervisor = Supervisor::new(strategy)
                .child(world.spec("t").restart(Restart::Temporary))
                .child(world.spec("a"))
                .child(world.spec("u").restart(Restart::Temporary))
                .start(&system)
                .await
                .expect("all start");
            world.end(&system, "a", &broken()).await;
            let expected = match strategy {
                Strategy::OneForOne => "t+ a+ u+",
                Strategy::OneForAll => "a+",
                Strategy::RestForOne => "t+ a+",
            };
            assert_eq!(picture(&supervisor).await, expected);
        }
    });
}

/// Guarantee R3
#[test]
fn transient_siblings_that_had_ended_come_back_with_the_group() {
    sim_seeds(0..4, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = three(&world, &system, Strategy::OneForAll, Restart::Transient).await;
        world.end(&system, "c", &Death::Exit(ExitReason::Normal)).await;
        assert_eq!(picture(&supervisor).await, "a+ b+ c-");
        world.end(&system, "a", &Death::Panic).await;
        assert_eq!(picture(&supervisor).await, "a+ b+ c+");
    });
}

/// Guarantee R3
#[test]
fn significant_children_end_their_supervisor() {
    sim_seeds(0..6, |env, _| async move {
        for auto in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            for restart in [Restart::Transient, Restart::Temporary] {
                let (world, system) = (World::default(), System::new(env.clone()));
                let supervisor = Supervisor::new(Strategy::OneForOne)
                    .auto_shutdown(auto)
                    .child(world.spec("s1").restart(restart).significant(true))
                    .child(world.spec("plain").restart(Restart::Temporary))
                    .child(world.spec("s2").restart(restart).significant(true))
                    .start(&system)
                    .await
                    .expect("all start");
                let mut down = system.monitor(supervisor.pid().expect("it runs"));
                world.end(&system, "plain", &Death::Exit(ExitReason::Normal)).await;
                supervisor.count_children().await.expect("a plain child does not count");
                if restart == Restart::Transient {
                    world.end(&system, "s1", &Death::Panic).await;
                    supervisor.count_children().await.expect("it was restarted");
                }
                world.end(&system, "s1", &Death::Exit(ExitReason::Normal)).await;
                if auto == AutoShutdown::AllSignificant {
                    supervisor.count_children().await.expect("one is left");
                    world.end(&system, "s2", &Death::Exit(ExitReason::SHUTDOWN)).await;
                }
                assert_eq!((&mut down).await.reason, ExitReason::SHUTDOWN);
                assert_eq!(system.counts().processes, 0);
            }
        }
    });
}

/// Guarantee R3
#[test]
fn a_significant_child_that_is_stopped_by_a_call_ends_nothing() {
    sim_seeds(0..4, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(world.spec("s").restart(Restart::Transient).significant(true))
            .start(&system)
            .await
            .expect("it starts");
        supervisor.terminate_child("s").await.expect("it stops");
        assert_eq!(picture(&supervisor).await, "s-");
    });
}

/// Three significant children under each strategy: those that end well end their supervisor, the last one or
/// the first one, and what is left is stopped in reverse.
///
/// Guarantee R3
#[test]
fn significant_children_under_every_strategy() {
    sim_seeds(0..4, |env, _| async move {
        for strategy in STRATEGIES {
            for restart in [Restart::Transient, Restart::Temporary] {
                for auto in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
                    for victim in NAMES {
                        let system = System::new(env.clone());
                        Box::pin(significant(&system, strategy, restart, auto, victim)).await;
                    }
                }
            }
        }
    });
}

async fn significant(
    system: &System,
    strategy: Strategy,
    restart: Restart,
    auto: AutoShutdown,
    victim: &'static str,
) {
    let case = format!("{strategy:?} {restart:?} {auto:?}: {victim}");
    let world = World::default();
    let supervisor = NAMES
        .into_iter()
        .fold(Supervisor::new(strategy), |supervisor, name| {
            supervisor.child(world.spec(name).restart(restart).significant(true))
        })
        .auto_shutdown(auto)
        .start(system)
        .await
        .expect("all start");
    let down = system.monitor(supervisor.pid().expect("it runs"));
    world.end(system, victim, &Death::Exit(ExitReason::Normal)).await;
    let mut gone = vec![victim];
    let rest = NAMES.into_iter().rev().filter(|name| *name != victim);
    if auto == AutoShutdown::AllSignificant {
        for name in rest {
            assert_eq!(supervisor.count_children().await.map(|c| c.active), Ok(3 - gone.len()));
            world.end(system, name, &Death::Exit(ExitReason::SHUTDOWN)).await;
            gone.push(name);
        }
    } else {
        gone.extend(rest);
    }
    assert_eq!(down.await.reason, ExitReason::SHUTDOWN, "{case}");
    assert_eq!(world.gone(), gone, "{case}");
    assert_eq!(world.starts(), 3, "{case}: nobody is restarted");
    assert_eq!(system.counts().processes, 0, "{case}");
}

/// Guarantee R3
#[test]
fn a_significant_child_that_is_taken_along_or_discarded_ends_nothing_itself() {
    sim_seeds(0..4, |env, _| async move {
        for auto in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
            let (world, system) = (World::default(), System::new(env.clone()));
            let temporary = |name| world.spec(name).restart(Restart::Temporary).significant(true);
            let supervisor = Supervisor::new(Strategy::OneForAll)
                .auto_shutdown(auto)
                .child(temporary("t"))
                .child(world.spec("a"))
                .child(world.spec("s").restart(Restart::Transient).significant(true))
                .start(&system)
                .await
                .expect("all start");
            let down = system.monitor(supervisor.pid().expect("it runs"));
            world.end(&system, "a", &broken()).await;
            assert_eq!(picture(&supervisor).await, "a+ s+", "t was taken along and is discarded");
            supervisor.start_child(temporary("u")).await.expect("it starts");
            supervisor.terminate_child("u").await.expect("it stops");
            assert_eq!(picture(&supervisor).await, "a+ s+", "stopped by a call it ends nothing");
            // The last one that counts: those that are discarded are not waited for.
            world.end(&system, "s", &Death::Exit(ExitReason::Normal)).await;
            assert_eq!(down.await.reason, ExitReason::SHUTDOWN);
        }
        let (world, system) = (World::default(), System::new(env.clone()));
        let dynamic = DynamicSupervisor::new().start(&system).await.expect("it starts");
        let spec = world.spec("d").restart(Restart::Transient).significant(true);
        let refused = dynamic.start_child(spec).await;
        let error = SupervisorError::SignificantWithoutAutoShutdown { child: "d".into() };
        assert_eq!(refused, Err(error));
    });
}
