//! Everything at once: several drivers, no pauses to look. Whatever order the schedule chose, these
//! must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use foundation_env::Env;
use foundation_process::{
    Address, CallError, Counts, Limits, Rule, SendError, System, TrySendError,
};
use foundation_testkit::{Swarm, Weights, sim_seeds};
use foundation_types::{Deadline, ExitReason, MonitorId, Pid};

use crate::actor::{Actor, Book, Command, Seen, Totals};

const SEEDS: u64 = 300;
const OPERATIONS: usize = 27;
/// Actors that trap exits and are never ended, so that what they must see is exact.
const OBSERVERS: u64 = 2;

/// Guarantee R1
/// Guarantee R2
/// Guarantee I1
/// Guarantee L1
/// Guarantee M1
/// Guarantee M2
/// Guarantee S6
#[test]
fn every_schedule_keeps_the_promises() {
    sim_seeds(0..SEEDS, |env, seed| async move {
        let world = World::new(env, seed);
        let (done, mut ends) = tokio::sync::mpsc::channel(8);
        let drivers = world.drivers;
        for driver in 1..=drivers {
            let (world, done) = (world.clone(), done.clone());
            let env = world.system.env().clone();
            env.spawn(async move {
                Box::pin(world.drive(seed, driver)).await;
                done.send(()).await.unwrap();
            });
        }
        for _ in 0..drivers {
            ends.recv().await.unwrap();
        }
        world.end().await;
    });
}

#[derive(Clone)]
struct World {
    system: System,
    book: Book,
    weights: Weights,
    drivers: u64,
    operations: u64,
    actors: Arc<Mutex<Vec<Address<Command>>>>,
}

impl World {
    fn new(env: Env, seed: u64) -> Self {
        let mut swarm = Swarm::new(seed);
        let mut limits = Limits::default();
        // Every dead letter must be found again at the end.
        limits.log_entries_max = 1 << 20;
        let world = Self {
            system: System::with_limits(env, limits),
            book: Book::default(),
            weights: swarm.weights(OPERATIONS),
            drivers: swarm.range(1..=4),
            operations: swarm.range(5..=60),
            actors: Arc::default(),
        };
        for _ in 0..swarm.range(2..=12) + OBSERVERS {
            world.spawn(&mut swarm);
        }
        world
    }

    fn spawn(&self, swarm: &mut Swarm) {
        let mut actors = self.actors.lock().unwrap();
        let number = actors.len() as u64;
        let traps = number < OBSERVERS || swarm.chance(0.4);
        let mailbox = u32::try_from(swarm.range(1..=8)).unwrap();
        let actor = Actor::new(number, traps, &self.book);
        let address = self.system.process(actor).mailbox(mailbox).spawn().unwrap();
        self.book.enter(&address, number);
        actors.push(address);
    }

    fn any(&self, swarm: &mut Swarm) -> Address<Command> {
        swarm.choose(&self.actors.lock().unwrap()).cloned().unwrap()
    }

    /// One that may be ended.
    fn mortal(&self, swarm: &mut Swarm) -> Address<Command> {
        let actors = self.actors.lock().unwrap();
        swarm.choose(&actors[usize::try_from(OBSERVERS).unwrap()..]).cloned().unwrap()
    }

