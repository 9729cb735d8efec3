use foundation_types::{Code, Error};

use super::{Action, ActionHandle, Actions, AddActionError};
use crate::{ActionContext, Capability, Payload};

struct Named(&'static str);

impl Action for Named {
    type Input = u32;
    type Output = u32;

    fn name(&self) -> &'static str {
        self.0
    }

    fn summary(&self) -> &'static str {
        "Doubles a number."
    }

    fn run(&self, input: u32, context: &ActionContext) -> Result<u32, Error> {
        context.check()?;
        Ok(input * 2)
    }
}

#[test]
fn a_handle_reads_types_and_writes_json() {
    let action = ActionHandle::new(Named("number.double"));
    let context = ActionContext::new(".");
    let output = action.run(&Payload::parse("21").unwrap(), &context).unwrap();
    assert_eq!(output.as_str(), "42");

    let error = action.run(&Payload::parse("\"x\"").unwrap(), &context).unwrap_err();
    assert_eq!(error.code(), Code::TypeMismatch);
    assert!(!error.is_retryable(), "the same input fails again");
}

#[test]
fn every_builtin_is_found_by_its_name_and_the_name_is_a_capability() {
    let actions = Actions::builtin();
    let names: Vec<_> = actions.names().collect();
    assert_eq!(names, ["files.list", "report.merge", "text.stats"]);
    for name in names {
        assert_eq!(actions.get(name).unwrap().name(), name);
        assert!(Capability::new(name).is_ok());
        assert!(actions.get(name).unwrap().summary().ends_with('.'));
    }
}

#[test]
fn an_action_is_added_once_and_under_a_good_name() {
    let mut actions = Actions::new();
    actions.add(Named("number.double")).unwrap();
    let taken = actions.add(Named("number.double"));
    assert_eq!(taken, Err(AddActionError::Taken { name: "number.double" }));
    assert!(matches!(actions.add(Named("Number")), Err(AddActionError::Name { .. })));
    assert_eq!(actions.names().count(), 1);
}
