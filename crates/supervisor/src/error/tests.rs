use std::sync::Arc;

use foundation_process::{SpawnError, StartError};

use super::*;
use crate::{PartitionError, Refusal, TaskRejected};

fn child() -> Arc<str> {
    Arc::from("a")
}

/// What `?` in a handler makes of an error.
fn reason<E: StdError + Send + Sync + 'static>(error: E) -> (Code, bool) {
    let handler = || -> foundation_process::Outcome { Err(error)? };
    match handler().expect_err("it fails") {
        ExitReason::Error(error) => (error.code(), error.code().retry().is_retryable()),
        other => panic!("{other}"),
    }
}

/// Advice on retry used to contradict the code of the same error, and `?` in a handler forgot both.
#[test]
fn every_error_says_the_same_of_itself_on_every_way() {
    let restarting = || Unavailable::Restarting { child: child() };
    let pid = "<0.17.3>".parse().expect("a pid");
    let full_table = || StartError::from(SpawnError::TooManyProcesses { limit: 1 }).into_reason();
    macro_rules! check {
        ($($error:expr => $code:ident;)+) => {
            $(
                let said = ($error.code(), $error.is_retryable());
                assert_eq!(said, (Code::$code, Code::$code.retry().is_retryable()));
                assert_eq!(said, reason($error), "{}", $error);
                assert_eq!(Error::from($error).code(), said.0);
            )+
        };
    }
    check! {
        restarting() => ServiceUnavailable;
        Unavailable::Stopped { child: child(), reason: ExitReason::Killed } => InitializationFailed;
        Unavailable::GaveUp { child: child(), reason: ExitReason::Killed } => InitializationFailed;
        ChildCallError::from(restarting()) => ServiceUnavailable;
        ChildCallError::from(CallError::Timeout) => Timeout;
        SupervisorError::NotFound { child: child() } => DataNotFound;
        SupervisorError::Running { child: child(), pid } => ConstraintViolation;
        SupervisorError::Restarting { child: child() } => ServiceUnavailable;
        SupervisorError::AlreadyPresent { child: child() } => ConstraintViolation;
        SupervisorError::RoleTaken { child: child() } => ConstraintViolation;
        SupervisorError::PermanentSignificant { child: child() } => InvalidConfigValue;
        SupervisorError::SignificantWithoutAutoShutdown { child: child() } => InvalidConfigValue;
        SupervisorError::Full { max_children: 1 } => ResourceExhausted;
        SupervisorError::NotStarted { child: child(), reason: ExitReason::Killed } => InitializationFailed;
        SupervisorError::NotStarted { child: child(), reason: full_table() } => ResourceExhausted;
        SupervisorError::from(ChildCallError::from(CallError::Timeout)) => Timeout;
        Refusal::Full { running: 1, queued: 1 } => ResourceExhausted;
        Refusal::Closed => ServiceUnavailable;
        TaskRejected { task: (), reason: Refusal::Closed } => ServiceUnavailable;
        PartitionError::NoPartitions => InvalidConfigValue;
        PartitionError::WrongMessage { index: 0, child: child() } => TypeMismatch;
    }
    let full = ChildSendError::Full { message: (), child: child() };
    assert_eq!(reason(full), (Code::ResourceExhausted, true));
}
