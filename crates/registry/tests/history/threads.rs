//! Threads of the operating system that use a registry and write down what they are answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foundation_env::Env;
use foundation_env::sync::thread;
use foundation_registry::{
    BatchError, Entry, Health, Limits, Metadata, NewEntry, Page, Query, RegisterError, Registry,
    UpdateError,
};
use foundation_testkit::{Call, Swarm};
use foundation_types::Pid;

use super::object::{Answer, Name, Of, Operation, Who, plain};
use crate::replay::Replay;
use crate::world::{World, can};

pub(super) const NAMESPACES: [&str; 2] = ["agents", "tools"];

/// Processes of a window: as many as a set in one word has room for.
const PROCESSES_MAX: usize = 64;

/// A query, and what it asks of an entry.
type Question = (&'static str, fn(&Entry) -> bool);

const QUESTIONS: [Question; 4] = [
    ("capability:x", |entry| entry.metadata.has("x")),
    ("health:degraded", |entry| entry.metadata.health() == Health::Degraded),
    ("capability:y health:healthy", |entry| {
        entry.metadata.has("y") && entry.metadata.health() == Health::Healthy
    }),
    ("*", |_| true),
];

pub(super) fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_time().build().expect("a runtime")
}

/// A registry that keeps every change of a window for those who watch.
pub(super) fn world(runtime: &tokio::runtime::Runtime) -> World {
    let _entered = runtime.enter();
    let mut world = World::new(Env::tokio(runtime.handle().clone()));
    let mut limits = Limits::default();
    limits.watch_changes_max = 1 << 20;
    world.limit(limits);
    world
}

/// A query with what it was answered.
pub(super) struct Asked {
    namespace: &'static str,
    question: usize,
    /// The newest revisions before and after.
    around: (u64, u64),
    answer: Result<Page, usize>,
}

impl Asked {
    pub(super) fn check(&self, replay: &Replay) {
        let (_, matches) = QUESTIONS.get(self.question).expect("a question");
        let (before, after) = self.around;
        match &self.answer {
            Ok(page) => {
                let revision = page.revision.get();
                assert!((before..=after).contains(&revision), "{before}, {revision}, {after}");
                replay.check_page(page, matches);
            }
            Err(count) => replay.check_count(*count, self.around, matches),
        }
    }
}

/// What the threads of a window wrote down.
pub(super) struct Recorded {
    pub(super) calls: Vec<Call<Of>>,
    asked: Vec<Asked>,
    pub(super) pids: Vec<Pid>,
}

impl Recorded {
    pub(super) fn of_name(&self, name: Name) -> Vec<Call<Operation>> {
        self.calls.iter().filter(|call| call.operation.name == name).map(plain).collect()
    }

    /// The changes of a namespace, with the revisions they were given.
    pub(super) fn changes(&self, namespace: &str) -> impl Iterator<Item = (&Call<Of>, u64)> {
        let here = self.calls.iter().filter(move |call| call.operation.name.namespace == namespace);
        here.filter_map(|call| Some((call, call.operation.revision()?)))
    }

    pub(super) fn asked(&self, namespace: &str) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(move |asked| asked.namespace == namespace)
    }

    pub(super) fn pid(&self, who: Who) -> Pid {
        *self.pids.get(usize::from(who)).expect("a process of the window")
    }
}

/// What the threads share.
struct Shared {
    world: World,
    ticks: AtomicU64,
    processes: Mutex<Processes>,
}

/// All processes of a window, by number, and which of them nobody has killed.
#[derive(Default)]
struct Processes {
    pids: Vec<Pid>,
    living: Vec<Who>,
}

impl Shared {
    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::AcqRel)
    }

    fn processes(&self) -> MutexGuard<'_, Processes> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self) {
        let mut processes = self.processes();
        if processes.pids.len() < PROCESSES_MAX {
            let who = Who::try_from(processes.pids.len()).expect("few");
            processes.pids.push(self.world.worker().pid());
            processes.living.push(who);
        }
    }

    fn who(&self, pid: Pid) -> Who {
        let at = self.processes().pids.iter().position(|other| *other == pid);
        Who::try_from(at.expect("a process of the window")).expect("few")
    }
}

/// One thread.
struct Client {
    shared: Arc<Shared>,
    handle: tokio::runtime::Handle,
    swarm: Swarm,
    queries: Vec<Query>,
    calls: Vec<Call<Of>>,
    asked: Vec<Asked>,
    /// The last registration that was found, for an update against it.
    last: Option<(Name, Pid, foundation_registry::Revision)>,
}

