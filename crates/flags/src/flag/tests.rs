use super::{Catalogue, CatalogueError, Flag};

#[test]
fn an_unknown_flag_names_the_nearest() {
    let flags = [Flag::new("spans", ""), Flag::new("error_context", "")];
    let catalogue = Catalogue::new(flags).expect("a catalogue");
    let error = catalogue.index("error_contex").expect_err("it is not declared");
    assert_eq!(
        error.to_string(),
        "there is no flag \"error_contex\": did you mean \"error_context\"?"
    );
    assert_eq!(catalogue.index("spans"), Ok(1));
    assert_eq!(catalogue.index("zzz").expect_err("unknown").nearest, None);
}

#[test]
fn bad_catalogues_are_refused() {
    for name in ["", "Spans", "1st", "a b", "_a", "ä"] {
        let error = CatalogueError::BadName(name.to_owned());
        assert_eq!(Catalogue::new([Flag::new(name, "")]), Err(error));
    }
    let twice = [Flag::new("a", "one"), Flag::new("b", ""), Flag::new("a", "two")];
    assert_eq!(Catalogue::new(twice), Err(CatalogueError::Duplicate("a".to_owned())));
    let many = vec![Flag::new("a", ""); 5_000];
    assert_eq!(Catalogue::new(many), Err(CatalogueError::TooMany(1_025)));
    let table = r#"{"spans": "records spans"}"#;
    let catalogue: Catalogue = serde_json::from_str(table).expect("a catalogue");
    assert_eq!(catalogue.flags(), [Flag::new("spans", "records spans")]);
    assert!(serde_json::from_str::<Catalogue>(r#"{"Spans": ""}"#).is_err());
}
