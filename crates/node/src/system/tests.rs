use std::fs;
use std::path::Path;
use std::time::Duration;

use foundation_agent::{Actions, Capability};
use foundation_workflow::Task;

use crate::spec::{RestartType, SystemSpec};
use crate::{Diagnostics, PoolSpec};

const SOUND: &str = r#"[system]
name = "digest"

[[pool]]
name = "readers"
capabilities = ["files.list", "text.stats"]

[[task]]
name = "list"
capability = "files.list"

[[task]]
name = "stats"
capability = "text.stats"
for_each = "list"
"#;

fn parse(text: &str) -> Result<SystemSpec, Diagnostics> {
    SystemSpec::parse("s.toml", text, &Actions::builtin())
}

/// Checks the sound text with a part of it replaced; returns each fault as `line:column cause | remedy`.
fn faults(part: &str, by: &str) -> Vec<String> {
    assert!(SOUND.contains(part), "{part:?} is not in the text");
    all_faults(&SOUND.replacen(part, by, 1))
}

fn all_faults(text: &str) -> Vec<String> {
    let Err(faults) = parse(text) else { return Vec::new() };
    let line = |fault: &crate::Diagnostic| {
        let place = fault.place.as_ref().unwrap();
        format!("{}:{} {} | {}", place.line, place.column, fault.cause, fault.remedy)
    };
    faults.list().iter().map(line).collect()
}

#[test]
fn the_example_is_sound_and_says_what_it_teaches() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/digest/system.toml");
    let spec =
        SystemSpec::load(&path, &Actions::builtin()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(spec.name, "digest");
    let names: Vec<&str> = spec.pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(names, ["lister", "readers", "merger"]);
    assert_eq!(spec.agent_count(4), 6);
    let tasks: Vec<&str> = spec.graph.tasks().iter().map(Task::name).collect();
    assert_eq!(tasks, ["list", "stats", "merge"]);
    // The file says that it spells out the defaults.
    assert_eq!(spec.run_limits, foundation_workflow::RunLimits::default());
    assert_eq!(spec.action_limits, foundation_agent::ActionLimits::default());
}

#[test]
fn settings_arrive_where_they_belong() {
    let spec = parse(
        r#"
        [system]
        name = "s"
        [limits]
        items_max = 7
        file_bytes_max = 8
        [[pool]]
        name = "p"
        capabilities = ["summary.write"]
        action = "report.merge"
        size = 3
        restart = { type = "transient", intensity = 9, period_ms = 10, backoff_ms = 11 }
        [[task]]
        name = "t"
        capability = "summary.write"
        deadline_ms = 1500
        attempts_max = 4
        deaths_max = 5
        "#,
    )
    .unwrap();
    assert_eq!((spec.run_limits.items_max, spec.action_limits.file_bytes_max), (7, 8));
    let PoolSpec { size, actions, restart, .. } = &spec.pools[0];
    assert_eq!(*size, Some(3));
    assert_eq!(actions[&Capability::new("summary.write").unwrap()].name(), "report.merge");
    assert_eq!((restart.restart_type, restart.intensity), (RestartType::Transient, 9));
    assert_eq!(restart.period, Duration::from_millis(10));
    assert_eq!(restart.backoff, Duration::from_millis(11));
    let task = &spec.graph.tasks()[0];
    assert_eq!(task.attempt_deadline(), Some(Duration::from_millis(1_500)));
    assert_eq!((task.attempts_limit(), task.deaths_limit()), (4, 5));
}

