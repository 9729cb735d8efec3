//! `foundation ps`, `query`, `status`, `stop` and `metrics`: asks the system that runs with a data folder.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use foundation_env::Env;
use foundation_node::{Command, ProcessView, Reply, RunView, ask};
use foundation_types::Deadline;
use serde_json::json;
use tokio::runtime::Builder;

use crate::answer::{self, Answer};
use crate::args::AskArgs;
use crate::exit::Exit;
use crate::found;
use crate::text::{Table, counted, grouped, printable};

/// Time an answer may take: longer than the system gives itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// Asks the system of a data folder and prints its answer.
///
/// # Errors
/// The error of the stream when the answer cannot be written.
pub fn ask_system(
    command: &Command,
    args: &AskArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let answered = answer_of(command, &args.data).map(|reply| shown(&reply));
    answer::print(answered, args.json, out, err)
}

fn answer_of(command: &Command, folder: &Path) -> anyhow::Result<Reply> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let env = Env::tokio(runtime.handle().clone());
    let deadline = Deadline::after(env.now(), ANSWER_TIMEOUT);
    Ok(runtime.block_on(ask(&env, folder, command, deadline))?)
}

/// An answer as text and JSON.
pub(crate) fn shown(reply: &Reply) -> Answer {
    match reply {
        Reply::Status(run) => Answer { text: status(run), json: json!(run) },
        Reply::Processes(all) => Answer { text: processes(all), json: json!({ "processes": all }) },
        Reply::Found(agents) => Answer { text: found::human(agents), json: json!(agents) },
        Reply::Stopping => Answer {
            text: "the system stops in order\n".to_owned(),
            json: json!({ "stopping": true }),
        },
        Reply::Metrics(text) => Answer { text: text.clone(), json: json!({ "prometheus": text }) },
        Reply::Flags(flags) => {
            let mut table = Table::new(["flag", "value", "switches"]);
            for (name, flag) in &flags.flags {
                table.row([name.clone(), flag.setting.value.to_string(), flag.about.clone()]);
            }
            Answer { text: table.render(), json: json!(flags) }
        }
        other => Answer { text: format!("{other:?}\n"), json: json!(other) },
    }
}

fn status(run: &RunView) -> String {
    let seconds = usize::try_from(run.uptime_ms / 1_000).unwrap_or(usize::MAX);
    let uptime = counted(seconds, "second", "seconds");
    let mut text =
        format!("{} runs for {uptime} as process {}\n", printable(&run.system), run.os_pid);
    let (done, total) = (run.done as u64, run.total as u64);
    let percent = (done * 100).checked_div(total).unwrap_or(0);
    let items = format!("{} of {} items done, {percent} %", grouped(done), grouped(total));
    let RunView { agents, restarts, errors, deaths, .. } = run;
    // Writing to a text does not fail.
    writeln!(text, "{items}").unwrap_or_default();
    writeln!(
        text,
        "{agents} agents, {restarts} restarts, {errors} errors, {deaths} deaths at work"
    )
    .unwrap_or_default();
    let mut table = Table::new(["task", "done", "items"]).numbers([false, true, true]);
    for task in &run.tasks {
        let total = task.total.map_or_else(|| "?".to_owned(), |total| total.to_string());
        table.row([task.task.clone(), task.done.to_string(), total]);
    }
    text.push_str(&table.render());
    text
}

/// A tree: children stand below their parents.
fn processes(all: &[ProcessView]) -> String {
    let head = ["pid", "name", "state", "waiting", "handled", "busy ms", "message"];
    let mut table = Table::new(head).numbers([false, false, false, true, true, true, false]);
    let known = |pid: &str| all.iter().any(|process| process.pid == pid);
    let is_top = |process: &&ProcessView| !process.parent.as_deref().is_some_and(known);
    let mut below: Vec<(&ProcessView, usize)> =
        all.iter().rev().filter(is_top).map(|process| (process, 0)).collect();
    // A list and not recursion: the depth is the system's choice.
    while let Some((process, depth)) = below.pop() {
        let name = format!("{}{}", "  ".repeat(depth), process.name);
        let waiting = format!("{}/{}", process.waiting, process.capacity);
        let (handled, busy) = (process.handled.to_string(), process.busy_ms.to_string());
        let (pid, state) = (process.pid.clone(), process.state.clone());
        // One that has handled nothing has only the type of its messages.
        let message = process.message.rsplit("::").next().unwrap_or_default().to_owned();
        table.row([pid, name, state, waiting, handled, busy, message]);
        let is_child = |child: &&ProcessView| child.parent.as_ref() == Some(&process.pid);
        below.extend(all.iter().rev().filter(is_child).map(|child| (child, depth + 1)));
    }
    let count = counted(all.len(), "process", "processes");
    format!("{count}\n{}", table.render())
}

#[cfg(test)]
mod tests;
