//! Why a run gave no report, as text: what, why, where, and what to do.

use std::error::Error as StdError;

use foundation_node::NodeError;
use foundation_types::Error;
use foundation_workflow::{RunError, RunStatus};

use crate::text::{Table, grouped, printable};

/// A failure of the input folder or of the run's surroundings.
pub(crate) fn of_error(error: &Error) -> String {
    let mut text = format!("error: {}\n", printable(error.message()));
    explain(error, &mut text);
    help(error.remedy().unwrap_or_default(), &mut text);
    text
}

/// A run that could not be carried through.
pub(crate) fn of_run(error: &RunError) -> String {
    let mut text = format!("error: {}\n", printable(&error.to_string()));
    if let Some(source) = error.source() {
        match source.downcast_ref::<Error>() {
            Some(source) => {
                line("cause", source.message(), &mut text);
                explain(source, &mut text);
            }
            None => line("cause", &source.to_string(), &mut text),
        }
    }
    help(error.remedy(), &mut text);
    text
}

/// A system that did not start or gave up.
pub(crate) fn of_node(error: &NodeError) -> String {
    let mut text = format!("error: {}\n", printable(&error.to_string()));
    help(&error.remedy(), &mut text);
    text
}

/// How far an interrupted run came.
pub(crate) fn of_interruption(status: &RunStatus) -> String {
    let number = |count: usize| grouped(u64::try_from(count).unwrap_or(u64::MAX));
    let progress = status.progress;
    let mut text = format!(
        "interrupted: {} of {} known items done, no report\n",
        number(progress.done),
        number(progress.total)
    );
    let mut tasks = Table::new(["task", "done", "of"]).numbers([false, true, true]);
    for task in &status.tasks {
        let total = task.total.map_or_else(|| "unknown".to_owned(), number);
        tasks.row([task.task.clone(), number(task.done), total]);
    }
    text.push_str(&tasks.render());
    text
}

fn explain(error: &Error, text: &mut String) {
    for (key, value) in error.fields() {
        line(key, value, text);
    }
    for cause in error.causes() {
        line("cause", &cause.to_string(), text);
    }
    if let Some(place) = error.place() {
        line("at", place, text);
    }
}

fn help(remedy: &str, text: &mut String) {
    if !remedy.is_empty() {
        line("help", remedy, text);
    }
}

fn line(key: &str, value: &str, text: &mut String) {
    text.extend([" = ", key, ": ", &printable(value), "\n"]);
}
