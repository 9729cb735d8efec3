//! The group `process`: sending, calling, living and dying.

mod actix;
mod foundation;
mod kameo;
mod ractor;
mod tokio;
mod xtra;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ::tokio::task::yield_now;
use anyhow::{Result, bail, ensure};

use crate::bench::{Bench, Group, OURS, Sample, Target};
use crate::slice::{Sizes, Slice, float};

/// The benchmarks of processes and their mailboxes.
pub(crate) const GROUP: Group = Group {
    name: "process",
    benches: BENCHES,
    floors: FLOOR,
    time_max: Duration::from_secs(290),
    measure,
};

const ALL: &[&str] = &[OURS, "ractor", "kameo", "actix", "xtra", "tokio"];
const BOUNDED: &[&str] = &[OURS, "kameo", "actix", "xtra", "tokio"];
const NAMED: &[&str] = &[OURS, "ractor", "kameo"];
const SUPERVISED: &[&str] = &["ractor", "kameo"];
const FLOOR: &[&str] = &["tokio"];

/// Messages of one shot; below the bound of our mailbox, so that no send ever waits.
const MESSAGES_MAX: u64 = 2_000_000;
/// Bound of every mailbox in the bounded benchmarks and in the calls.
const ROOM: usize = 1_024;
/// Deadline of each call in `call_1_deadline`; never reached.
const DEADLINE: Duration = Duration::from_secs(5);
/// Processes alive at once in `spawn_stop` and `idle_bytes`.
const LIVE: u64 = 100_000;
/// The same in a quick run; the cost of each is the same within a few per cent.
const LIVE_QUICK: u64 = 20_000;
/// Slices shorter than this are those of a quick run.
const QUICK: Duration = Duration::from_millis(100);
/// Processes of the ring.
const RING: u64 = 1_000;
/// Hops of one shot around the ring.
const HOPS_MAX: u64 = 1_000_000;
/// Registered processes killed at once.
const DEATHS: u64 = 10_000;
/// Deaths of each kind in `ghosts`.
const DEATHS_EACH: u64 = 1_000;
/// Attempts to take the name of a process that runs its stop hook.
const TAKEOVERS: u64 = 200;
/// Monitors placed while their target dies.
const MONITORS: u64 = 20_000;

const BENCHES: &[Bench] = &[
    Bench::throughput(
        "send_1to1",
        "msg/s",
        ALL,
        &[Target::Times(6.0, SUPERVISED), Target::Times(1.1, FLOOR)],
    ),
    Bench::throughput(
        "send_4to1",
        "msg/s",
        ALL,
        &[Target::Times(6.0, SUPERVISED), Target::Times(1.1, FLOOR)],
    ),
    Bench::throughput(
        "send_1to1_bounded",
        "msg/s",
        BOUNDED,
        &[Target::Times(5.0, &["kameo"]), Target::Times(1.5, FLOOR)],
    ),
    Bench::throughput(
        "send_4to1_bounded",
        "msg/s",
        BOUNDED,
        &[Target::Times(5.0, &["kameo"]), Target::Times(1.5, FLOOR)],
    ),
    Bench::throughput("call_1", "calls/s", ALL, &[Target::Times(1.8, SUPERVISED)]),
    Bench::throughput("call_64", "calls/s", ALL, &[Target::Times(2.0, SUPERVISED)]),
    Bench::throughput("call_1_deadline", "calls/s", ALL, &[Target::Times(3.0, SUPERVISED)]),
    Bench::throughput("spawn_stop", "processes/s", ALL, &[Target::Times(5.0, SUPERVISED)]),
    Bench::cost("idle_bytes", "bytes", ALL, &[Target::AtMost(768.0)]),
    Bench::throughput("ring", "hops/s", ALL, &[Target::Times(6.0, SUPERVISED)]),
    Bench::cost("deaths_10k", "ms", NAMED, &[Target::Times(1.0, SUPERVISED)]),
    Bench::cost("ghosts", "count", NAMED, &[Target::AtMost(0.0)]),
];

/// Senders and the mailbox they send to.
#[derive(Clone, Copy, Debug)]
struct Sending {
    senders: u64,
    /// Bound of the mailbox; `None` where sends shall never wait.
    room: Option<usize>,
}

/// Clients that call one server, each with one call outstanding.
#[derive(Clone, Copy, Debug)]
struct Calling {
    clients: u64,
    deadline: Option<Duration>,
}

