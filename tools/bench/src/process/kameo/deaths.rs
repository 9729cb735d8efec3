//! How kameo's actors die: names in its registry, notices over links.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, anyhow};
use kameo::Actor;
use kameo::actor::{ActorId, ActorRef, Spawn as _, WeakActorRef};
use kameo::error::ActorStopReason;
use kameo::mailbox;
use kameo::message::{Context, Message};
use tokio::sync::Notify;

use super::super::{Mortal, RACE_GROUP, Race, Storm, Way, panic_as_told};
use super::Kameo;
use crate::finish::{Roll, Watch};

impl Mortal for Kameo {
    fn storm(&self, way: Way, count: u64) -> Result<Storm> {
        self.0.run(async move {
            let watch = Watch::new(count);
            let (mut targets, mut names) = (Vec::new(), HashMap::new());
            for index in 0..count {
                let target = Target::spawn(Target { awaits: way == Way::StopAwaiting });
                let name = format!("bench/{way:?}/{index:07}");
                target.register(name.clone())?;
                names.insert(target.id(), name);
                targets.push(target);
            }
            let watcher = Watcher { names, watch: Arc::clone(&watch) };
            let watcher = Watcher::spawn_with_mailbox(watcher, mailbox::unbounded());
            for target in &targets {
                target.link(&watcher).await;
                target.wait_for_startup().await;
            }
            let start = Instant::now();
            for target in &targets {
                match way {
                    Way::Kill => target.kill(),
                    Way::Stop | Way::StopAwaiting => target.stop_gracefully().await?,
                    Way::Panic | Way::Error => target.tell(way).send().await?,
                }
            }
            let taken = watch.wait().await.duration_since(start);
            for target in targets {
                wait_gone(&target).await;
            }
            Ok(Storm { taken, stale: watch.stale() })
        })
    }

    fn takeovers(&self, trials: u64) -> Result<u64> {
        self.0.run(async move {
            let mut taken = 0;
            for trial in 0..trials {
                let name = format!("bench/takeover/{trial:07}");
                let hook = Arc::new(Hook::default());
                let first = Slow::spawn(Slow(Arc::clone(&hook)));
                first.register(name.clone())?;
                first.stop_gracefully().await?;
                hook.entered.notified().await;
                // The first holder waits inside its stop hook until `release`.
                let second = Slow::spawn(Slow(Arc::clone(&hook)));
                taken += u64::from(second.register(name).is_ok());
                hook.release.notify_one();
                wait_gone(&first).await;
                hook.release.notify_one();
                second.stop_gracefully().await?;
                wait_gone(&second).await;
            }
            Ok(taken)
        })
    }

    fn lost_monitors(&self, count: u64) -> Result<u64> {
        self.0.run(async move {
            let watch = Watch::new(count);
            let watcher =
                Observer::spawn_with_mailbox(Observer(Roll::new(&watch)), mailbox::unbounded());
            let mut targets = Vec::new();
            for _ in 0..count {
                let target = Target::spawn(Target { awaits: false });
                target.wait_for_startup().await;
                targets.push(target);
            }
            let race = Arc::new(Race::default());
            let (orders, order) = (targets.clone(), Arc::clone(&race));
            let orders = tokio::spawn(async move {
                for (group, targets) in (0..).zip(orders.chunks(RACE_GROUP)) {
                    order.begin(group);
                    for target in targets {
                        // The mailbox is empty, so the order is accepted.
                        _ = target.stop_gracefully().await;
                    }
                    order.wait_watched(group).await;
                }
            });
            for (group, targets) in (0..).zip(targets.chunks(RACE_GROUP)) {
                race.wait_turn(group).await;
                for target in targets {
                    target.link(&watcher).await;
                }
                race.watched(group);
            }
            orders.await?;
            for target in targets {
                wait_gone(&target).await;
            }
            Ok(count - watch.settle().await)
        })
    }
}

/// Waits until the actor's cleanup is done; how it died was ordered and is no error.
async fn wait_gone<A: Actor>(actor: &ActorRef<A>) {
    actor.wait_for_shutdown_with_result(|_| ()).await;
}

/// Dies as told by its message.
struct Target {
    awaits: bool,
}

impl Actor for Target {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(actor: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(actor)
    }

    async fn on_stop(
        &mut self,
        _: WeakActorRef<Self>,
        _: ActorStopReason,
    ) -> Result<(), Infallible> {
        if self.awaits {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl Message<Way> for Target {
    type Reply = Result<(), anyhow::Error>;

    async fn handle(&mut self, way: Way, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        if way == Way::Panic {
            panic_as_told();
        }
        Err(anyhow!("told to fail"))
    }
}

/// Is linked to the targets and looks each dead one up by its name.
struct Watcher {
    names: HashMap<ActorId, String>,
    watch: Arc<Watch>,
}

impl Actor for Watcher {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(actor: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(actor)
    }

    async fn on_link_died(
        &mut self,
        _: WeakActorRef<Self>,
        id: ActorId,
        _: ActorStopReason,
    ) -> Result<ControlFlow<ActorStopReason>, Infallible> {
        let name = self.names.get(&id).map_or("", String::as_str);
        let resolves = ActorRef::<Target>::lookup(name).is_ok_and(|found| found.is_some());
        self.watch.notice(resolves);
        Ok(ControlFlow::Continue(()))
    }
}

/// Is linked to the targets and counts each dead one once.
struct Observer(Roll<ActorId>);

impl Actor for Observer {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(actor: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(actor)
    }

    async fn on_link_died(
        &mut self,
        _: WeakActorRef<Self>,
        id: ActorId,
        _: ActorStopReason,
    ) -> Result<ControlFlow<ActorStopReason>, Infallible> {
        self.0.notice(id);
        Ok(ControlFlow::Continue(()))
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
    type Args = Self;
    type Error = Infallible;

    async fn on_start(actor: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(actor)
    }

    async fn on_stop(
        &mut self,
        _: WeakActorRef<Self>,
        _: ActorStopReason,
    ) -> Result<(), Infallible> {
        self.0.entered.notify_one();
        self.0.release.notified().await;
        Ok(())
    }
}
