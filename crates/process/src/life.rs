//! The life of a process: its loop, and the future that wraps it.
//!
//! The loop ([`live`]) is an ordinary async function: init, then one message or signal after the
//! other, then `terminate`. Around it stands [`ProcessFuture`], written by hand: it makes the
//! process current, checks the kill bit before the handler goes on, and hands every way out to the
//! exit protocol.

use std::future::{Future, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use foundation_env::fault;
use foundation_env::sync::atomic::Ordering;
use foundation_telemetry::ErrorContext;
use foundation_types::{Deadline, ExitReason};
use pin_project_lite::pin_project;

use crate::context::{Context, Next};
use crate::current::{self, Graveyard};
use crate::exit::ExitGuard;
use crate::process::{Outcome, Process};
use crate::record::state;
use crate::reply::Reply;
use crate::timer::Expiry;

/// Runs a process to its exit reason.
///
/// This future is most of a process's memory, hence its form. It is an async block and not an
/// async function, which would keep its arguments twice: as they came and as it uses them. What
/// is rare is boxed while it runs. And nothing but the handler's own future is held over the
/// await of a message.
pub(crate) fn live<P: Process>(
    process: P,
    context: Context<P::Message>,
) -> impl Future<Output = ExitReason> + Send {
    let mut process = Contained::new(process);
    let mut context = context;
    async move {
        if let Some(reason) = Step::inline(process.get_mut().init(&mut context)).await {
            return *reason;
        }
        context.report_started();
        let reason = 'running: {
            if let Some(reason) = context.take_stop() {
                break 'running reason;
            }
            loop {
                let next = match poll_fn(|cx| context.poll_next(cx)).await {
                    Ok(next) => next,
                    Err(reason) => break 'running reason,
                };
                let failed = start(process.get_mut(), &mut context, next).await;
                context.done();
                if let Some(reason) = failed.or_else(|| context.take_stop()) {
                    break 'running reason;
                }
            }
        };
        if !context.was_killed() {
            Box::pin(terminate(process.get_mut(), &reason, &mut context)).await;
        }
        *reason
    }
}

/// Starts what comes next.
#[inline]
fn start<'a, P: Process>(
    process: &'a mut P,
    context: &'a mut Context<P::Message>,
    next: Next<P::Message>,
) -> Step<'a, impl Future<Output = Outcome> + Send + use<'a, P>> {
    match next {
        Next::Message(message) => {
            context.begin(P::message_kind(&message));
            Step::inline(process.handle(message, context))
        }
        Next::Signal(signal) => {
            context.begin_signal();
            Step::boxed(process.handle_signal(*signal, context))
        }
        Next::Inspect(reply) => {
            inspect(process, reply);
            Step::boxed(ready(Ok(())))
        }
    }
}

fn inspect<P: Process>(process: &P, reply: Reply<String>) {
    let text = catch_unwind(AssertUnwindSafe(|| process.inspect()));
    reply.send(text.unwrap_or_else(|panic| {
        current::note_contained_panic(panic);
        "inspect panicked".to_owned()
    }));
}

async fn terminate<P: Process>(
    process: &mut P,
    reason: &ExitReason,
    context: &mut Context<P::Message>,
) {
    context.begin_exit();
    let system = context.system().clone();
    let budget = process.terminate_budget();
    // Made when the hook has to wait: most are done at once, and reading the clock costs more than they do.
    let mut expiry: Option<Expiry<'_>> = None;
    let own = context.pid();
    let hook = Step::inline(async {
        process.terminate(reason, context).await;
        Ok(())
    });
    let mut hook = std::pin::pin!(hook);
    let done = poll_fn(|cx| match hook.as_mut().poll(cx) {
        Poll::Ready(panic) => Poll::Ready(Some(panic)),
        Poll::Pending => {
            let expiry = expiry.get_or_insert_with(|| {
                let after = |budget| Deadline::after(system.env().now(), budget);
                Expiry::new(system.timers(), budget.map_or(Deadline::NEVER, after))
            });
            expiry.poll_expired(cx).map(|()| None)
        }
    })
    .await;
    match done {
        Some(None) => {}
        Some(Some(panic)) => {
            if let ExitReason::Panic(report) = *panic {
                system.inner().note_contained_panic(Some(own), (*report).clone());
            }
        }
        None => system.inner().note_terminate_overrun(),
    }
}

