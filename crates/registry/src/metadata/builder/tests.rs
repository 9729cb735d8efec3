use std::collections::BTreeSet;
use std::sync::Arc;

use foundation_types::Instant;
use proptest::prelude::*;

use crate::label::{LabelFault, LabelKind, fault};
use crate::metadata::{FieldFault, Health, Kind, Metadata, MetadataBuilder, MetadataError};
use crate::value::Value;

const NOW: Instant = Instant::from_nanos(1_000);

fn paths(error: &MetadataError) -> Vec<&str> {
    error.fields.iter().map(|field| field.path.as_str()).collect()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("n{n}")).collect()
}

fn map(name: &str, value: Value) -> Value {
    Value::Map(Arc::new([(Arc::from(name), value)].into()))
}

/// A value with as many lists around it.
fn nested(lists: usize) -> Value {
    (0..lists).fold(Value::Bool(true), |value, _| Value::List(Arc::new([value])))
}

#[test]
fn every_count_is_bounded_and_the_bound_itself_passes() {
    type Add = fn(MetadataBuilder, &str) -> MetadataBuilder;
    let cases: [(&str, &str, usize, Add); 5] = [
        ("capability", "capabilities", 64, |builder, name| builder.capability(name)),
        ("affinity", "nodes", 16, |builder, name| builder.affinity(name)),
        ("resources", "resources", 32, |builder, name| builder.resource(name, 1.0)),
        ("coordination", "attributes", 64, |builder, name| builder.coordination(name, true)),
        ("custom", "attributes", 64, |builder, name| builder.custom(name, true)),
    ];
    for (path, what, count_max, add) in cases {
        let with = |count| names(count).iter().fold(Metadata::builder(), |b, name| add(b, name));
        // A name that is there already is no further one.
        assert!(add(with(count_max), "n0").build().is_ok(), "{path}");
        for count in [count_max + 1, count_max + 50] {
            let error = with(count).build().unwrap_err();
            assert_eq!(paths(&error), [path]);
            assert_eq!(error.fields[0].fault, FieldFault::TooMany { what, count_max });
        }
    }
}

#[test]
fn depth_number_of_values_and_bytes_are_bounded_and_the_bounds_pass() {
    let one = |value: Value| Metadata::builder().custom("x", value).build();
    assert!(one(nested(7)).is_ok());
    let error = one(nested(8)).unwrap_err();
    assert_eq!(paths(&error), [format!("custom.x{}", "[0]".repeat(8))]);

    let list = |count| Value::List(vec![Value::List(Arc::new([])); count].into());
    assert!(one(list(Metadata::VALUES_MAX - 1)).is_ok());
    let error = one(list(Metadata::VALUES_MAX)).unwrap_err();
    assert_eq!(paths(&error), ["metadata"]);
    assert!(matches!(error.fields[0].fault, FieldFault::TooMany { count_max: 1024, .. }));

    let text = |bytes| Value::from("t".repeat(bytes));
    let fits = one(text(Metadata::BYTES_MAX - 1)).unwrap();
    assert_eq!(fits.bytes(), Metadata::BYTES_MAX);
    let error = one(text(Metadata::BYTES_MAX)).unwrap_err();
    assert_eq!(paths(&error), ["metadata"]);
    let (bytes, bytes_max) = (16_385, 16_384);
    assert_eq!(error.fields[0].fault, FieldFault::TooLarge { bytes, bytes_max });
}

#[test]
fn an_error_tells_place_cause_and_remedy_of_each_field_and_stays_small() {
    let error = Metadata::builder()
        .capability("a b")
        .capability("a b")
        .affinity("")
        .resource("cpu", f64::INFINITY)
        .resource("disk", -0.5)
        .custom("x", map("k.", Value::Number(f64::NAN)))
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the metadata is not acceptable: \
         capability[\"a b\"]: not a capability: remove ' ' at byte 1; \
         affinity[\"\"]: not a node affinity: the text is empty; \
         resources.cpu: the number is not finite: give a finite one; \
         resources.disk: the number is below zero: give zero or more; \
         custom.x[\"k.\"]: not a field name: remove '.' at byte 1; \
         custom.x[\"k.\"]: the number is not finite: give a finite one"
    );
    let long = "\u{1}".repeat(1 << 20);
    let many = (0..100).fold(Metadata::builder().custom(&long, true), |builder, n| {
        builder.resource(&format!("r{n} {long}"), 1.0)
    });
    let error = many.build().unwrap_err();
    assert_eq!((error.fields.len(), error.more), (MetadataError::FIELDS_MAX, 69));
    let text = error.to_string();
    assert!(text.len() < 32 << 10 && text.ends_with("; and 69 more"), "{} bytes", text.len());
}

