//! A namespace that becomes full.

use std::sync::{Arc, Mutex, PoisonError};

use foundation_process::System;
use foundation_registry::{Group, JoinError, Limits, RegisterError, Registry, invariants};
use foundation_testkit::sim_seeds;
use foundation_types::Pid;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::world::{Worker, can, name};

/// Keeps the fields of warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Fields(Vec<String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() != "message" {
            self.0.push(format!("{}={value:?}", field.name()));
        }
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(Vec::new());
        event.record(&mut fields);
        let mut warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        warnings.push(fields.0.join(" "));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A registry whose namespaces take ten entries, or so many bytes.
fn small(system: &System, bytes_max: usize) -> Registry {
    let mut limits = Limits::default();
    limits.entries_per_namespace_max = 10;
    limits.bytes_per_namespace_max = bytes_max;
    Registry::with_limits(system.clone(), limits)
}

/// Registers names with these numbers.
fn fill(registry: &Registry, pid: Pid, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let name = name("agents", &number.to_string());
        registry.register(pid, name, can(&["x"])).expect("there is room");
    }
}

/// Guarantee B1
#[test]
fn a_full_namespace_warns_once_refuses_and_recovers() {
    sim_seeds(0..2, |env, _| async move {
        let system = System::new(env);
        let registry = small(&system, 1 << 20);
        let [stays, goes] = [(); 2].map(|()| system.spawn(Worker::new(())).expect("room").pid());
        assert_eq!(registry.pressure("agents"), None);
        let warnings = Warnings::default();
        let _here = tracing::subscriber::set_default(warnings.clone());
        fill(&registry, stays, 0..5);
        fill(&registry, goes, 5..9);
        assert_eq!(warnings.take(), Vec::<String>::new(), "nine of ten are not past 90 %");
        fill(&registry, goes, 9..10);
        let bytes = registry.counts().bytes;
        let first = format!(
            "namespace=\"agents\" entries=10 entries_max=10 bytes={bytes} bytes_max=1048576"
        );
        assert_eq!(warnings.take(), [first]);
        let pressure = registry.pressure("agents").expect("it is used");
        assert_eq!((pressure.entries, pressure.bytes, pressure.is_high), (10, bytes, true));

        // Full: who wants more is refused, and everybody else is answered.
        let more = name("agents", "more");
        let refused = registry.register(stays, more.clone(), can(&["x"]));
        let full = RegisterError::RegistryFull { namespace: "agents".into(), limit: 10 };
        assert!(full.is_retryable());
        assert_eq!(refused, Err(full.clone()));
        assert_eq!(registry.register_async(stays, more.clone(), can(&["x"])).await, Err(full));
        assert_eq!(registry.whereis(&name("agents", "3")), Some(stays));
        assert_eq!(registry.count_by_capability("agents", "x"), 10);

        // Eight of ten are not below 80 %: no second warning.
        for number in ["8", "9"] {
            registry.unregister(&name("agents", number), goes).expect("its own");
        }
        fill(&registry, goes, 8..10);
        assert_eq!(warnings.take(), Vec::<String>::new());

        // A death makes room by itself, and the next time is one worth a warning.
        let down = system.monitor(goes);
        system.kill(goes);
        down.await;
        assert!(!registry.pressure("agents").expect("it is used").is_high);
        registry.register(stays, more, can(&["x"])).expect("there is room again");
        fill(&registry, stays, 20..24);
        assert_eq!(warnings.take().len(), 1);
        assert_eq!(invariants::check(&registry), []);
    });
}

/// Guarantee B1
#[test]
fn bytes_are_worth_a_warning_too() {
    sim_seeds(0..1, |env, _| async move {
        let system = System::new(env);
        let probe = small(&system, 1 << 20);
        let pid = system.spawn(Worker::new(())).expect("room").pid();
        fill(&probe, pid, 0..1);
        let each = probe.counts().bytes;
        let registry = small(&system, each * 4);
        let warnings = Warnings::default();
        let _here = tracing::subscriber::set_default(warnings.clone());
        fill(&registry, pid, 0..3);
        assert_eq!(warnings.take(), Vec::<String>::new());
        fill(&registry, pid, 3..4);
        assert_eq!(warnings.take().len(), 1);
        let refused = registry.register(pid, name("agents", "4"), can(&["x"]));
        assert!(matches!(refused, Err(RegisterError::TooManyBytes { .. })), "{refused:?}");
        registry.unregister(&name("agents", "0"), pid).expect("its own");
        fill(&registry, pid, 4..5);
    });
}

/// Guarantee B1
#[test]
fn full_groups_warn_once_refuse_and_recover() {
    sim_seeds(0..1, |env, _| async move {
        let system = System::new(env);
        let mut limits = Limits::default();
        limits.memberships_per_namespace_max = 10;
        let registry = Registry::with_limits(system.clone(), limits);
        let [stays, goes] = [(); 2].map(|()| system.spawn(Worker::new(())).expect("room").pid());
        let group = |number: u32| Group::new("agents", &number.to_string()).expect("it is valid");
        let warnings = Warnings::default();
        let _here = tracing::subscriber::set_default(warnings.clone());
        for number in 0..9 {
            registry.join(&group(number), if number < 5 { stays } else { goes }).expect("room");
        }
        assert_eq!(warnings.take(), Vec::<String>::new(), "nine of ten are not past 90 %");
        registry.join(&group(9), goes).expect("room for one");
        let first = "namespace=\"agents\" memberships=10 memberships_max=10";
        assert_eq!(warnings.take(), [first]);
        let full = JoinError::Full { namespace: "agents".into(), limit: 10 };
        assert!(full.is_retryable());
        assert_eq!(registry.join(&group(10), stays), Err(full));
        assert_eq!(registry.pressure("agents"), None, "there are no names");
        let down = system.monitor(goes);
        system.kill(goes);
        down.await;
        assert_eq!(registry.join(&group(10), stays), Ok(true));
        assert_eq!(warnings.take(), Vec::<String>::new());
        assert_eq!(invariants::check(&registry), []);
    });
}
