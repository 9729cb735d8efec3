use foundation_agent::Actions;
use foundation_node::SystemSpec;
use foundation_types::{Code, Error};
use foundation_workflow::RunStatus;

use super::Failure;

#[test]
fn the_name_of_a_file_moves_no_cursor() {
    let name = "a\u{1b}[2Jb.toml";
    let faults = SystemSpec::parse(name, "[system]\nname = 1\n", &Actions::builtin()).unwrap_err();
    let failure = Failure::of_file(name, &faults);
    assert!(failure.text().contains("--> a\\u{1b}[2Jb.toml:2:8\n"), "{}", failure.text());
    assert!(failure.text().contains("\na\\u{1b}[2Jb.toml: "), "{}", failure.text());
    assert!(!failure.text().contains('\u{1b}'));
}

#[test]
fn every_failure_says_how_far_the_run_came() {
    let error = Error::new(Code::Timeout, "no reply").with_place("here").with_remedy("wait");
    let failed = || Failure::of_error("run", &error);
    let text = failed().with_progress(Some(&RunStatus::default())).text().to_owned();
    assert!(
        text.starts_with("error: no reply\n = at: here\n = help: wait\nfailed: 0 of 0"),
        "{text}"
    );
    let early = Failure::interrupted().with_progress(None);
    assert_eq!(early.text(), "interrupted: before anything was handed out, no report\n");
    let json: serde_json::Value =
        serde_json::from_str(&failed().json(None, None).unwrap()).unwrap();
    let error = &json["error"];
    assert_eq!((&error["cause"], &error["place"]), (&"no reply".into(), &"here".into()));
    assert_eq!((&error["remedy"], &json["run"]), (&"wait".into(), &serde_json::Value::Null));
}
