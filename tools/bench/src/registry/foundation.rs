//! Foundation: our own subject.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use foundation_process::{Address, Context, Outcome, Process, System};
use foundation_registry::{Health, Limits, Metadata, Name, Registry};
use foundation_types::Pid;

use super::drive::{self, BATCH, Lookups, SPARES};
use super::shape::{self, Item, NAMESPACE, Question, Shape, Spread};
use super::{LARGE, Subject};
use crate::bench::Sample;
use crate::finish;
use crate::load::Bed;
use crate::memory;
use crate::slice::Slice;

mod ask;

/// The subject `foundation`.
#[derive(Debug)]
pub(super) struct Foundation {
    bed: Bed,
    system: System,
    registry: Registry,
}

/// What is registered again and again.
#[derive(Debug)]
struct Spare {
    pid: Pid,
    name: Name,
    metadata: Metadata,
}

impl Foundation {
    /// Starts the runtime, a system in it, and a registry with room for the largest shape.
    pub(super) fn new() -> Result<Self> {
        let bed = Bed::new()?;
        let system = bed.run(async { Ok(System::current()) })?;
        let mut limits = Limits::default();
        limits.entries_per_namespace_max = usize::try_from(LARGE + SPARES)?;
        limits.bytes_per_namespace_max = usize::MAX;
        let registry = Registry::with_limits(system.clone(), limits);
        Ok(Self { bed, system, registry })
    }

    /// Spawns that many processes and waits until each has started.
    fn spawn(&self, count: u64) -> Result<Vec<Address<()>>> {
        let system = self.system.clone();
        self.bed.run(async move {
            let mut processes = Vec::with_capacity(usize::try_from(count)?);
            for _ in 0..count {
                processes.push(system.spawn(Idle)?);
            }
            Ok(processes)
        })
    }

    /// Registers one process for each entry.
    fn fill(&self, shape: Shape) -> Result<Vec<Address<()>>> {
        let processes = self.spawn(shape.size)?;
        for (process, item) in processes.iter().zip(shape.items()) {
            self.registry.register(process.pid(), name(&item.id)?, metadata(&item)?)?;
        }
        Ok(processes)
    }

    fn probes(size: u64) -> Result<Vec<Name>> {
        shape::probes(size).map(|id| name(&id)).collect()
    }

    fn find(&self, name: &Name) -> bool {
        black_box(self.registry.whereis(name)).is_some()
    }

    /// Kills the processes; the time until all of their names are free.
    fn kill(&self, doomed: Vec<(Pid, Name)>) -> Result<Duration> {
        let (system, registry) = (self.system.clone(), self.registry.clone());
        self.bed.run(async move {
            let start = Instant::now();
            for (pid, _) in &doomed {
                system.kill(*pid);
            }
            drive::wait_free(&doomed, |(_, name)| registry.whereis(name).is_some()).await;
            Ok(start.elapsed())
        })
    }
}

impl Subject for Foundation {
    fn lookups(&self, load: Lookups, slice: Slice) -> Result<Sample> {
        let _processes = self.fill(Shape { size: load.size, spread: Spread::Wide })?;
        let rate = load.rate(slice, &Self::probes(load.size)?, |name| self.find(name))?;
        Ok(Sample::of(load.figure(rate)))
    }

    fn storm(&self, size: u64, deaths: u64) -> Result<Sample> {
        let shape = Shape { size, spread: Spread::Wide };
        let processes = self.fill(shape)?;
        let doomed = processes.iter().zip(shape.items()).take(usize::try_from(deaths)?);
        let doomed = doomed.map(|(process, item)| Ok((process.pid(), name(&item.id)?)));
        let doomed: Vec<_> = doomed.collect::<Result<_>>()?;
        drive::storm(&Self::probes(size)?, |name| self.find(name), || self.kill(doomed))
    }

