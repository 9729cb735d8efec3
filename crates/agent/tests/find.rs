//! What looking for an agent costs. Alone in its binary, because the allocator counts for all threads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foundation_agent::{ActionContext, Agent, Capability, Directory};
use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::System;
use foundation_registry::Registry;
use foundation_testkit::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// The directory once copied the entries of all agents with the capability, for every piece of work that was
/// handed out. Now the registry is asked for one agent, and says one.
#[test]
fn one_of_a_thousand_agents_is_found_without_copying_the_others() {
    let mut simulation = Simulation::new(7, SimOptions::default());
    let env = simulation.env();
    simulation.block_on(async {
        let system = System::new(env);
        let directory = Directory::new(system.clone(), Registry::new(system.clone()), "agents");
        let capability = Capability::new("text.stats").unwrap();
        let actions = Arc::new(BTreeMap::new());
        let mut pids = Vec::new();
        for number in 0..1_000 {
            let name = format!("reader-{number:03}");
            let context = ActionContext::new(".");
            let agent = Agent::new(&*name, Arc::clone(&actions), context, directory.clone());
            let pid = system.spawn(agent).unwrap().pid();
            // Beside the name that the agent will take itself.
            directory.enter(pid, &format!("{name}-able"), [&capability]).unwrap();
            pids.push(pid);
        }
        let busy: BTreeSet<_> = pids.iter().copied().take(10).collect();
        let before = ALLOCATOR.counts().allocations;
        let found = directory.find(&capability, &busy);
        let allocations = ALLOCATOR.counts().allocations - before;
        assert_eq!(found.map(|agent| agent.pid()), pids.get(10).copied());
        assert_eq!(allocations, 0);
    });
}
