//! What a program gets, and what becomes of what it writes.

use std::time::Duration;

use foundation_connect::{
    AllowList, ArgumentPolicy, CommandError, CommandRequest, CommandSettings, ExitStatus, Origin,
    StreamKind,
};
use foundation_types::{Code, Error};

use crate::world::{MARK, OUTPUT_MAX, PATIENCE, Program, World, everywhere, really, scripted};

#[test]
fn a_status_other_than_success_is_an_answer() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings());
        let output = commands.run(world.request(Program::Hello)).await.unwrap();
        assert_eq!((output.status, output.origin), (ExitStatus::Code(0), Origin::Ran));
        assert_eq!((output.stdout.text(), output.stderr.text()), ("hello\n".into(), "".into()));
        let output = commands.run(world.request(Program::Fails)).await.unwrap();
        assert_eq!(output.status, ExitStatus::Code(3));
        assert_eq!((output.stdout.text(), output.stderr.text()), ("".into(), "broken\n".into()));
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.started, stats.hits, stats.misses), (2, 0, 0));
    });
}

#[test]
fn only_what_is_allowed_runs() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings());
        let deadline = world.deadline(PATIENCE);
        let refused = commands.run(CommandRequest::new("rm", deadline).arg("-rf")).await;
        let Err(error @ CommandError::NotAllowed { .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(Error::from(error).code(), Code::BusinessRuleViolation);
        let variable = world.request(Program::Hello).variable("LD_PRELOAD", "evil.so");
        let refused = commands.run(variable).await;
        assert!(matches!(refused, Err(CommandError::VariableNotAllowed { .. })), "{refused:?}");

        let strict = ArgumentPolicy::exactly([["-c", "exit 0"]]);
        let list = AllowList::new().allow("sh", strict);
        commands.allow(list).await.unwrap();
        let evil = CommandRequest::new("sh", deadline).args(["-c", "exit 1"]);
        let refused = commands.run(evil).await;
        assert!(
            matches!(refused, Err(CommandError::ArgumentNotAllowed { index: 1, .. })),
            "{refused:?}"
        );
        assert_eq!(world.runs(), 0);
        let stats = world.wait_idle(&commands).await;
        assert_eq!((stats.denied, stats.started), (3, 0));
        if world.is_real() {
            let good = CommandRequest::new("sh", deadline).args(["-c", "exit 0"]);
            assert!(commands.run(good).await.unwrap().status.is_success());
        }
    });
}

/// A list given later was once taken as it was, with names that settings refuse.
#[test]
fn an_allow_list_that_settings_refuse_is_refused_later_too() {
    scripted(|world| async move {
        let (commands, _) = world.start(world.settings());
        for list in [
            AllowList::new().allow("bin/tool", ArgumentPolicy::none()),
            AllowList::new().allow_path("tool", "bin/tool", ArgumentPolicy::none()),
        ] {
            let refused = commands.allow(list.clone()).await;
            let Err(CommandError::Settings(error)) = refused else { panic!("{refused:?}") };
            assert_eq!(error, CommandSettings::builder(list).build().unwrap_err());
        }
        // The list from before stands.
        assert!(commands.run(world.request(Program::Hello)).await.is_ok());
    });
}

/// A panic in a check once ended the service, and every program of every caller with it.
#[test]
fn a_check_that_panics_refuses_its_request_and_disturbs_nobody() {
    scripted(|world| async move {
        let (commands, service) = world.start(world.settings());
        let check = ArgumentPolicy::check(|all| {
            assert!(all.is_empty(), "planted in a check");
            Ok(())
        });
        let list = AllowList::new().allow("hello", check).allow("gate", ArgumentPolicy::any());
        commands.allow(list).await.unwrap();
        let other = world.task(&commands, world.request(Program::Gate));
        world.wait_runs(1).await;
        let refused = commands.run(world.request(Program::Hello).arg("x")).await;
        assert!(
            matches!(&refused, Err(CommandError::CheckPanicked { program }) if program == "hello"),
            "{refused:?}"
        );
        assert!(commands.run(world.request(Program::Hello)).await.is_ok());
        assert!(world.join(other).await.is_ok());
        assert!(world.system.info(service).is_some());
        assert_eq!(commands.stats().await.unwrap().denied, 1);
    });
}

#[test]
fn output_beyond_the_bound_is_cut_and_marked() {
    everywhere(|world| async move {
        let (commands, _) = world.start(world.settings());
        let output = commands.run(world.request(Program::Loud)).await.unwrap();
        // The program could write all of it: it was not stopped by a full pipe.
        assert_eq!(output.status, ExitStatus::Code(0));
        assert_eq!(output.stdout.bytes.len(), OUTPUT_MAX);
        assert!(output.stdout.truncated && !output.stderr.truncated);
    });
}

