//! A child that does what the test says, and a world that sees everything it does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use foundation_env::sync::Mutex;
use foundation_process::{Address, Context, Outcome, Process, Reply, System};
use foundation_supervisor::{ChildSpec, ChildState, SupervisorRef};
use foundation_types::{Code, Deadline, Error, ExitReason, Pid};

/// What happened, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    Started(&'static str),
    FailedToStart(&'static str),
    Hanging(&'static str),
    Terminating(&'static str),
    Gone(&'static str),
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    alive: BTreeMap<&'static str, usize>,
    pids: BTreeMap<&'static str, Pid>,
    failures: BTreeMap<&'static str, u32>,
    hangs: BTreeMap<&'static str, bool>,
    slow: BTreeMap<&'static str, Duration>,
    overlaps: Vec<&'static str>,
}

/// Shared by a test and its probes.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

impl World {
    pub(crate) fn spec(&self, name: &'static str) -> ChildSpec {
        self.spec_as(name, name)
    }

    /// A child with an id of its own, whose events show `name`.
    pub(crate) fn spec_as(&self, id: impl Into<Arc<str>>, name: &'static str) -> ChildSpec {
        let world = self.clone();
        ChildSpec::new(id, move || Probe { name, world: world.clone(), lives: false })
    }

    /// The next `times` starts of a child fail.
    pub(crate) fn fail_starts(&self, name: &'static str, times: u32) {
        self.0.lock().failures.insert(name, times);
    }

    /// The `init` of a child never ends, or does again.
    pub(crate) fn hang_starts(&self, name: &'static str, hang: bool) {
        self.0.lock().hangs.insert(name, hang);
    }

    /// The `terminate` hook of a child takes so long.
    pub(crate) fn slow_end(&self, name: &'static str, time: Duration) {
        self.0.lock().slow.insert(name, time);
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().events.clone()
    }

    pub(crate) fn forget_events(&self) {
        self.0.lock().events.clear();
    }

    /// Names in the order in which they started.
    pub(crate) fn started(&self) -> Vec<&'static str> {
        let started = |event: &Event| match event {
            Event::Started(name) => Some(*name),
            _ => None,
        };
        self.0.lock().events.iter().filter_map(started).collect()
    }

    /// How many starts there were.
    pub(crate) fn starts(&self) -> u64 {
        let state = self.0.lock();
        state.events.iter().filter(|event| matches!(event, Event::Started(_))).count() as u64
    }

    /// Names in the order in which their state was dropped.
    pub(crate) fn gone(&self) -> Vec<&'static str> {
        let gone = |event: &Event| match event {
            Event::Gone(name) => Some(*name),
            _ => None,
        };
        self.0.lock().events.iter().filter_map(gone).collect()
    }

    pub(crate) fn living(&self) -> Vec<&'static str> {
        let state = self.0.lock();
        state.alive.iter().filter(|(_, count)| **count > 0).map(|(name, _)| *name).collect()
    }

    pub(crate) fn pid(&self, name: &'static str) -> Pid {
        *self.0.lock().pids.get(name).expect("the child has started")
    }

    /// No two processes of one child ever lived at the same time.
    pub(crate) fn check_no_overlap(&self) {
        assert_eq!(
            self.0.lock().overlaps,
            [""; 0],
            "a replacement started before the old one was gone"
        );
    }

    pub(crate) fn address(&self, system: &System, name: &'static str) -> Address<Order> {
        system.address(self.pid(name)).expect("the child is alive")
    }

    /// Makes a child die in some way and waits until it is Dead.
    pub(crate) async fn end(&self, system: &System, name: &'static str, death: &Death) {
        let address = self.address(system, name);
        let monitor = system.monitor(address.pid());
        match death {
            Death::Exit(ExitReason::Killed) => {
                system.kill(address.pid());
            }
            Death::Exit(reason) => address.send(Order::Exit(reason.clone())).await.expect("alive"),
            Death::Panic => address.send(Order::Panic).await.expect("alive"),
        }
        monitor.await;
    }
}

