//! The rounds: which child runs when, and what came of them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::bench::{Bench, Group};
use crate::child::Job;
use crate::machine::{BUSY, Ticks};

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Time the measured part of each sample shall take.
    slice: Duration,
    /// Rounds to take when the time allows.
    rounds_max: u32,
    /// Time the whole group may take; `None` when the number of rounds was given.
    budget: Option<Duration>,
}

/// Which benchmarks and subjects to measure; an empty list means all of them.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) benches: Vec<String>,
    pub(crate) subjects: Vec<String>,
}

/// All samples of one benchmark with one subject.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    values: Vec<f64>,
    /// What the last sample was made of.
    pub(crate) detail: Option<String>,
}

/// The samples of a group, by benchmark and subject.
#[derive(Debug, Default)]
pub(crate) struct Results {
    samples: BTreeMap<(&'static str, &'static str), Samples>,
    /// For each sample the cores that others kept busy meanwhile.
    foreign: Vec<f64>,
}

impl Plan {
    /// Five to seven rounds, at most five minutes.
    pub(crate) const fn normal() -> Self {
        Self {
            slice: Duration::from_millis(250),
            rounds_max: 7,
            budget: Some(Duration::from_secs(290)),
        }
    }

    /// Three rounds, at most a minute.
    pub(crate) const fn quick() -> Self {
        Self {
            slice: Duration::from_millis(50),
            rounds_max: 3,
            budget: Some(Duration::from_secs(57)),
        }
    }

    /// That many rounds, however long they take.
    pub(crate) const fn exactly(self, rounds: u32) -> Self {
        Self { rounds_max: rounds, budget: None, ..self }
    }

    /// Measures a group.
    ///
    /// Round by round, every benchmark, every subject; odd rounds go through the subjects
    /// backwards. No round starts that would not end within the budget.
    ///
    /// # Errors
    /// When a child fails, and when not even one round fits into the budget.
    pub(crate) fn run(self, group: &Group, selection: &Selection) -> Result<Results> {
        let start = Instant::now();
        let mut results = Results::default();
        let mut longest = Duration::ZERO;
        for round in 0..self.rounds_max {
            let spent = start.elapsed();
            if self.budget.is_some_and(|budget| spent + longest * 11 / 10 > budget) {
                progress(&format!(
                    "{}: stopping after {round} of {} rounds, the time is up",
                    group.name, self.rounds_max
                ))?;
                break;
            }
            for bench in group.benches.iter().filter(|bench| selection.has_bench(bench.name)) {
                self.round(group, bench, selection, round, &mut results)?;
                if let Some(budget) = self.budget
                    && round == 0
                    && start.elapsed() > budget
                {
                    bail!(
                        "the first round of {} took longer than {budget:?}; the machine is too \
                         busy: try later, or choose benchmarks with --bench",
                        group.name
                    );
                }
            }
            longest = longest.max(start.elapsed().saturating_sub(spent));
        }
        progress(&format!("{}: {:.0} s", group.name, start.elapsed().as_secs_f64()))?;
        Ok(results)
    }

    fn round(
        self,
        group: &Group,
        bench: &Bench,
        selection: &Selection,
        round: u32,
        results: &mut Results,
    ) -> Result<()> {
        let chosen = bench.subjects.iter().filter(|subject| selection.has_subject(subject));
        let mut subjects: Vec<&'static str> = chosen.copied().collect();
        if round % 2 == 1 {
            subjects.reverse();
        }
        for subject in subjects {
            let before = Ticks::now()?;
            let sample = Job::new(group.name, bench.name, subject, self.slice).spawn()?;
            results.foreign.push(Ticks::now()?.foreign_cores(before));
            progress(&format!(
                "{} round {}/{} {:<18} {subject:<10} {} {}",
                group.name,
                round + 1,
                self.rounds_max,
                bench.name,
                crate::report::short(sample.value),
                bench.unit,
            ))?;
            let samples = results.samples.entry((bench.name, subject)).or_default();
            samples.values.push(sample.value);
            samples.values.sort_by(f64::total_cmp);
            samples.detail = sample.detail;
        }
        Ok(())
    }
}

impl Selection {
    /// Returns whether the benchmark is chosen.
    pub(crate) fn has_bench(&self, name: &str) -> bool {
        self.benches.is_empty() || self.benches.iter().any(|chosen| chosen == name)
    }

    /// Returns whether the subject is chosen.
    pub(crate) fn has_subject(&self, name: &str) -> bool {
        self.subjects.is_empty() || self.subjects.iter().any(|chosen| chosen == name)
    }
}

impl Results {
    /// Returns the samples of one benchmark with one subject, if it was measured.
    pub(crate) fn get(&self, bench: &'static str, subject: &'static str) -> Option<&Samples> {
        self.samples.get(&(bench, subject))
    }

    /// Returns a warning when other work on the machine makes the figures rough.
    pub(crate) fn busy(&self) -> Option<String> {
        let disturbed = self.foreign.iter().filter(|&&cores| cores > BUSY).count();
        (disturbed > 0).then(|| {
            format!(
                "During {disturbed} of {} samples other processes used more than {BUSY} cores: the \
                 figures are rough, repeat them on a quiet machine.",
                self.foreign.len()
            )
        })
    }

    /// Adds a result; for tests of the report.
    #[cfg(test)]
    pub(crate) fn add(&mut self, bench: &'static str, subject: &'static str, values: &[f64]) {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        self.samples.insert((bench, subject), Samples { values, detail: None });
    }
}

impl Samples {
    /// Returns the median; of an even number of samples the mean of the middle two.
    pub(crate) fn median(&self) -> f64 {
        let middle = self.values.len() / 2;
        let upper = self.at(middle);
        if self.values.len().is_multiple_of(2) {
            f64::midpoint(self.at(middle.saturating_sub(1)), upper)
        } else {
            upper
        }
    }

    /// Returns the smallest sample.
    pub(crate) fn min(&self) -> f64 {
        self.at(0)
    }

    /// Returns the largest sample.
    pub(crate) fn max(&self) -> f64 {
        self.at(self.values.len().saturating_sub(1))
    }

    /// Returns how many samples there are.
    pub(crate) const fn rounds(&self) -> usize {
        self.values.len()
    }

    fn at(&self, index: usize) -> f64 {
        self.values.get(index).copied().unwrap_or(f64::NAN)
    }
}

fn progress(line: &str) -> Result<()> {
    writeln!(std::io::stderr(), "{line}").context("cannot write progress to standard error")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        let mut results = Results::default();
        results.add("bench", "subject", values);
        results.samples.remove(&("bench", "subject")).unwrap()
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((samples(&[9.0, 1.0, 4.0]).median() - 4.0).abs() < f64::EPSILON);
        assert!((samples(&[9.0, 1.0, 4.0, 6.0]).median() - 5.0).abs() < f64::EPSILON);
        assert!((samples(&[7.0]).median() - 7.0).abs() < f64::EPSILON);
        let spread = samples(&[9.0, 1.0, 4.0]);
        assert!((spread.min() - 1.0).abs() < f64::EPSILON);
        assert!((spread.max() - 9.0).abs() < f64::EPSILON);
    }
}
