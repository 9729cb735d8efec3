//! Builds the test binaries in which faults can be switched on, and finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command::{self, cargo, rustflags, target_dir};
use crate::guarantees::table::{Fault, Layer};
use crate::tree::Tree;

/// The binaries, keyed by flavour, package and target.
#[derive(Debug, Default)]
pub(super) struct Binaries {
    files: BTreeMap<(&'static str, String, String), Binary>,
}

/// One test binary and the folder it expects to run in.
#[derive(Debug)]
struct Binary {
    file: PathBuf,
    folder: PathBuf,
}

/// The part of cargo's messages that is read.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Binaries {
    /// Builds what the given faults need, each flavour in a target directory of its own.
    pub(super) fn build(root: &Path, tree: &Tree, faults: &[&Fault]) -> Result<Self> {
        let mut wanted: BTreeMap<(&'static str, &str), BTreeSet<&str>> = BTreeMap::new();
        for fault in faults {
            let test = fault.test()?;
            wanted.entry((flavour(fault.layer), test.package)).or_default().insert(test.target);
        }
        let mut binaries = Self::default();
        for ((flavour, package), targets) in wanted {
            let home = tree.package_folder(package).with_context(|| {
                format!("docs/faults.toml: no package {package} in the checkout")
            })?;
            let mut command = cargo(root);
            command.env("RUSTFLAGS", rustflags(conditions(flavour)));
            command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]);
            command.args(["--package", package]);
            for target in &targets {
                match *target {
                    "lib" => command.arg("--lib"),
                    file => command.args(["--test", file]),
                };
            }
            command.arg("--target-dir").arg(target_dir(root, flavour));
            for (target, file) in read_messages(&command::read(&mut command)?)? {
                let binary = Binary { file, folder: root.join(home) };
                binaries.files.insert((flavour, package.to_owned(), target), binary);
            }
        }
        Ok(binaries)
    }

    /// Returns the call that runs exactly the test of `fault`, with no fault chosen.
    pub(super) fn command(&self, fault: &Fault) -> Result<Command> {
        let test = fault.test()?;
        let key = (flavour(fault.layer), test.package.to_owned(), test.target.to_owned());
        let binary = self.files.get(&key);
        let binary = binary.with_context(|| format!("cargo built nothing for {}", fault.test))?;
        let mut command = Command::new(&binary.file);
        // As cargo runs it: tests find their files from here.
        command.current_dir(&binary.folder).env("CARGO_MANIFEST_DIR", &binary.folder);
        command.env_remove("FOUNDATION_FAULT").env_remove("FOUNDATION_SEED");
        command.args(["--exact", test.path, "--nocapture"]);
        if let Some(seeds) = fault.seeds_max {
            command.env("FOUNDATION_SEEDS", seeds.to_string());
        }
        Ok(command)
    }
}

/// Returns the name of the build that faults of this layer share.
pub(super) fn flavour(layer: Layer) -> &'static str {
    match layer {
        Layer::Unit | Layer::Simulation => "fault",
        Layer::Loom => "loom-fault",
        Layer::Shuttle => "shuttle-fault",
    }
}

fn conditions(flavour: &str) -> &'static [&'static str] {
    match flavour {
        "loom-fault" => &["foundation_fault", "foundation_loom"],
        "shuttle-fault" => &["foundation_fault", "foundation_shuttle"],
        _ => &["foundation_fault"],
    }
}

/// Returns the target (`lib` or the test's name) and file of each test binary cargo reports.
fn read_messages(text: &str) -> Result<Vec<(String, PathBuf)>> {
    let mut binaries = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let message: Message =
            serde_json::from_str(line).context("cannot read cargo's messages")?;
        let (Some(target), Some(file)) = (message.target, message.executable) else { continue };
        let is_test = target.kind.iter().any(|kind| kind == "test");
        if message.reason == "compiler-artifact" {
            binaries.push((if is_test { target.name } else { "lib".to_owned() }, file));
        }
    }
    Ok(binaries)
}
