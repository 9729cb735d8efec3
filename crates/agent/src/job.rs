//! One piece of work for an agent, and the way its result goes back.

use std::fmt;

use foundation_types::Error;

use crate::capability::Capability;
use crate::context::CancelFlag;
use crate::payload::Payload;

/// Work for an [`Agent`](crate::Agent).
#[derive(Debug)]
pub struct Job {
    /// What to do; the agent must have it.
    pub capability: Capability,
    /// What to read.
    pub input: Payload,
    /// Tells that nobody waits for the result any more.
    pub cancelled: CancelFlag,
    /// How the agent dies while it works on this, if it is to.
    pub death: Option<Death>,
    /// Where the result goes.
    pub answer: AnswerPort,
}

/// A death that is planned to show that the work survives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// How the agent ends.
    pub manner: Manner,
    /// When it does.
    pub moment: Moment,
}

/// How an agent ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Its handler panics.
    Panic,
    /// It is killed: nothing of its own runs any more.
    Kill,
}

/// How far an agent gets with a job before it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It has the job and has not begun.
    Before,
    /// The action runs; it goes on without an agent, and its result goes nowhere.
    During,
    /// The action is done and the result not yet sent.
    After,
}

/// Takes the result of one job. Dropped unused it tells nobody: whoever waits monitors the agent.
pub struct AnswerPort(Box<dyn FnOnce(Result<Payload, Error>) + Send>);

impl AnswerPort {
    /// Makes a port of a closure, which runs inside the agent: it must be short and must not wait.
    pub fn new(take: impl FnOnce(Result<Payload, Error>) + Send + 'static) -> Self {
        Self(Box::new(take))
    }

    /// Hands the result over.
    pub fn send(self, result: Result<Payload, Error>) {
        (self.0)(result);
    }
}

impl fmt::Debug for AnswerPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerPort")
    }
}
