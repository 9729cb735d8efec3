//! One program with a hard limit: it and what it has started in its process group are killed together.
//!
//! The program leads a process group of its own. A watcher, one line of shell in yet another group,
//! waits for our word on a pipe and kills the group when the pipe ends without it: when the limit has
//! passed, and as well when we are interrupted or killed ourselves.

use std::io::Write;
#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

#[cfg(test)]
mod tests;

/// What the watcher runs: its argument is the group.
const WATCH: &str = "read -r word; test \"$word\" = done || kill -s KILL -- \"-$1\"";

/// Runs a program to its end, or for at most `limit`: then it has no status.
pub(super) fn run(command: &mut Command, limit: Duration) -> Result<Option<ExitStatus>> {
    let mut child = in_own_group(command.stdin(Stdio::null())).spawn().context("cannot start")?;
    let watcher = watch(&child);
    if watcher.is_err() {
        child.kill().context("cannot kill the program")?;
    }
    let mut watcher = watcher?;
    let word = watcher.stdin.take();
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::scope(|scope| {
        scope.spawn(move || drop(sender.send(child.wait())));
        let ended = receiver.recv_timeout(limit).ok();
        let status = ended.transpose().context("cannot await the program")?;
        if let (Some(mut word), Some(_)) = (word, status) {
            // Should the watcher be gone, there is nobody to be told.
            word.write_all(b"done\n").ok();
        }
        watcher.wait().context("cannot await the watcher")?;
        Ok(status)
    })
}

/// Starts the watcher of a program.
fn watch(child: &Child) -> Result<Child> {
    let mut shell = Command::new("sh");
    shell.args(["-c", WATCH, "sh", &child.id().to_string()]).stdin(Stdio::piped());
    in_own_group(&mut shell).spawn().context("cannot start sh")
}

/// Where there are no process groups, the limit ends nothing but the wait for the watcher.
fn in_own_group(command: &mut Command) -> &mut Command {
    #[cfg(unix)]
    command.process_group(0);
    command
}