/// Lets so many threads take so many steps each.
pub(super) fn record(
    runtime: &tokio::runtime::Runtime,
    world: &World,
    (threads, steps): (u64, u64),
    seed: u64,
) -> Recorded {
    let (world, ticks, processes) = (world.clone(), AtomicU64::new(1), Mutex::default());
    let shared = Arc::new(Shared { world, ticks, processes });
    (0..4).for_each(|_| shared.spawn());
    let clients: Vec<_> = (0..threads)
        .map(|thread| {
            let (shared, handle) = (Arc::clone(&shared), runtime.handle().clone());
            let swarm = Swarm::new(seed * 64 + thread);
            thread::spawn(move || Client::new(shared, handle, swarm).run(steps))
        })
        .collect();
    let (mut calls, mut asked) = (Vec::new(), Vec::new());
    for client in clients {
        let mut client = client.join().expect("no thread is disturbed");
        calls.append(&mut client.calls);
        asked.append(&mut client.asked);
    }
    let pids = shared.processes().pids.clone();
    Recorded { calls, asked, pids }
}

impl Client {
    fn new(shared: Arc<Shared>, handle: tokio::runtime::Handle, swarm: Swarm) -> Self {
        let queries = QUESTIONS.iter().map(|(text, _)| text.parse().expect("a query")).collect();
        let (calls, asked, last) = (Vec::new(), Vec::new(), None);
        Self { shared, handle, swarm, queries, calls, asked, last }
    }

    fn run(mut self, steps: u64) -> Self {
        for _ in 0..steps {
            self.step(steps);
        }
        self
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        *self.swarm.choose(items).expect("there are some")
    }

    fn name(&mut self) -> Name {
        let all: Vec<_> = Name::all().collect();
        self.of(&all)
    }

    /// A process, mostly one that lives.
    fn process(&mut self) -> (Who, Pid) {
        let any = self.swarm.chance(0.1);
        let processes = self.shared.processes();
        let newest = processes.pids.len() - 1;
        let among = if any { None } else { self.swarm.choose(&processes.living).copied() };
        let who = among.unwrap_or_else(|| {
            Who::try_from(self.swarm.range(0..=u64::try_from(newest).expect("few"))).expect("few")
        });
        (who, *processes.pids.get(usize::from(who)).expect("it is there"))
    }

    fn metadata(&mut self) -> Metadata {
        let chosen: Vec<_> = ["x", "y"].into_iter().filter(|_| self.swarm.chance(0.5)).collect();
        can(&chosen).with_health(self.of(&[Health::Healthy, Health::Degraded]))
    }

    /// Calls, and writes down when.
    fn timed<R>(&self, call: impl FnOnce(&Registry) -> R) -> (u64, R, u64) {
        let invoked = self.shared.tick();
        let answer = call(&self.shared.world.registry);
        (invoked, answer, self.shared.tick())
    }

    fn note(&mut self, name: Name, (invoked, returned): (u64, u64), operation: Operation) {
        self.calls.push(Call { invoked, returned, operation: Of { name, operation } });
    }

    fn step(&mut self, steps: u64) {
        // About as many deaths as there may be processes, whatever the number of steps.
        if self.swarm.chance(8.0 / f64::from(u32::try_from(steps).expect("not so many"))) {
            return self.kill();
        }
        match self.of(&[0, 0, 1, 1, 2, 3, 4, 5, 5, 6, 6, 7, 8, 9]) {
            0 => self.register(),
            1 => self.unregister(),
            2 => self.replace(),
            3 => self.hand_over(),
            4 => self.register_two(),
            5 => self.whereis(),
            6 => self.lookup(),
            7 => self.update(),
            _ => self.ask(),
        }
    }

    fn register(&mut self) {
        let (name, (who, pid), metadata) = (self.name(), self.process(), self.metadata());
        let (from, done, to) = self.timed(|registry| registry.register(pid, name.name(), metadata));
        let answer = match done {
            Ok(revision) => Answer::At(revision.get()),
            Err(error) => self.refused(&error),
        };
        self.note(name, (from, to), Operation::Register { pid: who, answer });
    }

    /// Two names of one namespace at one revision, or neither.
    fn register_two(&mut self) {
        let (first, second) = (self.name(), self.name());
        if first == second || first.namespace != second.namespace {
            return;
        }
        let processes = [self.process(), self.process()];
        let batch = [first, second].into_iter().zip(processes).map(|(name, (_, pid))| NewEntry {
            pid,
            name: name.name(),
            metadata: can(&["x"]),
        });
        let batch = batch.collect();
        let (from, done, to) = self.timed(|registry| registry.register_all(batch));
        let answers: Vec<_> = match done {
            Ok(revision) => vec![(0, Answer::At(revision.get())), (1, Answer::At(revision.get()))],
            Err(BatchError::Refused { index, source }) => vec![(index, self.refused(&source))],
            Err(other) => unreachable!("{other}"),
        };
        for (index, answer) in answers {
            let (name, (who, _)) =
                if index == 0 { (first, processes[0]) } else { (second, processes[1]) };
            self.note(name, (from, to), Operation::Register { pid: who, answer });
        }
    }

