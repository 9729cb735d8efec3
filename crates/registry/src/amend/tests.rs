use std::cell::Cell;

use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::{Context, Outcome, Process, System};
use foundation_types::Pid;

use super::PATCHES_MAX;
use crate::{Health, Metadata, Name, Patch, Registry, UpdateError};

struct Worker;

impl Process for Worker {
    type Message = ();

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        Ok(())
    }
}

fn with_one_entry() -> (Simulation, Registry, Name, Pid) {
    let simulation = Simulation::new(1, SimOptions::default());
    let system = System::new(simulation.env());
    let registry = Registry::new(system.clone());
    let (name, pid) = (Name::new("agents", "a").unwrap(), system.spawn(Worker).unwrap().pid());
    registry.register(pid, name.clone(), Metadata::new(["x"]).unwrap()).unwrap();
    (simulation, registry, name, pid)
}

/// Patches while somebody else is faster so many times.
fn patch_against(faster: usize) -> (Result<(), UpdateError>, usize, Option<bool>) {
    let (_simulation, registry, name, pid) = with_one_entry();
    let tries = Cell::new(0);
    let patch = Patch::new().add_capability("y");
    let patched = registry.patch_with(&name, pid, |metadata, now| {
        if tries.replace(tries.get() + 1) < faster {
            let even = tries.get().is_multiple_of(2);
            let health = if even { Health::Healthy } else { Health::Degraded };
            registry.set_health(&name, pid, health).unwrap();
        }
        patch.apply(metadata, now)
    });
    let is_patched = registry.lookup(&name).map(|found| found.metadata.has("y"));
    (patched.map(drop), tries.get(), is_patched)
}

/// Guarantee L1
#[test]
fn a_patch_is_tried_again_so_often_and_no_more() {
    assert_eq!(patch_against(0), (Ok(()), 1, Some(true)));
    assert_eq!(patch_against(PATCHES_MAX - 1), (Ok(()), PATCHES_MAX, Some(true)));
    let (patched, tries, is_patched) = patch_against(usize::MAX);
    assert!(matches!(patched, Err(UpdateError::Conflict { .. })), "{patched:?}");
    assert_eq!((tries, is_patched), (PATCHES_MAX, Some(false)));
}
