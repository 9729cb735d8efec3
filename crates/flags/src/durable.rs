//! Flags that outlive the program.
//!
//! A change is decided, written and only then seen: who reads a flag never sees what a crash could take back. One
//! change is at that at a time; who waits for its turn does so until its deadline. An emergency waits for nobody: it
//! changes what readers see first and writes afterwards, and the change that was being written
//! meanwhile is not made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use foundation_env::sync::{Arc, Mutex};
use foundation_env::{Either, Env, FileError, FileLock, fault, select_biased};
use foundation_types::Deadline;
use tokio::sync::{Semaphore, oneshot};

use crate::change::{Edit, Note, Step};
use crate::flag::Catalogue;
use crate::flags::{Audit, ChangeError, Flags, Prepared, apply_all};
use crate::rollout::RolloutState;
use crate::saved::{DamagedState, Saved};
use crate::value::{Setting, Value};

/// The name of the file with the state.
const STATE: &str = "flags.state";
/// The name of the file that is locked.
const LOCK: &str = "flags.lock";
/// The largest state that is read, in bytes: a thousand records with reasons and overrides of the longest.
const STATE_BYTES_MAX: u64 = 64 << 20;

/// The flags of a system and its rollout, kept in a folder. Clones share everything.
///
/// One program at a time has a folder.
#[derive(Clone, Debug)]
pub struct DurableFlags(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    env: Env,
    flags: Flags,
    path: PathBuf,
    /// The one change that is being written.
    turn: Arc<Semaphore>,
    kept: Mutex<Kept>,
    _lock: FileLock,
}

/// What is kept beside the flags.
#[derive(Debug)]
struct Kept {
    undeclared: BTreeMap<String, Setting>,
    rollout: Option<RolloutState>,
    /// How often all flags were turned off.
    emergencies: u64,
}

/// Why the flags of a folder cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder or the file cannot be read or created, or another program has it.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is damaged.
    #[error(transparent)]
    Damaged(#[from] DamagedState),
}

