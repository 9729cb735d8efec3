//! A supervisor against a plain model of OTP's: random children, orders and deaths, one by one.

use std::collections::BTreeMap;
use std::time::Duration;

use foundation_env::Env;
use foundation_process::System;
use foundation_supervisor::{
    Backoff, ChildState, Restart, Strategy, Supervisor, SupervisorError, SupervisorRef,
};
use foundation_testkit::{sim_options, sim_run};
use foundation_types::ExitReason;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, prop_oneof, proptest};
use proptest::strategy::Strategy as _;

use crate::probe::{Death, World, soon};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

#[derive(Debug, Clone)]
enum Step {
    End(usize, Death),
    FailStarts(usize, u32),
    Terminate(usize),
    Restart(usize),
    Delete(usize),
    Start(usize, Restart),
}

/// What a call answered, as far as both sides can know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    NotFound,
    Running,
    Present,
    NotStarted,
    Gone,
}

impl Answer {
    fn of<T>(result: Result<T, SupervisorError>) -> Self {
        match result {
            Ok(_) => Self::Done,
            Err(SupervisorError::NotFound { .. }) => Self::NotFound,
            Err(SupervisorError::Running { .. }) => Self::Running,
            Err(SupervisorError::AlreadyPresent { .. }) => Self::Present,
            Err(SupervisorError::NotStarted { .. }) => Self::NotStarted,
            Err(SupervisorError::NoAnswer(_)) => Self::Gone,
            Err(other) => panic!("not expected here: {other}"),
        }
    }
}

#[derive(Debug, Clone)]
struct Child {
    name: &'static str,
    restart: Restart,
    up: bool,
}

/// The whole of OTP's supervisor, without processes.
struct Model {
    strategy: Strategy,
    restarts_left: u32,
    children: Vec<Child>,
    failures: BTreeMap<&'static str, u32>,
    started: Vec<&'static str>,
    gone: Vec<&'static str>,
    alive: bool,
}

impl Model {
    fn start(&mut self, index: usize) -> bool {
        let name = self.children[index].name;
        if let Some(failures) = self.failures.get_mut(name)
            && *failures > 0
        {
            *failures -= 1;
            return false;
        }
        self.children[index].up = true;
        self.started.push(name);
        true
    }

    fn stop(&mut self, index: usize) {
        if std::mem::take(&mut self.children[index].up) {
            self.gone.push(self.children[index].name);
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.children.iter().position(|child| child.name == name)
    }

    fn end(&mut self, index: usize, death: &Death) {
        self.stop(index);
        let again = match self.children[index].restart {
            Restart::Permanent => true,
            Restart::Transient => !death.is_orderly(),
            Restart::Temporary => false,
        };
        if again {
            self.restart(self.children[index].name);
        } else if self.children[index].restart == Restart::Temporary {
            self.children.remove(index);
        }
    }

    fn restart(&mut self, mut leader: &'static str) {
        'tries: loop {
            if self.restarts_left == 0 {
                for index in (0..self.children.len()).rev() {
                    self.stop(index);
                }
                self.alive = false;
                return;
            }
            self.restarts_left -= 1;
            let in_group = |children: &[Child], name: &str| {
                let position = |name: &str| children.iter().position(|c| c.name == name);
                match self.strategy {
                    Strategy::OneForOne => name == leader,
                    Strategy::OneForAll => true,
                    Strategy::RestForOne => position(name) >= position(leader),
                }
            };
            let group: Vec<_> = self
                .children
                .iter()
                .map(|child| child.name)
                .filter(|name| in_group(&self.children, name))
                .collect();
            for name in group.iter().rev().filter(|name| **name != leader) {
                let index = self.find(name).expect("in the group");
                self.stop(index);
                if self.children[index].restart == Restart::Temporary {
                    self.children.remove(index);
                }
            }
            for name in group {
                if let Some(index) = self.find(name)
                    && !self.start(index)
                {
                    leader = name;
                    continue 'tries;
                }
            }
            return;
        }
    }

    fn call(&mut self, step: &Step) -> Answer {
        if !self.alive {
            return Answer::Gone;
        }
        match *step {
            Step::Terminate(name) => {
                let Some(index) = self.find(NAMES[name]) else { return Answer::NotFound };
                self.stop(index);
                if self.children[index].restart == Restart::Temporary {
                    self.children.remove(index);
                }
            }
            Step::Restart(name) | Step::Delete(name) => {
                let Some(index) = self.find(NAMES[name]) else { return Answer::NotFound };
                if self.children[index].up {
                    return Answer::Running;
                }
                if matches!(step, Step::Delete(_)) {
                    self.children.remove(index);
                } else if !self.start(index) {
                    return Answer::NotStarted;
                }
            }
            Step::Start(name, restart) => {
                if let Some(index) = self.find(NAMES[name]) {
                    let up = self.children[index].up;
                    return if up { Answer::Running } else { Answer::Present };
                }
                self.children.push(Child { name: NAMES[name], restart, up: false });
                let last = self.children.len() - 1;
                if !self.start(last) {
                    self.children.pop();
                    return Answer::NotStarted;
                }
            }
            Step::End(..) | Step::FailStarts(..) => {}
        }
        Answer::Done
    }

