use std::collections::BTreeMap;
use std::sync::Arc;

use foundation_types::{Code, Error, Instant};

use super::{Details, FieldFault, Health, Kind, Metadata, MetadataError};
use crate::value::Value;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn faults(error: MetadataError) -> Vec<(String, FieldFault)> {
    error.fields.into_iter().map(|field| (field.path, field.fault)).collect()
}

#[test]
fn an_entry_with_capabilities_only_is_small() {
    // Each figure of the comment at `Metadata`, on a machine with pointers of 8 bytes.
    assert_eq!(size_of::<Metadata>(), 48);
    assert_eq!(size_of::<Arc<str>>(), 16);
    assert_eq!(size_of::<Value>(), 24);
    assert_eq!(size_of::<Details>(), 64);
    let metadata = Metadata::new(["a", "b"]).unwrap();
    assert!(metadata.details.is_none());
}

#[test]
fn a_health_check_and_a_copy_share_the_rest() {
    let metadata = Metadata::builder().custom("a", 1_i64).build().unwrap();
    let changed = metadata.clone().with_health_at(Health::Degraded, at(7)).checked(at(9)).unwrap();
    let details = |metadata: &Metadata| metadata.details.clone().unwrap();
    assert!(Arc::ptr_eq(&details(&metadata), &details(&changed)));
    assert_eq!(changed.last_health_check(), Some(at(7)));
    assert_eq!(changed.created_at(), Some(at(7)));
    assert_ne!(metadata, changed);
    // The clock of a check does not run backwards.
    let changed = changed.with_health_at(Health::Healthy, at(6));
    assert_eq!((changed.health(), changed.last_health_check()), (Health::Healthy, Some(at(7))));
    // And it does not start before the process.
    let created = Metadata::builder().created_at(at(5)).build().unwrap();
    let changed = created.with_health_at(Health::Healthy, at(4));
    assert_eq!(changed.last_health_check(), Some(at(5)));
}

#[test]
fn bytes_are_those_of_the_formula() {
    let map = BTreeMap::from([(Arc::from("key"), Value::from("text"))]);
    let list = Value::List(Arc::new([true.into(), Value::Map(Arc::new(map))]));
    let metadata = Metadata::builder()
        .kind(Kind::Service)
        .capabilities(["ab", "ab", "c"])
        .affinity("node")
        .resource("cpu", 1.0)
        .coordination("x", 1_i64)
        .custom("yy", 0.5)
        .custom("list", list)
        .created_at(at(1))
        .build()
        .unwrap();
    let attributes = (1 + 8) + (2 + 8) + (4 + 1 + 3 + 4);
    assert_eq!(metadata.bytes(), (2 + 1) + 4 + (3 + 8) + attributes);
    assert_eq!(Metadata::default().bytes(), 0);
}

#[test]
fn instants_that_were_not_given_are_set_and_stay_in_order() {
    let now = at(10);
    let cases = [
        (None, None, (10, 10)),
        (Some(3), None, (3, 10)),
        (None, Some(4), (4, 4)),
        (Some(3), Some(4), (3, 4)),
        (Some(10), Some(10), (10, 10)),
    ];
    for (created_at, checked_at, (created, checked)) in cases {
        let mut builder = Metadata::builder();
        builder.created_at = created_at.map(at);
        builder.last_health_check = checked_at.map(at);
        let metadata = builder.clone().build().unwrap().checked(now).unwrap();
        assert_eq!(metadata.created_at(), Some(at(created)), "{created_at:?} {checked_at:?}");
        assert_eq!(metadata.last_health_check(), Some(at(checked)));
        assert_eq!(builder.build_at(now), Ok(metadata));
    }
}

#[test]
fn instants_in_the_future_and_out_of_order_are_refused() {
    let future = |at| FieldFault::Future { at, now: Instant::from_nanos(10) };
    let metadata = Metadata::builder().created_at(at(12)).last_health_check(at(12));
    let error = metadata.build().unwrap().checked(at(10)).unwrap_err();
    let both = [("created_at", future(at(12))), ("last_health_check", future(at(12)))];
    assert_eq!(faults(error), both.map(|(path, fault)| (path.to_owned(), fault)));

    let error = Metadata::builder().created_at(at(5)).last_health_check(at(4)).build().unwrap_err();
    let fault = FieldFault::BeforeCreation { at: at(4), created_at: at(5) };
    assert_eq!(faults(error), [("last_health_check".to_owned(), fault)]);

    // The faults of the clock and those of the content come together.
    let error = Metadata::builder().capability("").created_at(at(11)).build_at(at(10)).unwrap_err();
    assert_eq!(error.fields.len(), 2, "{error}");
}

#[test]
fn text_forms_are_read_back_and_others_refused_with_those_there_are() {
    for kind in Kind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
        assert_eq!(kind.to_string(), kind.as_str());
    }
    for health in Health::ALL {
        assert_eq!(health.as_str().parse(), Ok(health));
        assert_eq!(health.to_string(), health.as_str());
    }
    assert_eq!(Kind::ResourceManager.as_str(), "resource_manager");
    let error = "Healthy".parse::<Health>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the metadata is not acceptable: health: there is no \"Healthy\": \
         choose one of healthy, degraded, unhealthy"
    );
    let error = "worker".parse::<Kind>().unwrap_err().to_string();
    for kind in Kind::ALL {
        assert!(error.contains(kind.as_str()), "{error}");
    }
}

#[test]
fn what_a_builder_is_started_from_comes_out_again() {
    let metadata = Metadata::builder()
        .kind(Kind::Coordinator)
        .health(Health::Degraded)
        .capability("a.b")
        .affinity("n")
        .resource("r", 1.5)
        .coordination("c", "x")
        .custom("d", false)
        .created_at(at(1))
        .last_health_check(at(2))
        .build()
        .unwrap();
    assert_eq!(metadata.to_builder().build(), Ok(metadata.clone()));
    assert_eq!(metadata.capabilities().collect::<Vec<_>>(), ["a.b"]);
    assert_eq!(metadata.affinity().collect::<Vec<_>>(), ["n"]);
    assert_eq!(metadata.resources().collect::<Vec<_>>(), [("r", 1.5)]);
    assert_eq!(metadata.coordination().collect::<Vec<_>>(), [("c", &Value::from("x"))]);
    assert_eq!(metadata.custom().collect::<Vec<_>>(), [("d", &Value::Bool(false))]);
    assert_eq!((metadata.kind(), metadata.health()), (Kind::Coordinator, Health::Degraded));
}

#[test]
fn an_error_has_a_code_that_is_not_retried() {
    let error = Error::from(Metadata::new([""]).unwrap_err());
    assert_eq!(error.code(), Code::ValidationFailed);
}
