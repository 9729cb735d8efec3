//! The handle of callers.

use std::sync::Arc;
use std::time::Duration;

use foundation_process::{Address, Reply};
use foundation_supervisor::ChildAddress;
use foundation_types::Deadline;

use super::bell::Seat;
use super::error::CommandError;
use super::output::CommandOutput;
use super::policy::AllowList;
use super::request::CommandRequest;
use super::service::{CommandMessage, Order};
use super::stats::CommandStats;

/// How long a caller waits beyond its deadline for the service to say that the program is gone.
/// More than stopping takes at most: three times 2 s for it to begin, to end, and for the end of what
/// it started, 3 s of grace between them, and the last output.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Runs commands through a [`CommandService`](crate::CommandService). Cheap to clone.
///
/// Made from the address of a supervised child, which finds the restarted service again, or from
/// that of one process.
#[derive(Debug, Clone)]
pub struct Commands(Target);

#[derive(Debug, Clone)]
enum Target {
    Process(Address<CommandMessage>),
    Child(ChildAddress<CommandMessage>),
}

impl From<Address<CommandMessage>> for Commands {
    fn from(address: Address<CommandMessage>) -> Self {
        Self(Target::Process(address))
    }
}

impl From<ChildAddress<CommandMessage>> for Commands {
    fn from(address: ChildAddress<CommandMessage>) -> Self {
        Self(Target::Child(address))
    }
}

impl Commands {
    /// Runs a program, or answers with the result of an equal request if this one allows it.
    ///
    /// A status other than success is an answer. When this returns, nothing of a program that ran for
    /// this caller alone is left, but for the errors that the [crate](crate) names. To keep that after
    /// a timeout too, it returns up to the settings' `kill_grace` and the time a killed program takes to end after
    /// the deadline; a program that stops when asked to takes milliseconds.
    ///
    /// # Errors
    ///
    /// See [`CommandError`]. If the service dies, `Service` at once.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped and no other caller waits for the program, it is stopped, and a
    /// queued one never runs. Whether it had an effect is unknown.
    pub async fn run(&self, request: CommandRequest) -> Result<CommandOutput, CommandError> {
        let deadline = request.deadline;
        let address = match &self.0 {
            Target::Process(address) => address.clone(),
            Target::Child(child) => child.wait_current(deadline).await?,
        };
        let since = address.system().env().now();
        let patience = deadline.instant().map(|at| Deadline::after(at, STOP_MAX));
        // Dropped after the call, so that the service finds the reply port abandoned.
        let seat = Seat::default();
        let mut leave = Leave(Some(Arc::clone(&seat)));
        let request = Box::new(request);
        let make = |reply| CommandMessage(Order::Run { request, since, reply, seat });
        let answer = address.call_until(make, patience.unwrap_or(Deadline::NEVER)).await;
        if answer.is_ok() {
            leave.0 = None;
        }
        answer?
    }

    /// Replaces the allow list for requests to come; what runs goes on, and nobody joins it. Cached
    /// results are dropped, since a name may lead to another program now. A service that is restarted
    /// has the list of its settings again.
    ///
    /// # Errors
    ///
    /// `Settings` when the list is one that settings may not have either, and the old one stands.
    /// `Service` when the service does not answer within five seconds.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may or may not replace the list.
    pub async fn allow(&self, list: AllowList) -> Result<(), CommandError> {
        Ok(self.ask(|reply| Order::Allow { list, reply }).await??)
    }

    /// Drops all cached results and says how many there were.
    ///
    /// # Errors
    ///
    /// `Service` when the service does not answer within five seconds.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may or may not clear the cache.
    pub async fn clear_cache(&self) -> Result<usize, CommandError> {
        self.ask(Order::ClearCache).await
    }

    /// What the service does and did since its start.
    ///
    /// # Errors
    ///
    /// `Service` when the service does not answer within five seconds.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn stats(&self) -> Result<CommandStats, CommandError> {
        self.ask(Order::Stats).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        make: impl FnOnce(Reply<T>) -> Order,
    ) -> Result<T, CommandError> {
        let make = |reply| CommandMessage(make(reply));
        Ok(match &self.0 {
            Target::Process(address) => address.call(make).await?,
            Target::Child(child) => child.call(make).await?,
        })
    }
}

/// Tells the service when a caller stops waiting.
struct Leave(Option<Seat>);

impl Drop for Leave {
    fn drop(&mut self) {
        let Some(seat) = self.0.take() else { return };
        let bell = seat.lock().take();
        if let Some(bell) = bell {
            bell.ring();
        }
    }
}
