use super::*;

fn process(pid: &str, parent: Option<&str>, name: &str) -> ProcessView {
    serde_json::from_value(json!({
        "pid": pid, "parent": parent, "name": name, "state": "running", "waiting": 0, "capacity": 8,
        "handled": 12, "busy_ms": 3, "message": "work", "open_spans": 0,
    }))
    .unwrap()
}

#[test]
fn processes_stand_below_their_parents() {
    let all = [
        process("<0.1.1>", None, "root"),
        process("<0.2.1>", Some("<0.1.1>"), "pool"),
        process("<0.3.1>", Some("<0.2.1>"), "agent"),
        process("<0.4.1>", Some("<0.1.1>"), "other"),
        process("<0.5.1>", Some("<0.9.9>"), "orphan"),
    ];
    let text = processes(&all);
    let name = |line: &'static str| line;
    let names: Vec<String> = text
        .lines()
        .skip(2)
        .map(|line| line.chars().skip(11).take(9).collect::<String>().trim_end().to_owned())
        .collect();
    assert_eq!(names, ["root", "  pool", "    agent", "  other", "orphan"].map(name), "{text}");
}
