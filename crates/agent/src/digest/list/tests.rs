use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use foundation_types::Code;
use tempfile::TempDir;

use super::{ListFiles, ListedFile, listed, path_of, walk_error};
use crate::action::Action;
use crate::context::{ActionContext, ActionLimits, CancelFlag};

fn tree(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn list(root: &Path) -> Vec<ListedFile> {
    ListFiles.run((), &ActionContext::new(root)).unwrap()
}

fn paths(root: &Path) -> Vec<String> {
    list(root).into_iter().map(|file| file.path).collect()
}

#[test]
fn paths_are_sorted_by_their_bytes_across_folders() {
    let folder =
        tree(&[("a/b.md", ""), ("a.txt", ""), ("a-b", ""), ("B.rs", ""), ("a/\u{e9}", "")]);
    assert_eq!(paths(folder.path()), ["B.rs", "a-b", "a.txt", "a/b.md", "a/\u{e9}"]);
}

#[test]
fn gitignore_counts_without_a_repository_and_in_sub_folders() {
    let folder = tree(&[
        (".gitignore", "*.log\n/build/\n!keep.log\n"),
        ("one.log", ""),
        ("keep.log", ""),
        ("build/out.txt", ""),
        ("src/build/kept.txt", ""),
        ("src/.gitignore", "secret.md\n"),
        ("src/secret.md", ""),
        ("secret.md", ""),
    ]);
    assert_eq!(paths(folder.path()), ["keep.log", "secret.md", "src/build/kept.txt"]);
    assert_eq!(paths(&folder.path().join("src")), ["build/kept.txt"]);
}

#[test]
fn other_ignore_files_do_not_count() {
    let folder = tree(&[(".ignore", "*"), (".git/info/exclude", "*"), ("a.md", "")]);
    assert_eq!(paths(folder.path()), ["a.md"]);
}

#[test]
fn hidden_files_and_folders_are_passed_over_below_a_hidden_root_too() {
    let folder = tree(&[(".top/.hidden", ""), (".top/.git/config", ""), (".top/seen", "")]);
    assert_eq!(paths(&folder.path().join(".top")), ["seen"]);
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_not_followed_so_a_loop_ends() {
    let folder = tree(&[("real/a.md", "")]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("real/up")).unwrap();
    std::os::unix::fs::symlink("real/a.md", folder.path().join("link.md")).unwrap();
    assert_eq!(paths(folder.path()), ["real/a.md"]);

    let linked_root = folder.path().join("root");
    std::os::unix::fs::symlink("real", &linked_root).unwrap();
    assert_eq!(paths(&linked_root), ["a.md"], "the root itself may be a link");
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf8_is_listed_as_skipped() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tree(&[("a", ""), ("z", "")]);
    fs::write(folder.path().join(OsStr::from_bytes(b"b\xff")), "").unwrap();
    let listed = list(folder.path());
    assert_eq!(listed[1].path, "b\\xff");
    assert_eq!(listed[1].skip.as_deref(), Some("its name is not UTF-8"));
    assert_eq!(listed.len(), 3);
}

#[test]
fn a_missing_root_and_a_root_that_is_a_file_are_told_apart() {
    let folder = tree(&[("a.md", "")]);
    let missing = folder.path().join("nowhere");
    let error = ListFiles.run((), &ActionContext::new(&missing)).unwrap_err();
    assert_eq!(error.code(), Code::DataNotFound);
    assert!(!error.is_retryable());
    assert!(error.place().is_some_and(|place| place.ends_with("nowhere")));
    assert!(error.remedy().is_some_and(|remedy| remedy.contains("exists")));

    let file = folder.path().join("a.md");
    let error = ListFiles.run((), &ActionContext::new(file)).unwrap_err();
    assert_eq!(error.code(), Code::InvalidInput);
}

/// The super-user reads every folder, so the error is made by hand in the shape the walk gives it.
#[test]
fn an_unreadable_folder_is_named_with_cause_and_remedy() {
    let folder = PathBuf::from("/data/private");
    let cause = io::Error::from(io::ErrorKind::PermissionDenied);
    let error = ignore::Error::WithDepth {
        depth: 1,
        err: Box::new(ignore::Error::WithPath {
            path: folder.clone(),
            err: Box::new(ignore::Error::Io(cause)),
        }),
    };
    assert_eq!(path_of(&error), Some(folder.as_path()));
    let error = walk_error(Path::new("/data"), error);
    assert_eq!(error.place(), Some("/data/private"));
    assert!(error.remedy().is_some_and(|remedy| remedy.contains("right to read")));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("permission denied"), "{cause}");
    assert!(!error.is_retryable());
}

/// A build that removed a folder during the walk used to fail the whole run.
#[test]
fn a_folder_that_vanishes_is_passed_over_and_a_missing_root_is_not() {
    let gone = |depth| ignore::Error::WithDepth {
        depth,
        err: Box::new(ignore::Error::Io(io::Error::from(io::ErrorKind::NotFound))),
    };
    assert_eq!(listed(Path::new("/data"), Err(gone(1))).unwrap(), None);
    assert!(listed(Path::new("/data"), Err(gone(0))).is_err());
}

#[test]
fn the_file_limit_is_exact_and_names_the_setting() {
    let folder = tree(&[("a", ""), ("b", "")]);
    let with_max = |files_max| {
        let limits = ActionLimits { files_max, ..ActionLimits::default() };
        ListFiles.run((), &ActionContext::new(folder.path()).with_limits(limits))
    };
    assert_eq!(with_max(2).unwrap().len(), 2);
    let error = with_max(1).unwrap_err();
    assert_eq!(error.code(), Code::ConstraintViolation);
    assert!(error.remedy().is_some_and(|remedy| remedy.contains("limits.files_max")));
}

#[test]
fn a_cancelled_listing_stops() {
    let folder = tree(&[("a", "")]);
    let flag = CancelFlag::default();
    flag.cancel();
    let context = ActionContext::new(folder.path()).with_cancel(flag);
    assert!(ListFiles.run((), &context).is_err());
}
