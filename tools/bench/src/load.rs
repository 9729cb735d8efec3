//! Load on a subject: the runtime it runs on, senders that send, clients that call.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::runtime::{Builder, Runtime};

use crate::finish::Finish;

/// Worker threads of every subject; the thread that waits for the result does no work.
pub(crate) const WORKERS: usize = 2;

/// A tokio runtime like the one a user of the subject would have, with a fixed number of workers.
#[derive(Debug)]
pub(crate) struct Bed {
    runtime: Runtime,
}

impl Bed {
    /// Starts the workers.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn new() -> Result<Self> {
        // With the I/O driver, as under `#[tokio::main]`: it makes waking a sleeping worker and
        // setting a timer dearer.
        let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
        Ok(Self { runtime: runtime.context("cannot start the worker threads")? })
    }

    /// Runs `work` as a task on the workers and waits for it.
    ///
    /// # Errors
    /// Those of `work`, and its panic.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.runtime.block_on(async { tokio::spawn(work).await.context("the driver died")? })
    }
}

/// Starts `senders` tasks at once and returns the time until `finish` is crossed.
///
/// # Errors
/// Those of a sender.
pub(crate) async fn send_all<F>(
    senders: u64,
    finish: &Finish,
    sender: impl Fn() -> F,
) -> Result<Duration>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let start = Instant::now();
    let tasks: Vec<_> = (0..senders).map(|_| tokio::spawn(sender())).collect();
    let end = finish.wait().await;
    for task in tasks {
        task.await.context("a sender died")??;
    }
    Ok(end.duration_since(start))
}

/// Starts `clients` tasks at once and returns the time until all of them are through.
///
/// # Errors
/// Those of a client.
pub(crate) async fn call_all<F>(clients: u64, client: impl Fn() -> F) -> Result<Duration>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let start = Instant::now();
    let tasks: Vec<_> = (0..clients).map(|_| tokio::spawn(client())).collect();
    for task in tasks {
        task.await.context("a client died")??;
    }
    Ok(start.elapsed())
}
