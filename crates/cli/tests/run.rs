//! `foundation run` from outside: a real folder, real processes, signals.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::world::{closed, command, folder, laborious, laborious_files, root, signal, text};

mod world;

/// Runs the example on a folder.
fn run(input: &Path, args: &[&str]) -> Output {
    let input = input.to_str().unwrap();
    let mut all = vec!["examples/digest/system.toml", "--input", input];
    all.extend(args);
    command(&all).output().unwrap()
}

/// The text of `report` in the output, byte for byte.
fn report(output: &Output) -> &str {
    let printed = text(&output.stdout);
    let after = printed.strip_prefix("{\"report\":").unwrap();
    after.get(..after.rfind(",\"run\":").unwrap()).unwrap()
}

#[test]
fn log_lines_say_whose_work_they_are_about() {
    let folder = folder();
    let output = run(folder.path(), &["--json", "--quiet", "--log", "warn,foundation_agent=debug"]);
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(lines.len(), 7, "one for each attempt: {lines:?}");
    for line in lines {
        for part in ["agent.work{agent=", " correlation_id=", " task=", " attempt=", " span_id="] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    let wrong = run(folder.path(), &["--log", "foundation_agent=loud"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("write a level"), "{}", text(&wrong.stderr));
}

#[test]
fn json_is_one_object_with_report_and_run() {
    let folder = folder();
    let output = run(folder.path(), &["--json"]);
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let object = value.as_object().unwrap();
    assert_eq!(object.keys().collect::<Vec<_>>(), ["report", "run"]);
    let report = &value["report"];
    assert_eq!((&report["files"], &report["words"]), (&3.into(), &10.into()));
    assert_eq!(report["terms"][0]["term"], "mailbox");
    assert_eq!(report["longest"][0]["title"], "Supervisors");
    assert_eq!(report["duplicates"][0]["paths"], serde_json::json!(["a/one.txt", "a/two.txt"]));
    assert_eq!(report["binary_files"], 1);
    let skipped = report["skipped"].as_array().unwrap();
    assert_eq!((skipped.len(), &skipped[0]["path"]), (1, &"latin.txt".into()));
    assert!(skipped[0]["reason"].as_str().unwrap().contains("not UTF-8"), "{skipped:?}");
    let run = &value["run"];
    assert_eq!((&run["items"], &run["attempts"]), (&7.into(), &7.into()));
    for counter in ["deaths_survived", "deaths_by_panic", "deaths_by_kill", "restarts", "errors"] {
        assert_eq!(run[counter], 0, "{counter}");
    }
    for figure in ["elapsed_ms", "items_per_second", "bytes_per_second", "late_results"] {
        assert!(run[figure].is_u64(), "{figure}: {run}");
    }
}

#[test]
fn a_query_lists_the_agents_that_match_and_a_bad_one_starts_nothing() {
    let folder = folder();
    let query = "capability:text.stats health:healthy order:-id limit:1";
    let output = run(folder.path(), &["--json", "--workers", "2", "--query", query]);
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = &value["found"];
    assert_eq!((&found["query"], &found["has_more"]), (&query.into(), &true.into()));
    let agents = found["agents"].as_array().unwrap();
    assert_eq!((agents.len(), &agents[0]["id"]), (1, &"readers-2".into()));
    assert_eq!(agents[0]["capabilities"], serde_json::json!(["text.stats"]));
    let output = run(folder.path(), &["--query", "capability:no.such"]);
    assert!(text(&output.stdout).contains("0 agents for capability:no.such"));
    let output = run(folder.path(), &["--query", "health:"]);
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(2)));
    assert!(text(&output.stderr).contains("not a query"), "{}", text(&output.stderr));
}

/// Runs the example on a folder that takes long enough, with an answer ten times a second.
fn run_with_answers(more: &[&str]) -> Output {
    let folder = laborious_files(4);
    let query = ["--workers", "2", "--query", "capability:text.stats", "--query-every", "0.1"];
    run(folder.path(), &[query.as_slice(), more].concat())
}

