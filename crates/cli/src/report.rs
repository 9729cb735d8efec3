//! The result of a run, as tables for people or JSON for programs.

use std::time::Duration;

use foundation_agent::Payload;
use foundation_agent::digest::DigestReport;
use foundation_node::Found;
use foundation_types::Error;
use foundation_workflow::{RunStatus, TaskStatus};
use serde::Serialize;

use crate::found;
use crate::progress::per_second;
use crate::text::{Table, counted, grouped, printable, size};

#[cfg(test)]
mod tests;

/// Skipped files that the tables show; JSON has all of them.
const SKIPPED_SHOWN_MAX: usize = 20;
/// Groups of equal files that the tables show, so that they stay on a screen with the rest.
const GROUPS_SHOWN_MAX: usize = 6;
/// Paths of one group that the tables show.
const PATHS_SHOWN_MAX: usize = 3;

/// What a run took: different on every run, unlike its report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunSummary {
    /// Time from the start to the result, in milliseconds.
    pub elapsed_ms: u64,
    /// Items done.
    pub items: usize,
    /// Items done per second, rounded down.
    pub items_per_second: u64,
    /// Bytes read per second, rounded down; `null` when the result does not say how many there were.
    pub bytes_per_second: Option<u64>,
    /// Attempts handed to agents.
    pub attempts: u64,
    /// Attempts that ended in an error and were repeated.
    pub errors: u64,
    /// Agents restarted by their supervisors.
    pub restarts: u64,
    /// Agents that died at work without harm to the result.
    pub deaths_survived: u64,
    /// Those of them that panicked.
    pub deaths_by_panic: u64,
    /// Those of them that were killed.
    pub deaths_by_kill: u64,
    /// Results that came when they were no longer needed.
    pub late_results: u64,
    /// How far each task came, in the order of the tasks.
    pub tasks: Vec<TaskSummary>,
}

/// How far one task came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TaskSummary {
    /// The name of the task.
    pub task: String,
    /// Its items done.
    pub done: usize,
    /// Its items; `null` while they were not known.
    pub total: Option<usize>,
}

impl RunSummary {
    /// Sums a run up.
    pub fn new(elapsed: Duration, status: &RunStatus, restarts: u64) -> Self {
        let progress = &status.progress;
        Self {
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            items: progress.done,
            items_per_second: per_second(progress.done, elapsed),
            bytes_per_second: None,
            attempts: progress.attempts,
            errors: progress.errors,
            restarts,
            deaths_survived: progress.deaths,
            deaths_by_panic: status.panics,
            deaths_by_kill: status.kills,
            late_results: progress.late,
            tasks: status.tasks.iter().map(TaskSummary::of).collect(),
        }
    }
}

impl TaskSummary {
    fn of(status: &TaskStatus) -> Self {
        Self { task: status.task.clone(), done: status.done, total: status.total }
    }
}

/// A result with what it took.
#[derive(Debug)]
pub struct Output {
    report: Payload,
    digest: Option<DigestReport>,
    run: RunSummary,
    found: Option<Found>,
}

impl Output {
    /// Takes the result of a run. One that is a digest report is shown as tables, any other as JSON.
    pub fn new(report: Payload, mut run: RunSummary, elapsed: Duration) -> Self {
        let digest = report.decode::<DigestReport>().ok();
        let bytes = digest.as_ref().and_then(|digest| usize::try_from(digest.bytes).ok());
        run.bytes_per_second = bytes.map(|bytes| per_second(bytes, elapsed));
        Self { report, digest, run, found: None }
    }

    /// Adds what a query found.
    #[must_use]
    pub fn with_found(mut self, found: Option<Found>) -> Self {
        self.found = found;
        self
    }

    /// Returns one JSON object on one line: `report`, byte for byte what the last task returned, `run`, and `found` if
    /// a query was asked.
    ///
    /// # Errors
    /// `serialization_failed` when the summary has no JSON form.
    pub fn json(&self) -> Result<String, Error> {
        let run = Payload::encode(&self.run)?;
        let found = self.found.as_ref().map(Payload::encode).transpose()?;
        let parts = [("report", &self.report), ("run", &run)].into_iter();
        let found = found.iter().map(|found| ("found", found));
        let object = Payload::object(parts.chain(found))?;
        Ok(format!("{}\n", object.as_str()))
    }

    /// Returns the tables.
    pub fn human(&self) -> String {
        let mut text = match &self.digest {
            Some(digest) => tables(digest),
            None => format!("{}\n\n", self.report.as_str()),
        };
        if let Some(found) = &self.found {
            text.push_str(&found::human(found));
        }
        text.push_str(&run_lines(&self.run));
        text
    }
}