/// Why a durable change was not made, or is not known to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DurableError {
    /// It cannot be made. Nothing has changed.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Other changes were being written until the deadline. Nothing has changed.
    #[error("other changes were being written until the deadline: try again")]
    Busy,
    /// The file could not be written. Nothing has changed.
    #[error("the change could not be written, so it was not made")]
    NotWritten(#[source] FileError),
    /// The file may have the change and readers do not see it.
    #[error(
        "the change may stand in the file and is not in force: look at the disk, then change it again"
    )]
    InDoubt(#[source] FileError),
    /// An emergency came in between and is in force. The change was not made.
    #[error("an emergency turned all flags off meanwhile: the change was not made")]
    Overtaken,
    /// It was still being written at the deadline; it may be made yet.
    #[error("the change was still being written at the deadline: read the flags again")]
    Late,
    /// The state cannot be put into words; a defect.
    #[error("the state cannot be written as text")]
    Encode(#[from] serde_json::Error),
}

/// What is to be written, and made afterwards.
struct Decided {
    bytes: Vec<u8>,
    prepared: Option<Prepared>,
    rollout: Option<RolloutState>,
    /// As of [`Kept`].
    emergencies: u64,
}

impl DurableFlags {
    /// Opens the flags of a folder, which is created if it is not there; without a state all are off. Settings of
    /// flags that `catalogue` does not declare are kept.
    ///
    /// # Errors
    /// See [`OpenError`]; a damaged file is never taken for an empty one.
    pub async fn open(
        env: Env,
        folder: impl AsRef<Path>,
        catalogue: Catalogue,
    ) -> Result<Self, OpenError> {
        let (folder, files) = (folder.as_ref(), env.files());
        files.create_folder(folder).await?;
        let holder = format!("process {}", std::process::id());
        let lock = files.lock(folder.join(LOCK), holder).await?;
        let path = folder.join(STATE);
        let saved = match files.read(&path, STATE_BYTES_MAX).await {
            Ok(bytes) => Saved::from_bytes(&path, &bytes)?,
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => Saved::default(),
            Err(error) => return Err(error.into()),
        };
        let flags = Flags::new(env.clone(), catalogue);
        let Saved { step, settings, records, forgotten, rollout } = saved;
        let records = records.into_iter().map(Arc::new).collect();
        let undeclared = flags.restore(step, settings, Audit { records, forgotten });
        let kept = Mutex::new(Kept { undeclared, rollout, emergencies: 0 });
        let turn = Arc::new(Semaphore::new(1));
        Ok(Self(Arc::new(Shared { env, flags, path, turn, kept, _lock: lock })))
    }

    /// The flags, to be read and subscribed to. A change that is made with their own methods is not durable until
    /// the next one that is made with those of this.
    pub fn flags(&self) -> &Flags {
        &self.0.flags
    }

    /// Where the rollout stands, if one was begun.
    pub fn rollout(&self) -> Option<RolloutState> {
        self.0.kept.lock().rollout.clone()
    }

    /// Sets the value of one flag; see [`DurableFlags::change`].
    ///
    /// # Errors
    /// See [`DurableError`].
    pub async fn set(
        &self,
        flag: &str,
        value: Value,
        note: &Note,
        deadline: Deadline,
    ) -> Result<Option<Arc<Step>>, DurableError> {
        self.change(&[(flag, Edit::Value(value))], note, deadline).await
    }

    /// Makes all edits in one step, or none; see [`Flags::change`]. Once it has returned, they are durable.
    ///
    /// # Errors
    /// See [`DurableError`].
    ///
    /// # Cancel safety
    /// A dropped call whose turn had come is carried out to its end all the same.
    pub async fn change(
        &self,
        edits: &[(&str, Edit)],
        note: &Note,
        deadline: Deadline,
    ) -> Result<Option<Arc<Step>>, DurableError> {
        self.commit(note, deadline, |catalogue, settings, _| {
            apply_all(catalogue, settings, edits).map_err(DurableError::from)
        })
        .await
    }

    /// Turns every flag off at once, for everybody, waiting for no other change, and then writes that. A rollout
    /// stays where it is; [`Rollout::emergency`](crate::Rollout::emergency) moves it too.
    ///
    /// # Errors
    /// See [`DurableError`]. The flags are off all the same; that may not outlive the program.
    ///
    /// # Cancel safety
    /// Once it was polled the flags are off. Dropped before its turn to write, it leaves that to the next change.
    pub async fn turn_all_off(&self, note: &Note, deadline: Deadline) -> Result<(), DurableError> {
        self.turn_all_off_and(note, deadline, |_| ()).await
    }

    /// As [`DurableFlags::turn_all_off`], and at once does to the rollout what `also` does.
    pub(crate) async fn turn_all_off_and(
        &self,
        note: &Note,
        deadline: Deadline,
        also: impl FnOnce(&mut Option<RolloutState>),
    ) -> Result<(), DurableError> {
        self.0.flags.turn_all_off(note);
        {
            let mut kept = self.0.kept.lock();
            kept.emergencies += 1;
            also(&mut kept.rollout);
        }
        let written = self.commit::<DurableError>(note, deadline, |_, _, _| Ok(())).await;
        written.map(drop)
    }

    /// Makes what `decide` does to the settings and to the rollout one durable step.
    pub(crate) async fn commit<E: From<DurableError>>(
        &self,
        note: &Note,
        deadline: Deadline,
        decide: impl FnOnce(&Catalogue, &mut [Setting], &mut Option<RolloutState>) -> Result<(), E>,
    ) -> Result<Option<Arc<Step>>, E> {
        let turn = Arc::clone(&self.0.turn).acquire_owned();
        // It is never closed.
        let Some(Ok(permit)) = self.before(deadline, Box::pin(turn)).await else {
            return Err(DurableError::Busy.into());
        };
        let decided = self.decide(note, decide)?;
        let (done, result) = oneshot::channel();
        let shared = Arc::clone(&self.0);
        // A task, so that a caller who goes leaves nothing half done.
        self.0.env.spawn(async move {
            let made = shared.carry_out(decided).await;
            drop(permit);
            // A caller who is gone does not want to know.
            drop(done.send(made));
        });
        match self.before(deadline, result).await {
            Some(Ok(made)) => Ok(made?),
            Some(Err(_)) | None => Err(DurableError::Late.into()),
        }
    }

    /// Waits for a future until the deadline.
    async fn before<F: Future + Unpin>(&self, deadline: Deadline, future: F) -> Option<F::Output> {
        let Some(at) = deadline.instant() else { return Some(future.await) };
        match select_biased(future, self.0.env.sleep_until(at)).await {
            Either::First(output) => Some(output),
            Either::Second(()) => None,
        }
    }

    fn decide<E: From<DurableError>>(
        &self,
        note: &Note,
        decide: impl FnOnce(&Catalogue, &mut [Setting], &mut Option<RolloutState>) -> Result<(), E>,
    ) -> Result<Decided, E> {
        let (mut rollout, emergencies) = {
            let kept = self.0.kept.lock();
            (kept.rollout.clone(), kept.emergencies)
        };
        let prepared = self
            .0
            .flags
            .plan(note, |catalogue, settings| decide(catalogue, settings, &mut rollout))?;
        let (mut step, mut settings, audit) = self.0.flags.saved();
        let mut records: Vec<_> = audit.records.iter().map(|record| (**record).clone()).collect();
        let mut forgotten = audit.forgotten;
        if let Some(prepared) = &prepared {
            step = prepared.step.number;
            let names = self.0.flags.catalogue().flags().iter().map(|flag| flag.name().to_owned());
            settings = names.zip(prepared.since.iter().cloned()).collect();
            records.extend(prepared.step.changes.iter().cloned());
            let surplus = records.len().saturating_sub(Flags::RECORDS_MAX);
            records.drain(..surplus);
            forgotten += u64::try_from(surplus).unwrap_or(0);
        }
        settings.extend(self.0.kept.lock().undeclared.clone());
        let saved = Saved { step, settings, records, forgotten, rollout: rollout.clone() };
        let bytes = saved.to_bytes().map_err(DurableError::from)?;
        Ok(Decided { bytes, prepared, rollout, emergencies })
    }
}

impl Shared {
    /// Writes what was decided, and makes it.
    async fn carry_out(&self, decided: Decided) -> Result<Option<Arc<Step>>, DurableError> {
        let Decided { bytes, prepared, rollout, emergencies } = decided;
        let seen_early = fault::planted("flags_seen_before_written");
        let mut prepared = prepared;
        let early = prepared.take_if(|_| seen_early).and_then(|early| self.flags.carry_out(early));
        self.env.files().replace(&self.path, bytes).await.map_err(|error| match error {
            FileError::InDoubt { .. } => DurableError::InDoubt(error),
            error => DurableError::NotWritten(error),
        })?;
        let step = match prepared {
            Some(prepared) => Some(self.flags.carry_out(prepared).ok_or(DurableError::Overtaken)?),
            None => early,
        };
        let mut kept = self.kept.lock();
        if kept.emergencies != emergencies {
            return Err(DurableError::Overtaken);
        }
        kept.rollout = rollout;
        Ok(step)
    }
}

#[cfg(test)]
mod tests;
