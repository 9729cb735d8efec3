//! What a namespace held at each revision, as a watch of all its changes tells it: the measure of every query.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use foundation_registry::{Entry, Page, Registration, Registry, Watch, WatchChange};

/// What stood, by id.
pub(crate) type Held = BTreeMap<String, Registration>;

/// A watch of everything in a namespace, begun while that was empty.
pub(crate) struct Witness {
    watch: Watch,
}

/// What stood from each revision on.
pub(crate) struct Replay {
    held: BTreeMap<u64, Held>,
}

impl Witness {
    pub(crate) fn of(registry: &Registry, namespace: &str) -> Self {
        let (snapshot, watch) = registry.watch(namespace, |_| true).expect("a namespace");
        assert_eq!(snapshot.registrations, [], "it begins with nothing");
        Self { watch }
    }

    /// Reads all changes there were. Of what stood, each has to say what had been told of it.
    pub(crate) fn replay(mut self) -> Replay {
        let mut cx = Context::from_waker(Waker::noop());
        let mut held = BTreeMap::from([(0, Held::new())]);
        while let Poll::Ready(event) = self.watch.poll_changed(&mut cx) {
            let event = event.expect("the ring is long enough");
            let revision = event.revision.get();
            let (last, before) = held.last_key_value().expect("there is a first one");
            assert!(revision >= *last, "{revision} was told after {last}");
            let mut now = before.clone();
            apply(&mut now, event.change);
            held.insert(revision, now);
        }
        Replay { held }
    }
}

fn apply(held: &mut Held, change: WatchChange) {
    let (before, after) = match change {
        WatchChange::Registered(after) => (None, Some(after)),
        WatchChange::Updated { before, after } => (Some(before), Some(after)),
        WatchChange::Replaced { before, after } => (before, after),
        WatchChange::Unregistered(before) | WatchChange::Died { before, .. } => {
            (Some(before), None)
        }
        other => unreachable!("everything matches before and after: {other:?}"),
    };
    let id = before.as_ref().or(after.as_ref()).map(|found| found.name.local_id().to_owned());
    let id = id.expect("something changed");
    let known = match after {
        Some(after) => held.insert(id, after),
        None => held.remove(&id),
    };
    assert_eq!(known, before, "the change says what stood before it");
}

impl Replay {
    /// What stood at a revision.
    pub(crate) fn at(&self, revision: u64) -> &Held {
        let (_, held) = self.held.range(..=revision).next_back().expect("there is a first one");
        held
    }

    /// A page is exactly what matched at the revision it says.
    pub(crate) fn check_page(&self, page: &Page, matches: impl Fn(&Entry) -> bool) {
        let revision = page.revision.get();
        let mut found = page.registrations.clone();
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let stood = self.at(revision).values().filter(|found| matches(found));
        let stood: Vec<_> = stood.cloned().collect();
        assert_eq!(found, stood, "at revision {revision}");
    }

    /// A number is that of what matched at some revision between those before and after the question.
    pub(crate) fn check_count(
        &self,
        count: usize,
        (before, after): (u64, u64),
        matches: impl Fn(&Entry) -> bool,
    ) {
        let first = self.at(before);
        let later = self.held.range(before..=after).map(|(_, held)| held);
        let mut possible = std::iter::once(first)
            .chain(later)
            .map(|held| held.values().filter(|found| matches(found)).count());
        assert!(possible.any(|stood| stood == count), "{count} between {before} and {after}");
    }
}
