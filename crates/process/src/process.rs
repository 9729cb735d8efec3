//! What a user writes: a state with a message type and handlers.

use std::future::{Future, ready};
use std::time::Duration;

use foundation_types::ExitReason;

use crate::context::Context;
use crate::signal::Signal;

/// What a handler answers: go on, or exit with this reason.
///
/// Any error converts into a reason, so handlers can use `?`.
pub type Outcome = Result<(), ExitReason>;

/// A process: one state, one message type, one handler at a time.
///
/// Handlers run one after the other, so the state needs no lock. A handler that returns an error
/// or panics ends the process with that reason; its links and monitors are told, its supervisor
/// restarts it.
///
/// Handlers are futures. They may wait, and while they wait the process handles nothing else: give
/// waits a deadline. A handler must not block its thread; one that does not yield for 10 ms is
/// reported by the watchdog.
///
/// # Cancel safety
///
/// A handler's future is dropped at its current await when the process is killed. `terminate` does
/// not run then; values that must be given back on every way out are tied to the process with
/// [`Context::hold`].
///
/// # Examples
///
/// ```
/// use foundation_process::{Context, Outcome, Process, Reply, System};
///
/// struct Counter(u64);
///
/// enum Message {
///     Add(u64),
///     Get(Reply<u64>),
/// }
///
/// impl Process for Counter {
///     type Message = Message;
///
///     async fn handle(&mut self, message: Message, _: &mut Context<Message>) -> Outcome {
///         match message {
///             Message::Add(n) => self.0 += n,
///             Message::Get(reply) => reply.send(self.0),
///         }
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = System::current();
/// let counter = system.spawn(Counter(0))?;
/// counter.send(Message::Add(2)).await?;
/// assert_eq!(counter.call(Message::Get).await?, 2);
/// # Ok(())
/// # }
/// ```
pub trait Process: Send + Sized + 'static {
    /// What the process can be told. One enum; it travels unboxed.
    type Message: Send + 'static;

    /// Names of the message kinds, in the order of [`Process::message_kind`], for introspection
    /// and crash reports. The attribute macro fills it in.
    const MESSAGE_KINDS: &'static [&'static str] = &[];

    /// The index of a message's kind in [`Process::MESSAGE_KINDS`].
    fn message_kind(message: &Self::Message) -> usize {
        let _ = message;
        0
    }

    /// Prepares the process before its first message. A supervisor starts the next child only
    /// when this has returned; if it fails, the start fails and `terminate` does not run.
    fn init(
        &mut self,
        context: &mut Context<Self::Message>,
    ) -> impl Future<Output = Outcome> + Send {
        let _ = context;
        ready(Ok(()))
    }

    /// Handles one message.
    fn handle(
        &mut self,
        message: Self::Message,
        context: &mut Context<Self::Message>,
    ) -> impl Future<Output = Outcome> + Send;

    /// Handles a DOWN, or an exit signal when the process traps exits. Ignores it by default.
    fn handle_signal(
        &mut self,
        signal: Signal,
        context: &mut Context<Self::Message>,
    ) -> impl Future<Output = Outcome> + Send {
        drop((signal, context));
        ready(Ok(()))
    }

    /// Cleans up while the process still lives and holds its names. Runs after a return, an
    /// error, a panic of a handler's future and a shutdown; not after a kill, a failed `init`, a
    /// panic before a handler's future exists, or when the runtime is dropped.
    fn terminate(
        &mut self,
        reason: &ExitReason,
        context: &mut Context<Self::Message>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (reason, context);
        ready(())
    }

    /// How long `terminate` may take before it is dropped; `None` is without limit, for
    /// supervisors, whose children have limits of their own. Five seconds by default.
    fn terminate_budget(&self) -> Option<Duration> {
        Some(Duration::from_secs(5))
    }

    /// Describes the state for an operator. The type's name by default.
    fn inspect(&self) -> String {
        std::any::type_name::<Self>().to_owned()
    }
}
