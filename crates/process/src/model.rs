//! Small scenarios for the model checkers: two or three threads around one record.
//!
//! They are built only under `foundation_loom` and `foundation_shuttle` and called by the tests of
//! that name. Processes are stood in for by their records and exit guards, so that a scenario
//! contains the protocol and nothing else; what is driven is the code that production runs.
//!
//! The environment is a simulation that nobody runs: it gives the clock, and keeps what is spawned.

#![expect(clippy::expect_used, clippy::panic, reason = "this is how a model fails")]

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use foundation_env::sim::{SimOptions, Simulation};
use foundation_env::sync::atomic::{AtomicUsize, Ordering};
pub use foundation_env::sync::model as check;
use foundation_env::sync::thread;
use foundation_types::{Deadline, ExitReason, NodeId, Pid};

use crate::address::Address;
use crate::context::{Context, Next};
use crate::current::{self, Graveyard};
use crate::deadlock::{self, Shown};
use crate::error::{CallError, SendError, TrySendError};
use crate::exit::ExitGuard;
use crate::link::Links;
use crate::process::{Outcome, Process};
use crate::record::{AnyRecord, Identity, Kind, Record, Refusal, Taken};
use crate::reply::{self, Reply};
use crate::signal::Signal;
use crate::system::System;
use crate::watch;

/// Threads beside the main one in scenarios that take any number. Loom explores every interleaving
/// and can afford one; shuttle samples.
const RACERS: u64 = if cfg!(foundation_loom) { 1 } else { 3 };

/// A system on a simulation that is not run.
struct Rig {
    system: System,
    _simulation: Simulation,
}

/// A process without its future: the record, and the guard that ends it.
struct Body<M: Send + 'static> {
    record: Arc<Record<M>>,
    guard: ExitGuard,
}

static KIND: Kind = Kind { type_name: || "Body", message_type: || "message", message_kinds: &[] };

impl Rig {
    fn new() -> Self {
        let simulation = Simulation::new(0, SimOptions::default());
        Self { system: System::new(simulation.env()), _simulation: simulation }
    }

    fn body<M: Send + 'static>(&self, bound: u32) -> Body<M> {
        body(&self.system, bound)
    }
}

fn body<M: Send + 'static>(system: &System, bound: u32) -> Body<M> {
    let inner = system.inner();
    let pid = inner.admit().expect("an empty table");
    let identity = Identity {
        pid,
        parent: None,
        bound,
        born: inner.next_id(),
        kind: &KIND,
        label: None,
        system: system.clone(),
    };
    let record = Arc::new(Record::new(identity, Links::None));
    inner.table().fill(pid, Arc::clone(&record) as Arc<dyn AnyRecord>);
    let guard = ExitGuard::new(Arc::clone(&record) as Arc<dyn AnyRecord>);
    Body { record, guard }
}

impl<M: Send + 'static> Body<M> {
    fn pid(&self) -> Pid {
        self.record.identity().pid
    }

    fn address(&self) -> Address<M> {
        Address::new(Arc::clone(&self.record))
    }

    fn context(&self) -> Context<M> {
        Context::new(Arc::clone(&self.record), None)
    }

    /// Runs the exit protocol.
    fn end(mut self, reason: &ExitReason) {
        self.guard.conclude(reason, Graveyard::default(), || ());
    }

    /// Ends the process on a thread of its own.
    fn end_elsewhere(self) -> thread::JoinHandle<()> {
        thread::spawn(move || self.end(&ExitReason::SHUTDOWN))
    }
}

/// Counts its wakes.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

impl Alarm {
    fn new() -> (Arc<Self>, Waker) {
        let alarm = Arc::new(Self::default());
        (Arc::clone(&alarm), Waker::from(alarm))
    }

    fn rang(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(waker))
}

/// Polls a future as a process.
fn poll_as<M: Send + 'static, F: Future + ?Sized>(
    record: &Arc<Record<M>>,
    future: Pin<&mut F>,
    waker: &Waker,
) -> Poll<F::Output> {
    let mut me = Some(Arc::clone(record) as Arc<dyn AnyRecord>);
    let (polled, graveyard) = current::enter(&mut me, || poll(future, waker));
    graveyard.fail_all();
    polled.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn join(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("the thread has not panicked");
    }
}

