use super::*;

fn output(report: &str, deaths: u64) -> String {
    format!("{{\"report\": {report}, \"run\": {{\"deaths_survived\": {deaths}}}}}")
}

#[test]
fn a_report_must_speak_of_files() {
    let good = "{\"files\": 3}";
    assert_eq!(judge(&output(good, 0), &output(good, 2)).unwrap(), (3, 2));
    for report in ["{}", "{\"files\": 0}", "{\"files\": []}"] {
        assert!(judge(&output(report, 0), &output(report, 2)).is_err(), "{report}");
    }
    for text in ["", "text", "{}", "{\"report\": {\"files\": 3}}"] {
        assert!(judge(text, &output(good, 2)).is_err(), "{text}");
        assert!(judge(&output(good, 0), text).is_err(), "{text}");
    }
}

#[test]
fn reports_must_be_equal_to_the_byte_and_somebody_must_have_died() {
    let good = "{\"files\": 3, \"words\": 7}";
    for other in ["{\"words\": 7, \"files\": 3}", "{\"files\": 3,\"words\": 7}", "{\"files\": 3}"] {
        let error = judge(&output(good, 0), &output(other, 2)).unwrap_err().to_string();
        assert!(error.contains("is another one"), "{error}");
    }
    let error = judge(&output(good, 0), &output(good, 0)).unwrap_err().to_string();
    assert!(error.contains("nobody died"), "{error}");
}
