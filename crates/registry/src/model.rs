//! Small scenarios for the model checkers: a writer and readers of one namespace.
//!
//! They are built only under `foundation_loom` and `foundation_shuttle` and called by the tests of that
//! name. There are no processes in them: what is driven is the protocol of commits, reads and reclaiming.
//!
//! Where it can be, the writer is the first thread: loom remembers one access to each atomic, and a writer that loads
//! before it stores would hide from it what a reader loaded before.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "this is how a model fails")]

use std::sync::Arc;

use foundation_env::sync::atomic::{AtomicU64, Ordering};
pub use foundation_env::sync::model as check;
use foundation_env::sync::thread;
use foundation_types::{Instant, NodeId, Pid};

use crate::entry::Entry;
use crate::hash::Seed;
use crate::indexed::{Attribute, Indexed};
use crate::metadata::{Health, Metadata};
use crate::name::Name;
use crate::namespace::{
    Bounds, Candidates, Cause, Cells, Commit, Load, Namespace, Pins, Published, Reading, Request,
    Settings, Version,
};
use crate::revision::Revision;

const BOUNDS: Bounds = Bounds {
    entries_max: 16,
    bytes_max: 1 << 16,
    waiting_versions_max: 16,
    waiting_bytes_max: 1 << 10,
    changes_max: 16,
    change_bytes_max: 1 << 10,
};

/// A namespace with one entry, `a`, which is healthy and can `x`.
fn with_one_entry() -> Arc<Namespace> {
    let settings =
        Settings { seed: Seed::new(1), bounds: BOUNDS, indexed: Indexed::default(), keeper: None };
    let namespace = Arc::new(Namespace::new(Arc::from("agents"), settings));
    register(&namespace, "a");
    namespace
}

fn name(id: &str) -> Name {
    Name::new("agents", id).expect("a name")
}

fn register(namespace: &Namespace, id: &str) {
    let mut commit = namespace.begin();
    insert(namespace, &mut commit, id);
    drop(commit.publish());
}

fn insert(namespace: &Namespace, commit: &mut Commit<'_>, id: &str) {
    let name = name(id);
    let pid = Pid::new(NodeId::LOCAL, 1, std::num::NonZeroU32::MIN);
    let metadata = Metadata::new(["x"]).expect("a capability");
    let (registered_at, updated_at) = (Instant::ORIGIN, Instant::ORIGIN);
    let hash = namespace.key(&name).hash;
    commit.insert(hash, Entry { name, pid, metadata, registered_at, updated_at });
}

