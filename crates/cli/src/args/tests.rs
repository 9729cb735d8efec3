use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use foundation_agent::Actions;

use super::{Cli, Command, RunArgs};

fn run(args: &[&str]) -> Result<RunArgs, clap::Error> {
    let args = ["foundation", "run"].iter().chain(args);
    Cli::try_parse_from(args).map(|parsed| match parsed.command {
        Command::Run(args) => args,
        other => panic!("run is {other:?}"),
    })
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn run_has_useful_defaults() {
    let args = run(&["system.toml"]).unwrap();
    assert_eq!((args.file, args.input), (PathBuf::from("system.toml"), PathBuf::from(".")));
    assert_eq!((args.json, args.quiet, args.chaos, args.seed), (false, false, None, 0));
    assert_eq!(args.workers, None);
}

#[test]
fn run_takes_all_its_arguments() {
    let line = "s.toml --input docs --json --chaos 0.25 --seed 7 --workers 2 --quiet";
    let args = run(&line.split(' ').collect::<Vec<_>>()).unwrap();
    assert_eq!((args.chaos, args.seed, args.workers), (Some(0.25), 7, Some(2)));
    assert!(args.json && args.quiet);
}

#[test]
fn a_rate_or_a_number_out_of_range_is_refused() {
    for rate in ["1.1", "-0.1", "NaN", "inf", "often"] {
        let error = run(&["s.toml", &format!("--chaos={rate}")]).unwrap_err();
        assert!(error.to_string().contains("from 0 to 1"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
    assert_eq!(run(&["s.toml", "--chaos", "1"]).unwrap().chaos, Some(1.0));
    for workers in ["0", "1025", "many"] {
        assert!(run(&["s.toml", "--workers", workers]).is_err(), "{workers}");
    }
}

#[test]
fn an_interval_needs_a_query_and_is_in_its_range() {
    let every = |seconds: &str| run(&["s.toml", "--query", "", "--query-every", seconds]);
    assert_eq!(every("0.5").unwrap().query_every, Some(Duration::from_millis(500)));
    for seconds in ["0", "-1", "0.09", "86401", "NaN", "often"] {
        let error = every(seconds).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{seconds}");
    }
    let error = run(&["s.toml", "--query-every", "1"]).unwrap_err();
    assert!(error.to_string().contains("--query <QUERY>"), "{error}");
}

#[test]
fn every_command_teaches_with_examples_and_the_top_lists_the_exit_codes() {
    let help = Cli::command().render_long_help().to_string();
    for code in ["\n  0    ", "\n  1    ", "\n  2    ", "\n  130  "] {
        assert!(help.contains(code), "{code:?} is not in {help}");
    }
    for command in Cli::command().get_subcommands() {
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains("Examples:\n  foundation "), "{help}");
    }
}

#[test]
fn run_and_check_teach_more_than_their_first_line() {
    let taught =
        [("run", "a second Ctrl-C"), ("run", "standard error"), ("check", "every fault at once")];
    for (name, part) in taught {
        let mut cli = Cli::command();
        let help = cli.find_subcommand_mut(name).unwrap().render_long_help().to_string();
        assert!(help.contains(part), "{help}");
    }
}

/// The summaries of actions were once shown nowhere, and only a wrong name was answered with the right ones.
#[test]
fn the_help_of_check_lists_every_action_with_its_summary() {
    let mut cli = Cli::command();
    let help = cli.find_subcommand_mut("check").unwrap().render_long_help().to_string();
    let actions = Actions::builtin();
    for action in actions.names().filter_map(|name| actions.get(name)) {
        let line = help.lines().find(|line| line.trim_start().starts_with(action.name()));
        assert!(line.is_some_and(|line| line.ends_with(action.summary())), "{help}");
    }
}

#[test]
fn a_seed_without_chaos_is_refused() {
    assert!(run(&["s.toml", "--seed", "7"]).is_err());
    assert!(run(&["s.toml", "--seed", "7", "--chaos", "0.1"]).is_ok());
}