/// The state of a process; a panic in its drop stays inside.
struct Contained<T>(Option<T>);

impl<T> Contained<T> {
    fn new(value: T) -> Self {
        Self(Some(value))
    }

    fn get_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Some(value) => value,
            None => unreachable!("emptied only by its drop"),
        }
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        let _ending = current::Ending::begin();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            current::note_contained_panic(panic);
        }
    }
}

pin_project! {
    #[project = HandlerProjection]
    enum Handler<'a, F> {
        Inline { #[pin] future: F },
        Boxed { future: Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> },
        Done,
    }
}

pin_project! {
    /// A handler's future, to the reason why the process must end. A panic in a poll becomes a
    /// reason; one in the drop stays inside, so that the state behind it is dropped all the same.
    struct Step<'a, F> {
        #[pin]
        handler: Handler<'a, F>,
    }

    impl<F> PinnedDrop for Step<'_, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut handler = this.project().handler;
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| handler.set(Handler::Done))) {
                current::note_contained_panic(panic);
            }
        }
    }
}

impl<'a, F> Step<'a, F> {
    #[inline]
    fn inline(future: F) -> Self {
        Self { handler: Handler::Inline { future } }
    }

    /// For what is rare, so that its future does not make every process larger.
    fn boxed(future: impl Future<Output = Outcome> + Send + 'a) -> Self {
        Self { handler: Handler::Boxed { future: Box::pin(future) } }
    }
}

impl<F: Future<Output = Outcome>> Future for Step<'_, F> {
    /// Boxed: it is rare, and an output of one word travels in a register.
    type Output = Option<Box<ExitReason>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let polled = match self.project().handler.project() {
            HandlerProjection::Inline { future } => {
                catch_unwind(AssertUnwindSafe(|| future.poll(cx)))
            }
            HandlerProjection::Boxed { future } => {
                catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
            }
            HandlerProjection::Done => return Poll::Pending,
        };
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(()))) => Poll::Ready(None),
            Ok(Poll::Ready(Err(reason))) => Poll::Ready(Some(Box::new(reason))),
            Err(panic) => Poll::Ready(Some(Box::new(current::panic_reason(panic)))),
        }
    }
}

pin_project! {
    /// The task of a process. See the module text and `exit.rs`.
    pub(crate) struct ProcessFuture<F> {
        #[pin]
        body: Option<F>,
        guard: ExitGuard,
        // Current whenever it is polled: that of what is being handled.
        context: ErrorContext,
    }

    impl<F> PinnedDrop for ProcessFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if fault::planted("guard_inside_future") {
                this.guard.disarm_unless_running();
            }
            this.guard.conclude(&ExitReason::Killed, Graveyard::default(), || this.body.set(None));
        }
    }
}

impl<F> ProcessFuture<F> {
    pub(crate) fn new(body: F, guard: ExitGuard, context: ErrorContext) -> Self {
        Self { body: Some(body), guard, context }
    }
}

impl<F: Future<Output = ExitReason>> Future for ProcessFuture<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(record) = this.guard.record() else { return Poll::Ready(()) };
        let killed = record.own().state.load(Ordering::Acquire) & state::KILL != 0;
        // Through the end of the process, if this is it, so that its crash report has it too.
        let mut kept = ErrorContext::EMPTY;
        let loses = fault::planted("context_lost_at_wait");
        let _resumed = if loses { kept.resume() } else { this.context.resume() };
        let body = &mut this.body;
        let (polled, graveyard) =
            current::enter(this.guard.current(), || match body.as_mut().as_pin_mut() {
                Some(body) if !killed => body.poll(cx),
                _ => Poll::Ready(ExitReason::Killed),
            });
        let reason = match polled {
            Ok(Poll::Ready(reason)) => reason,
            Ok(Poll::Pending) if this.guard.sleep_in_handler(cx.waker()) => {
                graveyard.fail_all();
                return Poll::Pending;
            }
            Ok(Poll::Pending) => ExitReason::Killed,
            Err(panic) => current::panic_reason(panic),
        };
        this.guard.conclude(&reason, graveyard, || this.body.set(None));
        Poll::Ready(())
    }
}
