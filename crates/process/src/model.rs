//! Small scenarios for the model checkers: two or three threads around one record.
//!
//! They are built only under `foundation_loom` and `foundation_shuttle` and called by the tests of
//! that name. Processes are stood in for by their records and exit guards, so that a scenario
//! contains the protocol and nothing else; what is driven is the code that production runs.
//!
//! The environment is a simulation that nobody runs: it gives the clock, and keeps what is spawned.

#![expect(clippy::expect_used, clippy::panic, reason = "this is how a model fails")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use foundation_env::sim::{SimOptions, Simulation};
use foundation_env::sync::atomic::{AtomicUsize, Ordering};
pub use foundation_env::sync::model as check;
use foundation_env::sync::thread;
use foundation_types::{ExitReason, Pid};

use crate::address::Address;
use crate::context::Context;
use crate::current::{self, Graveyard};
use crate::exit::ExitGuard;
use crate::link::Links;
use crate::record::{AnyRecord, Identity, Kind, Record};
use crate::system::System;

pub use death::*;
pub use mailbox::*;
pub use waits::*;

mod death;
mod mailbox;
mod waits;

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
