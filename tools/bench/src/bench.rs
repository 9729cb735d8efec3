//! What there is to measure: groups, their benchmarks, the subjects and the floors to hold.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::slice::Slice;
use crate::{process, registry, telemetry};

/// Name of our own subject.
pub(crate) const OURS: &str = "foundation";

/// A set of benchmarks that runs as one.
#[derive(Debug)]
pub(crate) struct Group {
    /// Name on the command line.
    pub(crate) name: &'static str,
    /// In the order of the table.
    pub(crate) benches: &'static [Bench],
    /// Subjects that are no peers but what all of them are built on or could be replaced with. They have
    /// columns of their own for the ratios.
    pub(crate) floors: &'static [&'static str],
    /// Time a run that is not quick may take.
    pub(crate) time_max: Duration,
    /// Measures one benchmark with one subject; runs in a process of its own.
    pub(crate) measure: fn(bench: &str, subject: &str, slice: Slice) -> Result<Sample>,
}

/// One benchmark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bench {
    /// Name on the command line, unique in its group.
    pub(crate) name: &'static str,
    /// Unit of the figures.
    pub(crate) unit: &'static str,
    /// Which figures are good.
    pub(crate) better: Better,
    /// The subjects that can do it, in the order of the columns.
    pub(crate) subjects: &'static [&'static str],
    /// The floors our own figure has to hold.
    pub(crate) targets: &'static [Target],
    /// Takes too long for a quick run, which leaves it out unless it is named.
    pub(crate) is_large: bool,
}

/// Which of two figures is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    /// Throughput.
    Higher,
    /// Times, bytes and counts of faults.
    Lower,
}

/// A floor under our own figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// Our figure is at least `times` as good as the best of these subjects.
    Times(f64, &'static [&'static str]),
    /// Our figure is at most this many times as bad as the best of these subjects'.
    Within(f64, &'static [&'static str]),
    /// Our figure is at most this many times as bad as our own in the benchmark of that name.
    Flat(f64, &'static str),
    /// Our figure is at most this.
    AtMost(f64),
}

/// What a child process found.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sample {
    /// The figure, in the benchmark's unit.
    pub(crate) value: f64,
    /// What the figure is made of, when one number hides something.
    pub(crate) detail: Option<String>,
}

impl Bench {
    /// Describes a benchmark whose figure is a throughput.
    pub(crate) const fn throughput(
        name: &'static str,
        unit: &'static str,
        subjects: &'static [&'static str],
        targets: &'static [Target],
    ) -> Self {
        Self { name, unit, better: Better::Higher, subjects, targets, is_large: false }
    }

    /// Describes a benchmark whose figure is a time, a size or a count of faults.
    pub(crate) const fn cost(
        name: &'static str,
        unit: &'static str,
        subjects: &'static [&'static str],
        targets: &'static [Target],
    ) -> Self {
        Self { name, unit, better: Better::Lower, subjects, targets, is_large: false }
    }
}

impl Sample {
    /// Makes a sample of a bare figure.
    pub(crate) const fn of(value: f64) -> Self {
        Self { value, detail: None }
    }
}

/// All groups, in the order in which they run.
pub(crate) const GROUPS: &[Group] = &[process::GROUP, registry::GROUP, telemetry::GROUP];

/// Finds a group by name.
///
/// # Errors
/// When there is no such group; the message lists those that exist.
pub(crate) fn group(name: &str) -> Result<&'static Group> {
    let Some(group) = GROUPS.iter().find(|group| group.name == name) else {
        let names: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
        bail!("no group is called `{name}`; there are: {}", names.join(", "));
    };
    Ok(group)
}

impl Better {
    /// Returns how many times as good `ours` is as `theirs`.
    ///
    /// Equal figures are a draw, also where both are nothing.
    #[expect(clippy::float_cmp, reason = "only exactly equal figures may be two zeros")]
    pub(crate) fn ratio(self, ours: f64, theirs: f64) -> f64 {
        if ours == theirs {
            return 1.0;
        }
        match self {
            Self::Higher => ours / theirs,
            Self::Lower => theirs / ours,
        }
    }

    /// Returns the name used in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
        }
    }
}