#[test]
fn a_later_value_replaces_an_earlier_one() {
    let metadata = Metadata::builder().custom("a", f64::NAN).custom("a", 1.0).build().unwrap();
    assert_eq!(metadata.custom().collect::<Vec<_>>(), [("a", &Value::Number(1.0))]);
}

/// One wrong field, to be added to metadata that is right.
#[derive(Debug, Clone, Copy)]
enum Injected {
    Capability,
    TooManyCapabilities,
    Affinity,
    ResourceName,
    ResourceNan,
    ResourceNegative,
    CoordinationName,
    CoordinationInfinite,
    CustomInMap,
    CustomInList,
    CustomKey,
    CustomTooDeep,
    CreatedInFuture,
    CheckedBeforeCreation,
    TooLarge,
}

use Injected as I;

const INJECTED: [Injected; 15] = [
    I::Capability,
    I::TooManyCapabilities,
    I::Affinity,
    I::ResourceName,
    I::ResourceNan,
    I::ResourceNegative,
    I::CoordinationName,
    I::CoordinationInfinite,
    I::CustomInMap,
    I::CustomInList,
    I::CustomKey,
    I::CustomTooDeep,
    I::CreatedInFuture,
    I::CheckedBeforeCreation,
    I::TooLarge,
];

impl Injected {
    /// Adds the fault and tells where it should be reported. Names begin with `bad`, which no valid
    /// metadata of the test has.
    fn inject(self, builder: MetadataBuilder) -> (MetadataBuilder, &'static str) {
        let infinite = Value::Number(f64::NEG_INFINITY);
        let (before, after) = (Instant::from_nanos(10), Instant::from_nanos(20));
        match self {
            I::Capability => (builder.capability("bad one"), r#"capability["bad one"]"#),
            I::TooManyCapabilities => {
                (builder.capabilities(names(65).iter().map(String::as_str)), "capability")
            }
            I::Affinity => (builder.affinity("bad/node"), r#"affinity["bad/node"]"#),
            I::ResourceName => (builder.resource("bad.name", 1.0), r#"resources["bad.name"]"#),
            I::ResourceNan => (builder.resource("bad_nan", f64::NAN), "resources.bad_nan"),
            I::ResourceNegative => (builder.resource("bad_low", -1e-300), "resources.bad_low"),
            I::CoordinationName => (builder.coordination("", true), r#"coordination[""]"#),
            I::CoordinationInfinite => (builder.coordination("bad", infinite), "coordination.bad"),
            I::CustomInMap => (builder.custom("bad_map", map("in", infinite)), "custom.bad_map.in"),
            I::CustomInList => {
                let list = Value::List(Arc::new([Value::Bool(true), map("in", infinite)]));
                (builder.custom("bad_list", list), "custom.bad_list[1].in")
            }
            I::CustomKey => {
                (builder.custom("bad_key", map("a b", true.into())), r#"custom.bad_key["a b"]"#)
            }
            I::CustomTooDeep => {
                (builder.custom("bad_deep", nested(8)), "custom.bad_deep[0][0][0][0][0][0][0][0]")
            }
            I::CreatedInFuture => {
                let builder = builder.created_at(Instant::from_nanos(NOW.as_nanos() + 1));
                (builder, "created_at")
            }
            I::CheckedBeforeCreation => {
                let created_at = builder.created_at.unwrap_or(after);
                (builder.created_at(created_at).last_health_check(before), "last_health_check")
            }
            I::TooLarge => {
                (builder.custom("bad_text", "t".repeat(Metadata::BYTES_MAX)), "metadata")
            }
        }
    }
}

fn label() -> impl Strategy<Value = String> {
    "[a-z_@:-]{1,12}"
}

fn valid_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e300..1e300_f64).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| Value::List(list.into())),
            prop::collection::btree_map(label().prop_map(Arc::from), inner, 0..4)
                .prop_map(|map| Value::Map(Arc::new(map))),
        ]
    })
}

