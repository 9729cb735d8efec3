//! A checked graph of tasks.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{GraphError, GraphErrors};
use crate::task::Task;

#[cfg(test)]
mod tests;

/// Tasks that are known to fit together: names are unique, dependencies exist, nothing waits in a circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskGraph {
    tasks: Vec<Task>,
    /// Per task, the tasks it waits for; the one it fans out over first.
    dependencies: Vec<Vec<usize>>,
    /// Per task, the tasks that wait for it, in the order of the tasks.
    dependants: Vec<Vec<usize>>,
}

impl TaskGraph {
    /// Most tasks in one graph. Items of a fan-out do not count.
    pub const TASKS_MAX: usize = 1_024;

    /// Checks tasks and joins them to a graph.
    ///
    /// # Errors
    /// [`GraphErrors`] holds every fault. A circle is reported with its whole path; a name that is not known
    /// is passed over when circles are looked for.
    pub fn build(tasks: Vec<Task>) -> Result<Self, GraphErrors> {
        if tasks.is_empty() {
            return Err(GraphErrors(vec![GraphError::Empty]));
        }
        if tasks.len() > Self::TASKS_MAX {
            return Err(GraphErrors(vec![GraphError::TooManyTasks { count: tasks.len() }]));
        }
        let mut faults = Vec::new();
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, task) in tasks.iter().enumerate() {
            check_settings(index, task, &mut faults);
            if let Some(first) = by_name.get(task.name()) {
                let name = task.name().to_owned();
                faults.push(GraphError::Duplicate { task: index, first: *first, name });
            } else {
                by_name.insert(task.name(), index);
            }
        }
        let mut dependencies = Vec::with_capacity(tasks.len());
        for (index, task) in tasks.iter().enumerate() {
            dependencies.push(resolve(index, task, &by_name, &mut faults));
        }
        faults.extend(cycles(&tasks, &dependencies));
        if !faults.is_empty() {
            return Err(GraphErrors(faults));
        }
        let dependants = inverse(&dependencies);
        Ok(Self { tasks, dependencies, dependants })
    }

    /// Returns the tasks in the order they were given.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Returns the index of the task with a name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.tasks.iter().position(|task| task.name() == name)
    }

    /// Returns the tasks nothing waits for, by index; their outputs are the result of a run.
    pub fn sinks(&self) -> impl Iterator<Item = usize> + '_ {
        let lists = self.dependants.iter().enumerate();
        lists.filter(|(_, dependants)| dependants.is_empty()).map(|(index, _)| index)
    }

    /// Returns the tasks that a task waits for, by index; the one it fans out over first.
    pub(crate) fn dependencies(&self, task: usize) -> &[usize] {
        self.dependencies.get(task).map_or(&[], Vec::as_slice)
    }

    /// Returns the tasks that wait for a task, by index.
    pub(crate) fn dependants(&self, task: usize) -> &[usize] {
        self.dependants.get(task).map_or(&[], Vec::as_slice)
    }
}

fn check_settings(index: usize, task: &Task, faults: &mut Vec<GraphError>) {
    let name = || task.name().to_owned();
    if !Task::is_name(task.name()) {
        faults.push(GraphError::Name { task: index, name: name() });
    }
    let ranges = [
        ("attempts_max", task.attempts_limit(), 1, Task::ATTEMPTS_LIMIT),
        ("deaths_max", task.deaths_limit(), 0, Task::DEATHS_LIMIT),
    ];
    for (setting, value, min, max) in ranges {
        if !(min..=max).contains(&value) {
            let name = name();
            faults.push(GraphError::OutOfRange { task: index, name, setting, value, min, max });
        }
    }
    if let Some(deadline) = task.attempt_deadline()
        && (deadline == Duration::ZERO || deadline > Task::DEADLINE_LIMIT)
    {
        faults.push(GraphError::Deadline { task: index, name: name(), deadline });
    }
}

fn resolve(
    index: usize,
    task: &Task,
    by_name: &BTreeMap<&str, usize>,
    faults: &mut Vec<GraphError>,
) -> Vec<usize> {
    let mut resolved = Vec::new();
    for dependency in task.dependencies() {
        let name = task.name().to_owned();
        match by_name.get(dependency) {
            None => {
                let dependency = dependency.to_owned();
                faults.push(GraphError::UnknownDependency { task: index, name, dependency });
            }
            Some(found) if resolved.contains(found) => {
                let dependency = dependency.to_owned();
                faults.push(GraphError::RepeatedDependency { task: index, name, dependency });
            }
            Some(found) => resolved.push(*found),
        }
    }
    resolved
}

/// Finds circles: removes tasks whose dependencies are all removed (Kahn 1962) until none is left to
/// remove. Each task still there waits for another one still there, so following these leads into a circle.
/// The circle is reported and removed, and the search goes on, until nothing is left.
fn cycles(tasks: &[Task], dependencies: &[Vec<usize>]) -> Vec<GraphError> {
    let mut removed = vec![false; tasks.len()];
    let mut faults = Vec::new();
    loop {
        remove_settled(dependencies, &mut removed);
        let Some(start) = removed.iter().position(|removed| !removed) else { return faults };
        let circle = follow(start, dependencies, &removed);
        for task in &circle {
            if let Some(flag) = removed.get_mut(*task) {
                *flag = true;
            }
        }
        let first = circle.first().copied();
        let path = circle.iter().copied().chain(first);
        let names = path.filter_map(|task| tasks.get(task)).map(|task| task.name().to_owned());
        faults.push(GraphError::Cycle { task: first.unwrap_or(start), path: names.collect() });
    }
}

fn remove_settled(dependencies: &[Vec<usize>], removed: &mut [bool]) {
    let mut changed = true;
    while changed {
        changed = false;
        for (index, list) in dependencies.iter().enumerate() {
            let settled = list.iter().all(|task| is_set(removed, *task));
            if settled && let Some(flag) = removed.get_mut(index).filter(|flag| !**flag) {
                *flag = true;
                changed = true;
            }
        }
    }
}

/// Walks from a task to the first dependency that is still there, until a task comes again.
fn follow(start: usize, dependencies: &[Vec<usize>], removed: &[bool]) -> Vec<usize> {
    let mut walked = vec![start];
    let mut current = start;
    loop {
        let list = dependencies.get(current).map_or(&[][..], Vec::as_slice);
        let Some(next) = list.iter().copied().find(|task| !is_set(removed, *task)) else {
            return walked;
        };
        if let Some(position) = walked.iter().position(|task| *task == next) {
            return walked.split_off(position);
        }
        walked.push(next);
        current = next;
    }
}

fn is_set(flags: &[bool], index: usize) -> bool {
    flags.get(index).copied().unwrap_or(false)
}

fn inverse(dependencies: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut dependants = vec![Vec::new(); dependencies.len()];
    for (index, list) in dependencies.iter().enumerate() {
        for dependency in list {
            if let Some(waiting) = dependants.get_mut(*dependency) {
                waiting.push(index);
            }
        }
    }
    dependants
}
