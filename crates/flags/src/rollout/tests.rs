use foundation_env::sim::{SimOptions, Simulation};

use super::*;
use crate::flag::Flag;

const PLAN: &str = include_str!("tests/plan.toml");
const FLAGS: [&str; 7] = [
    "context_propagation",
    "other",
    "registry_watches",
    "rollout_monitoring",
    "sampled_events",
    "spans",
    "strict_supervision",
];
const GOOD: Sample = Sample { error_rate: 0.001, restarts_per_minute: 0.0, latency_ms: 10.0 };
const ALL: [&str; 2] = ["soak", "health"];

fn catalogue() -> Catalogue {
    Catalogue::new(FLAGS.map(|name| Flag::new(name, "what it switches"))).unwrap()
}

struct World {
    simulation: Simulation,
    rollout: Rollout,
    note: Note,
}

impl World {
    fn new() -> Self {
        let mut simulation = Simulation::new(7, SimOptions::default());
        let rollout = Self::open(&mut simulation);
        Self { simulation, rollout, note: Note::new("alice", "because") }
    }

    fn open(simulation: &mut Simulation) -> Rollout {
        let env = simulation.env();
        let opening = DurableFlags::open(env.clone(), "/data", catalogue());
        let flags = simulation.block_on(opening).unwrap();
        let plan = Plan::parse("plan.toml", PLAN, &catalogue()).unwrap();
        Rollout::open(env, flags, plan).unwrap()
    }

    fn restarted(self) -> Self {
        let Self { mut simulation, rollout, note } = self;
        drop(rollout);
        let rollout = Self::open(&mut simulation);
        Self { simulation, rollout, note }
    }

    fn advance(&mut self, waived: &[&str]) -> Result<usize, RolloutError> {
        let advanced = self.rollout.advance(&self.note, waived, Deadline::NEVER);
        self.simulation.block_on(advanced).map(|state| state.stage)
    }

    fn rollback(&mut self, to: usize) -> Result<usize, RolloutError> {
        let back = self.rollout.rollback(to, &self.note, Deadline::NEVER);
        self.simulation.block_on(back).map(|state| state.stage)
    }

    fn observe(&mut self, sample: Sample) -> Observation {
        let observed = self.rollout.observe(sample, Deadline::NEVER);
        self.simulation.block_on(observed).unwrap()
    }

    fn pass(&mut self, length: Duration) {
        let env = self.simulation.env();
        self.simulation.block_on(env.sleep_until(env.now().saturating_add(length)));
    }

    /// The flags that are on.
    fn on(&self) -> Vec<String> {
        let settings = self.rollout.flags.flags().settings();
        settings
            .into_iter()
            .filter(|(_, setting)| setting.value.is_on())
            .map(|(flag, _)| flag)
            .collect()
    }
}

const STAGES: [&[&str]; 6] = [
    &[],
    &["rollout_monitoring"],
    &["registry_watches", "rollout_monitoring"],
    &["context_propagation", "registry_watches", "rollout_monitoring"],
    &["context_propagation", "registry_watches", "rollout_monitoring", "sampled_events", "spans"],
    &[
        "context_propagation",
        "registry_watches",
        "rollout_monitoring",
        "sampled_events",
        "spans",
        "strict_supervision",
    ],
];

/// Guarantee RO1
#[test]
fn each_stage_is_an_exact_set_of_flags_on_every_way_to_it() {
    let mut world = World::new();
    let waived = ["soak", "health", "no_recent_rollback"];
    for (stage, flags) in STAGES.iter().enumerate().skip(1) {
        assert_eq!(world.advance(&waived).unwrap(), stage);
        assert_eq!(world.on(), *flags);
    }
    assert!(matches!(world.advance(&waived), Err(RolloutError::Last { stage: 5 })));
    // By hand, of the plan and not of it.
    let by_hand = |flag| (flag, crate::Edit::Value(Value::OFF));
    let edits = [by_hand("spans"), ("other", crate::Edit::Value(Value::ON))];
    let changed = world.rollout.flags.change(&edits, &world.note, Deadline::NEVER);
    world.simulation.block_on(changed).unwrap();
    assert_eq!(world.rollout.status().drifted, ["spans"]);
    for (to, from) in [(4, 5), (1, 4), (0, 1)] {
        assert_eq!(world.rollout.status().stage, from);
        assert_eq!(world.rollback(to).unwrap(), to);
        let mut expected: Vec<&str> = STAGES[to].to_vec();
        expected.push("other");
        expected.sort_unstable();
        assert_eq!(world.on(), expected, "what is not of the plan is left alone");
        assert!(world.rollout.status().drifted.is_empty());
    }
    let refused = world.rollback(0);
    assert!(matches!(refused, Err(RolloutError::NotBack { stage: 0, to: 0 })), "{refused:?}");
}

