use std::sync::atomic::{AtomicUsize, Ordering as Order};
use std::time::Duration;

use foundation_env::sim::{SimOptions, Simulation};

use super::*;
use crate::{Event, Telemetry};

static DONE: Event<1, 0> = Event::new("test.work.done", ["items_count"], [], "Work was done.");
static FAILED: Event<0, 0> = Event::new("test.work.failed", [], [], "Work failed.");
static ELSEWHERE: Event<0, 0> = Event::new("other.thing.happened", [], [], "Something else.");

fn simulation() -> (Simulation, Events) {
    let simulation = Simulation::new(7, SimOptions::default());
    let events = Telemetry::new(simulation.env()).events().clone();
    (simulation, events)
}

fn counting(events: &Events, pattern: &str) -> (Arc<AtomicUsize>, Attached) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let handler = move |_: &Emission<'_>| {
        counted.fetch_add(1, Order::Relaxed);
    };
    let attached = events.attach(pattern, handler).unwrap();
    (count, attached)
}

fn emit_all(events: &Events) {
    DONE.emit(events, || ([3], []));
    FAILED.emit(events, || ([], []));
    ELSEWHERE.emit(events, || ([], []));
}

/// Guarantee EV1
#[test]
fn an_emission_reaches_those_who_listen_and_nobody_else() {
    let (_simulation, events) = simulation();
    let (one, _guard) = counting(&events, "test.work.done");
    let (below, guard) = counting(&events, "test.*");
    let (all, _guard) = counting(&events, "*");
    emit_all(&events);
    let counts = || [&one, &below, &all].map(|count| count.load(Order::Relaxed));
    assert_eq!(counts(), [1, 2, 3]);
    drop(guard);
    emit_all(&events);
    assert_eq!(counts(), [2, 2, 6], "a dropped guard detaches");
}

#[test]
fn nothing_is_made_for_an_event_that_nobody_hears() {
    let (_simulation, events) = simulation();
    let emit = || {
        let mut made = false;
        DONE.emit(&events, || {
            made = true;
            ([1], [])
        });
        made
    };
    assert!(!emit());
    let guard = events.attach("other.*", |_| ()).unwrap();
    assert!(!emit(), "a listener to another group costs nothing");
    drop(guard);
    let guard = events.attach("test.*", |_| ()).unwrap();
    assert!(emit());
    drop(guard);
    assert!(!emit(), "nor does one that is gone");
}

/// Guarantee EV2
#[test]
fn a_handler_that_panics_rests_and_is_tried_again() {
    let (mut simulation, events) = simulation();
    let mut notices = events.subscribe("telemetry.handler.*", 8).unwrap();
    let broken = Arc::new(AtomicUsize::new(1));
    let breaks = Arc::clone(&broken);
    let _guard = events
        .attach("test.*", move |_| assert_eq!(breaks.load(Order::Relaxed), 0, "broken"))
        .unwrap();
    let (after, _guard) = counting(&events, "test.*");
    let emit = |times: usize| (0..times).for_each(|_| FAILED.emit(&events, || ([], [])));
    let info = || events.handlers().into_iter().nth(1).unwrap();
    let wait = |simulation: &mut Simulation, duration| {
        let env = simulation.env();
        simulation.block_on(async move { env.sleep_until(env.now() + duration).await });
    };

    emit(2);
    assert!(!info().is_quarantined, "twice is no pattern");
    emit(3);
    assert_eq!((info().is_quarantined, info().panics_count, info().skipped_count), (true, 3, 2));
    assert_eq!(after.load(Order::Relaxed), 5, "the other handler heard all");
    let notice = notices.try_next().unwrap();
    assert_eq!(notice.name(), "telemetry.handler.quarantined");
    assert_eq!(notice.measurement("rest_ms"), Some(1_000));

    wait(&mut simulation, Duration::from_millis(1_001));
    emit(2);
    assert_eq!((info().is_quarantined, info().panics_count), (true, 4), "tried once");
    assert_eq!(notices.try_next().unwrap().measurement("rest_ms"), Some(2_000));

    wait(&mut simulation, Duration::from_millis(2_001));
    broken.store(0, Order::Relaxed);
    emit(2);
    assert_eq!((info().is_quarantined, info().calls_count), (false, 2));
    assert_eq!(notices.try_next().unwrap().name(), "telemetry.handler.restored");
    assert_eq!((notices.try_next(), notices.lost_count()), (None, 0));
}

