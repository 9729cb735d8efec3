//! xtra: small actors on any executor, without links, names or supervision.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use xtra::{Actor, Address, Context, Handler, Mailbox};

use super::{Calling, ROOM, Sending, Subject};
use crate::finish::{self, Finish, Tally};
use crate::load::{Bed, call_all, send_all};
use crate::memory;

/// The subject `xtra`.
#[derive(Debug)]
pub(super) struct Xtra(Bed);

impl Xtra {
    /// Starts the runtime.
    pub(super) fn new() -> Result<Self> {
        Bed::new().map(Self)
    }
}

impl Subject for Xtra {
    fn send(&self, load: Sending, messages: u64) -> Result<Duration> {
        self.0.run(async move {
            let finish = Arc::new(Finish::default());
            let (counter, mailbox) = load.room.map_or_else(Mailbox::unbounded, Mailbox::bounded);
            tokio::spawn(xtra::run(mailbox, Counter(Tally::new(messages, &finish))));
            let each = messages / load.senders;
            send_all(load.senders, &finish, || {
                let counter = counter.clone();
                async move {
                    for message in 0..each {
                        // What is dropped here is the receiver of the handler's reply.
                        drop(counter.send(message).detach().await?);
                    }
                    Ok(())
                }
            })
            .await
        })
    }

    fn call(&self, load: Calling, calls: u64) -> Result<Duration> {
        self.0.run(async move {
            let (server, mailbox) = Mailbox::bounded(ROOM);
            tokio::spawn(xtra::run(mailbox, Server(0)));
            let each = calls / load.clients;
            call_all(load.clients, || client(server.clone(), load.deadline, each)).await
        })
    }

    fn churn(&self, live: u64) -> Result<Duration> {
        self.0.run(async move {
            let start = Instant::now();
            let actors: Vec<_> = (0..live).map(spawn_idle).collect();
            for (actor, _) in &actors {
                drop(actor.send(Stop).detach().await?);
            }
            for (_, join) in actors {
                join.await?;
            }
            Ok(start.elapsed())
        })
    }

    fn idle(&self, count: u64) -> Result<u64> {
        self.0.run(async move {
            let mut held: Vec<Option<Address<Idle>>> = Vec::new();
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
            let (members, mailboxes): (Vec<_>, Vec<_>) =
                (0..size).map(|_| Mailbox::unbounded()).unzip();
            let mut joins = Vec::new();
            for (mailbox, next) in mailboxes.into_iter().zip(members.iter().cycle().skip(1)) {
                let member = Member(next.clone(), Arc::clone(&finish));
                joins.push(tokio::spawn(xtra::run(mailbox, member)));
            }
            let first = members.first().context("a ring has members")?;
            let start = Instant::now();
            drop(first.send(Hop(hops - 1)).detach().await?);
            let taken = finish.wait().await.duration_since(start);
            for member in &members {
                drop(member.send(Stop).detach().await?);
            }
            for join in joins {
                join.await?;
            }
            Ok(taken)
        })
    }
}

async fn client(server: Address<Server>, deadline: Option<Duration>, calls: u64) -> Result<()> {
    for argument in 0..calls {
        let call = server.send(argument);
        let answer = match deadline {
            Some(deadline) => timeout(deadline, call).await.context("a call timed out")??,
            None => call.await?,
        };
        ensure!(answer == argument + 1, "the reply to {argument} was {answer}");
    }
    Ok(())
}

fn spawn_idle(state: u64) -> (Address<Idle>, JoinHandle<()>) {
    let (actor, mailbox) = Mailbox::bounded(ROOM);
    (actor, tokio::spawn(xtra::run(mailbox, Idle(state))))
}

/// Implements the hook every actor must have.
macro_rules! actor {
    ($actor:ty) => {
        impl Actor for $actor {
            type Stop = ();

            async fn stopped(self) {}
        }
    };
}

/// Ends the actor that handles it.
struct Stop;

struct Counter(Tally);
actor!(Counter);

impl Handler<u64> for Counter {
    type Return = ();

    async fn handle(&mut self, message: u64, _: &mut Context<Self>) {
        self.0.take(message);
    }
}

struct Server(u64);
actor!(Server);

impl Handler<u64> for Server {
    type Return = u64;

    async fn handle(&mut self, argument: u64, _: &mut Context<Self>) -> u64 {
        self.0 += 1;
        argument + 1
    }
}

struct Idle(u64);

impl Actor for Idle {
    type Stop = ();

    async fn started(&mut self, _: &Mailbox<Self>) -> Result<(), ()> {
        finish::started();
        Ok(())
    }

    async fn stopped(self) {}
}

impl Handler<u64> for Idle {
    type Return = ();

    async fn handle(&mut self, message: u64, _: &mut Context<Self>) {
        self.0 += message;
    }
}

impl Handler<Stop> for Idle {
    type Return = ();

    async fn handle(&mut self, _: Stop, context: &mut Context<Self>) {
        context.stop_self();
    }
}

struct Member(Address<Member>, Arc<Finish>);
actor!(Member);

struct Hop(u64);

impl Handler<Hop> for Member {
    type Return = ();

    async fn handle(&mut self, Hop(left): Hop, _: &mut Context<Self>) {
        if left == 0 {
            self.1.cross();
        } else {
            // A neighbour that is gone ends the ring; the measurement then hangs and says so.
            drop(self.0.send(Hop(left - 1)).detach().await);
        }
    }
}

impl Handler<Stop> for Member {
    type Return = ();

    async fn handle(&mut self, _: Stop, context: &mut Context<Self>) {
        context.stop_self();
    }
}
