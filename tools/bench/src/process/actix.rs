//! actix: actors on one thread each arbiter; here the senders always live on another thread.
//!
//! On one thread it is several times faster, but then nothing runs in parallel: every other subject
//! here crosses threads. Only the ring stays on one thread, for a ring hands over one token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::{
    Actor, ActorContext as _, Addr, Arbiter, ArbiterHandle, Context, Handler, Message, SendError,
    System,
};
use anyhow::{Context as _, Result, bail, ensure};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::{Calling, ROOM, Sending, Subject};
use crate::finish::{self, Finish, Tally};
use crate::load::{call_all, send_all};
use crate::memory;

/// The subject `actix`: one arbiter for the actors, one for those who send to them.
#[derive(Debug)]
pub(super) struct Actix;

impl Subject for Actix {
    fn send(&self, load: Sending, messages: u64) -> Result<Duration> {
        run(move |actors| async move {
            let finish = Arc::new(Finish::default());
            let tally = Tally::new(messages, &finish);
            let counter = Counter::start_in_arbiter(&actors, move |context| {
                if let Some(room) = load.room {
                    context.set_mailbox_capacity(room);
                }
                Counter(tally)
            });
            let each = messages / load.senders;
            send_all(load.senders, &finish, || {
                let counter = counter.clone();
                async move {
                    for message in 0..each {
                        match load.room {
                            None => counter.do_send(Add(message)),
                            Some(_) => send_waiting(&counter, Add(message)).await?,
                        }
                    }
                    Ok(())
                }
            })
            .await
        })
    }

    fn call(&self, load: Calling, calls: u64) -> Result<Duration> {
        run(move |actors| async move {
            let server = Server::start_in_arbiter(&actors, |context| {
                context.set_mailbox_capacity(ROOM);
                Server(0)
            });
            let each = calls / load.clients;
            call_all(load.clients, || client(server.clone(), load.deadline, each)).await
        })
    }

    fn churn(&self, live: u64) -> Result<Duration> {
        run(move |actors| async move {
            let finish = Arc::new(Finish::default());
            let left = Arc::new(std::sync::Mutex::new(Tally::new(live, &finish)));
            let start = Instant::now();
            let idle: Vec<_> = (0..live)
                .map(|state| {
                    let gone = Gone(Arc::clone(&left));
                    Mortal::start_in_arbiter(&actors, move |_| Mortal(state, gone))
                })
                .collect();
            for actor in &idle {
                actor.do_send(Stop);
            }
            Ok(finish.wait().await.duration_since(start))
        })
    }

    fn idle(&self, count: u64) -> Result<u64> {
        run(move |actors| async move {
            let mut held: Vec<Option<Addr<Idle>>> = Vec::new();
            held.resize_with(usize::try_from(count)?, || None);
            let before = memory::resident()?;
            for (state, slot) in (0..count).zip(&mut held) {
                *slot = Some(Idle::start_in_arbiter(&actors, move |_| Idle(state)));
            }
            finish::wait_started(count).await;
            let grown = memory::resident()?.saturating_sub(before);
            drop(held);
            Ok(grown)
        })
    }

    fn ring(&self, size: u64, hops: u64) -> Result<Duration> {
        run(move |actors| async move {
            let finish = Arc::new(Finish::default());
            let members: Vec<_> = (0..size)
                .map(|_| {
                    let finish = Arc::clone(&finish);
                    Member::start_in_arbiter(&actors, move |_| Member(None, finish))
                })
                .collect();
            for (member, next) in members.iter().zip(members.iter().cycle().skip(1)) {
                member.do_send(Next(next.clone()));
            }
            let first = members.first().context("a ring has members")?;
            let start = Instant::now();
            first.do_send(Hop(hops - 1));
            let taken = finish.wait().await.duration_since(start);
            for member in &members {
                member.do_send(Stop);
            }
            Ok(taken)
        })
    }
}

