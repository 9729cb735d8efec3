//! Reads the `[[task]]` tables and leads the faults of the graph back to their places.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use foundation_agent::{Actions, Capability};
use foundation_workflow::{GraphError, Task, TaskGraph};

use crate::diagnostic::Findings;
use crate::pools::Offered;
use crate::table::{Table, Text};
use foundation_types::nearest;

pub(crate) const FIELDS: [&str; 7] =
    ["name", "capability", "after", "for_each", "deadline_ms", "attempts_max", "deaths_max"];

/// All tasks of a file.
#[derive(Debug)]
pub(crate) struct TaskLines<'t> {
    lines: Vec<TaskLine<'t>>,
    /// Whether a task has no usable name, so that others may rightly wait for it.
    nameless: bool,
}

/// One task and the places of its parts.
#[derive(Debug)]
struct TaskLine<'t> {
    table: &'t Table<'t>,
    task: Task,
    name: Text,
    capability: Option<Text>,
    dependencies: Vec<Text>,
}

impl<'t> TaskLines<'t> {
    pub(crate) fn read(tables: &'t [Table<'t>], findings: &mut Findings<'_>) -> Self {
        let mut lines = Vec::new();
        let mut nameless = false;
        for table in tables {
            match read_task(table, findings) {
                Some(line) => lines.push(line),
                None => nameless = true,
            }
        }
        Self { lines, nameless }
    }

    /// Notes the tasks whose capability no pool offers.
    pub(crate) fn check_offered(
        &self,
        offered: &Offered,
        actions: &Actions,
        findings: &mut Findings<'_>,
    ) {
        for capability in self.lines.iter().filter_map(|line| line.capability.as_ref()) {
            let value = &capability.value;
            if offered.all.contains(value) || is_misspelt_in_pool(value, offered, actions) {
                continue;
            }
            let known = offered.recommended.iter().map(String::as_str);
            let remedy = match nearest(value, known) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None if actions.get(value).is_some() => {
                    format!("add a [[pool]] with capabilities = [{value:?}]")
                }
                None => format!("use one of those offered: {}", list(&offered.recommended)),
            };
            let cause = format!("unknown capability {value:?}: no pool offers it");
            findings.report(&capability.span, cause, remedy);
        }
    }

    /// Builds the graph, or notes why there is none.
    pub(crate) fn graph(&self, findings: &mut Findings<'_>) -> Option<TaskGraph> {
        if self.lines.is_empty() {
            return None;
        }
        let tasks = self.lines.iter().map(|line| line.task.clone()).collect();
        let errors = match TaskGraph::build(tasks) {
            Ok(graph) => return Some(graph),
            Err(errors) => errors,
        };
        for fault in errors.faults() {
            let Some(line) = self.lines.get(task_of(fault)) else { continue };
            if self.nameless && matches!(fault, GraphError::UnknownDependency { .. }) {
                continue;
            }
            let (span, remedy) = self.place(fault, line);
            findings.report(&span, fault.to_string(), remedy);
        }
        None
    }

    fn place(&self, fault: &GraphError, line: &TaskLine<'_>) -> (Range<usize>, String) {
        let name = line.name.span.clone();
        match fault {
            GraphError::UnknownDependency { dependency, .. } => {
                let known = self.lines.iter().map(|line| line.task.name());
                let remedy = match nearest(dependency, known) {
                    Some(meant) => format!("did you mean {meant:?}?"),
                    None => "add a [[task]] with this name, or remove it here".to_owned(),
                };
                (line.dependency(dependency, 0), remedy)
            }
            GraphError::RepeatedDependency { dependency, .. } => {
                (line.dependency(dependency, 1), "remove one of them".to_owned())
            }
            GraphError::Cycle { path, .. } => {
                let next = path.get(1).map_or("", String::as_str);
                let remedy = "remove one of these dependencies: nothing in the circle can start";
                (line.dependency(next, 0), remedy.to_owned())
            }
            GraphError::OutOfRange { setting, min, max, .. } => {
                let remedy = format!("write a whole number from {min} to {max}");
                (line.table.span_of(setting), remedy)
            }
            GraphError::Deadline { .. } => {
                let max = Task::DEADLINE_LIMIT.as_millis();
                let remedy = format!("write a whole number from 1 to {max}");
                (line.table.span_of("deadline_ms"), remedy)
            }
            GraphError::Duplicate { .. } => (name, "give each task a name of its own".to_owned()),
            GraphError::Name { .. } => (name, "choose another name".to_owned()),
            _ => (line.table.span.clone(), "describe the work in fewer tasks".to_owned()),
        }
    }
}

