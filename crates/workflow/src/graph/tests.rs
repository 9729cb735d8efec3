use std::time::Duration;

use foundation_agent::Capability;
use proptest::prelude::*;

use super::TaskGraph;
use crate::error::GraphError;
use crate::task::Task;

fn task(name: &str, after: &[&str]) -> Task {
    let task = Task::new(name, Capability::new("any.work").unwrap());
    after.iter().fold(task, |task, dependency| task.after(*dependency))
}

fn faults(tasks: Vec<Task>) -> Vec<GraphError> {
    TaskGraph::build(tasks).unwrap_err().faults().to_vec()
}

fn path(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_sound_graph_knows_its_ends() {
    let graph = TaskGraph::build(vec![
        task("merge", &["left", "right"]),
        task("left", &["list"]),
        task("list", &[]),
        task("right", &["list"]),
        task("log", &["list"]),
    ])
    .unwrap();
    assert_eq!(graph.sinks().collect::<Vec<_>>(), [0, 4]);
    assert_eq!(graph.index_of("list"), Some(2));
    assert_eq!(graph.dependants(2), [1, 3, 4]);
}

#[test]
fn a_circle_is_reported_with_its_whole_path_and_without_what_leads_to_it() {
    let tasks = vec![task("lead", &["a"]), task("a", &["b"]), task("b", &["c"]), task("c", &["a"])];
    let found = faults(tasks);
    assert_eq!(found, [GraphError::Cycle { task: 1, path: path(&["a", "b", "c", "a"]) }]);
    assert!(found[0].to_string().ends_with("a -> b -> c -> a"));
}

#[test]
fn a_task_that_waits_for_itself_is_a_circle() {
    let found = faults(vec![task("a", &["a"])]);
    assert_eq!(found, [GraphError::Cycle { task: 0, path: path(&["a", "a"]) }]);
    let fan_out = Task::new("b", Capability::new("any.work").unwrap()).for_each("b");
    assert!(matches!(faults(vec![fan_out])[..], [GraphError::Cycle { .. }]));
}

#[test]
fn separate_circles_are_all_reported() {
    let tasks = vec![task("a", &["b"]), task("b", &["a"]), task("c", &["d"]), task("d", &["c"])];
    let expected = [
        GraphError::Cycle { task: 0, path: path(&["a", "b", "a"]) },
        GraphError::Cycle { task: 2, path: path(&["c", "d", "c"]) },
    ];
    assert_eq!(faults(tasks), expected);
}

#[test]
fn every_fault_is_reported_at_once() {
    let name = || "a".to_owned();
    let tasks = vec![
        task("a", &["nowhere", "b", "b"]).attempts_max(0),
        task("b", &[]).deadline(Duration::ZERO).deaths_max(Task::DEATHS_LIMIT + 1),
        task("a", &[]),
        task("Bad Name", &[]),
    ];
    let expected = vec![
        GraphError::OutOfRange {
            task: 0,
            name: name(),
            setting: "attempts_max",
            value: 0,
            min: 1,
            max: 1_000,
        },
        GraphError::OutOfRange {
            task: 1,
            name: "b".to_owned(),
            setting: "deaths_max",
            value: 100_001,
            min: 0,
            max: 100_000,
        },
        GraphError::Deadline { task: 1, name: "b".to_owned(), deadline: Duration::ZERO },
        GraphError::Duplicate { task: 2, first: 0, name: name() },
        GraphError::Name { task: 3, name: "Bad Name".to_owned() },
        GraphError::UnknownDependency { task: 0, name: name(), dependency: "nowhere".to_owned() },
        GraphError::RepeatedDependency { task: 0, name: name(), dependency: "b".to_owned() },
    ];
    assert_eq!(faults(tasks), expected);
}

#[test]
fn the_number_of_tasks_is_bounded_on_both_sides() {
    assert_eq!(faults(Vec::new()), [GraphError::Empty]);
    let many = |count: usize| (0..count).map(|index| task(&format!("t{index}"), &[])).collect();
    assert!(TaskGraph::build(many(TaskGraph::TASKS_MAX)).is_ok());
    let count = TaskGraph::TASKS_MAX + 1;
    assert_eq!(faults(many(count)), [GraphError::TooManyTasks { count }]);
}

proptest! {
    /// An oracle with another method: an order exists if and only if no task reaches itself.
    #[test]
    fn a_graph_is_refused_exactly_when_a_task_reaches_itself(
        edges in proptest::collection::btree_set((0_usize..7, 0_usize..7), 0..16)
    ) {
        let mut reach = [[false; 7]; 7];
        for (from, to) in &edges {
            reach[*from][*to] = true;
        }
        for middle in 0..7 {
            for from in 0..7 {
                for to in 0..7 {
                    reach[from][to] |= reach[from][middle] && reach[middle][to];
                }
            }
        }
        let tasks = (0..7).map(|from| {
            let after = edges.iter().filter(|edge| edge.0 == from);
            after.fold(task(&format!("t{from}"), &[]), |task, edge| task.after(format!("t{}", edge.1)))
        });
        let circular = (0..7).any(|index| reach[index][index]);
        match TaskGraph::build(tasks.collect()) {
            Ok(_) => prop_assert!(!circular),
            Err(errors) => {
                prop_assert!(circular);
                for fault in errors.faults() {
                    let GraphError::Cycle { path, .. } = fault else { panic!("{fault}") };
                    prop_assert_eq!(path.first(), path.last());
                    for pair in path.windows(2) {
                        let index = |name: &str| name[1..].parse::<usize>().unwrap();
                        prop_assert!(edges.contains(&(index(&pair[0]), index(&pair[1]))));
                    }
                }
            }
        }
    }
}

#[test]
fn the_rule_for_names_says_what_is_held() {
    let longest = "a".repeat(Task::NAME_BYTES_MAX);
    assert!(Task::NAME_RULE.contains(&format!("1 to {} ", longest.len())));
    assert!(["a", "0", "-", "read_all-2", &longest].into_iter().all(Task::is_name));
    let longer = format!("{longest}a");
    assert!(!["", "A", "a b", "a.b", "\u{e9}", &longer].into_iter().any(Task::is_name));
}