fn tables(report: &DigestReport) -> String {
    let mut text = format!(
        "{}, {}, {}, {}, {}\n",
        counted(report.files, "file", "files"),
        size(report.bytes),
        counted(report.lines, "line", "lines"),
        counted(report.words, "word", "words"),
        counted(report.terms_distinct, "distinct term", "distinct terms"),
    );
    if report.terms_dropped > 0 {
        let (one, many) = ("rare term of a single file was", "rare terms of single files were");
        let dropped = counted(report.terms_dropped, one, many);
        section(&mut text, &format!("{dropped} left out of the counts"));
    }
    if !report.terms.is_empty() {
        section(&mut text, "Most frequent terms");
        text.push_str(&terms(report));
    }
    if !report.longest.is_empty() {
        section(&mut text, "Longest documents");
        text.push_str(&longest(report));
    }
    if !report.duplicates.is_empty() {
        section(&mut text, "Files with equal content");
        duplicates(report, &mut text);
    }
    if !report.skipped.is_empty() || report.binary_files > 0 {
        section(&mut text, "Not counted");
        skipped(report, &mut text);
    }
    text.push('\n');
    text
}

fn section(text: &mut String, title: &str) {
    text.push('\n');
    text.push_str(title);
    text.push('\n');
}

fn terms(report: &DigestReport) -> String {
    let mut table = Table::new(["term", "count", "files"]).numbers([false, true, true]);
    for term in &report.terms {
        table.row([term.term.clone(), grouped(term.count), grouped(term.files)]);
    }
    table.render()
}

fn longest(report: &DigestReport) -> String {
    let mut table = Table::new(["words", "lines", "size", "path", "title"])
        .numbers([true, true, true, false, false]);
    for document in &report.longest {
        let title = document.title.clone().unwrap_or_default();
        let (words, lines) = (grouped(document.words), grouped(document.lines));
        table.row([words, lines, size(document.bytes), document.path.clone(), title]);
    }
    table.render()
}

fn duplicates(report: &DigestReport, text: &mut String) {
    for group in report.duplicates.iter().take(GROUPS_SHOWN_MAX) {
        let count = counted(group.paths.len(), "file", "files");
        line(text, &format!("{count} of {} each", size(group.bytes)));
        for path in group.paths.iter().take(PATHS_SHOWN_MAX) {
            line(text, &format!("  {}", printable(path)));
        }
        rest(text, "  ", (group.paths.len(), PATHS_SHOWN_MAX), ["more path", "more paths"]);
    }
    rest(text, "", (report.duplicates.len(), GROUPS_SHOWN_MAX), ["more group", "more groups"]);
}

fn skipped(report: &DigestReport, text: &mut String) {
    if report.binary_files > 0 {
        line(text, &counted(report.binary_files, "binary file", "binary files"));
    }
    for file in report.skipped.iter().take(SKIPPED_SHOWN_MAX) {
        line(text, &format!("{}: {}", printable(&file.path), printable(&file.reason)));
    }
    rest(text, "", (report.skipped.len(), SKIPPED_SHOWN_MAX), ["more file", "more files"]);
}

fn line(text: &mut String, content: &str) {
    text.push_str("  ");
    text.push_str(content);
    text.push('\n');
}

/// Says how many of a list were not shown.
fn rest(
    text: &mut String,
    indent: &str,
    (count, shown_max): (usize, usize),
    [one, many]: [&str; 2],
) {
    let hidden = count.saturating_sub(shown_max);
    if hidden > 0 {
        line(text, &format!("{indent}and {}; --json lists all", counted(hidden, one, many)));
    }
}

fn run_lines(run: &RunSummary) -> String {
    let items = counted(run.items, "item", "items");
    let mut speed = format!("{items}, {} per second", grouped(run.items_per_second));
    if let Some(bytes) = run.bytes_per_second {
        speed = format!("{speed}, {}/s", size(bytes));
    }
    let (seconds, millis) = (run.elapsed_ms / 1_000, run.elapsed_ms % 1_000);
    let mut text = format!("Done in {seconds}.{millis:03} s: {speed}\n");
    let mut counts = vec![counted(run.attempts, "attempt", "attempts")];
    let troubles = [
        (run.restarts, "restart", "restarts"),
        (run.errors, "repeated after an error", "repeated after an error"),
        (run.late_results, "late result ignored", "late results ignored"),
    ];
    let occurred = troubles.into_iter().filter(|(count, ..)| *count > 0);
    counts.extend(occurred.map(|(count, one, many)| counted(count, one, many)));
    line(&mut text, &counts.join(", "));
    if run.deaths_survived == 0 {
        return text;
    }
    let deaths = counted(run.deaths_survived, "death", "deaths");
    let (panics, kills) = (grouped(run.deaths_by_panic), grouped(run.deaths_by_kill));
    line(&mut text, &format!("{deaths} survived: {panics} by panic, {kills} by kill"));
    text
}
