//! The exit protocol: the one way in which a process ends.
//!
//! # States
//!
//! Running, Exiting (the reason is decided, `terminate` may run), Dying (no new exit hooks), Dead.
//! The bits are in the state word of the [record](crate::record). Only this file sets them, but for
//! Exiting, which the loop sets before it runs `terminate`.
//!
//! # Steps
//!
//! 1. `terminate`, with a time budget, in the process's own loop (`life.rs`), while the process
//!    lives and holds its names. Not after a kill, and not when the runtime drops the process:
//!    there is nothing left that could run it.
//! 2. [`conclude`] drops the handler in flight, then the state, each under its own
//!    `catch_unwind`: ports, files and locks they held are free before anybody takes over.
//! 3. *Dying*, under the lock: the exit hooks are taken, and adding one is refused from now on.
//!    Sends, calls, monitors and lookups still behave as with a living process.
//! 4. The hooks run, newest first, each under its own `catch_unwind`: names and indexes are
//!    retired, held values dropped.
//! 5. *Dead*, one critical section: the reason is published, both lanes, the monitors, the links,
//!    the waiting senders and acknowledgements are closed and taken. Whoever comes later reads
//!    the reason and answers itself.
//! 6. The slot is freed, and only now do others learn of it: pending calls fail, links get EXIT,
//!    monitors get DOWN, senders wake. Messages nobody handled are dropped, each under
//!    `catch_unwind`, and counted.
//!
//! # Why whoever learns of a death finds the name free
//!
//! Each way of learning (a monitor, a link, a failed call, a refused send, a join) is served in
//! step 6 or reads the reason that step 5 publishes, and steps 2 to 4 are complete before. Reply
//! ports that the process drops while it ends are kept back until step 6 (`current.rs`). Until
//! step 4 nobody else can have the name, because it still has its owner.
//!
//! # Why no way out is missed
//!
//! [`ExitGuard`] is made before the process is spawned and is a field of its future. Return,
//! error, panic and kill end in `conclude` from the poll; cancel, runtime shutdown and a future
//! that was never polled end in it from the guard's drop.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use foundation_env::fault;
use foundation_env::sync::atomic::Ordering;
use foundation_telemetry::catalogue;
use foundation_types::{ExitReason, Pid};

use crate::current::{self, Graveyard};
use crate::dead_letter::{DeadLetter, DeadLetterCause};
use crate::hook::{Exited, Hooks};
use crate::monitor::{Down, Monitors, Watcher};
use crate::record::{AnyRecord, Rare, RoomWaiter, state};
use crate::reply::Reply;
use crate::signal::SystemMessage;
use crate::system::SystemInner;

/// Ends the process if nothing else did.
pub(crate) struct ExitGuard {
    /// None while the process is being polled, when it is current, and after its end.
    record: Option<Arc<dyn AnyRecord>>,
}

impl ExitGuard {
    pub(crate) fn new(record: Arc<dyn AnyRecord>) -> Self {
        Self { record: Some(record) }
    }

    pub(crate) fn record(&self) -> Option<&dyn AnyRecord> {
        self.record.as_deref()
    }

    /// For [`current::enter`], which takes the record out for the length of a poll.
    pub(crate) fn current(&mut self) -> &mut Option<Arc<dyn AnyRecord>> {
        &mut self.record
    }

    /// See [`AnyRecord::sleep_in_handler`].
    pub(crate) fn sleep_in_handler(&self, waker: &Waker) -> bool {
        self.record.as_ref().is_some_and(|record| record.sleep_in_handler(waker))
    }

    /// Runs steps 2 to 6, once.
    ///
    /// `graveyard` holds the reply ports that the last poll dropped; `drop_body` drops the handler
    /// in flight and the state.
    pub(crate) fn conclude(
        &mut self,
        reason: &ExitReason,
        graveyard: Graveyard,
        drop_body: impl FnOnce(),
    ) {
        if let Some(record) = self.record.take() {
            conclude(&record, reason, graveyard, drop_body);
        }
    }

