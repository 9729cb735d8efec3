//! Choosing one of several.

use std::sync::Arc;

use foundation_env::sync::atomic::Ordering;
use foundation_env::{Random, fault};
use foundation_process::System;
use smallvec::SmallVec;

use crate::entry::Entry;
use crate::indexed::Attribute;
use crate::metadata::Health;
use crate::namespace::{Candidates, Reading, Registration, Term, Version};
use crate::plan::{Planned, plan};
use crate::query::{Filter, Query};
use crate::registry::Registry;

mod draw;

use draw::{draw, least};

/// How [`Registry::pick`](crate::Registry::pick) chooses among those who can.
///
/// Every strategy takes a healthy process if there is one, else a degraded one, never an unhealthy one.
///
/// | Strategy | Looks at |
/// |---|---|
/// | `RoundRobin`, `Random`, `PowerOfTwo` | a bit for each candidate, and a few entries; at all of them only if few match that an index leads to |
/// | `LeastLoaded`, `LeastResource` | every candidate |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// Each in turn, in an order of the registry's own. The turn is shared by all callers who ask for the same
    /// capability; without one, for the same value of that indexed attribute which fewest have. Callers who share a
    /// turn and ask for different things beside that move it on for each other: then it is not promised that all
    /// are picked equally often.
    #[default]
    RoundRobin,
    /// The one with the fewest messages that wait or are being handled; among equals any.
    ///
    /// All callers take the same one while nothing moves. Where many pick at once `PowerOfTwo` spreads better,
    /// and costs less.
    LeastLoaded,
    /// Any, each with the same probability.
    Random,
    /// Any two, and of those the one with fewer messages. So the busiest of several is never taken, and no two
    /// callers need to take the same one.
    PowerOfTwo,
    /// The one with the least amount of a resource, for instance
    /// [`Metadata::CPU_USAGE`](crate::Metadata::CPU_USAGE); among equals any. Who has no such resource comes
    /// last.
    LeastResource(Arc<str>),
}

/// Those that a pick may take, as far as the indexes know.
struct Able {
    candidates: Candidates,
    /// Keeps the turn; none if no single value is asked for.
    term: Option<Arc<Term>>,
}

/// What a read found: one, or several of which the mailboxes decide.
pub(crate) type Found = SmallVec<[Registration; 2]>;

impl Registry {
    /// Chooses one process in a namespace that has a capability; none if nobody has it or all who have are
    /// unhealthy.
    ///
    /// # Consistency
    ///
    /// Whoever is chosen was registered with the capability at some moment of the call.
    pub fn pick(
        &self,
        namespace: &str,
        capability: &str,
        strategy: Strategy,
    ) -> Option<Registration> {
        let picking = Picking::new(self.shared().system(), strategy);
        let found = self.answer(namespace, |reading| picking.with_capability(reading, capability));
        picking.settle(found)
    }

    /// Chooses one process in a namespace that matches a query's filter, whatever its order and limit; none if
    /// nobody matches or all who do are unhealthy.
    ///
    /// # Consistency
    ///
    /// As [`Registry::pick`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use foundation_process::{Context, Outcome, Process, System};
    /// # use foundation_registry::{Metadata, Name, Query, Registry, Strategy};
    /// # struct Worker;
    /// # impl Process for Worker {
    /// #     type Message = String;
    /// #     async fn handle(&mut self, _: String, _: &mut Context<String>) -> Outcome { Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let system = System::current();
    /// # let registry = Registry::new(system.clone());
    /// # let worker = system.spawn(Worker)?;
    /// let metadata = Metadata::builder().capability("ocr").resource("memory_free", 512.0).build()?;
    /// registry.register(worker.pid(), Name::new("agents", "reader-1")?, metadata)?;
    ///
    /// let query: Query = "capability:ocr memory_free>=256".parse()?;
    /// let picked = registry.pick_where("agents", &query, Strategy::PowerOfTwo);
    /// assert_eq!(picked.map(|entry| entry.pid), Some(worker.pid()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn pick_where(
        &self,
        namespace: &str,
        query: &Query,
        strategy: Strategy,
    ) -> Option<Registration> {
        let filter = query.filter().normalized();
        let picking = Picking::new(self.shared().system(), strategy);
        let found = self.answer(namespace, |reading| picking.matching(reading, &filter));
        picking.settle(found)
    }
}

/// One pick: a question to a namespace, which may be asked again, and what is decided when it is answered.
pub(crate) struct Picking<'a> {
    system: &'a System,
    strategy: Strategy,
    /// What candidates are drawn with, and what decides among equals: two, so that who is preferred does not depend
    /// on who was drawn. None if the strategy draws nobody.
    random: Option<(Random, Random)>,
}

impl<'a> Picking<'a> {
    pub(crate) fn new(system: &'a System, strategy: Strategy) -> Self {
        let random = || Random::new(system.env().random_u64());
        let random = (strategy != Strategy::RoundRobin).then(|| (random(), random()));
        Self { system, strategy, random }
    }

