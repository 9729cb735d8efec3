//! `foundation check`.

use std::io::{self, Write};

use foundation_agent::Actions;
use foundation_node::{Diagnostic, PoolSpec, SystemSpec};
use foundation_workflow::Task;
use serde::Serialize;

use crate::args::CheckArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::{Table, counted, printable};

/// What `check --json` prints.
#[derive(Serialize)]
struct Checked<'a> {
    ok: bool,
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<Summary<'a>>,
    errors: &'a [Diagnostic],
    errors_omitted: usize,
}

#[derive(Serialize)]
struct Summary<'a> {
    name: &'a str,
    pools: usize,
    tasks: usize,
    /// Every action there is, used or not.
    actions: Vec<ActionSummary<'a>>,
}

#[derive(Serialize)]
struct ActionSummary<'a> {
    name: &'a str,
    summary: &'a str,
    /// The pools that carry it out.
    pools: Vec<&'a str>,
}

impl<'a> ActionSummary<'a> {
    fn list(actions: &'a Actions, spec: &'a SystemSpec) -> Vec<Self> {
        let all = actions.names().filter_map(|name| actions.get(name));
        let each = all.map(|action| {
            let does = |pool: &&PoolSpec| {
                pool.actions.values().any(|chosen| chosen.name() == action.name())
            };
            let pools = spec.pools.iter().filter(does).map(|pool| pool.name.as_str()).collect();
            Self { name: action.name(), summary: action.summary(), pools }
        });
        each.collect()
    }
}

/// Checks a file and says what it describes, or everything that is wrong with it.
///
/// # Errors
/// The error of the stream when the answer cannot be written.
pub fn check(args: &CheckArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let file = args.file.display().to_string();
    let actions = Actions::builtin();
    match SystemSpec::load(&args.file, &actions) {
        Ok(spec) if args.json => {
            let tasks = spec.graph.tasks().len();
            let actions = ActionSummary::list(&actions, &spec);
            let (name, pools) = (spec.name.as_str(), spec.pools.len());
            let system = Some(Summary { name, pools, tasks, actions });
            json(&Checked { ok: true, file, system, errors: &[], errors_omitted: 0 }, out)?;
            Ok(Exit::Success)
        }
        Ok(spec) => {
            write!(out, "{}: ok\n{}", printable(&file), describe(&spec, &actions))?;
            Ok(Exit::Success)
        }
        Err(faults) if args.json => {
            let (errors, errors_omitted) = (faults.list(), faults.omitted());
            let checked = Checked { ok: false, file, system: None, errors, errors_omitted };
            Exit::Usage.unless_unwritable(json(&checked, out))
        }
        Err(faults) => {
            write!(err, "{}", Failure::of_file(&file, &faults).text())?;
            Ok(Exit::Usage)
        }
    }
}

fn json(checked: &Checked<'_>, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, checked)?;
    writeln!(out)
}

fn describe(spec: &SystemSpec, actions: &Actions) -> String {
    let mut text = format!(
        "system {}: {}, {}\n",
        printable(&spec.name),
        counted(spec.pools.len(), "pool", "pools"),
        counted(spec.graph.tasks().len(), "task", "tasks"),
    );
    let mut tasks = Table::new(["task", "capability", "runs", "done by"]);
    for task in spec.graph.tasks() {
        let able = spec.pools.iter().filter(|pool| pool.actions.contains_key(task.capability()));
        let able: Vec<&str> = able.map(|pool| pool.name.as_str()).collect();
        let capability = task.capability().to_string();
        tasks.row([task.name().to_owned(), capability, when(task), able.join(", ")]);
    }
    text.push_str(&tasks.render());
    let mut known = Table::new(["action", "done by", "does"]);
    for ActionSummary { name, summary, pools } in ActionSummary::list(actions, spec) {
        let pools = if pools.is_empty() { "nobody".to_owned() } else { pools.join(", ") };
        known.row([name.to_owned(), pools, summary.to_owned()]);
    }
    text.push('\n');
    text.push_str(&known.render());
    text
}

fn when(task: &Task) -> String {
    let mut waits: Vec<&str> = task.dependencies().collect();
    let each = task.fan_out().map(|source| {
        waits.remove(0);
        format!("for each of {source}")
    });
    let after = (!waits.is_empty()).then(|| format!("after {}", waits.join(", ")));
    let parts: Vec<String> = each.into_iter().chain(after).collect();
    if parts.is_empty() { "first".to_owned() } else { parts.join(", ") }
}
