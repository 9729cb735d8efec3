use std::time::Duration;

use foundation_types::Instant;

use super::Answers;
use foundation_node::{Found, FoundAgent};

const MS: Duration = Duration::from_millis(1);

fn found() -> Found {
    let agent = FoundAgent {
        id: "readers-1".to_owned(),
        pid: "<0.0.1>".to_owned(),
        r#type: "worker".to_owned(),
        health: "healthy".to_owned(),
        load: Some(1.0),
        capabilities: vec!["text.stats".to_owned()],
    };
    Found { query: "health:healthy".to_owned(), revision: 7, has_more: false, agents: vec![agent] }
}

#[test]
fn answers_come_at_multiples_of_the_interval_and_missed_ones_are_left_out() {
    let start = Instant::ORIGIN.saturating_add(MS * 5);
    let at = |ms| start.saturating_add(MS * ms);
    let mut answers = Answers::new(MS * 500, false, start);
    assert_eq!(answers.due(), at(500));
    let text = answers.text(at(501), &found());
    assert!(text.starts_with("after 0.5 s: 1 agent for health:healthy\n"), "{text}");
    assert_eq!(answers.due(), at(1_000));
    assert!(answers.text(at(61_250), &found()).starts_with("after 61.2 s: "));
    assert_eq!(answers.due(), at(61_500));
}

#[test]
fn an_answer_for_programs_is_one_line() {
    let mut answers = Answers::new(MS * 500, true, Instant::ORIGIN);
    let text = answers.text(Instant::ORIGIN.saturating_add(MS * 503), &found());
    let line = text.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'));
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&value["elapsed_ms"], &value["found"]["revision"]), (&503.into(), &7.into()));
    assert_eq!(value["found"]["agents"][0]["id"], "readers-1");
}
