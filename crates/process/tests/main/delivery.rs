//! One message to many.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use foundation_process::{
    Address, BROADCAST_MAX, BroadcastError, Context, Delivery, DeliveryOutcome, Outcome, Process,
    Rule, System,
};

use foundation_types::Deadline;

use crate::subject::{Event, Gate, Log, poll_once, quiesce, simulate};

/// Writes down numbers, and waits at a gate before the first when it has one.
struct Member {
    log: Log,
    gate: Option<Gate>,
}

impl Process for Member {
    type Message = u64;

    async fn handle(&mut self, n: u64, _: &mut Context<u64>) -> Outcome {
        if let Some(gate) = self.gate.take() {
            gate.pass().await?;
        }
        self.log.add(Event::Note(n));
        Ok(())
    }
}

fn free(system: &System, log: &Log) -> Address<u64> {
    system.spawn(Member { log: log.clone(), gate: None }).unwrap()
}

/// A member whose only place is taken until the gate opens.
async fn full(system: &System, log: &Log) -> (Address<u64>, Gate) {
    let gate = Gate::closed();
    let member = Member { log: log.clone(), gate: Some(gate.clone()) };
    let member = system.process(member).mailbox(1).spawn().unwrap();
    member.send(0).await.unwrap();
    quiesce(system).await;
    (member, gate)
}

async fn dead(system: &System, log: &Log) -> Address<u64> {
    let member = free(system, log);
    system.kill(member.pid());
    system.monitor(member.pid()).await;
    member
}

fn outcomes(deliveries: &[Delivery]) -> Vec<DeliveryOutcome> {
    deliveries.iter().map(|delivery| delivery.outcome).collect()
}

/// Guarantee S6
#[test]
fn best_effort_says_who_got_it_and_lists_what_was_lost() {
    simulate(|system| async move {
        let log = Log::default();
        let (full, _gate) = full(&system, &log).await;
        let members = [free(&system, &log), full, dead(&system, &log).await];
        let deadline = system.deadline(Duration::from_millis(10));
        let deliveries = system.broadcast(&members, &7, Rule::BestEffort, deadline).await.unwrap();
        let expected =
            [DeliveryOutcome::Accepted, DeliveryOutcome::Full, DeliveryOutcome::NoProcess];
        assert_eq!(outcomes(&deliveries), expected);
        assert!(deliveries.iter().zip(&members).all(|(delivery, to)| delivery.to == to.pid()));
        quiesce(&system).await;
        assert_eq!(log.notes(), vec![7]);
        let lost: Vec<_> = system.dead_letters().iter().map(|letter| letter.to).collect();
        assert_eq!(lost, vec![members[1].pid(), members[2].pid()]);
    });
}

#[test]
fn at_least_one_fails_when_nobody_got_it() {
    simulate(|system| async move {
        let log = Log::default();
        let gone = dead(&system, &log).await;
        let deadline = system.deadline(Duration::from_millis(10));
        let alone = std::slice::from_ref(&gone);
        let failed = system.broadcast(alone, &7, Rule::AtLeastOne, deadline).await;
        match failed {
            Err(BroadcastError::Rule { rule: Rule::AtLeastOne, deliveries }) => {
                assert_eq!(outcomes(&deliveries), [DeliveryOutcome::NoProcess]);
            }
            other => panic!("a broadcast to nobody answered {other:?}"),
        }
        let members = [gone, free(&system, &log)];
        assert!(system.broadcast(&members, &7, Rule::AtLeastOne, deadline).await.is_ok());
    });
}

#[test]
fn all_or_nothing_sends_to_none_when_one_has_no_room() {
    simulate(|system| async move {
        let log = Log::default();
        let (full, gate) = full(&system, &log).await;
        let members = [free(&system, &log), full];
        let deadline = system.deadline(Duration::from_millis(10));
        let failed = system.broadcast(&members, &7, Rule::AllOrNothing, deadline).await;
        match failed {
            Err(BroadcastError::Rule { deliveries, .. }) => {
                let expected = [DeliveryOutcome::Withdrawn, DeliveryOutcome::Full];
                assert_eq!(outcomes(&deliveries), expected);
            }
            other => panic!("a broadcast into a full mailbox answered {other:?}"),
        }
        quiesce(&system).await;
        assert_eq!(log.notes(), Vec::<u64>::new(), "none may have it");
        assert_eq!(system.dead_letters(), Vec::new(), "nothing was lost");

        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.notes(), vec![0]);
        let deadline = system.deadline(Duration::from_secs(1));
        let sent = system.broadcast(&members, &8, Rule::AllOrNothing, deadline).await.unwrap();
        assert_eq!(outcomes(&sent), [DeliveryOutcome::Accepted; 2]);
        quiesce(&system).await;
        assert_eq!(log.notes(), vec![0, 8, 8]);
        assert!(members.iter().all(|member| member.depth() == 0), "no room stays reserved");
    });
}

