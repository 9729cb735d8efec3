//! The group `registry`: finding by name and by what somebody can do, registering, dying, and memory.
//!
//! Every subject gets the same texts in the same random order, in the form it asks for and made before the
//! clock starts: ours a [`Name`](foundation_registry::Name), everybody else a `str`. What stands behind a
//! name differs where the peers leave no choice:
//!
//! * `foundation`: one process for each name, and for those that are registered in the measured part.
//! * `ractor`: one actor for each name, since a name can be given at its spawn only. Hence it registers
//!   nothing in the measured part, and takes no part in `lookup_1m`: a million actors are 8 GB.
//!   Capabilities are process groups.
//! * `kameo`: one actor under all names, which is the best a user can do for speed; for
//!   `lookup_storm_p999` one actor for each name. It has no capabilities.
//! * `raw_map`: no registry but the best of papaya, scc and dashmap, each with its default hasher and
//!   from `String` to an `Arc` of a record. The details say which it was.
//! * `linear_scan`: a `HashMap` under a lock, all of it read for each question.
//!
//! A look-up returns what its caller may keep: a pid, a reference to an actor, an `Arc`.

mod drive;
mod foundation;
mod kameo;
mod linear_scan;
mod ractor;
mod raw_map;
mod shape;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::bench::{Bench, Group, OURS, Sample, Target};
use crate::slice::Slice;
use drive::Lookups;
use shape::{PAYLOAD, PAYLOAD_DISTINCT, Question, Shape, Spread};

/// The benchmarks of the registry.
pub(crate) const GROUP: Group = Group {
    name: "registry",
    benches: BENCHES,
    floors: &["raw_map", "linear_scan"],
    // The large shapes take seconds to fill.
    time_max: Duration::from_mins(15),
    measure,
};

const PEERS: &[&str] = &["ractor", "kameo"];
const NAMED: &[&str] = &[OURS, "ractor", "kameo", "raw_map"];
const REGISTERING: &[&str] = &[OURS, "kameo", "raw_map"];
const SCANNING: &[&str] = &[OURS, "linear_scan"];
const ASKED: &[&str] = &[OURS, "ractor", "linear_scan"];

const SMALL: u64 = 1_000;
const MIDDLE: u64 = 100_000;
const LARGE: u64 = 1_000_000;
/// Registered processes that die at once.
const DEATHS: u64 = 10_000;

/// A look-up costs at most that many times one in a bare map.
const NEAR_MAP: Target = Target::Within(1.5, &["raw_map"]);
/// Three capabilities and a liveness check may cost as much again as a peer's plain name. Of the peers
/// only kameo registers outside of a spawn.
const NEAR_NAME: Target = Target::Within(2.0, &["kameo"]);
const FLAT: Target = Target::Flat(2.0, "register_unregister_1k");
const FLAT_SHARED: Target = Target::Flat(2.0, "register_unregister_1k_shared");
/// An entry takes at most that many bytes for each byte of its texts.
const BYTES: Target = Target::AtMost(2.0 * PAYLOAD);

const BENCHES: &[Bench] = &[
    Bench::cost("lookup_1k", "ns", NAMED, &[NEAR_MAP, Target::Times(1.0, PEERS)]),
    Bench::cost("lookup_100k", "ns", NAMED, &[NEAR_MAP, Target::Times(1.3, &["ractor"])]),
    large(Bench::cost("lookup_1m", "ns", REGISTERING, &[NEAR_MAP])),
    Bench::throughput("lookup_100k_2t", "ops/s", NAMED, &[Target::Times(2.5, &["kameo"])]),
    Bench::cost(
        "lookup_storm_p999",
        "µs",
        &[OURS, "ractor", "kameo"],
        &[Target::Times(1.0, &["ractor"])],
    ),
    Bench::cost("register_unregister_1k", "ns", REGISTERING, &[NEAR_NAME]),
    Bench::cost("register_unregister_100k", "ns", REGISTERING, &[NEAR_NAME, FLAT]),
    large(Bench::cost("register_unregister_1m", "ns", REGISTERING, &[NEAR_NAME, FLAT])),
    Bench::cost("register_unregister_1k_shared", "ns", &[OURS], &[]),
    Bench::cost("register_unregister_100k_shared", "ns", &[OURS], &[FLAT_SHARED]),
    large(Bench::cost("register_unregister_1m_shared", "ns", &[OURS], &[FLAT_SHARED])),
    Bench::cost("update_100k_shared", "ns", SCANNING, &[]),
    Bench::cost("watch_cost", "ns", &[OURS], &[Target::Flat(1.1, "update_100k_shared")]),
    Bench::cost("query_1000_of_100k", "µs", ASKED, &[Target::AtMost(50.0)]),
    large(Bench::cost(
        "query_3_criteria_1m",
        "µs",
        SCANNING,
        &[Target::Times(1_000.0, &["linear_scan"])],
    )),
    Bench::cost("count_50k_of_100k", "µs", ASKED, &[Target::AtMost(20.0)]),
    Bench::cost("deaths_10k", "ms", &[OURS, "ractor"], &[Target::Times(1.0, &["ractor"])]),
    Bench::cost("entry_bytes_1k", "bytes", SCANNING, &[BYTES]),
    Bench::cost("entry_bytes_100k", "bytes", ASKED, &[BYTES]),
    large(Bench::cost("entry_bytes_1m", "bytes", SCANNING, &[BYTES])),
    Bench::cost(
        "entry_bytes_100k_distinct",
        "bytes",
        SCANNING,
        &[Target::AtMost(3.0 * PAYLOAD_DISTINCT)],
    ),
];