    fn replace(&mut self) {
        let (name, (who, pid), metadata) = (self.name(), self.process(), self.metadata());
        let (from, done, to) = self.timed(|registry| registry.replace(pid, name.name(), metadata));
        let (answer, before) = match done {
            Ok((revision, before)) => (Answer::At(revision.get()), before),
            Err(error) => (self.refused(&error), None),
        };
        let before = before.map(|found| (self.shared.who(found.pid), found.revision().get()));
        self.note(name, (from, to), Operation::Replace { pid: who, before, answer });
    }

    fn hand_over(&mut self) {
        let (name, (from, old), (to, new)) = (self.name(), self.process(), self.process());
        let (start, done, end) = self.timed(|registry| registry.hand_over(&name.name(), old, new));
        let answer = self.changed(done);
        self.note(name, (start, end), Operation::HandOver { from, to, answer });
    }

    fn unregister(&mut self) {
        let (name, (who, pid)) = (self.name(), self.process());
        let (from, done, to) = self.timed(|registry| registry.unregister(&name.name(), pid));
        let answer = self.changed(done);
        self.note(name, (from, to), Operation::Unregister { pid: who, answer });
    }

    fn update(&mut self) {
        let (Some((name, pid, expected)), metadata) = (self.last, self.metadata()) else { return };
        let (from, done, to) =
            self.timed(|registry| registry.update(&name.name(), pid, expected, metadata));
        let (pid, expected, answer) = (self.shared.who(pid), expected.get(), self.changed(done));
        self.note(name, (from, to), Operation::Change { pid, expected, answer });
    }

    fn whereis(&mut self) {
        let name = self.name();
        let (from, found, to) = self.timed(|registry| registry.whereis(&name.name()));
        let found = found.map(|pid| self.shared.who(pid));
        self.note(name, (from, to), Operation::Whereis(found));
    }

    fn lookup(&mut self) {
        let name = self.name();
        let (from, found, to) = self.timed(|registry| registry.lookup(&name.name()));
        self.last = found.as_ref().map(|found| (name, found.pid, found.revision())).or(self.last);
        let found = found.map(|found| (self.shared.who(found.pid), found.revision().get()));
        self.note(name, (from, to), Operation::Found(found));
    }

    fn ask(&mut self) {
        let namespace = self.of(&NAMESPACES);
        let at = self.of(&[0, 1, 2, 3]);
        let (registry, query) = (&self.shared.world.registry, self.queries.get(at).expect("it"));
        let before = registry.revision(namespace).get();
        let answer = if self.swarm.chance(0.5) {
            Ok(registry.query(namespace, query))
        } else {
            Err(registry.count(namespace, query))
        };
        let around = (before, registry.revision(namespace).get());
        self.asked.push(Asked { namespace, question: at, around, answer });
    }

    /// Kills a process and waits for the news, and lets another one take its place.
    fn kill(&mut self) {
        let mut processes = self.shared.processes();
        if processes.pids.len() >= PROCESSES_MAX {
            return;
        }
        let victim = self.swarm.choose(&processes.living).copied();
        processes.living.retain(|who| Some(*who) != victim);
        drop(processes);
        let Some(who) = victim else { return };
        let pid = *self.shared.processes().pids.get(usize::from(who)).expect("it is there");
        let down = self.shared.world.system.monitor(pid);
        let from = self.shared.tick();
        self.shared.world.system.kill(pid);
        self.handle.block_on(down);
        let to = self.shared.tick();
        for name in Name::all() {
            self.note(name, (from, to), Operation::Leaves(who));
            self.note(name, (from, to), Operation::Gone(who));
        }
        self.shared.spawn();
    }

    fn refused(&self, error: &RegisterError) -> Answer {
        match error {
            RegisterError::AlreadyRegistered { owner, .. } => {
                Answer::Taken(self.shared.who(*owner))
            }
            RegisterError::NoProcess { .. } => Answer::Dying,
            other => unreachable!("{other}"),
        }
    }

    fn changed(&self, done: Result<foundation_registry::Revision, UpdateError>) -> Answer {
        match done {
            Ok(revision) => Answer::At(revision.get()),
            Err(UpdateError::NotRegistered { .. }) => Answer::Missing,
            Err(UpdateError::NotOwner { owner, .. }) => Answer::NotOwner(self.shared.who(owner)),
            Err(UpdateError::Conflict { stands, .. }) => Answer::Conflict(stands.get()),
            Err(UpdateError::Refused { source, .. }) => self.refused(&source),
            Err(other) => unreachable!("{other}"),
        }
    }
}
