//! What reads the output of a program.

use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe;

use super::runner::{Capture, StreamKind};

/// Bytes read at a time: a quarter of what a pipe holds on Linux.
const READ_BYTES: usize = 16 * 1024;

/// Reads of one stream before others are asked again: what a pipe holds. A program that writes faster
/// than it is read would never let anybody else have a turn.
const READS_MAX: usize = 4;

/// Copies both streams of a program into its capture.
pub(crate) struct Pumps {
    /// None once the stream has ended.
    streams: [Option<Pump>; 2],
    capture: Arc<Capture>,
    buffer: Vec<u8>,
}

struct Pump {
    source: Pin<Box<dyn AsyncRead + Send>>,
    kind: StreamKind,
}

impl Pumps {
    /// Takes the reading ends of standard output and standard error.
    pub(crate) fn start(pipes: [Option<OwnedFd>; 2], capture: Arc<Capture>) -> io::Result<Self> {
        let [stdout, stderr] = pipes;
        let source = |pipe: Option<OwnedFd>, kind| -> io::Result<Option<Pump>> {
            let Some(pipe) = pipe else { return Ok(None) };
            let source = Box::pin(pipe::Receiver::from_owned_fd(pipe)?);
            Ok(Some(Pump { source, kind }))
        };
        let streams = [source(stdout, StreamKind::Stdout)?, source(stderr, StreamKind::Stderr)?];
        Ok(Self { streams, ..Self::idle(capture) })
    }

    /// Reads nothing.
    pub(crate) fn idle(capture: Arc<Capture>) -> Self {
        Self { streams: [None, None], capture, buffer: vec![0; READ_BYTES] }
    }

    /// Copies until something else happens. That is asked first, each time: reads use up the turn that
    /// the runtime gives to a task, after which a timer that is due is not ready either.
    pub(crate) async fn until<F: Future + Unpin>(&mut self, mut other: F) -> F::Output {
        poll_fn(|cx| {
            let polled = Pin::new(&mut other).poll(cx);
            if polled.is_pending() {
                self.pump(cx);
            }
            polled
        })
        .await
    }

    /// Copies until both streams have ended, or until something else happens.
    pub(crate) async fn drain<F: Future<Output = ()> + Unpin>(&mut self, mut limit: F) {
        poll_fn(|cx| {
            // Also when the time is over: the runtime may not have looked at the pipes of a short program before.
            let over = Pin::new(&mut limit).poll(cx).is_ready();
            if self.pump(cx) || over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Goes on copying, and says whether both streams have ended.
    fn pump(&mut self, cx: &mut Context<'_>) -> bool {
        for slot in &mut self.streams {
            let Some(pump) = slot else { continue };
            if pump.copy(cx, &mut self.buffer, &self.capture) {
                *slot = None;
            }
        }
        self.streams.iter().all(Option::is_none)
    }
}

impl Pump {
    /// Reads what is there, and says whether the stream has ended. What is beyond the bound is read
    /// too, so that the writer goes on.
    fn copy(&mut self, cx: &mut Context<'_>, buffer: &mut [u8], capture: &Capture) -> bool {
        for _ in 0..READS_MAX {
            let mut read = ReadBuf::new(buffer);
            match self.source.as_mut().poll_read(cx, &mut read) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                    capture.write(self.kind, read.filled());
                }
                // A pipe fails in no way that a reader could mend: what was read is what there is.
                Poll::Ready(_) => return true,
            }
        }
        cx.waker().wake_by_ref();
        false
    }
}

#[cfg(test)]
mod tests;
