use super::{Attribute, Index, Indexed, Scalar};
use crate::error::IndexError;
use crate::path::Path;
use crate::value::Value;

fn indexed(paths: &[&str]) -> Result<Indexed, IndexError> {
    Indexed::new(paths.iter().map(|path| Path::new(path).unwrap()).collect())
}

#[test]
fn only_what_a_process_says_of_itself_is_indexed() {
    for path in [
        "custom.team",
        "custom.model.size",
        "coordination.round",
        "resources.gpu",
        "affinity",
        "team",
        "a.b",
    ] {
        assert!(indexed(&[path]).is_ok(), "{path}");
    }
    for path in [
        "custom",
        "coordination",
        "resources",
        "resources.gpu.free",
        "affinity.a",
        "health",
        "health.x",
        "node",
        "name_node",
        "id",
        "namespace",
        "updated_at",
        "created_at",
    ] {
        assert!(matches!(indexed(&[path]), Err(IndexError::NoAttribute { .. })), "{path}");
    }
    let names: Vec<_> = (0..17).map(|n| format!("a{n}")).collect();
    let mut names: Vec<_> = names.iter().map(String::as_str).collect();
    let refused = indexed(&names).map(drop);
    assert_eq!(refused, Err(IndexError::TooMany { found: 17, max: 16 }));
    names.truncate(16);
    names.push("a3");
    assert!(indexed(&names).is_ok(), "one of them twice is one of them");
}

#[test]
fn values_have_one_term_exactly_if_they_are_equal() {
    let values = [
        "true",
        "false",
        "\"true\"",
        "0",
        "-0.0",
        "0.0",
        "1",
        "1.0",
        "\"1\"",
        "1.5",
        "-1",
        "1e300",
        "-1e300",
        "9223372036854775807",
        "9223372036854775808.0",
        "-9223372036854775808",
        "-9223372036854775808.0",
        "9007199254740993",
        "9007199254740992.0",
        "5e-324",
        "a",
        "\"\"",
    ];
    let values = values.map(|text| text.parse::<Value>().unwrap());
    let term = |value: &Value| {
        let own = |attribute: Attribute, text: &str| (attribute, text.to_owned());
        Index::Custom(3).term(value.scalar().unwrap(), own).unwrap()
    };
    for a in &values {
        for b in &values {
            let equal = a.compare(b).is_some_and(std::cmp::Ordering::is_eq);
            assert_eq!(term(a) == term(b), equal, "{a} and {b}");
        }
    }
    assert_eq!(Index::Node.term(Scalar::Number(2.0), |_, text| text.to_owned()).unwrap(), "2");
    assert!(Index::Node.term(Scalar::Text("2"), |_, _| ()).is_none());
    assert!(Index::Text(Attribute::Health).term(Scalar::Integer(2), |_, _| ()).is_none());
}
