use super::*;

#[test]
fn a_report_must_speak_of_files() {
    assert_eq!(judge("{\"report\": {\"files\": 3}}").unwrap(), 3);
    for output in
        ["", "text", "{}", "{\"report\": {\"files\": 0}}", "{\"report\": {\"files\": []}}"]
    {
        assert!(judge(output).is_err(), "{output}");
    }
}