    async fn drive(&self, seed: u64, driver: u64) {
        let mut swarm = Swarm::new(seed.wrapping_mul(31).wrapping_add(driver));
        for n in 1..=self.operations {
            let to = Box::pin(self.operate(&mut swarm, driver, n)).await;
            let (depth, bound) = (to.depth(), to.capacity());
            if depth > u64::from(bound) {
                self.book.violation(format!("{depth} messages in a mailbox of {bound}"));
            }
            for _ in 0..swarm.range(0..=3) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sends without waiting, or waits for room, and enters what became of it.
    async fn tell(&self, swarm: &mut Swarm, to: &Address<Command>, command: Command) {
        let alive_before = to.is_alive();
        let outcome = if swarm.chance(0.5) {
            to.try_send(command).map_err(|error| match error {
                TrySendError::Full(_) => None,
                TrySendError::NoProcess(_) => Some(()),
            })
        } else {
            let deadline = self.system.deadline(Duration::from_millis(swarm.range(0..=30)));
            to.send_until(command, deadline).await.map_err(|error| match error {
                SendError::NoProcess(_) => Some(()),
                _ => None,
            })
        };
        match outcome {
            Ok(()) => self.book.accept(),
            Err(Some(())) => self.book.check_gone(to.pid()),
            Err(None) => {}
        }
        if !alive_before && outcome.is_ok() {
            self.book.violation(format!("{to:?} was dead and took a message"));
        }
    }

    async fn operate(&self, swarm: &mut Swarm, driver: u64, n: u64) -> Address<Command> {
        let (a, b) = (self.any(swarm), self.any(swarm));
        let (mortal, other) = (self.mortal(swarm), self.mortal(swarm));
        let peer = other.pid();
        let at = usize::try_from(swarm.range(0..=5)).unwrap();
        let timeout = Duration::from_millis(swarm.range(0..=20));
        match swarm.pick(&self.weights) {
            0 | 1 => self.tell(swarm, &a, Command::Link(peer)).await,
            2 => self.tell(swarm, &a, Command::Unlink(peer)).await,
            3 | 4 => self.tell(swarm, &a, Command::Monitor(peer)).await,
            5 => self.tell(swarm, &a, Command::Demonitor(at)).await,
            6 => self.end_one(swarm, &mortal),
            7 => self.tell(swarm, &mortal, Command::Panic).await,
            8 => self.tell(swarm, &mortal, Command::Stop(ExitReason::Normal)).await,
            9 => self.tell(swarm, &mortal, Command::Fail(ExitReason::SHUTDOWN)).await,
            10 | 11 => {
                let message = Command::Message { from: None, driver, n };
                self.tell(swarm, &a, message).await;
            }
            12 | 13 => self.tell(swarm, &a, Command::Send(b)).await,
            14 => self.book.call(&a, swarm.chance(0.3), timeout).await,
            15 => {
                let keep = swarm.chance(0.3);
                self.tell(swarm, &a, Command::Call(b, keep, timeout)).await;
            }
            16 => Box::pin(self.cancel_call(&a, timeout)).await,
            17 if swarm.chance(0.3) => self.tell(swarm, &a, Command::Cancel(at)).await,
            17 => self.tell(swarm, &a, Command::Timer(timeout, driver * 1000 + n)).await,
            18 => self.tell(swarm, &a, Command::Yield(3)).await,
            19 => {
                // Last words to somebody who watches and is busy.
                self.tell(swarm, &a, Command::Monitor(mortal.pid())).await;
                self.tell(swarm, &a, Command::Yield(6)).await;
                self.tell(swarm, &mortal, Command::Farewell(a.clone(), 2)).await;
            }
            20 => self.tell(swarm, &a, Command::Every(Duration::from_millis(1) + timeout)).await,
            21 => Box::pin(self.suspend(&a, timeout)).await,
            22 => Box::pin(self.acknowledge(&a, driver, n, timeout)).await,
            23 => {
                let use_it =
                    swarm.chance(0.6).then_some(Command::Message { from: None, driver, n });
                Box::pin(self.reserve(&a, use_it, timeout)).await;
            }
            24 => {
                let (to, message) =
                    ([a.clone(), other], Command::Message { from: None, driver, n });
                Box::pin(self.tell_all(&to, &message, timeout)).await;
            }
            25 => Box::pin(self.change_mind(&a, timeout)).await,
            _ => self.spawn(swarm),
        }
        a
    }

    /// Waits for room and, once woken, does not look whether it has some.
    async fn change_mind(&self, to: &Address<Command>, timeout: Duration) {
        let deadline = self.system.deadline(timeout);
        let mut reserved = pin!(to.reserve(Deadline::NEVER));
        let mut waits = false;
        let woken = poll_fn(|cx| {
            if std::mem::replace(&mut waits, true) {
                return Poll::Ready(());
            }
            reserved.as_mut().poll(cx).map(drop)
        });
        self.system.before(deadline, woken).await.ok();
    }

    /// Suspends a process for a while.
    async fn suspend(&self, process: &Address<Command>, pause: Duration) {
        let deadline = self.system.deadline(Duration::from_millis(10));
        self.system.suspend(process.pid(), deadline).await.ok();
        let env = self.system.env();
        env.sleep_until(env.now().saturating_add(pause)).await;
        // Whether it was suspended in time or not: if it will be, this comes later.
        let deadline = self.system.deadline(Duration::from_millis(10));
        self.system.resume(process.pid(), deadline).await.ok();
    }

    async fn acknowledge(&self, to: &Address<Command>, driver: u64, n: u64, timeout: Duration) {
        let message = Command::Message { from: None, driver, n };
        let unknown = self.book.cut_off();
        match to.send_acknowledged(message, self.system.deadline(timeout)).await {
            Ok(()) => {
                unknown.known();
                self.book.accept();
                let handled = Seen::Message { from: None, driver, n };
                if !self.book.has_seen(&handled) {
                    self.book.violation(format!("{handled:?} was acknowledged and not handled"));
                }
            }
            Err(CallError::NoProcess | CallError::Exited(_)) => self.book.check_gone(to.pid()),
            Err(_) => {}
        }
    }

    /// Takes a place, keeps it for a moment, and uses it or gives it back.
    async fn reserve(&self, to: &Address<Command>, use_it: Option<Command>, timeout: Duration) {
        let reserved = to.reserve(self.system.deadline(timeout)).await;
        tokio::task::yield_now().await;
        match (reserved, use_it) {
            (Ok(permit), Some(message)) => match permit.send(message) {
                Ok(()) => self.book.accept(),
                Err(_) => self.book.check_gone(to.pid()),
            },
            (Err(SendError::NoProcess(())), _) => self.book.check_gone(to.pid()),
            _ => {}
        }
    }

    /// Sends to all or to none.
    async fn tell_all(&self, to: &[Address<Command>], message: &Command, timeout: Duration) {
        let deadline = self.system.deadline(timeout);
        let sent = self.system.broadcast(to, message, Rule::AllOrNothing, deadline).await;
        sent.unwrap_or_default().iter().for_each(|_| self.book.accept());
    }

    fn end_one(&self, swarm: &mut Swarm, mortal: &Address<Command>) {
        let pid = mortal.pid();
        let found = match swarm.range(0..=3) {
            0 | 1 => self.system.kill(pid),
            2 => self.system.stop(pid, ExitReason::SHUTDOWN),
            _ => self.system.exit(pid, ExitReason::from(std::io::Error::other("planted"))),
        };
        if !found {
            self.book.check_gone(pid);
        }
    }

    /// A call that its caller gives up after a while, without a deadline of its own.
    async fn cancel_call(&self, to: &Address<Command>, timeout: Duration) {
        let long = Duration::from_hours(1);
        let deadline = self.system.deadline(timeout);
        let call = Box::pin(self.book.call(to, true, long));
        self.system.before(deadline, call).await.ok();
    }

    async fn quiesce(&self) {
        let env = self.system.env();
        env.sleep_until(env.now().saturating_add(Duration::from_secs(1))).await;
    }

    /// After all the waiting, cancelling and dying an idle mailbox has room for its bound and not for
    /// one more.
    fn fill(&self, actor: &Address<Command>) {
        assert_eq!(actor.depth(), 0, "messages that nobody handles at {actor:?}");
        for room in 1..=actor.capacity() {
            assert!(actor.try_send(Command::Yield(0)).is_ok(), "room for {room} is lost");
            self.book.accept();
        }
        assert!(actor.try_send(Command::Yield(0)).is_err(), "above the bound");
    }

    fn kill(&self, actors: &[Address<Command>]) {
        for actor in actors {
            self.system.kill(actor.pid());
        }
    }

    async fn end(self) {
        self.quiesce().await;
        let actors = self.actors.lock().unwrap().clone();
        let (observers, mortals) = actors.split_at(usize::try_from(OBSERVERS).unwrap());
        assert!(observers.iter().all(Address::is_alive), "an observer died");
        for actor in actors.iter().filter(|actor| actor.is_alive()) {
            self.fill(actor);
        }
        self.kill(mortals);
        self.quiesce().await;
        let counts = self.system.counts();
        assert_eq!((counts.monitors, counts.links), (0, 0), "nobody is left to watch");
        self.kill(observers);
        self.quiesce().await;
        assert_eq!(self.system.counts(), Counts::default());
        let seen = self.book.take();
        check_monitors(&seen);
        check_links(&seen);
        check_order(&seen);
        let Totals { accepted, cut_off, begun } = self.book.totals();
        let letters = self.system.dead_letters();
        let accounted = begun + letters.iter().map(|letter| letter.count as u64).sum::<u64>();
        assert!(
            (accepted..=accepted + cut_off).contains(&accounted),
            "{accepted} accepted, {cut_off} unknown, {accounted} begun or undelivered"
        );
        assert_eq!(self.book.violations(), Vec::<String>::new());
    }
}

/// Each monitor of an observer fires once, and not at all once it is taken back.
fn check_monitors(seen: &[(u64, Seen)]) {
    let mut standing: BTreeMap<MonitorId, u64> = BTreeMap::new();
    let mut over: BTreeSet<MonitorId> = BTreeSet::new();
    for (number, seen) in seen {
        match seen {
            Seen::Placed(id, _) => drop(standing.insert(*id, *number)),
            Seen::Demonitored(id) | Seen::Down(id, ..) => {
                assert_eq!(standing.remove(id), Some(*number), "{seen:?} of no standing monitor");
                assert!(over.insert(*id), "{seen:?} twice");
            }
            _ => {}
        }
    }
    let lost: Vec<_> = standing.iter().filter(|(_, number)| **number < OBSERVERS).collect();
    assert!(lost.is_empty(), "monitors that never fired: {lost:?}");
}

/// Each link of an observer yields one exit signal, and none once it is taken back.
fn check_links(seen: &[(u64, Seen)]) {
    let mut linked: BTreeSet<(u64, Pid)> = BTreeSet::new();
    for (number, seen) in seen.iter().filter(|(number, _)| *number < OBSERVERS) {
        match seen {
            Seen::Linked(peer) => drop(linked.insert((*number, *peer))),
            Seen::Unlinked(peer) => drop(linked.remove(&(*number, *peer))),
            Seen::Exit(from, _) => {
                assert!(linked.remove(&(*number, *from)), "{seen:?} at {number} over no link");
            }
            _ => {}
        }
    }
    assert!(linked.is_empty(), "links without a signal: {linked:?}");
}

/// Messages of one sender arrive in order and once, and none after the news of its death.
fn check_order(seen: &[(u64, Seen)]) {
    let mut last: BTreeMap<(u64, Option<Pid>, u64), u64> = BTreeMap::new();
    let mut told: BTreeSet<(u64, Pid)> = BTreeSet::new();
    for (number, seen) in seen {
        match seen {
            Seen::Message { from, driver, n } => {
                let before = last.insert((*number, *from, *driver), *n);
                assert!(before < Some(*n), "{seen:?} at {number} after {before:?}");
                let late = from.is_some_and(|from| told.contains(&(*number, from)));
                assert!(!late, "{seen:?} at {number} after the news of its death");
            }
            Seen::Down(_, pid, _) | Seen::Exit(pid, _) => drop(told.insert((*number, *pid))),
            _ => {}
        }
    }
}
