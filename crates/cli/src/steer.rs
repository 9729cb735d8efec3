//! `foundation flags` and `foundation rollout`: what is switched on, on the data folder of a stopped system.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, bail};
use foundation_env::{Env, FileError};
use foundation_flags::{
    Change, Edit, Health, Note, OpenError, Plan, Rollout, RolloutError, RolloutState,
    RolloutStatus, Setting, Transition,
};
use foundation_node::{Command, Switches, SwitchesError, ask};
use foundation_types::Deadline;
use serde_json::json;
use tokio::runtime::Builder;

use crate::answer::{self, Answer};
use crate::args::{FlagsAction, FlagsArgs, Reason, RolloutAction, RolloutArgs};
use crate::ask::shown;
use crate::exit::Exit;
use crate::text::{Table, printable, utc};

/// Time one change may take, its writing included.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest plan that is read, in bytes.
const PLAN_BYTES_MAX: u64 = 1 << 20;

/// Carries out a command of `foundation flags`.
///
/// # Errors
/// The error of the stream when the answer cannot be written.
pub fn flags(args: &FlagsArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let changes = !matches!(args.action, FlagsAction::List | FlagsAction::Audit);
    answer::print(
        on_folder(&args.data, changes, for_running(&args.action), |env, switches| async move {
            flags_answer(&env, &switches, args).await
        }),
        args.json,
        out,
        err,
    )
}

/// Carries out a command of `foundation rollout`.
///
/// # Errors
/// The error of the stream when the answer cannot be written.
pub fn rollout(args: &RolloutArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let changes = !matches!(args.action, RolloutAction::Status | RolloutAction::History);
    answer::print(
        on_folder(&args.data, changes, None, |env, switches| async move {
            let file = args.plan.display().to_string();
            let bytes = env.files().read(&args.plan, PLAN_BYTES_MAX).await?;
            let text = String::from_utf8(bytes)?;
            let plan = Plan::parse(&file, &text, switches.flags().flags().catalogue())?;
            let rollout = Rollout::open(env.clone(), switches.flags().clone(), plan)?;
            rollout_answer(&env, &rollout, &args.action).await
        }),
        args.json,
        out,
        err,
    )
}

/// Runs `f` with the flags of a folder, or asks the system that has it.
fn on_folder<F: Future<Output = anyhow::Result<Answer>>>(
    folder: &Path,
    changes: bool,
    running: Option<Command>,
    f: impl FnOnce(Env, Switches) -> F,
) -> anyhow::Result<Answer> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let env = Env::tokio(runtime.handle().clone());
    runtime.block_on(async {
        // A folder that is named wrong would read as one with all flags off.
        if !changes && env.files().metadata(folder).await.is_err() {
            let folder = folder.display();
            bail!("there is no data folder {folder}: `foundation run --data {folder}` makes it, or the first change");
        }
        match Switches::open(env.clone(), folder).await {
            Ok(switches) => f(env, switches).await,
            Err(SwitchesError::Open(OpenError::File(FileError::Locked { .. }))) => {
                let Some(command) = running else { bail!("{}", stop_first(folder)) };
                let reply = ask(&env, folder, &command, deadline(&env)).await?;
                Ok(shown(&reply))
            }
            Err(error) => Err(error.into()),
        }
    })
}

fn stop_first(folder: &Path) -> String {
    let folder = folder.display();
    format!("a system runs with the folder {folder}: `foundation stop --data {folder}` first")
}

/// What a running system is asked instead, if it can do that.
fn for_running(action: &FlagsAction) -> Option<Command> {
    let who = |reason: &Reason| note(reason).who().to_owned();
    match action {
        FlagsAction::List => Some(Command::Flags),
        FlagsAction::Set { flag, value, reason } => Some(Command::SetFlag {
            flag: flag.clone(),
            value: *value,
            who: who(reason),
            why: reason.why.clone(),
        }),
        FlagsAction::Off { reason } => {
            Some(Command::TurnAllOff { who: who(reason), why: reason.why.clone() })
        }
        FlagsAction::Override { .. } | FlagsAction::Audit => None,
    }
}

fn note(reason: &Reason) -> Note {
    let user = std::env::var("USER").unwrap_or_default();
    Note::new(reason.who.as_deref().unwrap_or(&user), &reason.why)
}

fn deadline(env: &Env) -> Deadline {
    Deadline::after(env.now(), CHANGE_TIMEOUT)
}

async fn flags_answer(env: &Env, switches: &Switches, args: &FlagsArgs) -> anyhow::Result<Answer> {
    let flags = switches.flags();
    match &args.action {
        FlagsAction::List => {}
        FlagsAction::Set { flag, value, reason } => {
            flags.set(flag, *value, &note(reason), deadline(env)).await?;
        }
        FlagsAction::Override { flag, key, on, reason } => {
            let edit = Edit::Override { key: key.clone(), on: on.as_option() };
            flags.change(&[(flag, edit)], &note(reason), deadline(env)).await?;
        }
        FlagsAction::Off { reason } => {
            flags.turn_all_off(&note(reason), deadline(env)).await?;
        }
        FlagsAction::Audit => return Ok(audit(switches)),
    }
    Ok(listed(switches))
}

