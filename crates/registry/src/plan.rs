//! Plans: which part of a filter the indexes answer.
//!
//! A filter is brought to its normal form. What indexes answer of it are the equalities and the `in` on indexed
//! attributes; of an AND, those of its parts that they answer; of an OR, all of its parts, if they answer something
//! of each. That is a filter too, which matches whatever the whole one does, and it becomes a set of slots. A
//! conjunct that the sets do not say all of is asked of each candidate. If they say all that the filter says, nobody
//! needs to be asked of whom nothing has just changed.

use std::borrow::Cow;
use std::fmt;

use foundation_env::fault;

use crate::indexed::Index;
use crate::namespace::{Candidates, Reading};
use crate::query::Filter;
use crate::value::Value;

/// How a filter is answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Plan {
    /// The conditions that indexes answer, as a query writes them; their sets are intersected. One that also stands
    /// in [`asked`](Self::asked), with more to it, is what the indexes can say of that.
    pub indexed: Vec<String>,
    /// The conditions that are asked of each candidate.
    pub asked: Vec<String>,
    /// The greatest number of candidates, as far as the indexes know; all entries if no condition is indexed.
    pub candidates_max: usize,
}

impl Plan {
    /// Tells whether the indexes alone answer the filter.
    pub fn is_exact(&self) -> bool {
        self.asked.is_empty()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |parts: &[String]| match parts {
            [] => "nothing".to_owned(),
            parts => parts.join(", "),
        };
        let (indexed, asked, most) = (list(&self.indexed), list(&self.asked), self.candidates_max);
        write!(f, "indexed: {indexed}; asked of at most {most} candidates: {asked}")
    }
}

/// A plan with the sets it stands on.
pub(crate) struct Planned<'a> {
    indexed: Vec<Cow<'a, Filter>>,
    asked: Vec<&'a Filter>,
    pub(crate) candidates: Candidates,
    pub(crate) candidates_max: usize,
}

impl Planned<'_> {
    /// See [`Plan::is_exact`].
    pub(crate) fn is_exact(&self) -> bool {
        self.asked.is_empty()
    }

    /// Says what is planned.
    pub(crate) fn explain(self) -> Plan {
        Plan {
            indexed: self.indexed.iter().map(ToString::to_string).collect(),
            asked: self.asked.iter().map(ToString::to_string).collect(),
            candidates_max: self.candidates_max,
        }
    }
}

/// What the indexes say of a filter.
struct Answer<'a> {
    /// What they say: the filter, or one that matches more.
    said: Cow<'a, Filter>,
    /// Whether it is the filter.
    is_exact: bool,
    set: Candidates,
    /// How many may be in the set.
    members: usize,
}

/// Plans a filter that is in its normal form.
pub(crate) fn plan<'a>(reading: &Reading<'_>, filter: &'a Filter) -> Planned<'a> {
    let (mut sets, mut indexed, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    let mut candidates_max = None::<usize>;
    for part in filter.conjuncts() {
        let answer = answered(reading, part);
        if !answer.as_ref().is_some_and(|answer| answer.is_exact) {
            asked.push(part);
        }
        if let Some(Answer { said, set, members, .. }) = answer {
            sets.push((set, members));
            indexed.push(said);
            candidates_max = Some(candidates_max.map_or(members, |most| most.min(members)));
        }
    }
    let candidates = if sets.is_empty() { Candidates::All } else { intersection(sets) };
    let candidates_max = candidates_max.unwrap_or_else(|| reading.entries());
    Planned { indexed, asked, candidates, candidates_max }
}

/// What the indexes say of a filter; none if they know nothing of it. Recurses as deep as a filter may be.
fn answered<'a>(reading: &Reading<'_>, filter: &'a Filter) -> Option<Answer<'a>> {
    if filter.matches_nothing() {
        let set = Candidates::Or(Vec::new());
        return Some(Answer { said: Cow::Borrowed(filter), is_exact: true, set, members: 0 });
    }
    if let Some(alternatives) = filter.alternatives() {
        let answers: Option<Vec<_>> =
            alternatives.iter().map(|part| answered(reading, part)).collect();
        return answers.map(|answers| any(filter, answers));
    }
    let Some(equality) = filter.equality() else {
        let parts = filter.conjuncts().count();
        // One part is the filter itself.
        let answers = filter.conjuncts().filter(|_| parts > 1);
        return all(filter, parts, answers.filter_map(|part| answered(reading, part)).collect());
    };
    let index = reading.index(equality.path.as_str())?;
    let sets = equality.values.iter().map(|value| carriers(reading, index, value)).collect();
    let (set, members) = union(sets);
    Some(Answer { said: Cow::Borrowed(filter), is_exact: true, set, members })
}

/// What is said of an OR, of its parts.
fn any<'a>(filter: &'a Filter, answers: Vec<Answer<'a>>) -> Answer<'a> {
    let is_exact = answers.iter().all(|answer| answer.is_exact);
    let (mut said, mut sets) = (Vec::new(), Vec::new());
    for answer in answers {
        said.extend((!is_exact).then(|| answer.said.into_owned()));
        sets.push((answer.set, answer.members));
    }
    let said = if is_exact { Cow::Borrowed(filter) } else { Cow::Owned(Filter::or(said)) };
    let (set, members) = union(sets);
    Answer { said, is_exact, set, members }
}

/// What is said of an AND with so many parts, of those of which anything is.
fn all<'a>(filter: &'a Filter, parts: usize, answers: Vec<Answer<'a>>) -> Option<Answer<'a>> {
    let members = answers.iter().map(|answer| answer.members).min()?;
    let is_exact = answers.iter().all(|answer| answer.is_exact)
        && (answers.len() == parts || fault::planted("registry_plan_forgets_conditions"));
    let (mut said, mut sets) = (Vec::new(), Vec::new());
    for answer in answers {
        said.extend((!is_exact).then(|| answer.said.into_owned()));
        sets.push((answer.set, answer.members));
    }
    let said = if is_exact { Cow::Borrowed(filter) } else { Cow::Owned(Filter::and(said)) };
    Some(Answer { said, is_exact, set: intersection(sets), members })
}

/// What is in all of the sets. The rarest is read first, and of the others only what that leaves.
fn intersection(mut answers: Vec<(Candidates, usize)>) -> Candidates {
    answers.sort_by_key(|(_, members)| *members);
    let mut sets: Vec<_> = answers.into_iter().map(|(set, _)| set).collect();
    match sets.pop() {
        Some(only) if sets.is_empty() => only,
        last => Candidates::And(sets.into_iter().chain(last).collect()),
    }
}

fn union(answers: Vec<(Candidates, usize)>) -> (Candidates, usize) {
    let members = answers.iter().map(|(_, members)| members).sum();
    let mut sets: Vec<_> = answers.into_iter().map(|(set, _)| set).collect();
    match sets.pop() {
        Some(only) if sets.is_empty() => (only, members),
        last => (Candidates::Or(sets.into_iter().chain(last).collect()), members),
    }
}

fn carriers(reading: &Reading<'_>, index: Index, value: &Value) -> (Candidates, usize) {
    let known = value.scalar().and_then(|value| {
        index.term(value, |attribute, value| {
            let members = reading.term(attribute, value).map_or(0, |term| term.members.len());
            let members = usize::try_from(members).unwrap_or(usize::MAX);
            (reading.carriers(attribute, value), members)
        })
    });
    // What no index can have, nothing equals.
    known.unwrap_or((Candidates::Or(Vec::new()), 0))
}
