//! Settings of a command service.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use foundation_types::{Code, coded_errors};

use super::error::CommandError;
use super::places::Places;
use super::policy::AllowList;
use super::request::Key;
use super::runner::Plan;

/// The longest time between asking a program to stop and killing it. A caller waits for that time
/// beyond its deadline, so it cannot be long.
const KILL_GRACE_MAX: Duration = Duration::from_secs(3);

/// As many callers as may wait at most. Each has a timer, of which a process has 65,536 by default.
const CALLERS_MAX: usize = 1 << 15;

/// What a command service allows, and its bounds. Cheap enough to clone for each restart.
///
/// Clones share the places for commands, so `concurrent_max` holds for a service and the programs
/// that its predecessor left dying together. Services side by side that are to have places of their
/// own have settings that were built each for one of them.
#[derive(Debug, Clone)]
pub struct CommandSettings {
    pub(crate) allowed: AllowList,
    pub(crate) concurrent_max: usize,
    pub(crate) waiting_max: usize,
    pub(crate) callers_max: usize,
    pub(crate) output_bytes_max: usize,
    pub(crate) cache_entries_max: usize,
    pub(crate) cache_bytes_max: usize,
    pub(crate) kill_grace: Duration,
    pub(crate) places: Arc<Places>,
    search: Vec<PathBuf>,
    directory: PathBuf,
    variables_allowed: BTreeSet<String>,
    variables_inherited: BTreeSet<String>,
}

/// Why settings are not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// A bound that must be at least one is zero.
    Zero {
        /// The setting.
        setting: &'static str,
    },
    /// A bound is too large.
    TooLarge {
        /// The setting.
        setting: &'static str,
        /// What was set.
        value: usize,
        /// The largest that is allowed.
        max: usize,
    },
    /// A path is not absolute.
    NotAbsolute {
        /// The setting.
        setting: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// The allow list has a name to look up with a slash in it, or a path that is not absolute.
    AmbiguousProgram {
        /// Its name in the list.
        program: String,
    },
    /// The time between asking a program to stop and killing it is too long.
    KillGraceTooLong {
        /// What was set.
        grace: Duration,
        /// The longest that is allowed.
        max: Duration,
    },
}

impl SettingsError {
    /// The entry of the error catalogue for this failure.
    pub fn code(&self) -> Code {
        Code::InvalidInput
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero { setting } => write!(f, "{setting} is zero: set it to at least one"),
            Self::TooLarge { setting, value, max } => {
                write!(f, "{setting} is {value}: set it to at most {max}")
            }
            Self::NotAbsolute { setting, path } => {
                write!(f, "{setting} has the path {}: make it absolute", path.display())
            }
            Self::AmbiguousProgram { program } => write!(
                f,
                "allowed program {program:?} depends on the current directory: use an absolute path"
            ),
            Self::KillGraceTooLong { grace, max } => {
                write!(f, "kill_grace is {grace:?}: set it to at most {max:?}")
            }
        }
    }
}

coded_errors! {
    SettingsError;
}

impl CommandSettings {
    /// Starts from the defaults: 5 commands at a time and no queue, 1,024 callers, 1 MiB of each
    /// stream, 256 cached results of together 16 MiB, half a second between asking a program to
    /// stop and killing it, programs from `/usr/local/bin`, `/usr/bin`, `/bin`, `/usr/sbin` and
    /// `/sbin`, running in `/`, with no variable but `PATH`.
    pub fn builder(allowed: AllowList) -> CommandSettingsBuilder {
        let search = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
        CommandSettingsBuilder(Self {
            allowed,
            concurrent_max: 5,
            waiting_max: 0,
            callers_max: 1024,
            output_bytes_max: 1 << 20,
            cache_entries_max: 256,
            cache_bytes_max: 16 << 20,
            kill_grace: Duration::from_millis(500),
            // Made by `build`, when their number is known.
            places: Arc::new(Places::new(0)),
            search: search.map(PathBuf::from).to_vec(),
            directory: PathBuf::from("/"),
            variables_allowed: BTreeSet::new(),
            variables_inherited: BTreeSet::new(),
        })
    }

