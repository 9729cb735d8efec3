use std::error::Error as StdError;

use foundation_types::{Code, Error, ExitReason, Pid};

use super::{CallError, SendError, TrySendError};
use crate::delivery::{BroadcastError, Delivery, DeliveryOutcome, Rule};
use crate::hook::HookError;
use crate::limits::LimitReached;
use crate::process::Outcome;
use crate::spawn::{SpawnError, StartError};
use crate::timer::Elapsed;

fn pid() -> Pid {
    "<0.17.3>".parse().expect("a pid")
}

/// Each way out of an error type, of one error: all must say the same.
struct Row {
    error: Error,
    reason: ExitReason,
    code: Code,
    is_retryable: bool,
}

/// Makes a row of a value, once converted as `From` does and once as `?` in a handler does.
macro_rules! rows {
    ($($error:expr => $code:ident),+ $(,)?) => {
        vec![$({
            fn text(error: &(dyn StdError + 'static)) -> String {
                error.to_string()
            }
            let handler = || -> Outcome { Err($error)?; Ok(()) };
            let error = Error::from($error);
            assert_eq!(error.message(), text(&$error));
            assert_eq!($error.code(), Code::$code, "{error}");
            let is_retryable = $error.is_retryable();
            let reason = handler().expect_err("it fails");
            Row { error, reason, code: Code::$code, is_retryable }
        }),+]
    };
}

fn rule(outcomes: &[DeliveryOutcome]) -> BroadcastError {
    let delivery = |&outcome| Delivery { to: pid(), outcome };
    let deliveries = outcomes.iter().map(delivery).collect();
    BroadcastError::Rule { rule: Rule::AllOrNothing, deliveries }
}

fn all() -> Vec<Row> {
    use DeliveryOutcome::{Accepted, Deadlock, Full, NoProcess, Withdrawn};
    let path = || vec![pid(), pid()];
    rows![
        CallError::NoProcess => ProcessNotAlive,
        CallError::Exited(ExitReason::Killed) => ProcessNotAlive,
        CallError::Timeout => Timeout,
        CallError::Full => ResourceExhausted,
        CallError::NoReply => InternalError,
        CallError::Deadlock { path: path() } => InternalError,
        SendError::NoProcess(7) => ProcessNotAlive,
        SendError::Timeout(7) => ResourceExhausted,
        SendError::Deadlock { message: 7, path: path() } => InternalError,
        TrySendError::Full(7) => ResourceExhausted,
        TrySendError::NoProcess(7) => ProcessNotAlive,
        SpawnError::ShuttingDown => ServiceUnavailable,
        SpawnError::TooManyProcesses { limit: 7 } => ResourceExhausted,
        SpawnError::NoParent(pid()) => ProcessNotAlive,
        StartError::Spawn(SpawnError::NoParent(pid())) => ProcessNotAlive,
        StartError::Init(ExitReason::Killed) => InitializationFailed,
        StartError::Timeout => Timeout,
        HookError::NoProcess(pid()) => ProcessNotAlive,
        HookError::TooMany { pid: pid(), limit: 7 } => ResourceExhausted,
        LimitReached { pid: pid(), what: "timers", limit: 7 } => ResourceExhausted,
        BroadcastError::TooMany(7) => InvalidInput,
        BroadcastError::Twice(pid()) => InvalidInput,
        rule(&[Accepted, Full, NoProcess, Deadlock]) => InternalError,
        rule(&[Withdrawn, Full, NoProcess]) => ProcessNotAlive,
        rule(&[Withdrawn, Full]) => ResourceExhausted,
        rule(&[]) => ProcessNotAlive,
        Elapsed => Timeout,
    ]
}

/// `?` goes through the conversion for any error, not through ours: a call that timed out in a
/// handler ended the process as unknown, never to be retried, and most errors had no code at all.
#[test]
fn every_error_keeps_its_code_through_the_question_mark() {
    for Row { error, reason, code, .. } in all() {
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(reason, ExitReason::error(error));
    }
}

/// A dead process was not to be called again by one answer and to be by the other.
#[test]
fn an_error_and_its_code_give_the_same_advice_on_retry() {
    for Row { error, code, is_retryable, .. } in all() {
        assert_eq!(is_retryable, error.is_retryable(), "{error}");
        assert_eq!(is_retryable, code.retry().is_retryable(), "{error}");
    }
}

#[test]
fn a_report_says_each_thing_once() {
    let report = |error: Error| error.report().to_string();
    let timeout = "E4301 timeout: no answer before the deadline";
    assert_eq!(report(CallError::Timeout.into()), timeout);
    assert_eq!(
        report(StartError::Spawn(SpawnError::ShuttingDown).into()),
        "E2102 service_unavailable: not spawned, caused by: the system is shutting down"
    );
}
