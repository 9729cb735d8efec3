use std::collections::BTreeMap;
use std::sync::Arc;

use foundation_types::Instant;

use super::Patch;
use crate::metadata::{FieldFault, Health, Kind, Metadata};
use crate::value::Value;

const NOW: Instant = Instant::from_nanos(100);

fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Map(Arc::new(pairs.map(|(name, value)| (Arc::from(name), value)).into()))
}

fn int(value: i64) -> Value {
    Value::Integer(value)
}

/// Metadata with one custom attribute.
fn holding(value: &Value) -> Metadata {
    Metadata::builder().custom("x", value.clone()).build_at(Instant::ORIGIN).unwrap()
}

fn x(metadata: &Metadata) -> Option<Value> {
    metadata.custom().find(|(name, _)| *name == "x").map(|(_, value)| value.clone())
}

fn paths(patch: &Patch, metadata: &Metadata) -> Vec<String> {
    let error = patch.apply(metadata, NOW).unwrap_err();
    error.fields.into_iter().map(|field| field.path).collect()
}

#[test]
fn values_are_set_merged_and_removed_as_in_a_merge_patch() {
    let list = || Value::List(Arc::new([int(1)]));
    let cases = [
        // The first ones are the examples of appendix A of RFC 7396 that have no null.
        (
            map([("a", "b".into())]),
            Patch::new().merge_custom("x", map([("a", "c".into())])),
            Some(map([("a", "c".into())])),
        ),
        (
            map([("a", "b".into())]),
            Patch::new().merge_custom("x", map([("b", "c".into())])),
            Some(map([("a", "b".into()), ("b", "c".into())])),
        ),
        (
            map([("a", list())]),
            Patch::new().merge_custom("x", map([("a", "c".into())])),
            Some(map([("a", "c".into())])),
        ),
        (
            map([("a", "c".into())]),
            Patch::new().merge_custom("x", map([("a", list())])),
            Some(map([("a", list())])),
        ),
        (list(), Patch::new().merge_custom("x", map([("a", int(1))])), Some(map([("a", int(1))]))),
        (map([("a", int(1))]), Patch::new().merge_custom("x", int(2)), Some(int(2))),
        (
            map([("a", map([("b", int(1)), ("c", int(1))]))]),
            Patch::new().merge_custom("x.a", map([("c", int(2))])),
            Some(map([("a", map([("b", int(1)), ("c", int(2))]))])),
        ),
        (
            map([("a", map([("b", int(1)), ("c", int(1))]))]),
            Patch::new().merge_custom("x", map([("a", map([("c", int(2))]))])),
            Some(map([("a", map([("b", int(1)), ("c", int(2))]))])),
        ),
        // Paths.
        (
            map([("a", int(1))]),
            Patch::new().custom("x.b.c", 2_i64),
            Some(map([("a", int(1)), ("b", map([("c", int(2))]))])),
        ),
        (int(1), Patch::new().custom("x.b", 2_i64), Some(map([("b", int(2))]))),
        (map([("a", int(1))]), Patch::new().custom("x", map([])), Some(map([]))),
        (int(1), Patch::new().remove_custom("x"), None),
        (int(1), Patch::new().remove_custom("x.y").remove_custom("none"), Some(int(1))),
        (
            map([("a", int(1)), ("b", int(2))]),
            Patch::new().remove_custom("x.a"),
            Some(map([("b", int(2))])),
        ),
        // In order.
        (
            int(1),
            Patch::new().custom("x", true).remove_custom("x").custom("x.a", 1_i64),
            Some(map([("a", int(1))])),
        ),
    ];
    for (before, patch, after) in cases {
        let metadata = holding(&before);
        let patched = patch.apply(&metadata, NOW).unwrap();
        assert_eq!(x(&patched), after, "{before:?} {patch:?}");
        // Shared values are copied before they change.
        assert_eq!(x(&metadata), Some(before));
    }
}

