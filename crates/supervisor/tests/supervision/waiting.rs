//! What happens while a restart waits for its backoff: calls and deaths, under each strategy.

use std::sync::Arc;
use std::time::Duration;

use foundation_env::Env;
use foundation_process::System;
use foundation_supervisor::{
    Backoff, Strategy, Supervisor, SupervisorError, SupervisorRef, Unavailable,
};
use foundation_testkit::{sim_seeds, wait_for};
use foundation_types::{Deadline, ExitReason};

use crate::probe::{Death, Order, World, broken, picture, soon};

const NAMES: [&str; 3] = ["a", "b", "c"];
const WAIT: Duration = Duration::from_millis(50);

/// One text for each of `one_for_one`, `one_for_all` and `rest_for_one`.
type Pictures = [&'static str; 3];

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];

struct Cell {
    env: Env,
    system: System,
    world: World,
    supervisor: SupervisorRef,
    index: usize,
}

/// Three children, of which the second has died a second time: its restart waits, and those that it takes along
/// wait with it.
async fn waiting(env: &Env, index: usize) -> Cell {
    let (world, system) = (World::default(), System::new(env.clone()));
    let supervisor = NAMES
        .into_iter()
        .fold(Supervisor::new(STRATEGIES[index]), |s, name| s.child(world.spec(name)))
        .intensity(100, Duration::from_secs(5))
        .backoff(Backoff::exponential(WAIT, WAIT).jitter(0.0))
        .start(&system)
        .await
        .expect("all start");
    let cell = Cell { env: env.clone(), system, world, supervisor, index };
    cell.world.end(&cell.system, "b", &broken()).await;
    cell.shows(["a+ b+ c+"; 3]).await;
    cell.world.end(&cell.system, "b", &broken()).await;
    cell.shows(["a+ b? c+", "a? b? c?", "a+ b? c?"]).await;
    cell.world.forget_events();
    cell
}

impl Cell {
    async fn shows(&self, pictures: Pictures) {
        let strategy = STRATEGIES[self.index];
        assert_eq!(picture(&self.supervisor).await, pictures[self.index], "{strategy:?}");
    }

    /// The wait is over, and whatever follows from that has happened.
    async fn ends_with(&self, pictures: Pictures, started: [&[&str]; 3]) {
        self.env.sleep_until(self.env.now().saturating_add(WAIT * 4)).await;
        self.shows(pictures).await;
        assert_eq!(self.world.started(), started[self.index], "{:?}", STRATEGIES[self.index]);
        self.world.check_no_overlap();
        self.supervisor.stop(soon(&self.system)).await.expect("it stops");
        assert_eq!(self.system.counts().processes, 0);
    }
}

/// Guarantee R3
#[test]
fn undisturbed_the_group_starts_in_order_after_the_wait() {
    sim_seeds(0..6, |env, _| async move {
        for index in 0..3 {
            let cell = Box::pin(waiting(&env, index)).await;
            Box::pin(cell.ends_with(["a+ b+ c+"; 3], [&["b"], &["a", "b", "c"], &["b", "c"]]))
                .await;
        }
    });
}

/// Nobody would ever start those that were to restart with a child that is stopped meanwhile.
///
/// Guarantee R3
#[test]
fn stopping_the_child_that_waits_leaves_its_followers_stopped() {
    sim_seeds(0..6, |env, _| async move {
        for index in 0..3 {
            let cell = Box::pin(waiting(&env, index)).await;
            let role = cell.supervisor.child::<Order>("c").await.expect("it is there");
            cell.supervisor.terminate_child("b").await.expect("it stops waiting");
            let pictures = ["a+ b- c+", "a- b- c-", "a+ b- c-"];
            cell.shows(pictures).await;
            let found = role.wait_current(Deadline::NEVER).await;
            let stopped = matches!(found, Err(Unavailable::Stopped { .. }));
            assert_eq!(stopped, index != 0, "{found:?}");
            Box::pin(cell.ends_with(pictures, [&[], &[], &[]])).await;
        }
    });
}

/// Guarantee R3
#[test]
fn a_follower_that_is_stopped_comes_back_with_the_group() {
    sim_seeds(0..6, |env, _| async move {
        for index in 0..3 {
            let cell = Box::pin(waiting(&env, index)).await;
            cell.supervisor.terminate_child("c").await.expect("it stops");
            cell.shows(["a+ b? c-", "a? b? c-", "a+ b? c-"]).await;
            Box::pin(cell.ends_with(
                ["a+ b+ c-", "a+ b+ c+", "a+ b+ c+"],
                [&["b"], &["a", "b", "c"], &["b", "c"]],
            ))
            .await;
        }
    });
}

