//! Why there is no report, as text for people and JSON for programs: what, why, where, and what to do.

use std::collections::BTreeMap;
use std::error::Error as StdError;

use foundation_node::{Diagnostic, Diagnostics, Found, NodeError};
use foundation_types::Error;
use foundation_workflow::{RunError, RunStatus};
use serde::Serialize;

use crate::report::RunSummary;
use crate::text::{Table, counted, grouped, printable};

#[cfg(test)]
mod tests;

/// Why there is no report. Serialized, it is what `run --json` prints as `error`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Failure {
    /// `file`, `input`, `setup`, `system`, `run` or `interrupted`.
    kind: &'static str,
    cause: String,
    /// What led to the cause, the nearest first.
    causes: Vec<String>,
    place: Option<String>,
    remedy: Option<String>,
    fields: BTreeMap<&'static str, String>,
    /// All faults of the file, as `check --json` lists them.
    errors: Vec<Diagnostic>,
    errors_omitted: usize,
    /// The same for people.
    #[serde(skip)]
    text: String,
}

impl Failure {
    /// A file that is not sound. The text ends with what came of it.
    pub(crate) fn of_file(file: &str, faults: &Diagnostics) -> Self {
        let count = counted(faults.count(), "error", "errors");
        let first = faults.list().first();
        let place = first.map(|fault| match &fault.place {
            Some(place) => format!("{}:{}:{}", fault.file, place.line, place.column),
            None => fault.file.clone(),
        });
        Self {
            kind: "file",
            cause: first.map(|fault| fault.cause.clone()).unwrap_or_default(),
            place,
            remedy: first.map(|fault| fault.remedy.clone()),
            errors: faults.list().to_vec(),
            errors_omitted: faults.omitted(),
            text: format!("{}\n{}: {count}; nothing was started\n", shown(faults), printable(file)),
            ..Self::default()
        }
    }

    /// A failure of the input folder or of the run's surroundings.
    pub(crate) fn of_error(kind: &'static str, error: &Error) -> Self {
        let mut text = format!("error: {}\n", printable(error.message()));
        explain(error, &mut text);
        help(error.remedy().unwrap_or_default(), &mut text);
        let failure = Self { kind, cause: error.message().to_owned(), text, ..Self::default() };
        failure.with_details(error).with_remedy(error.remedy().unwrap_or_default())
    }

    /// A run that could not be carried through.
    pub(crate) fn of_run(error: &RunError) -> Self {
        let cause = error.to_string();
        let mut text = format!("error: {}\n", printable(&cause));
        let mut failure = Self { kind: "run", cause, ..Self::default() };
        if let Some(source) = error.source() {
            if let Some(source) = source.downcast_ref::<Error>() {
                line("cause", source.message(), &mut text);
                explain(source, &mut text);
                failure.causes.push(source.message().to_owned());
                failure = failure.with_details(source);
            } else {
                line("cause", &source.to_string(), &mut text);
                failure.causes.push(source.to_string());
            }
        }
        help(error.remedy(), &mut text);
        failure.text = text;
        failure.with_remedy(error.remedy())
    }

    /// A system that did not start or gave up.
    pub(crate) fn of_node(error: &NodeError) -> Self {
        let cause = error.to_string();
        let mut text = format!("error: {}\n", printable(&cause));
        help(&error.remedy(), &mut text);
        Self { kind: "system", cause, text, ..Self::default() }.with_remedy(&error.remedy())
    }

    /// A run that a signal stopped in order.
    pub(crate) fn interrupted() -> Self {
        let cause = "interrupted; everything was stopped in order".to_owned();
        Self { kind: "interrupted", cause, ..Self::default() }
    }

    /// A run that a second signal ended.
    pub(crate) fn at_once() -> Self {
        let cause = "ended at once; nothing was stopped in order".to_owned();
        Self { kind: "interrupted", text: format!("{cause}\n"), cause, ..Self::default() }
    }

    /// Adds how far the run came to the text; `None` when it had not begun.
    pub(crate) fn with_progress(mut self, status: Option<&RunStatus>) -> Self {
        let word = if self.kind == "interrupted" { "interrupted" } else { "failed" };
        let text = &mut self.text;
        match status {
            Some(status) => how_far(word, status, text),
            None => text.extend([word, ": before anything was handed out, no report\n"]),
        }
        self
    }

    /// Returns the text for people.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns one JSON object on one line: `error`, `run` or `null` when nothing was started, and `found` if a query
    /// was answered.
    pub(crate) fn json(
        &self,
        run: Option<&RunSummary>,
        found: Option<&Found>,
    ) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Answer<'a> {
            error: &'a Failure,
            run: Option<&'a RunSummary>,
            #[serde(skip_serializing_if = "Option::is_none")]
            found: Option<&'a Found>,
        }
        serde_json::to_string(&Answer { error: self, run, found }).map(|text| text + "\n")
    }

    fn with_details(mut self, error: &Error) -> Self {
        self.causes.extend(error.causes().map(ToString::to_string));
        self.place = error.place().map(str::to_owned);
        self.fields.extend(error.fields().map(|(key, value)| (key, value.to_owned())));
        self
    }

    fn with_remedy(mut self, remedy: &str) -> Self {
        self.remedy = (!remedy.is_empty()).then(|| remedy.to_owned());
        self
    }
}

/// Shows the faults of a file. Its name and what was read from it may hold control characters.
fn shown(faults: &Diagnostics) -> String {
    let blocks = faults.list().iter().map(|fault| {
        let mut fault = fault.clone();
        fault.file = printable(&fault.file);
        // A parser's message may have lines of its own.
        fault.cause = fault.cause.split('\n').map(printable).collect::<Vec<_>>().join("\n");
        fault.remedy = printable(&fault.remedy);
        fault.to_string()
    });
    let mut text = blocks.collect::<Vec<_>>().join("\n");
    if faults.omitted() > 0 {
        let omitted = counted(faults.omitted(), "more error is", "more errors are");
        text.extend(["\n", &omitted, " not shown\n"]);
    }
    text
}

/// Says what was finished.
fn how_far(word: &str, status: &RunStatus, text: &mut String) {
    let number = |count: usize| grouped(u64::try_from(count).unwrap_or(u64::MAX));
    let (done, total) = (number(status.progress.done), number(status.progress.total));
    text.extend([word, ": ", &done, " of ", &total, " known items done, no report\n"]);
    let mut tasks = Table::new(["task", "done", "of"]).numbers([false, true, true]);
    for task in &status.tasks {
        let total = task.total.map_or_else(|| "unknown".to_owned(), number);
        tasks.row([task.task.clone(), number(task.done), total]);
    }
    text.push_str(&tasks.render());
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
