//! One message to many: broadcasts with a stated rule and an outcome for each recipient.

use std::collections::BTreeSet;
use std::fmt;

use foundation_types::{Code, Deadline, Pid};
use futures_util::future::join_all;

use crate::address::{Address, Permit};
use crate::dead_letter::{DeadLetter, DeadLetterCause};
use crate::error::SendError;
use crate::system::System;

/// The most recipients of one broadcast. A group that is larger needs a router, not a loop.
pub const BROADCAST_MAX: usize = 4096;

/// When a broadcast counts as a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// Always; the outcomes say who got it.
    BestEffort,
    /// When at least one recipient accepted it.
    AtLeastOne,
    /// When all recipients accept it; otherwise none gets it. Room is reserved in every mailbox
    /// first, and the message is sent only when all have it.
    AllOrNothing,
}

/// What became of the message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The recipient.
    pub to: Pid,
    /// Its outcome.
    pub outcome: DeliveryOutcome,
}

/// See [`Delivery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryOutcome {
    /// It is in the recipient's mailbox.
    Accepted,
    /// The recipient is dead.
    NoProcess,
    /// There was no room before the deadline.
    Full,
    /// Waiting for room would never have ended.
    Deadlock,
    /// There was room, but another recipient had none, and the rule is all or nothing.
    Withdrawn,
}

/// Why a broadcast failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BroadcastError {
    /// More recipients than [`BROADCAST_MAX`]; nothing was sent.
    TooMany(usize),
    /// A recipient is named twice under [`Rule::AllOrNothing`]; nothing was sent.
    Twice(Pid),
    /// The rule did not hold. The outcomes are in the order of the recipients.
    Rule {
        /// The rule.
        rule: Rule,
        /// What became of it for each recipient.
        deliveries: Vec<Delivery>,
    },
}

impl BroadcastError {
    /// The entry of the error catalogue for this failure: for a rule that did not hold that of the
    /// worst outcome, a deadlock before a dead recipient before a full mailbox.
    pub fn code(&self) -> Code {
        let Self::Rule { deliveries, .. } = self else { return Code::InvalidInput };
        let any = |wanted| deliveries.iter().any(|delivery| delivery.outcome == wanted);
        if any(DeliveryOutcome::Deadlock) {
            Code::InternalError
        } else if any(DeliveryOutcome::NoProcess) || deliveries.is_empty() {
            Code::ProcessNotAlive
        } else {
            Code::ResourceExhausted
        }
    }
}

impl fmt::Display for BroadcastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(len) => {
                write!(f, "{len} recipients are more than a broadcast may have")
            }
            Self::Twice(pid) => {
                write!(f, "process {pid} is named twice in a broadcast to all or none")
            }
            Self::Rule { rule, .. } => write!(f, "the rule {rule:?} did not hold"),
        }
    }
}

