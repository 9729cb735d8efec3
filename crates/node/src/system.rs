//! Turns the text of a `system.toml` into a [`SystemSpec`].

use std::fs::File;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::Path;

use foundation_agent::{ActionLimits, Actions};
use foundation_workflow::RunLimits;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Diagnostics, Findings};
use crate::pools::{self, check_name, read_pools};
use crate::source::Source;
use crate::spec::SystemSpec;
use crate::table::{Table, check_known, tables};
use crate::tasks::{self, TaskLines};

#[cfg(test)]
mod tests;

/// Bytes in the largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

const SECTIONS: [&str; 5] = ["system", "pool", "agent", "task", "limits"];

impl SystemSpec {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`Diagnostics`] with every fault, also when the file cannot be read.
    pub fn load(path: &Path, actions: &Actions) -> Result<Self, Diagnostics> {
        let file = path.display().to_string();
        let bytes = read(path).map_err(|error| unreadable(&file, &error))?;
        if u64::try_from(bytes.len()).is_ok_and(|size| size > FILE_BYTES_MAX) {
            let cause = format!("the file is larger than {FILE_BYTES_MAX} bytes");
            let remedy = "name a system.toml; it describes a system and holds no data";
            return Err(Diagnostics::one(Diagnostic::whole_file(&file, cause, remedy)));
        }
        match str::from_utf8(&bytes) {
            Ok(text) => Self::parse(&file, text, actions),
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let text = String::from_utf8_lossy(valid);
                let mut findings = Findings::new(Source { file: &file, text: &text });
                let end = text.len();
                findings.report(&(end..end), "the file is not UTF-8 from here", "save it as UTF-8");
                Err(findings.finish())
            }
        }
    }

    /// Checks the text of a file; `file` is only used to name it.
    ///
    /// # Errors
    /// [`Diagnostics`] with every fault. After a fault in the syntax nothing else is checked: what follows
    /// could be misread.
    pub fn parse(file: &str, text: &str, actions: &Actions) -> Result<Self, Diagnostics> {
        let mut findings = Findings::new(Source { file, text });
        let (document, syntax) = DeTable::parse_recoverable(text);
        for error in &syntax {
            let span = error.span().unwrap_or(0..0);
            let remedy =
                "mend the TOML here: a [table], a [[list of tables]] or key = value per line";
            findings.report(&span, error.message(), remedy);
        }
        if !findings.is_empty() {
            return Err(findings.finish());
        }
        let spec = read_document(document.get_ref(), actions, &mut findings);
        match spec {
            Some(spec) if findings.is_empty() => Ok(spec),
            _ => {
                debug_assert!(!findings.is_empty(), "a file was refused without a reason");
                Err(findings.finish())
            }
        }
    }

    /// Returns the number of agents for a number of workers.
    pub fn agent_count(&self, workers: usize) -> usize {
        self.pools.iter().map(|pool| pool.size.unwrap_or(workers)).sum()
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(file: &str, error: &io::Error) -> Diagnostics {
    let (cause, remedy) = match error.kind() {
        io::ErrorKind::NotFound => (
            "the file does not exist".to_owned(),
            "check the path; it is relative to the current folder",
        ),
        io::ErrorKind::IsADirectory => {
            ("this is a folder".to_owned(), "name the system.toml inside it")
        }
        io::ErrorKind::PermissionDenied => {
            ("the file may not be read".to_owned(), "give this user the right to read it")
        }
        _ => (format!("the file cannot be read: {error}"), "check the file and the disk it is on"),
    };
    Diagnostics::one(Diagnostic::whole_file(file, cause, remedy))
}

fn read_document(
    document: &DeTable<'_>,
    actions: &Actions,
    findings: &mut Findings<'_>,
) -> Option<SystemSpec> {
    for key in document.keys() {
        check_known("the file", key, &SECTIONS, findings);
    }
    // A misspelt section was noted just now; that its right name is missing is not a second fault.
    let misspelt = !findings.is_empty();
    let section =
        |name: &str| document.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value);
    let name = if let Some(value) = section("system") {
        Table::new("[system]", value, &["name"], findings)
            .and_then(|table| table.required_text("name", "\"digest\"", findings))
            .filter(|name| check_name(name, findings))
    } else {
        if !misspelt {
            let remedy = "start the file with [system] and a line name = \"digest\"";
            findings.report(&(0..0), "there is no [system]", remedy);
        }
        None
    };
    let mut pool_tables = tables("[[pool]]", section("pool"), &pools::POOL_FIELDS, findings);
    pool_tables.extend(tables("[[agent]]", section("agent"), &pools::AGENT_FIELDS, findings));
    pool_tables.sort_by_key(|table| table.span.start);
    let is_empty = |name| {
        section(name).is_none_or(
            |value| matches!(value.get_ref(), DeValue::Array(items) if items.is_empty()),
        )
    };
    if !misspelt && is_empty("pool") && is_empty("agent") {
        let remedy = "add a [[pool]] with a name and capabilities";
        findings.report(&(0..0), "there is no [[pool]] and no [[agent]]", remedy);
    }
    let (pools, offered) = read_pools(&pool_tables, actions, findings);
    let task_tables = tables("[[task]]", section("task"), &tasks::FIELDS, findings);
    if !misspelt && is_empty("task") {
        let remedy = "add a [[task]] with a name and a capability";
        findings.report(&(0..0), "there is no [[task]]", remedy);
    }
    let lines = TaskLines::read(&task_tables, findings);
    if !pool_tables.is_empty() {
        lines.check_offered(&offered, actions, findings);
    }
    let graph = lines.graph(findings);
    let mut run_limits = RunLimits::default();
    let mut action_limits = ActionLimits::default();
    if let Some(value) = section("limits") {
        read_limits(value, &mut run_limits, &mut action_limits, findings);
    }
    Some(SystemSpec { name: name?.value, pools, graph: graph?, run_limits, action_limits })
}

fn read_limits<'t>(
    value: &'t toml::Spanned<DeValue<'t>>,
    run: &mut RunLimits,
    action: &mut ActionLimits,
    findings: &mut Findings<'_>,
) {
    const GIB: u64 = 1 << 30;
    let sizes: [(&str, RangeInclusive<u64>, &mut usize); 6] = [
        ("files_max", 1..=10_000_000, &mut action.files_max),
        ("file_terms_max", 1..=10_000_000, &mut action.file_terms_max),
        ("report_terms_max", 1..=100_000_000, &mut action.report_terms_max),
        ("items_max", 1..=10_000_000, &mut run.items_max),
        ("in_flight_max", 1..=65_536, &mut run.in_flight_max),
        ("output_bytes_max", 1..=64 * GIB, &mut run.output_bytes_max),
    ];
    let mut known: Vec<&str> = sizes.iter().map(|(key, _, _)| *key).collect();
    known.push("file_bytes_max");
    let Some(table) = Table::new("[limits]", value, &known, findings) else { return };
    for (key, range, target) in sizes {
        if let Some(size) = table.number(key, range, findings) {
            *target = usize::try_from(size).unwrap_or(usize::MAX);
        }
    }
    if let Some(size) = table.number("file_bytes_max", 1..=GIB, findings) {
        action.file_bytes_max = size;
    }
}
