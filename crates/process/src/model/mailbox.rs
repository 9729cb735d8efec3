//! Sleeping on the mailbox, and being woken.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use foundation_env::sync::atomic::Ordering;
use foundation_env::sync::thread;
use foundation_types::{Deadline, ExitReason};

use super::{Alarm, Body, RACERS, Rig, join, poll};
use crate::context::{Context, Next};
use crate::error::TrySendError;
use crate::record::{AnyRecord, Record, Taken};
use crate::watch;

/// Takes messages until the mailbox puts the consumer to sleep.
fn drain(record: &Record<u64>, waker: &Waker) -> Vec<u64> {
    let (mut messages, mut batch) = (Vec::new(), VecDeque::new());
    loop {
        match record.take(&mut batch, &mut None, waker, false) {
            Taken::Message(first) | Taken::Alone(first) => {
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
        assert!(matches!(record.take(&mut batch, &mut None, &waker, false), Taken::Message(0)));
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
            matches!(body.record.take(&mut VecDeque::new(), &mut None, &waker, false), Taken::Sleep)
        } else {
            body.record.sleep_in_handler(&waker)
        };
        join(vec![killing]);
        assert!(!sleeps || alarm.rang(), "asleep and killed, in the {place}");
    }
}

/// A process that is killed while it takes a message, and then waits in the handler, is woken or sees it.
pub fn kill_and_take() {
    let rig = Rig::new();
    let body = rig.body::<u64>(64);
    let mut context = woken(&body);
    let (system, pid) = (rig.system.clone(), body.pid());
    let killing = thread::spawn(move || assert!(system.kill(pid)));
    let (alarm, waker) = Alarm::new();
    let taken = context.poll_next(&mut TaskContext::from_waker(&waker));
    let sleeps = match taken {
        Poll::Ready(Ok(Next::Message(0))) => body.record.sleep_in_handler(&waker),
        Poll::Ready(Err(_)) => false,
        _ => panic!("there is a message"),
    };
    join(vec![killing]);
    assert!(!sleeps || alarm.rang(), "asleep in a handler and killed");
}

/// The context of a process that has slept and was woken by a message.
fn woken(body: &Body<u64>) -> Context<u64> {
    let mut context = body.context();
    let (alarm, asleep) = Alarm::new();
    assert!(context.poll_next(&mut TaskContext::from_waker(&asleep)).is_pending());
    assert!(body.record.try_push(0).is_ok(), "there is room");
    assert!(alarm.rang());
    context
}

/// The context of a process that handles a message with which it was parked.
fn parked_early(body: &Body<u64>, waker: &Waker) -> Context<u64> {
    let mut context = woken(body);
    let taken = context.poll_next(&mut TaskContext::from_waker(waker));
    assert!(matches!(taken, Poll::Ready(Ok(Next::Message(0)))));
    assert!(body.record.is_parked(), "messages come one by one");
    context
}

/// What comes while a process handles a message with which it was parked is seen, or wakes it.
pub fn news_for_the_parked() {
    tell_the_parked(&["message", "kill", "exit signal"]);
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
                "exit signal" => assert!(system.exit(pid, ExitReason::SHUTDOWN)),
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
        let cx = &mut TaskContext::from_waker(&waker);
        let mut seen = context.poll_next(cx).is_ready();
        let waits = telling.join().expect("the thread has not panicked");
        // Nobody polls it unless it was woken.
        if !seen && alarm.rang() {
            seen = context.poll_next(cx).is_ready();
        }
        let served = waits.map_or(seen, |mut waits| poll(waits.as_mut(), &waker).is_ready());
        assert!(served, "asleep beside a {news}");
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
