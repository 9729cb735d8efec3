//! Carries out what is asked, without a socket in sight.

use std::time::Duration;

use foundation_env::fault;
use foundation_flags::{DurableFlags, Note};
use foundation_process::{ProcessInfo, ProcessState, System};
use foundation_registry::Query;
use foundation_telemetry::SpanQuery;
use foundation_types::{Deadline, Instant};

use super::command::{
    Command, ControlError, FlagView, Flags, ProcessView, Reply, RunView, TaskView,
};
use crate::found::Found;
use crate::node::Node;
use crate::switches::Switches;

/// Time a change may take, its writing included.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(5);

/// What commands are carried out on.
#[derive(Debug)]
pub(super) struct Controlled {
    pub(super) system: System,
    pub(super) node: Node,
    pub(super) name: String,
    pub(super) switches: Switches,
    pub(super) started: Instant,
}

impl Controlled {
    pub(super) async fn answer(&self, command: Command) -> Reply {
        self.carry_out(command).await.unwrap_or_else(Reply::Error)
    }

    async fn carry_out(&self, command: Command) -> Result<Reply, ControlError> {
        let failed = |error: &dyn std::error::Error| ControlError::new("failed", said(error));
        Ok(match command {
            Command::Status => Reply::Status(self.status().await?),
            Command::Processes => Reply::Processes(self.processes()),
            Command::Query { query } => {
                let parsed: Query =
                    query.parse().map_err(|error: foundation_registry::ParseError| {
                        ControlError::new("malformed", error.render(&query))
                    })?;
                Reply::Found(Found::new(&parsed, &self.node.query(&parsed)))
            }
            Command::Stop if self.node.interrupt().await => Reply::Stopping,
            Command::Stop => {
                let message = "the keeper of the run did not take the order in time: try again";
                return Err(ControlError::new("late", message));
            }
            Command::Metrics => Reply::Metrics(self.system.telemetry().metrics().prometheus()),
            Command::Flags => Reply::Flags(self.flags()),
            Command::SetFlag { flag, value, who, why } => {
                let (note, deadline) = (Note::new(&who, &why), self.deadline());
                let set = self.durable().set(&flag, value, &note, deadline).await;
                set.map_err(|error| failed(&error))?;
                self.switches.apply(&self.system);
                Reply::Flags(self.flags())
            }
            Command::TurnAllOff { who, why } => {
                let note = Note::new(&who, &why);
                let off = self.durable().turn_all_off(&note, self.deadline()).await;
                // They are off whether that was written or not.
                self.switches.apply(&self.system);
                off.map_err(|error| failed(&error))?;
                Reply::Flags(self.flags())
            }
        })
    }

    fn durable(&self) -> &DurableFlags {
        self.switches.flags()
    }

    fn deadline(&self) -> Deadline {
        self.system.deadline(CHANGE_TIMEOUT)
    }

    async fn status(&self) -> Result<RunView, ControlError> {
        let Some(status) = self.node.status().await else {
            let message = "the keeper of the run did not answer in time: try again";
            return Err(ControlError::new("late", message));
        };
        let uptime = self.system.env().now().saturating_duration_since(self.started);
        let progress = status.run.progress;
        let tasks = status.run.tasks.into_iter();
        Ok(RunView {
            system: self.name.clone(),
            os_pid: std::process::id(),
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            done: progress.done,
            total: progress.total,
            errors: progress.errors,
            deaths: progress.deaths,
            restarts: status.restarts,
            agents: self.node.agents(),
            tasks: tasks
                .map(|task| TaskView { task: task.task, done: task.done, total: task.total })
                .collect(),
        })
    }

    fn processes(&self) -> Vec<ProcessView> {
        let mut processes = self.system.processes();
        processes.sort_by_key(|process| process.pid);
        if fault::planted("ps_leaves_out_the_root") {
            processes.remove(0);
        }
        let open = self.system.telemetry().spans().find(&SpanQuery::open());
        let view = |process: ProcessInfo| ProcessView {
            pid: process.pid.to_string(),
            parent: process.ancestors.first().map(ToString::to_string),
            name: process.label.as_deref().unwrap_or(process.type_name).to_owned(),
            state: match process.state {
                ProcessState::Suspended => "suspended",
                ProcessState::Exiting => "exiting",
                _ => "running",
            }
            .to_owned(),
            waiting: process.depth,
            capacity: process.capacity,
            handled: process.handled,
            busy_ms: u64::try_from(process.busy.as_millis()).unwrap_or(u64::MAX),
            message: process.message.to_owned(),
            open_spans: open.iter().filter(|span| span.owner() == Some(process.pid)).count(),
        };
        processes.into_iter().map(view).collect()
    }

    fn flags(&self) -> Flags {
        let settings = self.durable().flags().settings();
        let declared = self.durable().flags().catalogue().flags().iter();
        let view = |flag: &foundation_flags::Flag| {
            let setting = settings.get(flag.name()).cloned().unwrap_or_default();
            (flag.name().to_owned(), FlagView { about: flag.about().to_owned(), setting })
        };
        Flags { flags: declared.map(view).collect() }
    }
}

/// An error with all its causes.
fn said(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
