use std::collections::BTreeMap;
use std::sync::Arc;

use foundation_types::Instant;

use super::Field;
use crate::metadata::{Health, Kind, Labels, Metadata};
use crate::value::Value;

fn metadata() -> Metadata {
    let sizes = BTreeMap::from([(Arc::from("large"), Value::Integer(9))]);
    let model = BTreeMap::from([
        (Arc::from("name"), Value::from("m")),
        (Arc::from("sizes"), Value::Map(Arc::new(sizes))),
    ]);
    Metadata::builder()
        .kind(Kind::ResourceManager)
        .health(Health::Degraded)
        .capabilities(["write", "read"])
        .affinity("node-1")
        .resource("memory", 2.5)
        .resource("health", 1.0)
        .resource("both", 3.0)
        .coordination("term", 4_i64)
        .custom("model", Value::Map(Arc::new(model)))
        .custom("both", "custom")
        .custom("type", "custom")
        .custom("custom", true)
        .custom("resources", true)
        .custom("coordination", true)
        .created_at(Instant::from_nanos(1))
        .last_health_check(Instant::from_nanos(u64::MAX))
        .build()
        .unwrap()
}

#[test]
fn each_path_leads_to_its_field() {
    let metadata = metadata();
    let value = |text: &str| Value::from(text);
    let (nine, four, m, custom) =
        (Value::Integer(9), Value::Integer(4), value("m"), value("custom"));
    let cases = [
        ("type", Field::Text("resource_manager")),
        ("health", Field::Text("degraded")),
        ("created_at", Field::Integer(1)),
        ("last_health_check", Field::Integer(i64::MAX)),
        ("resources.memory", Field::Number(2.5)),
        ("resources.health", Field::Number(1.0)),
        ("coordination.term", Field::Value(&four)),
        ("custom.model.name", Field::Value(&m)),
        ("custom.model.sizes.large", Field::Value(&nine)),
        ("custom.type", Field::Value(&custom)),
        ("custom.both", Field::Value(&custom)),
        // Without a field's name: resources before attributes.
        ("memory", Field::Number(2.5)),
        ("both", Field::Number(3.0)),
        ("model.sizes.large", Field::Value(&nine)),
    ];
    for (path, field) in cases {
        assert_eq!(metadata.field(path), Some(field), "{path}");
    }
    let texts = |path| match metadata.field(path) {
        Some(Field::Labels(labels)) => labels.iter().collect::<Vec<_>>(),
        other => panic!("{path} is {other:?}"),
    };
    assert_eq!(texts("capability"), ["read", "write"]);
    assert_eq!(texts("affinity"), ["node-1"]);
    assert!(matches!(metadata.field("custom.model"), Some(Field::Value(Value::Map(_)))));
}

#[test]
fn paths_that_lead_nowhere_find_nothing() {
    let metadata = metadata();
    let paths = [
        "",
        ".",
        "type.",
        "health.x",
        "capability.read",
        "resources",
        "custom",
        "coordination",
        "resources.",
        "resources.memory.x",
        "resources.none",
        "coordination.model",
        "coordination.term.x",
        "custom.",
        "custom.model.",
        "custom.model.none",
        "custom.model.name.x",
        "custom.model..large",
        "memory.x",
        "term",
        "none",
        "none.x",
        "Health",
    ];
    for path in paths {
        assert_eq!(metadata.field(path), None, "{path:?}");
    }
}

#[test]
fn what_was_not_given_has_no_field_but_lists_are_empty() {
    let metadata = Metadata::default();
    assert_eq!(metadata.field("created_at"), None);
    assert_eq!(metadata.field("last_health_check"), None);
    assert_eq!(metadata.field("capability"), Some(Field::Labels(Labels::NONE)));
    assert_eq!(metadata.field("affinity"), Some(Field::Labels(Labels::NONE)));
    assert_eq!(metadata.field("resources.memory"), None);
    assert_eq!(metadata.field("memory"), None);
    assert_eq!(metadata.field("type"), Some(Field::Text("agent")));
}
