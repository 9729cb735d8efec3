//! One child of this program with the process group it leads.
//!
//! # Order of steps
//!
//! The group is named by the number of its leader, and the operating system may give that number
//! to somebody else once the leader is reaped. So the leader's end is noticed without reaping it,
//! the rest of the group is killed while the zombie still holds the number, and only then the
//! leader is reaped. No signal is ever sent to a number that might be a stranger's.
//!
//! That holds unless somebody else in this program waits for children that are not theirs. Where the
//! leader turns out to be reaped the group is out of reach, and [`Reaped`] says so.
//!
//! Whatever way a [`Group`] goes, its drop kills the group if `reap` has not been reached.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use foundation_env::{Env, fault};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, test_kill_process_group,
    waitid,
};

use super::error::CommandError;
use super::output::ExitStatus;
use super::places::Place;
use super::runner::Plan;

/// Somebody else in this program has reaped the leader, so nothing may be sent to its number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reaped;

/// The pause between two looks at what has outlived its leader: it may hang for hours.
const REMAINS_PAUSE: Duration = Duration::from_secs(1);

/// A child that leads a process group of its own.
#[derive(Debug)]
pub(crate) struct Group {
    env: Env,
    leader: Pid,
    /// None once it is reaped, by whomever.
    child: Option<Child>,
    /// It was us who reaped it, and what it started may be left.
    reaped: bool,
    place: Place,
}

impl Group {
    /// Starts a program. Blocks while the file system is searched and the program is loaded.
    pub(crate) fn start(env: Env, plan: &Plan, place: Place) -> Result<Self, CommandError> {
        let program = || plan.program.clone();
        let Some(path) = plan.candidates.iter().find(|path| is_executable(path)) else {
            let searched: Vec<PathBuf> = plan.candidates.clone();
            return Err(CommandError::NotFound { program: program(), searched });
        };
        if !plan.directory.is_dir() {
            let directory = plan.directory.clone();
            return Err(CommandError::BadDirectory { program: program(), directory });
        }
        let spawned = Command::new(path)
            .args(&plan.arguments)
            .env_clear()
            .envs(&plan.variables)
            .current_dir(&plan.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        let child = spawned
            .map_err(|error| CommandError::Spawn { program: program(), source: Arc::new(error) })?;
        let leader = Pid::from_child(&child);
        Ok(Self { env, leader, child: Some(child), reaped: false, place })
    }

    /// The leader's number.
    pub(crate) fn number(&self) -> u32 {
        self.leader.as_raw_nonzero().get().unsigned_abs()
    }

    /// The reading ends of standard output and standard error, once.
    pub(crate) fn take_pipes(&mut self) -> [Option<OwnedFd>; 2] {
        let child = self.child.as_mut();
        child.map_or([None, None], |child| {
            [child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from)]
        })
    }

    /// Whether the leader has ended. Does not reap it.
    pub(crate) fn has_ended(&mut self) -> Result<bool, Reaped> {
        if self.child.is_none() {
            return Err(Reaped);
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.leader), options) {
            Ok(status) => Ok(status.is_some()),
            Err(Errno::CHILD) => {
                // The number may be a stranger's from here on.
                self.child = None;
                Err(Reaped)
            }
            // There is no other that these arguments could bring about.
            Err(_) => Ok(false),
        }
    }

    /// Asks the whole group to stop.
    pub(crate) fn terminate(&mut self) -> Result<(), Reaped> {
        self.signal(Signal::TERM)
    }

    /// Kills the whole group.
    pub(crate) fn kill(&mut self) -> Result<(), Reaped> {
        self.signal(Signal::KILL)
    }

    fn signal(&mut self, signal: Signal) -> Result<(), Reaped> {
        // As long as it is our child, ended or not, its number is nobody else's.
        self.has_ended()?;
        let sent = if fault::planted("command_group_not_killed") {
            kill_process(self.leader, signal)
        } else {
            kill_process_group(self.leader, signal)
        };
        // It fails when nobody is left who could take it, which is what it is sent for.
        sent.ok();
        Ok(())
    }

    /// Reaps the leader, which must have ended, so this does not wait.
    pub(crate) fn reap(&mut self) -> Result<ExitStatus, Reaped> {
        let mut child = self.child.take().ok_or(Reaped)?;
        // Waiting for a child of one's own fails in no other way.
        let status = child.wait().map_err(|_not_our_child| Reaped)?;
        self.reaped = true;
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => ExitStatus::Code(code),
            (None, signal) => ExitStatus::Signal(signal.unwrap_or_default()),
        })
    }

    /// Whether nothing of the group is left, the leader included.
    pub(crate) fn is_gone(&self) -> bool {
        self.child.is_none() && is_empty(self.leader)
    }

    /// Whether all that is left of the group are dead processes that their parent has not reaped. Never
    /// where the system does not list its processes as Linux does.
    pub(crate) fn has_only_zombies(&self) -> bool {
        has_only_zombies(self.leader)
    }
}

fn is_empty(group: Pid) -> bool {
    test_kill_process_group(group) == Err(Errno::SRCH)
}

/// See [`Group::has_only_zombies`]. One at least must be seen: who sees none may not be allowed to. It reads
/// memory of the kernel, so it does not wait for the blocking pool, which what hangs may fill.
fn has_only_zombies(group: Pid) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    let group = group.as_raw_nonzero().to_string();
    let mut members = processes.flatten().filter_map(|process| {
        // One without such a file is no process, or has ended just now.
        let stat = fs::read(process.path().join("stat")).unwrap_or_default();
        is_dead_member(&String::from_utf8_lossy(&stat), &group)
    });
    members.next().is_some_and(|dead| dead && members.all(|dead| dead))
}

/// Whether the process of this text of `/proc/PID/stat` is dead; none if it is not of the group. The name in it
/// stands in brackets and may contain anything; state, parent and group follow.
fn is_dead_member(stat: &str, group: &str) -> Option<bool> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next();
    (fields.nth(1)? == group).then_some(matches!(state, Some("Z" | "X")))
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill().ok();
        let Some(mut child) = self.child.take() else {
            if self.reaped && !self.is_gone() && !self.has_only_zombies() {
                keep_place(&self.env, self.leader, self.place.clone());
            }
            return;
        };
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        // It is killed but not yet dead, and waiting for that may not be done here. The thread
        // needs no runtime: this drop may be the runtime's own end. It lives as long as the dying
        // child, and there are no more of them than places. Should there be no thread to be had,
        // the zombie goes with this program.
        let place = self.place.clone();
        place.mark_stuck();
        let reaper = self.env.background("foundation-reaper", move |_stop| {
            drop(child.wait());
            drop(place);
        });
        drop(reaper);
    }
}

/// Keeps the place of a group that outlives its leader until nothing of it is left.
fn keep_place(env: &Env, group: Pid, place: Place) {
    place.mark_stuck();
    let clock = env.clone();
    env.spawn(async move {
        while !is_empty(group) && !has_only_zombies(group) {
            clock.sleep_until(clock.now().saturating_add(REMAINS_PAUSE)).await;
        }
        drop(place);
    });
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests;
