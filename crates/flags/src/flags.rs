//! The owner of the state: changes, their records, and those who are told.

use std::collections::{BTreeMap, VecDeque};
use std::time::UNIX_EPOCH;

use foundation_env::sync::{Arc, Mutex, MutexGuard};
use foundation_env::{Env, fault};
use tokio::sync::broadcast;

use crate::change::{Change, Edit, Note, Step};
use crate::flag::{Catalogue, Flag, UnknownFlag};
use crate::handle::FlagHandle;
use crate::live::Live;
use crate::subscription::{SubscribeError, Subscription};
use crate::value::{Setting, Value};

#[cfg(test)]
mod tests;

/// The flags of a system. Clones share everything.
#[derive(Clone, Debug)]
pub struct Flags(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    env: Env,
    catalogue: Catalogue,
    live: Arc<Live>,
    state: Mutex<State>,
    told: broadcast::Sender<Arc<Step>>,
}

/// What the writer owns.
#[derive(Debug, Default)]
struct State {
    /// The number of the last step.
    step: u64,
    records: VecDeque<Arc<Change>>,
    forgotten: u64,
    /// Published, and not yet told to subscribers.
    untold: VecDeque<Arc<Step>>,
    /// Whether somebody is telling: one at a time, so that the order is kept without a lock held.
    telling: bool,
}

/// A step that is decided and not made yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) step: Arc<Step>,
    /// All settings as they are since.
    pub(crate) since: Vec<Setting>,
}

/// The records of changes that are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audit {
    /// The last [`Flags::RECORDS_MAX`] records, oldest first.
    pub records: Vec<Arc<Change>>,
    /// How many older ones were dropped to keep the bound.
    pub forgotten: u64,
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// A flag is not declared.
    #[error(transparent)]
    Unknown(#[from] UnknownFlag),
    /// The key of an override is empty, too long, or has control characters.
    #[error("the key of an override of {flag:?} must have 1 to {max} bytes and no control characters", max = Setting::KEY_BYTES_MAX)]
    BadKey {
        /// The flag.
        flag: String,
    },
    /// A flag would have too many overrides.
    #[error("{flag:?} would have more than {max} overrides: remove some, or use a percentage", max = Setting::OVERRIDES_MAX)]
    TooManyOverrides {
        /// The flag.
        flag: String,
    },
    /// One step has too many edits.
    #[error("a step has at most {max} edits: make several steps", max = Flags::EDITS_MAX)]
    TooManyEdits,
}

impl Flags {
    /// The most records that are kept; past it the oldest is dropped and counted.
    pub const RECORDS_MAX: usize = 1_000;

    /// The most edits of one step.
    pub const EDITS_MAX: usize = 4_096;

    /// The most subscribers at one time.
    pub const SUBSCRIBERS_MAX: usize = 1_024;

    /// Makes the flags of a catalogue, all off.
    pub fn new(env: Env, catalogue: Catalogue) -> Self {
        let settings: Arc<[Setting]> =
            catalogue.flags().iter().map(|_| Setting::default()).collect();
        let live = Arc::new(Live::new(settings));
        let (told, _) = broadcast::channel(Subscription::STEPS_MAX);
        Self(Arc::new(Shared { env, catalogue, live, state: Mutex::default(), told }))
    }

    /// Returns the declared flags.
    pub fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    /// Resolves a flag once, for reading it often.
    ///
    /// # Errors
    /// [`UnknownFlag`] if it is not declared.
    pub fn handle(&self, flag: impl AsRef<str>) -> Result<FlagHandle, UnknownFlag> {
        let index = self.0.catalogue.index(flag.as_ref())?;
        Ok(FlagHandle::new(Arc::clone(&self.0.live), index, flag.as_ref()))
    }

    /// Tells whether a flag is on for everybody; see [`FlagHandle::is_enabled`].
    ///
    /// # Errors
    /// [`UnknownFlag`] if it is not declared.
    pub fn is_enabled(&self, flag: impl AsRef<str>) -> Result<bool, UnknownFlag> {
        Ok(self.handle(flag)?.is_enabled())
    }

    /// Tells whether a flag is on for a key; see [`FlagHandle::is_enabled_for`].
    ///
    /// # Errors
    /// [`UnknownFlag`] if it is not declared.
    pub fn is_enabled_for(&self, flag: impl AsRef<str>, key: &str) -> Result<bool, UnknownFlag> {
        Ok(self.handle(flag)?.is_enabled_for(key))
    }

