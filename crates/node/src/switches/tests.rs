use foundation_env::sim::{SimOptions, Simulation};
use foundation_flags::{Note, Plan, Value};
use foundation_types::Deadline;

use super::*;

/// Guarantee FL8
#[test]
fn each_flag_switches_what_it_says() {
    let mut simulation = Simulation::new(7, SimOptions::default());
    let env = simulation.env();
    let folder = Path::new("/data");
    let switches = simulation.block_on(Switches::open(env.clone(), folder)).unwrap();
    let system = System::new(env);
    let telemetry = system.telemetry().clone();
    let seen = |switches: &Switches| {
        switches.apply(&system);
        let strict = switches.limits(Limits::default()).strict_supervision;
        (telemetry.propagates_context(), telemetry.spans().is_enabled(), strict)
    };
    assert_eq!(seen(&switches), (false, false, false));
    let flags = [CONTEXT_PROPAGATION, SPANS, STRICT_SUPERVISION];
    let expected = [(true, false, false), (true, true, false), (true, true, true)];
    let note = Note::new("alice", "tried out");
    for (flag, expected) in flags.iter().zip(expected) {
        let set = switches.flags().set(flag.name(), Value::ON, &note, Deadline::NEVER);
        simulation.block_on(set).unwrap();
        assert_eq!(seen(&switches), expected, "{flag:?}");
    }
}

/// Guarantee FL8
#[test]
fn the_example_plan_names_flags_of_the_node() {
    let mut simulation = Simulation::new(7, SimOptions::default());
    let env = simulation.env();
    let switches = simulation.block_on(Switches::open(env, Path::new("/data"))).unwrap();
    let text = include_str!("../../../../examples/rollout/plan.toml");
    let plan = Plan::parse("plan.toml", text, switches.flags().flags().catalogue()).unwrap();
    let named: Vec<&str> = plan.flags().collect();
    let declared = switches.flags().flags().catalogue().flags();
    assert_eq!(named, declared.iter().map(Flag::name).collect::<Vec<_>>());
}
