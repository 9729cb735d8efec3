use std::time::Duration;

use foundation_agent::Payload;
use foundation_agent::digest::{Digest, Document, FileOutcome, SkippedFile};
use foundation_workflow::RunStatus;

use super::{Output, PATHS_SHOWN_MAX, RunSummary, SKIPPED_SHOWN_MAX};

fn document(path: &str, words: u64, title: Option<&str>) -> FileOutcome {
    FileOutcome::Document(Document {
        path: path.to_owned(),
        title: title.map(str::to_owned),
        bytes: 2_048,
        lines: 10,
        words,
        hash: "same".to_owned(),
        terms: vec![("signal".to_owned(), words)],
        terms_dropped: 0,
    })
}

fn output(outcomes: Vec<FileOutcome>) -> Output {
    let mut digest = Digest::default();
    for outcome in outcomes {
        digest.add(outcome).unwrap();
    }
    let elapsed = Duration::from_millis(2_050);
    let mut status = RunStatus::default();
    let progress = &mut status.progress;
    (progress.done, progress.attempts, progress.deaths) = (4_100, 4_103, 3);
    (status.panics, status.kills) = (1, 2);
    let run = RunSummary::new(elapsed, &status, 3);
    Output::new(Payload::encode(&digest.report()).unwrap(), run, elapsed)
}

#[test]
fn tables_show_every_part_of_the_report() {
    let text = output(vec![
        document("b.md", 1_200, Some("Signals")),
        document("a\u{1b}[2J.md", 7, None),
        FileOutcome::Binary { path: "x.png".to_owned() },
        FileOutcome::Skipped(SkippedFile { path: "c".to_owned(), reason: "not UTF-8".to_owned() }),
    ])
    .human();
    let expected = "\
2 files, 4.0 KiB, 20 lines, 1,207 words, 1 distinct term

Most frequent terms
  term    count  files
  signal  1,207      2

Longest documents
  words  lines     size  path           title
  1,200     10  2.0 KiB  b.md           Signals
      7     10  2.0 KiB  a\\u{1b}[2J.md

Files with equal content
  2 files of 2.0 KiB each
    a\\u{1b}[2J.md
    b.md

Not counted
  1 binary file
  c: not UTF-8

Done in 2.050 s: 4,100 items, 2,000 per second, 1.9 KiB/s
  4,103 attempts, 3 restarts
  3 deaths survived: 1 by panic, 2 by kill
";
    assert_eq!(text, expected);
}

#[test]
fn empty_parts_are_left_out() {
    let text = output(Vec::new()).human();
    assert!(
        text.starts_with("0 files, 0 B, 0 lines, 0 words, 0 distinct terms\n\nDone in"),
        "{text}"
    );
}

/// It once said "1 files, 1 lines, 1 words".
#[test]
fn one_of_a_thing_is_not_several() {
    let FileOutcome::Document(document) = document("a", 1, None) else { unreachable!() };
    let outcome = FileOutcome::Document(Document { lines: 1, terms_dropped: 1, ..document });
    let mut digest = Digest::default();
    digest.add(outcome).unwrap();
    let report = Payload::encode(&digest.report()).unwrap();
    let mut run = RunSummary::new(Duration::from_secs(1), &RunStatus::default(), 1);
    (run.items, run.attempts, run.late_results) = (1, 1, 1);
    (run.deaths_survived, run.deaths_by_panic) = (1, 1);
    let text = Output::new(report, run, Duration::from_secs(1)).human();
    for part in [
        "1 file, 2.0 KiB, 1 line, 1 word, 1 distinct term\n",
        "\n1 rare term of a single file was left out",
        ": 1 item, 0 per second",
        "\n  1 attempt, 1 restart, 1 late result ignored\n",
        "\n  1 death survived: 1 by panic, 0 by kill\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let skipped = |index| {
        FileOutcome::Skipped(SkippedFile { path: format!("f{index:03}"), reason: "why".to_owned() })
    };
    let text = output((0..SKIPPED_SHOWN_MAX + 5).map(skipped).collect()).human();
    assert!(text.contains("  f019: why\n  and 5 more files; --json lists all\n"), "{text}");
    let text = output((0..=SKIPPED_SHOWN_MAX).map(skipped).collect()).human();
    assert!(text.contains("  f019: why\n  and 1 more file; --json lists all\n"), "{text}");
    let same = |index| document(&format!("f{index:03}"), 1, None);
    let text = output((0..=PATHS_SHOWN_MAX).map(same).collect()).human();
    assert!(text.contains("\n    and 1 more path; --json lists all\n"), "{text}");
}

#[test]
fn json_is_one_line_with_the_report_untouched() {
    let output = output(vec![document("a", 3, None)]);
    let text = output.json().unwrap();
    assert_eq!(text.matches('\n').count(), 1);
    assert!(text.starts_with(&format!("{{\"report\":{},\"run\":{{", output.report.as_str())));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["report"]["files"], 1);
    assert_eq!(value["run"]["deaths_survived"], 3);
    assert_eq!(value["run"]["deaths_by_kill"], 2);
    assert_eq!(value["run"]["elapsed_ms"], 2_050);
    assert_eq!(value["run"]["bytes_per_second"], 999);
}

#[test]
fn a_result_that_is_no_digest_is_shown_as_json() {
    let run = RunSummary::new(Duration::from_secs(1), &RunStatus::default(), 0);
    let output = Output::new(Payload::parse("[1,2]").unwrap(), run, Duration::from_secs(1));
    assert!(output.human().starts_with("[1,2]\n\nDone in 1.000 s"), "{}", output.human());
    assert!(output.json().unwrap().contains("\"bytes_per_second\":null"));
}
