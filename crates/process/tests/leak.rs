//! Nothing leaks: after many lives every table is empty and live memory is where it began.
//!
//! Alone in its binary, because the allocator counts for all threads. `FOUNDATION_LIVES` changes the
//! number of lives.

#![cfg(test)]

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use foundation_process::{Address, Context, Counts, Held, Outcome, Process, Reply, System};
use foundation_testkit::{CountingAllocator, wait_for};
use foundation_types::ExitReason;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// Enough that a leak of 16 bytes in every seventieth life adds up to more than the slack.
const LIVES: u64 = 300_000;
/// What the runtime and the tables keep for reuse grows to its size within so many.
const WARM_UP: u64 = 20_000;
/// Lives at one time.
const BATCH: u64 = 500;
/// Buffers of the runtime's own that come and go.
const SLACK_BYTES: usize = 64 * 1024;
/// Memory is at rest when so many looks in a row found no less of it.
const LOOKS: u32 = 20;

/// What it holds is released by its end alone.
struct Leaf(Option<Held>);

enum Message {
    /// Arms timers, holds a value and watches another.
    Settle(Address<Message>),
    Echo(Reply<u64>),
    /// The port is dropped with the message's handler, which never ends.
    Hang(Reply<u64>),
    Tick,
    Fail,
    Panic,
}

impl Process for Leaf {
    type Message = Message;

    async fn init(&mut self, context: &mut Context<Message>) -> Outcome {
        context.trap_exit(true);
        Ok(())
    }

    async fn handle(&mut self, message: Message, context: &mut Context<Message>) -> Outcome {
        match message {
            Message::Settle(other) => {
                context.monitor(other.pid())?;
                context.link(other.pid())?;
                let timer = context.send_after(Duration::from_hours(1), Message::Tick)?;
                context.send_after(Duration::from_hours(1), Message::Tick)?;
                context.send_interval(Duration::from_hours(1), || Message::Tick)?;
                context.cancel_timer(timer);
                self.0 = Some(context.hold(vec![0_u8; 32])?);
            }
            Message::Echo(reply) => reply.send(1),
            Message::Hang(reply) => {
                let _reply = reply;
                std::future::pending::<()>().await;
            }
            Message::Tick => {}
            Message::Fail => return Err(ExitReason::shutdown_because("done")),
            Message::Panic => panic!("planted"),
        }
        Ok(())
    }
}

/// Lives through one batch: spawns, ties together, calls and gives up, and ends each in one of the
/// ways there are.
async fn live(system: &System) {
    let mut leaves: Vec<Address<Message>> = Vec::new();
    for _ in 0..BATCH {
        let leaf = system.process(Leaf(None)).mailbox(8).spawn().unwrap();
        let before = leaves.last().unwrap_or(&leaf).clone();
        leaf.try_send(Message::Settle(before)).unwrap();
        leaves.push(leaf);
    }
    let mut monitors = Vec::new();
    for (n, leaf) in leaves.iter().enumerate() {
        assert_eq!(leaf.call(Message::Echo).await, Ok(1));
        monitors.push(system.monitor(leaf.pid()));
        drop(system.monitor(leaf.pid()));
        if n % 4 == 0 {
            // A call with a deadline far ahead that is given up after its first poll.
            let far = system.deadline(Duration::from_hours(1));
            let mut call = Box::pin(leaf.call_until(Message::Hang, far));
            let answered = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
            assert!(!answered, "nothing waits in this handler but us");
            drop(call);
            system.kill(leaf.pid());
        } else if n % 10 == 1 {
            leaf.try_send(Message::Panic).unwrap();
        } else if n % 2 == 1 {
            leaf.try_send(Message::Fail).unwrap();
        } else {
            system.stop(leaf.pid(), ExitReason::SHUTDOWN);
        }
    }
    for monitor in monitors {
        monitor.await;
    }
}

/// Fails where the allocator does not count, since then everything below would pass.
fn check_counts() {
    let before = ALLOCATOR.counts().live_bytes;
    let kept = std::hint::black_box(vec![0_u8; 2 * SLACK_BYTES]);
    let grown = ALLOCATOR.counts().live_bytes.saturating_sub(before);
    assert!(grown > SLACK_BYTES, "{} bytes are kept, {grown} are counted", kept.len());
}

/// Waits until the system is empty and live memory has come to rest; gives the fewest live bytes seen:
/// what is still on its way out must not make room for a leak.
async fn rest(system: &System) -> usize {
    let deadline = system.deadline(Duration::from_secs(30));
    let empty = || match system.counts() {
        counts if counts == Counts::default() => Ok(()),
        counts => Err(format!("{counts:?}")),
    };
    wait_for(system.env(), "every table to be empty", deadline, empty).await;
    let (mut fewest, mut looks) = (usize::MAX, 0);
    wait_for(system.env(), "memory to come to rest", deadline, || {
        let live = ALLOCATOR.counts().live_bytes;
        looks = if live < fewest { 0 } else { looks + 1 };
        fewest = fewest.min(live);
        if looks >= LOOKS { Ok(fewest) } else { Err(format!("{live} bytes, {fewest} before")) }
    })
    .await
}

/// Guarantee S4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_lives_leave_nothing_behind() {
    check_counts();
    let lives = std::env::var("FOUNDATION_LIVES").ok();
    let lives = lives.map_or(LIVES, |text| text.parse().expect("a number of lives"));
    let system = System::current();
    for _ in 0..WARM_UP / BATCH {
        live(&system).await;
    }
    let baseline = rest(&system).await;
    for _ in 0..lives / BATCH {
        live(&system).await;
    }
    let live = rest(&system).await;
    assert!(
        live <= baseline + SLACK_BYTES,
        "memory is not back at the baseline: {live} bytes, {baseline} before {lives} lives"
    );
}
