//! A map under a lock, read from end to end for each question: what a user writes first.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use anyhow::{Context as _, Result, ensure};
use foundation_registry::Health;

use super::Subject;
use super::drive;
use super::shape::{self, Item, Question, Shape};
use crate::bench::Sample;
use crate::memory;
use crate::slice::Slice;

/// What stands behind a name where there is no process.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) name: String,
    capabilities: Vec<String>,
    health: Health,
}

/// The subject `linear_scan`.
#[derive(Debug, Default)]
pub(super) struct LinearScan(RwLock<Entries>);

type Entries = HashMap<String, Arc<Record>>;

impl Record {
    /// Makes the record of an entry.
    pub(super) fn new(item: Item) -> Self {
        let Item { id, capabilities, health } = item;
        Self { name: shape::full_name(&id), capabilities, health }
    }

    fn fits(&self, question: Question) -> bool {
        let has = |text: &&str| self.capabilities.iter().any(|found| found == text);
        question.health.is_none_or(|health| self.health == health)
            && question.capabilities.iter().all(has)
    }
}

impl LinearScan {
    fn fill(&self, shape: Shape) -> Result<()> {
        let mut entries = self.write();
        for record in shape.items().map(Record::new) {
            let replaced = entries.insert(record.name.clone(), Arc::new(record));
            ensure!(replaced.is_none(), "a name comes twice");
        }
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subject for LinearScan {
    fn updates(&self, shape: Shape, slice: Slice) -> Result<Sample> {
        self.fill(shape)?;
        let probes: Vec<String> =
            shape::probes(shape.size).map(|id| shape::full_name(&id)).collect();
        let nanos = drive::updates(slice, &probes, |name, second| {
            let mut entries = self.write();
            let record = entries.get_mut(name).context("a name is gone")?;
            let health = if second { Health::Degraded } else { Health::Healthy };
            Arc::make_mut(record).health = health;
            Ok(())
        })?;
        Ok(Sample::of(nanos))
    }

    fn query(&self, question: Question, slice: Slice) -> Result<Sample> {
        self.fill(question.shape())?;
        drive::questions(slice, question, || {
            let entries = self.read();
            let fitting = entries.values().filter(|record| record.fits(question));
            let answer: Vec<Arc<Record>> = fitting.cloned().collect();
            Ok(black_box(answer).len())
        })
    }

    fn count(&self, question: Question, slice: Slice) -> Result<Sample> {
        self.fill(question.shape())?;
        drive::questions(slice, question, || {
            Ok(self.read().values().filter(|record| record.fits(question)).count())
        })
    }

    fn grown(&self, shape: Shape) -> Result<u64> {
        let items = shape.items();
        let before = memory::resident()?;
        let mut entries = self.write();
        for record in items.map(Record::new) {
            entries.insert(record.name.clone(), Arc::new(record));
        }
        Ok(memory::resident()?.saturating_sub(before))
    }
}
