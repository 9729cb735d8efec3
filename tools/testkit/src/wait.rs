use foundation_env::Env;
use foundation_types::Deadline;
use std::fmt::Display;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

/// The first pause between two looks: the resolution of the real timer, less would change nothing.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// The longest pause; each is twice the one before, so that a long wait costs few looks.
const PAUSE_MAX: Duration = Duration::from_millis(16);

/// Waits until a condition holds and returns what it found.
///
/// The condition is a level that stays true ("three processes are registered"), never an edge that can be
/// missed. While it does not hold it returns its status, which the failure shows. It is looked at once
/// more when the deadline has passed. In a simulation waiting takes virtual time only.
///
/// # Panics
/// If the deadline passes first, with the place of the call, `what` and the last status. If there is no
/// deadline: a test that hangs says nothing.
///
/// # Cancel safety
/// Dropping it forgets the wait and nothing else.
#[track_caller]
pub fn wait_for<T, S: Display>(
    env: &Env,
    what: &str,
    deadline: Deadline,
    mut condition: impl FnMut() -> Result<T, S>,
) -> impl Future<Output = T> {
    let place = Location::caller();
    async move {
        assert!(!deadline.is_never(), "{place}: waiting for {what} needs a deadline");
        let start = env.now();
        let mut pause = PAUSE_MIN;
        loop {
            // Asked first: what becomes true between the two looks is still seen.
            let passed = deadline.has_passed(env.now());
            match condition() {
                Ok(found) => return found,
                Err(status) if passed => {
                    give_up(place, what, env.now().saturating_duration_since(start), &status)
                }
                Err(_) => {
                    env.sleep_until(env.now().saturating_add(pause)).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }
}

#[expect(clippy::panic, reason = "this is how a test fails")]
fn give_up(place: &Location<'_>, what: &str, waited: Duration, status: &dyn Display) -> ! {
    panic!("{place}: {what} did not come about within {waited:?}: {status}");
}

#[cfg(test)]
mod tests;
