//! Every interleaving of a writer and a reader, with at most three preemptions.
//!
//! The scenarios are in `src/model.rs`, beside the internals that they drive.

#![cfg(foundation_loom)]

use foundation_registry::model;

/// Guarantee S1
#[test]
fn lookup_during_updates() {
    model::check(model::lookup_during_updates);
}

/// Guarantee S1
#[test]
fn lookup_during_copies() {
    model::check(model::lookup_during_copies);
}

/// Guarantee I2
#[test]
fn query_during_updates() {
    model::check(model::query_during_updates);
}

/// Guarantee I2
#[test]
fn query_during_reuse() {
    model::check(model::query_during_reuse);
}

/// Guarantee I2
#[test]
fn pin_in_a_new_place() {
    model::check(model::pin_in_a_new_place);
}

/// Guarantee L1
#[test]
fn request_during_updates() {
    model::check(model::request_during_updates);
}

/// Guarantee L1
#[test]
fn two_requests_during_an_update() {
    model::check(model::two_requests_during_an_update);
}

/// Guarantee F1
#[test]
fn query_during_rebuild() {
    model::check(model::query_during_rebuild);
}
