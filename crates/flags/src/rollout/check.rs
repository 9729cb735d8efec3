//! Whether the next stage may begin.

use std::fmt;
use std::time::Duration;

use foundation_env::fault;
use serde::Serialize;

use super::Health;

/// How long after a step back no stage begins.
const AFTER_ROLLBACK: Duration = Duration::from_hours(1);

/// A condition of the user's for the next stage.
pub struct Check {
    name: String,
    run: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl Check {
    /// Makes one that `run` decides; what it returns as an error says what is missing.
    pub fn new(
        name: impl Into<String>,
        run: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    pub(super) fn run(&self) -> CheckResult {
        CheckResult::of(&self.name, (self.run)())
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckResult {
    /// Its name: `soak`, `no_recent_rollback`, `health`, or one of the user's. A waiver names it.
    pub name: String,
    /// Whether the next stage may begin for all that it knows.
    pub passed: bool,
    /// What is missing; empty if nothing is.
    pub missing: String,
}

impl CheckResult {
    fn of(name: &str, result: Result<(), String>) -> Self {
        let passed = result.is_ok();
        Self { name: name.to_owned(), passed, missing: result.err().unwrap_or_default() }
    }
}

/// The next stage may not begin yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stage {stage} may not begin: {}", said(failed))]
#[non_exhaustive]
pub struct NotReady {
    /// The stage.
    pub stage: usize,
    /// The checks that say so and are not waived.
    pub failed: Vec<CheckResult>,
}

fn said(failed: &[CheckResult]) -> String {
    let each = failed.iter().map(|check| format!("{} ({})", check.missing, check.name));
    each.collect::<Vec<_>>().join("; ")
}

pub(super) fn soak(wanted: Duration, soaked: Duration) -> CheckResult {
    let left = wanted.saturating_sub(soaked);
    let result = if left.is_zero() {
        Ok(())
    } else {
        Err(format!("this stage must stand for {} more seconds", left.as_secs().max(1)))
    };
    CheckResult::of("soak", result)
}

pub(super) fn recent_rollback(last_unix_ms: Option<u64>, now_unix_ms: u64) -> CheckResult {
    // The original compared nanoseconds with milliseconds, so an hour was 3.6 milliseconds.
    let since = last_unix_ms.map(|last| {
        let passed = now_unix_ms.saturating_sub(last);
        if fault::planted("last_hour_in_wrong_unit") {
            Duration::from_secs(passed)
        } else {
            Duration::from_millis(passed)
        }
    });
    let result = match since {
        Some(since) if since < AFTER_ROLLBACK => {
            let minutes = AFTER_ROLLBACK.saturating_sub(since).as_secs().div_ceil(60);
            Err(format!("it was rolled back less than an hour ago: wait {minutes} more minutes"))
        }
        _ => Ok(()),
    };
    CheckResult::of("no_recent_rollback", result)
}

pub(super) fn health(health: &Health) -> CheckResult {
    let result = match health {
        Health::Unknown => Err("nobody has said how the system is".to_owned()),
        Health::Good { .. } => Ok(()),
        Health::Bad { reasons, .. } => Err(reasons.join("; ")),
    };
    CheckResult::of("health", result)
}