fn valid() -> impl Strategy<Value = MetadataBuilder> {
    let kind = prop::sample::select(&Kind::ALL[..]);
    let health = prop::sample::select(&Health::ALL[..]);
    let labels = || prop::collection::vec("[a-z.]{1,64}", 0..8);
    let resources = prop::collection::vec((label(), 0.0..1e300_f64), 0..8);
    let attributes = || prop::collection::vec((label(), valid_value()), 0..8);
    (kind, health, labels(), labels(), resources, attributes(), attributes()).prop_map(
        |(kind, health, capabilities, nodes, resources, coordination, custom)| {
            let mut builder = Metadata::builder().kind(kind).health(health);
            builder = builder.capabilities(capabilities.iter().map(String::as_str));
            builder = nodes.iter().fold(builder, |builder, node| builder.affinity(node));
            for (name, amount) in resources {
                builder = builder.resource(&name, amount);
            }
            for (name, value) in coordination {
                builder = builder.coordination(&name, value);
            }
            custom.into_iter().fold(builder, |builder, (name, value)| builder.custom(&name, value))
        },
    )
}

/// Whatever somebody may hand in.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(12, 64, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|list| Value::List(list.into())),
            prop::collection::btree_map(any::<String>().prop_map(Arc::from), inner, 0..4)
                .prop_map(|map| Value::Map(Arc::new(map))),
        ]
    })
}

/// Tells whether a value keeps every rule, written apart from the code under test.
fn is_allowed(value: &Value, levels: usize) -> bool {
    levels > 0
        && match value {
            Value::Bool(_) | Value::Integer(_) | Value::Text(_) => true,
            Value::Number(number) => number.is_finite(),
            Value::List(items) => items.iter().all(|item| is_allowed(item, levels - 1)),
            Value::Map(map) => map.iter().all(|(name, value)| {
                fault(LabelKind::Attribute, name).is_none() && is_allowed(value, levels - 1)
            }),
        }
}

proptest! {
    /// Invariant I4: what is wrong is refused with its place, and nothing else is.
    #[test]
    fn exactly_the_injected_faults_are_reported(
        valid in valid(),
        injected in prop::sample::subsequence(INJECTED.to_vec(), 0..=INJECTED.len()),
    ) {
        let passed = valid.clone().build_at(NOW);
        prop_assert!(passed.is_ok(), "{passed:?}");
        let (mut builder, mut expected) = (valid, BTreeSet::new());
        for injected in injected {
            let (injected, path) = injected.inject(builder);
            builder = injected;
            expected.insert(path);
        }
        match builder.build_at(NOW) {
            Ok(_) => prop_assert!(expected.is_empty(), "not reported: {expected:?}"),
            Err(error) => {
                prop_assert_eq!(paths(&error).into_iter().collect::<BTreeSet<_>>(), expected);
            }
        }
    }

    #[test]
    fn an_attribute_is_accepted_if_and_only_if_it_keeps_the_rules(
        name: String,
        value in any_value(),
    ) {
        let is_label = fault(LabelKind::Attribute, &name).is_none();
        let bytes = name.len() + value.bytes();
        let expected = is_label && is_allowed(&value, 8) && bytes <= Metadata::BYTES_MAX;
        match Metadata::builder().custom(&name, value).build() {
            Ok(metadata) => {
                prop_assert!(expected);
                prop_assert_eq!(metadata.bytes(), bytes);
            }
            Err(error) => prop_assert!(!expected, "{error}"),
        }
    }

    #[test]
    fn a_capability_is_accepted_if_and_only_if_it_is_a_label(text: String) {
        let is_label = !text.is_empty()
            && text.len() <= 64
            && !text.chars().any(|sign| sign == '/' || sign.is_whitespace() || sign.is_control());
        prop_assert_eq!(Metadata::new([text.as_str()]).is_ok(), is_label);
    }
}

#[test]
fn dots_part_names_but_not_capabilities() {
    assert!(Metadata::builder().capability("a.b").affinity("host.example").build().is_ok());
    let error = Metadata::builder().coordination("a.b", true).build().unwrap_err();
    let FieldFault::Label(label) = &error.fields[0].fault else { panic!("{error}") };
    assert_eq!(label.fault, LabelFault::Character { found: '.', at: 1 });
}
