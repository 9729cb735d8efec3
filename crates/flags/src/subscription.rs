//! Being told of changes.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::change::Step;

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Flags changed, in order and without a gap since the last notice.
    Changed(Arc<Step>),
    /// The subscriber was slow and will never be told of that many steps; read the flags again.
    Lagged {
        /// How many steps are missing before the next notice.
        missed: u64,
    },
}

/// There are as many subscribers as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {subscribers_max} subscribers already: drop one that is no longer read")]
#[non_exhaustive]
pub struct SubscribeError {
    /// The bound.
    pub subscribers_max: usize,
}

/// Tells of each step after it can be read, in order. Dropping it unsubscribes.
///
/// The last [`Subscription::STEPS_MAX`] steps are kept for all subscribers together; whoever is further behind
/// gets [`Notice::Lagged`] and goes on with the oldest that is kept.
#[derive(Debug)]
pub struct Subscription(pub(crate) Receiver<Arc<Step>>);

impl Subscription {
    /// How many steps a subscriber may be behind.
    pub const STEPS_MAX: usize = 256;

    /// Waits for the next notice; `None` when the flags are gone and everything was told.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(step) => Some(Notice::Changed(step)),
            Err(RecvError::Lagged(missed)) => Some(Notice::Lagged { missed }),
            Err(RecvError::Closed) => None,
        }
    }

    /// Returns the next notice if there is one already.
    pub fn try_next(&mut self) -> Option<Notice> {
        match self.0.try_recv() {
            Ok(step) => Some(Notice::Changed(step)),
            Err(TryRecvError::Lagged(missed)) => Some(Notice::Lagged { missed }),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}
