//! What the tests of Elixir's `Registry` observe, asked of ours. Where the answer is another one by design, the
//! test says so, and `docs/REGISTRY.md` says why.
//!
//! Elixir runs each of its tests with one partition and with eight. We have no partitions to choose: here each test
//! runs in a namespace of its own, alone and beside one that is full of other entries.

mod keys;
mod life;
mod many;
mod values;

use std::sync::{Arc, Mutex, PoisonError};

use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::{Address, Context, Outcome, Process};
use foundation_registry::{Limits, Metadata, Query, Registration, invariants};
use foundation_types::Pid;

use crate::world::{World, can, name};

const SPACE: &str = "agents";
const ELSEWHERE: &str = "elsewhere";
/// Entries of the other namespace.
const OTHERS: u32 = 70;

/// Runs a test alone and beside others, and audits the registry after each.
fn in_world<F: Future<Output = ()>>(test: impl Fn(World) -> F) {
    for is_alone in [true, false] {
        let mut simulation = Simulation::new(1, SimOptions::default());
        let mut world = World::new(simulation.env());
        let mut limits = Limits::default();
        limits.names_per_process_max = 128;
        world.limit(limits);
        let others = if is_alone { 0 } else { OTHERS };
        if !is_alone {
            let owner = world.worker().pid();
            for id in (0..others).map(|number| number.to_string()).chain(["hello".into()]) {
                let taken =
                    world.registry.register(owner, name(ELSEWHERE, &id), can(&["hello", "world"]));
                taken.expect("it is free");
            }
        }
        simulation.block_on(test(world.clone()));
        assert_eq!(invariants::check(&world.registry), []);
        let left = world.registry.count(ELSEWHERE, &query("*"));
        assert_eq!(left, if is_alone { 0 } else { 71 }, "the test changed another namespace");
    }
}

/// A process that keeps the texts it is sent.
#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Vec<String>>>,
}

impl Process for Listener {
    type Message = String;

    async fn handle(&mut self, text: String, _: &mut Context<String>) -> Outcome {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        Ok(())
    }
}

impl Listener {
    fn heard(&self) -> Vec<String> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        heard.sort_unstable();
        heard
    }
}

impl World {
    /// A process that has an id of the tests' namespace.
    fn with(&self, id: &str, metadata: Metadata) -> Pid {
        let pid = self.worker().pid();
        self.take(pid, id, metadata);
        pid
    }

    fn take(&self, pid: Pid, id: &str, metadata: Metadata) {
        self.registry.register(pid, name(SPACE, id), metadata).expect("it is free");
    }

    /// The ids of a process in the tests' namespace.
    fn keys(&self, pid: Pid) -> Vec<String> {
        self.registry.names(pid).iter().map(|name| name.local_id().to_owned()).collect()
    }

    fn select(&self, text: &str) -> Vec<Registration> {
        let mut found = self.registry.query(SPACE, &query(text)).registrations;
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(self.registry.count(SPACE, &query(text)), found.len(), "{text}");
        found
    }

    /// The ids of what a query finds, in order.
    fn ids(&self, text: &str) -> Vec<String> {
        self.select(text).iter().map(|found| found.name.local_id().to_owned()).collect()
    }

    fn listener(&self) -> (Listener, Address<String>) {
        let listener = Listener::default();
        let address = self.system.spawn(listener.clone()).expect("the system takes processes");
        (listener, address)
    }
}

fn query(text: &str) -> Query {
    text.parse().expect("the test's queries can be read")
}

/// A value of three parts, as the original's tests register.
fn value(first: i64, kind: &str, last: i64) -> Metadata {
    let parts = Metadata::builder().custom("first", first).custom("kind", kind);
    parts.custom("last", last).build().expect("it is valid")
}
