//! The commands, their arguments and their help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use foundation_agent::Actions;
use foundation_registry::Query;
use tracing_subscriber::filter::Targets;

use crate::text::Table;

#[cfg(test)]
mod tests;

const CLI_EXAMPLES: &str = "\
Examples:
  foundation run examples/digest/system.toml
  foundation check examples/digest/system.toml
  foundation completions bash > ~/.local/share/bash-completion/completions/foundation

Exit codes:
  0    done
  1    the run failed, or the output could not be written
  2    wrong arguments, or a file that is not sound
  130  interrupted with Ctrl-C (143 with SIGTERM)";

const RUN_EXAMPLES: &str = "\
Examples:
  foundation run examples/digest/system.toml
      reads the current folder and prints a report
  foundation run examples/digest/system.toml --input docs --json | jq .report.words
      prints one JSON object with report (the same on every run) and run (times, restarts)
  foundation run examples/digest/system.toml --chaos 0.2 --seed 7
      lets the agent at work die in one of five attempts; the report is the same
  foundation run examples/digest/system.toml --query 'load>0' --query-every 2
      also lists the agents that are at work, every two seconds and at the end
  foundation run examples/digest/system.toml --log info
      also tells what went wrong for which item, in which trace

Exit codes:
  0    done
  1    the run failed, or the output could not be written
  2    wrong arguments, or a file that is not sound
  130  interrupted with Ctrl-C (143 with SIGTERM); what was finished is said";

const CHECK_EXAMPLES: &str = "\
Examples:
  foundation check examples/digest/system.toml
      says what the file describes, or everything that is wrong with it
  foundation check system.toml --json | jq '.errors[] | {line, column, cause, remedy}'
      the same for programs

Exit codes:
  0    the file is sound
  1    the output could not be written
  2    wrong arguments, or the file is not sound";

