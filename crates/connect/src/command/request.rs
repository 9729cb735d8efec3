//! What a caller asks for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use foundation_types::Deadline;

/// A command to run: program, arguments, directory, variables, deadline.
///
/// The program gets no standard input. Nothing is interpreted by a shell.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing before `Commands::run`"]
pub struct CommandRequest {
    pub(crate) key: Key,
    pub(crate) deadline: Deadline,
    pub(crate) cache_ttl: Option<Duration>,
}

/// What makes two requests equal: the same program would do the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) variables: BTreeMap<String, String>,
}

impl Key {
    /// The bytes of its texts, for bounds.
    pub(crate) fn bytes(&self) -> usize {
        let arguments: usize = self.arguments.iter().map(String::len).sum();
        let pair = |(name, value): (&String, &String)| name.len() + value.len();
        let variables: usize = self.variables.iter().map(pair).sum();
        let directory = self.directory.as_ref().map_or(0, |path| path.as_os_str().len());
        self.program.len() + arguments + variables + directory
    }
}

impl CommandRequest {
    /// Asks for a program, by its name in the allow list, to end before `deadline`. The time in
    /// the queue counts.
    pub fn new(program: impl Into<String>, deadline: Deadline) -> Self {
        let key = Key {
            program: program.into(),
            arguments: Vec::new(),
            directory: None,
            variables: BTreeMap::new(),
        };
        Self { key, deadline, cache_ttl: None }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.key.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.key.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets the directory it runs in, an absolute path; the settings' by default.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.key.directory = Some(directory.into());
        self
    }

    /// Sets a variable of its environment, which the settings must allow.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.key.variables.insert(name.into(), value.into());
        self
    }

    /// Shares the program with equal requests: one that is running is joined, a success that is
    /// not older than `ttl` is the answer, and a success of this one is kept for `ttl`.
    ///
    /// Without this every request runs its program. Only for commands without effects.
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = Some(ttl);
        self
    }
}
