use super::*;

/// Runs a script as if it were a test binary.
fn judge_script(script: &str, limit: Duration) -> Verdict {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]);
    judge(command::capture(&mut shell, limit).unwrap()).unwrap()
}

#[test]
fn a_run_is_judged_by_what_the_harness_printed() {
    let judge = |script: &str| judge_script(script, RUN_TIME_MAX);
    assert_eq!(judge("echo running 1 test"), Verdict::Passed);
    assert_eq!(judge("echo running 1 test; exit 101"), Verdict::Failed(None));
    assert_eq!(judge("echo running 1 test; kill -ABRT $$"), Verdict::Failed(None));
    assert_eq!(judge("echo running 0 tests"), Verdict::NoSuchTest);
    let with_seeds = "echo running 1 test; echo 'seed 7: caught-after-seeds: 12' >&2; exit 101";
    assert_eq!(judge(with_seeds), Verdict::Failed(Some(12)));
}

#[test]
fn a_run_that_never_starts_a_test_is_an_error_and_no_catch() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "echo no such library; exit 127"]);
    let error = judge(command::capture(&mut shell, RUN_TIME_MAX).unwrap()).unwrap_err();
    assert!(error.to_string().contains("no such library"), "{error}");
}

#[test]
fn a_run_that_does_not_end_is_killed() {
    // `exec`, so that the one who is killed is the one who waits; it waits for input for ever.
    let script = "echo running 1 test; exec tail -f /dev/null";
    assert_eq!(judge_script(script, Duration::from_millis(50)), Verdict::Hung);
}

#[test]
fn only_a_passing_or_missing_or_hanging_test_is_a_complaint() {
    let fault: Fault = toml_edit::de::from_str(
        "name = \"late\"\nguarantee = \"R1\"\nlayer = \"unit\"\ntest = \"p::lib::t\"\n",
    )
    .unwrap();
    assert_eq!(complaint(&fault, &Verdict::Failed(None)), None);
    for verdict in [Verdict::Passed, Verdict::NoSuchTest, Verdict::Hung] {
        assert!(complaint(&fault, &verdict).unwrap().starts_with("fault late: p::lib::t"));
    }
}

#[test]
fn seeds_are_written_and_everything_else_stays() {
    let text = "# why\n[[fault]]\nname = \"late\"  # a\nlayer = \"loom\"\n\n# next\n[[fault]]\nname = \"late\"\nlayer = \"unit\"\nseeds_median = 1\n";
    let seeds = BTreeMap::from([(("late", Layer::Unit), 9)]);
    let updated = with_seeds(text, &seeds).unwrap();
    assert_eq!(updated, text.replace("seeds_median = 1", "seeds_median = 9"));
    let seeds = BTreeMap::from([(("late", Layer::Loom), 4)]);
    let updated = with_seeds(text, &seeds).unwrap();
    assert_eq!(updated, text.replace("\"loom\"\n", "\"loom\"\nseeds_median = 4\n"));
    assert_eq!(with_seeds("# none\n", &BTreeMap::new()).unwrap(), "# none\n");
}
