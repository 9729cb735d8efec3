//! Five probes on real threads, each a promise that actor libraries are known to break.
//!
//! The races are real: a target ends on one thread while another places a monitor, a link or a
//! claim on what it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use foundation_process::{Context, Outcome, Process, Reply, Signal, System};
use foundation_testkit::wait_for;
use foundation_types::{ExitReason, Pid};

use crate::subject::{Event, Log, Subject, act, ask, start, stop};

/// Guarantee R1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_on_a_dead_process_gives_one_notice() {
    let system = System::current();
    let log = Log::default();
    let watcher = start(&system, Subject::new(&log).traps()).await;
    for _ in 0..200 {
        let dead = start(&system, Subject::new(&Log::default())).await;
        let pid = dead.pid();
        system.kill(pid);
        system.monitor(pid).await;
        let id = ask(&watcher, move |context| {
            context.link(pid).unwrap();
            context.monitor(pid).unwrap()
        })
        .await;
        // Answers after both notices, which were queued before this question.
        ask(&watcher, |_| ()).await;
        let mut events = log.take();
        events.sort_by_key(|event| matches!(event, Event::Exit(..)));
        let reason = ExitReason::NoProcess;
        assert_eq!(events, [Event::Down(id, pid, reason.clone()), Event::Exit(pid, reason)]);
    }
}

/// Guarantee R1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_monitors_of_one_watcher_give_two_notices_and_two_links_one() {
    let system = System::current();
    let log = Log::default();
    let watcher = start(&system, Subject::new(&log).traps()).await;
    for _ in 0..200 {
        let pid = start(&system, Subject::new(&Log::default())).await.pid();
        ask(&watcher, move |context| {
            for _ in 0..2 {
                context.link(pid).unwrap();
                context.monitor(pid).unwrap();
            }
        })
        .await;
        system.stop(pid, ExitReason::SHUTDOWN);
        system.monitor(pid).await;
        let deadline = system.deadline(Duration::from_secs(10));
        wait_for(system.env(), "three notices", deadline, || {
            if log.read().len() >= 3 { Ok(()) } else { Err(format!("{:?}", log.read())) }
        })
        .await;
        ask(&watcher, |_| ()).await;
        let events = log.take();
        let downs = events.iter().filter(|event| matches!(event, Event::Down(..))).count();
        assert_eq!((downs, events.len()), (2, 3), "{events:?}");
    }
}

const RACES: u64 = 20_000;

/// Places monitors and links on processes that end at that moment, and counts the notices.
struct Racer {
    downs: u64,
    exits: u64,
}

enum Race {
    /// Races with so many targets.
    Batch(u64),
    Count(Reply<(u64, u64)>),
}

impl Racer {
    fn race(n: u64, context: &mut Context<Race>) -> Outcome {
        let system = context.system().clone();
        let target = system.spawn(Subject::new(&Log::default()))?;
        let pid = target.pid();
        // The target ends on its own thread, by its own hand or by ours; sometimes this thread is
        // held up for a moment, so that all phases of the death are met.
        match n % 4 {
            0 => drop(system.stop(pid, ExitReason::SHUTDOWN)),
            1 => drop(system.kill(pid)),
            2 => drop(target.try_send(act(|_| Err(ExitReason::SHUTDOWN)))),
            _ => drop(target.try_send(stop(ExitReason::Normal))),
        }
        (0..(n * 7) % 400).for_each(|_| std::hint::spin_loop());
        context.monitor(pid)?;
        context.link(pid)?;
        Ok(())
    }
}

impl Process for Racer {
    type Message = Race;

    async fn init(&mut self, context: &mut Context<Race>) -> Outcome {
        context.trap_exit(true);
        Ok(())
    }

    async fn handle(&mut self, message: Race, context: &mut Context<Race>) -> Outcome {
        match message {
            Race::Batch(count) => (0..count).try_for_each(|n| Self::race(n, context)),
            Race::Count(reply) => {
                reply.send((self.downs, self.exits));
                Ok(())
            }
        }
    }

    async fn handle_signal(&mut self, signal: Signal, _: &mut Context<Race>) -> Outcome {
        match signal {
            Signal::Down { .. } => self.downs += 1,
            Signal::Exit { .. } => self.exits += 1,
            _ => {}
        }
        Ok(())
    }
}