const fn large(bench: Bench) -> Bench {
    Bench { is_large: true, ..bench }
}

/// What is measured. A subject implements what it can do.
trait Subject {
    /// Looks up random names that are registered.
    fn lookups(&self, _: Lookups, _: Slice) -> Result<Sample> {
        bail!("it has no names to look up")
    }

    /// Looks up random names while some of their owners die; times each.
    fn storm(&self, _size: u64, _deaths: u64) -> Result<Sample> {
        bail!("nothing dies in it")
    }

    /// Registers names beside those of the shape, and unregisters them.
    fn churn(&self, _: Shape, _: Slice) -> Result<Sample> {
        bail!("it cannot register and unregister")
    }

    /// Changes the health of random entries.
    fn updates(&self, _: Shape, _: Slice) -> Result<Sample> {
        bail!("it has no health to change")
    }

    /// As [`Subject::updates`], while somebody watches and reads every change.
    fn watched_updates(&self, _: Shape, _: Slice) -> Result<Sample> {
        bail!("nobody can watch it")
    }

    /// Lists who fits the question.
    fn query(&self, _: Question, _: Slice) -> Result<Sample> {
        bail!("it cannot list")
    }

    /// Counts who fits the question.
    fn count(&self, _: Question, _: Slice) -> Result<Sample> {
        bail!("it cannot count")
    }

    /// Lets that many processes with a name and three capabilities die, until all names are free.
    fn deaths(&self, _count: u64, _: Slice) -> Result<Sample> {
        bail!("nothing dies in it")
    }

    /// Fills the shape; the bytes the resident set grew by, without those of the processes.
    fn grown(&self, _: Shape) -> Result<u64> {
        bail!("its entries cannot be told from the rest")
    }
}

fn measure(bench: &str, subject: &str, slice: Slice) -> Result<Sample> {
    let subject = subject_of(subject)?;
    let lookups = |size, threads| subject.lookups(Lookups { size, threads }, slice);
    let churn = |size, spread| subject.churn(Shape { size, spread }, slice);
    let bytes = |size, spread: Spread| {
        let grown = subject.grown(Shape { size, spread })?;
        Ok(drive::bytes_each(grown, size, spread.payload()))
    };
    match bench {
        "lookup_1k" => lookups(SMALL, 1),
        "lookup_100k" => lookups(MIDDLE, 1),
        "lookup_1m" => lookups(LARGE, 1),
        "lookup_100k_2t" => lookups(MIDDLE, 2),
        "lookup_storm_p999" => subject.storm(MIDDLE, DEATHS),
        "register_unregister_1k" => churn(SMALL, Spread::Wide),
        "register_unregister_100k" => churn(MIDDLE, Spread::Wide),
        "register_unregister_1m" => churn(LARGE, Spread::Wide),
        "register_unregister_1k_shared" => churn(SMALL, Spread::Shared),
        "register_unregister_100k_shared" => churn(MIDDLE, Spread::Shared),
        "register_unregister_1m_shared" => churn(LARGE, Spread::Shared),
        "update_100k_shared" => {
            subject.updates(Shape { size: MIDDLE, spread: Spread::Shared }, slice)
        }
        "watch_cost" => {
            subject.watched_updates(Shape { size: MIDDLE, spread: Spread::Shared }, slice)
        }
        "query_1000_of_100k" => subject.query(Question::ONE_IN_HUNDRED, slice),
        "query_3_criteria_1m" => subject.query(Question::THREE_CRITERIA, slice),
        "count_50k_of_100k" => subject.count(Question::HALF, slice),
        "deaths_10k" => subject.deaths(DEATHS, slice),
        "entry_bytes_1k" => bytes(SMALL, Spread::Wide),
        "entry_bytes_100k" => bytes(MIDDLE, Spread::Wide),
        "entry_bytes_1m" => bytes(LARGE, Spread::Wide),
        "entry_bytes_100k_distinct" => bytes(MIDDLE, Spread::Distinct),
        _ => bail!("the group `registry` has no benchmark `{bench}`"),
    }
}

fn subject_of(name: &str) -> Result<&'static dyn Subject> {
    let subject: Box<dyn Subject> = match name {
        OURS => Box::new(foundation::Foundation::new()?),
        "ractor" => Box::new(ractor::Ractor::new()?),
        "kameo" => Box::new(kameo::Kameo::new()?),
        "raw_map" => Box::new(raw_map::RawMap),
        "linear_scan" => Box::new(linear_scan::LinearScan::default()),
        _ => bail!("the group `registry` has no subject `{name}`"),
    };
    // Kept until the process ends: taking a million entries down costs more than measuring them.
    Ok(Box::leak(subject))
}