    /// Returns the settings of all flags, by name, as of one step.
    pub fn settings(&self) -> BTreeMap<String, Setting> {
        let settings = self.0.live.settings();
        let names = self.0.catalogue.flags().iter().map(|flag| flag.name().to_owned());
        names.zip(settings.iter().cloned()).collect()
    }

    /// Returns the records of changes.
    pub fn audit(&self) -> Audit {
        let state = self.0.state.lock();
        Audit { records: state.records.iter().cloned().collect(), forgotten: state.forgotten }
    }

    /// Subscribes to all steps after this call.
    ///
    /// # Errors
    /// [`SubscribeError`] at [`Flags::SUBSCRIBERS_MAX`].
    pub fn subscribe(&self) -> Result<Subscription, SubscribeError> {
        // Under the lock, so that counting and subscribing are one step.
        let _state = self.0.state.lock();
        if self.0.told.receiver_count() >= Self::SUBSCRIBERS_MAX {
            return Err(SubscribeError { subscribers_max: Self::SUBSCRIBERS_MAX });
        }
        Ok(Subscription(self.0.told.subscribe()))
    }

    /// Sets the value of one flag; see [`Flags::change`].
    ///
    /// # Errors
    /// [`ChangeError::Unknown`] if it is not declared.
    pub fn set(
        &self,
        flag: impl AsRef<str>,
        value: Value,
        note: &Note,
    ) -> Result<Option<Arc<Step>>, ChangeError> {
        self.change(&[(flag.as_ref(), Edit::Value(value))], note)
    }

    /// Makes all edits, in their order, in one step that readers see whole, or none of them.
    ///
    /// Returns the step, with one record for each flag that is different afterwards, or `None` if none is.
    ///
    /// # Errors
    /// [`ChangeError`] if a flag is not declared or a bound would be passed; then nothing has changed.
    pub fn change(
        &self,
        edits: &[(&str, Edit)],
        note: &Note,
    ) -> Result<Option<Arc<Step>>, ChangeError> {
        self.commit(note, |settings| apply_all(&self.0.catalogue, settings, edits))
    }

    /// Turns every flag off for everybody, overrides included, in one step. Returns as [`Flags::change`].
    pub fn turn_all_off(&self, note: &Note) -> Option<Arc<Step>> {
        let skipped = usize::from(fault::planted("flags_emergency_skips_one"));
        let done: Result<_, std::convert::Infallible> = self.commit(note, |settings| {
            settings.iter_mut().skip(skipped).for_each(|setting| *setting = Setting::default());
            Ok(())
        });
        match done {
            Ok(step) => step,
        }
    }

    /// Makes one step of what `edit` does to the settings.
    fn commit<E>(
        &self,
        note: &Note,
        edit: impl FnOnce(&mut [Setting]) -> Result<(), E>,
    ) -> Result<Option<Arc<Step>>, E> {
        let state = self.0.state.lock();
        let prepared = self.prepare(&state, note, edit)?;
        Ok(prepared.map(|prepared| self.publish(state, prepared)))
    }

    /// Finds out what a step would be, and changes nothing.
    fn prepare<E>(
        &self,
        state: &State,
        note: &Note,
        edit: impl FnOnce(&mut [Setting]) -> Result<(), E>,
    ) -> Result<Option<Prepared>, E> {
        let at = self.0.env.wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let at_unix_ms = u64::try_from(at).unwrap_or(u64::MAX);
        let before = self.0.live.settings();
        let mut since = before.to_vec();
        edit(&mut since)?;
        let number = state.step + 1;
        let changed = self.0.catalogue.flags().iter().zip(before.iter().zip(&since));
        let changes: Vec<Change> = changed
            .filter(|(_, (from, to))| from != to)
            .map(|(flag, (from, to))| record(number, flag, (from, to), note, at_unix_ms))
            .collect();
        if changes.is_empty() {
            return Ok(None);
        }
        Ok(Some(Prepared { step: Arc::new(Step { number, changes }), since }))
    }