#[test]
fn a_query_is_answered_while_the_work_goes_on() {
    let output = run_with_answers(&["--quiet"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    let first = err.lines().next().unwrap();
    assert!(first.starts_with("after 0.") && first.ends_with(" agents for capability:text.stats"));
    assert!(err.contains("  agent      pid"), "{err}");
    assert!(err.contains("  readers-1  ") && err.contains("  readers-2  "), "{err}");
    assert!(!err.contains("progress: ") && !err.contains('\u{1b}'), "{err}");
    assert!(
        !out.contains("after 0.") && out.contains("2 agents for capability:text.stats"),
        "{out}"
    );
}

#[test]
fn answers_for_programs_are_lines_of_json_beside_the_one_object() {
    let output = run_with_answers(&["--json"]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    let lines: Vec<Value> = err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.is_sorted_by_key(|line| line["elapsed_ms"].as_u64().unwrap()), "{err}");
    assert_eq!(lines[0]["found"]["query"], "capability:text.stats");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["found"]["agents"].as_array().unwrap().len(), 2);
}

/// The entry of an agent once said nothing that changes, so the only answers were all agents or none.
#[test]
fn a_query_finds_the_agents_that_work() {
    let folder = laborious_files(4);
    let query = ["--workers", "2", "--json", "--query", "load>0", "--query-every", "0.1"];
    let output = run(folder.path(), &query);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    let lines = err.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let at_work: Vec<Value> = lines
        .flat_map(|line| line["found"]["agents"].as_array().unwrap().clone())
        .filter(|agent| agent["id"].as_str().unwrap().starts_with("readers-"))
        .collect();
    assert!(!at_work.is_empty(), "{err}");
    assert!(at_work.iter().all(|agent| agent["load"] == 1.0), "{err}");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["found"]["agents"], serde_json::json!([]), "the work is done");
}

#[test]
fn a_pipe_gets_plain_text_and_the_report_stands_alone_on_standard_output() {
    let folder = folder();
    let output = run(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0));
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(out.starts_with("3 files, "), "{out}");
    assert!(out.contains("\nDone in "), "{out}");
    assert!(err.lines().all(|line| line.starts_with("progress: ")), "{err}");
    assert!(err.contains("progress: 7/7 done"), "{err}");
    assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}') && !err.contains('\r'));
    let quiet = run(folder.path(), &["--quiet"]);
    assert_eq!((text(&quiet.stderr), quiet.status.code()), ("", Some(0)));
}

/// Guarantee J1: a run's report does not depend on which agents die while it is made
#[test]
fn chaos_changes_no_byte_of_the_report() {
    let folder = folder();
    for number in 0..60 {
        fs::write(folder.path().join(format!("{number}.txt")), format!("word{number} ")).unwrap();
    }
    let undisturbed = run(folder.path(), &["--json"]);
    for (rate, seed, workers) in [("0.3", "1", "1"), ("0.3", "2", "2"), ("0.9", "3", "4")] {
        let args = ["--json", "--chaos", rate, "--seed", seed, "--workers", workers];
        let output = run(folder.path(), &args);
        assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
        assert_eq!(report(&output), report(&undisturbed));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = |name: &str| value["run"][name].as_u64().unwrap();
        assert!(count("deaths_survived") > 0 && count("restarts") > 0, "{value}");
        assert!(count("deaths_by_panic") > 0 && count("deaths_by_kill") > 0, "{value}");
        assert_eq!(count("attempts"), count("items") + count("deaths_survived"));
    }
}

#[test]
fn a_bad_file_or_folder_exits_with_2_and_says_what_to_do() {
    let folder = folder();
    let file = folder.path().join("a/one.txt");
    let nowhere = folder.path().join("nowhere");
    for (input, cause) in [(&file, "is not a folder"), (&nowhere, "does not exist")] {
        let output = run(input, &[]);
        let shown = text(&output.stderr);
        assert_eq!((text(&output.stdout), output.status.code()), ("", Some(2)));
        assert!(shown.starts_with("error: the input"), "{shown}");
        assert!(shown.contains(cause), "{shown}");
        assert!(shown.contains(&format!(" = at: {}\n", input.display())), "{shown}");
        assert!(shown.contains("\n = help: "), "{shown}");
    }
    let bad = folder.path().join("bad.toml");
    fs::write(&bad, "[system]\nname = 1\n").unwrap();
    let output = command(&[bad.to_str().unwrap()]).output().unwrap();
    let shown = text(&output.stderr);
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(2)));
    assert!(shown.contains(" --> ") && shown.contains("bad.toml:2:8"), "{shown}");
    assert!(shown.contains("nothing was started"), "{shown}");
}

