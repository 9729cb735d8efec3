use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use serde_json::json;

use super::Error;
use crate::Code;

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused")
}

#[test]
fn error_is_one_pointer_wide() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
}

#[test]
fn display_names_all_parts_but_not_the_cause() {
    let error = Error::new(Code::NetworkError, "cannot reach the peer")
        .with("peer", "10.0.0.7")
        .with("tries", 3)
        .with_place("connect::pool")
        .with_remedy("check that the peer runs")
        .caused_by(refused());
    let own = "E4101 network_error: cannot reach the peer (peer=10.0.0.7, tries=3) \
               at connect::pool; check that the peer runs";
    assert_eq!(error.to_string(), own);
    assert_eq!(error.report().to_string(), format!("{own}, caused by: connection refused"));
}

#[test]
fn display_of_a_bare_error_is_code_and_message() {
    assert_eq!(Error::new(Code::Timeout, "no reply").to_string(), "E4301 timeout: no reply");
}

#[test]
fn every_code_decides_for_its_errors() {
    for &code in Code::ALL {
        let error = Error::new(code, "x");
        assert_eq!(error.code(), code);
        assert_eq!(error.category(), code.category());
        assert_eq!(error.severity(), code.severity());
        assert_eq!(error.retry(), code.retry());
        assert_eq!(error.is_retryable(), code.retry().is_retryable());
        assert_eq!(error.should_escalate(), code.severity().should_escalate());
        for attempt in 0..8 {
            assert_eq!(error.retry_delay(attempt), code.retry().delay(attempt));
        }
    }
}

#[test]
fn later_field_of_a_key_replaces_the_earlier_one() {
    let error = Error::new(Code::Timeout, "x").with("a", 1).with("b", 2).with("a", 3);
    assert_eq!(error.fields().collect::<Vec<_>>(), [("a", "3"), ("b", "2")]);
    assert_eq!((error.field("a"), error.field("c")), (Some("3"), None));
}

#[test]
fn fields_past_the_bound_are_counted() {
    let keys: Vec<&'static str> =
        "a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F G H".split(' ').collect();
    assert_eq!(keys.len(), Error::FIELDS_MAX + 2);
    let mut error = Error::new(Code::Timeout, "x");
    for key in keys {
        error = error.with(key, 0);
    }
    // A full error still takes a new value for a key that it has.
    error = error.with("a", 1);
    assert_eq!(error.fields().count(), Error::FIELDS_MAX);
    assert_eq!((error.fields_omitted(), error.field("a")), (2, Some("1")));
    assert!(error.to_string().ends_with("F=0, 2 more)"), "{error}");
}

#[test]
fn long_texts_are_cut_and_marked() {
    let long = "x".repeat(100_000);
    let error = Error::new(Code::Timeout, long.clone())
        .with("value", &long)
        .with_place(&long)
        .with_remedy(&long);
    let mark = '…'.len_utf8();
    assert_eq!(error.message().len(), Error::MESSAGE_BYTES_MAX + mark);
    for text in [error.field("value"), error.place(), error.remedy()] {
        let text = text.unwrap();
        assert_eq!(text.len(), Error::VALUE_BYTES_MAX + mark);
        assert!(text.ends_with('…'));
    }
}

#[test]
fn wrap_keeps_the_code_and_cause_keeps_both() {
    let inner = Error::new(Code::Timeout, "no reply").with("peer", 7);
    let wrapped = inner.wrap("cannot renew the lease");
    assert_eq!((wrapped.code(), wrapped.message()), (Code::Timeout, "cannot renew the lease"));
    assert_eq!(wrapped.fields().count(), 0);

    let outer = Error::new(Code::DependencyFailed, "the store is gone").caused_by(wrapped);
    assert_eq!(outer.code(), Code::DependencyFailed);
    let codes: Vec<_> =
        outer.causes().map(|cause| cause.downcast_ref::<Error>().unwrap().code()).collect();
    assert_eq!(codes, [Code::Timeout, Code::Timeout]);
    let root = outer.causes().last().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(root.field("peer"), Some("7"));
}

