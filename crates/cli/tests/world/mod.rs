//! What a run from outside works on and with.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foundation"));
    command.arg("run").args(args).current_dir(root());
    command
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

pub(crate) fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let files: [(&str, &[u8]); 9] = [
        (".gitignore", b"*.log\nbuild/\n"),
        (".hidden/secret.txt", b"secret"),
        ("README.md", b"# Supervisors\n\nSupervisors restart agents.\n"),
        ("a/one.txt", b"mailbox mailbox mailbox"),
        ("a/two.txt", b"mailbox mailbox mailbox"),
        ("build/output.txt", b"generated"),
        ("debug.log", b"ignored"),
        ("latin.txt", b"caf\xe9"),
        ("picture.png", b"\x89PNG\0\0"),
    ];
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// Files that each keep an agent busy for long, in an action that nothing can interrupt: one large text under
/// many names.
pub(crate) fn laborious() -> TempDir {
    laborious_files(64)
}

/// As many of them.
pub(crate) fn laborious_files(count: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    let first = folder.path().join("0.txt");
    fs::write(&first, "some words and more \n".repeat(700_000)).unwrap();
    for number in 1..count {
        fs::hard_link(&first, folder.path().join(format!("{number}.txt"))).unwrap();
    }
    folder
}

pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// A pipe whose reader has gone.
pub(crate) fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    Stdio::from(writer)
}
