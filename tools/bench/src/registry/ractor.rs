//! ractor: names taken at spawn, capabilities as process groups.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, pg, registry};

use super::Subject;
use super::drive::{self, Lookups};
use super::shape::{self, Question, Shape, Spread};
use crate::bench::Sample;
use crate::finish;
use crate::load::Bed;
use crate::memory;
use crate::slice::Slice;

/// The subject `ractor`.
#[derive(Debug)]
pub(super) struct Ractor(Bed);

impl Ractor {
    /// Starts the runtime.
    pub(super) fn new() -> Result<Self> {
        Bed::new().map(Self)
    }

    /// Spawns one actor for each entry; `joins` puts it into the groups of its capabilities.
    fn fill(&self, shape: Shape, joins: bool) -> Result<Vec<ActorCell>> {
        self.0.run(async move {
            let mut actors = Vec::with_capacity(usize::try_from(shape.size)?);
            for item in shape.items() {
                let name = shape::full_name(&item.id);
                let (actor, _) = Actor::spawn(Some(name), Idle, ()).await?;
                if joins {
                    for capability in item.capabilities {
                        pg::join(capability, vec![actor.get_cell()]);
                    }
                }
                actors.push(actor.get_cell());
            }
            Ok(actors)
        })
    }

    /// Kills the actors; the time until all of their names are free.
    fn kill(&self, doomed: Vec<ActorCell>) -> Result<Duration> {
        self.0.run(async move {
            let doomed = doomed.into_iter().map(|actor| {
                let name = actor.get_name().context("an actor has no name")?;
                Ok((actor, name))
            });
            let doomed: Vec<_> = doomed.collect::<Result<_>>()?;
            let start = Instant::now();
            for (actor, _) in &doomed {
                actor.kill();
            }
            drive::wait_free(&doomed, |(_, name)| registry::where_is(name).is_some()).await;
            Ok(start.elapsed())
        })
    }
}

impl Subject for Ractor {
    fn lookups(&self, load: Lookups, slice: Slice) -> Result<Sample> {
        let _actors = self.fill(Shape { size: load.size, spread: Spread::Wide }, false)?;
        let rate = load.rate(slice, &probes(load.size), |name| find(name))?;
        Ok(Sample::of(load.figure(rate)))
    }

    fn storm(&self, size: u64, deaths: u64) -> Result<Sample> {
        let actors = self.fill(Shape { size, spread: Spread::Wide }, true)?;
        let doomed = actors.iter().take(usize::try_from(deaths)?).cloned().collect();
        drive::storm(&probes(size), |name| find(name), || self.kill(doomed))
    }

    fn query(&self, question: Question, slice: Slice) -> Result<Sample> {
        let _actors = self.fill(question.shape(), true)?;
        let group = group_of(question)?;
        drive::questions(slice, question, || Ok(black_box(pg::get_members(&group)).len()))
    }

    /// A group tells its size only by listing its members.
    fn count(&self, question: Question, slice: Slice) -> Result<Sample> {
        self.query(question, slice)
    }

    fn deaths(&self, count: u64, slice: Slice) -> Result<Sample> {
        let shape = Shape { size: count, spread: Spread::Wide };
        drive::deaths(slice, || self.kill(self.fill(shape, true)?))
    }

    /// The growth by actors with names and groups, less that by as many without, which were there before.
    fn grown(&self, shape: Shape) -> Result<u64> {
        let start = memory::resident()?;
        let _plain = self.0.run(async move {
            let mut actors = Vec::with_capacity(usize::try_from(shape.size)?);
            for _ in 0..shape.size {
                actors.push(Actor::spawn(None, Idle, ()).await?.0);
            }
            finish::wait_started(shape.size).await;
            Ok(actors)
        })?;
        let before = memory::resident()?;
        let _named = self.fill(shape, true)?;
        self.0.run(async move {
            finish::wait_started(2 * shape.size).await;
            Ok(())
        })?;
        let (plain, named) = (before - start, memory::resident()?.saturating_sub(before));
        Ok(named.saturating_sub(plain))
    }
}

fn group_of(question: Question) -> Result<String> {
    let [capability] = question.capabilities else { anyhow::bail!("a group is one capability") };
    ensure!(question.health.is_none(), "a group has no health");
    Ok((*capability).to_owned())
}

fn probes(size: u64) -> Vec<String> {
    shape::probes(size).map(|id| shape::full_name(&id)).collect()
}

fn find(name: &str) -> bool {
    black_box(registry::where_is(name)).is_some()
}

struct Idle;

impl Actor for Idle {
    type Msg = Infallible;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Infallible>, (): ()) -> Result<(), ActorProcessingErr> {
        finish::started();
        Ok(())
    }
}
