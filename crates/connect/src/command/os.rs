//! Programs of the operating system.

use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use foundation_env::sync::atomic::{AtomicBool, Ordering};
use foundation_env::{Either, Env, Sleep, select_biased};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::CommandError;
use super::group::{Group, Reaped};
use super::output::ExitStatus;
use super::pumps::Pumps;
use super::runner::{Cancel, CommandRunner, Run, RunFuture};

/// How long a killed program may take to end, then what it started, and a cancelled one to begin. The
/// kernel ends it at once unless it hangs in a device or a network file system; the rest is for a busy machine.
const DEATH_MAX: Duration = Duration::from_secs(2);

/// How long the last output of a killed group may take to arrive, and its parents to reap what is
/// dead. Shorter, because a process that left the group can hold the pipes open for ever.
const DRAIN_MAX: Duration = Duration::from_millis(200);

/// The first pause between two looks at a group; each is twice the one before.
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(1);

/// Runs programs of the operating system, each in a process group of its own.
///
/// Needs an environment on a tokio runtime with I/O and time enabled (`enable_all`).
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRunner(());

impl OsRunner {
    /// Makes a runner. It has no state.
    pub fn new() -> Self {
        Self(())
    }
}

impl CommandRunner for OsRunner {
    fn run(&self, run: Run) -> RunFuture {
        Box::pin(execute(run))
    }
}

async fn execute(run: Run) -> Result<ExitStatus, CommandError> {
    let Run { env, plan, capture, mut cancel, place } = run;
    let program = plan.program.clone();
    let failed = |error: io::Error| CommandError::Spawn {
        program: program.clone(),
        source: Arc::new(error),
    };
    if env.is_simulated() {
        // Real programs take real time, which nobody in a simulation waits for.
        return Err(failed(io::ErrorKind::Unsupported.into()));
    }
    // Before the start, so that no end is missed.
    let ends = signal(SignalKind::child()).map_err(failed)?;
    let grace = plan.kill_grace;
    // Set when the start has its turn on the blocking pool, which others may keep busy.
    let entered = Arc::new(AtomicBool::new(false));
    let mut start = {
        let (env, place, entered) = (env.clone(), place.clone(), Arc::clone(&entered));
        Box::pin(env.clone().blocking(move || {
            entered.store(true, Ordering::Relaxed);
            Group::start(env, &plan, place)
        }))
    };
    // If `start` is dropped while it goes on, so is the group, as soon as it is there.
    let pause = |duration| env.sleep_until(env.now().saturating_add(duration));
    let (started, cancelled) = match select_biased(start.as_mut(), &mut cancel).await {
        Either::First(started) => (started, false),
        // Dropped here, it leaves the line; should its turn come at this moment, it is dropped with the group.
        Either::Second(()) if !entered.load(Ordering::Relaxed) => {
            return Err(failed(io::ErrorKind::ResourceBusy.into()));
        }
        // It hangs in the file system if it takes that long.
        Either::Second(()) => match select_biased(start.as_mut(), pause(DEATH_MAX)).await {
            Either::First(started) => (started, true),
            Either::Second(()) => {
                place.mark_stuck();
                return Err(failed(io::ErrorKind::TimedOut.into()));
            }
        },
    };
    let mut group = started.map_err(|error| failed(io::Error::other(error)))??;
    // Nobody wants a program without its output; it ends before that is told.
    let (pumps, deaf) = match Pumps::start(group.take_pipes(), Arc::clone(&capture)) {
        Ok(pumps) => (pumps, None),
        Err(error) => (Pumps::idle(capture), Some(error)),
    };
    let process = group.number();
    let mut session = Session { env, group, ends, pumps };
    match session.run(cancelled || deaf.is_some(), cancel, grace).await {
        Ok(Some(status)) => deaf.map_or(Ok(status), |error| Err(failed(error))),
        Ok(None) => Err(CommandError::Stuck { program, process, after: DEATH_MAX }),
        Err(Reaped) => Err(CommandError::Reaped { program, process }),
    }
}

/// One program while it runs.
struct Session {
    env: Env,
    group: Group,
    ends: Signal,
    pumps: Pumps,
}

impl Session {
    /// Sees the program and its group to their end, and has no status when that does not come although
    /// they are killed.
    async fn run(
        &mut self,
        cancelled: bool,
        cancel: Cancel,
        grace: Duration,
    ) -> Result<Option<ExitStatus>, Reaped> {
        if cancelled || !self.ends_before(cancel).await? {
            self.group.terminate()?;
            let grace = self.sleep(grace);
            self.ends_before(grace).await?;
        }
        // Also when the leader has ended by itself: what it left behind in its group ends here.
        self.group.kill()?;
        let death = self.sleep(DEATH_MAX);
        if !self.ends_before(death).await? {
            return Ok(None);
        }
        self.drain().await;
        let status = self.group.reap()?;
        Ok(self.group_gone(DEATH_MAX).await.then_some(status))
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.env.sleep_until(self.env.now().saturating_add(duration))
    }

    /// Waits for the end of the leader or for something else, and says whether it was the end.
    /// Reads output all the while: a program that cannot write does not end.
    async fn ends_before<F: Future<Output = ()> + Unpin>(
        &mut self,
        other: F,
    ) -> Result<bool, Reaped> {
        let Self { group, ends, pumps, .. } = self;
        let end = pin!(async {
            // One signal may stand for the ends of several children, so each look is for a level.
            while !group.has_ended()? {
                if ends.recv().await.is_none() {
                    pending::<()>().await;
                }
            }
            Ok(())
        });
        match pumps.until(select_biased(end, other)).await {
            Either::First(ended) => ended.map(|()| true),
            Either::Second(()) => Ok(false),
        }
    }

    /// Reads what is still in the pipes, until the last who could write has ended.
    async fn drain(&mut self) {
        let limit = self.sleep(DRAIN_MAX);
        self.pumps.drain(limit).await;
    }

    /// Waits until nothing is left of the group, and says whether that came about in time. Its other
    /// members are not our children, so the operating system tells nobody here; they were killed and
    /// end at once.
    async fn group_gone(&mut self, at_most: Duration) -> bool {
        let mut waited = Duration::ZERO;
        let mut pause = LOOK_PAUSE_MIN;
        while !self.group.is_gone() {
            // What its new parent never reaps would stay for ever; it does nothing any more. The look
            // at all processes is not cheap, so it comes late.
            if waited >= DRAIN_MAX && self.group.has_only_zombies() {
                return true;
            }
            if waited >= at_most {
                return false;
            }
            self.sleep(pause).await;
            waited += pause;
            pause = (2 * pause).min(at_most.saturating_sub(waited)).max(LOOK_PAUSE_MIN);
        }
        true
    }
}

#[cfg(test)]
mod tests;
