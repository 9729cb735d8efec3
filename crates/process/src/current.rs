//! Which process the current thread is polling.
//!
//! This is the one place with thread-local state. It is swapped in when a process is polled and
//! swapped out when the poll returns, so it never lives over an await, and processes of different
//! systems may share a thread. It routes only: the panic hook finds the system that a panic
//! belongs to, a call finds the process that makes it, and a reply port that is dropped finds the
//! process that drops it.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::{Arc, Once, Weak};
use std::task::Waker;

use foundation_env::sync::thread_local;
use foundation_telemetry::Owner;
use foundation_types::{ExitReason, PanicReport, Pid};

use crate::record::{AnyRecord, Identity};
use crate::reply::Abandoned;
use crate::system::SystemInner;
use crate::watchdog::WorkerSlot;

struct Thread {
    /// The process being polled.
    record: Option<Arc<dyn AnyRecord>>,
    /// Reply ports dropped unanswered during this poll and those around it.
    graveyard: Vec<Box<dyn Abandoned>>,
    /// The panic that is unwinding.
    panic: Option<PanicReport>,
    /// How many [`catch_panic`] this thread is in.
    catches: u32,
    /// What a process held is being dropped: it is over.
    ends: bool,
    /// Where the watchdog sees what this thread does, for each system it has polled for; usually
    /// one.
    slots: Vec<(Weak<SystemInner>, Arc<WorkerSlot>)>,
}

/// The innermost frames, which say what happened, fit.
const REPORT_BYTES_MAX: usize = 8 * 1024;

thread_local! {
    static THREAD: RefCell<Thread> = const {
        RefCell::new(Thread {
            record: None,
            graveyard: Vec::new(),
            panic: None,
            catches: 0,
            ends: false,
            slots: Vec::new(),
        })
    };
}

impl Thread {
    /// Notes the current process for the watchdog. Returns false when its system does not know
    /// this thread yet.
    fn show(&self) -> bool {
        let Some(record) = &self.record else {
            self.slots.iter().for_each(|(_, slot)| slot.leave());
            return true;
        };
        let identity = record.identity();
        self.slot(identity).map(|slot| slot.enter(identity.pid)).is_some()
    }

    fn slot(&self, of: &Identity) -> Option<&WorkerSlot> {
        let system = Arc::as_ptr(of.system.inner());
        let slot = self.slots.iter().find(|(known, _)| std::ptr::eq(known.as_ptr(), system));
        slot.map(|(_, slot)| &**slot)
    }

    fn add_slot(&mut self) -> Option<(Arc<SystemInner>, Arc<WorkerSlot>)> {
        let system = Arc::clone(self.record.as_ref()?.identity().system.inner());
        self.slots.retain(|(known, _)| known.strong_count() > 0);
        let slot = Arc::new(WorkerSlot::default());
        self.slots.push((Arc::downgrade(&system), Arc::clone(&slot)));
        self.show();
        Some((system, slot))
    }
}

/// Reply ports whose callers must still be told.
#[must_use = "callers wait for the ports in it"]
#[derive(Default)]
pub(crate) struct Graveyard(Option<Box<Graves>>);

/// Boxed: there are hardly ever any, and a poll returns this.
struct Graves(Vec<Box<dyn Abandoned>>);

impl Graveyard {
    #[inline]
    pub(crate) fn fail_all(self) {
        if let Some(graves) = self.0 {
            graves.0.into_iter().for_each(Abandoned::fail);
        }
    }
}

/// Runs `f` as the process `record`, which is moved in and out without touching its count. A
/// panic in `f` comes out as a value.
#[inline]
pub(crate) fn enter<R>(
    record: &mut Option<Arc<dyn AnyRecord>>,
    f: impl FnOnce() -> R,
) -> (std::thread::Result<R>, Graveyard) {
    let entered = THREAD.try_with(|thread| {
        let mut thread = thread.borrow_mut();
        std::mem::swap(&mut thread.record, record);
        (thread.graveyard.len(), thread.show())
    });
    // A runtime in a thread's storage may outlive ours there: its processes then end without being current.
    let Ok((graves, shown)) = entered else {
        return (catch_unwind(AssertUnwindSafe(f)), Graveyard::default());
    };
    if !shown {
        enlist();
    }
    let result = catch_unwind(AssertUnwindSafe(f));
    let graveyard = THREAD.with(|thread| {
        let mut thread = thread.borrow_mut();
        std::mem::swap(&mut thread.record, record);
        thread.show();
        if thread.graveyard.len() == graves {
            return Graveyard::default();
        }
        Graveyard(Some(Box::new(Graves(thread.graveyard.split_off(graves)))))
    });
    (result, graveyard)
}

