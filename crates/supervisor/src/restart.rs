//! What a supervisor does when a child ends: one pure function, the table of OTP.

use foundation_types::ExitReason;

/// Which ends of a child lead to a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Always restarted.
    #[default]
    Permanent,
    /// Restarted when it ends other than by `Normal` or `Shutdown`.
    Transient,
    /// Never restarted; its specification is discarded when it ends.
    Temporary,
}

/// Which children a restart takes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The child alone.
    #[default]
    OneForOne,
    /// All children.
    OneForAll,
    /// The child and those that were started after it.
    RestForOne,
}

/// Whether the end of significant children ends the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AutoShutdown {
    /// It does not.
    #[default]
    Never,
    /// The first significant child that ends by itself does.
    AnySignificant,
    /// The last significant child that ends by itself does.
    AllSignificant,
}

/// How a child came to be down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It ran and ended.
    Exit,
    /// It was being restarted and did not start.
    FailedRestart,
}

/// The end of one child.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// How it came to be down.
    pub cause: Cause,
    /// Why it ended.
    pub reason: &'a ExitReason,
    /// Its restart type.
    pub restart: Restart,
    /// Whether it is significant.
    pub significant: bool,
}

/// The settings of the supervisor that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// The strategy.
    pub strategy: Strategy,
    /// Whether significant children end the supervisor.
    pub auto_shutdown: AutoShutdown,
}

/// What happened before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// One more restart would exceed the intensity.
    pub exhausted: bool,
    /// Significant children that still run or are being restarted, without the one that ended.
    pub significant_left: usize,
}

/// What becomes of the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is started again, with those that the strategy takes along: these are stopped first, the
    /// last started first, and then all are started in order.
    Restart(Strategy),
    /// It stays down and keeps its specification.
    Keep,
    /// It stays down and loses its specification.
    Discard,
}

/// What becomes of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It goes on.
    Continue,
    /// It shuts down because its significant children are done.
    AutoShutdown,
    /// It gives up: too many restarts.
    GiveUp,
}

/// The two answers of [`decide`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a decision that is not carried out leaves a child down"]
pub struct Decision {
    /// What becomes of the child.
    pub child: Fate,
    /// What becomes of the supervisor.
    pub supervisor: Next,
}

/// Decides what the end of a child leads to.
///
/// As in OTP's `supervisor`: permanent children are always restarted, transient ones after an
/// abnormal end, temporary ones never. A child that does not start while being restarted is tried
/// again whatever its type, and each try counts. A significant child that is not restarted may
/// end the supervisor.
pub fn decide(ended: Ended<'_>, rules: Rules, history: History) -> Decision {
    let again = match (ended.cause, ended.restart) {
        (Cause::FailedRestart, _) | (Cause::Exit, Restart::Permanent) => true,
        (Cause::Exit, Restart::Transient) => !ended.reason.is_orderly(),
        (Cause::Exit, Restart::Temporary) => false,
    };
    if again {
        return if history.exhausted {
            Decision { child: Fate::Keep, supervisor: Next::GiveUp }
        } else {
            Decision { child: Fate::Restart(rules.strategy), supervisor: Next::Continue }
        };
    }
    let done = ended.significant
        && match rules.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => history.significant_left == 0,
        };
    Decision {
        child: match ended.restart {
            Restart::Temporary => Fate::Discard,
            Restart::Permanent | Restart::Transient => Fate::Keep,
        },
        supervisor: if done { Next::AutoShutdown } else { Next::Continue },
    }
}

#[cfg(test)]
mod tests;
