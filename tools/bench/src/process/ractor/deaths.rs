//! How ractor's actors die: names in its registry, notices to the supervisor.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, anyhow};
use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent, registry};
use tokio::sync::Notify;

use super::super::{Mortal, RACE_GROUP, Race, Storm, Way, panic_as_told};
use super::Ractor;
use crate::finish::{Roll, Watch};

impl Mortal for Ractor {
    fn storm(&self, way: Way, count: u64) -> Result<Storm> {
        self.0.run(async move {
            let watch = Watch::new(count);
            let (watcher, join) = Actor::spawn(None, Watcher, Arc::clone(&watch)).await?;
            let mut targets = Vec::new();
            for index in 0..count {
                let name = format!("bench/{way:?}/{index:07}");
                let target = Target { awaits: way == Way::StopAwaiting };
                targets
                    .push(Actor::spawn_linked(Some(name), target, (), watcher.get_cell()).await?);
            }
            let start = Instant::now();
            for (target, _) in &targets {
                match way {
                    Way::Kill => target.kill(),
                    Way::Stop | Way::StopAwaiting => target.stop(None),
                    Way::Panic | Way::Error => target.send_message(way)?,
                }
            }
            let taken = watch.wait().await.duration_since(start);
            join_all(targets).await?;
            watcher.stop(None);
            join.await?;
            Ok(Storm { taken, stale: watch.stale() })
        })
    }

    fn takeovers(&self, trials: u64) -> Result<u64> {
        self.0.run(async move {
            let mut taken = 0;
            for trial in 0..trials {
                let name = format!("bench/takeover/{trial:07}");
                let hook = Arc::new(Hook::default());
                let slow = || Slow(Arc::clone(&hook));
                let (first, first_join) = Actor::spawn(Some(name.clone()), slow(), ()).await?;
                first.stop(None);
                hook.entered.notified().await;
                // The first holder waits inside its stop hook until `release`.
                let second = Actor::spawn(Some(name), slow(), ()).await;
                taken += u64::from(second.is_ok());
                hook.release.notify_one();
                first_join.await?;
                if let Ok((second, join)) = second {
                    hook.release.notify_one();
                    second.stop(None);
                    join.await?;
                }
            }
            Ok(taken)
        })
    }

    fn lost_monitors(&self, count: u64) -> Result<u64> {
        self.0.run(async move {
            let watch = Watch::new(count);
            let (watcher, _) = Actor::spawn(None, Observer, Roll::new(&watch)).await?;
            let mut targets = Vec::new();
            for _ in 0..count {
                targets.push(Actor::spawn(None, Target { awaits: false }, ()).await?);
            }
            let race = Arc::new(Race::default());
            let orders: Vec<_> = targets.iter().map(|(target, _)| target.clone()).collect();
            let order = Arc::clone(&race);
            let orders = tokio::spawn(async move {
                for (group, targets) in (0..).zip(orders.chunks(RACE_GROUP)) {
                    order.begin(group);
                    for target in targets {
                        target.stop(None);
                    }
                    order.wait_watched(group).await;
                }
            });
            for (group, targets) in (0..).zip(targets.chunks(RACE_GROUP)) {
                race.wait_turn(group).await;
                for (target, _) in targets {
                    target.link(watcher.get_cell());
                }
                race.watched(group);
            }
            orders.await?;
            join_all(targets).await?;
            Ok(count - watch.settle().await)
        })
    }
}

/// Waits until every actor is gone; a panic inside an actor is caught by ractor.
async fn join_all<M>(actors: Vec<(ActorRef<M>, JoinHandle<()>)>) -> Result<()> {
    for (_, join) in actors {
        join.await?;
    }
    Ok(())
}

/// Dies as told by its message.
struct Target {
    awaits: bool,
}

impl Actor for Target {
    type Msg = Way;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Way>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Way>,
        way: Way,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        if way == Way::Panic {
            panic_as_told();
        }
        Err(anyhow!("told to fail").into())
    }

    async fn post_stop(&self, _: ActorRef<Way>, (): &mut ()) -> Result<(), ActorProcessingErr> {
        if self.awaits {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// Supervises the targets and looks each dead one up by its name.
struct Watcher;

impl Actor for Watcher {
    type Msg = u64;
    type State = Arc<Watch>;
    type Arguments = Arc<Watch>;

    async fn pre_start(
        &self,
        _: ActorRef<u64>,
        watch: Arc<Watch>,
    ) -> Result<Arc<Watch>, ActorProcessingErr> {
        Ok(watch)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<u64>,
        event: SupervisionEvent,
        watch: &mut Arc<Watch>,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorTerminated(who, ..) | SupervisionEvent::ActorFailed(who, _) =
            event
        {
            let name = who.get_name().unwrap_or_default();
            watch.notice(registry::where_is(name).is_some());
        }
        Ok(())
    }
}

/// Supervises the targets and counts each dead one once.
struct Observer;

impl Actor for Observer {
    type Msg = u64;
    type State = Roll<ActorId>;
    type Arguments = Roll<ActorId>;

    async fn pre_start(
        &self,
        _: ActorRef<u64>,
        roll: Roll<ActorId>,
    ) -> Result<Roll<ActorId>, ActorProcessingErr> {
        Ok(roll)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<u64>,
        event: SupervisionEvent,
        roll: &mut Roll<ActorId>,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorTerminated(who, ..) | SupervisionEvent::ActorFailed(who, _) =
            event
        {
            roll.notice(who.get_id());
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

impl Actor for Slow {
    type Msg = u64;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<u64>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<u64>, (): &mut ()) -> Result<(), ActorProcessingErr> {
        self.0.entered.notify_one();
        self.0.release.notified().await;
        Ok(())
    }
}