#[test]
fn recipients_wait_side_by_side() {
    simulate(|system| async move {
        let log = Log::default();
        let (first, _held) = full(&system, &log).await;
        let (second, gate) = full(&system, &log).await;
        let deadline = system.deadline(Duration::from_secs(10));
        let members = [first, second];
        let send = system.broadcast(&members, &7, Rule::BestEffort, deadline);
        gate.open(1);
        let deliveries = send.await.unwrap();
        let expected = [DeliveryOutcome::Full, DeliveryOutcome::Accepted];
        assert_eq!(outcomes(&deliveries), expected, "one slow recipient delays no other");
        assert_eq!(log.notes(), vec![0, 7]);
    });
}

#[test]
fn too_many_recipients_are_refused_before_anything_is_sent() {
    simulate(|system| async move {
        let log = Log::default();
        let members = vec![free(&system, &log); BROADCAST_MAX + 1];
        let deadline = system.deadline(Duration::from_secs(1));
        let refused = system.broadcast(&members, &7, Rule::BestEffort, deadline).await;
        assert_eq!(refused, Err(BroadcastError::TooMany(BROADCAST_MAX + 1)));
        quiesce(&system).await;
        assert_eq!(log.notes(), Vec::<u64>::new());
    });
}

/// A recipient named twice used to wait for the room that it held itself, for ever without a deadline.
#[test]
fn all_or_nothing_refuses_a_recipient_named_twice() {
    simulate(|system| async move {
        let log = Log::default();
        let member = system.process(Member { log: log.clone(), gate: None }).mailbox(1);
        let member = member.spawn().unwrap();
        let twice = [member.clone(), member.clone()];
        let refused = system.broadcast(&twice, &7, Rule::AllOrNothing, Deadline::NEVER).await;
        assert_eq!(refused, Err(BroadcastError::Twice(member.pid())));
        assert!(system.broadcast(&twice, &8, Rule::BestEffort, Deadline::NEVER).await.is_ok());
        quiesce(&system).await;
        assert_eq!(log.notes(), vec![8, 8]);
    });
}

/// Each system counts its own pids, so they do not tell whether two recipients are one.
#[test]
fn all_or_nothing_takes_recipients_of_two_systems() {
    simulate(|system| async move {
        let other = System::new(system.env().clone());
        let log = Log::default();
        let members = [free(&system, &log), free(&other, &log)];
        assert_eq!(members[0].pid(), members[1].pid());
        let sent = system.broadcast(&members, &7, Rule::AllOrNothing, Deadline::NEVER).await;
        assert_eq!(outcomes(&sent.unwrap()), [DeliveryOutcome::Accepted; 2]);
        quiesce(&system).await;
        quiesce(&other).await;
        assert_eq!(log.notes(), vec![7, 7]);
        other.kill(members[1].pid());
        quiesce(&other).await;
    });
}

/// Such a broadcast used to fail although the others had the message, and to lose the one of the dead.
///
/// Guarantee S6
#[test]
fn a_recipient_that_dies_between_the_steps_of_all_or_nothing_died_right_after() {
    simulate(|system| async move {
        let log = Log::default();
        let first = free(&system, &log);
        let (second, gate) = full(&system, &log).await;
        let members = [first.clone(), second];
        let deadline = system.deadline(Duration::from_secs(10));
        let mut send = Box::pin(system.broadcast(&members, &7, Rule::AllOrNothing, deadline));
        assert!(poll_once(&mut send).await.is_pending(), "the second has no room");
        system.kill(first.pid());
        system.monitor(first.pid()).await;
        gate.open(1);
        let deliveries = send.await.unwrap();
        assert_eq!(outcomes(&deliveries), [DeliveryOutcome::Accepted; 2]);
        quiesce(&system).await;
        assert_eq!(log.notes(), vec![0, 7]);
        let letters = system.dead_letters();
        let lost: Vec<_> = letters.iter().map(|letter| (letter.to, letter.count)).collect();
        assert_eq!(lost, vec![(first.pid(), 1)]);
    });
}

/// A message whose third copy cannot be made.
struct Fragile(Arc<AtomicU32>);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) < 2, "planted in a clone");
        Self(Arc::clone(&self.0))
    }
}

struct Taker(Log);

impl Process for Taker {
    type Message = Fragile;

    async fn handle(&mut self, _: Fragile, _: &mut Context<Fragile>) -> Outcome {
        self.0.add(Event::Text("taken"));
        Ok(())
    }
}

#[test]
fn all_or_nothing_sends_to_none_when_a_copy_cannot_be_made() {
    simulate(|system| async move {
        let log = Log::default();
        let takers: Vec<_> = (0..3).map(|_| system.spawn(Taker(log.clone())).unwrap()).collect();
        let message = Fragile(Arc::default());
        let mut send =
            Box::pin(system.broadcast(&takers, &message, Rule::AllOrNothing, Deadline::NEVER));
        let polled = poll_fn(|cx| {
            let poll = || send.as_mut().poll(cx).map(drop);
            Poll::Ready(catch_unwind(AssertUnwindSafe(poll)))
        });
        assert!(polled.await.is_err(), "the panic is the caller's");
        drop(send);
        quiesce(&system).await;
        assert_eq!(log.take(), []);
        assert!(takers.iter().all(|taker| taker.depth() == 0));
    });
}
