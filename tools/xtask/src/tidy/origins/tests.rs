use super::*;

fn causes(path: &str, source: &str) -> Vec<String> {
    let own = "[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";
    let text = format!("{own}\n[[package]]\nname = \"far\"\nversion = \"1.0.0\"\n{source}");
    let findings = check(&Tree::from([(path, &*text)]));
    findings.into_iter().map(|finding| format!("{}: {}", finding.line, finding.cause)).collect()
}

#[test]
fn crates_io_and_the_checkout_pass() {
    assert_eq!(causes("Cargo.lock", ""), [""; 0]);
    assert_eq!(causes("tools/x/Cargo.lock", &format!("source = \"{CRATES_IO}\"\n")), [""; 0]);
    assert_eq!(causes("docs/other.lock", "source = \"git+https://host/far\"\n"), [""; 0]);
}

#[test]
fn a_replacement_of_crates_io_is_found() {
    let replaced = |text: &str| check(&Tree::from([(".cargo/config.toml", text)])).len();
    assert_eq!(replaced("[alias]\nxtask = \"run\"\n"), 0);
    assert_eq!(replaced("[source.crates-io]\nreplace-with = \"mirror\"\n"), 1);
    assert_eq!(replaced("source.crates-io.replace-with = \"mirror\"\n"), 1);
    assert_eq!(replaced("paths = [\"/elsewhere\"]\n"), 1);
}

#[test]
fn every_other_source_is_found_in_every_lock_file() {
    for source in [
        "git+https://host/far#1234",
        "registry+https://host/index",
        "sparse+https://host/index/",
        "registry+https://github.com/rust-lang/crates.io-index/",
    ] {
        for path in ["Cargo.lock", "tools/x/Cargo.lock"] {
            let found = causes(path, &format!("source = \"{source}\"\n"));
            assert_eq!(found, [format!("8: far comes from {source}")]);
        }
    }
}
