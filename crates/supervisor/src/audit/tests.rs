use super::*;

/// The reasons used to stand oldest first in a field that is cut at its end, so long ones hid the last.
#[test]
fn the_last_reasons_are_told_newest_first_and_none_hides_another() {
    let mut audit = Audit::new(0);
    for n in 0..10 {
        let message = format!("failure {n} {}", "ü".repeat(1000));
        let reason = ExitReason::error(Error::new(Code::InternalError, message));
        audit.failed(&Arc::from("a"), &reason);
    }
    let ExitReason::Error(error) = audit.give_up("top", &Intensity::default()) else {
        panic!("an error")
    };
    let reasons = error.field("last_reasons").expect("it has failures");
    let told: Vec<_> = reasons.split("; ").collect();
    assert_eq!(told.len(), FAILURES_MAX, "{reasons}");
    for (text, n) in told.iter().zip((0..10).rev()) {
        assert!(text.contains(&format!("failure {n} ")) && text.ends_with('…'), "{n}: {text}");
    }
}
