//! `foundation` where its streams are not what it would like: a terminal, a pipe nobody reads, a full disk.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test ends at the first surprise")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::world::{closed, command, folder, laborious, laborious_files, root, signal, text};

mod world;

const EXAMPLE: &str = "examples/digest/system.toml";
/// What removes the live line.
const CLEAR: &str = "\r\u{1b}[2K";

/// Runs the example on a folder in a terminal of its own, which `script` of util-linux opens; what is written to
/// its standard input is typed there.
fn on_terminal(term: &str, input: &TempDir, args: &str) -> Child {
    let program = env!("CARGO_BIN_EXE_foundation");
    let input = input.path().to_str().unwrap();
    let line = format!("'{program}' run {EXAMPLE} --input '{input}' {args}");
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
    script.current_dir(root()).env("TERM", term).env("SHELL", "/bin/sh");
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    script.spawn().expect("`script` of util-linux is installed")
}

/// Reads until the text ends with one; returns all of it.
fn read_until(end: &str, from: &mut impl Read) -> String {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(end.as_bytes()) {
        assert_eq!(from.read(&mut byte).unwrap(), 1, "{end:?} is not in {:?}", text(&read));
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn on_a_terminal_the_report_stands_alone_after_the_live_line() {
    let output = on_terminal("xterm", &folder(), "").wait_with_output().unwrap();
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown:?}");
    // A run this short may be over before its line is shown; what was shown is gone.
    let left = shown.rsplit(CLEAR).next().unwrap();
    assert!(left.starts_with("3 files, "), "{shown:?}");
    assert!(!left.contains('\u{1b}') && !shown.contains("progress: "), "{shown:?}");
}

#[test]
fn a_terminal_that_cannot_erase_gets_plain_lines() {
    let output = on_terminal("dumb", &folder(), "").wait_with_output().unwrap();
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown:?}");
    assert!(shown.contains("progress: 7/7 done"), "{shown:?}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn control_c_at_a_terminal_stops_in_order_below_the_live_line() {
    let folder = laborious();
    let mut terminal = on_terminal("xterm", &folder, "");
    let mut screen = BufReader::new(terminal.stdout.take().unwrap());
    let before = read_until(" restarts, ", &mut screen);
    assert!(before.contains(CLEAR), "{before:?}");
    terminal.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    let mut shown = String::new();
    screen.read_to_string(&mut shown).unwrap();
    assert_eq!(terminal.wait().unwrap().code(), Some(130), "{shown:?}");
    assert!(shown.contains(&format!("{CLEAR}stopping in order; once more")), "{shown:?}");
    let (_, end) = shown.rsplit_once("interrupted: ").unwrap();
    assert!(!end.contains('\u{1b}') && end.contains("merge"), "{shown:?}");
}

#[test]
fn an_answer_takes_the_place_of_the_live_line_which_comes_again_below() {
    let args = "--query capability:text.stats --query-every 0.3";
    let output = on_terminal("xterm", &laborious_files(4), args).wait_with_output().unwrap();
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown:?}");
    let (before, after) = shown.split_once("after 0.").expect("it was answered");
    assert!(before.ends_with(CLEAR), "{shown:?}");
    let (table, rest) = after.split_once("\r\n\r\n").unwrap();
    assert!(table.contains("  readers-1  ") && !table.contains('\u{1b}'), "{shown:?}");
    assert!(rest.starts_with(CLEAR), "{shown:?}");
}

/// Every command with something to say on standard output, and its exit code.
fn speakers(folder: &TempDir) -> Vec<(Command, i32)> {
    let input = folder.path().to_str().unwrap();
    let foundation = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foundation"));
        command.args(args).current_dir(root());
        command
    };
    vec![
        (command(&[EXAMPLE, "--input", input, "--quiet"]), 0),
        (command(&[EXAMPLE, "--input", input, "--json"]), 0),
        (command(&[EXAMPLE, "--input", "no such folder", "--json"]), 2),
        (foundation(&["check", EXAMPLE]), 0),
        (foundation(&["check", "--json", "nowhere.toml"]), 2),
        (foundation(&["completions", "bash"]), 0),
        (foundation(&["--help"]), 0),
    ]
}

/// As in `foundation ... | head -1`: whoever read has seen enough.
#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let folder = folder();
    for (mut speaker, code) in speakers(&folder) {
        let output = speaker.stdout(closed()).output().unwrap();
        let shown = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{speaker:?}: {shown}");
        assert!(!shown.contains("output") && !shown.contains("panicked"), "{speaker:?}: {shown}");
    }
}

#[test]
fn a_full_disk_is_a_failure_that_says_so() {
    let folder = folder();
    for (mut speaker, _) in speakers(&folder) {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = speaker.stdout(full).output().unwrap();
        let shown = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{speaker:?}: {shown}");
        let expected = "error: the output cannot be written: No space left on device";
        assert!(shown.lines().any(|line| line.starts_with(expected)), "{speaker:?}: {shown}");
    }
}

/// Enough of a report that no pipe takes it whole.
#[test]
fn a_report_that_nobody_reads_does_not_keep_an_interrupted_program() {
    let folder = TempDir::new().unwrap();
    for number in 0..2_000 {
        fs::write(folder.path().join(format!("{number:0>64}")), b"\xe9").unwrap();
    }
    let args = [EXAMPLE, "--input", folder.path().to_str().unwrap(), "--json"];
    let mut run = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Its first byte says that the report is being written.
    let mut out = run.stdout.take().unwrap();
    out.read_exact(&mut [0]).unwrap();
    signal(&run, "INT");
    let Output { status, stderr, .. } = run.wait_with_output().unwrap();
    let shown = text(&stderr);
    assert_eq!(status.code(), Some(130), "{shown}");
    assert!(
        shown.ends_with("interrupted while the output was written; it is not whole\n"),
        "{shown}"
    );
    drop(out);
}

/// Waits until a program catches SIGINT.
fn until_it_listens(run: &mut Child) {
    const SIGINT: u64 = 1 << 1;
    loop {
        assert!(run.try_wait().unwrap().is_none(), "it ended before it listened");
        let status = fs::read_to_string(format!("/proc/{}/status", run.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        if u64::from_str_radix(caught.trim(), 16).unwrap() & SIGINT != 0 {
            return;
        }
        std::thread::yield_now();
    }
}

/// The signal comes as soon as it does not kill, when the first of many agents are started.
#[test]
fn a_signal_during_the_start_stops_in_order() {
    let folder = folder();
    let mut system = fs::read_to_string(root().join(EXAMPLE)).unwrap();
    for number in 0..8 {
        let pool = "capabilities = [\"text.stats\"]\nsize = 4096\n";
        write!(system, "\n[[pool]]\nname = \"crowd-{number}\"\n{pool}").unwrap();
    }
    let file = folder.path().join("system.toml");
    fs::write(&file, system).unwrap();
    let args = [file.to_str().unwrap(), "--input", folder.path().to_str().unwrap()];
    let mut run = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_it_listens(&mut run);
    signal(&run, "INT");
    let output = run.wait_with_output().unwrap();
    let shown = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(130), ""), "{shown}");
    let mut lines = shown.lines();
    assert_eq!(lines.next().unwrap(), "stopping in order; once more to end at once", "{shown}");
    // On a busy machine the signal may come when the first items are handed out.
    assert!(lines.next_back().unwrap().starts_with("interrupted: "), "{shown}");
}