    /// Finds whom to choose among who has a capability.
    pub(crate) fn with_capability(&self, reading: &Reading<'_>, capability: &str) -> Found {
        let term = reading.term(Attribute::Capability, capability);
        let candidates = reading.carriers(Attribute::Capability, capability);
        self.among(reading, &Able { candidates, term }, |entry| entry.metadata.has(capability))
    }

    /// Finds whom to choose among what a filter matches, which is in its normal form.
    pub(crate) fn matching(&self, reading: &Reading<'_>, filter: &Filter) -> Found {
        let Planned { candidates, .. } = plan(reading, filter);
        let able = Able { candidates, term: turn_term(reading, filter) };
        self.among(reading, &able, |entry| filter.matches(entry))
    }

    fn among(&self, reading: &Reading<'_>, able: &Able, matches: impl Fn(&Entry) -> bool) -> Found {
        // All of one revision: somebody who gets well in between is not overlooked.
        let found = acceptable().iter().map(|health| {
            let well = reading.carriers(Attribute::Health, health.as_str());
            let candidates = Candidates::And(vec![able.candidates.clone(), well]);
            let is_usable = |version: &Version| {
                version.entry.metadata.health() == *health && matches(&version.entry)
            };
            let turn =
                || able.term.clone().or_else(|| reading.term(Attribute::Health, health.as_str()));
            self.choose(reading, &candidates, &is_usable, turn)
        });
        found.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
    }

    fn choose(
        &self,
        reading: &Reading<'_>,
        candidates: &Candidates,
        is_usable: &dyn Fn(&Version) -> bool,
        turn: impl FnOnce() -> Option<Arc<Term>>,
    ) -> Found {
        let Some((mut random, _)) = self.random.clone() else {
            let next = turn().and_then(|term| next_in_turn(reading, candidates, is_usable, &term));
            return next.into_iter().collect();
        };
        match &self.strategy {
            Strategy::PowerOfTwo => {
                let wanted = if fault::planted("registry_power_of_one") { 1 } else { 2 };
                draw(reading, candidates, is_usable, wanted, &mut random)
            }
            Strategy::LeastResource(name) => {
                let amount = |entry: &Entry| entry.metadata.resource(name).unwrap_or(f64::INFINITY);
                let least = least(reading, candidates, is_usable, amount, &mut random);
                least.into_iter().collect()
            }
            Strategy::LeastLoaded => {
                let versions = reading.versions(candidates).filter(|version| is_usable(version));
                versions.map(Registration::new).collect()
            }
            Strategy::Random | Strategy::RoundRobin => {
                draw(reading, candidates, is_usable, 1, &mut random)
            }
        }
    }

    /// Chooses among who was found. Needs no reading any more: mailboxes are looked at now.
    pub(crate) fn settle(self, mut found: Found) -> Option<Registration> {
        let Some((_, mut ties)) = self.random.filter(|_| found.len() > 1) else {
            return found.pop();
        };
        let start = ties.below(found.len() as u64);
        found.rotate_left(usize::try_from(start).unwrap_or(0));
        // The random start decides among equals; whoever died meanwhile comes last.
        let depth =
            |found: &Registration| self.system.info(found.pid).map_or(u64::MAX, |info| info.depth);
        found.into_iter().min_by_key(depth)
    }
}

/// The states of health in which somebody is picked, the best first.
fn acceptable() -> &'static [Health] {
    if fault::planted("registry_picks_unhealthy") {
        return &Health::ALL;
    }
    &[Health::Healthy, Health::Degraded]
}

/// The term that keeps the turn of a filter: of those conditions that name one value of an indexed attribute, a
/// capability, and among equals the one with the fewest members. A condition that many callers have in common, such
/// as `health:healthy`, would let them move each other's turn on, always past the same ones.
fn turn_term(reading: &Reading<'_>, filter: &Filter) -> Option<Arc<Term>> {
    let mut terms = filter.conjuncts().filter_map(|part| {
        let equality = part.equality()?;
        let index = reading.index(equality.path.as_str())?;
        let [value] = equality.values else { return None };
        index.term(value.scalar()?, |attribute, value| reading.term(attribute, value))?
    });
    if fault::planted("registry_turn_of_first_condition") {
        return terms.next();
    }
    terms.min_by_key(|term| (term.attribute != Attribute::Capability, term.members.len()))
}

/// Whose turn it is among the candidates; moves the turn on.
fn next_in_turn(
    reading: &Reading<'_>,
    candidates: &Candidates,
    is_usable: &dyn Fn(&Version) -> bool,
    term: &Term,
) -> Option<Registration> {
    loop {
        let last = term.turn.load(Ordering::Acquire);
        let from =
            |slot| reading.versions_from(candidates, slot).find(|version| is_usable(version));
        let picked = from(last).or_else(|| from(0))?;
        let moved = (Ordering::AcqRel, Ordering::Relaxed);
        if term.turn.compare_exchange(last, picked.slot + 1, moved.0, moved.1).is_ok() {
            return Some(Registration::new(picked));
        }
    }
}