/// A part of the sound text, what replaces it, and the first fault that follows.
const CASES: &[(&str, &str, &str)] = &[
    (
        "capability = \"text.stats\"",
        "capability = \"text.stat\"",
        "14:14 unknown capability \"text.stat\": no pool offers it | did you mean \"text.stats\"?",
    ),
    (
        "capability = \"text.stats\"",
        "capability = \"report.merge\"",
        "14:14 unknown capability \"report.merge\": no pool offers it | add a [[pool]] with capabilities = [\"report.merge\"]",
    ),
    (
        "capability = \"text.stats\"",
        "capability = \"image.resize\"",
        "14:14 unknown capability \"image.resize\": no pool offers it | use one of those offered: files.list, text.stats",
    ),
    (
        "capability = \"text.stats\"",
        "capability = \"Text\"",
        "14:14 \"Text\" is not a capability: 'T' at byte 0 is not allowed: use lower-case letters, digits, '_', '-' and dots, and start each segment with a letter | write a name such as \"text.stats\"",
    ),
    (
        "capability = \"text.stats\"\n",
        "",
        "12:1 [[task]] has no capability | add a line such as capability = \"files.list\"",
    ),
    (
        "for_each = \"list\"",
        "for_each = \"lists\"",
        "15:12 the task \"stats\" waits for \"lists\", which does not exist | did you mean \"list\"?",
    ),
    (
        "for_each = \"list\"",
        "for_each = [\"list\"]",
        "15:12 for_each should be a text, not an array | write for example for_each = \"list\"",
    ),
    (
        "for_each = \"list\"",
        "foreach = \"list\"",
        "15:1 [[task]] has no field \"foreach\" | did you mean for_each?",
    ),
    (
        "for_each = \"list\"",
        "after = \"list\"",
        "15:9 after should be a list of texts, not a string | write for example after = [\"list\"]",
    ),
    (
        "for_each = \"list\"",
        "attempts_max = 0",
        "15:16 attempts_max = 0 is out of range | write a whole number from 1 to 1000",
    ),
    (
        "for_each = \"list\"",
        "deaths_max = 4294967296",
        "15:14 deaths_max = 4294967296 is out of range | write a whole number from 0 to 100000",
    ),
    // The pool is misspelt and not the task: advice at the task would have had both wrong.
    (
        "[\"files.list\", \"text.stats\"]",
        "[\"files.list\", \"text.stat\"]",
        "6:31 unknown capability \"text.stat\": no action has this name | did you mean \"text.stats\"?",
    ),
    (
        "for_each = \"list\"",
        "deadline_ms = 0",
        "15:15 the task \"stats\" has a deadline of 0ns, the range is above zero to 86400s | write a whole number from 1 to 86400000",
    ),
    (
        "name = \"stats\"",
        "name = \"list\"",
        "13:8 there are two tasks with the name \"list\" | give each task a name of its own",
    ),
    (
        "[\"files.list\", \"text.stats\"]",
        "[\"files.list\", \"text.stats\", \"text.stat\"]",
        "6:45 unknown capability \"text.stat\": no action has this name | did you mean \"text.stats\"?",
    ),
    (
        "[\"files.list\", \"text.stats\"]",
        "[\"files.list\", \"text.stats\"]\naction = \"ocr\"",
        "7:10 unknown action \"ocr\": no action has this name | use one of the actions files.list, report.merge, text.stats",
    ),
    (
        "name = \"readers\"",
        "name = \"readers\"\nsize = 0",
        "6:8 size = 0 is out of range | write a whole number from 1 to 4096",
    ),
    (
        "name = \"readers\"",
        "name = \"readers\"\nrestart = { intensty = 1 }",
        "6:13 restart has no field \"intensty\" | did you mean intensity?",
    ),
    (
        "name = \"readers\"",
        "name = \"readers\"\nrestart = { type = \"permanant\" }",
        "6:20 unknown restart type \"permanant\" | did you mean \"permanent\"?",
    ),
    (
        "name = \"digest\"",
        "name = \"My Digest\"",
        "2:8 \"My Digest\" is not a name | use 1 to 64 lower-case letters, digits, '_' or '-'",
    ),
    (
        "[system]\nname = \"digest\"",
        "",
        "1:1 there is no [system] | start the file with [system] and a line name = \"digest\"",
    ),
    ("[[pool]]", "[[pol]]", "4:3 the file has no field \"pol\" | did you mean pool?"),
    (
        "[[pool]]",
        "[pool]",
        "4:1 [[pool]] should be a list of tables | write [[pool]] with two brackets",
    ),
    (
        "[[pool]]",
        "[limits]\nitems_max = 1e3\n[[pool]]",
        "5:13 items_max should be a whole number, not a float | write a whole number from 1 to 10000000",
    ),
];

