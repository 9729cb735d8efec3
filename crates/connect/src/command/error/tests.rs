use std::time::Duration;

use super::*;

/// Whoever converted such an error knowing only that it is some error once got `Unknown`, and with
/// it the advice not to try again.
#[test]
fn who_knows_only_that_it_is_an_error_finds_its_code() {
    let program = || "tool".to_owned();
    let after = Duration::from_secs(1);
    for error in [
        CommandError::NotAllowed { program: program() },
        CommandError::CheckPanicked { program: program() },
        CommandError::NotFound { program: program(), searched: Vec::new() },
        CommandError::NotStarted { program: program(), after },
        CommandError::TooMany(Limit::Callers { callers_max: 1 }),
        CommandError::Killed { program: program(), reason: ExitReason::Killed },
        CommandError::Stuck { program: program(), process: 7, after },
        CommandError::Settings(SettingsError::Zero { setting: "callers_max" }),
        CommandError::from(CallError::Full),
        CommandError::from(CallError::NoReply),
    ] {
        let code = error.code();
        assert_eq!(Error::of(error.clone()).code(), code, "{error}");
        let known = Error::from(error.clone());
        assert_eq!(known.code(), code, "{error}");
        // The code stands at the beginning of a report and is no cause.
        assert_eq!(known.causes().count(), 1, "{error}");
    }
    let error = SettingsError::Zero { setting: "callers_max" };
    assert_eq!(Error::of(error).code(), Code::InvalidInput);
}

#[test]
fn what_the_operating_system_said_is_the_cause() {
    let source = Arc::new(io::Error::from(io::ErrorKind::TimedOut));
    let error = CommandError::Spawn { program: "tool".to_owned(), source };
    let cause = error.source().map(ToString::to_string);
    assert_eq!(cause, Some("timed out".to_owned()));
    assert_eq!(Error::of(error).code(), Code::Unknown);
}
