//! One operation at a time against the model.

use std::collections::BTreeMap;
use std::time::Duration;

use foundation_env::Env;
use foundation_process::{Address, CallError, Counts, System};
use foundation_testkit::{Swarm, Weights, sim_seeds};
use foundation_types::{Deadline, ExitReason, MonitorId, Pid};

use crate::actor::{Actor, Book, Command, Seen, Totals};
use crate::model::Model;

const SEEDS: u64 = 300;
/// Time between two operations. Timers are due in the middle between two, so no two things tie.
const STEP_MS: u64 = 50;
const OPERATIONS: usize = 15;

struct Run {
    system: System,
    swarm: Swarm,
    weights: Weights,
    book: Book,
    model: Model,
    actors: Vec<Address<Command>>,
    actors_max: usize,
    next_timer: u64,
    sent: BTreeMap<Pid, u64>,
    now_ms: u64,
}

/// Guarantee R1
/// Guarantee R5
/// Guarantee S5
/// Guarantee S6
#[test]
fn the_system_equals_its_model_after_every_operation() {
    sim_seeds(0..SEEDS, |env, seed| async move {
        let mut run = Run::new(env, seed);
        for _ in 0..run.swarm.range(10..=120) {
            run.operate().await;
            run.settle().await;
            run.compare();
        }
        Box::pin(run.finish()).await;
    });
}

impl Run {
    fn new(env: Env, seed: u64) -> Self {
        let mut swarm = Swarm::new(seed);
        let weights = swarm.weights(OPERATIONS);
        let actors_max = usize::try_from(swarm.range(2..=12)).unwrap();
        Self {
            system: System::new(env),
            swarm,
            weights,
            book: Book::default(),
            model: Model::default(),
            actors: Vec::new(),
            actors_max,
            next_timer: 0,
            sent: BTreeMap::new(),
            now_ms: 0,
        }
    }

    fn any(&mut self) -> Address<Command> {
        self.swarm.choose(&self.actors).cloned().unwrap()
    }

    fn reason(&mut self) -> (ExitReason, &'static str) {
        let error = ExitReason::from(std::io::Error::other("planted"));
        let reasons =
            [(ExitReason::Normal, "normal"), (ExitReason::SHUTDOWN, "shutdown"), (error, "error")];
        self.swarm.choose(&reasons).cloned().unwrap()
    }

    fn spawn(&mut self) {
        let number = self.actors.len() as u64;
        let traps = self.swarm.chance(0.4);
        let mailbox = u32::try_from(self.swarm.range(1..=8)).unwrap();
        let actor = Actor::new(number, traps, &self.book);
        let address = self.system.process(actor).mailbox(mailbox).spawn().unwrap();
        self.book.enter(&address, number);
        self.model.spawn(address.pid(), number, traps);
        self.actors.push(address);
    }

    /// Sends one command; says whether the process lives. Every mailbox is empty between two
    /// operations, so there is room.
    fn tell(&self, to: &Address<Command>, command: Command) -> bool {
        let lives = self.model.living.contains_key(&to.pid());
        let sent = to.try_send(command).is_ok();
        assert_eq!(sent, lives, "{to:?}");
        if sent {
            self.book.accept();
        }
        sent
    }

    async fn operate(&mut self) {
        let is_small = self.model.living.len() < self.actors_max;
        if self.actors.len() < 2 || (is_small && self.swarm.chance(0.15)) {
            self.spawn();
            return;
        }
        let (a, b) = (self.any(), self.any());
        let (own, peer) = (a.pid(), b.pid());
        match self.swarm.pick(&self.weights) {
            0 | 1 if self.tell(&a, Command::Link(peer)) => self.model.link(own, peer),
            2 if self.tell(&a, Command::Unlink(peer)) => self.model.unlink(own, peer),
            3 | 4 => self.monitor(&a, peer).await,
            5 => self.demonitor(&a).await,
            6 => {
                let (reason, kind) = self.reason();
                let lives = self.system.exit(own, reason);
                assert_eq!(lives, self.model.living.contains_key(&own));
                self.model.exit_signal(own, own, kind);
            }
            7 => {
                let lives = self.system.kill(own);
                assert_eq!(lives, self.model.living.contains_key(&own));
                self.model.die(own, "killed");
            }
            8 if self.tell(&a, Command::Panic) => self.model.die(own, "panic"),
            9 => {
                let (reason, kind) = self.reason();
                let command = if self.swarm.chance(0.5) {
                    Command::Stop(reason)
                } else {
                    Command::Fail(reason)
                };
                if self.tell(&a, command) {
                    self.model.die(own, kind);
                }
            }
            10 => self.message(&a),
            11 if self.tell(&a, Command::Send(b.clone())) => self.model_send(own, peer),
            12 => self.call(&a).await,
            13 => self.timer(&a),
            14 => {
                let (reason, kind) = self.reason();
                self.system.stop(own, reason);
                self.model.die(own, kind);
            }
            _ => {}
        }
    }

    async fn monitor(&mut self, a: &Address<Command>, target: Pid) {
        if !self.tell(a, Command::Monitor(target)) {
            return;
        }
        // The id is known only when it was placed.
        self.settle().await;
        let placed = |(_, seen): &(u64, Seen)| match seen {
            Seen::Placed(id, _) => Some(*id),
            _ => None,
        };
        let seen = self.book.take();
        let id: MonitorId = seen.iter().find_map(placed).expect("placed");
        for (number, seen) in seen {
            self.book.note(number, seen);
        }
        self.model.monitor(a.pid(), id, target);
    }

