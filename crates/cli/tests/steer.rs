//! `foundation flags` and `foundation rollout` from outside, on a folder, and what they switch in a run.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::world::{folder, root, text};

#[expect(dead_code, reason = "shared with tests that use more of it")]
mod world;

fn foundation(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_foundation");
    Command::new(program).args(args).current_dir(root()).output().unwrap()
}

fn steer(data: &Path, args: &[&str]) -> Output {
    let mut all = args.to_vec();
    all.extend(["--data", data.to_str().unwrap()]);
    foundation(&all)
}

fn json(data: &Path, args: &[&str]) -> Value {
    let mut all = args.to_vec();
    all.push("--json");
    let output = steer(data, &all);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_rollout_goes_through_its_stages_and_back_from_one_start_to_the_next() {
    let scratch = TempDir::new().unwrap();
    let data = &scratch.path().join("data");
    let refused = steer(data, &["rollout", "advance", "--why", "too early"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("(health)") && said.contains("--waive CHECK"), "{said}");
    for stage in 1..=3 {
        let waived = ["rollout", "advance", "--waive", "soak", "--waive", "health", "--why", "x"];
        assert_eq!(json(data, &waived)["stage"], stage);
    }
    let values = |listed: &Value| -> Vec<Value> {
        listed["flags"].as_array().unwrap().iter().map(|flag| flag["value"].clone()).collect()
    };
    assert_eq!(values(&json(data, &["flags", "list"])), ["on", "on", "on"]);
    let status = json(data, &["rollout", "rollback", "1", "--why", "it was slow"]);
    assert_eq!((&status["stage"], &status["next"]), (&1.into(), &"telemetry".into()));
    assert_eq!(values(&json(data, &["flags", "list"])), ["on", "off", "off"]);
    let history = json(data, &["rollout", "history"]);
    let last = history["history"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["from"], &last["to"], &last["why"]),
        (&3.into(), &1.into(), &"it was slow".into())
    );
    json(data, &["rollout", "emergency", "--why", "stop it"]);
    assert_eq!(values(&json(data, &["flags", "list"])), ["off", "off", "off"]);
    let audit = json(data, &["flags", "audit"]);
    assert_eq!(audit["records"].as_array().unwrap().len(), 6);
}

#[test]
fn a_flag_switches_the_spans_of_the_next_run() {
    let scratch = TempDir::new().unwrap();
    let (data, input) = (scratch.path().join("data"), folder());
    let lines = || {
        let (input, data) = (input.path().to_str().unwrap(), data.to_str().unwrap());
        let args = ["run", "examples/digest/system.toml", "--input", input, "--data", data];
        let args = [&args[..], &["--quiet", "--log", "foundation_agent=debug"]].concat();
        let output = foundation(&args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stderr).to_owned()
    };
    let off = lines();
    assert!(off.contains("agent.work") && !off.contains("trace_id="), "{off}");
    json(&data, &["flags", "set", "spans", "on", "--why", "to see"]);
    assert!(lines().contains(" trace_id="));
}

#[test]
fn what_cannot_be_done_says_why() {
    let scratch = TempDir::new().unwrap();
    let absent = scratch.path().join("absent");
    for args in [&["flags", "list"][..], &["rollout", "status"]] {
        let refused = steer(&absent, args);
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains("there is no data folder"), "{refused:?}");
        assert!(!absent.exists(), "looking makes nothing");
    }
    let data = scratch.path();
    let unknown = steer(data, &["flags", "set", "spams", "on", "--why", "x"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("did you mean \"spans\""), "{unknown:?}");
    let percent = steer(data, &["flags", "set", "spans", "101%", "--why", "x"]);
    assert_eq!(percent.status.code(), Some(2));
    fs::write(data.join("flags.state"), "not a state").unwrap();
    let damaged = steer(data, &["flags", "list"]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(text(&damaged.stderr).contains("is damaged at byte"), "{damaged:?}");
    let plan = scratch.path().join("plan.toml");
    fs::write(&plan, "name = \"x\"\n[[stage]]\nname = \"a\"\nflags = { spams = \"on\" }\n")
        .unwrap();
    fs::remove_file(data.join("flags.state")).unwrap();
    let wrong = steer(data, &["rollout", "status", "--plan", plan.to_str().unwrap()]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("plan.toml:4:11: "), "{wrong:?}");
}
