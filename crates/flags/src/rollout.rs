//! Staged rollout: a plan in data, one stage after the other, and back when it does not go well.
//!
//! Stage 0 is before the first: every flag of the plan is off. A stage is an exact set: whatever a flag of the
//! plan was, in a stage it is what that stage says, and off if no stage up to it names it. Flags, stage and history
//! change in one durable step.

mod check;
mod history;
mod monitor;
mod plan;

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use foundation_env::sync::Mutex;
use foundation_env::{Env, fault};
use foundation_types::Deadline;
use serde::Serialize;

pub use check::{Check, CheckResult, NotReady};
pub use history::{RolloutEntry, RolloutState, Transition};
pub use monitor::{Health, Observation, Sample};
pub use plan::{Plan, PlanError, PlanFault, Risk, Stage, Thresholds};

use monitor::Monitor;

use crate::change::Note;
use crate::durable::{DurableError, DurableFlags};
use crate::flag::{Catalogue, UnknownFlag};
use crate::value::{Setting, Value};

/// A rollout of one plan on the flags of a folder.
#[derive(Debug)]
pub struct Rollout {
    env: Env,
    flags: DurableFlags,
    plan: Plan,
    checks: Vec<Check>,
    monitor: Mutex<Monitor>,
}

/// Where a rollout stands.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RolloutStatus {
    /// The name of the plan.
    pub plan: String,
    /// The stage that is in force; 0 is before the first.
    pub stage: usize,
    /// Its name; none at stage 0.
    pub name: Option<String>,
    /// The name of the next one; none at the last.
    pub next: Option<String>,
    /// Since when the stage is in force: milliseconds since 1970 UTC; none if it never changed.
    pub since_unix_ms: Option<u64>,
    /// The flags of the plan that are not what the stage says, because somebody changed them by hand.
    pub drifted: Vec<String>,
    /// How the system is.
    pub health: Health,
    /// Whether the next stage may begin, check by check.
    pub checks: Vec<CheckResult>,
}

