//! Random schedules of up to four threads; the scenarios of the loom tests.
//!
//! The scenarios are in `src/model.rs`, beside the internals that they drive.

#![cfg(foundation_shuttle)]

use foundation_process::model;

/// Guarantee L1
#[test]
fn mailbox_push_and_sleep() {
    model::check(model::mailbox_push_and_sleep);
}

/// Guarantee S6
#[test]
fn mailbox_push_and_close() {
    model::check(model::mailbox_push_and_close);
}

/// Guarantee M2
#[test]
fn waiter_grant_and_cancel() {
    model::check(model::waiter_grant_and_cancel);
}

/// Guarantee L1
#[test]
fn waiter_and_exit() {
    model::check(model::waiter_and_exit);
}

/// Guarantee R1
#[test]
fn monitor_and_exit() {
    model::check(model::monitor_and_exit);
}

/// Guarantee R1
#[test]
fn demonitor_and_exit() {
    model::check(model::demonitor_and_exit);
}

/// Guarantee R1
#[test]
fn link_and_exit() {
    model::check(model::link_and_exit);
}

/// Guarantee S4
#[test]
fn linked_pair_ends() {
    model::check(model::linked_pair_ends);
}

/// Guarantee L1
#[test]
fn call_and_death() {
    model::check(model::call_and_death);
}

/// Guarantee I1
#[test]
fn hook_and_exit() {
    model::check(model::hook_and_exit);
}

/// Guarantee I1
#[test]
fn news_after_cleanup() {
    model::check(model::news_after_cleanup);
}

/// Guarantee R5
#[test]
fn slot_reuse() {
    model::check(model::slot_reuse);
}

/// Guarantee W1
#[test]
fn deadlock_words() {
    model::check(model::deadlock_words);
}

/// Guarantee W1
#[test]
fn answer_and_next_wait() {
    model::check(model::answer_and_next_wait);
}

/// Guarantee W1
#[test]
fn answer_and_wait() {
    model::check(model::answer_and_wait);
}

/// Guarantee W1
#[test]
fn answer_and_second_wait() {
    model::check(model::answer_and_second_wait);
}

/// Guarantee W1
#[test]
fn grant_and_wait() {
    model::check(model::grant_and_wait);
}

/// Guarantee E2
#[test]
fn kill_and_sleep() {
    model::check(model::kill_and_sleep);
}

/// Guarantee E2
#[test]
fn kill_and_take() {
    model::check(model::kill_and_take);
}

/// Guarantee L1
#[test]
fn news_for_the_parked() {
    model::check(model::news_for_the_parked);
}

/// Guarantee L1
#[test]
fn wait_for_the_parked() {
    model::check(model::wait_for_the_parked);
}

/// Guarantee L1
#[test]
fn acknowledge_and_sleep() {
    model::check(model::acknowledge_and_sleep);
}

/// Guarantee E2
#[test]
fn spawn_and_shutdown() {
    model::check(model::spawn_and_shutdown);
}

/// Guarantee W1
#[test]
fn deadlock_of_the_past() {
    model::check(model::deadlock_of_the_past);
}

/// Guarantee R1
#[test]
fn link_and_unlink() {
    model::check(model::link_and_unlink);
}
