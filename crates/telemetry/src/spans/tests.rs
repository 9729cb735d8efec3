use std::time::Duration;

use foundation_env::sim::{SimOptions, Simulation};
use foundation_types::{Instant, Pid};
use tracing::Span;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::{CorrelationId, ErrorContext, SpanContext, Telemetry, TraceId, Value};

/// Runs `f` with spans recorded, outside of any process.
fn traced(f: impl FnOnce(&Telemetry, &mut Simulation)) {
    let mut simulation = Simulation::new(7, SimOptions::default());
    let telemetry = Telemetry::new(simulation.env());
    let subscriber = tracing_subscriber::registry().with(SpanLayer::new());
    let _entered = telemetry.enter();
    tracing::subscriber::with_default(subscriber, || f(&telemetry, &mut simulation));
}

/// Lets time go by.
fn pass(simulation: &mut Simulation, ms: u64) {
    let env = simulation.env();
    simulation.block_on(env.sleep_until(env.now().saturating_add(Duration::from_millis(ms))));
}

fn only(telemetry: &Telemetry, query: &SpanQuery) -> SpanRecord {
    let found = telemetry.spans().find(query);
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

fn ended(telemetry: &Telemetry, name: &'static str) -> SpanRecord {
    only(telemetry, &SpanQuery::ended().name(name))
}

/// Guarantee SP1
#[test]
fn a_span_knows_its_parent_its_trace_and_how_long_it_took() {
    traced(|telemetry, simulation| {
        let mut wait = |ms| pass(simulation, ms);
        tracing::info_span!("outer", file = "a.md", size = 7_u64, late = tracing::field::Empty)
            .in_scope(|| {
                wait(2);
                tracing::info_span!("inner").in_scope(|| wait(3));
                Span::current().record("late", true);
                Span::current().record("size", 8_u64);
            });
        let (outer, inner) = (ended(telemetry, "outer"), ended(telemetry, "inner"));
        assert_eq!(inner.parent(), Some(outer.span_id()));
        assert_eq!(inner.trace_id(), outer.trace_id());
        assert_eq!(outer.parent(), None);
        assert_eq!(outer.duration(), Some(Duration::from_millis(5)));
        assert_eq!(inner.duration(), Some(Duration::from_millis(3)));
        assert_eq!(outer.ended(), inner.ended());
        let file = ("file", Value::from("a.md"));
        assert_eq!(outer.attributes(), [file, ("size", 8_u64.into()), ("late", true.into())]);
        assert_eq!(telemetry.spans().find(&SpanQuery::open()).len(), 0);
    });
}

/// The original closed whatever was on top of its stack.
///
/// Guarantee SP2
#[test]
fn closing_a_span_by_its_id_closes_that_one() {
    traced(|telemetry, _| {
        let outer = tracing::info_span!("outer");
        let handle = OpenSpan::of(&outer).unwrap();
        let inner = outer.in_scope(|| tracing::info_span!("inner"));
        assert!(handle.close(SpanStatus::Ok));
        assert!(!handle.close(SpanStatus::Cancelled), "it is closed once");
        assert_eq!(*ended(telemetry, "outer").status(), SpanStatus::Ok);
        let open = only(telemetry, &SpanQuery::open());
        assert_eq!((open.name(), open.parent()), ("inner", Some(handle.span_id())));
        // Its child, and one that begins now, are still of its trace.
        outer.in_scope(|| drop(tracing::info_span!("late")));
        assert_eq!(ended(telemetry, "late").trace_id(), handle.trace_id());
        assert!(telemetry.spans().close(open.span_id(), SpanStatus::Cancelled));
        assert!(!telemetry.spans().close(open.span_id(), SpanStatus::Ok));
        drop((outer, inner));
        assert_eq!(*ended(telemetry, "inner").status(), SpanStatus::Cancelled);
        assert_eq!(telemetry.spans().find(&SpanQuery::ended()).len(), 3, "none ends twice");
    });
}

/// Guarantee SP3
#[test]
fn a_span_says_how_it_ended_on_every_way_out() {
    traced(|telemetry, simulation| {
        let status = |name| ended(telemetry, name).status().clone();
        tracing::info_span!("returned").in_scope(|| ());
        assert_eq!(status("returned"), SpanStatus::Unset);

        simulation
            .block_on(InSpan::of_result(tracing::info_span!("done"), async { Ok::<_, String>(1) }))
            .unwrap();
        assert_eq!(status("done"), SpanStatus::Ok);

        let failing = async { Err::<(), _>("the disk is full") };
        simulation.block_on(InSpan::of_result(tracing::info_span!("failed"), failing)).unwrap_err();
        assert_eq!(status("failed"), SpanStatus::Error("the disk is full".into()));

        tracing::info_span!("logged").in_scope(|| tracing::error!(code = 7, "it broke"));
        let logged = ended(telemetry, "logged");
        assert_eq!(*logged.status(), SpanStatus::Error("it broke".into()));
        assert_eq!(logged.events()[0].name, "it broke");
        assert_eq!(logged.events()[0].attributes, [("code", Value::Int(7))]);

        let panics = || tracing::info_span!("panicked").in_scope(|| panic!("as planned"));
        std::panic::catch_unwind(panics).unwrap_err();
        assert_eq!(status("panicked"), SpanStatus::Error("panicked".into()));

        let forever = InSpan::new(tracing::info_span!("cancelled"), std::future::pending::<()>());
        drop(forever);
        assert_eq!(status("cancelled"), SpanStatus::Cancelled);

        let said = tracing::info_span!("said");
        said.in_scope(|| {
            assert!(OpenSpan::current().unwrap().set_status(SpanStatus::Ok));
            tracing::error!("this does not matter");
        });
        drop(said);
        assert_eq!(status("said"), SpanStatus::Ok);
    });
}

/// Guarantee SP4
#[test]
fn a_trace_goes_on_from_elsewhere_and_to_elsewhere() {
    traced(|telemetry, _| {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let parent: SpanContext = header.parse().unwrap();
        let parent = parent.with_state("vendor=1");
        let request = ErrorContext::new(telemetry.env()).with_remote_parent(parent.clone());
        request.scope(|| {
            assert_eq!(ErrorContext::outgoing().remote_parent(), Some(parent.clone()));
            tracing::info_span!("handles").in_scope(|| {
                let inside = OpenSpan::current().unwrap().context();
                let sent = ErrorContext::outgoing();
                assert_eq!(sent.remote_parent(), Some(inside.clone()));
                assert_eq!(sent, ErrorContext::outgoing(), "the second is a copy of the first");
                assert_eq!(inside.state.as_str(), "vendor=1");
                tracing::info_span!("deeper").in_scope(|| {
                    let deeper = OpenSpan::current().unwrap().context();
                    assert_eq!(ErrorContext::outgoing().remote_parent(), Some(deeper.clone()));
                    assert_eq!(deeper.state.as_str(), "vendor=1");
                });
                assert_eq!(ErrorContext::outgoing().remote_parent(), Some(inside));
            });
        });
        let span = ended(telemetry, "handles");
        assert_eq!((span.trace_id(), span.parent()), (parent.trace_id, Some(parent.span_id)));
        assert!(span.has_remote_parent());
        assert!(!span.is_sampled(), "as whoever began the trace decided");
        assert_eq!(ErrorContext::outgoing(), ErrorContext::EMPTY);
    });
}

/// Guarantee SP4
#[test]
fn spans_of_one_request_are_of_one_trace() {
    traced(|telemetry, _| {
        let request = ErrorContext::correlated(CorrelationId::from_bits(17));
        request.scope(|| {
            drop(tracing::info_span!("first"));
            drop(tracing::info_span!("second"));
        });
        let trace = TraceId::from_bits(17).unwrap();
        assert_eq!(telemetry.spans().find(&SpanQuery::ended().trace(trace)).len(), 2);
        tracing::info_span!("alone").in_scope(|| {
            let sent = ErrorContext::outgoing();
            let trace = OpenSpan::current().unwrap().trace_id();
            assert_eq!(sent.correlation_id().map(CorrelationId::bits), Some(trace.bits()));
        });
    });
}

/// Guarantee SP4
#[test]
fn a_trace_that_is_not_sampled_is_not_sampled_in_any_part() {
    traced(|telemetry, _| {
        telemetry.spans().sampler().set(crate::Sampling::Ratio(0.5)).unwrap();
        let mut sampled = 0;
        for _ in 0..200 {
            tracing::info_span!("root").in_scope(|| drop(tracing::info_span!("part")));
            let root = &telemetry.spans().find(&SpanQuery::ended().name("root"))[0];
            let part = &telemetry.spans().find(&SpanQuery::ended().name("part"))[0];
            assert_eq!(root.is_sampled(), part.is_sampled());
            sampled += u32::from(root.is_sampled());
        }
        assert!((60..140).contains(&sampled), "{sampled}");
        assert_eq!(telemetry.spans().sampler().stats().seen, 200, "asked once for a trace");
    });
}

/// Guarantee SP5
#[test]
fn what_is_kept_of_spans_is_bounded_and_counted() {
    traced(|telemetry, _| {
        let span = tracing::info_span!("full");
        let open = OpenSpan::of(&span).unwrap();
        let keys: Vec<&'static str> =
            (0..70).map(|key| &*Box::leak(format!("key_{key}").into_boxed_str())).collect();
        for key in keys {
            assert!(open.set_attribute(key, "x".repeat(5_000)));
            assert!(open.add_event("happened", [("key", key.into())]));
            assert!(open.link(open.context()));
        }
        let long = "x".repeat(5_000);
        assert!(open.add_event(long, (0..65).map(|_| ("key", Value::Int(1)))));
        drop(span);
        let full = ended(telemetry, "full");
        assert_eq!(full.attributes().len(), SpanRecord::ATTRIBUTES_MAX);
        assert_eq!(full.events().len(), SpanRecord::EVENTS_MAX);
        assert_eq!(full.links().len(), SpanRecord::LINKS_MAX);
        assert_eq!(full.omitted(), (7, 7, 38));
        let wide = tracing::info_span!("wide");
        let event: Vec<_> = (0..70).map(|_| ("key", Value::from("x".repeat(5_000)))).collect();
        assert!(OpenSpan::of(&wide).unwrap().add_event("y".repeat(5_000), event));
        drop(wide);
        let wide = ended(telemetry, "wide");
        assert_eq!(wide.events()[0].attributes.len(), SpanRecord::ATTRIBUTES_MAX);
        assert!(wide.events()[0].name.len() <= Value::TEXT_BYTES_MAX + '…'.len_utf8());
        assert_eq!(wide.omitted(), (6, 0, 0));
        let text = full.attributes()[0].1.as_text().unwrap();
        assert!(text.len() <= Value::TEXT_BYTES_MAX + '…'.len_utf8());

        for _ in 0..2 * Spans::ENDED_MAX {
            drop(tracing::info_span!("many"));
        }
        let kept: usize = telemetry
            .spans()
            .0
            .shards
            .iter()
            .map(|part| {
                let mut kept = 0;
                part.shard.each_ended(|_| kept += 1);
                kept
            })
            .sum();
        assert!(kept <= Spans::ENDED_MAX);
        let newest = telemetry.spans().find(&SpanQuery::ended().limit(5_000));
        assert_eq!(newest.len(), SpanQuery::LIMIT_MAX);
        assert!(newest.iter().all(|span| span.name() == "many"), "the oldest went first");
    });
}

fn record(
    telemetry: &Telemetry,
    metadata: &'static tracing::Metadata<'static>,
    owner: Option<Pid>,
) -> SpanRecord {
    let env = telemetry.env();
    SpanRecord {
        metadata,
        trace_id: TraceId::random(env),
        span_id: SpanId::random(env),
        parent: None,
        owner,
        started: env.now(),
        took_ns: None,
        sampled: true,
        attributes: Vec::new(),
        rest: None,
    }
}

/// Guarantee SP5
#[test]
fn a_span_beyond_the_bound_is_refused_and_the_rest_go_on() {
    traced(|telemetry, _| {
        let spans = telemetry.spans();
        // Once, and gone before the bound: this thread's own spans may stand in the same part.
        let metadata = tracing::info_span!("made").metadata().unwrap();
        let pid =
            |slot| Some(Pid::new(foundation_types::NodeId::LOCAL, slot, 1.try_into().unwrap()));
        let mut open = Vec::new();
        while let Some((span, _)) = spans.open(Box::new(record(telemetry, metadata, pid(3)))) {
            open.push(span);
        }
        assert_eq!(open.len(), Spans::OPEN_MAX / SHARDS);
        assert_eq!(spans.refused_count(), 1);
        assert!(
            spans.open(Box::new(record(telemetry, metadata, pid(4)))).is_some(),
            "others have room"
        );
        assert!(open.pop().unwrap().close(SpanStatus::Ok));
        assert!(spans.open(Box::new(record(telemetry, metadata, pid(3)))).is_some());
        spans.abandon(pid(3).unwrap());
        assert_eq!(spans.find(&SpanQuery::open()).len(), 1);
        assert!(!open.pop().unwrap().close(SpanStatus::Ok), "it was abandoned");
    });
}

/// Guarantee SP6
#[test]
fn ended_spans_are_handed_on_and_what_is_lost_is_counted() {
    traced(|telemetry, simulation| {
        let others: Vec<_> = (1..Spans::SUBSCRIPTIONS_MAX)
            .map(|_| telemetry.spans().subscribe(1).unwrap())
            .collect();
        let mut exported = telemetry.spans().subscribe(2).unwrap();
        assert!(telemetry.spans().subscribe(2).is_err());
        drop(others);
        let mut told = telemetry.events().subscribe("span.*", 16).unwrap();
        for _ in 0..3 {
            drop(tracing::info_span!("work"));
        }
        assert_eq!(exported.lost_count(), 1);
        assert_eq!(simulation.block_on(exported.next()).name(), "work");
        assert_eq!(exported.drain().len(), 1);
        let names: Vec<_> = told.drain().iter().map(crate::EventRecord::name).collect();
        assert_eq!(names, ["span.lifecycle.started", "span.lifecycle.stopped"].repeat(3));
        drop(exported);
        drop(tracing::info_span!("work"));
        telemetry.spans().set_enabled(false);
        let unseen = tracing::info_span!("unseen");
        assert!(OpenSpan::of(&unseen).is_none());
        drop(unseen);
        assert_eq!(telemetry.spans().find(&SpanQuery::ended().name("unseen")).len(), 0);
    });
}

/// Guarantee SP6
#[test]
fn a_query_finds_what_it_asks_for() {
    traced(|telemetry, simulation| {
        let mut wait = |ms| pass(simulation, ms);
        for ms in [1, 20, 5] {
            tracing::info_span!("slow", ms).in_scope(|| wait(ms));
        }
        let took = |query: &SpanQuery| -> Vec<u128> {
            let found = telemetry.spans().find(query);
            found.iter().map(|span| span.duration().unwrap().as_millis()).collect()
        };
        assert_eq!(took(&SpanQuery::ended()), [5, 20, 1], "the newest first");
        assert_eq!(took(&SpanQuery::ended().at_least(Duration::from_millis(5))), [5, 20]);
        let since = Instant::from_nanos(1_000_000);
        assert_eq!(took(&SpanQuery::ended().since(since).limit(1)), [5]);
        assert_eq!(took(&SpanQuery::ended().status("error")), [0_u128; 0]);
        let json = serde_json::to_value(&telemetry.spans().find(&SpanQuery::ended())[0]).unwrap();
        assert_eq!(json["name"], "slow");
        assert_eq!(json["attributes"]["ms"], 5);
        assert_eq!(json["ended_ns"], 26_000_000);
    });
}