/// Guarantee R3
#[test]
fn what_a_call_starts_meanwhile_is_stopped_before_the_group_starts() {
    sim_seeds(0..6, |env, _| async move {
        for index in 0..3 {
            let cell = Box::pin(waiting(&env, index)).await;
            cell.supervisor.terminate_child("c").await.expect("it stops");
            cell.supervisor.restart_child("c").await.expect("it starts");
            cell.supervisor.start_child(cell.world.spec("d")).await.expect("it starts");
            cell.shows(["a+ b? c+ d+", "a? b? c+ d+", "a+ b? c+ d+"]).await;
            Box::pin(cell.ends_with(
                ["a+ b+ c+ d+"; 3],
                [&["c", "d", "b"], &["c", "d", "a", "b", "c", "d"], &["c", "d", "b", "c", "d"]],
            ))
            .await;
        }
    });
}

/// Guarantee R3
#[test]
fn who_waits_can_neither_be_restarted_nor_deleted() {
    sim_seeds(0..4, |env, _| async move {
        for index in 0..3 {
            let cell = Box::pin(waiting(&env, index)).await;
            let children = cell.supervisor.which_children().await.expect("it lives");
            for child in children {
                let waits = child.state == foundation_supervisor::ChildState::Restarting;
                let again = [
                    cell.supervisor.restart_child(Arc::clone(&child.id)).await.map(drop),
                    cell.supervisor.delete_child(Arc::clone(&child.id)).await,
                    cell.supervisor.start_child(cell.world.spec_as(child.id, "a")).await.map(drop),
                ];
                for answer in again {
                    assert_eq!(matches!(answer, Err(SupervisorError::Restarting { .. })), waits);
                    assert_eq!(matches!(answer, Err(SupervisorError::Running { .. })), !waits);
                }
            }
            Box::pin(cell.ends_with(["a+ b+ c+"; 3], [&["b"], &["a", "b", "c"], &["b", "c"]]))
                .await;
        }
    });
}

/// The first restart of another child does not wait. Where it takes the one that waits along, that one's own
/// restart is over; otherwise each is restarted for itself.
///
/// Guarantee R3
#[test]
fn a_death_meanwhile_restarts_whom_it_takes_along_once() {
    sim_seeds(0..6, |env, _| async move {
        for index in 0..3 {
            for death in [broken(), Death::Panic, Death::Exit(ExitReason::Killed)] {
                let cell = Box::pin(waiting(&env, index)).await;
                // With one_for_all, the second, nobody runs until a call has started somebody.
                let victim = if index == 1 {
                    cell.supervisor.start_child(cell.world.spec("d")).await.expect("it starts");
                    "d"
                } else {
                    "a"
                };
                cell.world.forget_events();
                cell.world.end(&cell.system, victim, &death).await;
                cell.shows(["a+ b? c+", "a+ b+ c+ d+", "a+ b+ c+"]).await;
                Box::pin(cell.ends_with(
                    ["a+ b+ c+", "a+ b+ c+ d+", "a+ b+ c+"],
                    [&["a", "b"], &["a", "b", "c", "d"], &["a", "b", "c"]],
                ))
                .await;
            }
        }
    });
}

/// Guarantee R3
#[test]
fn a_supervisor_that_is_stopped_meanwhile_starts_nobody() {
    sim_seeds(0..6, |env, seed| async move {
        for index in 0..3 {
            let cell = Box::pin(waiting(&env, index)).await;
            let pid = cell.supervisor.pid().expect("it runs");
            if seed % 2 == 0 {
                cell.supervisor.stop(soon(&cell.system)).await.expect("it stops");
            } else {
                cell.system.kill(pid);
            }
            wait_for(&env, "an empty system", soon(&cell.system), || {
                match cell.system.counts().processes {
                    0 => Ok(()),
                    left => Err(left),
                }
            })
            .await;
            env.sleep_until(env.now().saturating_add(WAIT * 2)).await;
            assert_eq!(cell.world.started(), [""; 0]);
        }
    });
}

/// Guarantee R3
#[test]
fn a_wait_that_was_taken_back_does_not_shorten_the_next() {
    sim_seeds(0..10, |env, _| async move {
        let cell = Box::pin(waiting(&env, 0)).await;
        env.sleep_until(env.now().saturating_add(WAIT / 2)).await;
        cell.supervisor.terminate_child("b").await.expect("it stops waiting");
        cell.supervisor.restart_child("b").await.expect("it starts");
        let died = env.now();
        cell.world.end(&cell.system, "b", &broken()).await;
        cell.shows(["a+ b? c+"; 3]).await;
        cell.world.forget_events();
        let back = || (cell.world.started() == ["b"]).then_some(()).ok_or("it is down");
        wait_for(&env, "the restart", soon(&cell.system), back).await;
        let waited = env.now().saturating_duration_since(died);
        assert!(waited >= WAIT, "{waited:?} of {WAIT:?}");
        Box::pin(cell.ends_with(["a+ b+ c+"; 3], [&["b"], &[], &[]])).await;
    });
}
