use foundation_types::Code;

use super::Payload;

#[test]
fn a_list_is_cut_into_its_items_in_order() {
    let list = Payload::parse(r#" [1, "two,]", {"three": [3]}, null] "#).unwrap();
    let items = list.items(4).unwrap();
    let texts: Vec<&str> = items.iter().map(Payload::as_str).collect();
    assert_eq!(texts, ["1", r#""two,]""#, r#"{"three": [3]}"#, "null"]);
    assert_eq!(Payload::list(&items).as_str(), r#"[1,"two,]",{"three": [3]},null]"#);
}

#[test]
fn the_item_limit_is_exact() {
    let list = Payload::parse("[1,2,3]").unwrap();
    assert_eq!(list.items(3).unwrap().len(), 3);
    let error = list.items(2).unwrap_err();
    assert_eq!(error.code(), Code::ConstraintViolation);
    assert!(Payload::parse("[]").unwrap().items(0).unwrap().is_empty());
}

#[test]
fn a_value_that_is_no_list_has_no_items() {
    for text in ["{}", "null", "\"text\"", "7"] {
        let error = Payload::parse(text).unwrap().items(10).unwrap_err();
        assert_eq!(error.code(), Code::TypeMismatch, "{text}");
    }
}

#[test]
fn text_that_is_not_one_json_value_is_refused() {
    for text in ["", "[1", "1 2", "{'a':1}"] {
        let error = Payload::parse(text).unwrap_err();
        assert_eq!(error.code(), Code::DeserializationFailed, "{text:?}");
    }
}

#[test]
fn object_fields_keep_their_order_and_names_are_escaped() {
    let one = Payload::encode(&1).unwrap();
    let object = Payload::object([("b", &one), ("a\"", &Payload::null())]).unwrap();
    assert_eq!(object.as_str(), r#"{"b":1,"a\"":null}"#);
}

#[test]
fn debug_text_is_short_and_cut_at_a_character() {
    let long = Payload::encode(&"\u{e9}".repeat(1_000)).unwrap();
    let shown = format!("{long:?}");
    assert!(shown.len() < 120, "{shown}");
    assert!(shown.ends_with("bytes)"), "{shown}");
}