/// Why a rollout did not move.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RolloutError {
    /// The folder has the rollout of another plan.
    #[error(
        "the folder has the rollout of the plan {found:?}, not of {wanted:?}: finish that first, or use its file"
    )]
    OtherPlan {
        /// The plan whose rollout it is.
        found: String,
        /// The plan that was given.
        wanted: String,
    },
    /// There is no stage after this one.
    #[error("stage {stage} is the last")]
    Last {
        /// The stage in force.
        stage: usize,
    },
    /// One rolls back to an earlier stage only.
    #[error(
        "cannot roll back from stage {stage} to {to}: give an earlier one, 0 for before the first"
    )]
    NotBack {
        /// The stage in force.
        stage: usize,
        /// The stage that was asked for.
        to: usize,
    },
    /// Somebody else moved it since it was looked at.
    #[error("the rollout was moved to stage {stage} meanwhile: look at it again")]
    Moved {
        /// The stage in force.
        stage: usize,
    },
    /// The next stage may not begin yet.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// A flag of the plan is not declared.
    #[error(transparent)]
    Unknown(#[from] UnknownFlag),
    /// The step was not made, or is not known to be.
    #[error(transparent)]
    Durable(#[from] DurableError),
}

impl Rollout {
    /// Goes on with the rollout of a plan, where the folder says that it is, or at stage 0.
    ///
    /// # Errors
    /// [`RolloutError::OtherPlan`] if the folder has another one that is not at stage 0;
    /// [`RolloutError::Unknown`] if a flag is not declared.
    pub fn open(env: Env, flags: DurableFlags, plan: Plan) -> Result<Self, RolloutError> {
        for flag in plan.flags() {
            flags.flags().catalogue().index(flag)?;
        }
        if let Some(state) = flags.rollout()
            && state.plan != plan.name
            && state.stage > 0
        {
            return Err(RolloutError::OtherPlan { found: state.plan, wanted: plan.name });
        }
        let monitor = Mutex::new(Monitor::default());
        Ok(Self { env, flags, plan, checks: Vec::new(), monitor })
    }

    /// Adds a condition for the next stage, such as that tests have passed.
    #[must_use]
    pub fn with_check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What was done so far.
    pub fn state(&self) -> RolloutState {
        let known = self.flags.rollout().filter(|state| state.plan == self.plan.name);
        known.unwrap_or_else(|| RolloutState::new(&self.plan.name))
    }

    /// Where it stands.
    pub fn status(&self) -> RolloutStatus {
        let state = self.state();
        let stage = state.stage;
        let settings = self.flags.flags().settings();
        let wanted = self.plan.values_at(stage);
        let drifted = wanted.iter().filter(|(flag, value)| {
            settings.get(**flag).is_some_and(|setting| *setting != Setting::from(**value))
        });
        let health = self.health(&state);
        RolloutStatus {
            plan: self.plan.name.clone(),
            stage,
            name: self.plan.stage(stage).map(|stage| stage.name.clone()),
            next: self.plan.stage(stage + 1).map(|stage| stage.name.clone()),
            since_unix_ms: state.since_unix_ms(),
            drifted: drifted.map(|(flag, _)| (*flag).to_owned()).collect(),
            health,
            checks: self.readiness(&state),
        }
    }

    /// Begins the next stage, if every check that is not waived says so. A waiver is the name of a check, and
    /// stands in the history.
    ///
    /// # Errors
    /// [`RolloutError::Last`], [`RolloutError::NotReady`] with all that is missing, [`RolloutError::Durable`].
    ///
    /// # Cancel safety
    /// As [`DurableFlags::change`].
    pub async fn advance(
        &self,
        note: &Note,
        waived: &[&str],
        deadline: Deadline,
    ) -> Result<RolloutState, RolloutError> {
        let seen = self.state();
        let (from, to) = (seen.stage, seen.stage + 1);
        if self.plan.stage(to).is_none() {
            return Err(RolloutError::Last { stage: from });
        }
        let failed: Vec<CheckResult> = self
            .readiness(&seen)
            .into_iter()
            .filter(|check| !check.passed && !waived.contains(&check.name.as_str()))
            .collect();
        if !failed.is_empty() {
            return Err(NotReady { stage: to, failed }.into());
        }
        let waived = waived.iter().map(|name| (*name).to_owned()).collect();
        self.go(from, to, Transition::Advance { waived }, note, deadline).await
    }

    /// Goes back to an earlier stage; 0 is before the first.
    ///
    /// # Errors
    /// [`RolloutError::NotBack`], [`RolloutError::Durable`].
    ///
    /// # Cancel safety
    /// As [`DurableFlags::change`].
    pub async fn rollback(
        &self,
        to: usize,
        note: &Note,
        deadline: Deadline,
    ) -> Result<RolloutState, RolloutError> {
        let stage = self.state().stage;
        if to >= stage {
            return Err(RolloutError::NotBack { stage, to });
        }
        self.go(stage, to, Transition::Rollback, note, deadline).await
    }

    /// Turns all flags off at once, those of the plan and all others, and goes back to stage 0. The flags are off
    /// whatever comes back.
    ///
    /// # Errors
    /// [`RolloutError::Durable`] if that may not outlive the program.
    pub async fn emergency(
        &self,
        note: &Note,
        deadline: Deadline,
    ) -> Result<RolloutState, RolloutError> {
        let mut state = self.state();
        state.move_to(0, Transition::Emergency, note, self.unix_ms());
        let after = state.clone();
        let off = self.flags.turn_all_off_and(note, deadline, |rollout| *rollout = Some(after));
        let written = off.await;
        self.monitor.lock().begin_anew();
        written?;
        Ok(state)
    }

    /// Takes a sample of how the system is. Enough bad ones in a row take the rollout back by one stage, unless
    /// that happened within the cool-down of the plan; the first good ones of stage 0 become the
    /// baseline of the latency.
    ///
    /// # Errors
    /// [`RolloutError::Durable`] if the step back could not be made.
    pub async fn observe(
        &self,
        sample: Sample,
        deadline: Deadline,
    ) -> Result<Observation, RolloutError> {
        let state = self.state();
        let now = self.unix_ms();
        let seen = self.monitor.lock().take(sample, &self.plan.thresholds, &state, now);
        match &seen {
            Observation::RollsBack { reasons, .. } => {
                let note = Note::new("rollout monitor", &reasons.join("; "));
                let to = state.stage.saturating_sub(1);
                self.go(state.stage, to, Transition::Automatic, &note, deadline).await?;
            }
            Observation::Baseline { latency_ms } => {
                let (latency_ms, note) = (*latency_ms, Note::new("rollout monitor", "baseline"));
                self.commit(&note, deadline, |state| state.baseline_ms = Some(latency_ms)).await?;
            }
            Observation::Healthy | Observation::Bad { .. } | Observation::CoolingDown { .. } => {}
        }
        Ok(seen)
    }

    async fn go(
        &self,
        from: usize,
        to: usize,
        transition: Transition,
        note: &Note,
        deadline: Deadline,
    ) -> Result<RolloutState, RolloutError> {
        let now = self.unix_ms();
        let values = self.plan.values_at(to);
        let mut after = None;
        let decided = self.flags.commit(note, deadline, |catalogue, settings, rollout| {
            let known = rollout.take().filter(|state| state.plan == self.plan.name);
            let mut state = known.unwrap_or_else(|| RolloutState::new(&self.plan.name));
            // Somebody moved it since the checks were made.
            if state.stage != from {
                return Err(RolloutError::Moved { stage: state.stage });
            }
            set_exactly(catalogue, settings, &values)?;
            state.move_to(to, transition, note, now);
            after = Some(state.clone());
            *rollout = Some(state);
            Ok(())
        });
        decided.await?;
        self.monitor.lock().begin_anew();
        Ok(after.unwrap_or_else(|| self.state()))
    }

    async fn commit(
        &self,
        note: &Note,
        deadline: Deadline,
        change: impl FnOnce(&mut RolloutState),
    ) -> Result<(), RolloutError> {
        let changed = self.flags.commit::<RolloutError>(note, deadline, |_, _, rollout| {
            let known = rollout.take().filter(|state| state.plan == self.plan.name);
            let mut state = known.unwrap_or_else(|| RolloutState::new(&self.plan.name));
            change(&mut state);
            *rollout = Some(state);
            Ok(())
        });
        changed.await.map(drop)
    }

    fn health(&self, state: &RolloutState) -> Health {
        self.monitor.lock().health(&self.plan.thresholds, state)
    }

    fn readiness(&self, state: &RolloutState) -> Vec<CheckResult> {
        let now = self.unix_ms();
        let soak = self.plan.stage(state.stage).map_or(Duration::ZERO, |stage| stage.soak);
        let soaked = state.since_unix_ms().map_or(u64::MAX, |since| now.saturating_sub(since));
        let health = self.health(state);
        let own = [
            check::soak(soak, Duration::from_millis(soaked)),
            check::recent_rollback(state.last_rollback_unix_ms(), now),
            check::health(&health),
        ];
        own.into_iter().chain(self.checks.iter().map(Check::run)).collect()
    }

    fn unix_ms(&self) -> u64 {
        let now = self.env.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Sets each flag of a plan to what a stage says, overrides included.
fn set_exactly(
    catalogue: &Catalogue,
    settings: &mut [Setting],
    values: &BTreeMap<&str, Value>,
) -> Result<(), UnknownFlag> {
    let skipped = usize::from(fault::planted("rollback_leaves_one_flag"));
    for (flag, value) in values.iter().skip(skipped) {
        let index = catalogue.index(flag)?;
        if let Some(setting) = settings.get_mut(index) {
            *setting = Setting::from(*value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
