use std::time::Duration;

use super::Category::{Config, Data, External, System};
use super::Severity::{Critical, High, Low, Medium};
use super::{Category, Code, RetryClass, Severity};

const EXPONENTIAL: RetryClass =
    RetryClass::Exponential { base: Duration::from_secs(1), max: Duration::from_secs(30) };
const FIXED: RetryClass = RetryClass::Fixed { delay: Duration::from_secs(1) };
const NEVER: RetryClass = RetryClass::Never;

/// The catalogue once more, as its readers outside know it: a change to a number, name, severity or
/// retry has to be made on purpose in two places.
const EXPECTED: [(u16, &str, Category, Severity, RetryClass); 28] = [
    (1101, "invalid_config_structure", Config, High, NEVER),
    (1102, "missing_required_field", Config, High, NEVER),
    (1201, "invalid_config_value", Config, Medium, NEVER),
    (1202, "constraint_violation", Config, Medium, NEVER),
    (1203, "range_error", Config, Low, NEVER),
    (1301, "config_not_found", Config, High, NEVER),
    (1401, "config_update_forbidden", Config, Medium, NEVER),
    (2101, "initialization_failed", System, Critical, NEVER),
    (2102, "service_unavailable", System, High, EXPONENTIAL),
    (2103, "registry_not_configured", System, High, NEVER),
    (2201, "resource_exhausted", System, High, EXPONENTIAL),
    (2301, "dependency_failed", System, High, EXPONENTIAL),
    (2401, "internal_error", System, Critical, NEVER),
    (2402, "process_not_alive", System, Medium, FIXED),
    (3101, "serialization_failed", Data, Medium, NEVER),
    (3102, "deserialization_failed", Data, Medium, NEVER),
    (3201, "type_mismatch", Data, Low, NEVER),
    (3202, "format_error", Data, Low, NEVER),
    (3203, "validation_failed", Data, Medium, NEVER),
    (3204, "invalid_input", Data, Low, NEVER),
    (3301, "data_corruption", Data, Critical, NEVER),
    (3401, "data_not_found", Data, Low, NEVER),
    (3501, "business_rule_violation", Data, Low, NEVER),
    (4101, "network_error", External, Medium, EXPONENTIAL),
    (4201, "external_service_error", External, Medium, FIXED),
    (4301, "timeout", External, Medium, EXPONENTIAL),
    (4401, "authentication_failed", External, High, NEVER),
    (9999, "unknown", Category::Unknown, Medium, NEVER),
];

#[test]
fn every_code_is_as_published() {
    assert_eq!(Code::ALL.len(), EXPECTED.len());
    for (&code, expected) in Code::ALL.iter().zip(EXPECTED) {
        let found = (code.number(), code.name(), code.category(), code.severity(), code.retry());
        assert_eq!(found, expected);
        assert_eq!(code.to_string(), format!("E{} {}", expected.0, expected.1));
        assert_eq!(code.as_source().downcast_ref(), Some(&code));
        assert_eq!(serde_json::to_string(&code).unwrap(), expected.0.to_string());
    }
}

#[test]
fn name_of_the_variant_is_the_stable_name() {
    for &code in Code::ALL {
        assert_eq!(format!("{code:?}").to_lowercase(), code.name().replace('_', ""));
    }
}

#[test]
fn exactly_the_numbers_of_the_catalogue_have_a_code() {
    let found: Vec<_> = (0..=u16::MAX).filter_map(Code::from_number).collect();
    assert_eq!(found, Code::ALL);
}

#[test]
fn first_digit_of_a_number_is_its_category() {
    for &code in Code::ALL {
        let digit = match code.category() {
            Config => 1,
            System => 2,
            Data => 3,
            External => 4,
            Category::Unknown => 9,
        };
        assert_eq!(code.number() / 1000, digit, "{code}");
    }
}

/// The defect this guards against: advice derived from severity alone had a wrong password and a
/// missing configuration tried again at once, for ever.
#[test]
fn what_cannot_mend_itself_is_never_retried_and_what_is_severe_never_at_once() {
    for &code in Code::ALL {
        let hopeless = matches!(code.category(), Config | Data | Category::Unknown)
            || matches!(code, Code::AuthenticationFailed | Code::RegistryNotConfigured)
            || code.severity() == Critical;
        assert_eq!(code.retry().is_retryable(), !hopeless, "{code}");
        if code.severity().should_escalate() {
            for attempt in [0, 1, 5, u32::MAX] {
                assert_ne!(code.retry().delay(attempt), Some(Duration::ZERO), "{code}");
            }
        }
    }
}

#[test]
fn severities_order_and_the_upper_half_escalates() {
    let all = [Low, Medium, High, Critical];
    assert!(all.is_sorted_by(|a, b| a < b));
    assert_eq!(all.map(Severity::should_escalate), [false, false, true, true]);
}

#[test]
fn delays_follow_their_class() {
    let secs = |secs| Some(Duration::from_secs(secs));
    let doubling: Vec<_> = (0..7).map(|attempt| EXPONENTIAL.delay(attempt)).collect();
    assert_eq!(doubling, [1, 2, 4, 8, 16, 30, 30].map(secs));
    for attempt in [0, 1, 31, 32, 63, 64, u32::MAX] {
        assert_eq!(FIXED.delay(attempt), secs(1));
        assert_eq!(NEVER.delay(attempt), None);
        assert_eq!(RetryClass::Immediate.delay(attempt), Some(Duration::ZERO));
        assert!(EXPONENTIAL.delay(attempt) <= secs(30), "attempt {attempt}");
    }
    assert_eq!(EXPONENTIAL.delay(u32::MAX), secs(30));
    // No factor may overflow, however large the base.
    let wide = RetryClass::Exponential { base: Duration::MAX, max: Duration::MAX };
    assert_eq!(wide.delay(u32::MAX), Some(Duration::MAX));
}

#[test]
fn serialized_forms_are_words_and_milliseconds() {
    let json = |retry| serde_json::to_string(&retry).unwrap();
    assert_eq!(json(NEVER), r#"{"class":"never"}"#);
    assert_eq!(json(FIXED), r#"{"class":"fixed","delay_ms":1000}"#);
    assert_eq!(json(EXPONENTIAL), r#"{"class":"exponential","base_ms":1000,"max_ms":30000}"#);
    for severity in [Low, Medium, High, Critical] {
        assert_eq!(serde_json::to_string(&severity).unwrap(), format!("\"{severity}\""));
    }
    for category in [Config, System, Data, External, Category::Unknown] {
        assert_eq!(serde_json::to_string(&category).unwrap(), format!("\"{category}\""));
    }
}
