use std::path::PathBuf;

use super::{ARGUMENT_BYTES_MAX, ARGUMENTS_MAX, AllowList, ArgumentPolicy};
use crate::{CommandError, SettingsError};

fn offender(policy: ArgumentPolicy, arguments: &[&str]) -> Option<usize> {
    let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
    let list = AllowList::new().allow("tool", policy);
    match list.judge("tool", &arguments, &[PathBuf::from("/bin")]) {
        Ok(paths) => {
            assert_eq!(paths, [PathBuf::from("/bin/tool")]);
            None
        }
        Err(CommandError::ArgumentNotAllowed { program, index, argument }) => {
            assert_eq!(program, "tool");
            assert_eq!(argument.as_ref(), arguments.get(index));
            Some(index)
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn each_policy_refuses_the_first_argument_it_does_not_allow() {
    assert_eq!(offender(ArgumentPolicy::none(), &[]), None);
    assert_eq!(offender(ArgumentPolicy::none(), &["-x"]), Some(0));
    assert_eq!(offender(ArgumentPolicy::any(), &["-x", "; rm"]), None);
    let each = || ArgumentPolicy::each_of(["-a", "-b"]);
    assert_eq!(offender(each(), &["-b", "-a", "-b"]), None);
    assert_eq!(offender(each(), &["-b", "-ab"]), Some(1));
    let exactly = || ArgumentPolicy::exactly([vec!["-a", "-b"], vec![]]);
    assert_eq!(offender(exactly(), &[]), None);
    assert_eq!(offender(exactly(), &["-a", "-b"]), None);
    assert_eq!(offender(exactly(), &["-a"]), Some(1));
    assert_eq!(offender(exactly(), &["-a", "-b", "-c"]), Some(2));
    assert_eq!(offender(exactly(), &["-b", "-a"]), Some(0));
    let check = || ArgumentPolicy::check(|all| if all.len() > 1 { Err(1) } else { Ok(()) });
    assert_eq!(offender(check(), &["1"]), None);
    assert_eq!(offender(check(), &["1", "2"]), Some(1));
}

#[test]
fn no_policy_allows_what_cannot_be_passed_on() {
    assert_eq!(offender(ArgumentPolicy::any(), &["a", "b\0c"]), Some(1));
    let long = "x".repeat(ARGUMENT_BYTES_MAX);
    assert_eq!(offender(ArgumentPolicy::any(), &[&long]), None);
    assert_eq!(offender(ArgumentPolicy::any(), &[&long, "y"]), Some(1));
    assert_eq!(offender(ArgumentPolicy::any(), &vec!["x"; ARGUMENTS_MAX]), None);
    assert_eq!(offender(ArgumentPolicy::any(), &vec!["x"; ARGUMENTS_MAX + 1]), Some(ARGUMENTS_MAX));
}

#[test]
fn a_program_is_found_by_its_name_only() {
    let list = AllowList::new().allow_path("tool", "/opt/tool", ArgumentPolicy::any());
    assert_eq!(list.judge("tool", &[], &[]).unwrap(), [PathBuf::from("/opt/tool")]);
    for name in ["/opt/tool", "../tool", "Tool", ""] {
        let refused = list.judge(name, &[], &[]).unwrap_err();
        assert!(matches!(refused, CommandError::NotAllowed { program } if program == name));
    }
    assert_eq!(list.validate(), Ok(()));
    let slash = AllowList::new().allow("bin/tool", ArgumentPolicy::any());
    let ambiguous = |program: &str| SettingsError::AmbiguousProgram { program: program.to_owned() };
    assert_eq!(slash.validate(), Err(ambiguous("bin/tool")));
    let relative = AllowList::new().allow_path("tool", "bin/tool", ArgumentPolicy::any());
    assert_eq!(relative.validate(), Err(ambiguous("tool")));
}
