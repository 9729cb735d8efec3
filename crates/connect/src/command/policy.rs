//! Which programs may run, and with which arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::CommandError;
use super::settings::SettingsError;

/// Arguments of one request at most. Real command lines have a few dozen.
const ARGUMENTS_MAX: usize = 1024;

/// Bytes of all arguments of one request at most; operating systems allow at least this much.
const ARGUMENT_BYTES_MAX: usize = 128 * 1024;

/// What a custom policy calls: it answers with the position of the offending argument.
type Check = dyn Fn(&[String]) -> Result<(), usize> + Send + Sync;

/// Which arguments one program may be given.
#[derive(Clone)]
pub struct ArgumentPolicy(Kind);

#[derive(Clone)]
enum Kind {
    Any,
    Each(BTreeSet<String>),
    Exactly(BTreeSet<Vec<String>>),
    Check(Arc<Check>),
}

impl ArgumentPolicy {
    /// Allows no argument.
    pub fn none() -> Self {
        Self(Kind::Each(BTreeSet::new()))
    }

    /// Allows every argument. For programs that cannot do harm whatever they are told; a shell or
    /// an interpreter is none of them.
    pub fn any() -> Self {
        Self(Kind::Any)
    }

    /// Allows these arguments, each any number of times and in any order.
    pub fn each_of<S: Into<String>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self(Kind::Each(arguments.into_iter().map(Into::into).collect()))
    }

    /// Allows these whole argument lists and nothing else.
    pub fn exactly<L, S>(lists: impl IntoIterator<Item = L>) -> Self
    where
        L: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let list = |list: L| list.into_iter().map(Into::into).collect();
        Self(Kind::Exactly(lists.into_iter().map(list).collect()))
    }

    /// Allows what `check` allows. It runs in the command service, so it must be quick; it refuses
    /// with the index of the argument it objects to. If it panics, the request is refused.
    pub fn check(check: impl Fn(&[String]) -> Result<(), usize> + Send + Sync + 'static) -> Self {
        Self(Kind::Check(Arc::new(check)))
    }

    /// The index of the first argument that is not allowed.
    fn offender(&self, arguments: &[String]) -> Result<Option<usize>, CheckPanicked> {
        Ok(match &self.0 {
            Kind::Any => None,
            Kind::Each(allowed) => arguments.iter().position(|one| !allowed.contains(one)),
            Kind::Exactly(lists) if lists.contains(arguments) => None,
            Kind::Exactly(lists) => {
                // As far as any allowed list goes along with the request.
                let common = |list: &Vec<String>| {
                    list.iter().zip(arguments).take_while(|(own, given)| own == given).count()
                };
                Some(lists.iter().map(common).max().unwrap_or(0))
            }
            // A panic would end the service, and with it the programs of everybody else.
            Kind::Check(check) => catch_unwind(AssertUnwindSafe(|| check(arguments)))
                .map_err(|_reported_by_the_hook| CheckPanicked)?
                .err(),
        })
    }
}

impl fmt::Debug for ArgumentPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Any => f.write_str("Any"),
            Kind::Each(allowed) => f.debug_tuple("EachOf").field(allowed).finish(),
            Kind::Exactly(lists) => f.debug_tuple("Exactly").field(lists).finish(),
            Kind::Check(_) => f.write_str("Check(..)"),
        }
    }
}

/// A check of the user's panicked instead of judging.
#[derive(Debug, PartialEq, Eq)]
struct CheckPanicked;

#[derive(Debug, Clone)]
struct Rule {
    path: Option<PathBuf>,
    arguments: ArgumentPolicy,
}

/// The programs that may run, keyed by the name requests use. Everything else is refused.
#[derive(Debug, Clone, Default)]
pub struct AllowList(BTreeMap<String, Rule>);

impl AllowList {
    /// Makes a list that allows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows a program that is looked up in the settings' search path, at every start anew.
    #[must_use]
    pub fn allow(mut self, program: impl Into<String>, arguments: ArgumentPolicy) -> Self {
        self.0.insert(program.into(), Rule { path: None, arguments });
        self
    }

    /// Allows a program under a name, as this absolute path and nothing else.
    #[must_use]
    pub fn allow_path(
        mut self,
        program: impl Into<String>,
        path: impl Into<PathBuf>,
        arguments: ArgumentPolicy,
    ) -> Self {
        self.0.insert(program.into(), Rule { path: Some(path.into()), arguments });
        self
    }

    /// Refuses a name with a slash to look up, and a path that is not absolute: where either leads
    /// depends on the directory this program happens to be in.
    pub(crate) fn validate(&self) -> Result<(), SettingsError> {
        let is_ambiguous = |name: &str, rule: &Rule| match &rule.path {
            Some(path) => !path.is_absolute(),
            None => name.is_empty() || name.contains('/'),
        };
        match self.0.iter().find(|(name, rule)| is_ambiguous(name, rule)) {
            Some((name, _)) => Err(SettingsError::AmbiguousProgram { program: name.clone() }),
            None => Ok(()),
        }
    }

    /// Judges a request and says where its program may lie.
    pub(crate) fn judge(
        &self,
        program: &str,
        arguments: &[String],
        search: &[PathBuf],
    ) -> Result<Vec<PathBuf>, CommandError> {
        let Some(rule) = self.0.get(program) else {
            return Err(CommandError::NotAllowed { program: program.to_owned() });
        };
        let refused = |index: usize| CommandError::ArgumentNotAllowed {
            program: program.to_owned(),
            index,
            argument: arguments.get(index).cloned(),
        };
        if arguments.len() > ARGUMENTS_MAX {
            return Err(refused(ARGUMENTS_MAX));
        }
        let mut bytes = 0;
        for (index, argument) in arguments.iter().enumerate() {
            bytes += argument.len();
            if bytes > ARGUMENT_BYTES_MAX || argument.contains('\0') {
                return Err(refused(index));
            }
        }
        match rule.arguments.offender(arguments) {
            Ok(None) => {}
            Ok(Some(index)) => return Err(refused(index)),
            Err(CheckPanicked) => {
                return Err(CommandError::CheckPanicked { program: program.to_owned() });
            }
        }
        Ok(match &rule.path {
            Some(path) => vec![path.clone()],
            None => search.iter().map(|folder: &PathBuf| Path::join(folder, program)).collect(),
        })
    }
}

#[cfg(test)]
mod tests;
