use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::filter::{Filter, Node, Operator};
use super::super::{Bound, Query, QueryBuilder};
use super::expression::{expression, record};

fn query() -> impl Strategy<Value = Query> {
    let order = vec(
        (select(&["a", "load", "custom.x", "\"x y\".\"(\"", "\"limit\""][..]), any::<bool>()),
        0..=8,
    );
    (expression(), order, any::<Option<usize>>()).prop_map(|(expression, order, limit)| {
        let mut builder = Query::builder().filter(expression.builder());
        for (path, descending) in order {
            let by =
                if descending { QueryBuilder::order_by_descending } else { QueryBuilder::order_by };
            builder = by(builder, path);
        }
        limit.into_iter().fold(builder, QueryBuilder::limit).build().unwrap()
    })
}

/// Texts that are almost queries.
fn soup() -> impl Strategy<Value = String> {
    let tokens = [
        "a",
        "load",
        "custom.x",
        ":",
        "=",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "(",
        ")",
        ",",
        "in",
        "not",
        "NOT ",
        "-",
        " AND ",
        " OR ",
        " ",
        " ",
        "has:",
        "*",
        "order:",
        "limit:",
        "5",
        "0.5",
        "true",
        "\"",
        "\\",
        "\"a b\"",
        "ä",
        "\u{202e}",
        "\n",
        "!",
        "a:1",
        "b in (1, 2)",
    ];
    vec(select(tokens.to_vec()), 0..24).prop_map(|tokens| tokens.concat())
}

/// Tells whether NOT stands only before what has no complement.
fn is_pushed(filter: &Filter) -> bool {
    match &filter.0 {
        Node::And(parts) | Node::Or(parts) => {
            parts.iter().all(|part| part.0 != Node::All && is_pushed(part))
        }
        Node::Not(part) => match &part.0 {
            Node::Comparison(_, operator, _) => {
                !matches!(operator, Operator::Equal | Operator::NotEqual)
            }
            other => matches!(other, Node::Exists(_) | Node::All),
        },
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_filter_matches_what_the_reference_matches(
        expression in expression(), records in vec(record(), 1..8),
    ) {
        let filter = expression.filter();
        let normal = filter.normalized();
        for record in &records {
            let expected = expression.matches(record);
            prop_assert_eq!(filter.matches(record), expected, "{} of {:?}", filter, record);
            prop_assert_eq!(normal.matches(record), expected, "{} of {:?}", normal, record);
            let all = filter.conjuncts().all(|part| part.matches(record));
            prop_assert_eq!(all, expected, "the conjuncts of {}", filter);
        }
    }

    #[test]
    fn a_normal_form_is_simple_and_its_own(expression in expression()) {
        let filter = expression.filter();
        let normal = filter.normalized();
        prop_assert_eq!(&normal.normalized(), &normal, "from {}", filter);
        prop_assert!(is_pushed(&normal), "{} from {}", normal, filter);
        prop_assert!(normal.clone().checked().is_ok(), "{} from {}", normal, filter);
        if normal.to_string().len() <= Bound::Bytes.max() {
            prop_assert_eq!(normal.to_string().parse(), Ok(normal));
        }
    }

    #[test]
    fn a_query_parses_back_from_its_text(query in query()) {
        let text = query.to_string();
        prop_assert_eq!(text.parse(), Ok(query), "{}", text);
    }

    #[test]
    fn every_way_to_write_a_filter_means_the_same(expression in expression(), way: u64) {
        let text = expression.text(way);
        // Parentheses around everything may nest deeper than is allowed; escapes make long texts.
        if text.len() <= Bound::Bytes.max() {
            prop_assert_eq!(text.parse(), Ok(expression.filter()), "{}", text);
        }
    }

    #[test]
    fn no_text_panics_and_errors_stand_in_it(
        text in prop_oneof![soup(), any::<String>(), "[ -~]{0,40}"],
    ) {
        match text.parse::<Query>() {
            Ok(query) => prop_assert_eq!(query.to_string().parse(), Ok(query)),
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.at), "{} {:?}", error, text);
                let drawn = error.render(&text);
                prop_assert_eq!(drawn.lines().count(), 2, "{}", drawn);
            }
        }
        if let Ok(filter) = text.parse::<Filter>() {
            let query = text.parse::<Query>();
            prop_assert_eq!(query.as_ref().map(Query::filter), Ok(&filter), "{}", text);
        }
    }

    #[test]
    fn comparing_is_an_order_and_puts_the_missing_last(
        query in query(), a in record(), b in record(), c in record(),
    ) {
        prop_assert_eq!(query.compare(&a, &b), query.compare(&b, &a).reverse());
        if query.compare(&a, &b).is_le() && query.compare(&b, &c).is_le() {
            prop_assert!(query.compare(&a, &c).is_le());
        }
        if let Some(first) = query.order().first() {
            let (has_a, has_b) = (a.0.contains_key(&*first.path.to_string()), b.0.contains_key(&*first.path.to_string()));
            if has_a && !has_b {
                prop_assert!(query.compare(&a, &b).is_lt());
            }
        }
    }
}
