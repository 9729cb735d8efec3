use foundation_types::Code;
use proptest::prelude::*;

use super::{Digest, DigestError, MergeReport};
use crate::action::ActionHandle;
use crate::context::{ActionContext, ActionLimits};
use crate::digest::{DigestReport, Document, FileOutcome, SkippedFile};
use crate::payload::Payload;

fn document(path: &str, words: u64, hash: &str, terms: &[(&str, u64)]) -> FileOutcome {
    FileOutcome::Document(Document {
        path: path.to_owned(),
        title: None,
        bytes: words * 5,
        lines: words / 10,
        words,
        hash: hash.to_owned(),
        terms: terms.iter().map(|(term, count)| ((*term).to_owned(), *count)).collect(),
        terms_dropped: 0,
    })
}

fn skipped(path: &str) -> FileOutcome {
    FileOutcome::Skipped(SkippedFile { path: path.to_owned(), reason: "why".to_owned() })
}

fn report(outcomes: Vec<FileOutcome>) -> DigestReport {
    let mut digest = Digest::default();
    for outcome in outcomes {
        digest.add(outcome).unwrap();
    }
    digest.report()
}

#[test]
fn sums_and_orders_are_as_stated() {
    let report = report(vec![
        skipped("z"),
        document("b", 10, "h1", &[("bee", 2), ("ant", 2)]),
        FileOutcome::Binary { path: "p.png".to_owned() },
        document("a", 10, "h1", &[("bee", 1), ("cat", 9)]),
        skipped("c"),
        document("c/d", 30, "h2", &[("ant", 1)]),
    ]);
    assert_eq!((report.files, report.bytes, report.lines, report.words), (3, 250, 5, 50));
    let terms: Vec<_> =
        report.terms.iter().map(|term| (term.term.as_str(), term.count, term.files)).collect();
    assert_eq!(terms, [("cat", 9, 1), ("ant", 3, 2), ("bee", 3, 2)], "ties by term");
    let longest: Vec<_> = report.longest.iter().map(|document| document.path.as_str()).collect();
    assert_eq!(longest, ["c/d", "a", "b"], "ties by path");
    assert_eq!(report.duplicates.len(), 1);
    assert_eq!(report.duplicates[0].paths, ["a", "b"]);
    assert_eq!((report.binary_files, report.terms_distinct), (1, 3));
    let skipped: Vec<_> = report.skipped.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(skipped, ["c", "z"]);
}

#[test]
fn duplicates_that_waste_most_come_first() {
    let report = report(vec![
        document("a1", 1, "small", &[]),
        document("a2", 1, "small", &[]),
        document("b1", 100, "large", &[]),
        document("b2", 100, "large", &[]),
        document("c1", 50, "three", &[]),
        document("c2", 50, "three", &[]),
        document("c3", 50, "three", &[]),
    ]);
    let firsts: Vec<_> = report.duplicates.iter().map(|group| group.paths[0].as_str()).collect();
    assert_eq!(firsts, ["b1", "c1", "a1"], "equal waste is ordered by path");
}

#[test]
fn a_file_counted_twice_is_an_error() {
    let mut digest = Digest::default();
    digest.add(document("a", 1, "h", &[])).unwrap();
    let before = digest.clone();
    let error = digest.add(document("a", 2, "other", &[])).unwrap_err();
    assert_eq!(error, DigestError::CountedTwice { path: "a".to_owned() });
    assert_eq!(digest, before);
}

#[test]
fn the_action_refuses_more_terms_than_a_report_may_count() {
    let input = Payload::encode(&[document("a", 2, "h", &[("ant", 1), ("bee", 1)])]).unwrap();
    let with_max = |report_terms_max| {
        let limits = ActionLimits { report_terms_max, ..ActionLimits::default() };
        let context = ActionContext::new(".").with_limits(limits);
        ActionHandle::new(MergeReport).run(&input, &context)
    };
    assert!(with_max(2).is_ok());
    assert_eq!(with_max(1).unwrap_err().code(), Code::ConstraintViolation);
}

/// The bound was once looked at when everything had been read, and the memory used that it is to save.
#[test]
fn reading_stops_at_the_file_with_too_many_terms() {
    let files = [document("a", 1, "h", &[("ant", 1)]), document("b", 1, "h", &[("bee", 1)])];
    let mut outcomes: Vec<_> = files.iter().map(|file| Payload::encode(file).unwrap()).collect();
    // Nobody could read this, so whoever comes to it fails otherwise.
    outcomes.push(Payload::null());
    let run = |report_terms_max| {
        let limits = ActionLimits { report_terms_max, ..ActionLimits::default() };
        let context = ActionContext::new(".").with_limits(limits);
        ActionHandle::new(MergeReport).run(&Payload::list(&outcomes), &context).unwrap_err().code()
    };
    assert_eq!([run(1), run(2)], [Code::ConstraintViolation, Code::TypeMismatch]);
}

#[test]
fn terms_that_are_too_many_are_not_added_in_part() {
    let mut digest = Digest::new(2);
    digest.add(document("a", 2, "h", &[("ant", 1), ("bee", 1)])).unwrap();
    digest.add(document("b", 2, "h", &[("ant", 1), ("bee", 1)])).unwrap();
    let before = digest.clone();
    let error = digest.add(document("c", 2, "h", &[("ant", 1), ("cat", 1)])).unwrap_err();
    assert_eq!(error, DigestError::TooManyTerms { path: "c".to_owned(), terms_max: 2 });
    assert_eq!(digest, before);
}

#[test]
fn no_files_make_an_empty_report() {
    let context = ActionContext::new(".");
    let output = ActionHandle::new(MergeReport).run(&Payload::list([]), &context).unwrap();
    assert_eq!(output.decode::<DigestReport>().unwrap(), DigestReport::default());
}

/// Outcomes with few distinct names, counts and hashes, so that ties and duplicates are common.
fn outcomes() -> impl Strategy<Value = Vec<FileOutcome>> {
    let terms = proptest::collection::btree_map("[a-d]{3}", 1_u64..4, 0..8);
    let one = prop_oneof![
        6 => (0_u64..5, 0_u8..4, terms).prop_map(|(words, hash, terms)| {
            let terms: Vec<_> = terms.iter().map(|(term, count)| (term.as_str(), *count)).collect();
            document("", words, &format!("h{hash}"), &terms)
        }),
        1 => Just(FileOutcome::Binary { path: String::new() }),
        1 => "[a-c]".prop_map(|path| skipped(&path)),
    ];
    proptest::collection::vec(one, 0..40).prop_map(|mut outcomes| {
        for (index, outcome) in outcomes.iter_mut().enumerate() {
            if let FileOutcome::Document(document) = outcome {
                document.path = format!("{}/{index}", index % 3);
            }
        }
        outcomes
    })
}

proptest! {
    #[test]
    fn the_order_of_completion_leaves_no_trace(
        (first, second) in outcomes().prop_flat_map(|outcomes| {
            (Just(outcomes.clone()), Just(outcomes).prop_shuffle())
        })
    ) {
        let action = ActionHandle::new(MergeReport);
        let context = ActionContext::new(".");
        let run = |outcomes: &[FileOutcome]| {
            action.run(&Payload::encode(outcomes).unwrap(), &context).unwrap()
        };
        prop_assert_eq!(run(&first), run(&second));
    }
}
