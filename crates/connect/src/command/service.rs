//! The process that decides what runs.
//!
//! # States of a command
//!
//! Queued, Running, Stopping, gone. Only this process changes them.
//!
//! * A request is judged, answered from the cache, joined to an equal command that is Queued or
//!   Running, started if there is a place, queued if there is room, and refused else.
//! * Each caller has a timer. When it fires and others still wait, that caller alone is told. When
//!   it was the last, a queued command goes; a running one is Stopping, can no longer be joined,
//!   and the caller is told when its program is gone.
//! * A caller that gives up rings the [`bell`](super::bell); a command without callers is stopped or
//!   goes.
//! * The exit signal of the worker ends Running and Stopping, whatever the worker died of.
//!
//! Dropping the state of this process drops all cancel guards, so its programs are stopped on
//! every way out; on an orderly one `terminate` waits until they are.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use foundation_env::sync::Mutex;
use foundation_process::{Context, Outcome, Process, Reply, Signal, System};
use foundation_types::{Deadline, ExitReason, Instant, Pid, TimerId};

use super::bell::{Bell, Seat};
use super::cache::Cache;
use super::error::{CommandError, Limit};
use super::flight::{Answer, Flight, Running, Share, Stage, Waiter};
use super::output::{CommandOutput, Origin};
use super::places::Place;
use super::policy::AllowList;
use super::request::{CommandRequest, Key};
use super::runner::{Cancel, Capture, CommandRunner, Plan, Run};
use super::settings::{CommandSettings, SettingsError};
use super::stats::CommandStats;
use super::worker::{Slot, Worker};

/// How long `terminate` waits for workers beyond the grace of their programs. A killed program ends
/// in milliseconds; the supervisor of this service, which waits 5 s by default, should not have to
/// kill it for the sake of one that hangs in a device.
const STOP_MARGIN: Duration = Duration::from_secs(3);

/// A message to a command service. Made by [`Commands`](crate::Commands).
pub struct CommandMessage(pub(crate) Order);

pub(crate) enum Order {
    Run {
        request: Box<CommandRequest>,
        /// When the caller asked: its time in the mailbox counts.
        since: Instant,
        reply: Reply<Answer>,
        seat: Seat,
    },
    /// A caller has given up, or a place is free.
    Look,
    /// The deadline of a caller has passed.
    Expire {
        flight: u64,
        waiter: u64,
    },
    Allow {
        list: AllowList,
        reply: Reply<Result<(), SettingsError>>,
    },
    ClearCache(Reply<usize>),
    Stats(Reply<CommandStats>),
}

impl fmt::Debug for CommandMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CommandService::MESSAGE_KINDS.get(kind(&self.0)).copied().unwrap_or("?"))
    }
}

fn kind(order: &Order) -> usize {
    match order {
        Order::Run { .. } => 0,
        Order::Look => 1,
        Order::Expire { .. } => 2,
        Order::Allow { .. } => 3,
        Order::ClearCache(_) => 4,
        Order::Stats(_) => 5,
    }
}

/// The service: a process that runs allowed commands, each in a process of its own.
///
/// Start it under a supervisor and talk to it with [`Commands`](crate::Commands). It never waits
/// for a program itself.
pub struct CommandService {
    settings: CommandSettings,
    runner: Arc<dyn CommandRunner>,
    /// None before `init`.
    bell: Option<Arc<Bell>>,
    next_id: u64,
    /// Every command that is queued, running or being stopped.
    flights: BTreeMap<u64, Flight>,
    /// First come, first served; at most `waiting_max`.
    queue: VecDeque<u64>,
    /// Commands that may be joined.
    shared: BTreeMap<Arc<Key>, u64>,
    /// Keyed by worker; at most `concurrent_max`.
    workers: BTreeMap<Pid, u64>,
    /// A place for the next command; held only while a message is handled.
    place: Option<Place>,
    cache: Cache,
    stats: CommandStats,
}