/// What every subject can do.
trait Subject {
    /// Sends that many messages in all; the time until the last is handled.
    fn send(&self, load: Sending, messages: u64) -> Result<Duration>;
    /// Makes that many calls in all; the time until the last reply.
    fn call(&self, load: Calling, calls: u64) -> Result<Duration>;
    /// Spawns that many processes, stops them all and waits until all are gone.
    fn churn(&self, live: u64) -> Result<Duration>;
    /// Spawns processes with a `u64` of state and a link to a parent where the subject has links;
    /// the bytes the resident set grew by.
    fn idle(&self, count: u64) -> Result<u64>;
    /// Hands one token around a ring; the time until the last hop is handled.
    fn ring(&self, size: u64, hops: u64) -> Result<Duration>;
}

/// A way to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Kill,
    Stop,
    /// A stop whose hook gives way once: cleanup after the hook then shows.
    StopAwaiting,
    Panic,
    Error,
}

const WAYS: [Way; 5] = [Way::Kill, Way::Stop, Way::StopAwaiting, Way::Panic, Way::Error];

/// How a mass death went.
#[derive(Debug)]
struct Storm {
    /// From the first order to die until the watcher has handled the last notice.
    taken: Duration,
    /// Names that still led to the dead process when its notice was handled.
    stale: u64,
}

/// What subjects with names and death notices can do.
trait Mortal {
    /// Lets that many registered, watched processes die at once.
    fn storm(&self, way: Way, count: u64) -> Result<Storm>;
    /// Tries to take a name while its holder still runs its stop hook; how often that worked.
    fn takeovers(&self, trials: u64) -> Result<u64>;
    /// Places monitors on processes that are dying; how many never fired.
    fn lost_monitors(&self, count: u64) -> Result<u64>;
}

fn measure(bench: &str, subject: &str, slice: Slice) -> Result<Sample> {
    match bench {
        "deaths_10k" => return deaths(mortal(subject)?, slice),
        "ghosts" => return ghosts(mortal(subject)?),
        _ => {}
    }
    let subject = living(subject)?;
    let live = if slice.length < QUICK { LIVE_QUICK } else { LIVE };
    let send = |senders, room| {
        let sizes = Sizes { step: 10_000, most: MESSAGES_MAX };
        slice.rate(sizes, |messages| subject.send(Sending { senders, room }, messages))
    };
    let call = |clients, deadline| {
        let sizes = Sizes { step: 640, most: MESSAGES_MAX };
        slice.rate(sizes, |calls| subject.call(Calling { clients, deadline }, calls))
    };
    let value = match bench {
        "send_1to1" => send(1, None)?,
        "send_4to1" => send(4, None)?,
        "send_1to1_bounded" => send(1, Some(ROOM))?,
        "send_4to1_bounded" => send(4, Some(ROOM))?,
        "call_1" => call(1, None)?,
        "call_64" => call(64, None)?,
        "call_1_deadline" => call(1, Some(DEADLINE))?,
        "spawn_stop" => {
            // One cycle in a fresh process, whatever it takes: memory first touched costs, too.
            let taken = subject.churn(live)?;
            ensure!(!taken.is_zero(), "{live} lives took no time; the clock does not advance");
            float(live) / taken.as_secs_f64()
        }
        "idle_bytes" => float(subject.idle(live)?) / float(live),
        "ring" => {
            let sizes = Sizes { step: RING, most: HOPS_MAX };
            slice.rate(sizes, |hops| subject.ring(RING, hops))?
        }
        _ => bail!("the group `process` has no benchmark `{bench}`"),
    };
    Ok(Sample::of(value))
}

fn living(name: &str) -> Result<&'static dyn Subject> {
    let subject: Box<dyn Subject> = match name {
        OURS => Box::new(foundation::Foundation::new()?),
        "ractor" => Box::new(ractor::Ractor::new()?),
        "kameo" => Box::new(kameo::Kameo::new()?),
        "actix" => Box::new(actix::Actix),
        "xtra" => Box::new(xtra::Xtra::new()?),
        "tokio" => Box::new(tokio::Tokio::new()?),
        _ => bail!("the group `process` has no subject `{name}`"),
    };
    // Kept until the process ends: taking 100,000 processes down costs more than measuring them.
    Ok(Box::leak(subject))
}

fn mortal(name: &str) -> Result<&'static dyn Mortal> {
    let subject: Box<dyn Mortal> = match name {
        OURS => Box::new(foundation::Foundation::new()?),
        "ractor" => Box::new(ractor::Ractor::new()?),
        "kameo" => Box::new(kameo::Kameo::new()?),
        _ => bail!("the subject `{name}` of the group `process` has no names to die with"),
    };
    Ok(Box::leak(subject))
}

