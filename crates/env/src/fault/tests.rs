use super::planted;

#[test]
fn only_the_named_fault_of_a_fault_build_is_planted() {
    let named = std::env::var("FOUNDATION_FAULT").is_ok_and(|name| name == "env.example");
    assert_eq!(planted("env.example"), cfg!(foundation_fault) && named);
    assert!(!planted("env.other"));
}
