//! What can be asked of a running system, and what it answers.

use std::collections::BTreeMap;

use foundation_flags::{Setting, Value};
use serde::{Deserialize, Serialize};

use crate::found::Found;

/// What is asked. In JSON an object with its name as `command`, and its fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Command {
    /// How far the run is.
    Status,
    /// All processes.
    Processes,
    /// The agents that match a query.
    Query {
        /// The query, in its text form.
        query: String,
    },
    /// Ends the run in order, as Ctrl-C does.
    Stop,
    /// The metrics, in the text format of Prometheus.
    Metrics,
    /// All flags.
    Flags,
    /// Sets a flag for everybody.
    SetFlag {
        /// The flag.
        flag: String,
        /// To what.
        value: Value,
        /// Who does it.
        who: String,
        /// Why.
        why: String,
    },
    /// Turns all flags off, overrides included.
    TurnAllOff {
        /// Who does it.
        who: String,
        /// Why.
        why: String,
    },
}

/// An answer. In JSON an object with its kind as the only key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reply {
    /// To [`Command::Status`].
    Status(RunView),
    /// To [`Command::Processes`], by pid.
    Processes(Vec<ProcessView>),
    /// To [`Command::Query`].
    Found(Found),
    /// To [`Command::Stop`]: the run was told.
    Stopping,
    /// To [`Command::Metrics`].
    Metrics(String),
    /// To all commands about flags: what they are afterwards.
    Flags(Flags),
    /// It was not done.
    Error(ControlError),
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunView {
    /// The system.
    pub system: String,
    /// The process of the operating system.
    pub os_pid: u32,
    /// Milliseconds since it was started.
    pub uptime_ms: u64,
    /// Items done.
    pub done: usize,
    /// Items known.
    pub total: usize,
    /// Attempts that ended in an error.
    pub errors: u64,
    /// Attempts that ended with the death of their agent.
    pub deaths: u64,
    /// Agents that were started again.
    pub restarts: u64,
    /// How many agents there are.
    pub agents: usize,
    /// The tasks, in their order.
    pub tasks: Vec<TaskView>,
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskView {
    /// Its name.
    pub task: String,
    /// Its items done.
    pub done: usize,
    /// Its items; none while they are not known.
    pub total: Option<usize>,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProcessView {
    /// Its pid.
    pub pid: String,
    /// Its parent, if that lives.
    pub parent: Option<String>,
    /// Its name for people, or the type of its state.
    pub name: String,
    /// `running`, `suspended` or `exiting`.
    pub state: String,
    /// Messages that wait.
    pub waiting: u64,
    /// The most that may.
    pub capacity: u32,
    /// Messages handled.
    pub handled: u64,
    /// Estimated milliseconds spent in its handlers.
    pub busy_ms: u64,
    /// The kind of message it handles, or handled last.
    pub message: String,
    /// How many spans of it are open.
    pub open_spans: usize,
}

/// The flags of a running system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flags {
    /// By name.
    pub flags: BTreeMap<String, FlagView>,
}

/// One flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlagView {
    /// What it switches.
    pub about: String,
    /// What it is.
    #[serde(flatten)]
    pub setting: Setting,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ControlError {
    /// `malformed`, `version`, `busy`, `refused`, `late` or `failed`.
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl ControlError {
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}
