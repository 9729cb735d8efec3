//! Foundation: our own subject.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use foundation_process::{Address, Context, Outcome, Process, Reply, System};
use foundation_types::{Deadline, ExitReason};

use super::{Calling, ROOM, Sending, Subject};
use crate::finish::{self, Finish, Tally};
use crate::load::{Bed, call_all, send_all};
use crate::memory;

mod deaths;

/// Bound of the mailbox where the peers have none; no shot fills it, so no send ever waits.
const ROOM_WIDE: usize = 1 << 21;

/// The subject `foundation`.
#[derive(Debug)]
pub(super) struct Foundation {
    bed: Bed,
    system: System,
}

impl Foundation {
    /// Starts the runtime and a system in it.
    pub(super) fn new() -> Result<Self> {
        let bed = Bed::new()?;
        let system = bed.run(async { Ok(System::current()) })?;
        Ok(Self { bed, system })
    }

    /// Runs `work` as a task on the workers; it gets the system.
    fn run<T, F>(&self, work: impl FnOnce(System) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.bed.run(work(self.system.clone()))
    }
}

impl Subject for Foundation {
    fn send(&self, load: Sending, messages: u64) -> Result<Duration> {
        self.run(move |system| async move {
            let finish = Arc::new(Finish::default());
            let room = u32::try_from(load.room.unwrap_or(ROOM_WIDE))?;
            let counter = Counter(Tally::new(messages, &finish));
            let counter = system.process(counter).mailbox(room).spawn()?;
            let each = messages / load.senders;
            let taken = send_all(load.senders, &finish, || {
                let counter = counter.clone();
                async move {
                    for message in 0..each {
                        counter.send(message).await?;
                    }
                    Ok(())
                }
            })
            .await?;
            stop_all(&system, [counter]).await;
            Ok(taken)
        })
    }

    fn call(&self, load: Calling, calls: u64) -> Result<Duration> {
        self.run(move |system| async move {
            let server = system.process(Server(0)).mailbox(u32::try_from(ROOM)?).spawn()?;
            let each = calls / load.clients;
            let taken =
                call_all(load.clients, || client(server.clone(), load.deadline, each)).await?;
            stop_all(&system, [server]).await;
            Ok(taken)
        })
    }

    fn churn(&self, live: u64) -> Result<Duration> {
        self.run(move |system| async move {
            let start = Instant::now();
            let mut processes = Vec::new();
            for state in 0..live {
                processes.push(system.spawn(Idle(state))?);
            }
            stop_all(&system, processes).await;
            Ok(start.elapsed())
        })
    }

    fn idle(&self, count: u64) -> Result<u64> {
        self.run(move |system| async move {
            let parent = system.spawn(Parent)?;
            let mut held: Vec<Option<Address<u64>>> = Vec::new();
            held.resize_with(usize::try_from(count)?, || None);
            let before = memory::resident()?;
            for (state, slot) in (0..count).zip(&mut held) {
                let process = system.process(Idle(state)).parent(parent.pid()).linked().spawn()?;
                *slot = Some(process);
            }
            finish::wait_started(count).await;
            let grown = memory::resident()?.saturating_sub(before);
            drop(held);
            Ok(grown)
        })
    }

    fn ring(&self, size: u64, hops: u64) -> Result<Duration> {
        self.run(move |system| async move {
            let finish = Arc::new(Finish::default());
            let mut members = Vec::new();
            for _ in 0..size {
                members.push(system.spawn(Member(None, Arc::clone(&finish)))?);
            }
            for (member, next) in members.iter().zip(members.iter().cycle().skip(1)) {
                member.send(Token::Next(next.clone())).await.context("a member is gone")?;
            }
            let first = members.first().context("a ring has members")?;
            let start = Instant::now();
            first.send(Token::Hop(hops - 1)).await.context("the ring is gone")?;
            let taken = finish.wait().await.duration_since(start);
            stop_all(&system, members).await;
            Ok(taken)
        })
    }
}

/// Stops the processes, then waits until each is gone.
async fn stop_all<M: Send + 'static>(
    system: &System,
    processes: impl IntoIterator<Item = Address<M>>,
) {
    let pids: Vec<_> = processes.into_iter().map(|process| process.pid()).collect();
    for pid in &pids {
        system.stop(*pid, ExitReason::SHUTDOWN);
    }
    for pid in pids {
        system.monitor(pid).await;
    }
}

async fn client(server: Address<Call>, timeout: Option<Duration>, calls: u64) -> Result<()> {
    for argument in 0..calls {
        let deadline = timeout.map_or(Deadline::NEVER, |timeout| server.system().deadline(timeout));
        let answer = server.call_until(|reply| Call(argument, reply), deadline).await?;
        ensure!(answer == argument + 1, "the reply to {argument} was {answer}");
    }
    Ok(())
}

struct Counter(Tally);

impl Process for Counter {
    type Message = u64;

    async fn handle(&mut self, message: u64, _: &mut Context<u64>) -> Outcome {
        self.0.take(message);
        Ok(())
    }
}

struct Server(u64);

struct Call(u64, Reply<u64>);

impl Process for Server {
    type Message = Call;

    async fn handle(&mut self, Call(argument, reply): Call, _: &mut Context<Call>) -> Outcome {
        self.0 += 1;
        reply.send(argument + 1);
        Ok(())
    }
}

struct Idle(u64);

impl Process for Idle {
    type Message = u64;

    async fn init(&mut self, _: &mut Context<u64>) -> Outcome {
        finish::started();
        Ok(())
    }

    async fn handle(&mut self, message: u64, _: &mut Context<u64>) -> Outcome {
        self.0 += message;
        Ok(())
    }
}

struct Parent;

impl Process for Parent {
    type Message = u64;

    async fn handle(&mut self, _: u64, _: &mut Context<u64>) -> Outcome {
        Ok(())
    }
}

enum Token {
    Next(Address<Token>),
    Hop(u64),
}

struct Member(Option<Address<Token>>, Arc<Finish>);

impl Process for Member {
    type Message = Token;

    async fn handle(&mut self, token: Token, _: &mut Context<Token>) -> Outcome {
        match (token, &self.0) {
            (Token::Next(next), _) => self.0 = Some(next),
            (Token::Hop(left), Some(next)) if left > 0 => {
                // A neighbour that is gone ends the ring; the measurement then hangs and says so.
                return next.send(Token::Hop(left - 1)).await.map_err(ExitReason::from);
            }
            (Token::Hop(_), _) => self.1.cross(),
        }
        Ok(())
    }
}