/// The example with other settings for its readers.
fn system(folder: &TempDir, readers: &str, stats: &str) -> PathBuf {
    let example = fs::read_to_string(root().join("examples/digest/system.toml")).unwrap();
    let mut lines = Vec::new();
    for line in example.lines() {
        lines.push(match line {
            _ if line.starts_with("restart = { type") => format!("restart = {{ {readers} }}"),
            _ if line.starts_with("deadline_ms") => stats.to_owned(),
            _ if line.starts_with("deaths_max") && lines.iter().any(|l| l == stats) => {
                String::new()
            }
            _ => line.to_owned(),
        });
    }
    let file = folder.path().join("system.toml");
    fs::write(&file, lines.join("\n")).unwrap();
    file
}

#[test]
fn a_pool_that_gives_up_is_named_with_its_last_reasons() {
    let folder = folder();
    let file = system(&folder, "intensity = 1, period_ms = 60000", "deadline_ms = 60000");
    let input = folder.path().to_str().unwrap();
    let args = [file.to_str().unwrap(), "--input", input, "--chaos", "0.9", "--quiet"];
    let output = command(&args).output().unwrap();
    let shown = text(&output.stderr);
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(1)), "{shown}");
    assert!(shown.starts_with("error: the pool \"readers\" gave up"), "{shown}");
    assert!(shown.contains("1 time in 60000 ms"), "{shown}");
    assert!(shown.contains("last: readers-"), "{shown}");
    assert!(shown.contains("restart.intensity"), "{shown}");
}

/// A run that is at work and far from its end: reads its first line of progress.
fn started(command: Command) -> (Child, BufReader<ChildStderr>) {
    begun(command, "progress: ")
}

/// A run that has written a line with this beginning.
fn begun(mut command: Command, start: &str) -> (Child, BufReader<ChildStderr>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with(start) {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "it ended before it began");
    }
    (child, err)
}

fn rest(child: Child, mut err: BufReader<ChildStderr>) -> (Option<i32>, String, String) {
    let mut shown = String::new();
    err.read_to_string(&mut shown).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), text(&output.stdout).to_owned(), shown)
}

#[test]
fn a_signal_stops_in_order_and_says_what_was_finished() {
    let folder = folder();
    // Nearly every attempt dies, and each file outlasts a hundred thousand deaths: minutes of work.
    for number in 0..60 {
        fs::write(folder.path().join(format!("{number}.txt")), "text").unwrap();
    }
    let file = system(&folder, "intensity = 1000000, period_ms = 1", "deaths_max = 100000");
    let input = folder.path().to_str().unwrap();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let args = [file.to_str().unwrap(), "--input", input, "--chaos", "0.99999"];
        let (child, err) = started(command(&args));
        signal(&child, name);
        let (exit, out, shown) = rest(child, err);
        assert_eq!((exit, &*out), (Some(code), ""), "{shown}");
        assert!(shown.contains("stopping in order; once more to end at once\n"), "{shown}");
        assert!(shown.contains("known items done, no report\n  task"), "{shown}");
        assert!(shown.contains("\n  merge     0"), "{shown}");
        assert!(!shown.contains("warning"), "{shown}");
    }
}

#[test]
fn work_that_takes_long_does_not_keep_an_interrupted_run() {
    let folder = laborious();
    let args = ["examples/digest/system.toml", "--input", folder.path().to_str().unwrap()];
    let (child, err) = started(command(&args));
    signal(&child, "INT");
    let (exit, _, shown) = rest(child, err);
    assert_eq!(exit, Some(130), "{shown}");
    assert!(shown.contains("interrupted: "), "{shown}");
    assert!(shown.contains("\n  merge     0"), "{shown}");
}