    /// Judges a request; nothing of it runs before this has passed.
    pub(crate) fn plan(&self, key: &Key) -> Result<Plan, CommandError> {
        let program = key.program.clone();
        let candidates = self.allowed.judge(&program, &key.arguments, &self.search)?;
        let mut variables = BTreeMap::new();
        if let Ok(path) = std::env::join_paths(&self.search) {
            variables.insert("PATH".to_owned(), path.to_string_lossy().into_owned());
        }
        for name in &self.variables_inherited {
            variables.extend(std::env::var(name).ok().map(|value| (name.clone(), value)));
        }
        for (name, value) in &key.variables {
            let unusable = name.is_empty() || name.contains(['=', '\0']) || value.contains('\0');
            if unusable || !self.variables_allowed.contains(name) {
                return Err(CommandError::VariableNotAllowed { program, name: name.clone() });
            }
            variables.insert(name.clone(), value.clone());
        }
        let directory = key.directory.as_ref().unwrap_or(&self.directory).clone();
        if !directory.is_absolute() {
            return Err(CommandError::BadDirectory { program, directory });
        }
        Ok(Plan {
            program,
            candidates,
            arguments: key.arguments.clone(),
            directory,
            variables,
            kill_grace: self.kill_grace,
        })
    }
}

/// Collects settings; made by [`CommandSettings::builder`].
#[derive(Debug, Clone)]
#[must_use = "settings are made by `build`"]
pub struct CommandSettingsBuilder(CommandSettings);

impl CommandSettingsBuilder {
    /// Sets how many commands may run at a time, with those that were killed and have not ended.
    pub fn concurrent_max(mut self, count: usize) -> Self {
        self.0.concurrent_max = count;
        self
    }

    /// Sets how many commands may wait for a place; with zero they are refused instead.
    pub fn waiting_max(mut self, count: usize) -> Self {
        self.0.waiting_max = count;
        self
    }

    /// Sets how many callers may wait for results, those that share a command included; 32,768 at
    /// most.
    pub fn callers_max(mut self, count: usize) -> Self {
        self.0.callers_max = count;
        self
    }

    /// Sets how many bytes of each stream are kept; the rest is thrown away and marked.
    pub fn output_bytes_max(mut self, bytes: usize) -> Self {
        self.0.output_bytes_max = bytes;
        self
    }

    /// Sets how many results are cached, and how many bytes they may have together. The oldest
    /// give way. Zero of either turns the cache off; equal requests still share a running command.
    pub fn cache_max(mut self, entries: usize, bytes: usize) -> Self {
        self.0.cache_entries_max = entries;
        self.0.cache_bytes_max = bytes;
        self
    }

    /// Sets the time between asking a program to stop (`SIGTERM`) and killing it, 3 s at most.
    pub fn kill_grace(mut self, grace: Duration) -> Self {
        self.0.kill_grace = grace;
        self
    }

    /// Sets the directories in which programs are looked up, first hit first. They are the
    /// program's `PATH` too.
    pub fn search<P: Into<PathBuf>>(mut self, directories: impl IntoIterator<Item = P>) -> Self {
        self.0.search = directories.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the directory programs run in unless the request names one.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.0.directory = directory.into();
        self
    }

    /// Allows requests to set these variables.
    pub fn allow_variables<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.0.variables_allowed.extend(names.into_iter().map(Into::into));
        self
    }

    /// Passes these variables of this program's own environment on, where they are set.
    pub fn inherit_variables<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.0.variables_inherited.extend(names.into_iter().map(Into::into));
        self
    }

    /// Validates the settings.
    ///
    /// # Errors
    ///
    /// See [`SettingsError`]; the first fault found.
    pub fn build(self) -> Result<CommandSettings, SettingsError> {
        let mut settings = self.0;
        for (setting, value) in [
            ("concurrent_max", settings.concurrent_max),
            ("callers_max", settings.callers_max),
            ("output_bytes_max", settings.output_bytes_max),
        ] {
            if value == 0 {
                return Err(SettingsError::Zero { setting });
            }
        }
        if settings.callers_max > CALLERS_MAX {
            let (setting, value) = ("callers_max", settings.callers_max);
            return Err(SettingsError::TooLarge { setting, value, max: CALLERS_MAX });
        }
        let directory = std::iter::once(("directory", &settings.directory));
        for (setting, path) in settings.search.iter().map(|one| ("search", one)).chain(directory) {
            if !path.is_absolute() {
                return Err(SettingsError::NotAbsolute { setting, path: path.clone() });
            }
        }
        settings.allowed.validate()?;
        if settings.kill_grace > KILL_GRACE_MAX {
            let (grace, max) = (settings.kill_grace, KILL_GRACE_MAX);
            return Err(SettingsError::KillGraceTooLong { grace, max });
        }
        settings.places = Arc::new(Places::new(settings.concurrent_max));
        Ok(settings)
    }
}

#[cfg(test)]
mod tests;
