use super::*;
use foundation_types::{Code, Error, PanicReport};

fn panicked() -> ExitReason {
    ExitReason::panic(PanicReport { message: "boom".into(), location: None, backtrace: None })
}

fn reasons() -> [(ExitReason, bool); 7] {
    [
        (ExitReason::Normal, true),
        (ExitReason::SHUTDOWN, true),
        (ExitReason::shutdown_because("enough"), true),
        (ExitReason::Killed, false),
        (ExitReason::NoProcess, false),
        (panicked(), false),
        (ExitReason::error(Error::new(Code::Unknown, "broken")), false),
    ]
}

/// Guarantee R3
#[test]
fn restart_type_and_exit_reason_decide_as_in_otp() {
    use Fate::{Discard, Keep, Restart as Again};
    use Restart::{Permanent, Temporary, Transient};
    let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
    for strategy in strategies {
        // Restart type, fate after an orderly end, fate after any other.
        let table = [
            (Permanent, Again(strategy), Again(strategy)),
            (Transient, Keep, Again(strategy)),
            (Temporary, Discard, Discard),
        ];
        for (restart, after_orderly, after_abnormal) in table {
            for (reason, orderly) in reasons() {
                let ended =
                    Ended { cause: Cause::Exit, reason: &reason, restart, significant: false };
                let rules = Rules { strategy, auto_shutdown: AutoShutdown::Never };
                let expected = if orderly { after_orderly } else { after_abnormal };
                let decision = decide(ended, rules, History::default());
                assert_eq!(decision.child, expected, "{restart:?} {reason}");
                assert_eq!(decision.supervisor, Next::Continue);

                let exhausted = History { exhausted: true, significant_left: 0 };
                let decision = decide(ended, rules, exhausted);
                let gives_up = matches!(expected, Again(_));
                assert_eq!(decision.supervisor == Next::GiveUp, gives_up, "{restart:?} {reason}");
                if !gives_up {
                    assert_eq!(decision.child, expected);
                }
            }
        }
    }
}

/// Guarantee R3
#[test]
fn a_failed_restart_is_tried_again_whatever_the_type() {
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        for (reason, _) in reasons() {
            let ended =
                Ended { cause: Cause::FailedRestart, reason: &reason, restart, significant: true };
            let rules = Rules {
                strategy: Strategy::OneForAll,
                auto_shutdown: AutoShutdown::AnySignificant,
            };
            let decision = decide(ended, rules, History::default());
            assert_eq!(decision.child, Fate::Restart(Strategy::OneForAll));
            assert_eq!(decision.supervisor, Next::Continue);
            let decision = decide(ended, rules, History { exhausted: true, ..History::default() });
            assert_eq!(decision.supervisor, Next::GiveUp);
        }
    }
}

/// Guarantee R3
#[test]
fn only_significant_children_that_stay_down_end_the_supervisor() {
    use AutoShutdown::{AllSignificant, AnySignificant, Never};
    // Setting, significant children left, whether a significant end shuts down.
    let table = [
        (Never, 0, false),
        (Never, 1, false),
        (AnySignificant, 0, true),
        (AnySignificant, 1, true),
        (AllSignificant, 0, true),
        (AllSignificant, 1, false),
    ];
    for (auto_shutdown, significant_left, shuts_down) in table {
        for (restart, reason) in [
            (Restart::Transient, ExitReason::Normal),
            (Restart::Transient, ExitReason::SHUTDOWN),
            (Restart::Temporary, ExitReason::Normal),
            (Restart::Temporary, panicked()),
            (Restart::Temporary, ExitReason::Killed),
        ] {
            for significant in [false, true] {
                let ended = Ended { cause: Cause::Exit, reason: &reason, restart, significant };
                let rules = Rules { strategy: Strategy::OneForOne, auto_shutdown };
                let history = History { exhausted: false, significant_left };
                let expected =
                    if significant && shuts_down { Next::AutoShutdown } else { Next::Continue };
                assert_eq!(decide(ended, rules, history).supervisor, expected);
            }
        }
    }
}