/// Both signals are there when the program wakes: sent one after the other, the first one may have ended the run
/// in order before the second comes, if no agent has begun with its file.
#[test]
fn a_second_signal_ends_at_once() {
    let folder = laborious();
    let args = ["examples/digest/system.toml", "--input", folder.path().to_str().unwrap()];
    let (child, err) = started(command(&args));
    for name in ["STOP", "INT", "TERM", "CONT"] {
        signal(&child, name);
    }
    let (exit, _, shown) = rest(child, err);
    assert!(matches!(exit, Some(130 | 143)), "{exit:?} {shown}");
    assert!(shown.contains("stopping in order; once more to end at once\n"), "{shown}");
    assert!(shown.contains("ended at once; nothing was stopped in order"), "{shown}");
}

#[test]
fn one_signal_never_ends_a_run_at_once() {
    let folder = laborious();
    // The run fails at once, and its stop has to wait for agents at work: the signal finds it stopping.
    let example = fs::read_to_string(root().join("examples/digest/system.toml")).unwrap();
    let strict = example.replace("deadline_ms = 60000 ", "deadline_ms = 1 ");
    let strict = strict.replace("attempts_max = 3 ", "attempts_max = 1 ");
    let file = folder.path().join("system.toml");
    fs::write(&file, strict).unwrap();
    let args = [file.to_str().unwrap(), "--input", folder.path().to_str().unwrap()];
    let (child, err) = started(command(&args));
    signal(&child, "INT");
    let (exit, _, shown) = rest(child, err);
    assert!(matches!(exit, Some(1 | 130)), "{exit:?} {shown}");
    assert!(!shown.contains("ended at once"), "{shown}");
}

/// Only a run that was done once told what the query found.
#[test]
fn a_query_is_answered_however_the_run_ends() {
    let folder = laborious();
    let input = folder.path().to_str().unwrap();
    let query = ["--query", "capability:text.stats", "--workers", "2", "--input", input];
    let args = [["examples/digest/system.toml"].as_slice(), &query].concat();
    // In order, and at once.
    for (signals, said) in [
        (["STOP", "INT", "CONT"].as_slice(), "interrupted: "),
        (&["STOP", "INT", "TERM", "CONT"], "ended at once"),
    ] {
        let (child, err) = started(command(&args));
        for name in signals {
            signal(&child, name);
        }
        let (exit, out, shown) = rest(child, err);
        assert!(matches!(exit, Some(130 | 143)), "{exit:?} {shown}");
        assert!(shown.contains(said), "{shown}");
        assert!(out.starts_with("2 agents for capability:text.stats\n"), "{out}");
    }
    let json = ["--json", "--query-every", "0.1"];
    let (child, err) = begun(command(&[args.as_slice(), &json].concat()), "{\"elapsed_ms\":");
    signal(&child, "INT");
    let (_, out, shown) = rest(child, err);
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["error"]["kind"], "interrupted", "{shown}");
    assert_eq!(value["found"]["agents"].as_array().unwrap().len(), 2, "{value}");
    // The agents outlive a run that fails.
    let example = fs::read_to_string(root().join("examples/digest/system.toml")).unwrap();
    let strict = example.replace("deadline_ms = 60000 ", "deadline_ms = 1 ");
    let strict = strict.replace("attempts_max = 3 ", "attempts_max = 1 ");
    let file = folder.path().join("system.toml");
    fs::write(&file, strict).unwrap();
    let output = command(&[[file.to_str().unwrap()].as_slice(), &query].concat()).output().unwrap();
    let (out, shown) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(out.contains(" for capability:text.stats\n"), "{out} {shown}");
}

#[test]
fn a_closed_standard_error_costs_neither_the_report_nor_the_exit_code() {
    let folder = folder();
    let input = folder.path().to_str().unwrap();
    let mut sound = command(&["examples/digest/system.toml", "--input", input]);
    let output = sound.stderr(closed()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("Most frequent terms"), "{}", text(&output.stdout));
    let mut bad = command(&["examples/digest/system.toml", "--input", "no such folder"]);
    assert_eq!(bad.stderr(closed()).output().unwrap().status.code(), Some(2));
}
