//! Raw tokio tasks and channels: the floor, without supervision, names or death notices.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{Calling, ROOM, Sending, Subject};
use crate::finish::{self, Finish, Tally};
use crate::load::{Bed, call_all, send_all};
use crate::memory;

/// The subject `tokio`.
#[derive(Debug)]
pub(super) struct Tokio(Bed);

/// A call: the argument and where the reply goes.
type Call = (u64, oneshot::Sender<u64>);

impl Tokio {
    /// Starts the runtime.
    pub(super) fn new() -> Result<Self> {
        Bed::new().map(Self)
    }
}

impl Subject for Tokio {
    fn send(&self, load: Sending, messages: u64) -> Result<Duration> {
        self.0.run(async move {
            match load.room {
                None => send_unbounded(load.senders, messages).await,
                Some(room) => send_bounded(load.senders, room, messages).await,
            }
        })
    }

    fn call(&self, load: Calling, calls: u64) -> Result<Duration> {
        self.0.run(async move {
            let (tx, mut rx) = mpsc::channel::<Call>(ROOM);
            tokio::spawn(async move {
                while let Some((argument, reply)) = rx.recv().await {
                    // A caller that has gone away needs no reply.
                    _ = reply.send(argument + 1);
                }
            });
            let each = calls / load.clients;
            call_all(load.clients, || client(tx.clone(), load.deadline, each)).await
        })
    }

    fn churn(&self, live: u64) -> Result<Duration> {
        self.0.run(async move {
            let start = Instant::now();
            let tasks: Vec<_> = (0..live).map(spawn_idle).collect();
            let (boxes, joins): (Vec<_>, Vec<_>) = tasks.into_iter().unzip();
            drop(boxes);
            for join in joins {
                join.await.context("a task died")?;
            }
            Ok(start.elapsed())
        })
    }

    fn idle(&self, count: u64) -> Result<u64> {
        self.0.run(async move {
            let mut held: Vec<Option<mpsc::Sender<u64>>> = Vec::new();
            held.resize_with(usize::try_from(count)?, || None);
            let before = memory::resident()?;
            for (state, slot) in (0..count).zip(&mut held) {
                *slot = Some(spawn_idle(state).0);
            }
            finish::wait_started(count).await;
            let grown = memory::resident()?.saturating_sub(before);
            drop(held);
            Ok(grown)
        })
    }

    fn ring(&self, size: u64, hops: u64) -> Result<Duration> {
        self.0.run(async move {
            let finish = Arc::new(Finish::default());
            let (first, mut rx) = mpsc::unbounded_channel();
            for _ in 1..size {
                let (tx, next) = mpsc::unbounded_channel();
                tokio::spawn(hop(rx, tx, Arc::clone(&finish)));
                rx = next;
            }
            // The last one holds the first weakly, or the ring would keep itself alive.
            let back = first.downgrade();
            let end = Arc::clone(&finish);
            tokio::spawn(async move {
                while let Some(left) = rx.recv().await {
                    match back.upgrade() {
                        Some(next) if left > 0 => _ = next.send(left - 1),
                        _ => end.cross(),
                    }
                }
            });
            let start = Instant::now();
            first.send(hops - 1).context("the ring is gone")?;
            Ok(finish.wait().await.duration_since(start))
        })
    }
}

async fn send_unbounded(senders: u64, messages: u64) -> Result<Duration> {
    let finish = Arc::new(Finish::default());
    let mut tally = Tally::new(messages, &finish);
    let (tx, mut rx) = mpsc::unbounded_channel::<u64>();
    tokio::spawn(async move {
        while let Some(message) = rx.recv().await {
            tally.take(message);
        }
    });
    let each = messages / senders;
    send_all(senders, &finish, || {
        let tx = tx.clone();
        async move {
            for message in 0..each {
                tx.send(message)?;
            }
            Ok(())
        }
    })
    .await
}

async fn send_bounded(senders: u64, room: usize, messages: u64) -> Result<Duration> {
    let finish = Arc::new(Finish::default());
    let mut tally = Tally::new(messages, &finish);
    let (tx, mut rx) = mpsc::channel::<u64>(room);
    tokio::spawn(async move {
        while let Some(message) = rx.recv().await {
            tally.take(message);
        }
    });
    let each = messages / senders;
    send_all(senders, &finish, || {
        let tx = tx.clone();
        async move {
            for message in 0..each {
                tx.send(message).await?;
            }
            Ok(())
        }
    })
    .await
}

async fn client(tx: mpsc::Sender<Call>, deadline: Option<Duration>, calls: u64) -> Result<()> {
    for argument in 0..calls {
        let call = async {
            let (reply, answer) = oneshot::channel();
            tx.send((argument, reply)).await.context("the server is gone")?;
            answer.await.context("the server dropped a call")
        };
        let answer = match deadline {
            Some(deadline) => timeout(deadline, call).await.context("a call timed out")??,
            None => call.await?,
        };
        ensure!(answer == argument + 1, "the reply to {argument} was {answer}");
    }
    Ok(())
}

fn spawn_idle(mut state: u64) -> (mpsc::Sender<u64>, tokio::task::JoinHandle<u64>) {
    let (tx, mut rx) = mpsc::channel(ROOM);
    let join = tokio::spawn(async move {
        finish::started();
        while let Some(message) = rx.recv().await {
            state += message;
        }
        state
    });
    (tx, join)
}

async fn hop(
    mut rx: mpsc::UnboundedReceiver<u64>,
    next: mpsc::UnboundedSender<u64>,
    finish: Arc<Finish>,
) {
    while let Some(left) = rx.recv().await {
        if left == 0 {
            finish.cross();
        } else if next.send(left - 1).is_err() {
            return;
        }
    }
}
