//! kameo: one map of names under one lock.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::PoisonError;
use std::time::Instant;

use anyhow::{Result, ensure};
use kameo::Actor;
use kameo::actor::{ActorRef, Spawn as _};
use kameo::registry::ACTOR_REGISTRY;

use super::Subject;
use super::drive::{self, Lookups, SPARES};
use super::shape::{self, Shape, Spread};
use crate::bench::Sample;
use crate::load::Bed;
use crate::slice::Slice;

/// The subject `kameo`.
#[derive(Debug)]
pub(super) struct Kameo(Bed);

impl Kameo {
    /// Starts the runtime.
    pub(super) fn new() -> Result<Self> {
        Bed::new().map(Self)
    }

    /// Registers one actor under all names.
    fn fill(&self, size: u64) -> Result<ActorRef<Idle>> {
        self.0.run(async move {
            let actor = Idle::spawn(Idle);
            actor.wait_for_startup().await;
            for name in names(size) {
                actor.register(name)?;
            }
            Ok(actor)
        })
    }
}

impl Subject for Kameo {
    fn lookups(&self, load: Lookups, slice: Slice) -> Result<Sample> {
        let _actor = self.fill(load.size)?;
        let rate = load.rate(slice, &probes(load.size), |name| find(name))?;
        Ok(Sample::of(load.figure(rate)))
    }

    fn storm(&self, size: u64, deaths: u64) -> Result<Sample> {
        let actors = self.0.run(async move {
            let mut actors = Vec::new();
            for name in names(size) {
                let actor = Idle::spawn(Idle);
                actor.register(name.clone())?;
                actors.push((actor, name));
            }
            for (actor, _) in &actors {
                actor.wait_for_startup().await;
            }
            Ok(actors)
        })?;
        let doomed: Vec<_> = actors.iter().take(usize::try_from(deaths)?).cloned().collect();
        let die = || {
            self.0.run(async move {
                let start = Instant::now();
                for (actor, _) in &doomed {
                    actor.kill();
                }
                drive::wait_free(&doomed, |(_, name)| find(name)).await;
                Ok(start.elapsed())
            })
        };
        drive::storm(&probes(size), |name| find(name), die)
    }

    /// Names only: there are no capabilities.
    fn churn(&self, shape: Shape, slice: Slice) -> Result<Sample> {
        let actor = self.fill(shape.size)?;
        let spares: Vec<String> =
            shape.spares(SPARES).map(|item| shape::full_name(&item.id)).collect();
        let nanos = drive::churn(
            slice,
            &spares,
            |name| Ok(actor.register(name.clone())?),
            |name| {
                let mut registry = ACTOR_REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
                ensure!(registry.remove(name.as_str()), "{name} was not registered");
                Ok(())
            },
        )?;
        Ok(Sample::of(nanos))
    }
}

/// Returns the names in the order in which they are registered.
fn names(size: u64) -> impl Iterator<Item = String> {
    Shape { size, spread: Spread::Wide }.items().map(|item| shape::full_name(&item.id))
}

fn probes(size: u64) -> Vec<String> {
    shape::probes(size).map(|id| shape::full_name(&id)).collect()
}

fn find(name: &str) -> bool {
    black_box(ActorRef::<Idle>::lookup(name)).is_ok_and(|found| found.is_some())
}

struct Idle;

impl Actor for Idle {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(actor: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(actor)
    }
}
