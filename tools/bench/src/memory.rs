//! Resident memory of this process.

use std::fs;

use anyhow::{Context as _, Result};

const STATUS: &str = "/proc/self/status";

/// Returns the resident set of this process in bytes.
///
/// # Errors
/// When the kernel does not tell: only Linux does.
pub(crate) fn resident() -> Result<u64> {
    let status = fs::read_to_string(STATUS)
        .with_context(|| format!("cannot read {STATUS}; memory is measured on Linux only"))?;
    kilobytes(&status, "VmRSS:")
        .map(|kilobytes| kilobytes * 1024)
        .with_context(|| format!("{STATUS} has no VmRSS line"))
}

fn kilobytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_read() {
        let status = "Name:\tbench\nVmRSS:\t    5120 kB\nThreads:\t3\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(5120));
        assert_eq!(kilobytes(status, "VmSwap:"), None);
    }

    #[test]
    fn resident_memory_is_more_than_nothing() {
        assert!(resident().unwrap() > 4096);
    }
}
