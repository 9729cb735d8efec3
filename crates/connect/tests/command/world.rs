//! What the cases run in: a system, a runner, and programs that both runners have.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foundation_connect::{
    AllowList, ArgumentPolicy, CommandError, CommandOutput, CommandRequest, CommandRunner,
    CommandService, CommandSettings, CommandSettingsBuilder, CommandStats, Commands, ExitStatus,
    OsRunner, Script, ScriptedRunner,
};
use foundation_env::Env;
use foundation_process::System;
use foundation_testkit::{sim_seeds, wait_for};
use foundation_types::{Deadline, Pid};

/// No wait of a test takes longer unless something is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What is kept of each stream.
pub(crate) const OUTPUT_MAX: usize = 1000;

/// The variable by which a program and everything it starts can be found.
pub(crate) const MARK: &str = "FOUNDATION_TEST_MARK";

/// The programs of the cases. Each notes that it ran; a real one is a script for the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// Writes `hello` and ends.
    Hello,
    /// Writes `broken` to standard error and ends with code 3.
    Fails,
    /// Writes `started`, starts another process, and never ends.
    Hangs,
    /// The same, and ignores being asked to stop.
    Stubborn,
    /// Ends when the gate is open; in the simulation after a second.
    Gate,
    /// Writes far more than is kept.
    Loud,
    /// Is allowed and does not exist.
    Missing,
}

use Program::{Fails, Gate, Hangs, Hello, Loud, Stubborn};

impl Program {
    const RUNNABLE: [Self; 6] = [Hello, Fails, Hangs, Stubborn, Gate, Loud];

    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    fn script(self) -> Script {
        match self {
            Hello => Script::ends(ExitStatus::Code(0)).stdout("hello\n"),
            Fails => Script::ends(ExitStatus::Code(3)).stderr("broken\n"),
            Hangs => Script::hangs().stdout("started\n"),
            Stubborn => Script::hangs().stdout("started\n").ignores_termination(),
            Gate => {
                Script::ends(ExitStatus::Code(0)).takes(Duration::from_secs(1)).stdout("open\n")
            }
            Loud => Script::ends(ExitStatus::Code(0)).stdout(vec![b'x'; 100 * OUTPUT_MAX]),
            Self::Missing => unreachable!("it has no script"),
        }
    }

    fn shell(self) -> &'static str {
        match self {
            Hello => "echo hello",
            Fails => "echo broken >&2; exit 3",
            Hangs => "echo started; sleep 60 & sleep 60",
            Stubborn => "trap '' TERM; echo started; sleep 60 & while true; do sleep 60; done",
            Gate => {
                "n=0; while test ! -e gate -a $n -lt 3000; do n=$((n+1)); sleep 0.02; done; echo open"
            }
            Loud => "head -c 100000 /dev/zero",
            Self::Missing => unreachable!("it is not run by the shell"),
        }
    }
}

#[derive(Clone)]
enum Kind {
    Scripted(ScriptedRunner),
    Real(Arc<Folder>),
}

/// A folder of its own for each run of a case.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("foundation-connect-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) system: System,
    kind: Kind,
}

impl World {
    fn new(env: Env, kind: Kind) -> Self {
        Self { system: System::new(env), kind }
    }

    /// A world of real programs on a runtime.
    pub(crate) fn real(env: Env) -> Self {
        Self::new(env, Kind::Real(Arc::new(Folder::new())))
    }

    pub(crate) fn is_real(&self) -> bool {
        matches!(self.kind, Kind::Real(_))
    }

    pub(crate) fn deadline(&self, timeout: Duration) -> Deadline {
        self.system.deadline(timeout)
    }

    pub(crate) fn folder(&self) -> String {
        match &self.kind {
            Kind::Scripted(_) => "/".to_owned(),
            Kind::Real(folder) => folder.0.to_str().unwrap().to_owned(),
        }
    }

    /// Settings that allow all programs of the cases.
    pub(crate) fn settings(&self) -> CommandSettingsBuilder {
        let any = ArgumentPolicy::any;
        let mut list = AllowList::new().allow("missing", any()).allow("sh", any());
        for program in Program::RUNNABLE {
            list = list.allow(program.name(), any());
        }
        CommandSettings::builder(list)
            .directory(self.folder())
            .output_bytes_max(OUTPUT_MAX)
            .allow_variables([MARK])
    }

    pub(crate) fn service(&self, settings: CommandSettings) -> CommandService {
        let runner: Arc<dyn CommandRunner> = match &self.kind {
            Kind::Scripted(runner) => Arc::new(runner.clone()),
            Kind::Real(_) => Arc::new(OsRunner::new()),
        };
        CommandService::new(settings, runner)
    }

    pub(crate) fn start(&self, settings: CommandSettingsBuilder) -> (Commands, Pid) {
        let service = self.service(settings.build().unwrap());
        let address = self.system.spawn(service).unwrap();
        let pid = address.pid();
        (Commands::from(address), pid)
    }

    pub(crate) fn request(&self, program: Program) -> CommandRequest {
        self.request_until(program, self.deadline(PATIENCE))
    }

    pub(crate) fn request_until(&self, program: Program, deadline: Deadline) -> CommandRequest {
        if self.is_real() && program != Program::Missing {
            self.shell(program.shell(), deadline)
        } else {
            CommandRequest::new(program.name(), deadline)
        }
    }

    /// A request for the real shell.
    pub(crate) fn shell(&self, script: &str, deadline: Deadline) -> CommandRequest {
        let script = format!("echo run >> runs; {script}");
        CommandRequest::new("sh", deadline).args(["-c", &script]).variable(MARK, self.folder())
    }

