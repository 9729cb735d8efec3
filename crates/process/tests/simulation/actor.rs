//! The process of the random workloads: it obeys and writes down what it sees.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foundation_process::{Address, CallError, Context, Outcome, Process, Reply, Signal};
use foundation_types::{ExitReason, MonitorId, Pid, TimerId};

/// What an actor saw.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    /// The `n`th message of a sender: a process, or a driver without a pid.
    Message {
        from: Option<Pid>,
        driver: u64,
        n: u64,
    },
    Exit(Pid, String),
    /// An exit signal from outside of processes; it bears the pid of its receiver.
    Told(String),
    Down(MonitorId, Pid, String),
    Timer(u64),
    Placed(MonitorId, Pid),
    Demonitored(MonitorId),
    Linked(Pid),
    Unlinked(Pid),
}

/// What all actors and drivers of one run write down, in the order in which it happened.
#[derive(Clone, Default)]
pub(crate) struct Book(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    seen: Vec<(u64, Seen)>,
    /// Messages whose handling was begun.
    begun: u64,
    /// Messages that were surely accepted.
    accepted: u64,
    /// Calls that were cut off, so that nobody knows whether their message was accepted.
    cut_off: u64,
    numbers: BTreeMap<Pid, u64>,
    dropped: BTreeSet<u64>,
    released: BTreeSet<u64>,
    violations: Vec<String>,
}

/// The books at the end of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) accepted: u64,
    pub(crate) cut_off: u64,
    pub(crate) begun: u64,
}

impl Book {
    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Enters a process that has just been spawned, with an exit hook that the book knows of.
    pub(crate) fn enter(&self, address: &Address<Command>, number: u64) {
        let (pid, book) = (address.pid(), self.clone());
        self.with(|inner| inner.numbers.insert(pid, number));
        let hook = move |_: &_| book.with(|inner| inner.released.extend([number]));
        address.system().add_exit_hook(pid, hook).expect("it has not run yet");
    }

    pub(crate) fn note(&self, actor: u64, seen: Seen) {
        if let Seen::Exit(pid, _) | Seen::Down(_, pid, _) = &seen {
            self.check_gone(*pid);
        }
        self.with(|inner| inner.seen.push((actor, seen)));
    }

    /// Called by whoever has learned of a death.
    pub(crate) fn check_gone(&self, pid: Pid) {
        self.with(|inner| {
            let Some(number) = inner.numbers.get(&pid) else { return };
            if !inner.dropped.contains(number) {
                inner.violations.push(format!("{pid} is known to be dead and keeps its state"));
            }
            if !inner.released.contains(number) {
                inner.violations.push(format!("{pid} is known to be dead before its hooks ran"));
            }
        });
    }

    pub(crate) fn violation(&self, text: String) {
        self.with(|inner| inner.violations.push(text));
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.with(|inner| inner.violations.clone())
    }

    pub(crate) fn take(&self) -> Vec<(u64, Seen)> {
        self.with(|inner| std::mem::take(&mut inner.seen))
    }

    pub(crate) fn has_seen(&self, what: &Seen) -> bool {
        self.with(|inner| inner.seen.iter().any(|(_, seen)| seen == what))
    }

    /// Counts a message as perhaps accepted, until it is known.
    pub(crate) fn cut_off(&self) -> CutOff<'_> {
        CutOff(Some(self))
    }

    pub(crate) fn accept(&self) {
        self.with(|inner| inner.accepted += 1);
    }

    pub(crate) fn totals(&self) -> Totals {
        self.with(|inner| Totals {
            accepted: inner.accepted,
            cut_off: inner.cut_off,
            begun: inner.begun,
        })
    }

    /// Calls with a deadline, and holds the call to it.
    pub(crate) async fn call(&self, to: &Address<Command>, keep: bool, timeout: Duration) {
        let system = to.system();
        let deadline = system.deadline(timeout);
        let unknown = self.cut_off();
        let outcome = if keep {
            to.call_until(Command::Keep, deadline).await
        } else {
            to.call_until(|reply| Command::Echo(1, reply), deadline).await
        };
        unknown.known();
        let late = system.env().now().saturating_duration_since(deadline.instant().unwrap());
        // Deadlines are served by the tick, a millisecond; the wait for room and the wait for the
        // answer may each be a tick late.
        if late > Duration::from_millis(2) {
            self.violation(format!("a call ended {late:?} after its deadline: {outcome:?}"));
        }
        match outcome {
            Ok(_) | Err(CallError::Timeout | CallError::NoReply) => self.accept(),
            Err(CallError::Exited(_)) => {
                self.accept();
                self.check_gone(to.pid());
            }
            Err(CallError::NoProcess) => self.check_gone(to.pid()),
            Err(_) => {}
        }
    }
}

/// Counts a call that is dropped before it came to an end.
pub(crate) struct CutOff<'a>(Option<&'a Book>);

impl CutOff<'_> {
    pub(crate) fn known(mut self) {
        self.0 = None;
    }
}

impl Drop for CutOff<'_> {
    fn drop(&mut self) {
        if let Some(book) = self.0 {
            book.with(|inner| inner.cut_off += 1);
        }
    }
}

