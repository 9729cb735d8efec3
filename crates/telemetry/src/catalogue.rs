//! Every event that the platform emits. The page `docs/EVENTS.md` is made of this file, and a test fails when
//! one of these is never emitted.

use crate::event::{Event, EventInfo};

const fn count(names: &[&str]) -> usize {
    names.len()
}

macro_rules! catalogue {
    ($(
        $(#[doc = $help:literal])+
        $constant:ident = $name:literal, [$($measurement:ident),*], [$($metadatum:ident),*];
    )*) => {
        $(
            $(#[doc = $help])+
            pub static $constant: Event<
                { count(&[$(stringify!($measurement)),*]) },
                { count(&[$(stringify!($metadatum)),*]) },
            > = Event::new(
                $name,
                [$(stringify!($measurement)),*],
                [$(stringify!($metadatum)),*],
                concat!($($help),+),
            );
        )*

        /// All of them, in the order of the page.
        pub fn all() -> Vec<EventInfo> {
            vec![$($constant.info()),*]
        }
    };
}

catalogue! {
    /// A process was spawned.
    PROCESS_SPAWNED = "process.lifecycle.spawned", [], [pid, name];
    /// A process is dead, and everybody who watched it was told.
    PROCESS_EXITED = "process.lifecycle.exited", [handled_count], [pid, name, reason];
    /// A handler did not yield for longer than the watchdog bears.
    PROCESS_STALLED = "process.handler.stalled", [], [pid, name, message];
    /// Messages were dropped because nobody handled them.
    PROCESS_DEAD_LETTERS = "process.mailbox.dead_letters", [messages_count], [pid, message_type];
    /// Processes waited for each other in a circle.
    PROCESS_DEADLOCKED = "process.wait.deadlocked", [processes_count], [pid, failed];
    /// A panic of user code was kept from ending anything.
    PROCESS_PANIC_CONTAINED = "process.panic.contained", [], [message];
    /// A span began.
    SPAN_STARTED = "span.lifecycle.started", [], [name, trace_id, span_id, parent_id, pid];
    /// A span ended, by whatever way.
    SPAN_STOPPED = "span.lifecycle.stopped", [duration_ns],
        [name, trace_id, span_id, parent_id, pid, status];
    /// A handler panicked too often in a row and rests.
    HANDLER_QUARANTINED = "telemetry.handler.quarantined", [panics_count, rest_ms], [pattern];
    /// A handler that had rested returned again.
    HANDLER_RESTORED = "telemetry.handler.restored", [], [pattern];
}

#[cfg(test)]
mod tests;
