//! The process that the tests work on: it does what its messages say and writes down what it sees.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use foundation_process::{Address, Context, Outcome, Process, Reply, Signal, System};
use foundation_testkit::sim_seeds;
use foundation_types::{ExitReason, MonitorId, Pid};

pub(crate) type Waits<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a subject saw or did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Note(u64),
    Exit(Pid, ExitReason),
    Down(MonitorId, Pid, ExitReason),
    Terminate(ExitReason),
    Text(&'static str),
}

/// A record of events that outlives its subjects.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Event>>>);

impl Log {
    pub(crate) fn add(&self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    pub(crate) fn read(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The numbers of the notes, in order.
    pub(crate) fn notes(&self) -> Vec<u64> {
        let note = |event: &Event| if let Event::Note(n) = event { Some(*n) } else { None };
        self.read().iter().filter_map(note).collect()
    }

    /// A value that writes `text` when it is dropped.
    pub(crate) fn when_dropped(&self, text: &'static str) -> Dropped {
        Dropped { log: self.clone(), text }
    }
}

pub(crate) struct Dropped {
    log: Log,
    text: &'static str,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.log.add(Event::Text(self.text));
    }
}

/// Panics when it is dropped, after its note, unless the thread is panicking already.
pub(crate) struct PanicsWhenDropped(pub(crate) Dropped);

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped: {}", self.0.text);
    }
}

type Action = Box<dyn FnOnce(&mut Context<Order>) -> Outcome + Send>;

/// What a subject can be told.
pub(crate) enum Order {
    Note(u64),
    Echo(u64, Reply<u64>),
    /// Keeps the port: the call is not answered.
    Keep(Reply<u64>),
    /// Runs a closure as the process.
    Do(Action),
    /// Waits for a future as the process.
    Await(Waits<Outcome>),
    /// Carries a value that nobody looks at.
    Carry(#[expect(dead_code, reason = "only its drop matters")] Box<dyn Any + Send>),
}

pub(crate) fn act(f: impl FnOnce(&mut Context<Order>) -> Outcome + Send + 'static) -> Order {
    Order::Do(Box::new(f))
}

/// The message that makes a process stop.
pub(crate) fn stop(reason: ExitReason) -> Order {
    act(move |context| {
        context.stop(reason);
        Ok(())
    })
}

pub(crate) fn wait(f: impl Future<Output = Outcome> + Send + 'static) -> Order {
    Order::Await(Box::pin(f))
}

pub(crate) fn failure() -> ExitReason {
    ExitReason::from(std::io::Error::other("planted failure"))
}

pub(crate) struct Subject {
    log: Log,
    traps: bool,
    kept: Vec<Reply<u64>>,
    budget: Option<Duration>,
    on_init: Option<Waits<Outcome>>,
    on_terminate: Option<Waits<()>>,
    state: Option<Box<dyn Any + Send>>,
}

impl Subject {
    pub(crate) fn new(log: &Log) -> Self {
        Self {
            log: log.clone(),
            traps: false,
            kept: Vec::new(),
            budget: Some(Duration::from_secs(5)),
            on_init: None,
            on_terminate: None,
            state: None,
        }
    }

    pub(crate) fn traps(mut self) -> Self {
        self.traps = true;
        self
    }

    pub(crate) fn state(mut self, state: impl Any + Send) -> Self {
        self.state = Some(Box::new(state));
        self
    }

    pub(crate) fn on_init(mut self, f: impl Future<Output = Outcome> + Send + 'static) -> Self {
        self.on_init = Some(Box::pin(f));
        self
    }

    pub(crate) fn on_terminate(mut self, f: impl Future<Output = ()> + Send + 'static) -> Self {
        self.on_terminate = Some(Box::pin(f));
        self
    }

    pub(crate) fn budget(mut self, budget: Duration) -> Self {
        self.budget = Some(budget);
        self
    }
}

impl Process for Subject {
    type Message = Order;
    const MESSAGE_KINDS: &'static [&'static str] =
        &["note", "echo", "keep", "do", "await", "carry"];

    fn message_kind(message: &Order) -> usize {
        match message {
            Order::Note(_) => 0,
            Order::Echo(..) => 1,
            Order::Keep(_) => 2,
            Order::Do(_) => 3,
            Order::Await(_) => 4,
            Order::Carry(_) => 5,
        }
    }

    async fn init(&mut self, context: &mut Context<Order>) -> Outcome {
        context.trap_exit(self.traps);
        match self.on_init.take() {
            Some(init) => init.await,
            None => Ok(()),
        }
    }

    async fn handle(&mut self, message: Order, context: &mut Context<Order>) -> Outcome {
        match message {
            Order::Note(n) => self.log.add(Event::Note(n)),
            Order::Echo(n, reply) => reply.send(n),
            Order::Keep(reply) => self.kept.push(reply),
            Order::Do(f) => return f(context),
            Order::Await(f) => return f.await,
            Order::Carry(_) => {}
        }
        Ok(())
    }

    async fn handle_signal(&mut self, signal: Signal, _: &mut Context<Order>) -> Outcome {
        match signal {
            Signal::Exit { from, reason } => self.log.add(Event::Exit(from, reason)),
            Signal::Down { monitor, pid, reason } => {
                self.log.add(Event::Down(monitor, pid, reason));
            }
            _ => {}
        }
        Ok(())
    }

    async fn terminate(&mut self, reason: &ExitReason, _: &mut Context<Order>) {
        self.log.add(Event::Terminate(reason.clone()));
        if let Some(hook) = self.on_terminate.take() {
            hook.await;
        }
    }

    fn terminate_budget(&self) -> Option<Duration> {
        self.budget
    }

    fn inspect(&self) -> String {
        format!("a subject that keeps {} replies", self.kept.len())
    }
}

/// Runs a scenario in a system of its own under several seeds, each twice.
pub(crate) fn simulate<F, Fut>(scenario: F)
where
    F: Fn(System) -> Fut,
    Fut: Future<Output = ()>,
{
    sim_seeds(0..16, |env, _seed| scenario(System::new(env)));
}

/// Lets everything that is ready run, and a second of virtual time pass.
pub(crate) async fn quiesce(system: &System) {
    let env = system.env();
    env.sleep_until(env.now().saturating_add(Duration::from_secs(1))).await;
}

/// A process that has done its init.
pub(crate) async fn start(system: &System, subject: Subject) -> Address<Order> {
    let deadline = system.deadline(Duration::from_secs(1));
    system.process(subject).start(deadline).await.unwrap()
}

/// Runs `f` as the process and gives its result.
pub(crate) async fn ask<T: Send + 'static>(
    address: &Address<Order>,
    f: impl FnOnce(&mut Context<Order>) -> T + Send + 'static,
) -> T {
    let make = |reply: Reply<T>| {
        act(move |context| {
            reply.send(f(context));
            Ok(())
        })
    };
    address.call(make).await.unwrap()
}

/// Polls a future once.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// A door that handlers wait at; it opens for a number of them.
#[derive(Clone)]
pub(crate) struct Gate(Arc<tokio::sync::Semaphore>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(Arc::new(tokio::sync::Semaphore::new(0)))
    }

    pub(crate) fn open(&self, times: usize) {
        self.0.add_permits(times);
    }

    pub(crate) async fn pass(self) -> Outcome {
        self.0.acquire().await?.forget();
        Ok(())
    }

    /// The message that makes a process wait here.
    pub(crate) fn order(&self) -> Order {
        wait(self.clone().pass())
    }
}
