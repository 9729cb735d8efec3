use super::{Value, ValueError};

#[test]
fn texts_and_values_match() {
    for text in ["off", "on", "0%", "1%", "25%", "100%"] {
        let value: Value = text.parse().expect("a value");
        assert_eq!(value.to_string(), text);
        assert_eq!(Value::of_code(value.code()), value);
    }
    assert_eq!("101%".parse::<Value>(), Err(ValueError::NoPercentage(101)));
    assert_eq!("300%".parse::<Value>(), Err(ValueError::NoPercentage(300)));
    for text in ["", "%", "-1%", "+5%", "25", "ON", "true", "1e1%", "99999999999999999999999%"] {
        assert_eq!(text.parse::<Value>(), Err(ValueError::NoValue(text.to_owned())));
    }
}

#[test]
fn each_value_is_on_for_exactly_its_buckets() {
    for bucket in 0..100 {
        assert!(!Value::OFF.is_on_for(bucket));
        assert!(Value::ON.is_on_for(bucket));
        for percent in 0..=100 {
            let value = Value::percent(percent).expect("a percentage");
            assert_eq!(value.is_on_for(bucket), bucket < percent, "{bucket} in {value}");
            assert!(!value.is_on());
        }
    }
}