/// Measures milliseconds until the last of many deaths was noticed.
fn deaths(subject: &dyn Mortal, slice: Slice) -> Result<Sample> {
    subject.storm(Way::Kill, DEATHS_EACH)?;
    let (mut total, mut storms, mut stale) = (Duration::ZERO, 0, 0);
    while total < slice.length && storms < 8 {
        let storm = subject.storm(Way::Kill, DEATHS)?;
        ensure!(!storm.taken.is_zero(), "a mass death took no time; the clock does not advance");
        total += storm.taken;
        storms += 1;
        stale += storm.stale;
    }
    let detail = format!("{stale} of {} names still resolved at the notice", storms * DEATHS);
    let value = total.as_secs_f64() * 1e3 / float(storms);
    Ok(Sample { value, detail: Some(detail) })
}

/// Counts the promises a death breaks.
fn ghosts(subject: &dyn Mortal) -> Result<Sample> {
    silence_planted_panics();
    let (mut stale, mut parts) = (0, Vec::new());
    for way in WAYS {
        let storm = subject.storm(way, DEATHS_EACH)?;
        stale += storm.stale;
        if storm.stale > 0 {
            parts.push(format!("{} after {way:?}", storm.stale));
        }
    }
    let takeovers = subject.takeovers(TAKEOVERS)?;
    let lost = subject.lost_monitors(MONITORS)?;
    let names = if parts.is_empty() { "0".to_owned() } else { parts.join(" + ") };
    let detail = format!(
        "names that resolved at the notice: {names} of {DEATHS_EACH} per way; two holders: \
         {takeovers} of {TAKEOVERS}; monitors lost: {lost} of {MONITORS}"
    );
    Ok(Sample { value: float(stale + takeovers + lost), detail: Some(detail) })
}

/// What a process panics with when it is told to.
const PLANTED: &str = "planted panic";

/// Keeps the planted panics off the terminal, and only those.
fn silence_planted_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some(PLANTED) {
            usual(info);
        }
    }));
}

/// Panics as told.
#[expect(clippy::panic, reason = "dying of a panic is what is measured")]
fn panic_as_told() {
    panic!("{PLANTED}");
}

/// Lets deaths and monitors meet: one task orders the deaths, another places the monitors.
///
/// They go in step, a few targets at a time, and run on different workers: the one that places
/// monitors never gives way while it has something to do. The first one gives way after its
/// orders, so that the targets die on its worker, one after the other, while they are watched.
#[derive(Debug, Default)]
struct Race {
    /// Groups of targets whose turn has come.
    begun: AtomicU64,
    /// Groups of targets that have their monitors.
    watched: AtomicU64,
}

/// Targets of one step of a [`Race`]. Few, to stay in step; more than one, for on a busy machine
/// each step may cost a switch of threads.
const RACE_GROUP: usize = 8;

impl Race {
    /// Says that this group is about to be told to die.
    fn begin(&self, group: u64) {
        // Release pairs with Acquire in `wait_turn`.
        self.begun.store(group + 1, Ordering::Release);
    }

    /// Waits until the group is watched, giving way to it so that it can die meanwhile.
    ///
    /// # Cancel safety
    /// Safe: a dropped wait loses nothing.
    async fn wait_watched(&self, group: u64) {
        // At least once: the orders to die were just given.
        yield_now().await;
        while self.watched.load(Ordering::Acquire) <= group {
            yield_now().await;
        }
    }

    /// Waits until the group is about to die, and a little longer, differently for each group:
    /// what follows meets every phase of a death.
    ///
    /// # Cancel safety
    /// Safe: a dropped wait loses nothing.
    async fn wait_turn(&self, group: u64) {
        let mut looks = 0_u64;
        while self.begun.load(Ordering::Acquire) <= group {
            looks += 1;
            // The other task may be queued behind this one. No pause instruction here and below:
            // a virtual machine that pauses in a loop may lose its processor to the host.
            if looks.is_multiple_of(256) {
                yield_now().await;
            }
        }
        // An order, the switch to the target and its death take one to two microseconds.
        let delay = Duration::from_nanos(group % 64 * 200);
        let start = Instant::now();
        while start.elapsed() < delay {}
    }

    /// Says that this group is watched.
    fn watched(&self, group: u64) {
        // Release pairs with Acquire in `wait_watched`.
        self.watched.store(group + 1, Ordering::Release);
    }
}
