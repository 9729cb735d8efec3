use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use foundation_types::Code;

use super::*;

fn request(bits: u128) -> ErrorContext {
    ErrorContext::correlated(CorrelationId::from_bits(bits))
}

fn at(millis: u64) -> Instant {
    Instant::ORIGIN + Duration::from_millis(millis)
}

fn current_id() -> Option<u128> {
    ErrorContext::current().correlation_id().map(CorrelationId::bits)
}

/// Guarantee EC1
#[test]
fn a_scope_restores_on_return_error_and_panic() {
    request(1).scope(|| {
        assert_eq!(request(2).scope(current_id), Some(2));
        assert_eq!(current_id(), Some(1), "after a return");

        let failed: Result<(), ()> = request(3).scope(|| Err(()));
        assert_eq!((failed, current_id()), (Err(()), Some(1)), "after an error");

        let panicked = catch_unwind(AssertUnwindSafe(|| {
            request(4).scope(|| {
                request(5).scope(|| panic!("inside"));
            });
        }));
        assert_eq!((panicked.is_err(), current_id()), (true, Some(1)), "after a panic");
    });
    assert_eq!(current_id(), None);
}

/// Guarantee EC1
#[test]
fn a_future_has_its_context_at_each_poll_and_leaves_none_behind() {
    let mut waker = TaskContext::from_waker(Waker::noop());
    let mut polls = 0;
    let mut future = Box::pin(request(7).wrap(std::future::poll_fn(move |_| {
        assert_eq!(current_id(), Some(7));
        let trail = ErrorContext::current().breadcrumbs().count();
        assert_eq!(trail, polls, "what it adds is there at the next poll");
        ErrorContext::breadcrumb(at(1), "polled");
        polls += 1;
        match polls {
            1 | 2 => Poll::<()>::Pending,
            _ => panic!("at last"),
        }
    })));
    for _ in 0..2 {
        assert!(future.as_mut().poll(&mut waker).is_pending());
        assert_eq!(current_id(), None);
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut waker).is_pending()));
    assert!(panicked.is_err());
    assert_eq!(current_id(), None, "after a panic");
    drop(future);
    assert_eq!(current_id(), None, "after its cancellation");
}

#[test]
fn guards_dropped_out_of_order_unwind_as_a_stack() {
    let first = request(1).enter();
    let second = request(2).enter();
    let third = request(3).enter();
    drop(second);
    assert_eq!(current_id(), Some(1), "the third went with it");
    drop(third);
    assert_eq!(current_id(), Some(1), "and restores nothing");
    let fourth = request(4).enter();
    assert_eq!(current_id(), Some(4));
    drop(first);
    drop(fourth);
    assert_eq!(current_id(), None);
}

#[test]
fn a_child_changes_nothing_of_its_parent() {
    let parent = request(1).with("document", "a").with_breadcrumb(at(0), "listed");
    let child = parent.clone().with("document", "b").with("page", 3_u64);
    let grandchild = child.with_breadcrumb(at(5), "read");
    let fields = |context: &ErrorContext| {
        context.fields().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(fields(&parent), ["document=a"]);
    assert_eq!(fields(&grandchild), ["document=b", "page=3"]);
    assert_eq!(parent.breadcrumbs().count(), 1);
    assert_eq!(grandchild.trail(at(8)), "listed (8 ms ago) -> read (3 ms ago)");
    assert_eq!(grandchild.correlation_id(), parent.correlation_id());
}

#[test]
fn fields_are_bounded_and_those_beyond_are_counted() {
    const KEYS: [&str; 40] = {
        let names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN";
        let mut keys = [""; 40];
        let mut index = 0;
        while index < 40 {
            keys[index] = names.split_at(index).1.split_at(1).0;
            index += 1;
        }
        keys
    };
    let mut context = request(1);
    // Each twice: an older value takes no room for ever.
    for key in KEYS {
        context = context.with(key, "old").with(key, "new");
    }
    let values: Vec<_> = context.fields().map(|(_, value)| value.to_string()).collect();
    assert_eq!(values.len(), ErrorContext::FIELDS_MAX);
    assert!(values.iter().all(|value| value == "new"), "{values:?}");
    assert_eq!(context.fields_omitted(), 16);
    assert_eq!(context.with("a", "newest").field("a").unwrap().as_text(), Some("newest"));
    let long = request(1).with("text", "x".repeat(5_000)).field("text").unwrap().to_string();
    assert!(long.len() <= Value::TEXT_BYTES_MAX + '…'.len_utf8());
}

#[test]
fn breadcrumbs_keep_the_newest_and_count_the_rest() {
    let mut context = request(1);
    for number in 0..1_000_u64 {
        // A message took a clone along each time, so nothing is changed in place.
        let shared = context.clone();
        context = context.with_breadcrumb(at(number), format!("step {number}"));
        drop(shared);
        let kept = context.breadcrumbs().count();
        let all = number + 1;
        assert_eq!(kept as u64, all.min(ErrorContext::BREADCRUMBS_MAX as u64));
        assert_eq!(u64::from(context.breadcrumbs_omitted()), all - kept as u64);
    }
    assert_eq!(context.breadcrumbs().last().unwrap().what(), "step 999");
    assert_eq!(context.breadcrumbs().next().unwrap().what(), "step 936");
}

/// Guarantee EC2
#[test]
fn an_error_keeps_its_own_and_gains_what_the_context_knows() {
    let context = request(0xabc)
        .with("document", "report.md")
        .with("attempt", 1_u64)
        .with_breadcrumb(at(0), "read");
    let source = std::io::Error::other("the disk is gone");
    let error = Error::new(Code::Timeout, "too slow").with("attempt", 2).caused_by(source);
    let error = context.enrich(error, at(3));
    assert_eq!(error.code(), Code::Timeout);
    assert_eq!(error.field("correlation_id"), Some("00000000000000000000000000000abc"));
    assert_eq!(error.field("document"), Some("report.md"));
    assert_eq!(error.field("attempt"), Some("2"), "its own field stays");
    assert_eq!(error.field("breadcrumbs"), Some("read (3 ms ago)"));
    let json = serde_json::to_string(&error).unwrap();
    assert!(json.contains("report.md") && json.contains("the disk is gone"), "{json}");
    let plain = ErrorContext::EMPTY.enrich(Error::new(Code::Timeout, "too slow"), at(3));
    assert_eq!(plain.fields().count(), 0);
}

#[test]
fn an_empty_context_stays_empty() {
    let context = ErrorContext::EMPTY.with("key", 1_u64).with_breadcrumb(at(0), "step");
    assert!(context.is_empty());
    ErrorContext::breadcrumb(at(0), "step");
    assert!(ErrorContext::current().is_empty());
    assert_eq!(serde_json::to_string(&context).unwrap(), "{}");
}

#[test]
fn it_serializes_what_it_knows() {
    let context =
        request(1).with("pages", 3_u64).with("ok", true).with_breadcrumb(at(2), "read".to_owned());
    let json = serde_json::to_value(&context).unwrap();
    assert_eq!(json["correlation_id"], "00000000000000000000000000000001");
    assert_eq!(json["fields"], serde_json::json!({"pages": 3, "ok": true}));
    assert_eq!(json["breadcrumbs"][0]["what"], "read");
    let id = context.correlation_id().unwrap();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!("12".parse::<CorrelationId>(), Err(ParseCorrelationIdError));
}
