//! Who waits for whom.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use foundation_env::sync::atomic::{AtomicUsize, Ordering};
use foundation_env::sync::thread;
use foundation_types::{Deadline, NodeId, Pid};

use super::{Alarm, Rig, join, poll, poll_as};
use crate::deadlock::{self, Shown};
use crate::error::CallError;
use crate::record::{AnyRecord, Taken};
use crate::reply::{self, Reply};

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
        if let Taken::Message(port) = record.take(&mut batch, &mut None, &waker, false) {
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
        if let Taken::Message(port) =
            first.record.take(&mut VecDeque::new(), &mut None, &waker, false)
        {
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

fn show(process: &Arc<dyn AnyRecord>, target: &dyn AnyRecord, endless: bool) -> Shown {
    deadlock::show(process, target, endless).expect("in one system")
}

/// Whom the process waits for.
fn word(process: &Arc<dyn AnyRecord>) -> Option<Pid> {
    let word = process.own().waiting_on.load(Ordering::Acquire);
    deadlock::unpack(word, NodeId::LOCAL).map(|(pid, _)| pid)
}
