//! The two tables: `docs/guarantees.toml` and `docs/faults.toml`.

use std::fmt;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::tree::Tree;

/// Path of the table of guarantees.
pub(crate) const GUARANTEES: &str = "docs/guarantees.toml";
/// Path of the table of planted faults.
pub(crate) const FAULTS: &str = "docs/faults.toml";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct GuaranteeTable {
    #[serde(default, rename = "guarantee")]
    guarantees: Vec<Guarantee>,
}

/// One promise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guarantee {
    /// Capital letters and a number, such as `R1`.
    pub(crate) id: String,
    /// A few words.
    pub(crate) title: String,
    /// One sentence that can be true or false.
    pub(crate) statement: String,
    /// The benchmark that measures it, as `group/name`.
    pub(crate) benchmark: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultTable {
    #[serde(default, rename = "fault")]
    faults: Vec<Fault>,
}

/// One fault that can be switched on, and the test that must notice.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// The name the code asks for with `fault::planted`.
    pub(crate) name: String,
    /// The guarantee it breaks.
    pub(crate) guarantee: Ids,
    /// The layer of tests that catches it.
    pub(crate) layer: Layer,
    /// `package::target::path` of the test; the target is `lib` or a file in `tests/`.
    pub(crate) test: String,
    /// How many seeds it took; written by `cargo xtask faults --update`.
    pub(crate) seeds_median: Option<u64>,
    /// How many seeds the test may try; absent for the test's own number.
    pub(crate) seeds_max: Option<u64>,
}

/// One guarantee id, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Ids {
    /// `guarantee = "R1"`.
    One(String),
    /// `guarantee = ["R1", "R2"]`.
    Many(Vec<String>),
}

/// The kind of test that catches a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Layer {
    /// A plain test.
    Unit,
    /// A test on the seeded executor.
    Simulation,
    /// An exhaustive check of a small case.
    Loom,
    /// Many random schedules.
    Shuttle,
}

/// A test, as the runner needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TestName<'a> {
    /// Name of the package.
    pub(crate) package: &'a str,
    /// `lib`, or the name of a file in `tests/`.
    pub(crate) target: &'a str,
    /// Path inside the test binary.
    pub(crate) path: &'a str,
}

impl Fault {
    /// Returns whether it breaks the guarantee with this id.
    pub(crate) fn breaks(&self, id: &str) -> bool {
        self.guarantee.ids().iter().any(|own| own == id)
    }

    /// Takes the name of its test apart.
    ///
    /// # Errors
    /// The name has fewer than three parts.
    pub(crate) fn test(&self) -> Result<TestName<'_>> {
        let mut parts = self.test.splitn(3, "::");
        match (parts.next(), parts.next(), parts.next()) {
            (Some(package), Some(target), Some(path)) => Ok(TestName { package, target, path }),
            _ => bail!("`{}` is no package::target::path", self.test),
        }
    }
}

impl Ids {
    /// Returns the ids, one or several.
    pub(crate) fn ids(&self) -> &[String] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unit => "unit",
            Self::Simulation => "simulation",
            Self::Loom => "loom",
            Self::Shuttle => "shuttle",
        })
    }
}

/// Reads the table of guarantees.
pub(crate) fn guarantees(tree: &Tree) -> Result<Vec<Guarantee>> {
    let text = tree.text(GUARANTEES).with_context(|| format!("{GUARANTEES} is missing"))?;
    let table: GuaranteeTable =
        toml_edit::de::from_str(text).with_context(|| GUARANTEES.to_owned())?;
    Ok(table.guarantees)
}

/// Reads the table of planted faults.
pub(crate) fn faults(tree: &Tree) -> Result<Vec<Fault>> {
    let text = tree.text(FAULTS).with_context(|| format!("{FAULTS} is missing"))?;
    let table: FaultTable = toml_edit::de::from_str(text).with_context(|| FAULTS.to_owned())?;
    Ok(table.faults)
}
