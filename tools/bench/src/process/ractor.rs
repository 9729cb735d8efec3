//! ractor: one supervisor per actor, names taken at spawn, unbounded mailboxes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::{Calling, Sending, Subject};
use crate::finish::{self, Finish, Tally};
use crate::load::{Bed, call_all, send_all};
use crate::memory;

mod deaths;

/// The subject `ractor`.
#[derive(Debug)]
pub(super) struct Ractor(Bed);

impl Ractor {
    /// Starts the runtime.
    pub(super) fn new() -> Result<Self> {
        Bed::new().map(Self)
    }
}

impl Subject for Ractor {
    fn send(&self, load: Sending, messages: u64) -> Result<Duration> {
        ensure!(load.room.is_none(), "ractor has no bounded mailbox");
        self.0.run(async move {
            let finish = Arc::new(Finish::default());
            let (counter, join) =
                Actor::spawn(None, Counter, Tally::new(messages, &finish)).await?;
            let each = messages / load.senders;
            let taken = send_all(load.senders, &finish, || {
                let counter = counter.clone();
                async move {
                    for message in 0..each {
                        counter.send_message(message)?;
                    }
                    Ok(())
                }
            })
            .await?;
            counter.stop(None);
            join.await?;
            Ok(taken)
        })
    }

    fn call(&self, load: Calling, calls: u64) -> Result<Duration> {
        self.0.run(async move {
            let (server, join) = Actor::spawn(None, Server, 0).await?;
            let each = calls / load.clients;
            let taken =
                call_all(load.clients, || client(server.clone(), load.deadline, each)).await?;
            server.stop(None);
            join.await?;
            Ok(taken)
        })
    }

    fn churn(&self, live: u64) -> Result<Duration> {
        self.0.run(async move {
            let start = Instant::now();
            let mut actors = Vec::new();
            for state in 0..live {
                actors.push(Actor::spawn(None, Idle, state).await?);
            }
            for (actor, _) in &actors {
                actor.stop(None);
            }
            for (_, join) in actors {
                join.await?;
            }
            Ok(start.elapsed())
        })
    }

    fn idle(&self, count: u64) -> Result<u64> {
        self.0.run(async move {
            let (parent, _) = Actor::spawn(None, Parent, ()).await?;
            let mut held: Vec<Option<ActorRef<u64>>> = Vec::new();
            held.resize_with(usize::try_from(count)?, || None);
            let before = memory::resident()?;
            for (state, slot) in (0..count).zip(&mut held) {
                let (actor, _) = Actor::spawn_linked(None, Idle, state, parent.get_cell()).await?;
                *slot = Some(actor);
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
            let mut actors = Vec::new();
            for _ in 0..size {
                actors.push(Actor::spawn(None, Member, Arc::clone(&finish)).await?);
            }
            let next = actors.iter().cycle().skip(1).map(|(actor, _)| actor.clone());
            for ((actor, _), next) in actors.iter().zip(next) {
                actor.send_message(Token::Next(next))?;
            }
            let (first, _) = actors.first().context("a ring has members")?;
            let start = Instant::now();
            first.send_message(Token::Hop(hops - 1))?;
            let taken = finish.wait().await.duration_since(start);
            for (actor, _) in &actors {
                actor.stop(None);
            }
            for (_, join) in actors {
                join.await?;
            }
            Ok(taken)
        })
    }
}

async fn client(server: ActorRef<Call>, deadline: Option<Duration>, calls: u64) -> Result<()> {
    for argument in 0..calls {
        let answer = server.call(|reply| Call(argument, reply), deadline).await?;
        let CallResult::Success(answer) = answer else {
            return Err(anyhow!("the call with {argument} failed: {answer:?}"));
        };
        ensure!(answer == argument + 1, "the reply to {argument} was {answer}");
    }
    Ok(())
}

struct Counter;

impl Actor for Counter {
    type Msg = u64;
    type State = Tally;
    type Arguments = Tally;

    async fn pre_start(&self, _: ActorRef<u64>, tally: Tally) -> Result<Tally, ActorProcessingErr> {
        Ok(tally)
    }

    async fn handle(
        &self,
        _: ActorRef<u64>,
        message: u64,
        tally: &mut Tally,
    ) -> Result<(), ActorProcessingErr> {
        tally.take(message);
        Ok(())
    }
}

struct Server;

struct Call(u64, RpcReplyPort<u64>);

impl Actor for Server {
    type Msg = Call;
    type State = u64;
    type Arguments = u64;

    async fn pre_start(&self, _: ActorRef<Call>, state: u64) -> Result<u64, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<Call>,
        Call(argument, reply): Call,
        state: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        *state += 1;
        // A caller that has gone away needs no reply.
        _ = reply.send(argument + 1);
        Ok(())
    }
}

struct Idle;

impl Actor for Idle {
    type Msg = u64;
    type State = u64;
    type Arguments = u64;

    async fn pre_start(&self, _: ActorRef<u64>, state: u64) -> Result<u64, ActorProcessingErr> {
        finish::started();
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<u64>,
        message: u64,
        state: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        *state += message;
        Ok(())
    }
}

struct Parent;

impl Actor for Parent {
    type Msg = Infallible;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Infallible>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

enum Token {
    Next(ActorRef<Token>),
    Hop(u64),
}

struct Member;

impl Actor for Member {
    type Msg = Token;
    type State = (Option<ActorRef<Token>>, Arc<Finish>);
    type Arguments = Arc<Finish>;

    async fn pre_start(
        &self,
        _: ActorRef<Token>,
        finish: Arc<Finish>,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok((None, finish))
    }

    async fn handle(
        &self,
        _: ActorRef<Token>,
        token: Token,
        (next, finish): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match (token, &next) {
            (Token::Next(actor), _) => *next = Some(actor),
            (Token::Hop(left), Some(next)) if left > 0 => {
                next.send_message(Token::Hop(left - 1))?;
            }
            (Token::Hop(_), _) => finish.cross(),
        }
        Ok(())
    }
}
