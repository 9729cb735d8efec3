//! What races with the end of a process.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use foundation_env::sync::atomic::{AtomicUsize, Ordering};
use foundation_env::sync::thread;
use foundation_types::{Deadline, ExitReason};

use super::{Alarm, Body, Rig, body, join, poll};
use crate::context::{Context, Next};
use crate::error::{CallError, SendError};
use crate::process::{Outcome, Process};
use crate::record::{AnyRecord, Refusal};
use crate::reply::Reply;
use crate::signal::Signal;

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