/// A registration that waits for the turn without a thread.
struct Queued(Arc<Namespace>, &'static str);

impl Request for Queued {
    fn decide(&mut self, commit: &mut Commit<'_>) {
        insert(&self.0, commit, self.1);
    }

    fn finish(&self, published: Published) -> Revision {
        published.revision
    }

    fn answer(self: Box<Self>, _: Revision) {}

    fn carrier(&self) -> Box<dyn FnOnce()> {
        let namespace = Arc::clone(&self.0);
        Box::new(move || while namespace.serve_some(false) {})
    }
}

fn enqueue(namespace: &Arc<Namespace>, id: &'static str) {
    let queued = namespace.request(Box::new(Queued(Arc::clone(namespace), id)), 2);
    assert!(queued.is_ok(), "there is room");
}

fn unregister(namespace: &Namespace, id: &str) {
    let mut commit = namespace.begin();
    let found = commit.find(namespace.key(&name(id))).expect("it is registered");
    commit.remove(&found, Cause::Unregistered);
    drop(commit.publish());
}

fn set_health(namespace: &Namespace, id: &str, health: Health) {
    let mut commit = namespace.begin();
    let found = commit.find(namespace.key(&name(id))).expect("it is registered");
    let metadata = found.entry.metadata.clone().with_health(health);
    commit.update(&found, Entry { metadata, ..found.entry.clone() }, Cause::Updated);
    drop(commit.publish());
}

fn looked_up(namespace: &Namespace, id: &str) -> Option<String> {
    namespace.lookup(namespace.key(&name(id)), |version| version.entry.name.local_id().to_owned())
}

/// How many have this health, asked of each and counted in the index.
fn of_health(reading: &Reading<'_>, health: Health) -> (usize, usize) {
    let candidates = reading.carriers(Attribute::Health, health.as_str());
    let versions = reading.versions(&candidates);
    let asked = versions.filter(|version| version.entry.metadata.health() == health).count();
    let is = |version: &Version| version.entry.metadata.health() == health;
    (asked, reading.count(&candidates, true, is))
}

/// Who has `x` and is there at all; both as of one revision.
fn all_ids(reading: &Reading<'_>) -> (Vec<String>, Vec<String>, usize) {
    let id = |version: Arc<Version>| version.entry.name.local_id().to_owned();
    let able = reading.carriers(Attribute::Capability, "x");
    let counted = reading.count(&able, true, |version| version.entry.metadata.has("x"));
    (
        reading.versions(&able).map(id).collect(),
        reading.versions(&Candidates::All).map(id).collect(),
        counted,
    )
}

/// A name that is registered all the time is found, whatever happens to its entry.
pub fn lookup_during_updates() {
    let namespace = with_one_entry();
    let reader = Arc::clone(&namespace);
    let reading = thread::spawn(move || {
        assert_eq!(looked_up(&reader, "a").as_deref(), Some("a"));
    });
    set_health(&namespace, "a", Health::Degraded);
    set_health(&namespace, "a", Health::Healthy);
    reading.join().expect("the reader ends");
}

/// At every revision the entry has one health, whether it is asked or counted, also when it goes back to
/// the one it had before.
pub fn query_during_updates() {
    let namespace = with_one_entry();
    let reader = Arc::clone(&namespace);
    let reading = thread::spawn(move || {
        let reading = reader.read().expect("a place");
        let (healthy, degraded) =
            (of_health(&reading, Health::Healthy), of_health(&reading, Health::Degraded));
        assert_eq!(healthy.0 + degraded.0, 1, "asked at {:?}", reading.revision());
        assert_eq!(healthy.1 + degraded.1, 1, "counted at {:?}", reading.revision());
    });
    set_health(&namespace, "a", Health::Degraded);
    set_health(&namespace, "a", Health::Healthy);
    reading.join().expect("the reader ends");
    all_is_whole(&namespace);
}

/// A slot that is used again is not taken for what was there before, at any revision.
pub fn query_during_reuse() {
    let namespace = with_one_entry();
    let reader = Arc::clone(&namespace);
    let reading = thread::spawn(move || {
        let reading = reader.read().expect("a place");
        let (able, all, counted) = all_ids(&reading);
        assert_eq!(able, all);
        assert_eq!(counted, all.len());
        assert!(all.len() <= 1, "{all:?} at {:?}", reading.revision());
        // What was read first still stands when it is read again.
        assert_eq!(all_ids(&reading), (able, all, counted));
    });
    unregister(&namespace, "a");
    register(&namespace, "b");
    reading.join().expect("the reader ends");
    assert_eq!(looked_up(&namespace, "a"), None);
    assert_eq!(looked_up(&namespace, "b").as_deref(), Some("b"));
    all_is_whole(&namespace);
}

/// A reader that had to make a place counts: what the writer takes for the oldest revision that is read, after
/// it published a newer one, is none that this reader came too late for.
pub fn pin_in_a_new_place() {
    let shared = Arc::new((Pins::new(), AtomicU64::new(1)));
    let writer = Arc::clone(&shared);
    let writing = thread::spawn(move || {
        writer.1.store(2, Ordering::Release);
        writer.0.oldest()
    });
    let (pins, clock) = &*shared;
    let early = [(); 2].map(|()| pins.pin(clock).expect("a place"));
    let pin = pins.pin(clock).expect("a new place");
    drop(early);
    let oldest = writing.join().expect("the writer ends");
    assert!(pin.revision >= 2 || oldest <= pin.revision, "{} and {oldest}", pin.revision);
}

/// Whoever asks while the namespace is built anew is answered as before and after.
pub fn query_during_rebuild() {
    let namespace = with_one_entry();
    let reader = Arc::clone(&namespace);
    let reading = thread::spawn(move || {
        assert_eq!(looked_up(&reader, "a").as_deref(), Some("a"));
        let counted = reader.answer(|reading| {
            let able = reading.carriers(Attribute::Capability, "x");
            reading.count(&able, true, |version| version.entry.metadata.has("x"))
        });
        assert_eq!(counted, 1);
    });
    namespace.rebuild_now();
    reading.join().expect("the reader ends");
    all_is_whole(&namespace);
}

/// A registration that does not wait for the turn is made when all turns are over, whenever it came.
pub fn request_during_updates() {
    let namespace = with_one_entry();
    let writer = Arc::clone(&namespace);
    let writing = thread::spawn(move || {
        set_health(&writer, "a", Health::Degraded);
        drop(writer.turn());
    });
    enqueue(&namespace, "b");
    writing.join().expect("the writer ends");
    assert_eq!(looked_up(&namespace, "b").as_deref(), Some("b"));
    all_is_whole(&namespace);
}

/// Two registrations that do not wait, beside one that does.
pub fn two_requests_during_an_update() {
    let namespace = with_one_entry();
    let other = Arc::clone(&namespace);
    let asking = thread::spawn(move || enqueue(&other, "c"));
    let turn = namespace.turn();
    enqueue(&namespace, "b");
    drop(turn);
    asking.join().expect("asking is not disturbed");
    for id in ["b", "c"] {
        assert_eq!(looked_up(&namespace, id).as_deref(), Some(id));
    }
}

/// A table is copied to one of the same size, and back to the first, while a reader looks: what stands in it all the
/// time is found all the time.
pub fn lookup_during_copies() {
    // All of one hash, so that they stand in a row, and the one that is looked for behind two marks of others:
    // the table has four cells and is full.
    let (cells, mut load, hash, kept) = (Arc::new(Cells::new()), Load::default(), 1, 2);
    (0..=kept).for_each(|number| cells.insert(&mut load, hash, number));
    (0..kept).for_each(|number| cells.remove(&mut load, hash, number));
    let reader = Arc::clone(&cells);
    let reading =
        thread::spawn(move || reader.find(hash, |number| (number == kept).then_some(number)));
    cells.insert(&mut load, hash, 3);
    cells.insert(&mut load, hash, 4);
    cells.remove(&mut load, hash, 3);
    cells.insert(&mut load, hash, 5);
    assert_eq!(reading.join().expect("the reader ends"), Some(kept));
}

/// Nothing waits for readers that have gone, and the namespace passes its audit.
fn all_is_whole(namespace: &Namespace) {
    set_health(
        namespace,
        if looked_up(namespace, "a").is_some() { "a" } else { "b" },
        Health::Unhealthy,
    );
    assert_eq!(namespace.sizes().waiting, 0);
    let mut violations = Vec::new();
    namespace.audit(&namespace.turn(), &mut violations);
    assert_eq!(violations, []);
}
