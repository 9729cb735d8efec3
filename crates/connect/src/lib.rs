//! What Foundation does outside its own process. Today: supervised commands of the operating system.
//!
//! # What it promises
//!
//! * Only allowed programs run, with allowed arguments and variables, never through a shell.
//! * When [`Commands::run`] returns, no process of the command is left: the child and everything it
//!   started in its process group are killed and the child is reaped. Where that is not so an error
//!   says it: after `Service` and `Killed` they were killed and end just now, since a caller learns
//!   at once that the service or the command's own process died; after `Stuck`, and `Spawn` with a
//!   time-out, they hang in the operating system; and before `Reaped` somebody else in this program
//!   took the child and with it the means.
//! * Number of commands, queue, callers, captured output and cached results all have a bound. A
//!   restarted service counts what is left of its predecessor's commands, and a program that was
//!   killed and has not ended counts until it is reaped.
//! * One command never disturbs another: each runs in a process of its own.
//!
//! # What it does not promise
//!
//! * A program that leaves its process group (`setsid`) is out of reach, and so is everything when
//!   this whole program is killed by `SIGKILL`.
//! * Commands run on Unix only. On other systems [`CommandRunner`] is the seam to add them.
//!
//! # Examples
//!
//! ```
//! # #[cfg(unix)]
//! # mod example {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use foundation_connect::{
//!     AllowList, ArgumentPolicy, CommandRequest, CommandService, CommandSettings, Commands,
//!     OsRunner,
//! };
//! use foundation_process::System;
//! use foundation_supervisor::{ChildSpec, Strategy, Supervisor};
//!
//! # pub(super) async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let system = System::current();
//! let allowed = AllowList::new().allow("echo", ArgumentPolicy::any());
//! let settings = CommandSettings::builder(allowed).build()?;
//! let service = move || CommandService::new(settings.clone(), Arc::new(OsRunner::new()));
//! let spec = ChildSpec::new("commands", service);
//! let commands = Commands::from(spec.address().ok_or("another message type")?);
//! Supervisor::new(Strategy::OneForOne).child(spec).start(&system).await?;
//!
//! let deadline = system.deadline(Duration::from_secs(10));
//! let output = commands.run(CommandRequest::new("echo", deadline).arg("hello")).await?;
//! assert!(output.status.is_success());
//! assert_eq!(output.stdout.text(), "hello\n");
//! # Ok(())
//! # }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(unix)]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(example::run())?;
//! # Ok(())
//! # }
//! ```

mod command;

pub use command::{
    AllowList, ArgumentPolicy, Cancel, CancelGuard, Capture, CommandError, CommandMessage,
    CommandOutput, CommandRequest, CommandRunner, CommandService, CommandSettings,
    CommandSettingsBuilder, CommandStats, Commands, ExitStatus, Limit, Origin, Place, Plan, Run,
    RunFuture, Script, ScriptedRunner, SettingsError, Stream, StreamKind,
};

#[cfg(unix)]
pub use command::OsRunner;
