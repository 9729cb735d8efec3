use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};

use foundation_env::sim::{SimOptions, Simulation};
use foundation_testkit::Swarm;

use super::{ChangeError, Flags};
use crate::bucket;
use crate::change::{Edit, Note};
use crate::flag::{Catalogue, Flag};
use crate::subscription::{Notice, Subscription};
use crate::value::{Setting, Value};

const NAMES: [&str; 4] = ["error_context", "health_monitoring", "spans", "strict_supervision"];

fn flags() -> Flags {
    let env = Simulation::new(1, SimOptions::default()).env();
    let catalogue = Catalogue::new(NAMES.map(|name| Flag::new(name, "")));
    Flags::new(env, catalogue.expect("a catalogue"))
}

fn note() -> Note {
    Note::new("alice", "a test")
}

fn percent(percent: u8) -> Value {
    Value::percent(percent).expect("a percentage")
}

/// Guarantee FL1
#[test]
fn a_percentage_is_stable_and_keeps_its_keys_while_it_rises() {
    let flags = flags();
    let spans = flags.handle("spans").expect("declared");
    let keys: Vec<String> = (0..1_000).map(|id| format!("id-{id}")).collect();
    let mut before = vec![false; keys.len()];
    for step in 0..=100 {
        flags.set("spans", percent(step), &note()).expect("set");
        assert!(!spans.is_enabled(), "{step}% says nothing without a key");
        let now: Vec<bool> = keys.iter().map(|key| spans.is_enabled_for(key)).collect();
        let again: Vec<bool> = keys.iter().map(|key| spans.is_enabled_for(key)).collect();
        assert_eq!(now, again);
        assert!(before.iter().zip(&now).all(|(before, now)| !before || *now), "{step}%");
        let count = now.iter().filter(|on| **on).count();
        assert!(count.abs_diff(usize::from(step) * 10) <= 60, "{count} of 1,000 at {step}%");
        match step {
            0 => assert_eq!(count, 0),
            100 => assert_eq!(count, 1_000),
            _ => {}
        }
        before = now;
    }
}

/// Guarantee FL3
#[test]
fn every_change_leaves_one_record() {
    let flags = flags();
    let step = flags.set("spans", Value::ON, &note()).expect("set").expect("it changed");
    assert_eq!(flags.set("spans", Value::ON, &note()), Ok(None), "nothing changed");
    let audit = flags.audit();
    let [record] = &audit.records[..] else { panic!("one record: {audit:?}") };
    assert_eq!(step.changes, [(**record).clone()]);
    assert_eq!((record.step, record.flag.as_str()), (1, "spans"));
    assert_eq!((record.from.value, record.to.value), (Value::OFF, Value::ON));
    assert_eq!((record.who.as_str(), record.why.as_str()), ("alice", "a test"));
    assert_eq!(record.at_unix_ms, 1_767_225_600_000, "the wall clock, in milliseconds");
}

#[test]
fn records_are_bounded_and_the_forgotten_counted() {
    let flags = flags();
    for round in 0..1_500 {
        let value = if round % 2 == 0 { Value::ON } else { Value::OFF };
        flags.set("spans", value, &note()).expect("set");
    }
    let audit = flags.audit();
    assert_eq!((audit.records.len(), audit.forgotten), (Flags::RECORDS_MAX, 500));
    assert_eq!(audit.records.last().map(|record| record.step), Some(1_500));
}

/// Guarantee FL4
#[test]
fn turning_all_off_leaves_none_on() {
    let flags = flags();
    let on: Vec<_> = NAMES.map(|name| (name, Edit::Value(Value::ON))).into();
    flags.change(&on, &note()).expect("changed");
    let key = || Edit::Override { key: "agent-1".to_owned(), on: Some(true) };
    flags.change(&[("spans", key())], &note()).expect("changed");
    let step = flags.turn_all_off(&note()).expect("it changed");
    assert_eq!(step.changes.len(), NAMES.len());
    for name in NAMES {
        assert_eq!(flags.is_enabled(name), Ok(false), "{name}");
        assert_eq!(flags.is_enabled_for(name, "agent-1"), Ok(false), "{name}");
    }
    assert_eq!(flags.turn_all_off(&note()), None, "it was off already");
}

#[test]
fn a_step_with_an_error_changes_nothing() {
    let flags = flags();
    let key = |key: String| Edit::Override { key, on: Some(true) };
    let bad = [
        ("span", Edit::Value(Value::ON)),
        ("spans", key(String::new())),
        ("spans", key("x".repeat(129))),
        ("spans", key("a\nb".to_owned())),
    ];
    for (flag, edit) in bad {
        let edits = [("error_context", Edit::Value(Value::ON)), (flag, edit)];
        flags.change(&edits, &note()).expect_err("refused");
    }
    let many: Vec<_> = (0..33).map(|id| ("spans", key(format!("key-{id}")))).collect();
    let error = ChangeError::TooManyOverrides { flag: "spans".to_owned() };
    assert_eq!(flags.change(&many, &note()), Err(error));
    assert!(flags.settings().values().all(|setting| *setting == Setting::default()));
    assert!(flags.audit().records.is_empty());
}

