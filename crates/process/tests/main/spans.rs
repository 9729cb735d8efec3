//! Whose spans are, how they end with a process, and that a trace follows messages.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use foundation_process::System;
use foundation_telemetry::{OpenSpan, SpanContext, SpanLayer, SpanQuery, SpanRecord, SpanStatus};
use tracing::{Instrument, Span};
use tracing_subscriber::layer::SubscriberExt;

use crate::subject::{Gate, Log, Order, Subject, act, quiesce, simulate, start, stop, wait};
use foundation_types::ExitReason;

fn traced<F: Future<Output = ()> + 'static>(f: impl Fn(System) -> F) {
    let subscriber = tracing_subscriber::registry().with(SpanLayer::new());
    tracing::subscriber::with_default(subscriber, || simulate(&f));
}

fn ended(system: &System, name: &'static str) -> SpanRecord {
    let found = system.telemetry().spans().find(&SpanQuery::ended().name(name));
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found.into_iter().next().unwrap()
}

/// Waits in a span, for a millisecond and then until the gate opens.
fn work(system: &System, span: fn() -> Span, gate: &Gate) -> Order {
    let (env, gate) = (system.env().clone(), gate.clone());
    wait(async move {
        let inside = async move {
            env.sleep_until(env.now().saturating_add(Duration::from_millis(1))).await;
            gate.pass().await
        };
        inside.instrument(span()).await
    })
}

/// Guarantee SP7
#[test]
fn the_spans_of_a_dead_process_are_abandoned_with_their_duration() {
    traced(|system| async move {
        let spans = system.telemetry().spans();
        let gate = Gate::closed();
        let process = start(&system, Subject::new(&Log::default())).await;
        let leaked = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&leaked);
        let keep = act(move |_| {
            *kept.lock().unwrap() = Some(tracing::info_span!("leaked"));
            Ok(())
        });
        process.try_send(keep).unwrap();
        process.try_send(work(&system, || tracing::info_span!("killed"), &gate)).unwrap();
        quiesce(&system).await;
        assert_eq!(spans.find(&SpanQuery::open().owner(process.pid())).len(), 2);
        let env = system.env();
        env.sleep_until(env.now().saturating_add(Duration::from_millis(5))).await;
        system.kill(process.pid());
        quiesce(&system).await;
        let span = ended(&system, "leaked");
        assert_eq!(*span.status(), SpanStatus::Abandoned);
        assert_eq!(span.owner(), Some(process.pid()));
        assert!(span.duration().unwrap() >= Duration::from_millis(5));
        assert_eq!(spans.find(&SpanQuery::open()).len(), 0);
        // Whoever has the handle may go on; it is nobody's span any more.
        let handle = leaked.lock().unwrap().take().unwrap();
        assert!(!OpenSpan::of(&handle).unwrap().set_status(SpanStatus::Ok));
        drop(handle);
        assert_eq!(*ended(&system, "leaked").status(), SpanStatus::Abandoned);
    });
}

/// A span that the dying process holds itself ends by being dropped, which must not look like a success.
///
/// Guarantee SP7
#[test]
fn what_a_dying_process_drops_is_abandoned_and_what_it_finished_is_not() {
    traced(|system| async move {
        let process = start(&system, Subject::new(&Log::default())).await;
        let gate = Gate::closed();
        process.try_send(work(&system, || tracing::info_span!("finished"), &gate)).unwrap();
        gate.open(1);
        quiesce(&system).await;
        process.try_send(work(&system, || tracing::info_span!("killed"), &gate)).unwrap();
        quiesce(&system).await;
        system.kill(process.pid());
        quiesce(&system).await;
        assert_eq!(*ended(&system, "finished").status(), SpanStatus::Unset);
        let killed = ended(&system, "killed");
        assert_eq!(*killed.status(), SpanStatus::Abandoned);
        assert_eq!(killed.owner(), Some(process.pid()));

        let panicking = start(&system, Subject::new(&Log::default())).await;
        let panics = || tracing::info_span!("panicked").in_scope(|| panic!("as planned"));
        panicking.try_send(act(move |_| panics())).unwrap();
        quiesce(&system).await;
        assert_eq!(*ended(&system, "panicked").status(), SpanStatus::Error("panicked".into()));
    });
}

/// A process that stops in order has work to do, and that is not cut off; what it still holds then is.
///
/// Guarantee SP7
#[test]
fn what_a_process_finishes_on_its_way_out_is_not_abandoned() {
    traced(|system| async move {
        let last = async { tracing::info_span!("farewell").in_scope(|| ()) };
        let kept = Arc::new(Mutex::new(None));
        let held = Arc::clone(&kept);
        let subject = Subject::new(&Log::default()).on_terminate(last).state(kept);
        let process = start(&system, subject).await;
        let hold = act(move |_| {
            *held.lock().unwrap() = Some(tracing::info_span!("held"));
            Ok(())
        });
        process.try_send(hold).unwrap();
        process.try_send(stop(ExitReason::Normal)).unwrap();
        quiesce(&system).await;
        assert_eq!(*ended(&system, "farewell").status(), SpanStatus::Unset);
        assert_eq!(*ended(&system, "held").status(), SpanStatus::Abandoned);
    });
}

/// Guarantee SP8
#[test]
fn a_trace_follows_messages_and_new_processes() {
    traced(|system| async move {
        let seen: Arc<Mutex<Vec<(&'static str, SpanContext)>>> = Arc::default();
        let first = start(&system, Subject::new(&Log::default())).await;
        let second = start(&system, Subject::new(&Log::default())).await;
        let noted = Arc::clone(&seen);
        let note = move |name| {
            let context = OpenSpan::current().unwrap().context();
            noted.lock().unwrap().push((name, context));
        };
        let (noted, passed_on) = (note.clone(), second.clone());
        let receive = act(move |_| {
            tracing::info_span!("receive").in_scope(|| note("receive"));
            Ok(())
        });
        let send = act(move |context| {
            tracing::info_span!("send").in_scope(|| {
                noted("send");
                assert!(passed_on.try_send(receive).is_ok());
                let child = context.system().spawn(Subject::new(&Log::default()).on_init(async {
                    drop(tracing::info_span!("child"));
                    Ok(())
                }));
                assert!(child.is_ok());
            });
            Ok(())
        });
        first.try_send(send).unwrap();
        quiesce(&system).await;
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        let (_, sent) = seen.iter().find(|(name, _)| *name == "send").unwrap();
        for (name, owner) in [("receive", Some(second.pid())), ("child", None)] {
            let span = ended(&system, name);
            assert_eq!(span.parent(), Some(sent.span_id), "{name}");
            assert_eq!(span.trace_id(), sent.trace_id);
            assert!(span.has_remote_parent());
            assert!(owner.is_none_or(|owner| span.owner() == Some(owner)));
        }

        system.telemetry().set_context_propagation(false);
        let quiet = start(&system, Subject::new(&Log::default())).await;
        tracing::info_span!("outside").in_scope(|| {
            let alone = act(|_| {
                drop(tracing::info_span!("alone"));
                Ok(())
            });
            quiet.try_send(alone).unwrap();
        });
        quiesce(&system).await;
        assert_eq!(ended(&system, "alone").parent(), None);
        quiet.try_send(stop(ExitReason::Normal)).unwrap();
        quiesce(&system).await;
    });
}
