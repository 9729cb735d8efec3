use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use serde_json::json;

use super::{ExitReason, PanicReport};
use crate::{Code, Error};

fn report(backtrace: Option<&str>) -> PanicReport {
    PanicReport {
        message: "index out of bounds".to_owned(),
        location: Some("src/main.rs:3:5".to_owned()),
        backtrace: backtrace.map(str::to_owned),
    }
}

fn timeout() -> Error {
    Error::new(Code::Timeout, "no reply")
}

/// Each reason with its kind, text, whether it is normal, and whether it is orderly.
fn all() -> Vec<(ExitReason, &'static str, &'static str, bool, bool)> {
    vec![
        (ExitReason::Normal, "normal", "normal", true, true),
        (ExitReason::SHUTDOWN, "shutdown", "shutdown", false, true),
        (ExitReason::shutdown_because("drained"), "shutdown", "shutdown: drained", false, true),
        (ExitReason::Killed, "killed", "killed", false, false),
        (ExitReason::NoProcess, "noproc", "noproc", false, false),
        (
            ExitReason::panic(report(Some("0: main"))),
            "panic",
            "panic: index out of bounds at src/main.rs:3:5",
            false,
            false,
        ),
        (
            ExitReason::error(timeout().wrap("cannot renew")),
            "error",
            "error: E4301 timeout: cannot renew, caused by: E4301 timeout: no reply",
            false,
            false,
        ),
    ]
}

#[test]
fn every_reason_has_its_kind_text_and_class() {
    for (reason, kind, text, normal, orderly) in all() {
        assert_eq!(reason.kind(), kind);
        assert_eq!(reason.to_string(), text);
        assert_eq!(reason.is_normal(), normal, "{text}");
        assert_eq!(reason.is_orderly(), orderly, "{text}");
    }
}

#[test]
fn reasons_are_equal_exactly_when_they_mean_the_same() {
    // Made twice, so that no two reports share an address.
    for (row, (a, ..)) in all().iter().enumerate() {
        for (column, (b, ..)) in all().iter().enumerate() {
            assert_eq!(a == b, row == column, "{a} and {b}");
        }
    }
    assert_eq!(ExitReason::panic(report(None)), ExitReason::panic(report(Some("0: main"))));
    let elsewhere = PanicReport { location: None, ..report(None) };
    assert_ne!(ExitReason::panic(report(None)), ExitReason::panic(elsewhere));
}

/// All errors of other crates used to be one reason, "unclassified failure": equality leaves causes
/// out, and the text of the failure was only there. The text is the message now.
#[test]
fn foreign_errors_are_equal_exactly_when_they_say_the_same() {
    let make = || {
        [
            ExitReason::from(io::Error::other("the disk is gone")),
            ExitReason::from(io::Error::from(io::ErrorKind::NotFound)),
            ExitReason::from(fmt::Error),
            ExitReason::from("x".parse::<u8>().unwrap_err()),
        ]
    };
    for (row, a) in make().iter().enumerate() {
        for (column, b) in make().iter().enumerate() {
            assert_eq!(a == b, row == column, "{a} and {b}");
        }
    }
    // A person sees the cause, once.
    assert_eq!(make()[0].to_string(), "error: E9999 unknown: the disk is gone");
    let json = serde_json::to_value(&make()[0]).unwrap();
    assert_eq!(json["error"]["message"], "the disk is gone");

    let ExitReason::Error(long) = ExitReason::from(io::Error::other("x".repeat(100_000))) else {
        panic!("an error became another reason");
    };
    assert_eq!(long.message().len(), Error::MESSAGE_BYTES_MAX + '…'.len_utf8());
}

#[test]
fn clones_share_one_report() {
    let reason = ExitReason::error(timeout());
    let (ExitReason::Error(a), ExitReason::Error(b)) = (&reason, &reason.clone()) else {
        panic!("an error became another reason");
    };
    assert!(Arc::ptr_eq(a, b));
}

#[test]
fn question_mark_keeps_an_own_error_as_it_is() {
    fn handler() -> Result<(), ExitReason> {
        Err(timeout().with("peer", 7))?;
        Ok(())
    }
    let reason = handler().unwrap_err();
    assert_eq!(reason, ExitReason::error(timeout().with("peer", 7)));

    let shared = Arc::new(timeout());
    let ExitReason::Error(kept) = ExitReason::from(Arc::clone(&shared)) else {
        panic!("an error became another reason");
    };
    assert!(Arc::ptr_eq(&kept, &shared));
}

/// An error of another crate, around one of which we know the code.
#[derive(Debug)]
struct Around<E>(E);

impl<E> fmt::Display for Around<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no report")
    }
}

impl<E: StdError + 'static> StdError for Around<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

/// The conversion behind `?` takes any error, and used to call each that is not an [`Error`]
/// unknown, which is never retried, also when a code stood further down the chain.
#[test]
fn question_mark_takes_the_first_code_of_the_chain() {
    let reasons = [
        ExitReason::from(Around(timeout())),
        ExitReason::from(Around(Arc::new(timeout()))),
        ExitReason::from(Around(Around(Code::Timeout))),
    ];
    for reason in reasons {
        let ExitReason::Error(error) = &reason else { panic!("{reason}") };
        assert_eq!((error.code(), error.message()), (Code::Timeout, "no report"));
        assert!(!error.report().to_string().ends_with("E4301 timeout"), "{}", error.report());
    }
}

#[test]
fn question_mark_makes_a_foreign_error_the_cause_of_an_unknown_one() {
    fn handler() -> Result<(), ExitReason> {
        Err(io::Error::other("the disk is gone"))?;
        Ok(())
    }
    let ExitReason::Error(error) = handler().unwrap_err() else {
        panic!("an error became another reason");
    };
    assert_eq!(error.code(), Code::Unknown);
    assert!(!error.is_retryable());
    let cause = error.causes().next().unwrap();
    assert_eq!(cause.downcast_ref::<io::Error>().unwrap().to_string(), "the disk is gone");
}

#[test]
fn serialized_form_names_the_kind_and_what_is_known() {
    let json = |reason: &ExitReason| serde_json::to_value(reason).unwrap();
    assert_eq!(json(&ExitReason::Normal), json!({"kind": "normal"}));
    assert_eq!(json(&ExitReason::SHUTDOWN), json!({"kind": "shutdown"}));
    assert_eq!(
        json(&ExitReason::shutdown_because("drained")),
        json!({"kind": "shutdown", "because": "drained"})
    );
    assert_eq!(json(&ExitReason::Killed), json!({"kind": "killed"}));
    assert_eq!(json(&ExitReason::NoProcess), json!({"kind": "noproc"}));
    assert_eq!(
        json(&ExitReason::panic(report(None))),
        json!({"kind": "panic", "panic": {
            "message": "index out of bounds", "location": "src/main.rs:3:5", "backtrace": null,
        }})
    );
    let error = json(&ExitReason::error(timeout()));
    assert_eq!(error["kind"], "error");
    assert_eq!(error["error"], serde_json::to_value(timeout()).unwrap());
}
