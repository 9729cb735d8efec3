//! The last minutes of a distribution, as the differences that its steps made.

use std::collections::VecDeque;

use foundation_env::fault;

use super::histogram::{BUCKETS, Totals};
use super::{Distribution, Window};

/// The steps that are over, the oldest first: as many as the longest window has.
#[derive(Default)]
pub(super) struct Steps {
    over: VecDeque<Step>,
    /// What had been recorded when the last one was over; empty before the first.
    counts: Vec<u64>,
    sum: u64,
}

/// What was recorded in one step: the buckets that grew, and by how much.
struct Step {
    grown: Vec<(u16, u64)>,
    sum: u64,
}

impl Steps {
    /// Ends the step that is going on.
    pub(super) fn end(&mut self, now: &Totals) {
        let grown = now.counts.iter().enumerate().filter_map(|(bucket, count)| {
            let growth = count.saturating_sub(self.before(bucket));
            Some((u16::try_from(bucket).ok()?, growth)).filter(|(_, growth)| *growth > 0)
        });
        let step = Step { grown: grown.collect(), sum: now.sum.wrapping_sub(self.sum) };
        if self.over.len() >= Window::STEPS_MAX {
            self.over.pop_front();
        }
        self.over.push_back(step);
        self.counts.clone_from(&now.counts);
        self.sum = now.sum;
    }

    fn before(&self, bucket: usize) -> u64 {
        self.counts.get(bucket).copied().unwrap_or(0)
    }

    /// The last steps of a window, and the one that is going on.
    pub(super) fn window(&self, window: Window, now: &Totals) -> Distribution {
        let current = now.counts.iter().enumerate();
        let counts = current.map(|(bucket, count)| count.saturating_sub(self.before(bucket)));
        let mut totals =
            Totals { counts: counts.collect(), sum: now.sum.wrapping_sub(self.sum), max: now.max };
        debug_assert_eq!(totals.counts.len(), BUCKETS);
        let steps =
            if fault::planted("window_in_wrong_unit") { usize::MAX } else { window.steps() };
        for step in self.over.iter().rev().take(steps) {
            for (bucket, growth) in &step.grown {
                if let Some(count) = totals.counts.get_mut(usize::from(*bucket)) {
                    *count += growth;
                }
            }
            totals.sum = totals.sum.wrapping_add(step.sum);
        }
        Distribution::of(&totals)
    }
}
