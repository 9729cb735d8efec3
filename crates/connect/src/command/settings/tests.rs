use std::path::PathBuf;
use std::time::Duration;

use foundation_types::Deadline;

use crate::{
    AllowList, ArgumentPolicy, CommandError, CommandRequest, CommandSettings,
    CommandSettingsBuilder, SettingsError,
};

fn builder() -> CommandSettingsBuilder {
    CommandSettings::builder(AllowList::new().allow("tool", ArgumentPolicy::none()))
}

fn request() -> CommandRequest {
    CommandRequest::new("tool", Deadline::NEVER)
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let zero = |setting| SettingsError::Zero { setting };
    assert_eq!(builder().concurrent_max(0).build().unwrap_err(), zero("concurrent_max"));
    assert_eq!(builder().callers_max(0).build().unwrap_err(), zero("callers_max"));
    assert_eq!(builder().output_bytes_max(0).build().unwrap_err(), zero("output_bytes_max"));
    let (setting, max) = ("callers_max", 1 << 15);
    let large = SettingsError::TooLarge { setting, value: max + 1, max };
    assert_eq!(builder().callers_max(max + 1).build().unwrap_err(), large);
    let relative = |setting| SettingsError::NotAbsolute { setting, path: PathBuf::from("x") };
    assert_eq!(builder().search(["/bin", "x"]).build().unwrap_err(), relative("search"));
    assert_eq!(builder().directory("x").build().unwrap_err(), relative("directory"));
    let grace = Duration::from_secs(4);
    let max = Duration::from_secs(3);
    let long = SettingsError::KillGraceTooLong { grace, max };
    assert_eq!(builder().kill_grace(grace).build().unwrap_err(), long);
    let list = AllowList::new().allow("a/b", ArgumentPolicy::none());
    let ambiguous = SettingsError::AmbiguousProgram { program: "a/b".to_owned() };
    assert_eq!(CommandSettings::builder(list).build().unwrap_err(), ambiguous);
    assert!(builder().build().is_ok());
}

#[test]
fn a_program_sees_only_variables_that_are_allowed() {
    let settings = builder().search(["/bin", "/usr/bin"]).allow_variables(["MODE"]).build();
    let settings = settings.unwrap();
    let plan = settings.plan(&request().variable("MODE", "fast").key).unwrap();
    let variables: Vec<_> =
        plan.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(variables, [("MODE", "fast"), ("PATH", "/bin:/usr/bin")]);
    assert_eq!(plan.directory, PathBuf::from("/"));

    for (name, value) in [("LD_PRELOAD", "x"), ("", "x"), ("MODE", "a\0b")] {
        let refused = settings.plan(&request().variable(name, value).key).unwrap_err();
        assert!(
            matches!(&refused, CommandError::VariableNotAllowed { name: own, .. } if own == name)
        );
    }
    let refused = settings.plan(&request().directory("tmp").key).unwrap_err();
    assert!(matches!(refused, CommandError::BadDirectory { .. }));
}