#[test]
fn report_says_a_quoted_cause_once_wherever_it_stands() {
    let quoted = || Error::of(refused());
    assert_eq!(quoted().report().to_string(), "E9999 unknown: connection refused");
    assert!(quoted().causes().next().unwrap().is::<io::Error>());
    let expected = "E9999 unknown: cannot renew, caused by: E9999 unknown: connection refused";
    assert_eq!(quoted().wrap("cannot renew").report().to_string(), expected);
    let shared = Error::new(Code::Unknown, "cannot renew").caused_by(Arc::new(quoted()));
    assert_eq!(shared.report().to_string(), expected);
    // Another cause is no longer the one that the message quotes.
    let replaced = quoted().caused_by(fmt::Error).report().to_string();
    assert!(replaced.ends_with(&format!("refused, caused by: {}", fmt::Error)), "{replaced}");
}

#[test]
fn wrapping_in_a_loop_stays_bounded_and_keeps_both_ends() {
    let mut error = Error::new(Code::Timeout, "the root");
    for _ in 0..Error::CAUSES_MAX {
        error = error.wrap("again");
    }
    assert_eq!(error.causes().count(), Error::CAUSES_MAX);
    assert!(error.report().to_string().ends_with("the root"), "not folded within the bound");
    assert!(!error.report().to_string().contains("left out"));

    let error = error.wrap("one too many");
    assert_eq!(error.causes().count(), 1);
    assert_eq!(error.code(), Code::Timeout);
    assert_eq!(
        error.report().to_string(),
        "E4301 timeout: one too many, caused by: E4301 timeout: again, \
         caused by 63 errors left out here, caused by: E4301 timeout: the root"
    );

    let mut error = error;
    for _ in 0..10_000 {
        error = error.wrap("again");
        assert!(error.causes().count() <= Error::CAUSES_MAX);
    }
}

/// An error that is its own cause.
#[derive(Debug)]
struct Endless;

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("endless")
    }
}

impl StdError for Endless {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&Endless)
    }
}

#[test]
fn endless_foreign_chain_is_folded() {
    let error = Error::new(Code::Unknown, "x").caused_by(Endless);
    assert_eq!(error.causes().count(), 1);
    let report = error.report().to_string();
    assert!(report.ends_with("left out here, caused by: endless"), "{report}");
    let report = Error::of(Endless).report().to_string();
    assert!(report.ends_with("left out here, caused by: endless"), "{report}");
}

#[test]
fn equality_is_by_code_message_and_fields() {
    let make = || Error::new(Code::Timeout, "no reply").with("peer", 7);
    assert_eq!(make(), make().with_place("here").with_remedy("wait").caused_by(refused()));
    assert_ne!(make(), make().with("tries", 1));
    assert_ne!(make(), make().with("peer", 8));
    assert_ne!(make(), Error::new(Code::NetworkError, "no reply").with("peer", 7));
    assert_ne!(make(), Error::new(Code::Timeout, "no answer").with("peer", 7));
}

#[test]
fn serialized_form_has_all_parts_and_the_chain() {
    let shared = Arc::new(Error::new(Code::Timeout, "no reply").caused_by(refused()));
    let error = Error::new(Code::DependencyFailed, "the store is gone")
        .with("store", "s1")
        .with_place("agent::lease")
        .caused_by(shared);
    let expected = json!({
        "code": 2301, "name": "dependency_failed", "category": "system", "severity": "high",
        "retry": {"class": "exponential", "base_ms": 1000, "max_ms": 30000},
        "message": "the store is gone", "fields": {"store": "s1"}, "fields_omitted": 0,
        "place": "agent::lease", "remedy": null,
        "causes": [
            {
                "code": 4301, "name": "timeout", "category": "external", "severity": "medium",
                "retry": {"class": "exponential", "base_ms": 1000, "max_ms": 30000},
                "message": "no reply", "fields": {}, "fields_omitted": 0,
                "place": null, "remedy": null,
            },
            {"message": "connection refused"},
        ],
    });
    assert_eq!(serde_json::to_value(&error).unwrap(), expected);
}