#[test]
fn each_fault_has_its_place_cause_and_remedy() {
    for (part, by, expected) in CASES.iter().copied() {
        let found = faults(part, by);
        assert_eq!(found.first().map(String::as_str), Some(expected), "{by:?}: {found:#?}");
    }
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_file() {
    let text = r#"
[system]
nam = "x"

[[pool]]
name = "readers"
capabilities = ["files.list"]
size = 5000

[[agent]]
name = "readers"
capabilities = []

[[task]]
name = "a"
capability = "text.stats"
after = ["b"]

[[task]]
name = "b"
capability = "files.lists"
after = ["a", "c", "a"]
"#;
    let found = all_faults(text);
    let places: Vec<&str> = found.iter().map(|fault| fault.split(' ').next().unwrap()).collect();
    let expected =
        ["2:1", "3:1", "8:8", "11:8", "12:16", "16:14", "17:10", "21:14", "22:15", "22:20"];
    assert_eq!(places, expected, "{found:#?}");
    assert!(found[6].contains("a -> b -> a"), "{}", found[6]);
    assert!(found[9].contains("twice"), "{}", found[9]);
}

#[test]
fn a_fault_is_shown_with_its_line_and_a_mark() {
    let text = SOUND.replace("\"text.stats\"\nfor", "\t\"text.stat\" # \u{e9}\nfor");
    let faults = parse(&text).unwrap_err();
    let expected = r#"error: unknown capability "text.stat": no pool offers it
  --> s.toml:14:15
   |
14 | capability =  "text.stat" # é
   |               ^^^^^^^^^^^
   = help: did you mean "text.stats"?
"#;
    assert_eq!(faults.to_string(), expected);
}

#[test]
fn a_fault_as_json_has_file_line_column_cause_and_remedy() {
    let faults = parse(&SOUND.replace("name = \"digest\"", "name = 3")).unwrap_err();
    let json = serde_json::to_value(&faults).unwrap();
    let expected = serde_json::json!({
        "errors": [{
            "file": "s.toml",
            "line": 2,
            "column": 8,
            "length": 1,
            "cause": "name should be a text, not an integer",
            "remedy": "write for example name = \"digest\"",
        }],
        "errors_omitted": 0,
    });
    assert_eq!(json, expected);
}

#[test]
fn faults_of_the_syntax_are_all_found_and_nothing_else_is_checked() {
    let found = all_faults("[system\nname = = 3\n[[task]]\nname = \"a\nx\"\n");
    assert!(found.len() >= 3, "{found:#?}");
    assert!(found[0].starts_with("1:"), "{found:#?}");
    assert!(found.iter().all(|fault| fault.contains("mend the TOML")), "{found:#?}");
}

#[test]
fn an_empty_file_says_what_is_missing() {
    let found = all_faults("");
    let causes: Vec<&str> = found.iter().filter_map(|fault| fault.split(" | ").next()).collect();
    let expected = [
        "1:1 there is no [system]",
        "1:1 there is no [[pool]] and no [[agent]]",
        "1:1 there is no [[task]]",
    ];
    assert_eq!(causes, expected);
}

/// Lists without a table used to pass, or to refuse the file without a reason.
#[test]
fn an_empty_list_is_as_good_as_none() {
    let found = all_faults("pool = []\ntask = []\n[system]\nname = \"x\"\n");
    let causes: Vec<&str> = found.iter().filter_map(|fault| fault.split(" | ").next()).collect();
    assert_eq!(causes, ["1:1 there is no [[pool]] and no [[agent]]", "1:1 there is no [[task]]"]);
}

#[test]
fn a_task_without_a_name_does_not_make_its_name_unknown() {
    let found = faults("name = \"list\"\n", "");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("[[task]] has no name"), "{found:#?}");
}

#[test]
fn the_number_of_faults_shown_is_bounded() {
    let fields: Vec<String> = (0..150).map(|index| format!("unknown_{index} = 1\n")).collect();
    let fields = fields.concat();
    let faults = parse(&SOUND.replace("[[pool]]", &format!("{fields}[[pool]]"))).unwrap_err();
    assert_eq!((faults.list().len(), faults.omitted(), faults.count()), (100, 50, 150));
    assert!(faults.to_string().ends_with("\n50 more errors are not shown\n"));
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_without_a_place() {
    let folder = tempfile::TempDir::new().unwrap();
    let load = |path: &Path| SystemSpec::load(path, &Actions::builtin()).unwrap_err();
    let missing = load(&folder.path().join("no.toml"));
    assert_eq!(missing.list()[0].place, None);
    assert_eq!(missing.list()[0].cause, "the file does not exist");
    assert!(missing.to_string().contains(" --> "), "{missing}");
    assert!(serde_json::to_value(&missing).unwrap()["errors"][0].get("line").is_none());
    assert_eq!(load(folder.path()).list()[0].cause, "this is a folder");

    let latin = folder.path().join("latin.toml");
    fs::write(&latin, b"[system]\nname = \"caf\xe9\"\n").unwrap();
    let fault = load(&latin);
    let place = fault.list()[0].place.clone().unwrap();
    assert_eq!((place.line, place.column), (2, 12));

    let large = folder.path().join("large.toml");
    fs::write(&large, "#".repeat(usize::try_from(super::FILE_BYTES_MAX).unwrap() + 1)).unwrap();
    assert!(load(&large).list()[0].cause.contains("larger than"));
}
