//! Planted faults: known bugs that a build can switch on to show that a test catches them.
//!
//! Without `--cfg foundation_fault` every question is answered `false` at compile time and the
//! faulty branch is removed. With it, the environment variable `FOUNDATION_FAULT` names the one fault
//! that is active in the process.

/// Reports whether the fault `name` is planted in this process.
///
/// Always `false` unless built with `--cfg foundation_fault`.
#[cfg(not(foundation_fault))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "the faulty branch must vanish from every normal build")]
pub const fn planted(_name: &'static str) -> bool {
    false
}

/// Reports whether the fault `name` is planted in this process: `FOUNDATION_FAULT` equals it.
///
/// The variable is read once, at the first call.
#[cfg(foundation_fault)]
pub fn planted(name: &'static str) -> bool {
    static ACTIVE: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    ACTIVE.get_or_init(|| std::env::var("FOUNDATION_FAULT").ok()).as_deref() == Some(name)
}

#[cfg(test)]
mod tests;