/// Notes that this thread is about to publish a death; see [`WorkerSlot::begin_settling`].
pub(crate) fn begin_settling(dying: &Identity) {
    with_slot(dying, WorkerSlot::begin_settling);
}

/// The end of [`begin_settling`].
pub(crate) fn end_settling(dead: &Identity) {
    with_slot(dead, WorkerSlot::end_settling);
}

fn with_slot(of: &Identity, f: impl FnOnce(&WorkerSlot)) {
    // A thread without a slot is one whose storage is gone: nobody waits for it.
    THREAD.try_with(|thread| thread.borrow().slot(of).map(f)).unwrap_or_default();
}

/// Makes this thread known to the watchdog of the current process's system.
#[cold]
fn enlist() {
    if let Some((system, slot)) = THREAD.with(|thread| thread.borrow_mut().add_slot()) {
        system.enlist_worker(&slot);
    }
}

/// The process that is being polled on this thread.
pub(crate) fn record() -> Option<Arc<dyn AnyRecord>> {
    THREAD.try_with(|thread| thread.borrow().record.clone()).ok()?
}

/// Whether that process is `record`; none stands for no process. Pids do not tell: every system
/// counts its own.
pub(crate) fn is(record: Option<&dyn AnyRecord>) -> bool {
    THREAD.with(|thread| match (thread.borrow().record.as_deref(), record) {
        (Some(current), Some(record)) => std::ptr::addr_eq(current, record),
        (None, None) => true,
        _ => false,
    })
}

/// The pid of the process that is being polled on this thread.
pub(crate) fn pid() -> Option<Pid> {
    THREAD.try_with(|thread| thread.borrow().record.as_ref().map(|record| record.pid())).ok()?
}

/// Says, until it is dropped, that what is dropped on this thread was held by a process that is over: its spans
/// did not end by themselves.
#[must_use = "it says so only as long as this lives"]
pub(crate) struct Ending {
    /// Another process may end in what one drops.
    before: bool,
}

impl Ending {
    pub(crate) fn begin() -> Self {
        Self { before: Self::replace(true) }
    }

    fn replace(ends: bool) -> bool {
        let replaced =
            THREAD.try_with(|thread| std::mem::replace(&mut thread.borrow_mut().ends, ends));
        // Where the thread's storage is gone nobody is current.
        replaced.unwrap_or(false)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        Self::replace(self.before);
    }
}

/// Tells the layer of spans for whom this thread works.
pub(crate) fn owner(f: &mut dyn FnMut(Owner<'_>)) {
    let told = THREAD.try_with(|thread| {
        // Borrowed while a panic is being reported: then it is nobody's.
        let Ok(thread) = thread.try_borrow() else { return };
        if let Some(record) = &thread.record {
            let telemetry = record.identity().system.telemetry();
            f(Owner { telemetry, pid: record.pid(), is_ending: thread.ends });
        }
    });
    told.unwrap_or_default();
}

/// Keeps a dropped port until the poll is over; fails it at once when no process is being polled.
pub(crate) fn bury(port: Box<dyn Abandoned>) {
    let mut port = Some(port);
    let kept = THREAD.try_with(|thread| {
        let Ok(mut thread) = thread.try_borrow_mut() else { return };
        if thread.record.is_some() {
            thread.graveyard.extend(port.take());
        }
    });
    kept.unwrap_or_default();
    if let Some(port) = port {
        port.fail();
    }
}

/// Takes the report of the panic that just unwound on this thread.
fn take_panic() -> Option<PanicReport> {
    THREAD.try_with(|thread| thread.borrow_mut().panic.take()).ok()?
}

/// Runs user code that must not disturb what it is called from: drops, hooks and wakers. A panic in it is
/// counted and kept for operators, under the process that is current or `system`'s.
pub(crate) fn contain(system: &SystemInner, process: Option<Pid>, f: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(f)) {
        system.note_contained_panic(process, panic_report(panic));
    }
}