impl TaskLine<'_> {
    /// Returns the place of the nth mention of a dependency.
    fn dependency(&self, name: &str, nth: usize) -> Range<usize> {
        let mut mentions = self.dependencies.iter().filter(|text| text.value == name);
        mentions.nth(nth).map_or_else(|| self.table.span.clone(), |text| text.span.clone())
    }
}

fn read_task<'t>(table: &'t Table<'t>, findings: &mut Findings<'_>) -> Option<TaskLine<'t>> {
    let name = table.required_text("name", "\"list\"", findings);
    let capability = table.required_text("capability", "\"files.list\"", findings);
    let after = table.texts("after", "[\"list\"]", findings);
    let for_each = table.text("for_each", "\"list\"", findings);
    let deadline = table.number("deadline_ms", 0..=u64::MAX, findings);
    let attempts_max = count(table, "attempts_max", 1..=Task::ATTEMPTS_LIMIT, findings);
    let deaths_max = count(table, "deaths_max", 0..=Task::DEATHS_LIMIT, findings);
    let name = name?;
    let checked = capability.as_ref().map(|text| (text, Capability::new(&text.value)));
    if let Some((text, Err(error))) = &checked {
        let cause = format!("{:?} is not a capability: {error}", text.value);
        findings.report(&text.span, cause, "write a name such as \"text.stats\"");
    }
    let (capability, parsed) = match checked {
        Some((text, Ok(parsed))) => (Some(text.clone()), parsed),
        // The fault is noted, so the file is refused; the task stays, so that the graph can be checked.
        _ => (None, Capability::new("unknown").ok()?),
    };
    let mut task = Task::new(name.value.as_str(), parsed);
    let dependencies: Vec<Text> = for_each.iter().chain(&after).cloned().collect();
    task = after.into_iter().fold(task, |task, dependency| task.after(dependency.value));
    if let Some(source) = for_each {
        task = task.for_each(source.value);
    }
    if let Some(deadline_ms) = deadline {
        task = task.deadline(Duration::from_millis(deadline_ms));
    }
    if let Some(attempts_max) = attempts_max {
        task = task.attempts_max(attempts_max);
    }
    if let Some(deaths_max) = deaths_max {
        task = task.deaths_max(deaths_max);
    }
    Some(TaskLine { table, task, name, capability, dependencies })
}

/// Whether a task is right and the pool it means is not: the pool's fault says what to do.
fn is_misspelt_in_pool(capability: &str, offered: &Offered, actions: &Actions) -> bool {
    actions.get(capability).is_some()
        && offered.all.iter().any(|name| {
            actions.get(name).is_none() && nearest(name, actions.names()) == Some(capability)
        })
}

/// Reads a count within the range that the graph demands.
fn count(
    table: &Table<'_>,
    key: &str,
    range: RangeInclusive<u32>,
    findings: &mut Findings<'_>,
) -> Option<u32> {
    let (min, max) = range.into_inner();
    u32::try_from(table.number(key, u64::from(min)..=u64::from(max), findings)?).ok()
}

fn task_of(fault: &GraphError) -> usize {
    match fault {
        GraphError::Name { task, .. }
        | GraphError::Duplicate { task, .. }
        | GraphError::UnknownDependency { task, .. }
        | GraphError::RepeatedDependency { task, .. }
        | GraphError::Cycle { task, .. }
        | GraphError::OutOfRange { task, .. }
        | GraphError::Deadline { task, .. } => *task,
        _ => 0,
    }
}

fn list(offered: &[String]) -> String {
    let mut sorted: Vec<&str> = offered.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.is_empty() { "none".to_owned() } else { sorted.join(", ") }
}
