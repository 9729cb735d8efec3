//! What stands behind a capability.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use foundation_types::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::capability::{Capability, CapabilityError};
use crate::context::ActionContext;
use crate::payload::Payload;

#[cfg(test)]
mod tests;

/// A blocking function with typed input and output that an agent can carry out.
///
/// The contract: `run` may be called many times and by several threads at once; it may be run again for the
/// same input after an agent died, so it must be idempotent; it returns equal outputs for equal inputs as
/// far as the world allows. A refusal is an error, an answer about bad data is an output. It blocks, so it
/// runs on a thread for blocking work and never inside a process.
pub trait Action: Send + Sync + 'static {
    /// What the action reads.
    type Input: DeserializeOwned;
    /// What the action returns.
    type Output: Serialize;

    /// Returns the name, which is also the capability that the action provides when nothing else is said.
    fn name(&self) -> &'static str;

    /// Returns one sentence for people who choose an action.
    fn summary(&self) -> &'static str;

    /// Reads the input. An action that takes more than it may keep reads it in parts, within the limits of the
    /// context.
    ///
    /// # Errors
    /// `type_mismatch` when the input has another shape, and what a bound says that is passed.
    fn read(&self, input: &Payload, context: &ActionContext) -> Result<Self::Input, Error> {
        let _ = context;
        input.decode()
    }

    /// Does the work.
    ///
    /// # Errors
    /// An error whose retry class says whether another attempt can help.
    fn run(&self, input: Self::Input, context: &ActionContext) -> Result<Self::Output, Error>;
}

/// Holds any action behind one type. Clones share the action.
#[derive(Clone)]
pub struct ActionHandle(Arc<dyn Erased>);

trait Erased: Send + Sync {
    fn name(&self) -> &'static str;
    fn summary(&self) -> &'static str;
    fn run(&self, input: &Payload, context: &ActionContext) -> Result<Payload, Error>;
}

impl<A: Action> Erased for A {
    fn name(&self) -> &'static str {
        Action::name(self)
    }

    fn summary(&self) -> &'static str {
        Action::summary(self)
    }

    fn run(&self, input: &Payload, context: &ActionContext) -> Result<Payload, Error> {
        let name = Action::name(self);
        let input =
            Action::read(self, input, context).map_err(|error| error.with("action", name))?;
        let output = Action::run(self, input, context)?;
        Payload::encode(&output).map_err(|error| error.with("action", name))
    }
}

impl ActionHandle {
    /// Wraps an action.
    pub fn new(action: impl Action) -> Self {
        Self(Arc::new(action))
    }

    /// Returns the name of the action.
    pub fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Returns one sentence about the action.
    pub fn summary(&self) -> &'static str {
        self.0.summary()
    }

    /// Reads the input, does the work and writes the output. Blocks.
    ///
    /// # Errors
    /// `type_mismatch` when the input has another shape than the action reads, `serialization_failed` when
    /// the output has no JSON form, and whatever the action itself returns.
    pub fn run(&self, input: &Payload, context: &ActionContext) -> Result<Payload, Error> {
        self.0.run(input, context)
    }
}

impl fmt::Debug for ActionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActionHandle({})", self.name())
    }
}

/// The actions a system can use, by name.
#[derive(Debug, Clone, Default)]
pub struct Actions {
    by_name: BTreeMap<&'static str, ActionHandle>,
}

/// Says why an action was not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddActionError {
    /// The name is not a capability.
    #[error("the action name {name:?} is not a capability")]
    Name {
        /// The name of the refused action.
        name: &'static str,
        /// The rule it breaks.
        source: CapabilityError,
    },
    /// Another action has the name.
    #[error("there is an action with the name {name:?} already")]
    Taken {
        /// The name both actions want.
        name: &'static str,
    },
    /// The catalogue holds [`Actions::COUNT_MAX`] actions.
    #[error("there are {max} actions already, which is the limit", max = Actions::COUNT_MAX)]
    Full,
}

impl Actions {
    /// Most actions one catalogue holds; every name is searched when one is misspelt.
    pub const COUNT_MAX: usize = 1_024;

    /// Returns a catalogue without actions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the actions that come with the platform.
    pub fn builtin() -> Self {
        let all = [
            ActionHandle::new(crate::digest::ListFiles),
            ActionHandle::new(crate::digest::FileStats),
            ActionHandle::new(crate::digest::MergeReport),
        ];
        Self { by_name: all.into_iter().map(|action| (action.name(), action)).collect() }
    }

    /// Adds an action of the user's.
    ///
    /// # Errors
    /// [`AddActionError`] when the name is no capability or taken, or the catalogue is full.
    pub fn add(&mut self, action: impl Action) -> Result<(), AddActionError> {
        let action = ActionHandle::new(action);
        let name = action.name();
        Capability::new(name).map_err(|source| AddActionError::Name { name, source })?;
        if self.by_name.contains_key(name) {
            return Err(AddActionError::Taken { name });
        }
        if self.by_name.len() == Self::COUNT_MAX {
            return Err(AddActionError::Full);
        }
        self.by_name.insert(name, action);
        Ok(())
    }

    /// Returns the action with a name.
    pub fn get(&self, name: &str) -> Option<&ActionHandle> {
        self.by_name.get(name)
    }

    /// Returns the names in alphabetic order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.by_name.keys().copied()
    }
}