/// Runs `work` on the senders' arbiter; it gets the actors' one.
fn run<T, F>(work: impl FnOnce(ArbiterHandle) -> F + Send + 'static) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let system = System::new();
    let (actors, senders) = (Arbiter::try_new()?, Arbiter::try_new()?);
    let (tx, rx) = oneshot::channel();
    let work = work(actors.handle());
    let accepted = senders.spawn(async move {
        // The waiting side only goes away when the whole measurement failed.
        drop(tx.send(work.await));
    });
    ensure!(accepted, "the senders' arbiter has stopped");
    let result = system.block_on(rx).context("the driver died")?;
    for arbiter in [senders, actors] {
        ensure!(arbiter.stop(), "an arbiter stopped by itself");
        if arbiter.join().is_err() {
            bail!("an arbiter panicked");
        }
    }
    result
}

/// Sends to a bounded mailbox; actix has no send that waits for room, only one that waits for the
/// reply.
async fn send_waiting(counter: &Addr<Counter>, message: Add) -> Result<()> {
    let mut message = message;
    loop {
        match counter.try_send(message) {
            Ok(()) => return Ok(()),
            Err(SendError::Full(back)) => message = back,
            Err(SendError::Closed(_)) => bail!("the counter is gone"),
        }
        yield_now().await;
    }
}

async fn client(server: Addr<Server>, deadline: Option<Duration>, calls: u64) -> Result<()> {
    for argument in 0..calls {
        let call = server.send(Ask(argument));
        let answer = match deadline {
            Some(deadline) => call.timeout(deadline).await?,
            None => call.await?,
        };
        ensure!(answer == argument + 1, "the reply to {argument} was {answer}");
    }
    Ok(())
}

/// Implements a message without a reply, and an actor without hooks.
macro_rules! plain {
    (message $($message:ty),*) => {$(
        impl Message for $message {
            type Result = ();
        }
    )*};
    (actor $($actor:ty),*) => {$(
        impl Actor for $actor {
            type Context = Context<Self>;
        }
    )*};
}

struct Add(u64);
struct Stop;
struct Next(Addr<Member>);
struct Hop(u64);
plain!(message Add, Stop, Next, Hop);

struct Ask(u64);

impl Message for Ask {
    type Result = u64;
}

struct Counter(Tally);
struct Server(u64);
struct Member(Option<Addr<Member>>, Arc<Finish>);
plain!(actor Counter, Server, Member);

impl Handler<Add> for Counter {
    type Result = ();

    fn handle(&mut self, Add(message): Add, _: &mut Context<Self>) {
        self.0.take(message);
    }
}

impl Handler<Ask> for Server {
    type Result = u64;

    fn handle(&mut self, Ask(argument): Ask, _: &mut Context<Self>) -> u64 {
        self.0 += 1;
        argument + 1
    }
}

impl Handler<Next> for Member {
    type Result = ();

    fn handle(&mut self, Next(next): Next, _: &mut Context<Self>) {
        self.0 = Some(next);
    }
}

impl Handler<Hop> for Member {
    type Result = ();

    fn handle(&mut self, Hop(left): Hop, _: &mut Context<Self>) {
        match &self.0 {
            Some(next) if left > 0 => next.do_send(Hop(left - 1)),
            _ => self.1.cross(),
        }
    }
}

impl Handler<Stop> for Member {
    type Result = ();

    fn handle(&mut self, _: Stop, context: &mut Context<Self>) {
        context.stop();
    }
}

struct Idle(u64);

impl Actor for Idle {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        finish::started();
    }
}

impl Handler<Add> for Idle {
    type Result = ();

    fn handle(&mut self, Add(message): Add, _: &mut Context<Self>) {
        self.0 += message;
    }
}

/// Counts one actor as gone when its state is dropped: actix has nothing to join.
struct Gone(Arc<std::sync::Mutex<Tally>>);

impl Drop for Gone {
    fn drop(&mut self) {
        if let Ok(mut left) = self.0.lock() {
            left.take(1);
        }
    }
}

struct Mortal(u64, #[expect(dead_code, reason = "counts when it is dropped")] Gone);

impl Actor for Mortal {
    type Context = Context<Self>;
}

impl Handler<Stop> for Mortal {
    type Result = ();

    fn handle(&mut self, _: Stop, context: &mut Context<Self>) {
        self.0 += 1;
        context.stop();
    }
}
