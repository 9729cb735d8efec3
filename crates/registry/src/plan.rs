//! Plans: which part of a filter the indexes answer.
//!
//! A filter is brought to its normal form. Of its conjuncts, those that are an equality or an `in` on an indexed
//! attribute, and the alternatives all of whose parts are, become sets of slots; the others are asked of each
//! candidate. If the sets say all that the filter says, nobody needs to be asked of whom nothing has just
//! changed.

use std::fmt;

use crate::indexed::Index;
use crate::namespace::{Candidates, Reading};
use crate::query::Filter;
use crate::value::Value;

/// How a filter is answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Plan {
    /// The conditions that indexes answer, as a query writes them; their sets are intersected.
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
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) candidates: Candidates,
}

/// Plans a filter that is in its normal form.
pub(crate) fn plan(reading: &Reading<'_>, filter: &Filter) -> Planned {
    let (mut sets, mut indexed, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    let mut candidates_max = None::<usize>;
    for part in filter.conjuncts() {
        match answered(reading, part) {
            Some((set, members)) => {
                sets.push(set);
                indexed.push(part.to_string());
                candidates_max = Some(candidates_max.map_or(members, |most| most.min(members)));
            }
            None => asked.push(part.to_string()),
        }
    }
    let candidates = if sets.is_empty() { Candidates::All } else { Candidates::And(sets) };
    let candidates_max = candidates_max.unwrap_or_else(|| reading.entries());
    Planned { plan: Plan { indexed, asked, candidates_max }, candidates }
}

/// The set of a condition, and how many members it may have; none if no index knows it.
fn answered(reading: &Reading<'_>, part: &Filter) -> Option<(Candidates, usize)> {
    if let Some(alternatives) = part.alternatives() {
        let answers: Option<Vec<_>> =
            alternatives.iter().map(|part| answered(reading, part)).collect();
        return answers.map(any);
    }
    let equality = part.equality()?;
    let index = reading.index(equality.path.as_str())?;
    Some(any(equality.values.iter().map(|value| carriers(reading, index, value)).collect()))
}

fn any(answers: Vec<(Candidates, usize)>) -> (Candidates, usize) {
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
