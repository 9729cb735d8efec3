use super::*;
use crate::value::Value;

fn saved() -> Saved {
    let settings = [("spans".to_owned(), Setting::from(Value::ON))].into();
    Saved { step: 3, settings, ..Saved::default() }
}

/// Guarantee FL6
#[test]
fn any_damage_is_found_and_named() {
    let path = Path::new("/data/flags.state");
    let bytes = saved().to_bytes().unwrap();
    assert_eq!(Saved::from_bytes(path, &bytes), Ok(saved()));
    for at in 0..bytes.len() - 1 {
        let mut cut = bytes.clone();
        cut.truncate(at);
        Saved::from_bytes(path, &cut).unwrap_err();
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        let read = Saved::from_bytes(path, &flipped);
        assert!(read.is_err() || read == Ok(saved()), "byte {at} is another: {read:?}");
    }
    let error = Saved::from_bytes(path, b"something else\n").unwrap_err().to_string();
    assert!(error.starts_with("/data/flags.state is damaged at byte 0"), "{error}");
    let later = String::from_utf8(bytes).unwrap().replacen(" 1 ", " 2 ", 1);
    let error = Saved::from_bytes(path, later.as_bytes()).unwrap_err();
    assert!(error.cause.contains("version 1"), "{error}");
}