fn listed(switches: &Switches) -> Answer {
    let settings = switches.flags().flags().settings();
    let mut table = Table::new(["flag", "value", "overrides", "switches"]);
    let mut all = Vec::new();
    for flag in switches.flags().flags().catalogue().flags() {
        let setting = settings.get(flag.name()).cloned().unwrap_or_default();
        let name = flag.name().to_owned();
        table.row([name, setting.value.to_string(), overrides(&setting), flag.about().to_owned()]);
        all.push(json!({
            "name": flag.name(),
            "about": flag.about(),
            "value": setting.value,
            "overrides": setting.overrides,
        }));
    }
    Answer { text: table.render(), json: json!({ "flags": all }) }
}

fn overrides(setting: &Setting) -> String {
    let each = setting
        .overrides
        .iter()
        .map(|(key, on)| format!("{key}={}", if *on { "on" } else { "off" }));
    each.collect::<Vec<_>>().join(" ")
}

fn audit(switches: &Switches) -> Answer {
    let audit = switches.flags().flags().audit();
    let mut table = Table::new(["step", "when", "flag", "from", "to", "who", "why"]);
    for change in &audit.records {
        table.row([
            change.step.to_string(),
            utc(change.at_unix_ms),
            change.flag.clone(),
            format!("{} {}", change.from.value, overrides(&change.from)).trim_end().to_owned(),
            format!("{} {}", change.to.value, overrides(&change.to)).trim_end().to_owned(),
            change.who.clone(),
            change.why.clone(),
        ]);
    }
    let mut text = table.render();
    if audit.forgotten > 0 {
        let forgotten = audit.forgotten;
        writeln!(text, "  and {forgotten} older ones that are not kept").unwrap_or_default();
    }
    let records: Vec<&Change> = audit.records.iter().map(|record| &**record).collect();
    Answer { text, json: json!({ "records": records, "forgotten": audit.forgotten }) }
}

async fn rollout_answer(
    env: &Env,
    rollout: &Rollout,
    action: &RolloutAction,
) -> anyhow::Result<Answer> {
    match action {
        RolloutAction::Status => {}
        RolloutAction::Advance { waive, reason } => {
            let waived: Vec<&str> = waive.iter().map(String::as_str).collect();
            let advanced = rollout.advance(&note(reason), &waived, deadline(env)).await;
            advanced.map_err(|error| match error {
                RolloutError::NotReady(_) => anyhow!("{error}: wait for that, or --waive CHECK"),
                other => other.into(),
            })?;
        }
        RolloutAction::Rollback { to, reason } => {
            rollout.rollback(*to, &note(reason), deadline(env)).await?;
        }
        RolloutAction::Emergency { reason } => {
            rollout.emergency(&note(reason), deadline(env)).await?;
        }
        RolloutAction::History => return Ok(history(&rollout.state())),
    }
    Ok(status(rollout, &rollout.status()))
}

fn status(rollout: &Rollout, status: &RolloutStatus) -> Answer {
    let mut text = format!("Plan {}\n", printable(&status.plan));
    let mut stages = Table::new(["", "stage", "name", "risk", "soak", "flags"]);
    for (index, stage) in rollout.plan().stages.iter().enumerate() {
        let number = index + 1;
        let flags = stage.flags.iter().map(|(flag, value)| format!("{flag}={value}"));
        stages.row([
            if number == status.stage { ">" } else { "" }.to_owned(),
            number.to_string(),
            stage.name.clone(),
            stage.risk.to_string(),
            format!("{} min", stage.soak.as_secs() / 60),
            flags.collect::<Vec<_>>().join(" "),
        ]);
    }
    text.push_str(&stages.render());
    let stands = match &status.name {
        Some(name) => format!("Stage {}, {}, is in force", status.stage, printable(name)),
        None => "Before the first stage: all flags of the plan are off".to_owned(),
    };
    // Writing to a text does not fail.
    writeln!(text, "\n{stands}").unwrap_or_default();
    if !status.drifted.is_empty() {
        let drifted = status.drifted.join(", ");
        writeln!(text, "Changed by hand since: {drifted}").unwrap_or_default();
    }
    if let Health::Bad { reasons, .. } = &status.health {
        writeln!(text, "Not well: {}", reasons.join("; ")).unwrap_or_default();
    }
    if let Some(next) = &status.next {
        writeln!(text, "\nBefore {}:", printable(next)).unwrap_or_default();
        let mut checks = Table::new(["check", "", "missing"]);
        for check in &status.checks {
            let passed = if check.passed { "passed" } else { "not yet" };
            checks.row([check.name.clone(), passed.to_owned(), check.missing.clone()]);
        }
        text.push_str(&checks.render());
    }
    Answer { text, json: json!(status) }
}

fn history(state: &RolloutState) -> Answer {
    let mut table = Table::new(["when", "from", "to", "what", "who", "why"]);
    for entry in &state.history {
        let what = match &entry.transition {
            Transition::Advance { waived } if !waived.is_empty() => {
                format!("advance, without {}", waived.join(" "))
            }
            Transition::Advance { .. } => "advance".to_owned(),
            Transition::Rollback => "rollback".to_owned(),
            Transition::Automatic => "automatic rollback".to_owned(),
            _ => "emergency".to_owned(),
        };
        let when = utc(entry.at_unix_ms);
        let (from, to) = (entry.from.to_string(), entry.to.to_string());
        table.row([when, from, to, what, entry.who.clone(), entry.why.clone()]);
    }
    Answer { text: table.render(), json: json!(state) }
}