    async fn demonitor(&mut self, a: &Address<Command>) {
        let at = usize::try_from(self.swarm.range(0..=5)).unwrap();
        let standing = self.model.living.get(&a.pid()).map(|row| row.monitors.len());
        if !self.tell(a, Command::Demonitor(at)) || standing == Some(0) {
            return;
        }
        self.settle().await;
        let taken = |(_, seen): &(u64, Seen)| match seen {
            Seen::Demonitored(id) => Some(*id),
            _ => None,
        };
        let seen = self.book.take();
        let id = seen.iter().find_map(taken).expect("taken back");
        for (number, seen) in seen {
            self.book.note(number, seen);
        }
        self.model.demonitor(a.pid(), id);
    }

    fn message(&mut self, a: &Address<Command>) {
        let n = self.swarm.range(0..=1000);
        if self.tell(a, Command::Message { from: None, driver: 1, n }) {
            self.model.expect(a.pid(), Seen::Message { from: None, driver: 1, n });
        }
    }

    fn model_send(&mut self, from: Pid, to: Pid) {
        let n = self.sent.entry(from).or_default();
        *n += 1;
        let n = *n;
        // A process with a mailbox of one has no room for itself: its own command takes it.
        let own = from == to;
        let room = !own || self.system.info(from).is_some_and(|info| info.capacity > 1);
        if room {
            self.model.expect(to, Seen::Message { from: Some(from), driver: 0, n });
        }
    }

    async fn call(&mut self, a: &Address<Command>) {
        let lives = self.model.living.contains_key(&a.pid());
        let deadline = self.system.deadline(Duration::from_millis(STEP_MS / 5));
        let answered = self.swarm.chance(0.6);
        let outcome = if answered {
            a.call_until(|reply| Command::Echo(9, reply), deadline).await
        } else {
            a.call_until(Command::Keep, deadline).await
        };
        let expected = match (lives, answered) {
            (false, _) => Err(CallError::NoProcess),
            (true, true) => Ok(9),
            (true, false) => Err(CallError::Timeout),
        };
        assert_eq!(outcome, expected);
        if lives {
            self.book.accept();
        }
    }

    fn timer(&mut self, a: &Address<Command>) {
        let steps = self.swarm.range(0..=4);
        let delay = steps * STEP_MS + STEP_MS / 2;
        self.next_timer += 1;
        let n = self.next_timer;
        if self.tell(a, Command::Timer(Duration::from_millis(delay), n))
            && let Some(row) = self.model.living.get_mut(&a.pid())
        {
            row.timers.push((n, self.now_ms + delay));
        }
    }

    /// Lets everything happen that happens before the next step of time.
    async fn settle(&mut self) {
        self.now_ms += STEP_MS;
        let at = foundation_types::Instant::from_nanos(self.now_ms * 1_000_000);
        self.system.env().sleep_until(at).await;
        self.model.advance(self.now_ms);
    }

    fn compare(&mut self) {
        let mut seen = self.book.take();
        let mut expected = std::mem::take(&mut self.model.expected);
        // A process that has died saw what it saw; the model kept no account of its last moments.
        let living: Vec<u64> = self.model.living.values().map(|row| row.number).collect();
        seen.retain(|(number, _)| living.contains(number));
        expected.retain(|(number, _)| living.contains(number));
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected, "what the living saw");
        assert_eq!(self.book.violations(), Vec::<String>::new());
        for address in &self.actors {
            let pid = address.pid();
            let row = self.model.living.get(&pid);
            assert_eq!(address.is_alive(), row.is_some(), "{pid}");
            let reason = address.exit_reason();
            let reason = reason.as_ref().map(ExitReason::kind);
            assert_eq!(reason, self.model.dead.get(&pid).copied(), "{pid}");
            let Some(row) = row else { continue };
            let info = self.system.info(pid).unwrap();
            assert_eq!(info.links, row.links.iter().copied().collect::<Vec<_>>(), "{pid}");
            let watched = self.model.living.values().flat_map(|row| row.monitors.values());
            assert_eq!(info.monitors, watched.filter(|target| **target == pid).count(), "{pid}");
            assert_eq!(info.depth, 0);
        }
        let timers = self.model.living.values().map(|row| row.timers.len()).sum::<usize>();
        // One more for the driver's own wait is in the environment and not in the system.
        assert_eq!(self.system.counts().timers, timers);
    }

    /// After the end of all every table is empty and every message is accounted for.
    async fn finish(mut self) {
        for address in &self.actors {
            self.system.kill(address.pid());
        }
        self.settle().await;
        assert_eq!(self.system.counts(), Counts::default());
        let letters: usize = self.system.dead_letters().iter().map(|letter| letter.count).sum();
        let Totals { accepted, cut_off, begun } = self.book.totals();
        assert_eq!((accepted, cut_off), (begun + letters as u64, 0), "begun or undelivered");
        let report = self.system.shutdown(Deadline::at(self.system.env().now())).await;
        assert_eq!(report.stopped, 0);
    }
}