#[test]
fn every_field_can_be_changed_and_the_rest_stays() {
    let metadata = Metadata::builder()
        .capabilities(["a", "b"])
        .affinity("n")
        .resource("cpu", 1.0)
        .resource("gpu", 1.0)
        .coordination("term", 1_i64)
        .coordination("old", 1_i64)
        .created_at(Instant::from_nanos(1))
        .build_at(Instant::from_nanos(2))
        .unwrap();
    assert_eq!(Patch::new().apply(&metadata, NOW), Ok(metadata.clone()));

    let patch = Patch::new()
        .kind(Kind::Service)
        .add_capability("c")
        .remove_capability("a")
        .remove_capability("none")
        .resource("cpu", 2.0)
        .remove_resource("gpu")
        .remove_resource("none")
        .coordination("term", 2_i64)
        .merge_coordination("leader", map([("id", int(3))]))
        .remove_coordination("old");
    let expected = Metadata::builder()
        .kind(Kind::Service)
        .capabilities(["b", "c"])
        .affinity("n")
        .resource("cpu", 2.0)
        .coordination("term", 2_i64)
        .coordination("leader", map([("id", int(3))]))
        .created_at(Instant::from_nanos(1))
        .build_at(Instant::from_nanos(2));
    assert_eq!(patch.apply(&metadata, NOW), expected);

    let patch = Patch::new().health(Health::Unhealthy).capabilities(["z"]).affinity(["m", "k"]);
    let patched = patch.apply(&metadata, NOW).unwrap();
    assert_eq!(patched.health(), Health::Unhealthy);
    assert_eq!(patched.last_health_check(), Some(NOW));
    assert_eq!(patched.created_at(), metadata.created_at());
    assert_eq!(patched.capabilities().collect::<Vec<_>>(), ["z"]);
    assert_eq!(patched.affinity().collect::<Vec<_>>(), ["k", "m"]);
}

#[test]
fn a_patch_with_one_fault_changes_nothing_and_tells_all() {
    let metadata = holding(&int(1));
    let patch = Patch::new()
        .custom("x", 2_i64)
        .custom("a.b c", 1_i64)
        .merge_custom("m", map([("n", f64::NAN.into())]))
        .remove_coordination("")
        .resource("cpu", -1.0)
        .remove_resource("a.b")
        .add_capability("a/b")
        .affinity([" "]);
    let expected = [
        "custom.a[\"b c\"]",
        "custom.m.n",
        "coordination[\"\"]",
        "resources[\"a.b\"]",
        "capability[\"a/b\"]",
        "affinity[\" \"]",
        "resources.cpu",
    ];
    assert_eq!(paths(&patch, &metadata), expected);
    assert_eq!(x(&metadata), Some(int(1)));
    // A clock behind that of the registration is a fault too.
    let error =
        Patch::new().apply(&holding(&int(1)).with_health_at(Health::Healthy, NOW), Instant::ORIGIN);
    assert_eq!(error.unwrap_err().fields[0].path, "last_health_check");
}

#[test]
fn only_the_result_has_to_keep_the_bounds() {
    let full: Vec<_> = (0..Metadata::CAPABILITIES_MAX).map(|n| format!("c{n}")).collect();
    let metadata = Metadata::new(full.iter().map(String::as_str)).unwrap();
    let more = Patch::new().add_capability("x").add_capability("y").add_capability("z");
    assert_eq!(paths(&more, &metadata), ["capability"]);
    let swapped = more.remove_capability("c0").remove_capability("c1").remove_capability("c2");
    let swapped = swapped.apply(&metadata, NOW).unwrap();
    assert_eq!(swapped.capabilities().count(), Metadata::CAPABILITIES_MAX);
    assert!(swapped.has("x") && swapped.has("y") && swapped.has("z") && !swapped.has("c0"));

    let half = "h".repeat(Metadata::BYTES_MAX / 2);
    let metadata = holding(&Value::from(half.as_str()));
    assert_eq!(paths(&Patch::new().custom("y", half.as_str()), &metadata), ["metadata"]);
    let replaced = Patch::new().custom("y", half).remove_custom("x").apply(&metadata, NOW);
    assert!(replaced.is_ok());
}

#[test]
fn paths_go_as_deep_as_values_may_and_no_deeper() {
    let metadata = Metadata::default();
    let path = |levels: usize| vec!["n"; levels].join(".");
    let max = Metadata::NESTING_MAX;
    assert!(Patch::new().custom(&path(max), 1_i64).apply(&metadata, NOW).is_ok());
    for patch in [
        Patch::new().custom(&path(max + 1), 1_i64),
        Patch::new().remove_custom(&path(100_000)),
        Patch::new().custom(&path(max), map([("n", int(1))])),
    ] {
        let error = patch.apply(&metadata, NOW).unwrap_err();
        assert_eq!(error.fields.len(), 1);
        assert_eq!(error.fields[0].path, format!("custom.{}", path(max + 1)));
        assert_eq!(error.fields[0].fault, FieldFault::TooDeep { levels_max: max });
    }
}

#[test]
fn merging_what_shares_itself_a_billion_times_ends_at_once() {
    let mut value = map([("end", int(1))]);
    for _ in 0..6 {
        let names: Vec<String> = (0..64).map(|n| format!("n{n}")).collect();
        let wide: BTreeMap<Arc<str>, Value> =
            names.iter().map(|name| (Arc::from(name.as_str()), value.clone())).collect();
        value = Value::Map(Arc::new(wide));
    }
    let metadata = holding(&map([("n0", int(1))]));
    assert_eq!(paths(&Patch::new().merge_custom("x", value.clone()), &metadata), ["metadata"]);
    assert_eq!(paths(&Patch::new().custom("x", value), &metadata), ["metadata"]);
}