    fn picture(&self) -> Option<String> {
        let sign = |up| if up { '+' } else { '-' };
        let text: Vec<_> =
            self.children.iter().map(|child| format!("{}{}", child.name, sign(child.up))).collect();
        self.alive.then(|| text.join(" "))
    }
}

/// The real children once no restart is going on; none when the supervisor has ended.
async fn settled(env: &Env, supervisor: &SupervisorRef) -> Option<String> {
    loop {
        let children = supervisor.which_children().await.ok()?;
        if children.iter().all(|child| child.state != ChildState::Restarting) {
            let sign = |state| if state == ChildState::Stopped { '-' } else { '+' };
            let text: Vec<_> =
                children.iter().map(|child| format!("{}{}", child.id, sign(child.state))).collect();
            return Some(text.join(" "));
        }
        env.sleep_until(env.now().saturating_add(Duration::from_millis(1))).await;
    }
}

async fn call(supervisor: &SupervisorRef, world: &World, step: &Step) -> Answer {
    match *step {
        Step::Terminate(name) => Answer::of(supervisor.terminate_child(NAMES[name]).await),
        Step::Restart(name) => Answer::of(supervisor.restart_child(NAMES[name]).await),
        Step::Delete(name) => Answer::of(supervisor.delete_child(NAMES[name]).await),
        Step::Start(name, restart) => {
            let spec = world.spec(NAMES[name]).restart(restart);
            Answer::of(supervisor.start_child(spec).await)
        }
        Step::End(..) | Step::FailStarts(..) => Answer::Done,
    }
}

async fn compare(
    env: Env,
    strategy: Strategy,
    restarts_max: u32,
    first: Vec<Restart>,
    steps: Vec<Step>,
) {
    let (world, system) = (World::default(), System::new(env.clone()));
    let mut model = Model {
        strategy,
        restarts_left: restarts_max,
        children: Vec::new(),
        failures: BTreeMap::new(),
        started: Vec::new(),
        gone: Vec::new(),
        alive: true,
    };
    let mut supervisor = Supervisor::new(strategy)
        .backoff(Backoff::NONE)
        .intensity(restarts_max, Duration::from_hours(1));
    for (name, restart) in NAMES.into_iter().zip(first) {
        supervisor = supervisor.child(world.spec(name).restart(restart));
        model.children.push(Child { name, restart, up: false });
        model.start(model.children.len() - 1);
    }
    let supervisor = supervisor.start(&system).await.expect("all start");
    for step in &steps {
        match step {
            Step::End(name, death) => {
                let Some(index) = model.find(NAMES[*name]) else { continue };
                if !model.children[index].up {
                    continue;
                }
                model.end(index, death);
                world.end(&system, NAMES[*name], death).await;
            }
            Step::FailStarts(name, times) => {
                model.failures.insert(NAMES[*name], *times);
                world.fail_starts(NAMES[*name], *times);
            }
            step => {
                let expected = model.call(step);
                assert_eq!(call(&supervisor, &world, step).await, expected, "{step:?}");
            }
        }
        assert_eq!(settled(&env, &supervisor).await, model.picture(), "after {step:?}");
        assert_eq!(world.started(), model.started, "starts after {step:?}");
        assert_eq!(world.gone(), model.gone, "ends after {step:?}");
        world.check_no_overlap();
    }
    let reason = supervisor.stop(soon(&system)).await.expect("it has ended");
    assert_eq!(reason == ExitReason::SHUTDOWN, model.alive, "{reason}");
    assert_eq!(world.living(), [""; 0]);
    assert_eq!(system.counts().processes, 0);
}

fn restart_type() -> impl proptest::strategy::Strategy<Value = Restart> {
    prop_oneof![
        3 => Just(Restart::Permanent),
        2 => Just(Restart::Transient),
        1 => Just(Restart::Temporary),
    ]
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    prop_oneof![
        6 => (name(), proptest::sample::select(Death::all())).prop_map(|(n, d)| Step::End(n, d)),
        3 => (name(), 0..3_u32).prop_map(|(n, times)| Step::FailStarts(n, times)),
        1 => name().prop_map(Step::Terminate),
        1 => name().prop_map(Step::Restart),
        1 => name().prop_map(Step::Delete),
        1 => (name(), restart_type()).prop_map(|(n, restart)| Step::Start(n, restart)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Guarantee R3
    /// Guarantee R4
    #[test]
    fn supervisor_and_model_agree(
        seed in 0..u64::MAX,
        strategy in proptest::sample::select(vec![
            Strategy::OneForOne,
            Strategy::OneForAll,
            Strategy::RestForOne,
        ]),
        restarts_max in 0..8_u32,
        first in vec(restart_type(), 1..5),
        steps in vec(step(), 1..25),
    ) {
        sim_run(seed, sim_options(seed), &|env, _| {
            Box::pin(compare(env, strategy, restarts_max, first.clone(), steps.clone()))
        });
    }
}