    /// Makes a step the one that readers see, and tells of it.
    fn publish<'a>(&'a self, mut state: MutexGuard<'a, State>, prepared: Prepared) -> Arc<Step> {
        let Prepared { step, since } = prepared;
        let told_early = fault::planted("flags_told_before_readable");
        if told_early {
            drop(self.0.told.send(Arc::clone(&step)));
        } else {
            state.untold.push_back(Arc::clone(&step));
        }
        state.step = step.number;
        if !fault::planted("flags_change_without_record") {
            state.keep(&step);
        }
        self.0.live.publish(step.number, since.into());
        self.tell(state);
        step
    }

    /// As [`Flags::prepare`], without anything held afterwards.
    pub(crate) fn plan<E>(
        &self,
        note: &Note,
        edit: impl FnOnce(&Catalogue, &mut [Setting]) -> Result<(), E>,
    ) -> Result<Option<Prepared>, E> {
        let state = self.0.state.lock();
        self.prepare(&state, note, |settings| edit(&self.0.catalogue, settings))
    }

    /// Makes a planned step, unless another one was made since it was planned.
    pub(crate) fn carry_out(&self, prepared: Prepared) -> Option<Arc<Step>> {
        let state = self.0.state.lock();
        (state.step + 1 == prepared.step.number).then(|| self.publish(state, prepared))
    }

    /// Everything that is kept: the number of the last step, the settings by name, and the records.
    pub(crate) fn saved(&self) -> (u64, BTreeMap<String, Setting>, Audit) {
        let state = self.0.state.lock();
        let records = state.records.iter().cloned().collect();
        (state.step, self.settings(), Audit { records, forgotten: state.forgotten })
    }

    /// Takes over what was kept, before anybody reads or is told. Settings of flags that are not declared are
    /// returned.
    pub(crate) fn restore(
        &self,
        step: u64,
        mut settings: BTreeMap<String, Setting>,
        audit: Audit,
    ) -> BTreeMap<String, Setting> {
        let mut state = self.0.state.lock();
        let declared = self.0.catalogue.flags().iter();
        let since = declared.map(|flag| settings.remove(flag.name()).unwrap_or_default());
        self.0.live.publish(step, since.collect());
        state.step = step;
        state.records = audit.records.into();
        state.forgotten = audit.forgotten;
        settings
    }

    /// Tells subscribers what is untold, in order and without the lock. If somebody else is telling, he does it.
    fn tell<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        if state.telling {
            return;
        }
        state.telling = true;
        while let Some(step) = state.untold.pop_front() {
            drop(state);
            // An error says that nobody listens.
            drop(self.0.told.send(step));
            state = self.0.state.lock();
        }
        state.telling = false;
    }
}

impl State {
    /// Keeps the records of a step within the bound.
    fn keep(&mut self, step: &Step) {
        for change in &step.changes {
            if self.records.len() >= Flags::RECORDS_MAX {
                self.records.pop_front();
                self.forgotten += 1;
            }
            self.records.push_back(Arc::new(change.clone()));
        }
    }
}

fn record(
    step: u64,
    flag: &Flag,
    (from, to): (&Setting, &Setting),
    note: &Note,
    at_unix_ms: u64,
) -> Change {
    Change {
        step,
        flag: flag.name().to_owned(),
        from: from.clone(),
        to: to.clone(),
        who: note.who.to_string(),
        why: note.why.to_string(),
        at_unix_ms,
    }
}

/// Makes edits, in their order.
pub(crate) fn apply_all(
    catalogue: &Catalogue,
    settings: &mut [Setting],
    edits: &[(&str, Edit)],
) -> Result<(), ChangeError> {
    if edits.len() > Flags::EDITS_MAX {
        return Err(ChangeError::TooManyEdits);
    }
    edits.iter().try_for_each(|(flag, edit)| {
        let index = catalogue.index(flag)?;
        settings.get_mut(index).map_or(Ok(()), |setting| apply(setting, flag, edit))
    })
}

fn apply(setting: &mut Setting, flag: &str, edit: &Edit) -> Result<(), ChangeError> {
    match edit {
        Edit::Value(value) => setting.value = *value,
        Edit::Exactly(value) => *setting = Setting::from(*value),
        Edit::Override { key, on } => {
            let is_key = !key.is_empty()
                && key.len() <= Setting::KEY_BYTES_MAX
                && !key.chars().any(char::is_control);
            if !is_key {
                return Err(ChangeError::BadKey { flag: flag.to_owned() });
            }
            match on {
                Some(on) => setting.overrides.insert(key.clone(), *on),
                None => setting.overrides.remove(key),
            };
            if setting.overrides.len() > Setting::OVERRIDES_MAX {
                return Err(ChangeError::TooManyOverrides { flag: flag.to_owned() });
            }
        }
    }
    Ok(())
}
