//! `foundation run`.

use std::io::{self, Write};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use foundation_agent::Actions;
use foundation_env::{Either, Env, select_biased};
use foundation_node::{
    Control, Found, Node, NodeError, NodeStatus, RunOptions, Switches, SystemSpec, check_input,
};
use foundation_process::{Limits, ShutdownReport, System};
use foundation_registry::Query;
use foundation_types::{Code, Error, Instant};
use foundation_workflow::{Chaos, RunEnd, RunOutcome, RunStatus};
use tokio::runtime::{Builder, Runtime};

use crate::answers::Answers;
use crate::args::RunArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::found;
use crate::logs;
use crate::progress::{ProgressMode, ProgressSample, ProgressStream, ProgressView};
use crate::report::{Output, RunSummary};
use crate::signals::Signals;
use crate::text::{counted, printable};

/// Time between two looks at the run.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Time the tree has to stop before what is left of it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the system of a file: starts its tree, shows progress, stops everything in order and prints the report.
///
/// The output is written on a thread of its own, so that a reader who does not read cannot keep the program from
/// ending at a signal; what was not written by then is lost.
///
/// # Errors
/// The error of the stream when progress or the report cannot be written.
pub fn run(
    args: &RunArgs,
    mut out: impl Write + Send + 'static,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let Ready { spec, options, mut signals, runtime } = match prepare(args) {
        Ok(ready) => ready,
        Err(refused) => {
            let (exit, failure) = *refused;
            let End { exit, output, remark } = End::failed(exit, &failure, (None, None), args.json);
            write!(err, "{remark}")?;
            // No signal is caught yet, or nothing runs that could hold it up.
            let written = out.write_all(output.as_bytes()).and_then(|()| out.flush());
            return exit.unless_unwritable(written);
        }
    };
    logs::install(args.log.as_ref());
    let mut limits = Limits::default();
    limits.strict_supervision = true;
    let env = Env::tokio(runtime.handle().clone());
    let switches = match args.data.as_deref().map(|data| switches(&runtime, &env, data)).transpose()
    {
        Ok(switches) => switches,
        Err(error) => {
            let failure = Failure::of_error("data", &error);
            let End { exit, output, remark } =
                End::failed(Exit::Usage, &failure, (None, None), args.json);
            write!(err, "{remark}")?;
            let written = out.write_all(output.as_bytes()).and_then(|()| out.flush());
            return exit.unless_unwritable(written);
        }
    };
    if let Some(switches) = &switches {
        limits = switches.limits(limits);
    }
    let system = System::with_limits(env, limits);
    if let Some(switches) = &switches {
        switches.apply(&system);
    }
    let exit = runtime.block_on(async {
        let steered = args.data.as_deref().zip(switches);
        let driver = Driver::new(&system, &mut signals, args, err).with_control(steered);
        let End { exit, output, remark } = Box::pin(driver.drive(spec, &options)).await?;
        write!(err, "{remark}")?;
        let written = system
            .env()
            .blocking(move || out.write_all(output.as_bytes()).and_then(|()| out.flush()));
        match select_biased(written, pin!(signals.next())).await {
            Either::First(Ok(written)) if exit == Exit::Success => written.map(|()| exit),
            Either::First(Ok(written)) => exit.unless_unwritable(written),
            Either::First(Err(error)) => Err(io::Error::other(error)),
            Either::Second(exit) => {
                writeln!(err, "interrupted while the output was written; it is not whole")?;
                Ok(exit)
            }
        }
    });
    // Work on the blocking pool cannot be stopped; it ends with the program.
    runtime.shutdown_background();
    exit
}

/// Everything a run needs.
struct Ready {
    spec: SystemSpec,
    options: RunOptions,
    signals: Signals,
    runtime: Runtime,
}

/// Checks and makes what can be checked and made before anything is started.
fn prepare(args: &RunArgs) -> Result<Ready, Box<(Exit, Failure)>> {
    let file = args.file.display().to_string();
    let spec = SystemSpec::load(&args.file, &Actions::builtin())
        .map_err(|faults| Box::new((Exit::Usage, Failure::of_file(&file, &faults))))?;
    check_input(&args.input)
        .map_err(|error| Box::new((Exit::Usage, Failure::of_error("input", &error))))?;
    // Checked with the arguments, so an error stands for no chaos.
    let chaos = args.chaos.and_then(|rate| Chaos::new(rate, args.seed).ok());
    let workers = args.workers.map_or_else(cores, usize::from);
    let options = RunOptions::new(&args.input, workers).with_chaos(chaos);
    let setup = |error: Error| Box::new((Exit::Failed, Failure::of_error("setup", &error)));
    // Before there is a runtime whose threads could take a signal that nobody listens for yet.
    let signals = Signals::listen().map_err(|error| setup(no_signals(error)))?;
    let runtime = runtime(workers).map_err(setup)?;
    Ok(Ready { spec, options, signals, runtime })
}

