//! No registry but a concurrent map: what looking up costs at least.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{Result, ensure};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::Subject;
use super::drive::{self, Lookups, SPARES};
use super::linear_scan::Record;
use super::shape::{self, Shape, Spread};
use crate::bench::Sample;
use crate::slice::Slice;

/// The subject `raw_map`: the best of three maps, one after the other in the same child, each with a third
/// of the time.
#[derive(Debug)]
pub(super) struct RawMap;

/// What the three have in common.
trait Map: Default + Sync {
    const NAME: &'static str;

    fn get(&self, name: &str) -> Option<Arc<Record>>;
    /// Inserts a record unless the name is taken; returns whether it did.
    fn insert(&self, name: String, record: Arc<Record>) -> bool;
    /// Returns whether the name was there.
    fn remove(&self, name: &str) -> bool;
}

impl Subject for RawMap {
    fn lookups(&self, load: Lookups, slice: Slice) -> Result<Sample> {
        let rates = [
            lookups::<Papaya>(load, third(slice))?,
            lookups::<Scc>(load, third(slice))?,
            lookups::<Dash>(load, third(slice))?,
        ];
        let (name, best) = rates
            .into_iter()
            .max_by(|left, right| left.1.total_cmp(&right.1))
            .unwrap_or(("none", f64::NAN));
        Ok(Sample { value: load.figure(best), detail: Some(name.to_owned()) })
    }

    /// The record carries its capabilities, but nobody can be found by them.
    fn churn(&self, shape: Shape, slice: Slice) -> Result<Sample> {
        let costs = [
            churn::<Papaya>(shape, third(slice))?,
            churn::<Scc>(shape, third(slice))?,
            churn::<Dash>(shape, third(slice))?,
        ];
        let (name, best) = costs
            .into_iter()
            .min_by(|left, right| left.1.total_cmp(&right.1))
            .unwrap_or(("none", f64::NAN));
        Ok(Sample { value: best, detail: Some(name.to_owned()) })
    }
}

fn third(slice: Slice) -> Slice {
    Slice { length: slice.length / 3 }
}

fn lookups<M: Map>(load: Lookups, slice: Slice) -> Result<(&'static str, f64)> {
    let map: M = filled(Shape { size: load.size, spread: Spread::Wide })?;
    let probes: Vec<String> = shape::probes(load.size).map(|id| shape::full_name(&id)).collect();
    let rate = load.rate(slice, &probes, |name| black_box(map.get(name)).is_some())?;
    Ok((M::NAME, rate))
}

fn churn<M: Map>(shape: Shape, slice: Slice) -> Result<(&'static str, f64)> {
    let map: M = filled(shape)?;
    let spares: Vec<Record> = shape.spares(SPARES).map(Record::new).collect();
    let nanos = drive::churn(
        slice,
        &spares,
        |record| {
            ensure!(map.insert(record.name.clone(), Arc::new(record.clone())), "a name is taken");
            Ok(())
        },
        |record| {
            ensure!(map.remove(&record.name), "a name is gone");
            Ok(())
        },
    )?;
    Ok((M::NAME, nanos))
}

fn filled<M: Map>(shape: Shape) -> Result<M> {
    let map = M::default();
    for record in shape.items().map(Record::new) {
        let name = record.name.clone();
        ensure!(map.insert(name, Arc::new(record)), "a name comes twice");
    }
    Ok(map)
}

#[derive(Default)]
struct Papaya(papaya::HashMap<String, Arc<Record>>);

impl Map for Papaya {
    const NAME: &'static str = "papaya";

    fn get(&self, name: &str) -> Option<Arc<Record>> {
        self.0.pin().get(name).cloned()
    }

    fn insert(&self, name: String, record: Arc<Record>) -> bool {
        self.0.pin().try_insert(name, record).is_ok()
    }

    fn remove(&self, name: &str) -> bool {
        self.0.pin().remove(name).is_some()
    }
}

#[derive(Default)]
struct Scc(scc::HashMap<String, Arc<Record>>);

impl Map for Scc {
    const NAME: &'static str = "scc";

    fn get(&self, name: &str) -> Option<Arc<Record>> {
        self.0.read_sync(name, |_, record| Arc::clone(record))
    }

    fn insert(&self, name: String, record: Arc<Record>) -> bool {
        self.0.insert_sync(name, record).is_ok()
    }

    fn remove(&self, name: &str) -> bool {
        self.0.remove_sync(name).is_some()
    }
}

#[derive(Default)]
struct Dash(DashMap<String, Arc<Record>>);

impl Map for Dash {
    const NAME: &'static str = "dashmap";

    fn get(&self, name: &str) -> Option<Arc<Record>> {
        self.0.get(name).map(|record| Arc::clone(&record))
    }

    fn insert(&self, name: String, record: Arc<Record>) -> bool {
        match self.0.entry(name) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(record);
                true
            }
        }
    }

    fn remove(&self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }
}