/// Guarantee EV3
#[test]
fn a_handler_may_emit_what_it_handles() {
    let (_simulation, events) = simulation();
    let depth = Arc::new(AtomicUsize::new(0));
    let (inside, deepest) = (events.clone(), Arc::clone(&depth));
    let _guard = events
        .attach("test.*", move |_| {
            // Without the guard this would not end; the bound makes that a failure instead.
            if deepest.fetch_add(1, Order::Relaxed) < 100 {
                FAILED.emit(&inside, || ([], []));
            }
        })
        .unwrap();
    let (other, _guard) = counting(&events, "test.*");
    FAILED.emit(&events, || ([], []));
    assert_eq!(depth.load(Order::Relaxed), 1);
    assert_eq!(other.load(Order::Relaxed), 2, "others hear both");
    assert_eq!(events.handlers()[0].recursions_count, 1);
    FAILED.emit(&events, || ([], []));
    assert_eq!(depth.load(Order::Relaxed), 2, "the next one reaches it again");
}

/// Guarantee EV6
#[test]
fn a_handler_may_attach_and_detach() {
    let (_simulation, events) = simulation();
    let (inside, free) = (events.clone(), Arc::new(AtomicUsize::new(0)));
    let noted = Arc::clone(&free);
    let guard = events.attach("other.*", move |_| {
        noted.fetch_add(usize::from(inside.0.writer.try_lock().is_some()), Order::Relaxed);
    });
    ELSEWHERE.emit(&events, || ([], []));
    assert_eq!(free.load(Order::Relaxed), 1, "called under the lock, where it could not attach");
    drop(guard);
    let slot: Arc<Mutex<Option<Attached>>> = Arc::default();
    let (inside, own) = (events.clone(), Arc::clone(&slot));
    let attached = events.attach("test.*", move |_| {
        let other = inside.attach("other.*", |_| ()).unwrap();
        drop(own.lock().replace(other));
    });
    *slot.lock() = Some(attached.unwrap());
    FAILED.emit(&events, || ([], []));
    let patterns: Vec<_> = events.handlers().into_iter().map(|info| info.pattern).collect();
    assert_eq!(patterns, ["other.*"], "it detached itself");
    slot.lock().take();
}

/// Guarantee EV4
#[test]
fn a_subscription_counts_what_it_loses() {
    let (mut simulation, events) = simulation();
    let mut subscription = events.subscribe("test.*", 3).unwrap();
    for number in 0..10 {
        DONE.emit(&events, || ([number], []));
    }
    assert_eq!(subscription.lost_count(), 7);
    let kept: Vec<_> =
        subscription.drain().iter().map(|kept| kept.measurement("items_count")).collect();
    assert_eq!(kept, [Some(7), Some(8), Some(9)]);

    let later = events.clone();
    simulation.env().spawn(async move { DONE.emit(&later, || ([10], [])) });
    let next = simulation.block_on(async move { subscription.next().await });
    assert_eq!(next.measurement("items_count"), Some(10), "who waits is woken");
    assert!(events.handlers().is_empty(), "its end detaches it");
}

#[test]
fn there_is_a_most_of_handlers() {
    let (_simulation, events) = simulation();
    let attach = || events.attach("test.*", |_| ());
    let guards: Vec<_> = (0..Events::HANDLERS_MAX).map(|_| attach().unwrap()).collect();
    assert_eq!(attach().unwrap_err(), AttachError::TooMany { limit: 1024 });
    assert!(matches!(events.attach("no pattern", |_| ()), Err(AttachError::Pattern(_))));
    drop(guards);
    assert!(attach().is_ok() && events.handlers().is_empty());
}
