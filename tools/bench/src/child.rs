//! One sample, taken in a process of its own.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::bench::{self, Sample};
use crate::slice::Slice;

/// A sample takes a second or two; one that takes this long hangs.
pub(crate) const TIME_MAX: Duration = Duration::from_mins(1);

/// What a child process measures.
#[derive(Args, Clone, Debug)]
pub(crate) struct Job {
    group: String,
    bench: String,
    subject: String,
    /// Milliseconds the measured part shall take
    slice_ms: u64,
}

impl Job {
    /// Describes one sample.
    pub(crate) fn new(group: &str, bench: &str, subject: &str, slice: Duration) -> Self {
        Self {
            group: group.to_owned(),
            bench: bench.to_owned(),
            subject: subject.to_owned(),
            slice_ms: u64::try_from(slice.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Measures here, in the child, and prints the sample for the parent.
    ///
    /// # Errors
    /// Those of the measurement, and a closed pipe.
    pub(crate) fn measure(&self) -> Result<()> {
        let group = bench::group(&self.group)?;
        let slice = Slice { length: Duration::from_millis(self.slice_ms) };
        let sample = (group.measure)(&self.bench, &self.subject, slice)?;
        let line = serde_json::to_string(&sample)?;
        writeln!(std::io::stdout(), "{line}").context("the parent is gone")
    }

    /// Starts the child and waits for its sample, at most for `limit`.
    ///
    /// # Errors
    /// When the child cannot be started, fails, hangs, or prints no sample. It is gone in any case.
    pub(crate) fn spawn(&self, limit: Duration) -> Result<Sample> {
        let Self { group, bench, subject, slice_ms } = self;
        let what = format!("{group}/{bench} with {subject}");
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut child = Command::new(program)
            .args(["child", group, bench, subject, &slice_ms.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the child process for {what}"))?;
        let mut output = child.stdout.take().context("the child has no output pipe")?;
        let (tx, rx) = mpsc::sync_channel(1);
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            let read = output.read_to_string(&mut text).map(|_| text);
            // The parent no longer listens when the child was too slow; then nobody needs it.
            drop(tx.send(read));
        });
        let text = rx.recv_timeout(limit);
        if text.is_err() {
            child.kill().context("cannot kill a child process that hangs")?;
        }
        let status = child.wait().context("cannot wait for a child process")?;
        if reader.join().is_err() {
            bail!("the reader of {what} panicked");
        }
        let Ok(text) = text else {
            bail!(
                "{what} gave no sample within {limit:.0?} and was killed; run it alone with \
                 `--bench {bench} --subject {subject}`"
            );
        };
        if !status.success() {
            bail!("{what} failed with {status}; its message stands above");
        }
        let text = text.with_context(|| format!("cannot read the sample of {what}"))?;
        serde_json::from_str(&text).with_context(|| format!("{what} printed no sample: {text:?}"))
    }
}