/// Guarantee FL5
#[test]
fn a_subscriber_can_read_what_it_is_told() {
    let flags = flags();
    let mut told = flags.subscribe().expect("room");
    for round in 1..=100_u8 {
        // The waker reads at the very moment it is told.
        let reader = flags.clone();
        let seen = Arc::new(std::sync::Mutex::new(None));
        let waker = Arc::new(OnWake { reader, seen: Arc::clone(&seen) }).into();
        let mut cx = Context::from_waker(&waker);
        let mut next = Box::pin(told.next());
        assert!(next.as_mut().poll(&mut cx).is_pending());
        flags.set("spans", percent(round), &note()).expect("set");
        assert_eq!(seen.lock().expect("no panic").take(), Some(percent(round)));
        let Some(Notice::Changed(step)) = told_now(next.as_mut(), &mut cx) else { panic!("told") };
        assert_eq!(step.number, u64::from(round));
        assert_eq!(step.changes.first().map(|change| change.to.value), Some(percent(round)));
    }
}

fn told_now(
    next: Pin<&mut impl Future<Output = Option<Notice>>>,
    cx: &mut Context<'_>,
) -> Option<Notice> {
    match next.poll(cx) {
        Poll::Ready(notice) => notice,
        Poll::Pending => None,
    }
}

struct OnWake {
    reader: Flags,
    seen: Arc<std::sync::Mutex<Option<Value>>>,
}

impl Wake for OnWake {
    fn wake(self: Arc<Self>) {
        let value = self.reader.settings().get("spans").map(|setting| setting.value);
        *self.seen.lock().expect("no panic") = value;
    }
}

/// Guarantee FL5
#[test]
fn a_slow_subscriber_learns_how_much_it_missed() {
    let flags = flags();
    let mut told = flags.subscribe().expect("room");
    let steps = Subscription::STEPS_MAX + 10;
    for round in 0..steps {
        let value = if round % 2 == 0 { Value::ON } else { Value::OFF };
        flags.set("spans", value, &note()).expect("set");
    }
    assert_eq!(told.try_next(), Some(Notice::Lagged { missed: 10 }));
    let mut numbers = Vec::new();
    while let Some(Notice::Changed(step)) = told.try_next() {
        numbers.push(step.number);
    }
    assert!(numbers.iter().copied().eq(11..=u64::try_from(steps).expect("small")));
    let all: Vec<_> =
        (1..Flags::SUBSCRIBERS_MAX).map(|_| flags.subscribe().expect("room")).collect();
    flags.subscribe().expect_err("full");
    drop(all);
    flags.subscribe().expect("dropping unsubscribes");
}

/// Guarantee FL3
#[test]
fn random_steps_equal_a_model() {
    for seed in 0..50 {
        let mut swarm = Swarm::new(seed);
        let flags = flags();
        let mut model: BTreeMap<String, Setting> =
            NAMES.map(|name| (name.to_owned(), Setting::default())).into();
        let mut records = 0;
        for _ in 0..60 {
            let edits: Vec<(&str, Edit)> =
                (0..swarm.range(1..=4)).map(|_| edit(&mut swarm)).collect();
            let before = model.clone();
            for (flag, edit) in &edits {
                imitate(model.get_mut(*flag).expect("declared"), edit);
            }
            let changed = before.iter().filter(|(name, setting)| model[*name] != **setting).count();
            let step = flags.change(&edits, &note()).expect("within bounds");
            assert_eq!(step.map_or(0, |step| step.changes.len()), changed);
            records += changed;
            assert_eq!(flags.settings(), model, "seed {seed}");
            assert_eq!(flags.audit().records.len(), records, "seed {seed}");
            for (name, setting) in &model {
                for key in ["a", "b", "c"] {
                    let percent = setting.value.as_percent();
                    let without =
                        percent.map_or(setting.value == Value::ON, |p| bucket(name, key) < p);
                    let expected = setting.overrides.get(key).copied().unwrap_or(without);
                    assert_eq!(flags.is_enabled_for(name, key), Ok(expected), "seed {seed}");
                }
                assert_eq!(flags.is_enabled(name), Ok(setting.value == Value::ON));
            }
        }
    }
}

fn edit(swarm: &mut Swarm) -> (&'static str, Edit) {
    let pick =
        |swarm: &mut Swarm, count: u64| usize::try_from(swarm.range(0..=count - 1)).expect("small");
    let flag = NAMES[pick(swarm, 4)];
    let value = match swarm.range(0..=2) {
        0 => Value::OFF,
        1 => Value::ON,
        _ => percent(u8::try_from(swarm.range(0..=100)).expect("small")),
    };
    let key = ["a", "b"][pick(swarm, 2)].to_owned();
    let edit = match swarm.range(0..=3) {
        0 | 1 => Edit::Value(value),
        2 => Edit::Exactly(value),
        _ => Edit::Override { key, on: [None, Some(true), Some(false)][pick(swarm, 3)] },
    };
    (flag, edit)
}

fn imitate(setting: &mut Setting, edit: &Edit) {
    match edit {
        Edit::Value(value) => setting.value = *value,
        Edit::Exactly(value) => {
            setting.value = *value;
            setting.overrides.clear();
        }
        Edit::Override { key, on: Some(on) } => {
            setting.overrides.insert(key.clone(), *on);
        }
        Edit::Override { key, on: None } => {
            setting.overrides.remove(key);
        }
    }
}