    /// How many programs have begun.
    pub(crate) fn runs(&self) -> u64 {
        match &self.kind {
            Kind::Scripted(runner) => runner.runs(),
            Kind::Real(folder) => {
                let text = fs::read_to_string(folder.0.join("runs")).unwrap_or_default();
                text.lines().count() as u64
            }
        }
    }

    pub(crate) async fn wait_runs(&self, count: u64) {
        wait_for(self.system.env(), "programs to begin", self.deadline(PATIENCE), || {
            let runs = self.runs();
            if runs == count { Ok(()) } else { Err(format!("{runs} of {count}")) }
        })
        .await;
    }

    /// Lets the programs that wait at the gate end.
    pub(crate) fn open_gate(&self) {
        if let Kind::Real(folder) = &self.kind {
            fs::write(folder.0.join("gate"), "").unwrap();
        }
    }

    /// What is left of all programs of this world. Real ones are found by the variable that they
    /// and everything they started have; a process that is dead and not reaped by its parent has
    /// none any more, so children of our own are looked at by their parent too.
    pub(crate) fn survivors(&self) -> Vec<String> {
        match &self.kind {
            Kind::Scripted(runner) => vec!["scripted".to_owned(); runner.live()],
            Kind::Real(folder) => {
                let mark = format!("{MARK}={}\0", folder.0.display());
                marked(&mark)
            }
        }
    }

    pub(crate) async fn wait_no_survivors(&self) {
        wait_for(self.system.env(), "programs to be gone", self.deadline(PATIENCE), || {
            let survivors = self.survivors();
            if survivors.is_empty() { Ok(()) } else { Err(format!("{survivors:?}")) }
        })
        .await;
    }

    /// Waits until the figures of a service are as they should be.
    pub(crate) async fn wait_stats(
        &self,
        commands: &Commands,
        what: &str,
        wanted: impl Fn(&CommandStats) -> bool,
    ) -> CommandStats {
        let deadline = self.deadline(PATIENCE);
        loop {
            let stats = commands.stats().await.unwrap();
            if wanted(&stats) {
                return stats;
            }
            let now = self.system.env().now();
            assert!(!deadline.has_passed(now), "{what} did not come about: {stats:?}");
            let pause = Duration::from_millis(2);
            self.system.env().sleep_until(now.saturating_add(pause)).await;
        }
    }

    /// Waits until nothing runs, waits or is waited for.
    pub(crate) async fn wait_idle(&self, commands: &Commands) -> CommandStats {
        let idle =
            |stats: &CommandStats| (stats.running, stats.waiting, stats.callers) == (0, 0, 0);
        self.wait_stats(commands, "an idle service", idle).await
    }

    /// Runs a request in a task of its own.
    pub(crate) fn task(&self, commands: &Commands, request: CommandRequest) -> Task {
        let commands = commands.clone();
        let task = Task::default();
        let result = Arc::clone(&task.0);
        self.system.env().spawn(async move {
            let answer = commands.run(request).await;
            *result.lock().unwrap() = Some(answer);
        });
        task
    }

    pub(crate) async fn join(&self, task: Task) -> Result<CommandOutput, CommandError> {
        wait_for(self.system.env(), "an answer", self.deadline(PATIENCE), || {
            task.0.lock().unwrap().take().ok_or("it is not there")
        })
        .await
    }

    /// The processes that run programs.
    pub(crate) fn workers(&self) -> Vec<Pid> {
        let is_worker = |label: Option<&str>| label.is_some_and(|one| one.starts_with("command "));
        let all = self.system.processes();
        let workers = all.iter().filter(|info| is_worker(info.label.as_deref()));
        workers.map(|info| info.pid).collect()
    }
}

/// A caller in a task of its own.
#[derive(Default)]
pub(crate) struct Task(Arc<Mutex<Option<Result<CommandOutput, CommandError>>>>);

impl Task {
    pub(crate) fn is_done(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }
}

/// Everything in the process table whose environment has the mark.
fn marked(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        // A process may end while it is looked at: then it is no survivor.
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        if environment.windows(mark.len()).any(|part| part == mark.as_bytes()) {
            let command = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            found.push(format!("{}: {}", entry.file_name().display(), command.replace('\0', " ")));
        }
    }
    found
}

/// Children of this test program that are dead and not reaped.
pub(crate) fn zombies() -> Vec<String> {
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(text) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name stands in brackets and may contain anything; the state and the parent follow.
        let Some((head, rest)) = text.rsplit_once(") ") else { continue };
        let mut fields = rest.split(' ');
        if fields.next() == Some("Z") && fields.next() == Some(&own) {
            found.push(head.to_owned());
        }
    }
    found
}

/// Runs a case in a world of real programs.
pub(crate) fn really<Fut: Future<Output = ()>>(case: impl Fn(World) -> Fut) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(case(World::real(Env::tokio(runtime.handle().clone()))));
}

/// Runs a case with scripted programs under 20 seeds: for cases whose order hangs on time, which
/// only the simulation keeps.
pub(crate) fn scripted<Fut: Future<Output = ()>>(case: impl Fn(World) -> Fut) {
    sim_seeds(0..20, |env, _seed| {
        let mut runner = ScriptedRunner::new();
        for program in Program::RUNNABLE {
            runner = runner.program(program.name(), program.script());
        }
        case(World::new(env, Kind::Scripted(runner)))
    });
}

/// Runs a case with scripted programs and with real ones.
pub(crate) fn everywhere<Fut: Future<Output = ()>>(case: impl Fn(World) -> Fut) {
    scripted(&case);
    really(case);
}
