use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::Rules;

/// Writes files and says which of the paths are admitted below `root`.
fn admitted<'a>(files: &[(&str, &[u8])], root: &str, paths: &[&'a str]) -> Vec<&'a str> {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let root = folder.path().join(root);
    let rules = Rules::new(&root).unwrap();
    let admitted = paths.iter().filter(|path| rules.admit(&root.join(path), false));
    let admitted = admitted.copied().collect();
    assert!(rules.failure().is_none());
    admitted
}

/// With rules in the home folder, as many keep them there, a repository below it was listed as empty.
#[test]
fn rules_end_at_the_top_of_a_repository() {
    let files: &[(&str, &[u8])] =
        &[(".gitignore", b"*"), ("proj/.git/HEAD", b""), ("proj/src/.gitignore", b"*.o")];
    assert_eq!(admitted(files, "proj", &["a.txt", "src/a.o"]), ["a.txt"]);
    assert_eq!(admitted(files, "proj/src", &["a.txt", "a.o"]), ["a.txt"]);
}

#[test]
fn rules_of_the_parents_count_inside_a_repository_and_only_there() {
    let inside: &[(&str, &[u8])] =
        &[(".git/HEAD", b""), (".gitignore", b"*.log\n"), ("sub/x", b"")];
    assert_eq!(admitted(inside, "sub", &["a.log", "a.txt"]), ["a.txt"]);
    let outside: &[(&str, &[u8])] = &[(".gitignore", b"*.log\n"), ("sub/x", b"")];
    assert_eq!(admitted(outside, "sub", &["a.log", "a.txt"]), ["a.log", "a.txt"]);
}

#[test]
fn a_repository_inside_the_folder_has_rules_of_its_own() {
    let files: &[(&str, &[u8])] = &[
        (".git/HEAD", b""),
        (".gitignore", b"*.log\n"),
        ("vendored/.git", b"gitdir: elsewhere"),
        ("vendored/.gitignore", b"*.tmp\n"),
    ];
    let paths = ["a.log", "vendored/a.log", "vendored/a.tmp"];
    assert_eq!(admitted(files, "", &paths), ["vendored/a.log"]);
}

#[test]
fn the_nearest_rule_decides() {
    let files: &[(&str, &[u8])] = &[(".gitignore", b"*.log\n"), ("sub/.gitignore", b"!keep.log\n")];
    assert_eq!(admitted(files, "", &["keep.log", "sub/keep.log"]), ["sub/keep.log"]);
}

/// One byte that is not UTF-8 used to drop every rule from its line on, without a word.
#[test]
fn a_line_that_is_not_utf8_takes_no_other_along() {
    let files: &[(&str, &[u8])] = &[(".gitignore", b"# caf\xe9\n*.log\n[\n*.tmp\n")];
    assert_eq!(admitted(files, "", &["a.log", "a.tmp", "a.txt"]), ["a.txt"]);
}

/// A link to an endless device used to take all memory, and a pipe all time.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_holds_no_rules() {
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("rules");
    fs::write(&target, "*").unwrap();
    std::os::unix::fs::symlink(target, folder.path().join(".gitignore")).unwrap();
    let rules = Rules::new(folder.path()).unwrap();
    assert!(rules.admit(&folder.path().join("a.txt"), false));
    fs::create_dir_all(folder.path().join("sub/.gitignore")).unwrap();
    assert!(rules.admit(&folder.path().join("sub/a.txt"), false));
    assert!(rules.failure().is_none());
}

#[test]
fn rules_that_are_too_large_are_an_error_with_a_place() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(".gitignore"), vec![b'\n'; (1 << 20) + 1]).unwrap();
    let rules = Rules::new(folder.path()).unwrap();
    assert!(!rules.admit(Path::new(&folder.path().join("a.txt")), false));
    let error = rules.failure().unwrap();
    assert!(error.place().is_some_and(|place| place.ends_with(".gitignore")));
    assert!(error.remedy().is_some());
}

#[test]
fn no_more_rules_are_kept_than_the_path_is_long() {
    let folder = TempDir::new().unwrap();
    let rules = Rules::new(folder.path()).unwrap();
    for number in 0..100 {
        assert!(rules.admit(&folder.path().join(format!("{number}/deep/a.txt")), false));
        assert!(rules.levels.lock().len() <= 3, "the root and two folders below it");
    }
}
