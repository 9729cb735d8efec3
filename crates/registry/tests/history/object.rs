//! The history of one name, and the object it must be the history of.

use foundation_testkit::Call;

/// Processes of a window, by number.
pub(super) type Who = u8;

/// One of the few names of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) namespace: &'static str,
    id: &'static str,
}

impl Name {
    const IDS: [&'static str; 3] = ["a", "b", "c"];

    pub(super) fn all() -> impl Iterator<Item = Self> {
        let of = |namespace| Self::IDS.into_iter().map(move |id| Self { namespace, id });
        super::NAMESPACES.into_iter().flat_map(of)
    }

    pub(super) fn id(self) -> &'static str {
        self.id
    }

    pub(super) fn name(self) -> foundation_registry::Name {
        crate::world::name(self.namespace, self.id)
    }
}

/// An operation with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Of {
    pub(super) name: Name,
    pub(super) operation: Operation,
}

/// What was done or asked, and what was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Register {
        pid: Who,
        answer: Answer,
    },
    /// With what stood before, if it was done.
    Replace {
        pid: Who,
        before: Option<(Who, u64)>,
        answer: Answer,
    },
    HandOver {
        from: Who,
        to: Who,
        answer: Answer,
    },
    Unregister {
        pid: Who,
        answer: Answer,
    },
    /// An update against a revision.
    Change {
        pid: Who,
        expected: u64,
        answer: Answer,
    },
    Whereis(Option<Who>),
    Found(Option<(Who, u64)>),
    /// A process begins to die: between the kill and the news of the death.
    Leaves(Who),
    /// It is no longer to be found.
    Gone(Who),
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Done, at this revision.
    At(u64),
    Taken(Who),
    Missing,
    NotOwner(Who),
    Conflict(u64),
    Dying,
}

/// Who has the name since which revision, and who has begun to die and who has died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct State {
    holder: Option<(Who, u64)>,
    leaving: u64,
    gone: u64,
}

impl Of {
    /// The revision that it was given, if it changed anything.
    pub(super) fn revision(&self) -> Option<u64> {
        match self.operation {
            Operation::Register { answer, .. }
            | Operation::Replace { answer, .. }
            | Operation::HandOver { answer, .. }
            | Operation::Unregister { answer, .. }
            | Operation::Change { answer, .. } => match answer {
                Answer::At(revision) => Some(revision),
                _ => None,
            },
            _ => None,
        }
    }

    /// Who has the name when it is done.
    pub(super) fn holder_after(&self) -> Option<Who> {
        match self.operation {
            Operation::Register { pid, .. }
            | Operation::Replace { pid, .. }
            | Operation::HandOver { to: pid, .. }
            | Operation::Change { pid, .. } => Some(pid),
            _ => None,
        }
    }
}

/// The object: one name.
pub(super) fn step(state: &State, operation: &Operation) -> Option<State> {
    let holder = state.holder.map(|(pid, _)| pid);
    let is_gone = |pid: Who| state.gone & (1 << pid) != 0;
    let is_leaving = |pid: Who| state.leaving & (1 << pid) != 0;
    let held = |pid, revision| State { holder: Some((pid, revision)), ..*state };
    let same = |fits: bool| fits.then_some(*state);
    match *operation {
        Operation::Register { pid, answer } => match answer {
            Answer::At(revision) => {
                (holder.is_none() && !is_gone(pid)).then(|| held(pid, revision))
            }
            Answer::Taken(owner) => same(holder == Some(owner)),
            Answer::Dying => same(holder.is_none() && is_leaving(pid)),
            _ => None,
        },
        Operation::Replace { pid, before, answer } => match answer {
            Answer::At(revision) => {
                (state.holder == before && !is_gone(pid)).then(|| held(pid, revision))
            }
            Answer::Dying => same(holder != Some(pid) && is_leaving(pid)),
            _ => None,
        },
        Operation::HandOver { from, to, answer } => match answer {
            Answer::At(revision) => {
                (holder == Some(from) && !is_gone(to)).then(|| held(to, revision))
            }
            Answer::Dying => same(holder == Some(from) && is_leaving(to)),
            other => same(is_refused(holder, from, other)),
        },
        Operation::Unregister { pid, answer } => match answer {
            Answer::At(_) => (holder == Some(pid)).then_some(State { holder: None, ..*state }),
            other => same(is_refused(holder, pid, other)),
        },
        Operation::Change { pid, expected, answer } => match answer {
            Answer::At(revision) => {
                (state.holder == Some((pid, expected))).then(|| held(pid, revision))
            }
            Answer::Conflict(stands) => {
                same(state.holder == Some((pid, stands)) && stands != expected)
            }
            other => same(is_refused(holder, pid, other)),
        },
        Operation::Whereis(found) => same(holder == found),
        Operation::Found(found) => same(state.holder == found),
        Operation::Leaves(pid) => Some(State { leaving: state.leaving | (1 << pid), ..*state }),
        Operation::Gone(pid) => is_leaving(pid).then(|| State {
            holder: state.holder.filter(|(holder, _)| *holder != pid),
            gone: state.gone | (1 << pid),
            ..*state
        }),
    }
}

/// Whether a change that only the owner may make was rightly refused.
fn is_refused(holder: Option<Who>, pid: Who, answer: Answer) -> bool {
    match answer {
        Answer::Missing => holder.is_none(),
        Answer::NotOwner(owner) => holder == Some(owner) && owner != pid,
        _ => false,
    }
}

/// A call of one name, without the name.
pub(super) fn plain(call: &Call<Of>) -> Call<Operation> {
    let Call { invoked, returned, operation } = *call;
    Call { invoked, returned, operation: operation.operation }
}