/// Wakes whoever waits, whose waker is a stranger's code and may panic.
pub(crate) fn wake(waker: Waker) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        note_contained_panic(panic);
    }
}

/// Drops what a panic carried. That is a value of the user's too: its drop may panic, and what this
/// second panic carries is leaked, or it would never end.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        let report = take_panic();
        if let (Some(record), Some(report)) = (record(), report) {
            record.identity().system.inner().note_contained_panic(Some(record.pid()), report);
        }
        Box::leak(second);
    }
}

/// What a panic says as an exit reason.
pub(crate) fn panic_reason(payload: Box<dyn Any + Send>) -> ExitReason {
    ExitReason::panic(panic_report(payload))
}

/// What is known of a panic. The report that the hook left may be of an earlier one, which the user's code
/// caught itself; then the payload is all there is.
fn panic_report(payload: Box<dyn Any + Send>) -> PanicReport {
    let message = payload_text(&*payload);
    let report = take_panic().filter(|report| report.message == message);
    discard(payload);
    report.unwrap_or(PanicReport { message, location: None, backtrace: None })
}

/// Runs work of a process outside of it, on the blocking pool, and returns a panic in it as a report that says
/// where it was raised, for the process to end with. It does not go to standard error.
///
/// Before a program has made a [`System`](crate::System) the place is not known, and standard error is told.
///
/// # Errors
/// The report, if the work panics.
///
/// # Examples
///
/// ```
/// use foundation_process::{System, catch_panic};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::current();
/// let work = || catch_panic(|| "many".parse::<u32>().expect("a number"));
/// let report = system.env().blocking(work).await?.unwrap_err();
/// assert!(report.message.starts_with("a number"));
/// assert!(report.location.is_some_and(|location| location.contains(".rs:")));
/// # Ok(())
/// # }
/// ```
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, PanicReport> {
    // A thread whose storage is gone catches all the same, and knows less of it.
    let count = |change: fn(u32) -> u32| {
        let counted = THREAD.try_with(|thread| {
            let mut thread = thread.borrow_mut();
            thread.catches = change(thread.catches);
        });
        counted.unwrap_or_default();
    };
    count(|catches| catches + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    count(|catches| catches - 1);
    result.map_err(panic_report)
}

/// Keeps what is known of a panic that was kept from ending anything; without a current process it is
/// only kept from spreading, and the hook has told standard error.
pub(crate) fn note_contained_panic(payload: Box<dyn Any + Send>) {
    let report = panic_report(payload);
    if let Some(record) = record() {
        record.identity().system.inner().note_contained_panic(Some(record.pid()), report);
    }
}

/// Sends panics inside processes to their system's crash reports instead of standard error.
///
/// The hook is installed once per program and passes every other panic on to the hook it found.
pub(crate) fn install_panic_hook() {
    static INSTALL: Once = Once::new();
    // The storage of a model's threads is out of reach while the checker itself panics.
    if cfg!(any(foundation_loom, foundation_shuttle)) {
        return;
    }
    INSTALL.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let kept = THREAD.try_with(|thread| {
                let Ok(mut thread) = thread.try_borrow_mut() else { return false };
                if thread.record.is_none() && thread.catches == 0 {
                    return false;
                }
                thread.panic = Some(report(info));
                true
            });
            if !matches!(kept, Ok(true)) {
                previous(info);
            }
        }));
    });
}

fn report(info: &PanicHookInfo<'_>) -> PanicReport {
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    PanicReport {
        message: payload_text(info.payload()),
        location: info.location().map(ToString::to_string),
        backtrace: captured.then(|| bounded(backtrace.to_string())),
    }
}

/// Cuts a text that is kept for long: reports outlive their processes, and panics come in storms.
fn bounded(mut text: String) -> String {
    if text.len() > REPORT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(REPORT_BYTES_MAX));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

/// The text of a panic's payload.
fn payload_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned());
    bounded(text.unwrap_or_else(|| "a value that is not text".to_owned()))
}
