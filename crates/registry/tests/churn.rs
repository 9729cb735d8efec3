//! Nothing leaks: after a million registrations that ended in any way every table is empty, and live memory is where
//! it began.
//!
//! Alone in its binary, because the allocator counts for all threads. `FOUNDATION_CYCLES` changes the number of
//! registrations.

#![cfg(test)]

use std::time::Duration;

use foundation_process::{Context, Outcome, Process, System};
use foundation_registry::{Counts, Health, Metadata, Name, Registry, invariants};
use foundation_testkit::{CountingAllocator, wait_for};
use foundation_types::Pid;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// Registrations, each ended by its owner, by another owner or by a death.
const CYCLES: usize = 1_000_000;
/// What the tables keep for reuse grows to its size within so many.
const WARM_UP: usize = 50_000;
/// Processes at one time, and names of each.
const PROCESSES: usize = 50;
const NAMES: usize = 10;
/// What may be kept beyond what was kept after the warm-up: buffers of the runtime that come and go. A leak of
/// one byte in fifteen cycles is more.
const SLACK_BYTES: usize = 64 * 1024;
/// Memory is at rest when so many looks in a row found no less of it.
const LOOKS: u32 = 20;

struct Worker;

impl Process for Worker {
    type Message = ();

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        Ok(())
    }
}

fn name(id: usize) -> Name {
    Name::new("agents", &format!("agent-{id}")).unwrap()
}

/// Of a value that all have, and one that nobody has ever had.
fn metadata(cycle: usize) -> Metadata {
    Metadata::new(["all", &format!("own-{cycle}")]).unwrap()
}

/// Registers [`PROCESSES`] times [`NAMES`] names, each different from the last time; a part of them is changed,
/// replaced, handed over or unregistered, and all end with their owners at the latest.
async fn cycle(system: &System, registry: &Registry, first: usize) {
    let spawn = || system.spawn(Worker).unwrap().pid();
    let pids: Vec<Pid> = (0..PROCESSES).map(|_| spawn()).collect();
    for (at, pid) in pids.iter().enumerate() {
        for own in 0..NAMES {
            let cycle = first + at * NAMES + own;
            let name = name(cycle);
            registry.register(*pid, name.clone(), metadata(cycle)).unwrap();
            let next = pids[(at + 1) % PROCESSES];
            match own {
                0..=2 => drop(registry.unregister(&name, *pid).unwrap()),
                3 => drop(registry.set_health(&name, *pid, Health::Degraded).unwrap()),
                4 => drop(registry.replace(next, name, metadata(cycle + 1)).unwrap()),
                5 => drop(registry.hand_over(&name, *pid, next).unwrap()),
                _ => {}
            }
        }
    }
    assert_eq!(registry.find_by_capability("agents", "all").len(), PROCESSES * (NAMES - 3));
    let downs: Vec<_> = pids.iter().map(|pid| system.monitor(*pid)).collect();
    for pid in &pids {
        assert!(system.kill(*pid));
    }
    for down in downs {
        down.await;
    }
}

/// Waits until live memory has come to rest; gives the fewest live bytes seen.
async fn rest(system: &System, registry: &Registry) -> usize {
    let deadline = system.deadline(Duration::from_secs(30));
    let mut empty = Counts::default();
    empty.namespaces = 1;
    assert_eq!(registry.counts(), empty);
    assert_eq!(invariants::check(registry), []);
    let idle = || match system.counts() {
        counts if counts == foundation_process::Counts::default() => Ok(()),
        counts => Err(format!("{counts:?}")),
    };
    wait_for(system.env(), "every process to be gone", deadline, idle).await;
    let (mut fewest, mut looks) = (usize::MAX, 0);
    wait_for(system.env(), "memory to come to rest", deadline, || {
        let live = ALLOCATOR.counts().live_bytes;
        looks = if live < fewest { 0 } else { looks + 1 };
        fewest = fewest.min(live);
        if looks >= LOOKS { Ok(fewest) } else { Err(format!("{live} bytes, {fewest} before")) }
    })
    .await
}

/// Guarantee S4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_registrations_leave_nothing_behind() {
    let cycles = std::env::var("FOUNDATION_CYCLES").ok();
    let cycles = cycles.map_or(CYCLES, |text| text.parse().expect("a number of registrations"));
    let system = System::current();
    let registry = Registry::new(system.clone()).within(Duration::from_mins(1));
    let step = PROCESSES * NAMES;
    for first in (0..WARM_UP).step_by(step) {
        cycle(&system, &registry, first).await;
    }
    let baseline = rest(&system, &registry).await;
    for first in (WARM_UP..WARM_UP + cycles).step_by(step) {
        cycle(&system, &registry, first).await;
    }
    let live = rest(&system, &registry).await;
    assert!(
        live <= baseline + SLACK_BYTES,
        "memory is not back at the baseline: {live} bytes, {baseline} before {cycles} registrations"
    );
}
