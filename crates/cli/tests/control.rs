//! Looking at a running system, and steering it, from outside: `ps`, `query`, `status`, `metrics`, `flags`, `stop`,
//! and clients that mean no good.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::world::{laborious_files, root, text};

#[expect(dead_code, reason = "shared with tests that use more of it")]
mod world;

/// A run that is far from its end, with a data folder.
struct Run {
    child: Child,
    _input: TempDir,
    scratch: TempDir,
}

impl Run {
    fn data(scratch: &TempDir) -> PathBuf {
        scratch.path().join("data")
    }

    fn start(scratch: TempDir) -> Self {
        let input = laborious_files(256);
        let args = ["run", "examples/digest/system.toml", "--workers", "2", "--data"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_foundation"));
        command.args(args).arg(Self::data(&scratch)).arg("--input").arg(input.path());
        command.current_dir(root()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The first line of progress comes after the socket.
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("progress: "), "{line}");
        Self { child, _input: input, scratch }
    }

    fn folder(&self) -> PathBuf {
        Self::data(&self.scratch)
    }

    fn ask(&self, args: &[&str]) -> Output {
        ask(&self.folder(), args)
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.ask(&[args, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder().join("control.sock")).unwrap()
    }

    /// Sends bytes, and nothing after them, and reads the answer.
    fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // One that has heard enough may close before it has read everything.
        drop(stream.write_all(bytes));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        answer
    }

    /// Stops it in order; returns the exit code.
    fn stop(mut self) -> Option<i32> {
        let stopping = self.json(&["stop"]);
        assert_eq!(stopping["stopping"], true);
        let mut rest = Vec::new();
        self.child.stderr.take().unwrap().read_to_end(&mut rest).unwrap();
        let code = self.child.wait().unwrap().code();
        assert!(!self.folder().join("control.sock").exists(), "the socket goes with it");
        code
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn ask(data: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foundation"));
    command.args(args).arg("--data").arg(data).current_dir(root()).output().unwrap()
}

/// Guarantee CS1
#[test]
fn a_running_system_shows_what_it_does_and_does_what_it_is_told() {
    let scratch = TempDir::new().unwrap();
    let data = Run::data(&scratch);
    // A socket that somebody left behind.
    fs::create_dir(&data).unwrap();
    drop(UnixListener::bind(data.join("control.sock")).unwrap());
    let nobody = ask(&data, &["ps"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("no system runs"), "{nobody:?}");

    let run = Run::start(scratch);
    let status = run.json(&["status"]);
    assert_eq!((&status["system"], &status["agents"]), (&"digest".into(), &4.into()));
    assert_eq!(status["os_pid"], run.child.id());
    let processes = run.json(&["ps"]);
    let names: Vec<&str> = processes["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|process| process["name"].as_str().unwrap())
        .collect();
    assert_eq!(names[0], "digest");
    assert!(names.contains(&"readers-1") && names.contains(&"keeper"), "{names:?}");
    assert!(text(&run.ask(&["ps"]).stdout).contains("\n  <0.6.1>      readers-1"));
    let found = run.json(&["query", "capability:text.stats order:id"]);
    assert_eq!(found["agents"][0]["id"], "readers-1");
    let wrong = run.ask(&["query", "capability:"]);
    assert_eq!(wrong.status.code(), Some(2));
    let metrics = run.ask(&["metrics"]);
    let metrics = text(&metrics.stdout);
    assert!(metrics.contains("foundation_processes 10\n"), "{metrics}");
    assert!(
        metrics
            .contains("foundation_agent_jobs_total{capability=\"files.list\",outcome=\"ok\"} 1\n")
    );

    let spans = |flags: Value| flags["flags"]["spans"]["value"].clone();
    assert_eq!(spans(run.json(&["flags", "list"])), "off");
    assert_eq!(spans(run.json(&["flags", "set", "spans", "on", "--why", "to see"])), "on");
    let refused = run.ask(&["rollout", "advance", "--why", "x"]);
    assert!(text(&refused.stderr).contains("foundation stop"), "{refused:?}");
    let folder = run.folder();
    let second = ask(&folder, &["run", "examples/digest/system.toml"]);
    assert_eq!(second.status.code(), Some(2));
    let said = text(&second.stderr);
    assert!(said.contains(&format!("process {}", run.child.id())), "{said}");
    assert_eq!(run.stop(), Some(130));
}

/// Guarantee CS2
#[test]
fn the_socket_is_its_owners_alone() {
    let run = Run::start(TempDir::new().unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&run.folder()), mode(&run.folder().join("control.sock"))), (0o700, 0o600));
}

/// Guarantee CS3
#[test]
fn who_says_nothing_sensible_gets_an_error_and_holds_nobody_up() {
    let run = Run::start(TempDir::new().unwrap());
    let code = |bytes: &[u8]| -> String {
        let answer = run.say(bytes);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["error"]["code"].as_str().unwrap().to_owned()
    };
    for (bytes, expected) in [
        (&b"\n"[..], "malformed"),
        (b"hello\n", "malformed"),
        (b"\xff\xfe\n", "malformed"),
        (b"{\"version\":1,\"command\":\"status\"}", "malformed"),
        (b"{\"version\":1,\"command\":\"dance\"}\n", "malformed"),
        (b"{\"version\":2,\"command\":\"status\"}\n", "version"),
        (b"{\"version\":1,\"command\":\"query\",\"query\":\"((\"}\n", "malformed"),
        (&vec![b'['; 100_000], "malformed"),
    ] {
        assert_eq!(code(bytes), expected, "{:?}", String::from_utf8_lossy(bytes).get(..40));
    }
    // More than it serves at once, which say nothing at all.
    let idle: Vec<UnixStream> = (0..40).map(|_| run.connect()).collect();
    assert_eq!(code(b"{\"version\":1,\"command\":\"status\"}\n"), "busy");
    drop(idle);
    let mut answered = run.ask(&["status"]);
    // It learns of their end when it looks at each.
    while text(&answered.stderr).contains("others are asking") {
        answered = run.ask(&["status"]);
    }
    assert_eq!(answered.status.code(), Some(0), "{answered:?}");
    assert_eq!(run.stop(), Some(130));
}