/// The examples, and the actions that a file can name.
fn check_help() -> String {
    let actions = Actions::builtin();
    let mut table = Table::new(["action", "does"]);
    for action in actions.names().filter_map(|name| actions.get(name)) {
        table.row([action.name(), action.summary()].map(str::to_owned));
    }
    format!("{CHECK_EXAMPLES}\n\nActions that capabilities can stand for:\n{}", table.render())
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  foundation completions bash > ~/.local/share/bash-completion/completions/foundation
  foundation completions zsh  > ~/.zfunc/_foundation
  foundation completions fish > ~/.config/fish/completions/foundation.fish";

const ASK_EXAMPLES: &str = "\
Examples:
  foundation run examples/digest/system.toml --data /var/lib/digest
  foundation status --data /var/lib/digest
  foundation ps --data /var/lib/digest --json | jq '.processes[].name'
  foundation query 'capability:text.stats load>0' --data /var/lib/digest
  foundation stop --data /var/lib/digest";

const FLAGS_EXAMPLES: &str = "\
Examples:
  foundation flags list --data /var/lib/digest
  foundation flags set spans on --data /var/lib/digest --why 'to see what is slow'
  foundation flags audit --data /var/lib/digest --json";

const ROLLOUT_EXAMPLES: &str = "\
Examples:
  foundation rollout status --plan examples/rollout/plan.toml --data /var/lib/digest
  foundation rollout advance --plan examples/rollout/plan.toml --data /var/lib/digest --waive health --why 'first try'
  foundation rollout rollback 0 --plan examples/rollout/plan.toml --data /var/lib/digest --why 'it was slow'";

/// Runs supervised agents from a file.
///
/// A system.toml describes agents, what they can do, and tasks that need it done. The agents live under
/// supervisors: when one dies it is replaced, and its work goes to another.
#[derive(Debug, Parser)]
#[command(name = "foundation", version, after_help = CLI_EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the system of a system.toml and prints its report.
    ///
    /// Starts the agents of a system.toml under their supervisors, works through the tasks and prints the report.
    /// Progress goes to standard error: one live line on a terminal, plain lines otherwise. Ctrl-C stops in order:
    /// agents finish what they are at, or give it up; a second Ctrl-C ends the program at once.
    Run(RunArgs),
    /// Checks a system.toml without running it.
    ///
    /// Reports every fault at once: its file, line and column, the cause and what to do.
    Check(CheckArgs),
    /// Shows the processes of a running system as a tree.
    ///
    /// With their mailboxes (messages that wait, and the most that may), how many messages each has handled, the
    /// estimated time it was busy, and the message it is at or was at last.
    #[command(after_help = ASK_EXAMPLES)]
    Ps(AskArgs),
    /// Lists the agents of a running system that match a query.
    ///
    /// The query is that of `foundation run --query`.
    #[command(after_help = ASK_EXAMPLES)]
    Query {
        /// The query; all agents if it is empty.
        #[arg(value_name = "QUERY", default_value = "", value_parser = query)]
        query: String,
        /// Of which system.
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Shows how far a running system is.
    #[command(after_help = ASK_EXAMPLES)]
    Status(AskArgs),
    /// Stops a running system in order, as Ctrl-C at its terminal does.
    #[command(after_help = ASK_EXAMPLES)]
    Stop(AskArgs),
    /// Prints the metrics of a running system in the text format of Prometheus.
    #[command(after_help = ASK_EXAMPLES)]
    Metrics(AskArgs),
    /// Lists and changes what is switched on.
    ///
    /// The flags stand in the data folder that `foundation run --data` is given. Those of a running system change at
    /// once, but for what takes effect at a start only. Every change is kept with who made it, when and why.
    Flags(FlagsArgs),
    /// Takes the flags of a stopped system through the stages of a plan, and back.
    ///
    /// A stage is an exact set of flags. The next one begins when every check says so; a check that is waived
    /// stands in the history with the reason.
    Rollout(RolloutArgs),
    /// Prints a completion script for a shell.
    Completions(CompletionsArgs),
}

/// Arguments of `run`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    /// The system.toml to run.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The folder to work on.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub input: PathBuf,
    /// Prints one JSON object with report and run instead of tables, or with error and run when
    /// there is no report; exit codes are the same.
    #[arg(long)]
    pub json: bool,
    /// Kills the agent at work with this probability per attempt, by panic and by kill: 0 to 1.
    ///
    /// An item that has cost as many agents as its task may lose (`deaths_max`) is spared from then on: the rate
    /// holds for each attempt until then, and a run ends also at 1, after `deaths_max` attempts at each item: try
    /// that on a small folder.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub chaos: Option<f64>,
    /// Makes the kills the same on every run.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "chaos")]
    pub seed: u64,
    /// Worker threads, and agents in a pool without a size; the number of cores if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Prints no progress.
    #[arg(long, short)]
    pub quiet: bool,
    /// Writes log lines to standard error: a level (error, warn, info, debug, trace), or levels by module such as
    /// `warn,foundation_agent=debug`.
    ///
    /// Each line ends with the correlation id and the fields of the work it is about, and the ids of its trace and
    /// span. Progress is then written in plain lines.
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    pub log: Option<Targets>,
    /// The folder in which the system's flags stand, and through which it can be asked while it runs; see
    /// `foundation flags` and `foundation ps`. Without it everything is switched on and nobody can ask.
    ///
    /// It is created if it is not there, for its owner only, with all flags off. One system at a time has it.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Also lists the agents that match a query when the work is over, before they are stopped; see --query-every
    /// for before.
    ///
    /// They are listed however the work ended: done, failed, interrupted, or at once.
    ///
    /// Conditions stand side by side, such as `capability:text.stats health:healthy`; there are `!=`, `<`, `in (a,
    /// b)`, OR, NOT and parentheses, and `order:id` or `limit:5` beside them. The fields are id, type, health,
    /// capability, node, `registered_at`, `updated_at`, resources and custom attributes. An agent has the resource
    /// load, 1 while it works and else 0. An empty text lists all.
    #[arg(long, value_name = "QUERY", value_parser = query)]
    pub query: Option<String>,
    /// Answers the query also while the work goes on, each time so many seconds have passed.
    ///
    /// Answers go to standard error, so that standard output is the report alone: on a terminal each stands as a
    /// table above the progress, elsewhere among its lines. With --json each is one line, an object with
    /// `elapsed_ms` and `found`. --quiet leaves out the progress and not the answers. From 0.1 to 86,400 seconds.
    #[arg(long, value_name = "SECONDS", value_parser = interval, requires = "query")]
    pub query_every: Option<Duration>,
}

