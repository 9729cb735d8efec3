use super::*;

const PROMISES: &str = "[[guarantee]]\nid = \"R1\"\ntitle = \"Monitors\"\nstatement = \"every monitor fires once\"\nbenchmark = \"process/ghosts\"\n";
const FAULTS: &str = "[[fault]]\nname = \"late\"\nguarantee = \"R1\"\nlayer = \"loom\"\ntest = \"p::loom::monitor\"\nseeds_median = 3\n";
const CODE: &str = "fn f() { if planted(\"late\") {} }\n";
const TEST: &str = "/// Guarantee R1: every monitor fires once\n#[test]\nfn monitor() {}\n";

fn check(promises: &str, faults: &str, code: &str, test: &str) -> (Vec<String>, String) {
    let tree = Tree::from([
        (table::GUARANTEES, promises),
        (table::FAULTS, faults),
        ("crates/p/Cargo.toml", "[package]\nname = \"p\"\n"),
        ("crates/p/src/lib.rs", code),
        ("crates/p/tests/loom.rs", test),
    ]);
    let guarantees = table::guarantees(&tree).unwrap();
    let faults = table::faults(&tree).unwrap();
    let sources = tidy::parse(&tree).unwrap();
    let (tests, mut findings) = collect(&sources);
    findings.extend(judge(&guarantees, &faults, &tests));
    findings.extend(match_plants(&sources, &faults));
    findings.extend(caught::check(&tree, &faults, &tests));
    let page = page::render(&guarantees, &faults, &tests);
    (findings.into_iter().map(|finding| finding.cause).collect(), page)
}

#[test]
fn a_promise_with_test_and_fault_passes_and_is_rendered() {
    let (causes, page) = check(PROMISES, FAULTS, CODE, TEST);
    assert_eq!(causes, [""; 0]);
    for part in [
        "| R1 | Monitors | 1 | 1 |",
        "## R1: Monitors\n\nevery monitor fires once",
        "- `monitor` in [crates/p/tests/loom.rs](../crates/p/tests/loom.rs)",
        "| `late` | loom | `p::loom::monitor` | 3 |",
        "Measured by `process/ghosts` (`cargo xtask bench process`).",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
}

#[test]
fn the_statement_may_be_left_out_and_several_tags_may_stand() {
    let test = "/// Guarantee R1\n/// Guarantee R1.\n#[test]\nfn monitor() {}\n";
    assert_eq!(check(PROMISES, FAULTS, CODE, test).0, [""; 0]);
}

#[test]
fn each_broken_rule_is_found() {
    let cases = [
        (PROMISES, FAULTS, CODE, "", "R1 (Monitors) has no test"),
        (PROMISES, "", "", TEST, "R1 (Monitors) has no planted fault"),
        ("", "", "", TEST, "fn monitor holds guarantee R1, which nobody states"),
        (PROMISES, FAULTS, "", TEST, "fault late is planted nowhere"),
        (PROMISES, FAULTS, "#[test]\nfn t() { planted(\"late\"); }", TEST, "is planted nowhere"),
    ];
    for (promises, faults, code, test, wanted) in cases {
        let (causes, _) = check(promises, faults, code, test);
        assert!(causes.len() == 1 && causes[0].contains(wanted), "{wanted}: {causes:?}");
    }
}

#[test]
fn other_words_and_tags_on_helpers_are_found() {
    let other = TEST.replace("fires once", "fires");
    assert!(check(PROMISES, FAULTS, CODE, &other).0[0].contains("in other words"));
    let helper = format!("{TEST}/// Guarantee R1\nfn helper() {{}}\n");
    assert!(check(PROMISES, FAULTS, CODE, &helper).0[0].contains("is no test"));
}

#[test]
fn faults_are_held_against_code_and_promises() {
    let unlisted = format!("{CODE}fn g() {{ fault::planted(\"new\"); }}");
    assert!(
        check(PROMISES, FAULTS, &unlisted, TEST).0[0].contains("new is not in docs/faults.toml")
    );
    let twice = FAULTS.repeat(2);
    assert!(check(PROMISES, &twice, CODE, TEST).0[0].contains("listed twice"));
    let unknown = FAULTS.replace("\"R1\"", "[\"R1\", \"R9\"]");
    assert!(check(PROMISES, &unknown, CODE, TEST).0[0].contains("nobody states guarantee R9"));
    let short = FAULTS.replace("p::loom::monitor", "monitor");
    assert!(check(PROMISES, FAULTS, CODE, TEST).0.is_empty());
    assert!(check(PROMISES, &short, CODE, TEST).0[0].contains("no package::target::path"));
}

#[test]
fn prose_that_begins_with_the_word_is_no_tag() {
    assert_eq!(read_tag("Guarantee R1: x"), Some(("R1", Some("x"))));
    assert_eq!(read_tag("Guarantee T12"), Some(("T12", None)));
    for text in ["Guarantee is a strong word", "Guarantees R1", "A Guarantee R1", "Guarantee r1"] {
        assert_eq!(read_tag(text), None, "{text}");
    }
}

#[test]
fn a_fault_is_caught_by_a_test_of_what_it_breaks() {
    let promises = format!("{PROMISES}{}", PROMISES.replace("R1", "R2"));
    let wider = FAULTS.replace("\"R1\"", "[\"R1\", \"R2\"]");
    let test = format!("{TEST}/// Guarantee R2\n#[test]\nfn other() {{}}\n");
    let (causes, _) = check(&promises, &wider, CODE, &test);
    assert_eq!(causes, ["fault late: p::loom::monitor does not hold R2, which the fault breaks"]);
    let both = TEST.replace("#[test]", "/// Guarantee R2\n#[test]");
    assert_eq!(check(&promises, &wider, CODE, &both).0, [""; 0]);
    for elsewhere in ["p::shuttle::monitor", "p::loom::deep::monitor", "p::lib::monitor"] {
        let faults = FAULTS.replace("p::loom::monitor", elsewhere);
        let holds = elsewhere.contains("deep");
        assert_eq!(check(PROMISES, &faults, CODE, TEST).0.is_empty(), holds, "{elsewhere}");
    }
}

#[test]
fn a_test_is_found_where_its_modules_are() {
    for (path, file) in [
        ("p::lib::wheel::tests::x", "crates/p/src/wheel/tests.rs"),
        ("p::lib::wheel::tests::x", "crates/p/src/wheel.rs"),
        ("p::main::monitor::x", "crates/p/tests/main/monitor.rs"),
        ("p::main::x", "crates/p/tests/main/main.rs"),
        ("p::loom::shared::case::x", "crates/p/tests/shared/case.rs"),
    ] {
        let test = Tagged {
            id: "R1".to_owned(),
            path: file.to_owned(),
            line: 1,
            function: "x".to_owned(),
            statement: None,
        };
        let mut parts = path.splitn(3, "::");
        let mut part = || parts.next().unwrap();
        let name = table::TestName { package: part(), target: part(), path: part() };
        assert!(caught::is_it(&test, "crates/p", name), "{path} {file}");
        assert!(!caught::is_it(&test, "crates/q", name), "{path} {file}");
    }
}

#[test]
fn a_fault_stands_in_one_place() {
    let code = format!("{CODE}fn g() {{ planted(\"late\"); }}");
    let (causes, _) = check(PROMISES, FAULTS, &code, TEST);
    assert_eq!(causes, ["the planted fault late stands at crates/p/src/lib.rs:1 too"]);
}
