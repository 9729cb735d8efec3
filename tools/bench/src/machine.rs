//! What else the machine did while we measured: other work makes figures rough, and must be told.

use std::fs;

use anyhow::{Context as _, Result};

/// More than this many cores used by others, and the report says so.
pub(crate) const BUSY: f64 = 0.25;

/// Processor time since boot, in clock ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticks {
    all: u64,
    /// This process and the children it has waited for.
    ours: u64,
    /// Ticks that one core had; idle ones included.
    core: u64,
}

impl Ticks {
    /// Reads the counters.
    ///
    /// # Errors
    /// When the kernel does not tell: only Linux does.
    pub(crate) fn now() -> Result<Self> {
        let stat = read("/proc/stat")?;
        let (all, total) = machine(&stat).context("/proc/stat has no cpu line")?;
        let cores = stat.lines().filter(|line| line.starts_with("cpu")).count().saturating_sub(1);
        let ours = own(&read("/proc/self/stat")?).context("/proc/self/stat is too short")?;
        Ok(Self { all, ours, core: total / u64::try_from(cores.max(1))? })
    }

    /// Returns how many cores others kept busy since `earlier`, on average.
    pub(crate) fn foreign_cores(self, earlier: Self) -> f64 {
        let ours = self.ours.saturating_sub(earlier.ours);
        let foreign = self.all.saturating_sub(earlier.all).saturating_sub(ours);
        let time = self.core.saturating_sub(earlier.core).max(1);
        crate::slice::float(foreign) / crate::slice::float(time)
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}; this needs Linux"))
}

/// Returns the busy and the total ticks of all cores: user, nice, system, idle, iowait, irq,
/// softirq, steal. Time stolen by the host counts as busy: it was not ours.
fn machine(stat: &str) -> Option<(u64, u64)> {
    let fields: Vec<u64> = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace()
        .take(8)
        .map_while(|field| field.parse().ok())
        .collect();
    let [user, nice, system, idle, iowait, irq, softirq, steal] = fields.try_into().ok()?;
    let busy = user + nice + system + irq + softirq + steal;
    Some((busy, busy + idle + iowait))
}

/// Returns the ticks of the process and its children: fields 14 to 17, counted from the state,
/// which is field 3 and the first behind the name in parentheses.
fn own(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(14 - 3).take(4);
    (0..4).try_fold(0, |sum, _| Some(sum + ticks.next()?.parse::<u64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_time_is_what_is_neither_idle_nor_ours() {
        let stat = "cpu  100 20 30 800 10 1 2 7 0 0\ncpu0 1\ncpu1 1\nintr 5\n";
        assert_eq!(machine(stat), Some((160, 970)));
        let own_stat = "7 (a) b) R 1 7 7 0 -1 4 9 0 0 0 40 5 3 2 20 0 1";
        assert_eq!(own(own_stat), Some(50));
        let earlier = Ticks { all: 100, ours: 50, core: 1_000 };
        let later = Ticks { all: 400, ours: 200, core: 1_200 };
        assert!((later.foreign_cores(earlier) - 0.75).abs() < 1e-9);
    }

    #[test]
    fn this_machine_tells() {
        let ticks = Ticks::now().unwrap();
        assert!(ticks.all > 0 && ticks.core > 0);
    }
}