/// Guarantee RO2
#[test]
fn a_stage_begins_only_when_every_check_says_so() {
    let mut world = World::new();
    let failed = |world: &mut World, waived: &[&str]| match world.advance(waived) {
        Err(RolloutError::NotReady(not)) => {
            not.failed.into_iter().map(|check| check.name).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(failed(&mut world, &[]), ["health"]);
    world.observe(GOOD);
    assert_eq!(world.advance(&[]).unwrap(), 1);
    assert_eq!(failed(&mut world, &[]), ["soak", "health"], "a stage knows only its own samples");
    world.pass(Duration::from_mins(29));
    world.observe(GOOD);
    assert_eq!(failed(&mut world, &[]), ["soak"]);
    world.observe(Sample { error_rate: 0.06, ..GOOD });
    assert_eq!(failed(&mut world, &[]), ["soak", "health"]);
    world.observe(GOOD);
    world.pass(Duration::from_mins(1));
    assert_eq!(world.advance(&[]).unwrap(), 2);

    // An hour, in whatever unit.
    world.rollback(1).unwrap();
    world.pass(Duration::from_mins(59));
    assert_eq!(failed(&mut world, &ALL), ["no_recent_rollback"]);
    world.pass(Duration::from_mins(1));
    assert_eq!(world.advance(&ALL).unwrap(), 2);
    let emergency = world.rollout.emergency(&world.note, Deadline::NEVER);
    world.simulation.block_on(emergency).unwrap();
    world.pass(Duration::from_mins(30));
    assert_eq!(failed(&mut world, &ALL), ["no_recent_rollback"], "an emergency counts too");

    let check = Check::new("tests", || Err("the tests have not passed".to_owned()));
    world.rollout = world.rollout.with_check(check);
    world.pass(Duration::from_mins(30));
    assert_eq!(failed(&mut world, &ALL), ["tests"]);
    assert_eq!(world.advance(&["soak", "health", "tests"]).unwrap(), 1);
    let last = world.rollout.state().history.pop().unwrap();
    let waived = ["soak", "health", "tests"].map(str::to_owned).to_vec();
    assert_eq!(last.transition, Transition::Advance { waived });
}

/// Guarantee RO3
#[test]
fn bad_samples_in_a_row_take_it_back_once_in_a_cool_down() {
    let mut world = World::new();
    for latency_ms in [12.0, 8.0] {
        assert_eq!(world.observe(Sample { latency_ms, ..GOOD }), Observation::Healthy);
    }
    assert_eq!(world.observe(GOOD), Observation::Baseline { latency_ms: 10.0 });
    world.advance(&ALL).unwrap();
    world.advance(&ALL).unwrap();
    let slow = Sample { latency_ms: 20.5, ..GOOD };
    assert!(matches!(world.observe(slow), Observation::Bad { .. }));
    assert!(matches!(world.observe(slow), Observation::Bad { .. }));
    assert_eq!(world.observe(GOOD), Observation::Healthy, "the row is broken");
    let crashing = Sample { restarts_per_minute: 11.0, ..GOOD };
    let failing = Sample { error_rate: f64::NAN, ..GOOD };
    assert!(matches!(world.observe(slow), Observation::Bad { .. }));
    assert!(matches!(world.observe(crashing), Observation::Bad { .. }));
    let Observation::RollsBack { reasons } = world.observe(failing) else { panic!("it stays") };
    assert!(reasons[0].contains("error rate"), "{reasons:?}");
    assert_eq!(
        (world.rollout.state().stage, world.on()),
        (1, STAGES[1].iter().map(|flag| (*flag).to_owned()).collect())
    );
    let last = world.rollout.state().history.pop().unwrap();
    assert_eq!((last.transition, last.who.as_str()), (Transition::Automatic, "rollout monitor"));

    let world_after = world.restarted();
    let mut world = world_after;
    for _ in 0..2 {
        world.observe(slow);
    }
    let cooling = world.observe(slow);
    assert!(matches!(cooling, Observation::CoolingDown { .. }), "{cooling:?}");
    world.pass(Duration::from_hours(1));
    assert!(matches!(world.observe(slow), Observation::RollsBack { .. }));
    assert_eq!(world.rollout.state().stage, 0);
    for _ in 0..5 {
        assert!(matches!(world.observe(slow), Observation::Bad { .. }), "there is no way back");
    }
}

/// Guarantee RO4
#[test]
fn where_it_stands_outlives_the_program_and_its_history_is_bounded() {
    let mut world = World::new();
    for _ in 0..60 {
        world.advance(&["soak", "health", "no_recent_rollback"]).unwrap();
        world.rollback(0).unwrap();
    }
    world.advance(&["soak", "health", "no_recent_rollback"]).unwrap();
    let state = world.rollout.state();
    assert_eq!((state.history.len(), state.forgotten), (RolloutState::ENTRIES_MAX, 21));
    let mut world = world.restarted();
    assert_eq!(world.rollout.state(), state);
    assert_eq!(world.on(), STAGES[1]);

    // Flags, stage and history are one step: if it cannot be written, none of them moves.
    world.simulation.fail_next_replace(foundation_env::ReplaceFault::Refused);
    let refused = world.advance(&["soak", "health", "no_recent_rollback"]);
    assert!(matches!(refused, Err(RolloutError::Durable(DurableError::NotWritten(_)))));
    assert_eq!((world.rollout.state(), world.on().len()), (state, 1));

    let env = world.simulation.env();
    let other = PLAN.replace("name = \"original\"", "name = \"another\"");
    let plan = Plan::parse("plan.toml", &other, &catalogue()).unwrap();
    let opened = Rollout::open(env, world.rollout.flags.clone(), plan);
    assert!(matches!(opened, Err(RolloutError::OtherPlan { .. })));
}

/// Guarantee RO1
#[test]
fn an_emergency_turns_off_what_is_not_of_the_plan_too() {
    let mut world = World::new();
    world.advance(&ALL).unwrap();
    let set = world.rollout.flags.set("other", Value::ON, &world.note, Deadline::NEVER);
    world.simulation.block_on(set).unwrap();
    let emergency = world.rollout.emergency(&world.note, Deadline::NEVER);
    assert_eq!(world.simulation.block_on(emergency).unwrap().stage, 0);
    assert_eq!(world.on(), [""; 0]);
    let world = world.restarted();
    assert_eq!((world.on().len(), world.rollout.state().stage), (0, 0));
}

/// Guarantee RO5
#[test]
fn a_plan_that_cannot_work_is_refused_with_every_place() {
    let faults = |text: &str| {
        let error = Plan::parse("plan.toml", text, &catalogue()).unwrap_err();
        error.faults.iter().map(|fault| (fault.line, fault.column)).collect::<Vec<_>>()
    };
    let text = "name = \"x\"\n[thresholds]\nerror_rate_max = 1.5\n\n[[stage]]\nname = \"a\"\n\
                flags = { spams = \"on\", spans = \"101%\" }\n[[stage]]\nname = \"a\"\nflags = {}\n";
    assert_eq!(faults(text), [(3, 18), (7, 11), (7, 33), (9, 8)]);
    let error = Plan::parse("plan.toml", text, &catalogue()).unwrap_err().to_string();
    assert!(error.contains("did you mean \"spans\""), "{error}");
    assert_eq!(faults("name = \"x\"\n"), [(1, 8)]);
    assert_eq!(faults("name = \"x\"\nstages = 3\n"), [(2, 1)]);
    assert_eq!(faults("name = "), [(1, 8)]);
}
