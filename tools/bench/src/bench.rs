//! What there is to measure: groups, their benchmarks, the subjects and the floors to hold.

use anyhow::{Result, bail};

use crate::process;
use crate::slice::Slice;

/// Name of our own subject.
pub(crate) const OURS: &str = "foundation";
/// Name of the subject that is no peer but the floor below all of them.
pub(crate) const FLOOR: &str = "tokio";

/// A set of benchmarks that runs as one.
#[derive(Debug)]
pub(crate) struct Group {
    /// Name on the command line.
    pub(crate) name: &'static str,
    /// In the order of the table.
    pub(crate) benches: &'static [Bench],
    /// Measures one benchmark with one subject; runs in a process of its own.
    pub(crate) measure: fn(bench: &str, subject: &str, slice: Slice) -> Result<Sample>,
}

/// One benchmark.
#[derive(Debug)]
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

impl Sample {
    /// Makes a sample of a bare figure.
    pub(crate) const fn of(value: f64) -> Self {
        Self { value, detail: None }
    }
}

/// All groups, in the order in which they run.
pub(crate) const GROUPS: &[Group] = &[process::GROUP];

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