/// Where progress goes. Log lines would tear up a line that is written over.
fn stream(args: &RunArgs) -> ProgressStream {
    match ProgressStream::of_stderr() {
        ProgressStream::Terminal if args.log.is_some() => ProgressStream::Dumb,
        stream => stream,
    }
}

/// The flags of a data folder.
fn switches(runtime: &Runtime, env: &Env, data: &Path) -> Result<Switches, Error> {
    runtime.block_on(Switches::open(env.clone(), data)).map_err(|cause| {
        Error::new(Code::InitializationFailed, "the data folder cannot be used")
            .with("folder", data.display().to_string())
            .with_remedy("see the cause; end the system that has the folder, or name another one")
            .caused_by(cause)
    })
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
struct End {
    exit: Exit,
    /// For standard output.
    output: String,
    /// For standard error.
    remark: String,
}

impl End {
    /// Without a report: how far the run came and what a query found, as far as there is either.
    fn failed(
        exit: Exit,
        failure: &Failure,
        (run, found): (Option<&RunSummary>, Option<&Found>),
        json: bool,
    ) -> Self {
        let remark = failure.text().to_owned();
        if !json {
            return Self { exit, output: found.map(found::human).unwrap_or_default(), remark };
        }
        match failure.json(run, found) {
            Ok(output) => Self { exit, output, remark },
            Err(error) => {
                let remark = format!("{remark}error: the failure has no JSON form: {error}\n");
                Self { exit, output: String::new(), remark }
            }
        }
    }

    fn report(output: &Output, json: bool) -> Self {
        if !json {
            return Self { exit: Exit::Success, output: output.human(), remark: String::new() };
        }
        match output.json() {
            Ok(output) => Self { exit: Exit::Success, output, remark: String::new() },
            Err(error) => {
                Self::failed(Exit::Failed, &Failure::of_error("run", &error), (None, None), json)
            }
        }
    }
}

/// Leads one run from start to stop and listens for signals all the time.
struct Driver<'a> {
    system: &'a System,
    signals: &'a mut Signals,
    /// The first signal that came.
    stop: Option<Exit>,
    json: bool,
    query: Option<Query>,
    /// What the query found when the run had ended, however it did.
    found: Option<Found>,
    /// Answers while the run goes on.
    answers: Option<Answers>,
    started: Instant,
    view: ProgressView,
    /// How far the run was when it was last seen; `None` before it has begun.
    seen: Option<Seen>,
    /// Where others may ask, and what they may switch.
    steered: Option<(&'a Path, Switches)>,
    err: &'a mut dyn Write,
}

struct Seen {
    run: RunStatus,
    restarts: u64,
}

/// A second signal: the program is to end at once.
struct AtOnce(Exit);

impl<'a> Driver<'a> {
    fn new(
        system: &'a System,
        signals: &'a mut Signals,
        args: &RunArgs,
        err: &'a mut dyn Write,
    ) -> Self {
        let started = system.env().now();
        let mode = ProgressMode::choose(stream(args), args.json, args.quiet);
        let view = ProgressView::new(mode, started);
        let json = args.json;
        // Checked with the arguments.
        let query = args.query.as_ref().and_then(|text| text.parse().ok());
        let answers = args.query_every.map(|every| Answers::new(every, json, started));
        let (stop, found, seen, steered) = (None, None, None, None);
        Self {
            system,
            signals,
            stop,
            json,
            query,
            found,
            answers,
            started,
            view,
            seen,
            steered,
            err,
        }
    }

    fn with_control(mut self, steered: Option<(&'a Path, Switches)>) -> Self {
        self.steered = steered;
        self
    }

    /// Lets others ask while the run goes on; one that cannot be asked runs all the same.
    fn listen(&mut self, node: &Node, name: &str) -> io::Result<Option<Control>> {
        let Some((folder, switches)) = self.steered.clone() else { return Ok(None) };
        match Control::listen(self.system, node, name, switches, folder) {
            Ok(control) => Ok(Some(control)),
            Err(error) => {
                let folder = folder.display();
                writeln!(self.err, "warning: nobody can ask through {folder}: {error}")?;
                Ok(None)
            }
        }
    }

    async fn drive(mut self, spec: SystemSpec, options: &RunOptions) -> io::Result<End> {
        match Box::pin(self.lead(spec, options)).await? {
            Ok(end) => Ok(end),
            Err(AtOnce(exit)) => {
                self.finish_progress()?;
                Ok(self.failed(exit, Failure::at_once()))
            }
        }
    }

    async fn lead(
        &mut self,
        spec: SystemSpec,
        options: &RunOptions,
    ) -> io::Result<Result<End, AtOnce>> {
        let name = spec.name.clone();
        let node = match self.start(spec, options).await {
            Either::First(Ok(node)) => node,
            Either::First(Err(error)) => {
                return Ok(Ok(self.failed(Exit::Failed, Failure::of_node(&error))));
            }
            Either::Second(exit) => {
                self.stopping(exit)?;
                if let Err(at_once) = self.shut_down().await? {
                    return Ok(Err(at_once));
                }
                return Ok(Ok(self.failed(exit, Failure::interrupted())));
            }
        };
        let _control = self.listen(&node, &name)?;
        let watched = Box::pin(self.watch(&node)).await?;
        self.found = self.query.as_ref().map(|query| Found::new(query, &node.query(query)));
        let outcome = match watched {
            Ok(outcome) => outcome,
            Err(at_once) => return Ok(Err(at_once)),
        };
        let elapsed = self.elapsed();
        if let Ok(outcome) = &outcome {
            self.seen = Some(Seen { run: outcome.status.clone(), restarts: node.restarts() });
        }
        self.finish_progress()?;
        if let Err(at_once) = self.shut_down().await? {
            return Ok(Err(at_once));
        }
        Ok(Ok(match outcome.map(|outcome| outcome.end) {
            Err(error) => self.failed(Exit::Failed, Failure::of_node(&error)),
            Ok(RunEnd::Failed(error)) => self.failed(Exit::Failed, Failure::of_run(&error)),
            Ok(RunEnd::Done(report)) => {
                let summary = self.summary(elapsed).unwrap_or_else(|| {
                    RunSummary::new(elapsed, &RunStatus::default(), node.restarts())
                });
                let output = Output::new(report, summary, elapsed).with_found(self.found.take());
                End::report(&output, self.json)
            }
            Ok(RunEnd::Interrupted) => {
                self.failed(self.stop.unwrap_or(Exit::Interrupted), Failure::interrupted())
            }
        }))
    }

    /// Starts the tree, or returns the signal that came before it had. What runs then is left to the shutdown.
    async fn start(
        &mut self,
        spec: SystemSpec,
        options: &RunOptions,
    ) -> Either<Result<Node, NodeError>, Exit> {
        let starting = Box::pin(Node::start(self.system, spec, options));
        // The node first: a signal that came together with it is still there for the watch.
        select_biased(starting, pin!(self.signals.next())).await
    }

    /// Shows progress until the run has ended.
    async fn watch(
        &mut self,
        node: &Node,
    ) -> io::Result<Result<Result<RunOutcome, NodeError>, AtOnce>> {
        let mut outcome = pin!(node.outcome());
        let env = self.system.env();
        let (mut look_at, mut stops) = (env.now(), self.stop.is_some());
        // Kept until it has its answer, whatever else happens: one that is dropped has asked in vain.
        let mut looking = pin!(look(env, node, look_at, stops));
        loop {
            // The outcome first: a run that is done is not interrupted any more.
            let event = {
                let due = self.answers.as_ref().map_or(Instant::from_nanos(u64::MAX), Answers::due);
                let answer = pin!(env.sleep_until(due));
                let look = select_biased(answer, looking.as_mut());
                let signal = pin!(self.signals.next());
                select_biased(outcome.as_mut(), select_biased(signal, look)).await
            };
            match event {
                Either::First(outcome) => return Ok(Ok(outcome)),
                Either::Second(Either::Second(Either::First(()))) => self.answer(node)?,
                Either::Second(Either::Second(Either::Second(status))) => {
                    self.show(status)?;
                    // The first look after a signal tells the keeper, and does so at once.
                    let is_told = stops || self.stop.is_none();
                    let pause = if is_told { LOOK_INTERVAL } else { Duration::ZERO };
                    (look_at, stops) = (env.now().saturating_add(pause), self.stop.is_some());
                    looking.set(look(env, node, look_at, stops));
                }
                Either::Second(Either::First(exit)) => {
                    if self.stop.is_some() {
                        return Ok(Err(AtOnce(exit)));
                    }
                    self.stopping(exit)?;
                    // One that has not begun to ask loses nothing.
                    if look_at > env.now() {
                        (look_at, stops) = (env.now(), true);
                        looking.set(look(env, node, look_at, stops));
                    }
                }
            }
        }
    }

    /// Shows how far the run is, or that it is where it was when the keeper does not answer.
    fn show(&mut self, status: Option<NodeStatus>) -> io::Result<()> {
        if let Some(NodeStatus { run, restarts, .. }) = status {
            self.seen = Some(Seen { run, restarts });
        }
        let Some(sample) = self.sample() else { return Ok(()) };
        let text = self.view.update(self.system.env().now(), sample);
        self.say(text)
    }

    /// Answers the query above the progress, which is shown again at the next look.
    fn answer(&mut self, node: &Node) -> io::Result<()> {
        let (Some(answers), Some(query)) = (&mut self.answers, &self.query) else { return Ok(()) };
        let found = Found::new(query, &node.query(query));
        let text = answers.text(self.system.env().now(), &found);
        let room = self.view.pause();
        self.say(room)?;
        self.say(Some(text))
    }

    /// Notes the first signal and says so.
    fn stopping(&mut self, exit: Exit) -> io::Result<()> {
        self.stop = Some(exit);
        let room = self.view.pause();
        self.say(room)?;
        self.say(Some("stopping in order; once more to end at once\n".to_owned()))
    }

    async fn shut_down(&mut self) -> io::Result<Result<(), AtOnce>> {
        let mut stopped = pin!(self.system.shutdown(self.system.deadline(STOP_TIMEOUT)));
        loop {
            let event = select_biased(stopped.as_mut(), pin!(self.signals.next())).await;
            match event {
                Either::First(report) => return self.report_stop(&report).map(Ok),
                // The first one asks for what is under way; it must not cost a run that is done its report.
                Either::Second(exit) => {
                    if self.stop.replace(exit).is_some() {
                        return Ok(Err(AtOnce(exit)));
                    }
                }
            }
        }
    }

    fn failed(&self, exit: Exit, failure: Failure) -> End {
        let failure = failure.with_progress(self.seen.as_ref().map(|seen| &seen.run));
        let run = self.summary(self.elapsed());
        End::failed(exit, &failure, (run.as_ref(), self.found.as_ref()), self.json)
    }

    fn summary(&self, elapsed: Duration) -> Option<RunSummary> {
        let seen = self.seen.as_ref()?;
        Some(RunSummary::new(elapsed, &seen.run, seen.restarts))
    }

    fn elapsed(&self) -> Duration {
        self.system.env().now().saturating_duration_since(self.started)
    }

    fn sample(&self) -> Option<ProgressSample> {
        let Seen { run, restarts } = self.seen.as_ref()?;
        let (done, total) = (run.progress.done, run.progress.total);
        Some(ProgressSample { done, total, restarts: *restarts })
    }

    /// Ends the progress on every way out, so that what is said next has a line of its own.
    fn finish_progress(&mut self) -> io::Result<()> {
        let now = self.system.env().now();
        let text = self.sample().and_then(|sample| self.view.finish(now, sample));
        self.say(text)
    }

    fn report_stop(&mut self, report: &ShutdownReport) -> io::Result<()> {
        if !report.killed.is_empty() {
            let count = counted(report.killed.len(), "process", "processes");
            writeln!(self.err, "warning: {count} did not stop in time and had to be killed")?;
        }
        for process in &report.stuck {
            let name = printable(process.label.as_deref().unwrap_or(process.type_name));
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

/// Asks, at an instant, how far the run is. An order to stop may have been lost with a keeper that died, so it is
/// given again at each look: the keeper counts only the first.
async fn look(env: &Env, node: &Node, at: Instant, stops: bool) -> Option<NodeStatus> {
    if at > env.now() {
        env.sleep_until(at).await;
    }
    if stops {
        // One that reached nobody is made up for by the next.
        let _reached = node.interrupt().await;
    }
    node.status().await
}
