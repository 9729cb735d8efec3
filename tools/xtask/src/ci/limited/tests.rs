use std::io::{Read, pipe};

use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_program_within_its_limit_has_its_status() {
    for code in [0, 3] {
        let status = run(&mut shell(&format!("exit {code}")), Duration::from_mins(1)).unwrap();
        assert_eq!(status.and_then(|status| status.code()), Some(code));
    }
}

/// A hung step once held the gate up for ever. Whatever the program has started holds its output open
/// and says so if it comes to its own end.
#[test]
fn a_program_over_its_limit_is_killed_with_what_it_started() {
    let (mut reader, writer) = pipe().unwrap();
    let mut command = shell("trap '' TERM; (sleep 20; echo outlived) & sleep 20; echo outlived");
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    assert_eq!(run(&mut command, Duration::from_millis(200)).unwrap(), None);
    drop(command);
    let mut said = Vec::new();
    reader.read_to_end(&mut said).unwrap();
    assert_eq!(said, [0; 0]);
}

/// The watcher ends the program too when whoever would have spoken is gone.
#[test]
fn a_program_does_not_outlive_its_gate() {
    let mut child = in_own_group(&mut shell("sleep 20 & sleep 20")).spawn().unwrap();
    let mut watcher = watch(&child).unwrap();
    drop(watcher.stdin.take());
    assert!(!child.wait().unwrap().success());
    watcher.wait().unwrap();
}
