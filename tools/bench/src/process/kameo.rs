//! kameo: links, a registry of names, bounded or unbounded mailboxes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kameo::Actor;
use kameo::actor::{ActorRef, Spawn as _};
use kameo::mailbox;
use kameo::message::{Context, Message};

use super::{Calling, ROOM, Sending, Subject};
use crate::finish::{self, Finish, Tally};
use crate::load::{Bed, call_all, send_all};
use crate::memory;

mod deaths;

/// The subject `kameo`.
#[derive(Debug)]
pub(super) struct Kameo(Bed);

impl Kameo {
    /// Starts the runtime.
    pub(super) fn new() -> Result<Self> {
        Bed::new().map(Self)
    }
}

impl Subject for Kameo {
    fn send(&self, load: Sending, messages: u64) -> Result<Duration> {
        self.0.run(async move {
            let finish = Arc::new(Finish::default());
            let room = load.room.map_or_else(mailbox::unbounded, mailbox::bounded);
            let counter = Counter::spawn_with_mailbox(Counter(Tally::new(messages, &finish)), room);
            counter.wait_for_startup().await;
            let each = messages / load.senders;
            send_all(load.senders, &finish, || {
                let counter = counter.clone();
                async move {
                    for message in 0..each {
                        counter.tell(message).send().await?;
                    }
                    Ok(())
                }
            })
            .await
        })
    }

    fn call(&self, load: Calling, calls: u64) -> Result<Duration> {
        self.0.run(async move {
            let server = Server::spawn_with_mailbox(Server(0), mailbox::bounded(ROOM));
            server.wait_for_startup().await;
            let each = calls / load.clients;
            call_all(load.clients, || client(server.clone(), load.deadline, each)).await
        })
    }

    fn churn(&self, live: u64) -> Result<Duration> {
        self.0.run(async move {
            let start = Instant::now();
            let mut actors = Vec::new();
            for state in 0..live {
                // The task's own handle: `wait_for_shutdown` returns before the cleanup.
                let prepared = Idle::prepare();
                let actor = prepared.actor_ref().clone();
                actors.push((actor, prepared.spawn(Idle(state))));
            }
            for (actor, _) in &actors {
                actor.stop_gracefully().await?;
            }
            for (_, join) in actors {
                join.await?.context("an actor failed to start")?;
            }
            Ok(start.elapsed())
        })
    }

    fn idle(&self, count: u64) -> Result<u64> {
        self.0.run(async move {
            let parent = Parent::spawn(Parent);
            parent.wait_for_startup().await;
            let mut held: Vec<Option<ActorRef<Idle>>> = Vec::new();
            held.resize_with(usize::try_from(count)?, || None);
            let before = memory::resident()?;
            for (state, slot) in (0..count).zip(&mut held) {
                *slot = Some(Idle::spawn_link(&parent, Idle(state)).await);
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
            let members: Vec<_> =
                (0..size).map(|_| Member::spawn(Member(None, Arc::clone(&finish)))).collect();
            for (member, next) in members.iter().zip(members.iter().cycle().skip(1)) {
                member.tell(Next(next.clone())).send().await?;
            }
            let first = members.first().context("a ring has members")?;
            let start = Instant::now();
            first.tell(Hop(hops - 1)).send().await?;
            let taken = finish.wait().await.duration_since(start);
            for member in &members {
                member.stop_gracefully().await?;
            }
            for member in &members {
                member.wait_for_shutdown().await;
            }
            Ok(taken)
        })
    }
}

async fn client(server: ActorRef<Server>, deadline: Option<Duration>, calls: u64) -> Result<()> {
    for argument in 0..calls {
        let call = server.ask(argument);
        let answer = match deadline {
            Some(deadline) => call.reply_timeout(deadline).send().await?,
            None => call.send().await?,
        };
        ensure!(answer == argument + 1, "the reply to {argument} was {answer}");
    }
    Ok(())
}

/// Implements the start hook that takes the finished state.
macro_rules! actor {
    ($actor:ty) => {
        impl Actor for $actor {
            type Args = Self;
            type Error = Infallible;

            async fn on_start(actor: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
                Ok(actor)
            }
        }
    };
}

struct Counter(Tally);
actor!(Counter);

impl Message<u64> for Counter {
    type Reply = ();

    async fn handle(&mut self, message: u64, _: &mut Context<Self, ()>) {
        self.0.take(message);
    }
}

struct Server(u64);
actor!(Server);

impl Message<u64> for Server {
    type Reply = u64;

    async fn handle(&mut self, argument: u64, _: &mut Context<Self, u64>) -> u64 {
        self.0 += 1;
        argument + 1
    }
}

struct Idle(u64);

impl Actor for Idle {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(actor: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        finish::started();
        Ok(actor)
    }
}

impl Message<u64> for Idle {
    type Reply = ();

    async fn handle(&mut self, message: u64, _: &mut Context<Self, ()>) {
        self.0 += message;
    }
}

struct Parent;
actor!(Parent);

struct Member(Option<ActorRef<Member>>, Arc<Finish>);
actor!(Member);

struct Next(ActorRef<Member>);

struct Hop(u64);

impl Message<Next> for Member {
    type Reply = ();

    async fn handle(&mut self, Next(next): Next, _: &mut Context<Self, ()>) {
        self.0 = Some(next);
    }
}

impl Message<Hop> for Member {
    type Reply = ();

    async fn handle(&mut self, Hop(left): Hop, _: &mut Context<Self, ()>) {
        match &self.0 {
            // A neighbour that is gone ends the ring; the measurement then hangs and says so.
            Some(next) if left > 0 => _ = next.tell(Hop(left - 1)).send().await,
            _ => self.1.cross(),
        }
    }
}
