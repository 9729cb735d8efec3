//! Starting other programs, mostly cargo, and saying what was started.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use anyhow::{Context, Result, bail};

/// Output kept of a captured program; a test that prints more has lost itself in a loop.
const OUTPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Returns a call of the cargo that started us, in the root of the checkout.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Returns the target directory for a build under other compiler flags.
///
/// Sharing one directory between flags would rebuild everything at each change of flags.
pub(crate) fn target_dir(root: &Path, name: &str) -> PathBuf {
    let base = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    root.join(base).join(name)
}

/// Returns the compiler flags of the environment with `--cfg` for each of `conditions` added.
pub(crate) fn rustflags(conditions: &[&str]) -> String {
    let given = env::var("RUSTFLAGS").unwrap_or_default();
    let own = conditions.iter().map(|condition| format!("--cfg {condition}"));
    let all: Vec<String> = (!given.is_empty()).then_some(given).into_iter().chain(own).collect();
    all.join(" ")
}

/// Runs a program to its end with our own input and output; fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if status.success() { Ok(()) } else { bail!("`{line}` failed: {status}") }
}

/// Runs a test command like [`run`], showing what it prints; returns how many tests its binaries ran.
pub(crate) fn run_tests(command: &mut Command) -> Result<u64> {
    let line = describe(command);
    eprintln!("$ {line}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let mut tests = 0;
    if let Some(output) = child.stdout.take() {
        // Not by lines of text: a test may print what it likes.
        for said in BufReader::new(output).split(b'\n') {
            let said = said.with_context(|| format!("cannot read from `{line}`"))?;
            let said = String::from_utf8_lossy(&said);
            println!("{said}");
            tests += tests_of(&said).unwrap_or(0);
        }
    }
    let status = child.wait().with_context(|| format!("cannot await `{line}`"))?;
    if status.success() { Ok(tests) } else { bail!("`{line}` failed: {status}") }
}

/// Reads the count of a harness's first line, `running 3 tests`.
fn tests_of(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("running ")?;
    rest.strip_suffix(" tests").or_else(|| rest.strip_suffix(" test"))?.parse().ok()
}

/// Runs a program to its end and returns what it printed; errors go to our own output.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let line = describe(command);
    eprintln!("$ {line}");
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start `{line}`"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { bail!("`{line}` failed: {}", output.status) }
}

/// How a captured program ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself, with all it printed on both outputs.
    Done { status: ExitStatus, output: String },
    /// Not within the limit; it was killed.
    Hung,
}

/// Runs a program with captured output for at most `limit`.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> Result<Ended> {
    let line = describe(command);
    let (mut reader, writer) = io::pipe().context("cannot create a pipe")?;
    let second = writer.try_clone().context("cannot share a pipe")?;
    command.stdin(Stdio::null()).stdout(writer).stderr(second);
    let mut child = command.spawn().with_context(|| format!("cannot start `{line}`"))?;
    // Our own ends must close, or the reader below would never see the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut bytes = Vec::new();
            let mut kept = (&mut reader).take(OUTPUT_BYTES_MAX);
            let result = kept.read_to_end(&mut bytes);
            let rest = io::copy(&mut reader, &mut io::sink());
            // The other side has gone only if it gave up on us after the limit.
            drop(sender.send(result.and(rest).map(|_| bytes)));
        });
        let Ok(bytes) = receiver.recv_timeout(limit) else {
            child.kill().with_context(|| format!("cannot kill `{line}`"))?;
            child.wait().with_context(|| format!("cannot await `{line}`"))?;
            return Ok(Ended::Hung);
        };
        let bytes = bytes.with_context(|| format!("cannot read from `{line}`"))?;
        let status = child.wait().with_context(|| format!("cannot await `{line}`"))?;
        let output = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Ended::Done { status, output })
    })
}

/// Returns the value and how long it took to make it.
#[expect(clippy::disallowed_methods, reason = "the gate measures real time; nothing simulates it")]
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

/// Returns the command line, with the settings that differ from ours in front.
fn describe(command: &Command) -> String {
    let settings = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={:?}", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let program = Path::new(command.get_program()).file_name().unwrap_or_else(|| OsStr::new("?"));
    let words = std::iter::once(program).chain(command.get_args());
    let words = words.map(|word| word.to_string_lossy().into_owned());
    settings.chain(words).collect::<Vec<_>>().join(" ")
}
