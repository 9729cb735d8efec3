//! How our processes die: names in the registry, DOWN to the monitors.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use foundation_process::{Address, Context, Outcome, Process, Signal, System};
use foundation_registry::{Metadata, Name, Registry};
use foundation_types::{Code, Error, ExitReason, Pid};
use tokio::sync::Notify;

use super::super::{Mortal, RACE_GROUP, Race, Storm, Way, panic_as_told};
use super::{Foundation, stop_all};
use crate::finish::{Roll, Watch};

impl Mortal for Foundation {
    fn storm(&self, way: Way, count: u64) -> Result<Storm> {
        self.run(move |system| async move {
            let registry = Registry::new(system.clone());
            let watch = Watch::new(count);
            let (mut targets, mut names) = (Vec::new(), HashMap::new());
            for index in 0..count {
                let target = system.spawn(Target { awaits: way == Way::StopAwaiting })?;
                let name = Name::new("bench", &format!("{way:?}-{index:07}"))?;
                registry.register(target.pid(), name.clone(), Metadata::default())?;
                names.insert(target.pid(), name);
                targets.push(target);
            }
            let watcher = Watcher { names, registry, watch: Arc::clone(&watch) };
            let deadline = system.deadline(Duration::from_secs(30));
            // Started, not spawned: it places its monitors before its first step is over.
            let watcher = system.process(watcher).start(deadline).await?;
            let start = Instant::now();
            for target in &targets {
                order(&system, target, way).await?;
            }
            let taken = watch.wait().await.duration_since(start);
            stop_all(&system, [watcher]).await;
            Ok(Storm { taken, stale: watch.stale() })
        })
    }

    fn takeovers(&self, trials: u64) -> Result<u64> {
        self.run(move |system| async move {
            let registry = Registry::new(system.clone());
            let mut taken = 0;
            for trial in 0..trials {
                let name = Name::new("bench", &format!("takeover-{trial:07}"))?;
                let hook = Arc::new(Hook::default());
                let first = system.spawn(Slow(Arc::clone(&hook)))?;
                registry.register(first.pid(), name.clone(), Metadata::default())?;
                system.stop(first.pid(), ExitReason::SHUTDOWN);
                hook.entered.notified().await;
                // The first holder waits inside its `terminate` hook until `release`.
                let second = system.spawn(Slow(Arc::clone(&hook)))?;
                let again = registry.register(second.pid(), name, Metadata::default());
                taken += u64::from(again.is_ok());
                hook.release.notify_one();
                system.monitor(first.pid()).await;
                hook.release.notify_one();
                stop_all(&system, [second]).await;
            }
            Ok(taken)
        })
    }

    fn lost_monitors(&self, count: u64) -> Result<u64> {
        self.run(move |system| async move {
            let watch = Watch::new(count);
            let mut targets = Vec::new();
            for _ in 0..count {
                targets.push(system.spawn(Target { awaits: false })?);
            }
            let pids: Vec<Pid> = targets.iter().map(Address::pid).collect();
            let race = Arc::new(Race::default());
            let observer = Observer { pids, race: Arc::clone(&race), roll: Roll::new(&watch) };
            let observer = system.spawn(observer)?;
            observer.send(()).await.context("the observer is gone")?;
            for (group, targets) in (0..).zip(targets.chunks(RACE_GROUP)) {
                race.begin(group);
                for target in targets {
                    order(&system, target, Way::Stop).await?;
                }
                race.wait_watched(group).await;
            }
            for target in targets {
                system.monitor(target.pid()).await;
            }
            let lost = count - watch.settle().await;
            stop_all(&system, [observer]).await;
            Ok(lost)
        })
    }
}

/// Tells a process to die.
async fn order(system: &System, target: &Address<Way>, way: Way) -> Result<()> {
    match way {
        Way::Kill => _ = system.kill(target.pid()),
        Way::Stop | Way::StopAwaiting => _ = system.stop(target.pid(), ExitReason::SHUTDOWN),
        Way::Panic | Way::Error => target.send(way).await.context("a target is gone")?,
    }
    Ok(())
}

/// Dies as told by its message.
struct Target {
    awaits: bool,
}

impl Process for Target {
    type Message = Way;

    async fn handle(&mut self, way: Way, _: &mut Context<Way>) -> Outcome {
        if way == Way::Panic {
            panic_as_told();
        }
        Err(ExitReason::error(Error::new(Code::Unknown, "told to fail")))
    }

    async fn terminate(&mut self, _: &ExitReason, _: &mut Context<Way>) {
        if self.awaits {
            tokio::task::yield_now().await;
        }
    }
}

/// Monitors the targets and looks each dead one up by its name.
struct Watcher {
    names: HashMap<Pid, Name>,
    registry: Registry,
    watch: Arc<Watch>,
}

impl Process for Watcher {
    type Message = ();

    async fn init(&mut self, context: &mut Context<()>) -> Outcome {
        #[expect(clippy::iter_over_hash_type, reason = "all of them are placed before any death")]
        for pid in self.names.keys() {
            context.monitor(*pid)?;
        }
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        Ok(())
    }

    async fn handle_signal(&mut self, signal: Signal, _: &mut Context<()>) -> Outcome {
        if let Signal::Down { pid, .. } = signal {
            let name = self.names.get(&pid);
            self.watch.notice(name.is_some_and(|name| self.registry.whereis(name).is_some()));
        }
        Ok(())
    }
}

/// Monitors each target while it dies, and counts each DOWN once.
struct Observer {
    pids: Vec<Pid>,
    race: Arc<Race>,
    roll: Roll<Pid>,
}

impl Process for Observer {
    type Message = ();

    async fn handle(&mut self, (): (), context: &mut Context<()>) -> Outcome {
        for (group, pids) in (0..).zip(self.pids.chunks(RACE_GROUP)) {
            self.race.wait_turn(group).await;
            for pid in pids {
                context.monitor(*pid)?;
            }
            self.race.watched(group);
        }
        Ok(())
    }

    async fn handle_signal(&mut self, signal: Signal, _: &mut Context<()>) -> Outcome {
        if let Signal::Down { pid, .. } = signal {
            self.roll.notice(pid);
        }
        Ok(())
    }
}

/// A stop hook that says when it runs and ends when it is let go.
#[derive(Default)]
struct Hook {
    entered: Notify,
    release: Notify,
}

struct Slow(Arc<Hook>);

impl Process for Slow {
    type Message = ();

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        Ok(())
    }

    async fn terminate(&mut self, _: &ExitReason, _: &mut Context<()>) {
        self.0.entered.notify_one();
        self.0.release.notified().await;
    }
}