    fn churn(&self, shape: Shape, slice: Slice) -> Result<Sample> {
        let _processes = self.fill(shape)?;
        let owners = self.spawn(BATCH)?;
        let spare = |(owner, item): (&Address<()>, Item)| {
            let (name, metadata) = (name(&item.id)?, metadata(&item)?);
            Ok(Spare { pid: owner.pid(), name, metadata })
        };
        let spares = owners.iter().cycle().zip(shape.spares(SPARES)).map(spare);
        let spares: Vec<Spare> = spares.collect::<Result<_>>()?;
        let nanos = drive::churn(
            slice,
            &spares,
            |Spare { pid, name, metadata }| {
                self.registry.register(*pid, name.clone(), metadata.clone())?;
                Ok(())
            },
            |Spare { pid, name, .. }| {
                self.registry.unregister(name, *pid)?;
                Ok(())
            },
        )?;
        Ok(Sample::of(nanos))
    }

    fn updates(&self, shape: Shape, slice: Slice) -> Result<Sample> {
        let processes = self.fill(shape)?;
        let names: Vec<_> = Self::probes(shape.size)?
            .into_iter()
            .filter_map(|name| Some((self.registry.whereis(&name)?, name)))
            .collect();
        ensure!(names.len() == processes.len(), "only {} names are registered", names.len());
        let nanos = drive::updates(slice, &names, |(pid, name), second| {
            let health = if second { Health::Degraded } else { Health::Healthy };
            self.registry.set_health(name, *pid, health)?;
            Ok(())
        })?;
        Ok(Sample::of(nanos))
    }

    fn watched_updates(&self, shape: Shape, slice: Slice) -> Result<Sample> {
        let (_, mut watch) = self.registry.watch(NAMESPACE, |_| true)?;
        let read = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&read);
        // It reads until the runtime ends; who is too slow goes on from what stands, as a user's would.
        self.bed.run(async move {
            tokio::spawn(async move {
                loop {
                    if watch.changed().await.is_err() {
                        watch.resynchronise();
                    }
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
            Ok(())
        })?;
        let sample = self.updates(shape, slice)?;
        ensure!(read.load(Ordering::Relaxed) > shape.size, "the watch has read next to nothing");
        Ok(sample)
    }

    fn query(&self, question: Question, slice: Slice) -> Result<Sample> {
        let _processes = self.fill(question.shape())?;
        let query = ask::query(question)?;
        drive::questions(slice, question, || Ok(ask::list(&self.registry, &query)))
    }

    fn count(&self, question: Question, slice: Slice) -> Result<Sample> {
        let _processes = self.fill(question.shape())?;
        let query = ask::query(question)?;
        drive::questions(slice, question, || Ok(ask::count(&self.registry, &query)))
    }

    fn deaths(&self, count: u64, slice: Slice) -> Result<Sample> {
        let shape = Shape { size: count, spread: Spread::Wide };
        let names = || shape.items().map(|item| name(&item.id));
        drive::deaths(slice, || {
            let processes = self.fill(shape)?;
            let doomed = processes.iter().zip(names());
            let doomed = doomed.map(|(process, name)| Ok((process.pid(), name?)));
            self.kill(doomed.collect::<Result<_>>()?)
        })
    }

    fn grown(&self, shape: Shape) -> Result<u64> {
        let processes = self.spawn(shape.size)?;
        self.bed.run(async move {
            finish::wait_started(shape.size).await;
            Ok(())
        })?;
        let items = shape.items();
        let before = memory::resident()?;
        for (process, item) in processes.iter().zip(items) {
            self.registry.register(process.pid(), name(&item.id)?, metadata(&item)?)?;
        }
        Ok(memory::resident()?.saturating_sub(before))
    }
}

fn name(id: &str) -> Result<Name> {
    Ok(Name::new(NAMESPACE, id)?)
}

/// Makes metadata of texts that nobody shares yet.
fn metadata(item: &Item) -> Result<Metadata> {
    let capabilities = item.capabilities.iter().map(String::as_str);
    Ok(Metadata::new(capabilities)?.with_health(item.health))
}

struct Idle;

impl Process for Idle {
    type Message = ();

    async fn init(&mut self, _: &mut Context<()>) -> Outcome {
        finish::started();
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        Ok(())
    }
}
