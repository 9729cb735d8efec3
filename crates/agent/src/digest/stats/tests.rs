use std::fs;
use std::path::Path;

use foundation_types::Code;
use tempfile::TempDir;

use super::{Document, FileOutcome, FileStats, SNIFF_BYTES, SkippedFile, heading};
use crate::action::Action;
use crate::context::{ActionContext, ActionLimits};
use crate::digest::ListedFile;

fn run(root: &Path, path: &str, limits: ActionLimits) -> FileOutcome {
    let context = ActionContext::new(root).with_limits(limits);
    FileStats.run(ListedFile { path: path.to_owned(), skip: None }, &context).unwrap()
}

fn stats(name: &str, content: &[u8]) -> FileOutcome {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(name), content).unwrap();
    run(folder.path(), name, ActionLimits::default())
}

fn document(name: &str, content: &str) -> Document {
    match stats(name, content.as_bytes()) {
        FileOutcome::Document(document) => document,
        other => panic!("{other:?}"),
    }
}

fn reason(outcome: FileOutcome) -> String {
    match outcome {
        FileOutcome::Skipped(SkippedFile { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_document_is_counted_whole() {
    let document = document("a.md", "# Signals\n\nOne signal, two signals.\nNo feed");
    assert_eq!(document.title.as_deref(), Some("Signals"));
    assert_eq!((document.bytes, document.lines, document.words), (43, 4, 7));
    let terms = [("feed", 1), ("signal", 1), ("signals", 2)];
    let terms: Vec<_> = terms.map(|(term, count)| (term.to_owned(), count)).into();
    assert_eq!(document.terms, terms);
    assert_eq!(document.terms_dropped, 0);
}

#[test]
fn the_hash_is_that_of_the_content() {
    // The BLAKE3 test vector for the empty input.
    let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    assert_eq!(document("a", "").hash, empty);
    assert_eq!(document("a", "same").hash, document("b.md", "same").hash);
    assert_ne!(document("a", "same").hash, document("a", "same ").hash);
}

#[test]
fn a_zero_byte_near_the_start_makes_a_file_binary() {
    assert_eq!(stats("a.png", b"\x89PNG\0"), FileOutcome::Binary { path: "a.png".to_owned() });
    let mut late = vec![b'a'; SNIFF_BYTES];
    late.push(0);
    assert!(matches!(stats("late", &late), FileOutcome::Document(_)));
}

#[test]
fn text_that_is_not_utf8_is_skipped_with_the_place() {
    assert_eq!(reason(stats("a.txt", b"caf\xe9 noir")), "not UTF-8: the first wrong byte is at 3");
}

#[test]
fn the_size_limit_is_exact() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a"), "12345").unwrap();
    let with_max = |file_bytes_max| {
        let limits = ActionLimits { file_bytes_max, ..ActionLimits::default() };
        run(folder.path(), "a", limits)
    };
    assert!(matches!(with_max(5), FileOutcome::Document(_)));
    assert_eq!(reason(with_max(4)), "larger than 4 bytes");
    fs::write(folder.path().join("a"), "12\0 45").unwrap();
    let large = with_max(4);
    assert!(matches!(large, FileOutcome::Binary { .. }), "however large: {large:?}");
}

#[test]
fn a_file_that_vanished_or_became_a_folder_is_skipped() {
    let folder = TempDir::new().unwrap();
    let gone = run(folder.path(), "gone", ActionLimits::default());
    assert_eq!(reason(gone), "it vanished after it was listed");
    fs::create_dir(folder.path().join("folder")).unwrap();
    let changed = reason(run(folder.path(), "folder", ActionLimits::default()));
    assert!(changed.starts_with("it cannot be read"), "{changed}");
}

#[test]
fn a_known_reason_is_passed_on_without_opening_the_file() {
    let file = ListedFile { path: "b\\xff".to_owned(), skip: Some("why".to_owned()) };
    let outcome = FileStats.run(file, &ActionContext::new("/nowhere")).unwrap();
    assert_eq!(reason(outcome), "why");
}

#[test]
fn a_path_out_of_the_folder_is_refused() {
    for path in ["../secret", "/etc/passwd", "a/../../b", ""] {
        let file = ListedFile { path: path.to_owned(), skip: None };
        let error = FileStats.run(file, &ActionContext::new(".")).unwrap_err();
        assert_eq!(error.code(), Code::InvalidInput, "{path:?}");
    }
}

#[test]
fn past_the_limit_the_most_frequent_terms_are_kept_and_the_rest_is_stated() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a"), "zoo zoo ant bee cat").unwrap();
    let limits = ActionLimits { file_terms_max: 2, ..ActionLimits::default() };
    let FileOutcome::Document(document) = run(folder.path(), "a", limits) else {
        panic!("it is text");
    };
    assert_eq!(document.terms, [("ant".to_owned(), 1), ("zoo".to_owned(), 2)]);
    assert_eq!(document.terms_dropped, 2);
}

#[test]
fn headings_are_read_as_markdown_writes_them() {
    let cases = [
        ("# One", Some("One")),
        ("###### Six ##", Some("Six")),
        ("####### Seven", None),
        ("#hash", None),
        ("#", None),
        ("# ", None),
        ("text", None),
        ("#\tTab", Some("Tab")),
    ];
    for (line, expected) in cases {
        assert_eq!(heading(line).as_deref(), expected, "{line:?}");
    }
    assert_eq!(document("a.rs", "# not a heading").title, None);
    assert_eq!(document("README.MD", "# Upper").title.as_deref(), Some("Upper"));
}

#[test]
fn outcomes_survive_their_json_form() {
    for outcome in [
        stats("a.md", b"# T\nword"),
        stats("b", b"\0"),
        FileOutcome::Skipped(SkippedFile { path: "c".to_owned(), reason: "why".to_owned() }),
    ] {
        let text = serde_json::to_string(&outcome).unwrap();
        assert_eq!(serde_json::from_str::<FileOutcome>(&text).unwrap(), outcome);
    }
}
