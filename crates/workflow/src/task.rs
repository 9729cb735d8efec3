//! One task of a graph.

use std::time::Duration;

use foundation_agent::Capability;

/// Describes one task: what it needs, what it waits for, and how often it may fail.
///
/// What it reads follows from what it waits for: nothing gives `null`; one task gives that task's output;
/// several give an object with one field per task. A task with [`for_each`](Self::for_each) runs once per
/// item of another task's output and reads the item; whatever else it waits for then only orders it. Its
/// output is the list of its items' outputs, in the order of the items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    name: String,
    capability: Capability,
    after: Vec<String>,
    for_each: Option<String>,
    deadline: Option<Duration>,
    attempts_max: u32,
    deaths_max: u32,
}

impl Task {
    /// Bytes in the longest name.
    pub const NAME_BYTES_MAX: usize = 64;
    /// What a name consists of, for people. Whoever names things in the same file uses the same rule.
    pub const NAME_RULE: &str = "1 to 64 lower-case letters, digits, '_' or '-'";
    /// Attempts that may end in an error unless the task says otherwise.
    pub const ATTEMPTS_DEFAULT: u32 = 3;
    /// Most attempts a task may ask for.
    pub const ATTEMPTS_LIMIT: u32 = 1_000;
    /// Deaths of the agent at work that a task outlasts unless it says otherwise. Far above the attempts:
    /// a death is rarely the task's fault, but a task that kills every agent has to end.
    pub const DEATHS_DEFAULT: u32 = 100;
    /// Most deaths a task may ask for.
    pub const DEATHS_LIMIT: u32 = 100_000;
    /// Longest time one attempt may ask for.
    pub const DEADLINE_LIMIT: Duration = Duration::from_hours(24);

    /// Returns whether a text can be a name; see [`Task::NAME_RULE`].
    pub fn is_name(text: &str) -> bool {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        (1..=Self::NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
    }

    /// Describes a task that waits for nothing. The name is checked when the graph is built.
    pub fn new(name: impl Into<String>, capability: Capability) -> Self {
        Self {
            name: name.into(),
            capability,
            after: Vec::new(),
            for_each: None,
            deadline: None,
            attempts_max: Self::ATTEMPTS_DEFAULT,
            deaths_max: Self::DEATHS_DEFAULT,
        }
    }

    /// Makes it wait for another task.
    #[must_use]
    pub fn after(mut self, task: impl Into<String>) -> Self {
        self.after.push(task.into());
        self
    }

    /// Makes it wait for another task and run once per item of that task's output.
    #[must_use]
    pub fn for_each(mut self, task: impl Into<String>) -> Self {
        self.for_each = Some(task.into());
        self
    }

    /// Sets how long one attempt may take; an attempt past it counts as failed with a timeout.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets how many attempts may end in an error before the run fails.
    #[must_use]
    pub fn attempts_max(mut self, attempts_max: u32) -> Self {
        self.attempts_max = attempts_max;
        self
    }

    /// Sets how many agents may die at the task, or at one item of it, before the run fails.
    #[must_use]
    pub fn deaths_max(mut self, deaths_max: u32) -> Self {
        self.deaths_max = deaths_max;
        self
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what an agent must be able to do to carry the task out.
    pub fn capability(&self) -> &Capability {
        &self.capability
    }

    /// Returns the task whose items it runs for.
    pub fn fan_out(&self) -> Option<&str> {
        self.for_each.as_deref()
    }

    /// Returns all tasks it waits for, the one it runs for each item of first.
    pub fn dependencies(&self) -> impl Iterator<Item = &str> {
        self.for_each.iter().chain(&self.after).map(String::as_str)
    }

    /// Returns how long one attempt may take; `None` means it has no limit.
    pub fn attempt_deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Returns how many attempts may end in an error before the run fails.
    pub fn attempts_limit(&self) -> u32 {
        self.attempts_max
    }

    /// Returns how many agents may die at it before the run fails.
    pub fn deaths_limit(&self) -> u32 {
        self.deaths_max
    }
}
