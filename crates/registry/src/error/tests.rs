use std::num::NonZeroU32;

use foundation_types::{ExitReason, NodeId};

use super::*;
use crate::group::{JoinError, LeaveError};
use crate::metadata::Metadata;
use crate::query::{Query, QueryError};

/// What an error says of itself, and what is left of that when only some error is known, as after `?` in a handler.
fn check<E: StdError + Clone + Send + Sync + 'static>(
    error: &E,
    (code, is_retryable): (Code, bool),
    expected: Code,
) where
    Error: From<E>,
{
    assert_eq!(code, expected, "{error}");
    assert_eq!(is_retryable, code.retry().is_retryable(), "{error}");
    assert_eq!(Error::of(error.clone()).code(), code, "{error}");
    assert_eq!(Error::from(error.clone()).code(), code, "{error}");
    let ExitReason::Error(reason) = ExitReason::from(error.clone()) else {
        unreachable!("an error ends with an error")
    };
    assert_eq!(reason.code(), code, "{error}");
    let text = error.to_string();
    assert!(
        text.starts_with(|first: char| !first.is_uppercase()) && !text.ends_with('.'),
        "{text}"
    );
    if let Some(cause) = error.source().filter(|cause| !cause.is::<Code>()) {
        assert!(!text.contains(&cause.to_string()), "{text} repeats its cause");
    }
}

macro_rules! check_all {
    ($($error:expr => $code:ident,)+) => {
        $({
            let error = $error;
            check(&error, (error.code(), error.is_retryable()), Code::$code);
        })+
    };
}

fn pid() -> Pid {
    Pid::new(NodeId::LOCAL, 1, NonZeroU32::MIN)
}

fn name() -> Name {
    Name::new("agents", "a").expect("a name")
}

fn label() -> LabelError {
    Name::new("a b", "a").expect_err("a space")
}

fn metadata() -> MetadataError {
    Metadata::new(["a b"]).expect_err("a space")
}

fn namespace() -> Arc<str> {
    "agents".into()
}

const WAITED: Duration = Duration::from_millis(1);

/// The advice of `is_retryable` once was another one than that of the code, and after `?` in a handler there was no
/// code.
#[test]
fn why_nothing_was_registered_has_one_advice_on_retry() {
    let (namespace, limit, waited) = (namespace(), 1, WAITED);
    let taken = || RegisterError::AlreadyRegistered { name: name(), owner: pid() };
    let full = || RegisterError::RegistryFull { namespace: Arc::clone(&namespace), limit };
    let wrong = || RegisterError::Metadata { name: name(), source: metadata() };
    check_all! {
        taken() => BusinessRuleViolation,
        wrong() => ValidationFailed,
        full() => ResourceExhausted,
        RegisterError::NoProcess { name: name(), pid: pid() } => ProcessNotAlive,
        RegisterError::TooManyBytes { namespace: Arc::clone(&namespace), limit } => ResourceExhausted,
        RegisterError::Interrupted { name: name() } => InternalError,
        RegisterError::TooManyNames { pid: pid(), limit } => ConstraintViolation,
        RegisterError::TooManyNamespaces { namespace: Arc::clone(&namespace), limit } => ConstraintViolation,
        RegisterError::TooManyHooks { pid: pid(), limit } => ResourceExhausted,
        RegisterError::Busy { namespace: Arc::clone(&namespace), waited } => ServiceUnavailable,
        BatchError::Empty => ConstraintViolation,
        BatchError::TooLarge { len: 2, len_max: 1 } => ConstraintViolation,
        BatchError::OtherNamespace { index: 1 } => ConstraintViolation,
        BatchError::Twice { index: 1 } => ConstraintViolation,
        BatchError::Refused { index: 0, source: taken() } => BusinessRuleViolation,
        BatchError::Refused { index: 0, source: wrong() } => ValidationFailed,
        BatchError::NotChanged { index: 0, source: UpdateError::NotRegistered { name: name() } } => DataNotFound,
        BatchError::Busy { namespace: Arc::clone(&namespace), waited } => ServiceUnavailable,
        UpdateError::NotRegistered { name: name() } => DataNotFound,
        UpdateError::NotOwner { name: name(), owner: pid() } => BusinessRuleViolation,
        UpdateError::Conflict { name: name(), expected: Revision::new(1), stands: Revision::new(2) }
            => BusinessRuleViolation,
        UpdateError::Refused { name: name(), source: Box::new(wrong()) } => ValidationFailed,
        UpdateError::Refused { name: name(), source: Box::new(full()) } => ResourceExhausted,
        UpdateError::Busy { namespace: Arc::clone(&namespace), waited } => ServiceUnavailable,
        metadata() => ValidationFailed,
        label() => InvalidInput,
    }
}

