//! The example system, carried through without processes: whatever order the work is done in and whoever
//! dies meanwhile, the report is the same.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test ends at the first surprise")]

use std::fs;
use std::path::Path;

use foundation_agent::digest::DigestReport;
use foundation_agent::{ActionContext, Actions, Payload};
use foundation_node::SystemSpec;
use foundation_types::{ExitReason, Instant};
use foundation_workflow::{Attempt, Progress, Run, RunState};

/// Takes the next attempt out of those at hand.
type Choose = fn(&mut Vec<Attempt>) -> Attempt;

fn spec() -> SystemSpec {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/digest/system.toml");
    SystemSpec::load(&path, &Actions::builtin()).unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::TempDir::new().unwrap();
    let files: [(&str, &[u8]); 8] = [
        (".gitignore", b"*.log\n"),
        ("README.md", b"# A digest\n\nAgents read files, agents count words.\n"),
        ("a/one.txt", b"supervisor supervisor mailbox"),
        ("a/two.txt", b"supervisor supervisor mailbox"),
        ("b.rs", b"fn main() {}\n"),
        ("debug.log", b"ignored"),
        ("latin.txt", b"caf\xe9"),
        ("picture.png", b"\x89PNG\0\0"),
    ];
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// Carries a run through. Every `deadly`th attempt ends with the death of its agent instead of a result,
/// and its result comes all the same, later, as that of an agent that was only thought dead would.
fn digest(root: &Path, choose: Choose, deadly: Option<usize>) -> (Payload, Progress) {
    let spec = spec();
    let context = ActionContext::new(root).with_limits(spec.action_limits);
    let mut run = Run::new(spec.graph, spec.run_limits);
    let mut at_hand = Vec::new();
    let mut late = Vec::new();
    let mut step = 0;
    loop {
        at_hand.extend(run.offer(Instant::ORIGIN, usize::MAX));
        if at_hand.is_empty() {
            break;
        }
        let attempt = choose(&mut at_hand);
        step += 1;
        let able = spec.pools.iter().find_map(|pool| pool.actions.get(&attempt.capability));
        let output = able.expect("checked").run(&attempt.input, &context).unwrap();
        if deadly.is_some_and(|nth| step % nth == 0) {
            let _setback = run.lost(attempt.id, &ExitReason::Killed, Instant::ORIGIN);
            late.push((attempt.id, output));
        } else {
            assert!(run.complete(attempt.id, output).is_accepted());
        }
    }
    for (id, output) in late {
        assert!(!run.complete(id, output).is_accepted(), "{id} was repeated and done");
    }
    assert!(matches!(run.state(), RunState::Done), "{:?}", run.state());
    (run.result().unwrap(), run.progress())
}

#[test]
fn the_report_says_what_is_in_the_folder() {
    let folder = folder();
    let (report, progress) = digest(folder.path(), |attempts| attempts.remove(0), None);
    let report: DigestReport = report.decode().unwrap();
    assert_eq!((report.files, report.words, report.binary_files), (4, 16, 1));
    let first = &report.terms[0];
    assert_eq!((first.term.as_str(), first.count, first.files), ("supervisor", 4, 2));
    assert_eq!(report.longest[0].title.as_deref(), Some("A digest"));
    assert_eq!(report.duplicates[0].paths, ["a/one.txt", "a/two.txt"]);
    assert_eq!(report.skipped[0].path, "latin.txt");
    assert_eq!((progress.done, progress.total, progress.deaths), (8, 8, 0));
}

#[test]
fn neither_order_nor_deaths_change_a_byte_of_the_report() {
    let folder = folder();
    let first: Choose = |attempts| attempts.remove(0);
    let last: Choose = |attempts| attempts.pop().expect("not empty");
    let middle: Choose = |attempts| attempts.swap_remove(attempts.len() / 2);
    let (undisturbed, _) = digest(folder.path(), first, None);
    for choose in [first, last, middle] {
        for deadly in [None, Some(2), Some(3)] {
            let (report, progress) = digest(folder.path(), choose, deadly);
            assert_eq!(report, undisturbed);
            assert_eq!(progress.deaths > 0, deadly.is_some());
            assert_eq!(progress.late, progress.deaths, "each late result was counted");
        }
    }
}
