//! Signals that ask the program to end.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use crate::exit::Exit;

/// Listens from its making on, so that no signal is lost between two waits.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Signals {
    /// Begins to listen. Call it before any tokio runtime with signals runs.
    ///
    /// tokio first catches a signal and then adds the listener. A signal between the two kills nobody any more,
    /// and a runtime that runs takes it and has nobody to tell: it is lost. Here nothing runs: the runtime that
    /// listening needs is never driven, so the signal waits in its pipe for the one that comes later.
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let idle = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let _inside = idle.enter();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Begins to listen.
    #[cfg(windows)]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Waits for the next signal and returns the exit code it leads to.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Exit {
        poll_fn(|cx| {
            #[cfg(unix)]
            if self.terminate.poll_recv(cx).is_ready() {
                return Poll::Ready(Exit::Terminated);
            }
            self.interrupt.poll_recv(cx).map(|_| Exit::Interrupted)
        })
        .await
    }
}
