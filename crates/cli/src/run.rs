//! `foundation run`.

use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use foundation_agent::Actions;
use foundation_env::{Either, Env, select_biased};
use foundation_node::{Node, NodeError, NodeStatus, RunOptions, SystemSpec, check_input};
use foundation_process::{ShutdownReport, System};
use foundation_types::{Code, Error};
use foundation_workflow::{Chaos, RunEnd, RunOutcome};
use tokio::runtime::{Builder, Runtime};

use crate::args::RunArgs;
use crate::exit::Exit;
use crate::failure;
use crate::progress::{ProgressMode, ProgressSample, ProgressView};
use crate::report::{Output, RunSummary};
use crate::signals::Signals;
use crate::text::counted;

/// Time between two looks at the run.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Time the tree has to stop before what is left of it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the system of a file: starts its tree, shows progress, stops everything in order and prints the report.
///
/// # Errors
/// The error of the stream when progress or the report cannot be written.
pub fn run(args: &RunArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let file = args.file.display();
    let spec = match SystemSpec::load(&args.file, &Actions::builtin()) {
        Ok(spec) => spec,
        Err(faults) => {
            let count = counted(faults.count(), "error", "errors");
            writeln!(err, "{faults}\n{file}: {count}; nothing was started")?;
            return Ok(Exit::Usage);
        }
    };
    if let Err(error) = check_input(&args.input) {
        write!(err, "{}", failure::of_error(&error))?;
        return Ok(Exit::Usage);
    }
    // Checked with the arguments, so an error stands for no chaos.
    let chaos = args.chaos.and_then(|rate| Chaos::new(rate, args.seed).ok());
    let workers = args.workers.map_or_else(cores, usize::from);
    let options = RunOptions::new(&args.input, workers).with_chaos(chaos);
    // Before there is a runtime whose threads could take a signal that nobody listens for yet.
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            write!(err, "{}", failure::of_error(&no_signals(error)))?;
            return Ok(Exit::Failed);
        }
    };
    let runtime = match runtime(workers) {
        Ok(runtime) => runtime,
        Err(error) => {
            write!(err, "{}", failure::of_error(&error))?;
            return Ok(Exit::Failed);
        }
    };
    let system = System::new(Env::tokio(runtime.handle().clone()));
    let end = runtime.block_on(async {
        let driver = Driver { system: &system, signals, stop: None, err };
        Box::pin(driver.drive(spec, &options, args)).await
    });
    // Work on the blocking pool cannot be stopped; it ends with the program.
    runtime.shutdown_background();
    match end? {
        End::Report(output) if args.json => match output.json() {
            Ok(text) => out.write_all(text.as_bytes()).map(|()| Exit::Success),
            Err(error) => write!(err, "{}", failure::of_error(&error)).map(|()| Exit::Failed),
        },
        End::Report(output) => {
            out.write_all(output.human().as_bytes())?;
            Ok(Exit::Success)
        }
        End::Failed(text) => {
            write!(err, "{text}")?;
            Ok(Exit::Failed)
        }
        End::Interrupted(exit, text) => {
            write!(err, "{text}")?;
            Ok(exit)
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn runtime(workers: usize) -> Result<Runtime, Error> {
    Builder::new_multi_thread().worker_threads(workers).enable_all().build().map_err(|cause| {
        Error::new(Code::InitializationFailed, "the threads of the runtime cannot be started")
            .with("workers", workers)
            .with_remedy("use fewer --workers, or allow this user more threads and open files")
            .caused_by(cause)
    })
}

fn no_signals(cause: io::Error) -> Error {
    Error::new(Code::InitializationFailed, "signals cannot be listened for")
        .with_remedy("allow this user more open files")
        .caused_by(cause)
}

/// What is left to say when everything has stopped.
enum End {
    Report(Box<Output>),
    Failed(String),
    Interrupted(Exit, String),
}

/// Leads one run from start to stop and listens for signals all the time.
struct Driver<'a> {
    system: &'a System,
    signals: Signals,
    /// The first signal that came.
    stop: Option<Exit>,
    err: &'a mut dyn Write,
}

/// A second signal: the program is to end at once.
struct AtOnce(Exit);

impl Driver<'_> {
    async fn drive(
        mut self,
        spec: SystemSpec,
        options: &RunOptions,
        args: &RunArgs,
    ) -> io::Result<End> {
        let env = self.system.env().clone();
        let started = env.now();
        let mode = ProgressMode::choose(io::stderr().is_terminal(), args.json, args.quiet);
        let mut view = ProgressView::new(mode, started);
        let node = match Node::start(self.system, spec, options).await {
            Ok(node) => node,
            Err(error) => return Ok(End::Failed(failure::of_node(&error))),
        };
        let outcome = match Box::pin(self.watch(&node, &mut view)).await? {
            Ok(outcome) => outcome,
            Err(AtOnce(exit)) => return Ok(at_once(exit)),
        };
        let elapsed = env.now().saturating_duration_since(started);
        let restarts = node.restarts();
        if let Ok(outcome) = &outcome {
            let progress = outcome.status.progress;
            let sample = ProgressSample { done: progress.done, total: progress.total, restarts };
            self.say(view.finish(env.now(), sample))?;
        }
        match self.stop(&node).await {
            Ok(report) => self.report_stop(&report)?,
            Err(AtOnce(exit)) => return Ok(at_once(exit)),
        }
        Ok(match outcome {
            Err(error) => End::Failed(failure::of_node(&error)),
            Ok(RunOutcome { end: RunEnd::Failed(error), .. }) => {
                End::Failed(failure::of_run(&error))
            }
            Ok(RunOutcome { end: RunEnd::Done(report), status, .. }) => {
                let summary = RunSummary::new(elapsed, &status, restarts);
                End::Report(Box::new(Output::new(report, summary, elapsed)))
            }
            Ok(RunOutcome { status, .. }) => {
                let exit = self.stop.unwrap_or(Exit::Interrupted);
                End::Interrupted(exit, failure::of_interruption(&status))
            }
        })
    }

    /// Shows progress until the run has ended.
    async fn watch(
        &mut self,
        node: &Node,
        view: &mut ProgressView,
    ) -> io::Result<Result<Result<RunOutcome, NodeError>, AtOnce>> {
        let env = self.system.env().clone();
        let mut outcome = pin!(node.outcome());
        loop {
            if let Some(NodeStatus { run, restarts, .. }) = node.status().await {
                let (done, total) = (run.progress.done, run.progress.total);
                self.say(view.update(env.now(), ProgressSample { done, total, restarts }))?;
            }
            let pause = env.sleep_until(env.now().saturating_add(LOOK_INTERVAL));
            // The outcome first: a run that is done is not interrupted any more.
            let event = {
                let signal = pin!(self.signals.next());
                select_biased(outcome.as_mut(), select_biased(signal, pin!(pause))).await
            };
            match event {
                Either::First(outcome) => return Ok(Ok(outcome)),
                Either::Second(Either::Second(())) => {}
                Either::Second(Either::First(exit)) => {
                    if self.stop.replace(exit).is_some() {
                        return Ok(Err(AtOnce(exit)));
                    }
                    self.say(view.pause())?;
                    writeln!(self.err, "stopping in order; once more to end at once")?;
                    self.err.flush()?;
                    node.interrupt().await;
                }
            }
        }
    }

    async fn stop(&mut self, node: &Node) -> Result<ShutdownReport, AtOnce> {
        let mut stopped = pin!(node.stop(self.system.deadline(STOP_TIMEOUT)));
        loop {
            let event = select_biased(stopped.as_mut(), pin!(self.signals.next())).await;
            match event {
                Either::First(report) => return Ok(report),
                // The first one asks for what is under way; it must not cost a run that is done its report.
                Either::Second(exit) => {
                    if self.stop.replace(exit).is_some() {
                        return Err(AtOnce(exit));
                    }
                }
            }
        }
    }

    fn report_stop(&mut self, report: &ShutdownReport) -> io::Result<()> {
        if !report.killed.is_empty() {
            let count = counted(report.killed.len(), "process", "processes");
            writeln!(self.err, "warning: {count} did not stop in time and had to be killed")?;
        }
        for process in &report.stuck {
            let name = process.label.as_deref().unwrap_or(process.type_name);
            writeln!(self.err, "warning: {name} ({}) did not even end then", process.pid)?;
        }
        Ok(())
    }

    fn say(&mut self, text: Option<String>) -> io::Result<()> {
        if let Some(text) = text {
            self.err.write_all(text.as_bytes())?;
            self.err.flush()?;
        }
        Ok(())
    }
}

fn at_once(exit: Exit) -> End {
    End::Interrupted(exit, "ended at once; nothing was stopped in order\n".to_owned())
}