/// A way of dying.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Death {
    Exit(ExitReason),
    Panic,
}

impl Death {
    pub(crate) fn all() -> Vec<Self> {
        vec![
            Self::Exit(ExitReason::Normal),
            Self::Exit(ExitReason::SHUTDOWN),
            Self::Exit(ExitReason::shutdown_because("enough")),
            Self::Exit(ExitReason::Killed),
            broken(),
            Self::Panic,
        ]
    }

    pub(crate) fn is_orderly(&self) -> bool {
        matches!(self, Self::Exit(ExitReason::Normal | ExitReason::Shutdown(_)))
    }
}

pub(crate) fn broken() -> Death {
    Death::Exit(ExitReason::error(Error::new(Code::InternalError, "broken")))
}

/// What a test tells a probe.
pub(crate) enum Order {
    Exit(ExitReason),
    Panic,
    /// Never return from the handler.
    Hang,
    /// Take back the link with the supervisor.
    Unlink(Pid, Reply<()>),
    Pid(Reply<Pid>),
}

struct Probe {
    name: &'static str,
    world: World,
    lives: bool,
}

impl Process for Probe {
    type Message = Order;

    async fn init(&mut self, context: &mut Context<Order>) -> Outcome {
        let env = context.system().env().clone();
        env.fault_point("probe.init").await;
        let hang = self.world.0.lock().hangs.get(self.name).copied().unwrap_or(false);
        if hang {
            std::future::pending::<()>().await;
        }
        let mut state = self.world.0.lock();
        if let Some(failures) = state.failures.get_mut(self.name)
            && *failures > 0
        {
            *failures -= 1;
            state.events.push(Event::FailedToStart(self.name));
            return Err(ExitReason::error(Error::new(Code::InternalError, "told to fail")));
        }
        let alive = state.alive.entry(self.name).or_default();
        *alive += 1;
        if *alive > 1 {
            state.overlaps.push(self.name);
        }
        self.lives = true;
        state.pids.insert(self.name, context.pid());
        state.events.push(Event::Started(self.name));
        Ok(())
    }

    async fn handle(&mut self, order: Order, context: &mut Context<Order>) -> Outcome {
        match order {
            Order::Exit(reason) => return Err(reason),
            Order::Panic => panic!("told to panic"),
            Order::Hang => {
                self.world.0.lock().events.push(Event::Hanging(self.name));
                std::future::pending::<()>().await;
            }
            Order::Unlink(supervisor, reply) => {
                context.unlink(supervisor);
                reply.send(());
            }
            Order::Pid(reply) => reply.send(context.pid()),
        }
        Ok(())
    }

    async fn terminate(&mut self, _: &ExitReason, context: &mut Context<Order>) {
        let slow = {
            let mut state = self.world.0.lock();
            state.events.push(Event::Terminating(self.name));
            state.slow.get(self.name).copied()
        };
        let env = context.system().env();
        env.fault_point("probe.terminate").await;
        if let Some(slow) = slow {
            env.sleep_until(env.now().saturating_add(slow)).await;
        }
    }

    fn terminate_budget(&self) -> Option<Duration> {
        None
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if self.lives {
            let mut state = self.world.0.lock();
            *state.alive.entry(self.name).or_default() -= 1;
            state.events.push(Event::Gone(self.name));
        }
    }
}

pub(crate) fn soon(system: &System) -> Deadline {
    system.deadline(Duration::from_mins(2))
}

/// The children of a supervisor as text: `a+ b? c-` for running, restarting and stopped.
pub(crate) async fn picture(supervisor: &SupervisorRef) -> String {
    let mut text = String::new();
    for child in supervisor.which_children().await.expect("the supervisor lives") {
        let sign = match child.state {
            ChildState::Running(_) => '+',
            ChildState::Restarting => '?',
            _ => '-',
        };
        let gap = if text.is_empty() { "" } else { " " };
        write!(text, "{gap}{}{sign}", child.id).expect("a string takes all");
    }
    text
}