#[test]
fn why_nothing_was_joined_read_or_awaited_has_one_advice_on_retry() {
    let (namespace, limit, waited) = (namespace(), 1, WAITED);
    let group = Group::new("agents", "readers").expect("a group");
    let path = || Path::new("a..b").expect_err("an empty segment");
    let watch = || WatchError::Label(label());
    let (wanted, stands) = (Revision::new(2), Revision::new(1));
    check_all! {
        JoinError::NoProcess { group: group.clone(), pid: pid() } => ProcessNotAlive,
        JoinError::TooManyGroups { pid: pid(), limit } => ConstraintViolation,
        JoinError::Full { namespace: Arc::clone(&namespace), limit } => ResourceExhausted,
        JoinError::TooManyNamespaces { namespace: Arc::clone(&namespace), limit } => ConstraintViolation,
        JoinError::TooManyHooks { pid: pid(), limit } => ResourceExhausted,
        JoinError::Busy { namespace: Arc::clone(&namespace), waited } => ServiceUnavailable,
        LeaveError::Busy { namespace: Arc::clone(&namespace), waited } => ServiceUnavailable,
        watch() => InvalidInput,
        WatchError::TooManyNamespaces { limit } => ConstraintViolation,
        WatchError::TooManyWatches { namespace: Arc::clone(&namespace), limit } => ResourceExhausted,
        WatchError::Busy { namespace: Arc::clone(&namespace), waited } => ServiceUnavailable,
        path() => InvalidInput,
        IndexError::Path(path()) => InvalidInput,
        IndexError::NoAttribute { path: Path::new("health").expect("a path") } => InvalidInput,
        IndexError::TooMany { found: 2, max: 1 } => InvalidInput,
        ReadError::SnapshotExpired { namespace: Arc::clone(&namespace), revision: stands } => ResourceExhausted,
        ReadError::TooManyReaders { namespace: Arc::clone(&namespace), limit: 1 } => ResourceExhausted,
        ReadError::NotReached { namespace: Arc::clone(&namespace), wanted, stands } => DataNotFound,
        AwaitError::Timeout { name: name() } => Timeout,
        AwaitError::NoMember { group } => Timeout,
        AwaitError::OtherMessages { name: name(), owner: pid() } => ConstraintViolation,
        AwaitError::NotReached { namespace: Arc::clone(&namespace), wanted, stands } => Timeout,
        AwaitError::Watch(watch()) => InvalidInput,
        QueryError::Path(path()) => InvalidInput,
        "health:".parse::<Query>().expect_err("nothing to compare with") => InvalidInput,
    }
}

fn check_once<E: StdError + Send + Sync + 'static>(error: E, code: Code, is_retryable: bool) {
    assert_eq!(is_retryable, code.retry().is_retryable(), "{error}");
    assert_eq!(Error::of(error).code(), code);
}

#[test]
fn why_a_name_was_not_told_has_one_advice_on_retry() {
    let nobody = || AwaitError::Timeout { name: name() };
    for error in [NamedCallError::Nobody(nobody()), NamedCallError::Call(CallError::NoProcess)] {
        let (code, is_retryable) = (error.code(), error.is_retryable());
        check_once(error, code, is_retryable);
    }
    for error in [
        NamedSendError::Nobody { message: 1, cause: nobody() },
        NamedSendError::Send(SendError::NoProcess(1)),
    ] {
        let (code, is_retryable) = (error.code(), error.is_retryable());
        check_once(error, code, is_retryable);
    }
}
