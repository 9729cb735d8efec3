//! The binary, from outside: streams and exit codes.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::PathBuf;
use std::process::{Command, Output};

fn foundation(args: &[&str]) -> Output {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    Command::new(env!("CARGO_BIN_EXE_foundation")).args(args).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn check_describes_a_sound_file() {
    let output = foundation(&["check", "examples/digest/system.toml"]);
    let expected = "\
examples/digest/system.toml: ok
system digest: 3 pools, 3 tasks
  task   capability    runs              done by
  list   files.list    first             lister
  stats  text.stats    for each of list  readers
  merge  report.merge  after stats       merger

  action        done by  does
  files.list    lister   Lists the files below the input folder that .gitignore does not exclude.
  report.merge  merger   Merges the counts of all files into the digest report.
  text.stats    readers  Reads one file and counts its lines, words and terms.
";
    assert_eq!(text(&output.stdout), expected);
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
}

#[test]
fn check_as_json_says_ok() {
    let output = foundation(&["check", "--json", "examples/digest/system.toml"]);
    let mut value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let actions = value["system"].as_object_mut().unwrap().remove("actions").unwrap();
    assert_eq!(actions.as_array().unwrap().len(), 3);
    assert_eq!(
        (&actions[2]["name"], &actions[2]["pools"][0]),
        (&"text.stats".into(), &"readers".into())
    );
    assert!(actions[2]["summary"].as_str().unwrap().starts_with("Reads one file"), "{actions}");
    let expected = serde_json::json!({
        "ok": true,
        "file": "examples/digest/system.toml",
        "system": { "name": "digest", "pools": 3, "tasks": 3 },
        "errors": [],
        "errors_omitted": 0,
    });
    assert_eq!(value, expected);
}

#[test]
fn check_shows_every_fault_and_exits_with_2() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("bad.toml");
    std::fs::write(
        &file,
        "[system]\nname = 1\n[[task]]\nname = \"a\"\ncapability = \"text.stats\"\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();

    let output = foundation(&["check", file]);
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(2)));
    let shown = text(&output.stderr);
    assert!(shown.contains(&format!(" --> {file}:2:8\n")), "{shown}");
    assert!(shown.ends_with(&format!("\n{file}: 2 errors; nothing was started\n")), "{shown}");

    let output = foundation(&["check", "--json", file]);
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(2)));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["ok"], false);
    assert_eq!(value["errors"].as_array().unwrap().len(), 2);
    assert_eq!(value["errors"][1]["line"], 2);
}

#[test]
fn a_missing_file_and_wrong_arguments_exit_with_2() {
    let output = foundation(&["check", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("the file does not exist"));

    let output = foundation(&["chek"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("similar subcommand exists: 'check'"));
    assert_eq!(foundation(&[]).status.code(), Some(2));
}

#[test]
fn help_and_version_are_results() {
    for args in [["--help"], ["--version"]] {
        let output = foundation(&args);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("foundation"));
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = foundation(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("completions"), "{shell}");
    }
}
