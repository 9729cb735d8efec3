//! One message to all members of a group.

use foundation_env::fault;
use foundation_process::{BroadcastError, DeliveryOutcome, Rule};
use foundation_types::{Deadline, Pid};

use super::Group;
use crate::registry::Registry;

/// What became of a message for one member of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberDelivery {
    /// The member.
    pub to: Pid,
    /// Its outcome.
    pub outcome: MemberOutcome,
}

/// See [`MemberDelivery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberOutcome {
    /// The member handles messages of this type, and this is what became of the one it was sent.
    Delivery(DeliveryOutcome),
    /// The member handles messages of another type. It was sent none.
    OtherMessages,
}

impl MemberDelivery {
    /// Tells whether the message is in the member's mailbox.
    pub fn is_accepted(&self) -> bool {
        self.outcome == MemberOutcome::Delivery(DeliveryOutcome::Accepted)
    }
}

impl Registry {
    /// Sends a message to every member of a group at the same time, waiting for room until `deadline`. Returns
    /// what became of it for each member, in the order of pids; a group without members has no outcomes.
    ///
    /// Each is for itself: who has room gets the message, whatever becomes of it for the others. A message that was
    /// sent to a member and not taken is listed among the dead letters; none was sent to one that handles
    /// [`OtherMessages`](MemberOutcome::OtherMessages), nor to one that died before its turn. For another rule give
    /// the [`members`](Registry::members) to [`System::broadcast`](foundation_process::System::broadcast).
    ///
    /// A member that broadcasts to its own group gets the message too.
    ///
    /// # Errors
    ///
    /// [`BroadcastError::TooMany`] when the group has more members than a broadcast may have; nothing was sent.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has sent to those members that had room.
    ///
    /// # Consistency
    ///
    /// Every process that is a member from before the call until it dies or the call returns has an outcome.
    pub async fn broadcast<M: Clone + Send + 'static>(
        &self,
        group: &Group,
        message: &M,
        deadline: Deadline,
    ) -> Result<Vec<MemberDelivery>, BroadcastError> {
        let system = self.shared().system();
        let mut members = self.members(group);
        if members.len() > foundation_process::BROADCAST_MAX {
            return Err(BroadcastError::TooMany(members.len()));
        }
        if fault::planted("registry_broadcast_hides_others") {
            members.retain(|member| system.address::<M>(*member).is_some());
        }
        let addresses: Vec<_> = members.iter().map(|member| system.address::<M>(*member)).collect();
        let known: Vec<_> = addresses.iter().flatten().cloned().collect();
        let sent = system.broadcast(&known, message, Rule::BestEffort, deadline).await?;
        let mut sent = sent.into_iter();
        let outcome = |(to, address): (Pid, Option<_>)| {
            let sent = address.and_then(|_| sent.next());
            let outcome = match sent {
                Some(delivery) => MemberOutcome::Delivery(delivery.outcome),
                None if system.is_alive(to) => MemberOutcome::OtherMessages,
                // It died after the members were read.
                None => MemberOutcome::Delivery(DeliveryOutcome::NoProcess),
            };
            MemberDelivery { to, outcome }
        };
        Ok(members.into_iter().zip(addresses).map(outcome).collect())
    }
}
