//! Supervised commands. Most cases run twice: with scripted programs in the simulation, under many
//! seeds, and with real programs on a real runtime.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

mod cache;
mod cancel;
mod death;
mod limits;
mod program;
mod supervised;
mod timeout;
mod world;