impl System {
    /// Sends a message to every recipient at the same time, waiting for room until `deadline`.
    ///
    /// A message that a recipient did not get is listed among the dead letters, except under
    /// [`Rule::AllOrNothing`], where nothing was lost. Under that rule a recipient that dies
    /// between reservation and send counts as one that died right after it.
    ///
    /// # Errors
    ///
    /// [`BroadcastError::Rule`] when the rule did not hold, with the outcome for each recipient;
    /// [`BroadcastError::TooMany`] past [`BROADCAST_MAX`]; [`BroadcastError::Twice`] under
    /// [`Rule::AllOrNothing`] when a recipient is named twice.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has sent to those recipients that had room, under `AllOrNothing` to none.
    pub async fn broadcast<M: Clone + Send + 'static>(
        &self,
        recipients: &[Address<M>],
        message: &M,
        rule: Rule,
        deadline: Deadline,
    ) -> Result<Vec<Delivery>, BroadcastError> {
        if recipients.len() > BROADCAST_MAX {
            return Err(BroadcastError::TooMany(recipients.len()));
        }
        if rule == Rule::AllOrNothing
            && let Some(twice) = named_twice(recipients)
        {
            return Err(BroadcastError::Twice(twice));
        }
        let outcomes = if rule == Rule::AllOrNothing {
            self.reserve_all(recipients, message, deadline).await
        } else {
            let sends = recipients.iter().map(|to| async {
                DeliveryOutcome::from(to.send_until(message.clone(), deadline).await)
            });
            join_all(sends).await
        };
        let accepted =
            outcomes.iter().filter(|outcome| **outcome == DeliveryOutcome::Accepted).count();
        let deliveries: Vec<Delivery> = recipients
            .iter()
            .zip(outcomes)
            .map(|(to, outcome)| Delivery { to: to.pid(), outcome })
            .collect();
        if rule != Rule::AllOrNothing {
            self.bury(recipients, &deliveries);
        }
        let holds = match rule {
            Rule::BestEffort => true,
            Rule::AtLeastOne => accepted > 0,
            Rule::AllOrNothing => accepted == recipients.len(),
        };
        if holds { Ok(deliveries) } else { Err(BroadcastError::Rule { rule, deliveries }) }
    }

    fn bury<M: Send + 'static>(&self, recipients: &[Address<M>], deliveries: &[Delivery]) {
        for (to, delivery) in recipients.iter().zip(deliveries) {
            let cause = match delivery.outcome {
                DeliveryOutcome::NoProcess => DeadLetterCause::NoProcess,
                DeliveryOutcome::Full | DeliveryOutcome::Deadlock => DeadLetterCause::Full,
                DeliveryOutcome::Accepted | DeliveryOutcome::Withdrawn => continue,
            };
            let now = self.env().now();
            self.inner().note_dead_letters(DeadLetter::new(to.identity(), 1, cause, now));
        }
    }

    /// Reserve, then commit: the two steps of [`Rule::AllOrNothing`].
    async fn reserve_all<M: Clone + Send + 'static>(
        &self,
        recipients: &[Address<M>],
        message: &M,
        deadline: Deadline,
    ) -> Vec<DeliveryOutcome> {
        // In the order of pids, one after the other (Dijkstra's resource ordering): two broadcasts to the
        // same mailboxes never each hold the room that the other waits for.
        let mut order: Vec<(usize, &Address<M>)> = recipients.iter().enumerate().collect();
        order.sort_by_key(|(_, to)| to.order());
        let mut reserved = Vec::with_capacity(order.len());
        for (place, to) in order {
            reserved.push((place, to.reserve(deadline).await));
        }
        reserved.sort_by_key(|(place, _)| *place);
        let reservations: Vec<_> =
            reserved.into_iter().map(|(_, reservation)| reservation).collect();
        if reservations.iter().all(Result::is_ok) {
            // All copies before the first one goes out: making one is the user's code and may panic.
            let copies: Vec<M> = recipients.iter().map(|_| message.clone()).collect();
            let permits = reservations.into_iter().flatten();
            let late: Vec<_> = permits
                .zip(copies)
                .zip(recipients)
                .filter_map(|((permit, copy), to)| permit.send(copy).err().map(|late| (to, late)))
                .collect();
            for (to, _message) in &late {
                self.bury_late(to);
            }
            return vec![DeliveryOutcome::Accepted; recipients.len()];
        }
        // Dropping the permits gives the room back.
        let withdraw = |reservation: Result<Permit<M>, SendError<()>>| match reservation {
            Ok(_permit) => DeliveryOutcome::Withdrawn,
            Err(error) => DeliveryOutcome::from(Err::<(), _>(error)),
        };
        reservations.into_iter().map(withdraw).collect()
    }

    /// A recipient that died between reservation and send: for whoever sent, it died right after.
    fn bury_late<M: Send + 'static>(&self, to: &Address<M>) {
        let cause = to.exit_reason().map_or(DeadLetterCause::NoProcess, DeadLetterCause::Died);
        let now = self.env().now();
        self.inner().note_dead_letters(DeadLetter::new(to.identity(), 1, cause, now));
    }
}

/// A recipient that stands in the list more than once: it would wait for room that it holds itself.
fn named_twice<M: Send + 'static>(recipients: &[Address<M>]) -> Option<Pid> {
    let mut seen = BTreeSet::new();
    recipients.iter().find(|to| !seen.insert(to.order())).map(Address::pid)
}

impl<M> From<Result<(), SendError<M>>> for DeliveryOutcome {
    fn from(result: Result<(), SendError<M>>) -> Self {
        match result {
            Ok(()) => Self::Accepted,
            Err(SendError::NoProcess(_)) => Self::NoProcess,
            Err(SendError::Timeout(_)) => Self::Full,
            Err(SendError::Deadlock { .. }) => Self::Deadlock,
        }
    }
}