    /// Forgets a process that was never polled, as if the guard were made by its first poll. For
    /// the planted fault of that name.
    pub(crate) fn disarm_unless_running(&mut self) {
        let polled = |record: &Arc<dyn AnyRecord>| record.was_polled();
        if !self.record.as_ref().is_some_and(polled) {
            self.record = None;
        }
    }
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        self.conclude(&ExitReason::Killed, Graveyard::default(), || ());
    }
}

/// Everything that step 5 takes out of the record.
struct Estate {
    monitors: Monitors,
    links: Vec<Pid>,
    waiters: VecDeque<RoomWaiter>,
    acknowledgements: VecDeque<(u64, Reply<()>)>,
    /// What is left of the rare parts: system messages that nobody handles any more, a trace.
    rare: Option<Box<Rare>>,
    /// The last waker may own the whole task.
    waker: Option<Waker>,
    /// Messages wait that nobody handles any more.
    has_messages: bool,
}

fn conclude(
    record: &Arc<dyn AnyRecord>,
    reason: &ExitReason,
    graveyard: Graveyard,
    drop_body: impl FnOnce(),
) {
    let mut me = Some(Arc::clone(record));
    let record = &**record;
    let system: &SystemInner = record.identity().system.inner();
    let late_drop = fault::planted("state_dropped_after_dead");
    let mut drop_body = Some(drop_body);
    let mut drop_body = || {
        if let Some(drop_body) = drop_body.take() {
            let _ending = current::Ending::begin();
            contain(system, record, drop_body);
        }
    };

    // Every step inside contains its own panics.
    let (_, dropped_now) = current::enter(&mut me, || {
        record.own().state.fetch_or(state::EXITING, Ordering::AcqRel);
        if !late_drop {
            drop_body();
        }
        if fault::planted("down_before_cleanup") {
            let monitors = take_monitors(record);
            tell_monitors(record.identity().pid, reason, monitors);
        }
        if fault::planted("dead_before_hooks") {
            let hooks = take_hooks(record);
            let estate = publish(record, reason.clone());
            run_hooks(record, system, reason, hooks);
            settle(record, system, reason, estate);
        } else {
            run_hooks(record, system, reason, take_hooks(record));
        }
    });

    let closed_early = fault::planted("monitor_list_closed_early").then(|| take_monitors(record));
    if closed_early.is_some() {
        foundation_env::sync::thread::yield_now();
    }
    // Before anybody can find it dead, so that a shutdown waits for the rest.
    current::begin_settling(record.identity());
    let mut estate = publish(record, reason.clone());
    if let Some(closed_early) = closed_early {
        estate.monitors = closed_early;
    }
    let freed = system.table().remove(record.identity().pid);
    drop(freed);
    // First of all, so that whoever is told of a crash finds its report.
    system.note_exit(record, reason);
    graveyard.fail_all();
    dropped_now.fail_all();
    settle(record, system, reason, estate);
    if late_drop {
        let (_, graveyard) = current::enter(&mut me, drop_body);
        graveyard.fail_all();
    }
    let identity = record.identity();
    // Those that what it held did not end: handles of them live on elsewhere.
    system.telemetry().spans().abandon(identity.pid);
    if !fault::planted("exit_untold") {
        catalogue::PROCESS_EXITED.emit(system.telemetry().events(), || {
            let handled = i64::try_from(record.own().handled.load(Ordering::Relaxed));
            let metadata = [identity.pid.into(), identity.name().into(), reason.to_string().into()];
            ([handled.unwrap_or(i64::MAX)], metadata)
        });
    }
    current::end_settling(identity);
}

/// Step 3.
fn take_hooks(record: &dyn AnyRecord) -> Hooks {
    record.locked(|control| {
        record.own().state.fetch_or(state::DYING, Ordering::AcqRel);
        std::mem::take(&mut control.hooks)
    })
}