/// Takes messages until the mailbox puts the consumer to sleep.
fn drain(record: &Record<u64>, waker: &Waker) -> Vec<u64> {
    let (mut messages, mut batch) = (Vec::new(), VecDeque::new());
    loop {
        match record.take(&mut batch, waker, false) {
            Taken::Message(first) => {
                messages.push(first);
                messages.extend(batch.drain(..));
            }
            Taken::Other => {}
            Taken::Sleep => return messages,
        }
    }
}

/// A consumer that sleeps is woken by the next message, and messages of one sender keep their
/// order.
pub fn mailbox_push_and_sleep() {
    let rig = Rig::new();
    let body = rig.body::<u64>(64);
    let senders = (0..RACERS).map(|sender| {
        let record = Arc::clone(&body.record);
        thread::spawn(move || {
            for n in 0..2 {
                assert!(record.try_push(sender * 10 + n).is_ok(), "there is room");
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    let (alarm, waker) = Alarm::new();
    let mut messages = drain(&body.record, &waker);
    join(senders);
    let expected = usize::try_from(RACERS).expect("a few") * 2;
    assert!(messages.len() == expected || alarm.rang(), "asleep beside a message");
    messages.extend(drain(&body.record, &waker));
    assert_eq!(messages.len(), expected);
    for sender in 0..RACERS {
        let of_one: Vec<u64> = messages.iter().copied().filter(|n| n / 10 == sender).collect();
        assert_eq!(of_one, [sender * 10, sender * 10 + 1]);
    }
}

/// A push that races with the end is either refused or counted as undelivered.
pub fn mailbox_push_and_close() {
    let rig = Rig::new();
    let body = rig.body::<u64>(64);
    let record = Arc::clone(&body.record);
    let ending = body.end_elsewhere();
    let accepted = (0..2).filter(|n| record.try_push(*n).is_ok()).count();
    join(vec![ending]);
    let letters: usize = rig.system.dead_letters().iter().map(|letter| letter.count).sum();
    assert_eq!(accepted, letters, "accepted = undelivered");
    assert!(record.try_push(9).is_err());
}

/// Two senders wait for one place; whoever is cancelled while the place is granted hands it on.
pub fn waiter_grant_and_cancel() {
    let rig = Rig::new();
    let body = rig.body::<u64>(1);
    let address = body.address();
    assert!(body.record.try_push(0).is_ok());
    let (_, idle) = Alarm::new();
    let mut first = Box::pin(address.send_until(1, Deadline::NEVER));
    let mut second = pin!(address.send_until(2, Deadline::NEVER));
    assert!(poll(first.as_mut(), &idle).is_pending());
    let (alarm, waker) = Alarm::new();
    assert!(poll(second.as_mut(), &waker).is_pending());
    let record = Arc::clone(&body.record);
    let consumer = thread::spawn(move || {
        let (_, waker) = Alarm::new();
        let mut batch = VecDeque::new();
        assert!(matches!(record.take(&mut batch, &waker, false), Taken::Message(0)));
        // The handler returns, and the loop looks for waiting senders.
        record.own().handled.store(1, Ordering::Release);
        record.grant_room();
    });
    drop(first);
    join(vec![consumer]);
    assert!(alarm.rang(), "the second sender was told");
    assert!(matches!(poll(second.as_mut(), &waker), Poll::Ready(Ok(()))), "and has the place");
    assert!(matches!(address.try_send(3), Err(TrySendError::Full(3))), "one place, one message");
}

/// A sender that waits for room while the process ends is woken and learns of it.
pub fn waiter_and_exit() {
    let rig = Rig::new();
    let body = rig.body::<u64>(1);
    let address = body.address();
    assert!(body.record.try_push(0).is_ok());
    let ending = body.end_elsewhere();
    let (alarm, waker) = Alarm::new();
    let mut send = pin!(address.send_until(1, Deadline::NEVER));
    let early = poll(send.as_mut(), &waker);
    join(vec![ending]);
    let outcome = match early {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => {
            assert!(alarm.rang(), "the sender was not told");
            match poll(send.as_mut(), &waker) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => panic!("waits for a dead process"),
            }
        }
    };
    assert!(matches!(outcome, Err(SendError::NoProcess(1))));
}

/// Signals that a process gets, until it would sleep.
fn signals(context: &mut Context<u64>) -> Vec<Signal> {
    let (_, waker) = Alarm::new();
    let mut signals = Vec::new();
    loop {
        match context.poll_next(&mut TaskContext::from_waker(&waker)) {
            Poll::Ready(Ok(Next::Signal(signal))) => signals.push(*signal),
            Poll::Ready(_) => panic!("neither messages nor an end were sent"),
            Poll::Pending => return signals,
        }
    }
}

/// Monitors placed while the process ends fire once each.
pub fn monitor_and_exit() {
    let rig = Rig::new();
    let target = rig.body::<u64>(64);
    let pid = target.pid();
    let watcher = rig.body::<u64>(64);
    let mut context = watcher.context();
    let (alarm, waker) = Alarm::new();
    let ending = target.end_elsewhere();
    let mut ids = vec![context.monitor(pid).expect("under the limit")];
    let mut outside = rig.system.monitor(pid);
    let early = poll(Pin::new(&mut outside), &waker);
    ids.push(context.monitor(pid).expect("under the limit"));
    join(vec![ending]);
    assert!(early.is_ready() || alarm.rang(), "the task was not told");
    assert!(poll(Pin::new(&mut outside), &waker).is_ready());
    let mut downs: Vec<_> = signals(&mut context)
        .into_iter()
        .map(|signal| match signal {
            Signal::Down { monitor, pid: of, .. } if of == pid => monitor,
            other => panic!("an unexpected {other:?}"),
        })
        .collect();
    downs.sort_unstable();
    assert_eq!(downs, ids, "one DOWN for each monitor");
}

/// A monitor that is taken back while the process ends fires once or not at all, and leaves
/// nothing behind.
pub fn demonitor_and_exit() {
    let rig = Rig::new();
    let target = rig.body::<u64>(64);
    let pid = target.pid();
    let watcher = rig.body::<u64>(64);
    let mut context = watcher.context();
    let id = context.monitor(pid).expect("under the limit");
    let ending = target.end_elsewhere();
    assert!(context.demonitor(id), "it has not been handled");
    join(vec![ending]);
    assert_eq!(signals(&mut context).len(), 0, "no DOWN after demonitor");
    assert_eq!(rig.system.counts().monitors, 0);
}

/// A link placed while the peer ends yields one exit signal.
pub fn link_and_exit() {
    let rig = Rig::new();
    let peer = rig.body::<u64>(64);
    let pid = peer.pid();
    let own = rig.body::<u64>(64);
    let mut context = own.context();
    context.trap_exit(true);
    let ending = peer.end_elsewhere();
    context.link(pid).expect("under the limit");
    context.link(pid).expect("under the limit");
    join(vec![ending]);
    let exits = signals(&mut context);
    assert!(matches!(exits[..], [Signal::Exit { from, .. }] if from == pid), "{exits:?}");
    assert_eq!(rig.system.counts().links, 0);
}

/// Two linked processes that end at the same time leave no link behind.
pub fn linked_pair_ends() {
    let rig = Rig::new();
    let (a, b) = (rig.body::<u64>(64), rig.body::<u64>(64));
    a.context().link(b.pid()).expect("under the limit");
    join(vec![a.end_elsewhere(), b.end_elsewhere()]);
    assert_eq!((rig.system.counts().links, rig.system.counts().processes), (0, 0));
}

/// A call that races with the end of the process comes to an end.
pub fn call_and_death() {
    let rig = Rig::new();
    let body = rig.body::<Reply<u64>>(64);
    let address = body.address();
    let ending = body.end_elsewhere();
    let (alarm, waker) = Alarm::new();
    let mut call = pin!(address.call_until(|reply| reply, Deadline::NEVER));
    let early = poll(call.as_mut(), &waker);
    join(vec![ending]);
    let outcome = match early {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => {
            assert!(alarm.rang(), "the caller was not told");
            match poll(call.as_mut(), &waker) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => panic!("waits for a dead process"),
            }
        }
    };
    match outcome {
        Err(CallError::NoProcess) => {}
        Err(CallError::Exited(reason)) => assert_eq!(reason, ExitReason::SHUTDOWN),
        other => panic!("{other:?}"),
    }
}

/// An exit hook that is added while the process ends is refused or runs, once, before anybody can
/// learn of the death.
pub fn hook_and_exit() {
    let rig = Rig::new();
    let body = rig.body::<u64>(64);
    let (pid, record) = (body.pid(), Arc::clone(&body.record));
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let ending = body.end_elsewhere();
    let seen = Arc::clone(&record);
    let added = rig.system.add_exit_hook(pid, move |_| {
        assert!((&*seen as &dyn AnyRecord).exit_reason().is_none(), "dead before its hooks ran");
        count.fetch_add(1, Ordering::AcqRel);
    });
    if added.is_ok() && record.try_push(1).is_err() {
        assert_eq!(ran.load(Ordering::Acquire), 1, "known to be dead before its hooks ran");
    }
    join(vec![ending]);
    assert_eq!(ran.load(Ordering::Acquire), usize::from(added.is_ok()));
    assert_eq!(rig.system.troubles().contained_panics, 0);
}

/// Whoever learns of a death, in whatever way, finds the hooks done and what was held free.
pub fn news_after_cleanup() {
    let rig = Rig::new();
    let body = rig.body::<u64>(1);
    let (pid, record) = (body.pid(), Arc::clone(&body.record));
    let taken = Arc::new(AtomicUsize::new(1));
    let free = Arc::clone(&taken);
    let hook = move |_: &_| free.store(0, Ordering::Release);
    rig.system.add_exit_hook(pid, hook).expect("it lives");
    let (_, waker) = Alarm::new();
    let mut monitor = rig.system.monitor(pid);
    let ending = body.end_elsewhere();
    let look = |learned: bool, how: &str| {
        assert!(!learned || taken.load(Ordering::Acquire) == 0, "still held, and {how}");
    };
    look(poll(Pin::new(&mut monitor), &waker).is_ready(), "the monitor fired");
    look(!rig.system.is_alive(pid), "it is not alive");
    look(
        record.try_push(1).is_err_and(|refusal| matches!(refusal, Refusal::Dead(_))),
        "a send was refused",
    );
    join(vec![ending]);
    look(true, "it has ended");
}

/// A stale pid never reaches the next process in its slot.
pub fn slot_reuse() {
    let rig = Rig::new();
    let first = rig.body::<u64>(64);
    let pid = first.pid();
    // The table takes its two shards in turn: the process after this one gets a slot of the same.
    assert!(rig.system.inner().admit().is_ok());
    let (system, same) = (rig.system.clone(), rig.system);
    let reusing = thread::spawn(move || {
        first.end(&ExitReason::Normal);
        let second = body::<u64>(&same, 64);
        let killed = || second.context().was_killed();
        assert_ne!(second.pid(), pid);
        assert_eq!(second.pid().slot(), pid.slot(), "no slot was used again");
        thread::yield_now();
        let was_killed = killed();
        second.end(&ExitReason::Normal);
        assert!(!was_killed, "a stale pid killed a stranger");
    });
    system.kill(pid);
    assert!(system.address::<u64>(pid).is_none_or(|found| found.pid() == pid));
    join(vec![reusing]);
    assert!(!system.is_alive(pid));
}

/// Of two processes that begin to wait for each other at least one sees the cycle.
pub fn deadlock_words() {
    let rig = Rig::new();
    let bodies = [rig.body::<u64>(64), rig.body::<u64>(64)];
    let [a, b] = [0, 1].map(|at| bodies.get(at).map(|body| Arc::clone(&body.record)));
    let (a, b) = (a.expect("two") as Arc<dyn AnyRecord>, b.expect("two") as Arc<dyn AnyRecord>);
    let found = Arc::new(AtomicUsize::new(0));
    let (own, peer, count) = (Arc::clone(&a), Arc::clone(&b), Arc::clone(&found));
    let other = thread::spawn(move || {
        let waiting = show(&own, &*peer, true);
        let cycle = deadlock::find(&*own, &*peer, true);
        count.fetch_add(usize::from(cycle.is_some()), Ordering::AcqRel);
        waiting
    });
    let waiting = show(&b, &*a, true);
    let cycle = deadlock::find(&*b, &*a, true);
    found.fetch_add(usize::from(cycle.is_some()), Ordering::AcqRel);
    // Both waits stand until both have looked.
    let other = other.join().expect("the thread has not panicked");
    let _ = (waiting.hide(), other.hide());
    assert!(found.load(Ordering::Acquire) > 0, "nobody saw the cycle");
}

/// An answer clears the word of its own wait, and not that of the next one.
pub fn answer_and_next_wait() {
    let rig = Rig::new();
    let (caller, server) = (rig.body::<u64>(64), rig.body::<u64>(64));
    let me = Arc::clone(&caller.record) as Arc<dyn AnyRecord>;
    let (port, answer) = reply::channel::<u64>();
    let waiting = show(&me, &*server.record, true);
    assert!(answer.enlist(Some(waiting)));
    let answering = thread::spawn(move || port.send(7));
    let (_, waker) = Alarm::new();
    let mut answer = pin!(answer);
    if poll(answer.as_mut(), &waker).is_ready() {
        let next = show(&me, &*server.record, false);
        join(vec![answering]);
        assert_eq!(word(&me), Some(server.pid()), "the answer cleared the next wait");
        assert!(next.hide());
    } else {
        join(vec![answering]);
        assert_eq!(word(&me), None, "answered, and still waiting for others to see");
    }
}

/// A call that is answered while its wait is entered leaves no word behind.
pub fn answer_and_wait() {
    let rig = Rig::new();
    let (caller, server) = (rig.body::<u64>(64), rig.body::<Reply<u64>>(64));
    let address = server.address();
    let record = Arc::clone(&server.record);
    let serving = thread::spawn(move || {
        let (_, waker) = Alarm::new();
        let mut batch = VecDeque::new();
        if let Taken::Message(port) = record.take(&mut batch, &waker, false) {
            port.send(7);
        }
    });
    let (alarm, waker) = Alarm::new();
    let mut call = pin!(address.call_until(|reply| reply, Deadline::NEVER));
    let early = poll_as(&caller.record, call.as_mut(), &waker);
    join(vec![serving]);
    let me = Arc::clone(&caller.record) as Arc<dyn AnyRecord>;
    if early.is_pending() && alarm.rang() {
        assert_eq!(word(&me), None, "answered, and still waiting for others to see");
        assert!(matches!(poll_as(&caller.record, call, &waker), Poll::Ready(Ok(7))));
    }
}

/// Of two calls of one process the shown one is answered while the called process of the other begins to
/// wait for the caller: somebody sees that cycle.
pub fn answer_and_second_wait() {
    let rig = Rig::new();
    let caller = rig.body::<u64>(64);
    let (first, second) = (rig.body::<Reply<u64>>(64), rig.body::<Reply<u64>>(64));
    let (to_first, to_second) = (first.address(), second.address());
    let (alarm, waker) = Alarm::new();
    let mut other = pin!(to_second.call_until(|reply| reply, Deadline::NEVER));
    let mut shown = pin!(to_first.call_until(|reply| reply, Deadline::NEVER));
    assert!(poll_as(&caller.record, other.as_mut(), &waker).is_pending());
    assert!(poll_as(&caller.record, shown.as_mut(), &waker).is_pending());
    let me = Arc::clone(&caller.record) as Arc<dyn AnyRecord>;
    let closing = thread::spawn(move || {
        let (_, waker) = Alarm::new();
        if let Taken::Message(port) = first.record.take(&mut VecDeque::new(), &waker, false) {
            port.send(7);
        }
        let process = second.record as Arc<dyn AnyRecord>;
        let waiting = show(&process, &*me, true);
        (deadlock::find(&*process, &*me, true).is_some(), waiting)
    });
    // Woken by the answer, or by something else before it.
    let mut ends = poll_as(&caller.record, other.as_mut(), &waker);
    let (mut found, waiting) = closing.join().expect("the thread has not panicked");
    if ends.is_pending() && alarm.rang() {
        ends = poll_as(&caller.record, other, &waker);
    }
    found |= matches!(ends, Poll::Ready(Err(CallError::Deadlock { .. })));
    assert!(found, "nobody saw the cycle");
    assert!(waiting.hide());
}

/// A sender that is granted room while its wait is entered leaves no word behind.
pub fn grant_and_wait() {
    let rig = Rig::new();
    let (sender, receiver) = (rig.body::<u64>(64), rig.body::<u64>(1));
    let address = receiver.address();
    assert!(receiver.record.try_push(0).is_ok());
    let record = Arc::clone(&receiver.record);
    let consumer = thread::spawn(move || {
        record.own().handled.store(1, Ordering::Release);
        record.grant_room();
    });
    let (alarm, waker) = Alarm::new();
    let mut send = pin!(address.send_until(1, Deadline::NEVER));
    let early = poll_as(&sender.record, send.as_mut(), &waker);
    join(vec![consumer]);
    let me = Arc::clone(&sender.record) as Arc<dyn AnyRecord>;
    if early.is_pending() && alarm.rang() {
        assert_eq!(word(&me), None, "granted, and still waiting for others to see");
        assert!(matches!(poll_as(&sender.record, send, &waker), Poll::Ready(Ok(()))));
    }
}

/// A process that goes to sleep while it is killed is woken or does not sleep.
pub fn kill_and_sleep() {
    for place in ["mailbox", "handler", "handler of a message it was parked with"] {
        let rig = Rig::new();
        let body = rig.body::<u64>(64);
        let (alarm, waker) = Alarm::new();
        let _context = place.contains("parked").then(|| parked_early(&body, &waker));
        let (system, pid) = (rig.system.clone(), body.pid());
        let killing = thread::spawn(move || assert!(system.kill(pid)));
        let sleeps = if place == "mailbox" {
            matches!(body.record.take(&mut VecDeque::new(), &waker, false), Taken::Sleep)
        } else {
            body.record.sleep_in_handler(&waker)
        };
        join(vec![killing]);
        assert!(!sleeps || alarm.rang(), "asleep and killed, in the {place}");
    }
}

/// The context of a process that handles a message with which it was parked.
fn parked_early(body: &Body<u64>, waker: &Waker) -> Context<u64> {
    let mut context = body.context();
    let (_, asleep) = Alarm::new();
    assert!(context.poll_next(&mut TaskContext::from_waker(&asleep)).is_pending());
    assert!(body.record.try_push(0).is_ok(), "there is room");
    let taken = context.poll_next(&mut TaskContext::from_waker(waker));
    assert!(matches!(taken, Poll::Ready(Ok(Next::Message(0)))));
    assert!(body.record.is_parked(), "messages come one by one");
    context
}

/// What comes while a process handles a message with which it was parked is seen, or wakes it.
pub fn news_for_the_parked() {
    tell_the_parked(&["message", "kill"]);
}

/// So does a wait for what the process may have done already, though nothing comes with it.
pub fn wait_for_the_parked() {
    tell_the_parked(&["acknowledgement", "room"]);
}

fn tell_the_parked(all: &[&'static str]) {
    for &news in all {
        let rig = Rig::new();
        let body = rig.body::<u64>(if news == "room" { 1 } else { 64 });
        let (alarm, waker) = Alarm::new();
        let mut context = parked_early(&body, &waker);
        let (system, pid, address) = (rig.system.clone(), body.pid(), body.address());
        let record = Arc::clone(&body.record);
        let telling = thread::spawn(move || -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
            match news {
                "message" => assert!(address.try_send(1).is_ok(), "there is room"),
                "kill" => assert!(system.kill(pid)),
                "room" => {
                    let sent = async move { address.send_until(1, Deadline::NEVER).await };
                    let mut sent = Box::pin(async { sent.await.expect("it lives") });
                    let (_, waker) = Alarm::new();
                    let waits = poll(sent.as_mut(), &waker).is_pending();
                    return waits.then_some(sent as _);
                }
                _ => {
                    let answer = watch::acknowledge(&*record).expect("it lives");
                    return Some(Box::pin(async { answer.await.expect("it lives") }));
                }
            }
            None
        });
        context.done();
        let seen = context.poll_next(&mut TaskContext::from_waker(&waker)).is_ready();
        let waits = telling.join().expect("the thread has not panicked");
        let served = waits.map_or(seen, |mut waits| poll(waits.as_mut(), &waker).is_ready());
        assert!(served || alarm.rang(), "asleep beside a {news}");
    }
}

/// An acknowledgement that is asked for while the process ends a handler, and then sleeps on its
/// mailbox or in the next handler, is given.
pub fn acknowledge_and_sleep() {
    for in_handler in [false, true] {
        let rig = Rig::new();
        let body = rig.body::<u64>(64);
        assert!(body.record.try_push(0).is_ok());
        let (record, mut context) = (Arc::clone(&body.record), body.context());
        let (alarm, waker) = Alarm::new();
        let consumer = thread::spawn(move || {
            let cx = &mut TaskContext::from_waker(&waker);
            while let Poll::Ready(next) = context.poll_next(cx) {
                match next {
                    Ok(Next::Message(0)) => context.done(),
                    Ok(Next::Message(_)) => {
                        assert!(record.sleep_in_handler(&waker), "nobody killed it");
                        return;
                    }
                    _ => panic!("only messages were sent"),
                }
            }
        });
        let answer = watch::acknowledge(&*body.record).expect("it lives");
        if in_handler {
            assert!(body.record.try_push(1).is_ok(), "there is room");
        }
        join(vec![consumer]);
        let (_, waker) = Alarm::new();
        let given = poll(pin!(answer), &waker).is_ready();
        assert!(given || alarm.rang(), "asleep beside a due acknowledgement, {in_handler}");
    }
}

/// A process that is spawned while the system shuts down is refused or found by the shutdown.
pub fn spawn_and_shutdown() {
    let rig = Rig::new();
    let system = rig.system.clone();
    let spawning = thread::spawn(move || system.spawn(Idle).is_ok());
    let (_, waker) = Alarm::new();
    let done = poll(pin!(rig.system.shutdown(Deadline::NEVER)), &waker).is_ready();
    let spawned = spawning.join().expect("the thread has not panicked");
    assert!(!(done && spawned), "a process outlived the shutdown");
}

/// Waits for its end.
struct Idle;

impl Process for Idle {
    type Message = u64;

    async fn handle(&mut self, _: u64, _: &mut Context<u64>) -> Outcome {
        Ok(())
    }
}

/// Waits that never stood at the same time are no cycle.
pub fn deadlock_of_the_past() {
    let rig = Rig::new();
    let bodies = [(); 3].map(|()| rig.body::<u64>(64));
    let [a, b, c] = bodies.each_ref().map(|body| Arc::clone(&body.record) as Arc<dyn AnyRecord>);
    let waiting = show(&b, &*c, true);
    let (own, peer) = (Arc::clone(&c), Arc::clone(&a));
    let other = thread::spawn(move || {
        // C answers B, and only then waits for A.
        assert!(waiting.hide());
        let waiting = show(&own, &*peer, true);
        (deadlock::find(&*own, &*peer, true).is_some(), waiting)
    });
    let waiting = show(&a, &*b, true);
    let found = deadlock::find(&*a, &*b, true).is_some();
    let (other_found, other) = other.join().expect("the thread has not panicked");
    assert!(!found && !other_found, "B had its answer before C began to wait");
    let _ = (waiting.hide(), other.hide());
}

/// A link that is placed on one side and taken back on the other stands on both or on none.
pub fn link_and_unlink() {
    let rig = Rig::new();
    let (a, b) = (rig.body::<u64>(64), rig.body::<u64>(64));
    let (mut linking, pid) = (a.context(), b.pid());
    let other = thread::spawn(move || linking.link(pid).expect("under the limit"));
    b.context().unlink(a.pid());
    join(vec![other]);
    let has = |one: &Body<u64>, other: &Body<u64>| {
        let record: &dyn AnyRecord = &*one.record;
        record.locked(|control| control.links.contains(other.pid()))
    };
    assert_eq!(has(&a, &b), has(&b, &a), "half a link");
}

fn show(process: &Arc<dyn AnyRecord>, target: &dyn AnyRecord, endless: bool) -> Shown {
    deadlock::show(process, target, endless).expect("in one system")
}

/// Whom the process waits for.
fn word(process: &Arc<dyn AnyRecord>) -> Option<Pid> {
    let word = process.own().waiting_on.load(Ordering::Acquire);
    deadlock::unpack(word, NodeId::LOCAL).map(|(pid, _)| pid)
}
