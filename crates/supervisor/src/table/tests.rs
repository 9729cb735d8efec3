use std::time::Duration;

use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::{Context, Outcome, Process, System};
use foundation_testkit::wait_for;
use foundation_types::Pid;

use super::*;
use crate::{ChildSpec, DynamicSupervisor, Strategy, Supervisor};

struct Idle;

impl Process for Idle {
    type Message = ();

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        Ok(())
    }
}

const PERIOD: Duration = Duration::from_secs(5);

/// Kills all children and returns what it takes to restart them: the entries that are looked at, and the
/// polls of processes.
fn restart_all(mut simulation: Simulation, system: &System, top: Pid, work: &[Steps]) -> [u64; 2] {
    let entries = || work.iter().map(Steps::count).sum::<u64>();
    let before = [entries(), simulation.steps()];
    let mut children: Vec<_> = system.processes().into_iter().map(|info| info.pid).collect();
    children.retain(|pid| *pid != top);
    simulation.block_on(async {
        for pid in &children {
            system.kill(*pid);
        }
        let deadline = system.deadline(Duration::from_mins(1));
        wait_for(system.env(), "all restarts", deadline, || {
            let dead = !children.iter().any(|pid| system.is_alive(*pid));
            let processes = system.counts().processes;
            (dead && processes == children.len() + 1).then_some(()).ok_or(processes)
        })
        .await;
    });
    [entries() - before[0], simulation.steps() - before[1]]
}

fn simulate(seed: u64) -> (Simulation, System) {
    let simulation = Simulation::new(seed, SimOptions::default().steps_max(u64::MAX));
    let system = System::new(simulation.env());
    (simulation, system)
}

fn static_steps(children: u64) -> [u64; 2] {
    let (mut simulation, system) = simulate(children);
    let mut supervisor = Supervisor::new(Strategy::OneForOne).intensity(u32::MAX, PERIOD);
    for n in 0..children {
        supervisor = supervisor.child(ChildSpec::new(format!("idle-{n}"), || Idle));
    }
    let work = supervisor.steps();
    let supervisor = simulation.block_on(supervisor.start(&system)).expect("all start");
    restart_all(simulation, &system, supervisor.pid().expect("it runs"), &work)
}

fn dynamic_steps(children: u64) -> [u64; 2] {
    let (mut simulation, system) = simulate(children);
    let supervisor = DynamicSupervisor::new().intensity(u32::MAX, PERIOD);
    let work = supervisor.steps();
    let supervisor = simulation.block_on(async {
        let supervisor = supervisor.start(&system).await.expect("it starts");
        for _ in 0..children {
            supervisor.start_child(ChildSpec::new("idle", || Idle)).await.expect("it starts");
        }
        supervisor
    });
    restart_all(simulation, &system, supervisor.pid().expect("it runs"), &work)
}

/// Beside the polls it counts what a restart looks at, since the length of a poll cannot be seen.
///
/// Guarantee R3
#[test]
fn ten_times_the_deaths_take_at_most_twelve_times_the_steps() {
    for steps in [static_steps, dynamic_steps] {
        let (few, many) = (steps(1_000), steps(10_000));
        for (few, many) in few.into_iter().zip(many) {
            assert!(few >= 1_000 && many >= 10_000, "a restart without a step: {few}, {many}");
            assert!(many <= 12 * few, "{few} steps for 1,000 restarts, {many} for 10,000");
        }
    }
}