#[test]
fn a_program_gets_no_input_and_only_the_variables_it_may_have() {
    really(|world| async move {
        let any = ArgumentPolicy::any;
        let list = AllowList::new().allow("cat", any()).allow("env", any()).allow("pwd", any());
        let (commands, _) = world.start(world.settings().search(["/usr/bin", "/bin"]));
        commands.allow(list).await.unwrap();
        let request = |name| CommandRequest::new(name, world.deadline(PATIENCE));
        let cat = commands.run(request("cat")).await.unwrap();
        assert!(cat.status.is_success() && cat.stdout.bytes.is_empty());
        let env = commands.run(request("env").variable(MARK, "here")).await.unwrap();
        let text = env.stdout.text().into_owned();
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["FOUNDATION_TEST_MARK=here", "PATH=/usr/bin:/bin"]);
        let pwd = commands.run(request("pwd").directory("/usr")).await.unwrap();
        assert_eq!(pwd.stdout.text(), "/usr\n");
        let lost = commands.run(request("pwd").directory("/no/such/folder")).await;
        assert!(matches!(lost, Err(CommandError::BadDirectory { .. })), "{lost:?}");
    });
}

#[test]
fn a_program_ended_by_a_signal_says_which() {
    really(|world| async move {
        let (commands, _) = world.start(world.settings());
        let request = world.shell("kill -KILL $$", world.deadline(PATIENCE));
        let output = commands.run(request).await.unwrap();
        assert_eq!(output.status, ExitStatus::Signal(9));
    });
}

/// Guarantee OS1
#[test]
fn what_a_program_leaves_in_its_group_ends_with_it() {
    really(|world| async move {
        let (commands, _) = world.start(world.settings());
        for background in ["sleep 60 & echo done", "sleep 60 >/dev/null 2>&1 & echo done"] {
            let request = world.shell(background, world.deadline(PATIENCE));
            let output = commands.run(request).await.unwrap();
            assert_eq!(
                (output.status, output.stdout.text()),
                (ExitStatus::Code(0), "done\n".into())
            );
            assert_eq!(world.survivors(), Vec::<String>::new());
        }
    });
}

#[test]
fn a_file_that_is_no_program_is_not_started() {
    really(|world| async move {
        let list = AllowList::new().allow_path("folder", "/usr", ArgumentPolicy::any()).allow_path(
            "text",
            "/etc/passwd",
            ArgumentPolicy::any(),
        );
        let (commands, _) = world.start(world.settings());
        commands.allow(list).await.unwrap();
        for name in ["folder", "text"] {
            let answer = commands.run(CommandRequest::new(name, world.deadline(PATIENCE))).await;
            assert!(matches!(answer, Err(CommandError::NotFound { .. })), "{answer:?}");
        }
    });
}

#[test]
fn real_programs_do_not_run_in_a_simulation() {
    use foundation_connect::{Cancel, Capture, CommandRunner, OsRunner, Plan, Run};
    use std::sync::Arc;

    foundation_testkit::sim_seeds(0..1, |env, _seed| async move {
        let plan = Plan {
            program: "true".to_owned(),
            candidates: vec!["/bin/true".into()],
            arguments: Vec::new(),
            directory: "/".into(),
            variables: std::collections::BTreeMap::new(),
            kill_grace: Duration::ZERO,
        };
        let (_guard, cancel) = Cancel::pair();
        let capture = Arc::new(Capture::new(1));
        let run = Run::new(env, plan, Arc::clone(&capture), cancel);
        let refused = OsRunner::new().run(run).await;
        assert!(matches!(refused, Err(CommandError::Spawn { .. })), "{refused:?}");
        assert!(capture.read(StreamKind::Stdout).bytes.is_empty());
    });
}

/// The figures return to zero, and no process of the system is left behind.
#[test]
fn nothing_is_left_after_many_commands() {
    everywhere(|world: World| async move {
        let (commands, _) = world.start(world.settings().waiting_max(100));
        let before = world.system.counts();
        let programs = [Program::Hello, Program::Fails, Program::Missing, Program::Loud];
        let tasks: Vec<_> = programs
            .iter()
            .cycle()
            .take(40)
            .map(|program| world.task(&commands, world.request(*program).cache_ttl(Duration::ZERO)))
            .collect();
        for task in tasks {
            drop(world.join(task).await);
        }
        world.wait_idle(&commands).await;
        assert_eq!(world.survivors(), Vec::<String>::new());
        assert_eq!(world.system.counts().processes, before.processes);
        assert_eq!(world.system.counts().timers, before.timers);
    });
}