/// Step 4.
fn run_hooks(record: &dyn AnyRecord, system: &SystemInner, reason: &ExitReason, mut hooks: Hooks) {
    if hooks.len() == 0 {
        return;
    }
    let exited = Exited { pid: record.pid(), reason: reason.clone() };
    while let Some(hook) = hooks.pop() {
        contain(system, record, || hook.run(&exited));
    }
}

/// Step 5.
fn publish(record: &dyn AnyRecord, reason: ExitReason) -> Estate {
    record.locked(|control| {
        control.exit = Some(Arc::new(reason));
        record.own().state.fetch_or(state::DEAD, Ordering::AcqRel);
        let mut estate = Estate {
            monitors: Monitors::default(),
            links: std::mem::take(&mut control.links).to_vec(),
            waiters: VecDeque::new(),
            acknowledgements: VecDeque::new(),
            rare: control.rare.take(),
            waker: control.waker.take(),
            has_messages: control.accepted != record.own().handled.load(Ordering::Relaxed),
        };
        if let Some(rare) = &mut estate.rare {
            estate.monitors = std::mem::take(&mut rare.monitors);
            estate.waiters = rare.take_waiters();
            estate.acknowledgements = std::mem::take(&mut rare.acknowledgements);
        }
        estate
    })
}

/// Step 6.
fn settle(record: &dyn AnyRecord, system: &SystemInner, reason: &ExitReason, estate: Estate) {
    let identity = record.identity();
    for waiter in estate.waiters {
        waiter.wake();
    }
    // Their ports, and those inside messages, fail as they are dropped.
    // One by one: a panic in a drop that runs because of another one would end the program.
    for acknowledgement in estate.acknowledgements {
        contain(system, record, || drop(acknowledgement));
    }
    if let Some(rare) = estate.rare {
        let stamped = rare.stamped.into_iter().map(|(_, message)| message);
        for message in rare.urgent.into_iter().chain(stamped) {
            contain(system, record, || drop(message));
        }
        drop(rare.trace);
    }
    let undelivered = if estate.has_messages {
        record.drop_messages(&mut |drop| contain(system, record, drop))
    } else {
        0
    };
    contain(system, record, || drop(estate.waker));
    if undelivered > 0 && !fault::planted("dead_letter_uncounted") {
        system.note_dead_letters(DeadLetter::new(
            identity,
            undelivered,
            DeadLetterCause::Died(reason.clone()),
            system.env().now(),
        ));
    }
    for peer in estate.links {
        if let Some(peer) = system.table().get(peer) {
            if identity.parent == Some(peer.pid()) {
                peer.locked(|control| control.note_child_exit(identity.pid, reason));
            }
            let message = SystemMessage::LinkExit { from: identity.pid, reason: reason.clone() };
            drop(peer.push_system(message));
        }
    }
    tell_monitors(identity.pid, reason, estate.monitors);
}

fn take_monitors(record: &dyn AnyRecord) -> Monitors {
    record.locked(|control| {
        control.rare.as_mut().map(|rare| std::mem::take(&mut rare.monitors)).unwrap_or_default()
    })
}

fn tell_monitors(pid: Pid, reason: &ExitReason, monitors: Monitors) {
    let tell = |id, watcher: Watcher| {
        watcher.notify(id, Down { pid, reason: reason.clone() });
    };
    match monitors {
        Monitors::None => {}
        Monitors::One(id, watcher) => tell(id, watcher),
        Monitors::Many(many) => many.into_iter().for_each(|(id, watcher)| tell(id, watcher)),
    }
}

/// Runs user code that must not stop the protocol.
fn contain(system: &SystemInner, record: &dyn AnyRecord, f: impl FnOnce()) {
    current::contain(system, Some(record.pid()), f);
}
