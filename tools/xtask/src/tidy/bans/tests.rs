use super::*;
use crate::tidy::parse;

const LIB: &str = "crates/x/src/noun.rs";
const TEST: &str = "crates/x/tests/noun.rs";

fn check_with(path: &str, body: &str, config: &str) -> Vec<Finding> {
    let text = format!("fn f() {{\n    {body}\n}}\n");
    let tree = Tree::from([(path, text.as_str()), ("tidy.toml", config)]);
    check(&tree, &parse(&tree).unwrap(), &Config::read(&tree).unwrap())
}

fn rules(path: &str, body: &str) -> Vec<&'static str> {
    check_with(path, body, "").iter().map(|finding| finding.rule).collect()
}

/// Each line of the table is broken once; a line that catches nothing would be dead weight.
#[test]
fn every_ban_catches_its_fixture() {
    let fixtures = [
        ("thread : : sleep", "std::thread::sleep(x);"),
        ("time : : sleep", "tokio::time::sleep(x).await;"),
        ("sleep (", "sleep(x).await;"),
        ("thread : : sleep_ms", "std::thread::sleep_ms(1);"),
        ("todo ! (", "todo!()"),
        ("unimplemented ! (", "unimplemented![]"),
        ("dbg ! (", "dbg!(x);"),
        ("unbounded_channel", "let c = mpsc::unbounded_channel::<u8>();"),
        ("UnboundedSender", "let c: UnboundedSender<u8> = c;"),
        ("UnboundedReceiver", "let c: UnboundedReceiver<u8> = c;"),
        ("unbounded (", "let c = flume::unbounded();"),
        ("unbounded : : <", "let c = flume::unbounded::<u8>();"),
        ("mpsc : : channel ( )", "let c = std::sync::mpsc::channel();"),
        ("mpsc : : channel : : <", "let c = mpsc::channel::<Vec<(u8, u8)>>();"),
        ("# ( ignore", "#[ignore = \"slow\"]\nfn g() {}"),
        ("tokio : : spawn", "tokio::spawn(x);"),
        ("task : : spawn", "tokio::task::spawn(x);"),
        ("spawn_blocking", "handle.spawn_blocking(x);"),
        ("JoinSet", "let set = JoinSet::new();"),
        ("unsafe", "unsafe { x() }"),
        ("SeqCst", "a.load(Ordering::SeqCst);"),
    ];
    assert_eq!(fixtures.len(), BANS.len(), "a ban without a fixture");
    for (ban, (tokens, body)) in BANS.iter().zip(fixtures) {
        assert_eq!(ban.tokens, tokens);
        for path in [LIB, TEST] {
            let found = check_with(path, body, "");
            assert_eq!(found.len(), 1, "{body}: {found:?}");
            assert_eq!((found[0].rule, found[0].line), (ban.rule, 2), "{body}");
        }
    }
}

#[test]
fn harmless_code_passes() {
    for body in [
        "env.sleep_until(at).await;",
        "clock.sleep(x).await;",
        "let text = \"todo!() unsafe tokio::spawn(x)\";",
        "// dbg!(x); thread::sleep(y);",
        "let c = tokio::sync::mpsc::channel(8);",
        "let c = std::sync::mpsc::sync_channel::<u8>(8);",
        "let c = mpsc::channel::<Vec<(u8, u8)>>(8);",
        "let c = oneshot::channel();",
        "env.spawn(x);",
        "let unsafe_code = todo != x;",
    ] {
        assert_eq!(rules(LIB, body), [""; 0], "{body}");
    }
}

#[test]
fn seqcst_passes_with_a_comment_above_it_or_its_statement() {
    for body in [
        "// SeqCst: both sides must see one order of the two words.\n    a.load(SeqCst);",
        "// The order of two words.\n    a.store(\n        x,\n        SeqCst,\n    );",
        "a.load(SeqCst); // The order of two words.",
    ] {
        assert_eq!(rules(LIB, body), [""; 0], "{body}");
    }
    assert_eq!(rules(LIB, "// why\n    b();\n    a.load(SeqCst);"), ["seqcst"]);
}

#[test]
fn an_allowance_covers_its_path_and_tests_only_when_it_says_so() {
    let allow = "[[allow]]\nrule = \"sleep\"\npath = \"crates/x\"\nreason = \"the seam\"\n";
    assert_eq!(check_with(LIB, "std::thread::sleep(x);", allow), []);
    let in_test = check_with(TEST, "std::thread::sleep(x);", allow);
    assert_eq!(in_test.iter().map(|f| f.rule).collect::<Vec<_>>(), ["sleep", "allow"]);
    let with_tests = format!("{allow}tests = true\n");
    assert_eq!(check_with(TEST, "std::thread::sleep(x);", &with_tests), []);
    let elsewhere = check_with("crates/xy/src/noun.rs", "std::thread::sleep(x);", allow);
    assert_eq!(elsewhere.len(), 2, "a sibling with a longer name is not covered: {elsewhere:?}");
}

#[test]
fn an_allowance_that_excuses_nothing_is_a_finding() {
    let allow = "[[allow]]\nrule = \"sleep\"\npath = \"crates/x\"\nreason = \"the seam\"\n";
    let found = check_with(LIB, "a();", allow);
    assert_eq!((found.len(), found[0].rule), (1, "allow"));
}