/// Which running system is asked, and how it answers.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AskArgs {
    /// The data folder that the system was started with.
    #[arg(long, value_name = "DIR", default_value = ".foundation")]
    pub data: PathBuf,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `flags`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = FLAGS_EXAMPLES)]
pub struct FlagsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: FlagsAction,
    /// The data folder of the system.
    #[arg(long, value_name = "DIR", global = true, default_value = ".foundation")]
    pub data: PathBuf,
    /// Prints one JSON object instead of a table.
    #[arg(long, global = true)]
    pub json: bool,
}

/// Why something is changed, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Reason {
    /// Why, for those who read it later.
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Who; the user of this terminal if not given.
    #[arg(long, value_name = "NAME")]
    pub who: Option<String>,
}

/// What `flags` does.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum FlagsAction {
    /// Lists all flags and what they are.
    List,
    /// Sets a flag for everybody: on, off, or a percentage of keys such as 25%.
    Set {
        /// The flag.
        flag: String,
        /// on, off or a percentage.
        value: foundation_flags::Value,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Sets a flag for one key, whatever it is for others.
    Override {
        /// The flag.
        flag: String,
        /// The key.
        key: String,
        /// What it is for that key; `none` takes the override back.
        on: OverrideTo,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Turns all flags off for everybody, overrides included.
    Off {
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Lists who changed what, when and why, the oldest first.
    Audit,
}

/// What a flag is for one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OverrideTo {
    /// On.
    On,
    /// Off.
    Off,
    /// What it is for everybody.
    None,
}

impl OverrideTo {
    pub(crate) fn as_option(self) -> Option<bool> {
        match self {
            Self::On => Some(true),
            Self::Off => Some(false),
            Self::None => None,
        }
    }
}

/// Arguments of `rollout`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = ROLLOUT_EXAMPLES)]
pub struct RolloutArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: RolloutAction,
    /// The plan.
    #[arg(long, value_name = "FILE", global = true, default_value = "examples/rollout/plan.toml")]
    pub plan: PathBuf,
    /// The data folder of the system.
    #[arg(long, value_name = "DIR", global = true, default_value = ".foundation")]
    pub data: PathBuf,
    /// Prints one JSON object instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What `rollout` does.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum RolloutAction {
    /// Shows the stage in force, and what the next one waits for.
    Status,
    /// Begins the next stage.
    Advance {
        /// A check that does not count this time; may be repeated.
        #[arg(long, value_name = "CHECK")]
        waive: Vec<String>,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Goes back to an earlier stage; 0 is before the first.
    Rollback {
        /// The stage.
        to: usize,
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Turns all flags off, those of the plan and all others, and goes back to stage 0.
    Emergency {
        /// Why.
        #[command(flatten)]
        reason: Reason,
    },
    /// Lists what was done, the oldest first.
    History,
}

/// Arguments of `check`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = check_help())]
pub struct CheckArgs {
    /// The system.toml to check.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Prints one JSON object with `ok` and `errors` instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell to print for.
    pub shell: ChosenShell,
}

/// The shells with completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChosenShell {
    /// Bash.
    Bash,
    /// Elvish.
    Elvish,
    /// Fish.
    Fish,
    /// Microsoft's shell.
    #[value(help = "PowerShell")]
    Powershell,
    /// Zsh.
    Zsh,
}

impl From<ChosenShell> for Shell {
    fn from(shell: ChosenShell) -> Self {
        match shell {
            ChosenShell::Bash => Self::Bash,
            ChosenShell::Elvish => Self::Elvish,
            ChosenShell::Fish => Self::Fish,
            ChosenShell::Powershell => Self::PowerShell,
            ChosenShell::Zsh => Self::Zsh,
        }
    }
}

/// Which log lines are wanted.
fn filter(text: &str) -> Result<Targets, String> {
    text.parse().map_err(|error| {
        format!("{error}; write a level, or levels by module such as warn,foundation_agent=debug")
    })
}

/// Checks a query. It is kept as a text, which is what it was asked as.
fn query(text: &str) -> Result<String, String> {
    match text.parse::<Query>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("not a query\n\n{}", error.render(text))),
    }
}

/// The time between two answers: not so short that they are all one sees.
fn interval(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("write seconds from 0.1 to 86400, such as 2".to_owned()),
    }
}

/// What the plan of deaths takes.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("write a probability from 0 to 1, such as 0.2".to_owned()),
    }
}