pub(crate) enum Command {
    Message {
        from: Option<Pid>,
        driver: u64,
        n: u64,
    },
    Echo(u64, Reply<u64>),
    /// The port is kept, and dropped with the state.
    Keep(Reply<u64>),
    Link(Pid),
    Unlink(Pid),
    Monitor(Pid),
    /// Takes back the `n`th monitor that still stands.
    Demonitor(usize),
    Timer(Duration, u64),
    /// Ticks at an interval.
    Every(Duration),
    Tick,
    Cancel(usize),
    Fired(u64),
    /// Sends its next message to another process.
    Send(Address<Command>),
    /// Calls another process, which keeps the reply port or answers.
    Call(Address<Command>, bool, Duration),
    /// Sends so many messages without waiting, and ends.
    Farewell(Address<Command>, u64),
    /// Gives way so many times.
    Yield(u32),
    Stop(ExitReason),
    Fail(ExitReason),
    Panic,
}

/// For broadcasts, which copy what they send.
impl Clone for Command {
    fn clone(&self) -> Self {
        match self {
            Self::Message { from, driver, n } => {
                Self::Message { from: *from, driver: *driver, n: *n }
            }
            _ => panic!("only messages are sent to many"),
        }
    }
}

pub(crate) struct Actor {
    pub(crate) number: u64,
    pub(crate) traps: bool,
    pub(crate) book: Book,
    kept: Vec<Reply<u64>>,
    monitors: Vec<MonitorId>,
    timers: Vec<(TimerId, u64)>,
    sent: u64,
}

impl Actor {
    pub(crate) fn new(number: u64, traps: bool, book: &Book) -> Self {
        Self {
            number,
            traps,
            book: book.clone(),
            kept: Vec::new(),
            monitors: Vec::new(),
            timers: Vec::new(),
            sent: 0,
        }
    }

    fn note(&self, seen: Seen) {
        self.book.note(self.number, seen);
    }

    fn own_table(&mut self, command: &Command, context: &mut Context<Command>) -> Outcome {
        match command {
            Command::Link(pid) => {
                context.link(*pid)?;
                self.note(Seen::Linked(*pid));
            }
            Command::Unlink(pid) => {
                context.unlink(*pid);
                self.note(Seen::Unlinked(*pid));
            }
            Command::Monitor(pid) => {
                let id = context.monitor(*pid)?;
                self.monitors.push(id);
                self.note(Seen::Placed(id, *pid));
            }
            Command::Demonitor(at) if !self.monitors.is_empty() => {
                let id = self.monitors.remove(at % self.monitors.len());
                assert!(context.demonitor(id), "a monitor that has not fired stands");
                self.note(Seen::Demonitored(id));
            }
            Command::Timer(delay, n) => {
                let id = context.send_after(*delay, Command::Fired(*n))?;
                self.timers.push((id, *n));
            }
            Command::Every(period) => {
                let id = context.send_interval(*period, || Command::Tick)?;
                self.timers.push((id, u64::MAX));
            }
            Command::Cancel(at) if !self.timers.is_empty() => {
                let (id, _) = self.timers.remove(at % self.timers.len());
                assert!(context.cancel_timer(id), "a timer that has not been handled stands");
            }
            _ => {}
        }
        Ok(())
    }

    async fn reach_out(&mut self, command: Command, context: &mut Context<Command>) -> Outcome {
        match command {
            Command::Send(to) => {
                self.sent += 1;
                let message =
                    Command::Message { from: Some(context.pid()), driver: 0, n: self.sent };
                let deadline = context.deadline(Duration::from_millis(20));
                if to.send_until(message, deadline).await.is_ok() {
                    self.book.accept();
                }
            }
            Command::Call(to, keep, timeout) => {
                let book = self.book.clone();
                book.call(&to, keep, timeout).await;
            }
            Command::Yield(times) => {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.book.with(|inner| inner.dropped.extend([self.number]));
    }
}

impl Process for Actor {
    type Message = Command;

    async fn init(&mut self, context: &mut Context<Command>) -> Outcome {
        context.trap_exit(self.traps);
        Ok(())
    }

    async fn handle(&mut self, message: Command, context: &mut Context<Command>) -> Outcome {
        if !matches!(message, Command::Fired(_) | Command::Tick) {
            self.book.with(|inner| inner.begun += 1);
        }
        match message {
            Command::Message { from, driver, n } => self.note(Seen::Message { from, driver, n }),
            Command::Echo(n, reply) => reply.send(n),
            Command::Keep(reply) => self.kept.push(reply),
            Command::Fired(n) => {
                self.timers.retain(|(_, other)| *other != n);
                self.note(Seen::Timer(n));
            }
            Command::Stop(reason) => context.stop(reason),
            Command::Fail(reason) => return Err(reason),
            Command::Panic => panic!("planted by the workload"),
            Command::Farewell(to, count) => {
                for _ in 0..count {
                    self.sent += 1;
                    let from = Some(context.pid());
                    let message = Command::Message { from, driver: 0, n: self.sent };
                    if to.try_send(message).is_ok() {
                        self.book.accept();
                    }
                }
                return Err(ExitReason::SHUTDOWN);
            }
            Command::Send(_) | Command::Call(..) | Command::Yield(_) => {
                return self.reach_out(message, context).await;
            }
            other => return self.own_table(&other, context),
        }
        Ok(())
    }

    async fn handle_signal(&mut self, signal: Signal, context: &mut Context<Command>) -> Outcome {
        match signal {
            Signal::Exit { from, reason } if from == context.pid() => {
                self.note(Seen::Told(reason.kind().to_owned()));
            }
            Signal::Exit { from, reason } => self.note(Seen::Exit(from, reason.kind().to_owned())),
            Signal::Down { monitor, pid, reason } => {
                self.monitors.retain(|id| *id != monitor);
                self.note(Seen::Down(monitor, pid, reason.kind().to_owned()));
            }
            _ => {}
        }
        Ok(())
    }
}
