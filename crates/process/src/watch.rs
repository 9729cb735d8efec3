//! Watching one process step by step: acknowledgements and traces.
//!
//! Both ask for the `WATCHED` bit; a process that nobody watches pays nothing for them. The bound
//! of a trace is its ring: the newest events stay, and the number of lost ones is kept.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Weak};
use std::task::Waker;

use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::Ordering;
use foundation_types::{Instant, Pid};

use crate::record::{AnyRecord, Control, Rare, state};
use crate::reply::{self, Answer, Reply};

/// One step of a traced process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceEvent {
    /// When, on the system's clock.
    pub at: Instant,
    /// What happened.
    pub step: TraceStep,
}

/// What a traced process did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceStep {
    /// It began to handle a message of this kind.
    Message(&'static str),
    /// It took a system signal of this name.
    Signal(&'static str),
}

/// The newest events of a traced process.
pub(crate) struct TraceRing {
    capacity: usize,
    kept: Mutex<(VecDeque<TraceEvent>, u64)>,
}

impl TraceRing {
    fn push(&self, event: TraceEvent) {
        let mut kept = self.kept.lock();
        if kept.0.len() >= self.capacity {
            kept.0.pop_front();
            kept.1 += 1;
        }
        kept.0.push_back(event);
    }
}

/// A running trace of one process; dropping it ends the trace.
#[must_use = "dropping a trace ends it"]
pub struct Trace {
    pid: Pid,
    ring: Arc<TraceRing>,
    record: Weak<dyn AnyRecord>,
}

impl Trace {
    /// The traced process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Takes the events so far, oldest first, and the number that was lost because the ring was
    /// full.
    pub fn take(&self) -> (Vec<TraceEvent>, u64) {
        let mut kept = self.ring.kept.lock();
        let lost = std::mem::take(&mut kept.1);
        (std::mem::take(&mut kept.0).into(), lost)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let Some(record) = self.record.upgrade() else { return };
        let ring = record.locked(|control| {
            let rare = control.rare.as_mut()?;
            let mine = rare.trace.as_ref().is_some_and(|ring| Arc::ptr_eq(ring, &self.ring));
            let ring = if mine { rare.trace.take() } else { None };
            settle_bit(&*record, rare);
            ring
        });
        drop(ring);
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// Starts a trace with room for `capacity` events; it replaces an earlier one.
pub(crate) fn trace(record: &Arc<dyn AnyRecord>, capacity: usize) -> Trace {
    let ring =
        Arc::new(TraceRing { capacity: capacity.max(1), kept: Mutex::new((VecDeque::new(), 0)) });
    let replaced = record.locked(|control| {
        record.own().state.fetch_or(state::WATCHED, Ordering::AcqRel);
        control.rare().trace.replace(Arc::clone(&ring))
    });
    drop(replaced);
    Trace { pid: record.pid(), ring, record: Arc::downgrade(record) }
}

/// Asks to be told when everything accepted so far has been handled; none when the process is
/// dead.
pub(crate) fn acknowledge(record: &dyn AnyRecord) -> Option<Answer<()>> {
    let (port, answer) = reply::channel();
    let mut port = Some(port);
    let ask = |control: &mut Control| {
        if control.exit.is_some() {
            return Asked::Dead;
        }
        let upto = control.accepted;
        if record.own().handled.load(Ordering::Acquire) >= upto {
            return Asked::Done;
        }
        record.own().state.fetch_or(state::WATCHED, Ordering::AcqRel);
        control.rare().acknowledgements.extend(port.take().map(|port| (upto, port)));
        // What is asked for may have happened since the look at the count, and the process be about to sleep.
        Asked::Waiting(record.parked().remind(control))
    };
    match record.locked(ask) {
        Asked::Dead => None,
        Asked::Waiting(process) => {
            if let Some(process) = process {
                process.wake();
            }
            Some(answer)
        }
        Asked::Done => {
            if let Some(port) = port {
                port.send(());
            }
            Some(answer)
        }
    }
}

enum Asked {
    Dead,
    Done,
    /// The waker of the process, if it is parked.
    Waiting(Option<Waker>),
}

/// Called by the process: `handled` messages are done.
#[cold]
pub(crate) fn note_handled(record: &dyn AnyRecord, handled: u64) {
    let done: Vec<Reply<()>> = record.locked(|control| {
        let Some(rare) = control.rare.as_mut() else { return Vec::new() };
        let ready = rare.acknowledgements.partition_point(|(upto, _)| *upto <= handled);
        let done = rare.acknowledgements.drain(..ready).map(|(_, port)| port).collect();
        settle_bit(record, rare);
        done
    });
    for port in done {
        port.send(());
    }
}

/// Called by the process: it begins a message.
#[cold]
pub(crate) fn note_message(record: &dyn AnyRecord, kind: usize) {
    let identity = record.identity();
    let name =
        identity.kind.message_kinds.get(kind).copied().unwrap_or_else(identity.kind.message_type);
    note(record, TraceStep::Message(name));
}

/// Called by the process: it takes a signal.
#[cold]
pub(crate) fn note_signal(record: &dyn AnyRecord, name: &'static str) {
    note(record, TraceStep::Signal(name));
}

fn note(record: &dyn AnyRecord, step: TraceStep) {
    let ring = record.locked(|control| control.rare.as_ref()?.trace.clone());
    if let Some(ring) = ring {
        ring.push(TraceEvent { at: record.identity().system.env().now(), step });
    }
}

/// Clears the bit when nobody watches any more. Under the record's lock.
fn settle_bit(record: &dyn AnyRecord, rare: &Rare) {
    if rare.trace.is_none() && rare.acknowledgements.is_empty() {
        record.own().state.fetch_and(!state::WATCHED, Ordering::AcqRel);
    }
}
