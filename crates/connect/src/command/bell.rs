//! How others tell the service that there is something to look at.
//!
//! A caller that gives up and a place that becomes free ring the service's bell. However often it is
//! rung, one message is under way at most, and at most one task that waits for room for it: the
//! service looks at everything then. `rung` is set before the message is sent and taken back by the
//! handler before it looks, so news that comes later is a ring of its own.

use std::sync::Arc;

use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicBool, Ordering};
use foundation_process::{Address, DEFAULT_TIMEOUT, SendError};
use foundation_types::Deadline;

use super::service::{CommandMessage, Order};

/// The bell of one service.
#[derive(Debug)]
pub(crate) struct Bell {
    address: Address<CommandMessage>,
    rung: AtomicBool,
}

/// What a caller shares with the service: the bell, once the service has its request. A caller that
/// leaves before that needs none, since the service finds the request abandoned.
pub(crate) type Seat = Arc<Mutex<Option<Arc<Bell>>>>;

impl Bell {
    pub(crate) fn new(address: Address<CommandMessage>) -> Self {
        Self { address, rung: AtomicBool::new(false) }
    }

    /// Has the service look, soon and at least once from now on.
    pub(crate) fn ring(&self) {
        // Pairs with the swap in `answer`: who finds it rung is seen by the look that is to come.
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        let Err(error) = self.address.try_send(CommandMessage(Order::Look)) else { return };
        if !error.is_retryable() {
            return;
        }
        // The mailbox is full and a drop cannot wait for room, so somebody else does: one task, as
        // nobody rings again before the message is handled. It ends with the service.
        let (address, mut message) = (self.address.clone(), error.into_message());
        let env = address.system().env().clone();
        env.clone().spawn(async move {
            let deadline = || Deadline::after(env.now(), DEFAULT_TIMEOUT);
            while let Err(SendError::Timeout(unsent)) =
                address.send_until(message, deadline()).await
            {
                message = unsent;
            }
        });
    }

    /// Notes that the service looks now.
    pub(crate) fn answer(&self) {
        self.rung.swap(false, Ordering::AcqRel);
    }
}