/// Guarantee R1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn monitors_and_links_that_race_with_the_end_lose_no_notice() {
    let system = System::current();
    let racer = system.spawn(Racer { downs: 0, exits: 0 }).unwrap();
    let mut counts = (0, 0);
    for batch in 1..=RACES / 100 {
        racer.send(Race::Batch(100)).await.unwrap();
        let deadline = system.deadline(Duration::from_secs(10));
        while counts != (batch * 100, batch * 100) {
            counts = racer.call(Race::Count).await.unwrap();
            assert!(counts.0 <= batch * 100 && counts.1 <= batch * 100, "too many: {counts:?}");
            assert!(!deadline.has_passed(system.env().now()), "lost: {counts:?} of {batch}00");
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(racer.call(Race::Count).await, Ok((RACES, RACES)));
    assert_eq!((system.counts().monitors, system.counts().links), (0, 0));
}

/// What only one process may hold at a time.
#[derive(Default)]
struct Token {
    taken: AtomicBool,
}

struct Holding(Arc<Token>);

impl Token {
    fn take(self: &Arc<Self>) -> Option<Holding> {
        let free = self.taken.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire);
        free.ok().map(|_| Holding(Arc::clone(self)))
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
    }
}

/// Guarantee I1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_takes_over_while_the_old_holder_runs_its_stop_hook() {
    let system = System::current();
    let token = Arc::new(Token::default());
    for _ in 0..200 {
        let stopping = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopping);
        let terminate = async move {
            flag.store(true, Ordering::Release);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            flag.store(false, Ordering::Release);
        };
        let holder = start(&system, Subject::new(&Log::default()).on_terminate(terminate)).await;
        let held = token.take().expect("the last round gave it back");
        ask(&holder, move |context| context.hold(held).is_ok()).await;
        system.stop(holder.pid(), ExitReason::SHUTDOWN);
        let taken = loop {
            let inside = stopping.load(Ordering::Acquire);
            match token.take() {
                Some(taken) => {
                    // The flag was up before the token was tried and still is.
                    assert!(!(inside && stopping.load(Ordering::Acquire)), "two holders at once");
                    break taken;
                }
                None => tokio::task::yield_now().await,
            }
        };
        drop(taken);
        system.monitor(holder.pid()).await;
    }
}

/// Guarantee I1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_held_is_free_when_its_end_is_known() {
    let system = System::current();
    let token = Arc::new(Token::default());
    let (downs, stale) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let looker =
        Looker { token: Arc::clone(&token), downs: Arc::clone(&downs), stale: Arc::clone(&stale) };
    let looker = system.spawn(looker).unwrap();
    let (free, seen) = (Arc::new(AtomicU64::new(0)), Arc::clone(&token));
    for n in 0..200 {
        let holder = start(&system, Subject::new(&Log::default())).await;
        let held = token.take().expect("the last round gave it back");
        ask(&holder, move |context| context.hold(held).is_ok()).await;
        let pid = holder.pid();
        looker.call(|reply| (pid, reply)).await.unwrap();
        match n % 3 {
            0 => drop(system.kill(pid)),
            1 => drop(system.stop(pid, ExitReason::SHUTDOWN)),
            _ => drop(holder.try_send(act(|_| panic!("planted")))),
        }
        if n % 2 == 0 {
            system.monitor(pid).await;
        } else {
            while holder.is_alive() {
                tokio::task::yield_now().await;
            }
        }
        free.fetch_add(u64::from(!seen.taken.load(Ordering::Acquire)), Ordering::Relaxed);
        // The token is taken again only when the looker has looked.
        let deadline = system.deadline(Duration::from_secs(10));
        wait_for(system.env(), "the DOWN", deadline, || {
            if downs.load(Ordering::Acquire) > n { Ok(()) } else { Err("none yet") }
        })
        .await;
    }
    assert_eq!(free.load(Ordering::Relaxed), 200);
    assert_eq!(stale.load(Ordering::Relaxed), 0, "still held in the handler of a DOWN");
}

/// Looks, as it is told of a death, whether the dead still holds the token.
struct Looker {
    token: Arc<Token>,
    downs: Arc<AtomicU64>,
    stale: Arc<AtomicU64>,
}

impl Process for Looker {
    type Message = (Pid, Reply<()>);

    async fn handle(
        &mut self,
        (pid, reply): Self::Message,
        context: &mut Context<Self::Message>,
    ) -> Outcome {
        context.monitor(pid)?;
        reply.send(());
        Ok(())
    }

    async fn handle_signal(&mut self, _: Signal, _: &mut Context<Self::Message>) -> Outcome {
        self.stale
            .fetch_add(u64::from(self.token.taken.load(Ordering::Acquire)), Ordering::Relaxed);
        self.downs.fetch_add(1, Ordering::Release);
        Ok(())
    }
}