impl CommandService {
    /// Makes a service.
    pub fn new(settings: CommandSettings, runner: Arc<dyn CommandRunner>) -> Self {
        let cache = Cache::new(settings.cache_entries_max, settings.cache_bytes_max);
        Self {
            settings,
            runner,
            bell: None,
            next_id: 0,
            flights: BTreeMap::new(),
            queue: VecDeque::new(),
            shared: BTreeMap::new(),
            workers: BTreeMap::new(),
            place: None,
            cache,
            stats: CommandStats::default(),
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn callers(&self) -> usize {
        self.flights.values().map(|flight| flight.waiters.len()).sum()
    }

    fn stats(&self) -> CommandStats {
        CommandStats {
            running: self.workers.len(),
            stopping: self.flights.values().filter(|flight| flight.is_stopping()).count(),
            stuck: self.settings.places.stuck(),
            waiting: self.queue.len(),
            callers: self.callers(),
            cache_entries: self.cache.len(),
            cache_bytes: self.cache.bytes(),
            evicted: self.cache.evicted(),
            ..self.stats
        }
    }

    fn run(
        &mut self,
        request: CommandRequest,
        since: Instant,
        reply: Reply<Answer>,
        context: &mut Context<CommandMessage>,
    ) {
        // Asked after the seat was given: who left before that has no bell to ring, who leaves after
        // it has one.
        if reply.is_abandoned() {
            return;
        }
        if let Some(answer) = self.admit(request, since, reply, context) {
            let (reply, answer) = *answer;
            reply.send(answer);
        }
    }

    /// Takes a request in, or says what to answer at once.
    fn admit(
        &mut self,
        request: CommandRequest,
        since: Instant,
        reply: Reply<Answer>,
        context: &mut Context<CommandMessage>,
    ) -> Option<Box<(Reply<Answer>, Answer)>> {
        let now = context.system().env().now();
        let CommandRequest { key, deadline, cache_ttl } = request;
        let at_once = |reply, answer| Some(Box::new((reply, answer)));
        let plan = match self.settings.plan(&key) {
            Ok(plan) => plan,
            Err(error) => {
                self.stats.denied += 1;
                return at_once(reply, Err(error));
            }
        };
        if deadline.has_passed(now) {
            self.stats.timeouts += 1;
            let (program, after) = (key.program, now.saturating_duration_since(since));
            return at_once(reply, Err(CommandError::NotStarted { program, after }));
        }
        if let Some(ttl) = cache_ttl {
            if let Some(output) = self.cache.get(&key, ttl, now) {
                self.stats.hits += 1;
                return at_once(reply, Ok(CommandOutput { origin: Origin::Cached, ..output }));
            }
            self.stats.misses += 1;
        }
        let key_shared = cache_ttl.map(|_| &key);
        if let Some(limit) = self.limit(key_shared, context) {
            self.stats.refused += 1;
            return at_once(reply, Err(CommandError::TooMany(limit)));
        }
        // Looked up after `limit`, which may have stopped a command that nobody waited for.
        let found = key_shared.and_then(|key| self.shared.get(key).copied());
        let origin = if found.is_some() { Origin::Joined } else { Origin::Ran };
        let (flight, id) = (found.unwrap_or_else(|| self.id()), self.id());
        let order = Order::Expire { flight, waiter: id };
        let timer = match Self::arm(deadline, order, context) {
            Ok(timer) => timer,
            Err(limit) => {
                self.place = None;
                self.stats.refused += 1;
                return at_once(reply, Err(CommandError::TooMany(limit)));
            }
        };
        if found.is_none() {
            let share = cache_ttl.map(|ttl| Share { key: Arc::new(key), ttl });
            self.open(flight, plan, share);
        }
        if let Some(flight) = self.flights.get_mut(&flight) {
            flight.waiters.push(Waiter { id, reply, since, timer, origin });
            if origin == Origin::Joined {
                self.stats.joined += 1;
                if let (Some(share), Some(ttl)) = (&mut flight.share, cache_ttl) {
                    share.ttl = share.ttl.max(ttl);
                }
            }
        }
        self.start_queued(context);
        None
    }

    /// Sets the timer of a caller, without which nobody would end its command.
    fn arm(
        deadline: Deadline,
        order: Order,
        context: &mut Context<CommandMessage>,
    ) -> Result<Option<TimerId>, Limit> {
        let Some(at) = deadline.instant() else { return Ok(None) };
        let delay = at.saturating_duration_since(context.system().env().now());
        let timer = context.send_after(delay, CommandMessage(order));
        timer.map(Some).map_err(|reached| Limit::Timers { timers_max: reached.limit })
    }

    /// The bound that keeps one more caller out, and one more command unless it can join one under
    /// this key.
    fn limit(&mut self, key: Option<&Key>, context: &mut Context<CommandMessage>) -> Option<Limit> {
        self.reached(key)?;
        // Callers may have given up whose word for it is still in the mailbox.
        self.tidy(context);
        self.reached(key)
    }

    fn reached(&mut self, key: Option<&Key>) -> Option<Limit> {
        let joins = key.is_some_and(|key| self.shared.contains_key(key));
        let CommandSettings { concurrent_max, waiting_max, callers_max, .. } = self.settings;
        if self.callers() >= callers_max {
            return Some(Limit::Callers { callers_max });
        }
        let full = !joins && self.queue.len() >= waiting_max && !self.take_place();
        full.then_some(Limit::Commands { concurrent_max, waiting_max })
    }

    fn open(&mut self, id: u64, plan: Plan, share: Option<Share>) {
        if let Some(share) = &share {
            self.shared.insert(Arc::clone(&share.key), id);
        }
        let capture = Arc::new(Capture::new(self.settings.output_bytes_max));
        let flight = Flight { plan, share, capture, waiters: Vec::new(), stage: Stage::Queued };
        self.flights.insert(id, flight);
        self.queue.push_back(id);
    }

    /// Sees to it that there is a place for the next command, if one is free.
    fn take_place(&mut self) -> bool {
        // The end of an own worker is news by itself; the bell is for places of others.
        if self.place.is_none()
            && self.workers.len() < self.settings.concurrent_max
            && let Some(bell) = &self.bell
        {
            self.place = self.settings.places.take(bell);
        }
        self.place.is_some()
    }

    fn start_queued(&mut self, context: &mut Context<CommandMessage>) {
        while self.take_place() {
            let (Some(id), Some(place)) = (self.queue.pop_front(), self.place.take()) else {
                self.place = None;
                return;
            };
            if let Err(reason) = self.start(id, place, context) {
                // No process could be had: the system is full or ends.
                self.stats.killed += 1;
                self.close(id, context, |flight, _| {
                    let program = flight.plan.program.clone();
                    Err(CommandError::Killed { program, reason: reason.clone() })
                });
            }
        }
    }

    fn start(
        &mut self,
        id: u64,
        place: Place,
        context: &mut Context<CommandMessage>,
    ) -> Result<(), ExitReason> {
        let Some(flight) = self.flights.get_mut(&id) else { return Ok(()) };
        let env = context.system().env().clone();
        let since = env.now();
        let (guard, cancel) = Cancel::pair();
        let (plan, capture) = (flight.plan.clone(), Arc::clone(&flight.capture));
        let run = Run { env, plan, capture, cancel, place: place.clone() };
        let slot: Slot = Arc::new(Mutex::new(None));
        let run = Some(self.runner.run(run));
        let worker = Worker { run, slot: Arc::clone(&slot), _place: place };
        let label = format!("command {}", flight.plan.program);
        let address = context.process(worker).label(label).mailbox(1).linked().spawn()?;
        let worker = address.pid();
        // Known from here on: its exit signal ends this command, and not the service.
        flight.stage = Stage::Running(Running { worker, slot, since, guard: Some(guard) });
        self.workers.insert(worker, id);
        self.stats.started += 1;
        // It has room for its only message. Should it have been killed already, the signal says so.
        drop(address.try_send(()));
        Ok(())
    }

    /// Removes a command and answers whoever waits for it.
    fn close(
        &mut self,
        id: u64,
        context: &mut Context<CommandMessage>,
        answer: impl Fn(&Flight, &Waiter) -> Answer,
    ) {
        self.unshare(id);
        self.queue.retain(|queued| *queued != id);
        let Some(mut flight) = self.flights.remove(&id) else { return };
        for waiter in std::mem::take(&mut flight.waiters) {
            if let Some(timer) = waiter.timer {
                context.cancel_timer(timer);
            }
            let answer = answer(&flight, &waiter);
            let timed_out = CommandError::is_timeout;
            self.stats.timeouts += u64::from(answer.as_ref().err().is_some_and(timed_out));
            waiter.reply.send(answer);
        }
    }

    /// Lets nobody join any more.
    fn unshare(&mut self, id: u64) {
        let share = self.flights.get(&id).and_then(|flight| flight.share.as_ref());
        if let Some(share) = share
            && self.shared.get(&share.key) == Some(&id)
        {
            self.shared.remove(&share.key);
        }
    }

    /// Takes another list. A name may lead to another program now, so nothing of the old list is an
    /// answer any more, neither what is cached nor what runs.
    fn allow(&mut self, list: AllowList) -> Result<(), SettingsError> {
        list.validate()?;
        self.settings.allowed = list;
        self.cache.clear();
        self.shared.clear();
        for flight in self.flights.values_mut() {
            flight.share = None;
        }
        Ok(())
    }

    fn expire(&mut self, id: u64, waiter: u64, context: &mut Context<CommandMessage>) {
        // Callers that have given up do not count as left, and are not taken for the last one.
        self.tidy(context);
        let now = context.system().env().now();
        let Some(flight) = self.flights.get_mut(&id) else { return };
        let Some(at) = flight.waiters.iter().position(|one| one.id == waiter) else { return };
        if flight.waiters.len() > 1 {
            let waiter = flight.waiters.remove(at);
            self.stats.timeouts += 1;
            let answer = flight.timeout(&waiter, now);
            waiter.reply.send(answer);
            return;
        }
        if flight.is_queued() {
            self.close(id, context, |flight, waiter| flight.timeout(waiter, now));
        } else {
            flight.stop();
            self.unshare(id);
        }
    }

    /// Somebody rang: a caller has left, or a place is free.
    fn look(&mut self, context: &mut Context<CommandMessage>) {
        if let Some(bell) = &self.bell {
            bell.answer();
        }
        self.tidy(context);
        self.start_queued(context);
    }

    /// Forgets callers that have given up, and commands that nobody waits for.
    fn tidy(&mut self, context: &mut Context<CommandMessage>) {
        let mut orphans = Vec::new();
        for (id, flight) in &mut self.flights {
            let before = flight.waiters.len();
            for waiter in flight.waiters.extract_if(.., |one| one.reply.is_abandoned()) {
                if let Some(timer) = waiter.timer {
                    context.cancel_timer(timer);
                }
            }
            if before > 0 && flight.waiters.is_empty() && !flight.is_stopping() {
                orphans.push(*id);
            }
        }
        for id in orphans {
            self.stats.cancelled += 1;
            self.unshare(id);
            if self.flights.get_mut(&id).is_some_and(|flight| !flight.stop()) {
                self.queue.retain(|queued| *queued != id);
                self.flights.remove(&id);
            }
        }
    }

    /// A worker has ended: its result, if it left one, is the answer.
    fn conclude(&mut self, id: u64, reason: &ExitReason, context: &mut Context<CommandMessage>) {
        let now = context.system().env().now();
        let Some(flight) = self.flights.get_mut(&id) else { return };
        let result = match &flight.stage {
            Stage::Queued => None,
            Stage::Running(running) | Stage::Stopping(running) => running.slot.lock().take(),
        };
        if result.is_none() {
            self.stats.killed += 1;
        }
        let result = result.unwrap_or_else(|| {
            let program = flight.plan.program.clone();
            Err(CommandError::Killed { program, reason: reason.clone() })
        });
        let result = result.map(|status| flight.output(status, now));
        let stopping = flight.is_stopping();
        if let (Ok(output), Some(share), false) = (&result, &flight.share, stopping)
            && output.status.is_success()
        {
            self.cache.insert(Arc::clone(&share.key), output.clone(), share.ttl, now);
        }
        self.close(id, context, |flight, waiter| match &result {
            // Whatever it came to: it was stopped because their time was over.
            Err(error) if error.leaves_something() => Err(error.clone()),
            _ if stopping => flight.timeout(waiter, now),
            Ok(output) => Ok(CommandOutput { origin: waiter.origin, ..output.clone() }),
            Err(error) => Err(error.clone()),
        });
        self.start_queued(context);
    }

    async fn await_end(&self, workers: &[Pid], system: &System) {
        let deadline = system.deadline(self.settings.kill_grace + STOP_MARGIN);
        for worker in workers {
            if system.before(deadline, system.monitor(*worker)).await.is_err() {
                // Its program was killed long ago; what is left is the wait for its end.
                system.kill(*worker);
            }
        }
    }
}

impl Process for CommandService {
    type Message = CommandMessage;

    const MESSAGE_KINDS: &'static [&'static str] =
        &["run", "look", "expire", "allow", "clear_cache", "stats"];

    fn message_kind(message: &CommandMessage) -> usize {
        kind(&message.0)
    }

    async fn init(&mut self, context: &mut Context<CommandMessage>) -> Outcome {
        // The end of a worker is news here, not a reason to end.
        context.trap_exit(true);
        self.bell = Some(Arc::new(Bell::new(context.address())));
        Ok(())
    }

    async fn handle(
        &mut self,
        message: CommandMessage,
        context: &mut Context<CommandMessage>,
    ) -> Outcome {
        match message.0 {
            Order::Run { request, since, reply, seat } => {
                seat.lock().clone_from(&self.bell);
                self.run(*request, since, reply, context);
            }
            Order::Look => self.look(context),
            Order::Expire { flight, waiter } => self.expire(flight, waiter, context),
            Order::Allow { list, reply } => reply.send(self.allow(list)),
            Order::ClearCache(reply) => reply.send(self.cache.clear()),
            Order::Stats(reply) => reply.send(self.stats()),
        }
        Ok(())
    }

    async fn handle_signal(
        &mut self,
        signal: Signal,
        context: &mut Context<CommandMessage>,
    ) -> Outcome {
        let Signal::Exit { from, reason } = signal else { return Ok(()) };
        match self.workers.remove(&from) {
            Some(id) => self.conclude(id, &reason, context),
            // Not a worker: as if exits were not trapped.
            None if !reason.is_normal() => return Err(reason),
            None => {}
        }
        Ok(())
    }

    async fn terminate(&mut self, _: &ExitReason, context: &mut Context<CommandMessage>) {
        // Callers learn of it when this process is dead, and then nothing of theirs is left.
        self.queue.clear();
        let mut workers = Vec::new();
        for flight in self.flights.values_mut() {
            flight.stop();
            workers.extend(flight.worker());
        }
        let system = context.system().clone();
        self.await_end(&workers, &system).await;
    }

    fn terminate_budget(&self) -> Option<Duration> {
        // Some beyond what `await_end` takes.
        Some(self.settings.kill_grace + STOP_MARGIN + Duration::from_secs(1))
    }

    fn inspect(&self) -> String {
        format!("{:?}", self.stats())
    }
}

impl fmt::Debug for CommandService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandService")
            .field("runner", &self.runner)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
