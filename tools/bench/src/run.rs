//! The rounds: which child runs when, and what came of them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::bench::{Bench, Better, Group, Sample};
use crate::child::{self, Job};
use crate::machine::{BUSY, Ticks};

/// Times a sample that others disturbed is taken again.
const RETAKES_MAX: u32 = 2;

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
    /// Whether the large benchmarks are measured though no name chose them.
    pub(crate) has_large: bool,
}

/// All samples of one benchmark with one subject.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// By round: figures of one round were taken close together and can be compared.
    values: BTreeMap<u32, f64>,
    /// What the last sample was made of.
    pub(crate) detail: Option<String>,
}

/// A median and what it lies between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// The samples of a group, by benchmark and subject.
#[derive(Debug, Default)]
pub(crate) struct Results {
    samples: BTreeMap<(&'static str, &'static str), Samples>,
    /// For each sample the cores that others kept busy meanwhile.
    foreign: Vec<f64>,
    /// What could not be measured, and why.
    pub(crate) failures: Vec<String>,
}

/// Takes one sample within a limit.
type Take<'a> = dyn Fn(&Job, Duration) -> Result<(Sample, f64)> + 'a;

/// Where samples and time come from: children and the clock, or a test.
pub(crate) struct Source<'a> {
    /// Takes one sample within the limit; the second figure is the cores that others used meanwhile.
    pub(crate) take: &'a Take<'a>,
    /// Time spent of the budget.
    pub(crate) spent: &'a dyn Fn() -> Duration,
}

/// Takes a sample in a child process.
///
/// # Errors
/// Those of the child, and a kernel that does not count.
pub(crate) fn take(job: &Job, limit: Duration) -> Result<(Sample, f64)> {
    let before = Ticks::now()?;
    let sample = job.spawn(limit)?;
    Ok((sample, Ticks::now()?.foreign_cores(before)))
}

impl Plan {
    /// Up to seven rounds, in the time the group has.
    pub(crate) const fn normal(time_max: Duration) -> Self {
        Self { slice: Duration::from_millis(250), rounds_max: 7, budget: Some(time_max) }
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

    /// Measures a group with children, in the time that the budget leaves after `start`.
    ///
    /// # Errors
    /// When progress cannot be written.
    pub(crate) fn run(self, group: &Group, chosen: &Selection, start: Instant) -> Result<Results> {
        let spent = || start.elapsed();
        self.measure(group, chosen, &Source { take: &take, spent: &spent })
    }

    /// Measures a group.
    ///
    /// Round by round, every benchmark, every subject; odd rounds go through the subjects
    /// backwards. No round starts that would not end within the budget, and no sample outside it. What
    /// fails is noted, and the rest goes on.
    fn measure(self, group: &Group, chosen: &Selection, source: &Source<'_>) -> Result<Results> {
        let mut results = Results::default();
        let mut longest = Duration::ZERO;
        'rounds: for round in 0..self.rounds_max {
            let spent = (source.spent)();
            if self.budget.is_some_and(|budget| spent + longest * 11 / 10 > budget) {
                let max = self.rounds_max;
                let name = group.name;
                progress(&format!("{name}: {round} of {max} rounds, the time is up"))?;
                break;
            }
            let jobs = chosen.jobs(group, round);
            for (index, (bench, subject)) in jobs.iter().enumerate() {
                if self.left(source).is_zero() {
                    for (bench, subject) in jobs.iter().skip(index).filter(|_| round == 0) {
                        let what = format!("{}/{} with {subject}", group.name, bench.name);
                        results.failures.push(format!("{what}: not measured, the time is up"));
                    }
                    break 'rounds;
                }
                // What the rest of the round will need at the rate so far; retakes may have what is over.
                let (done, rest) = (u32::try_from(index + 1)?, u32::try_from(jobs.len() - index)?);
                let reserve = ((source.spent)().saturating_sub(spent) / done) * rest;
                self.sample(group, (bench, *subject), (round, reserve), source, &mut results)?;
            }
            longest = longest.max((source.spent)().saturating_sub(spent));
        }
        progress(&format!("{}: {:.0} s", group.name, (source.spent)().as_secs_f64()))?;
        Ok(results)
    }

    fn left(self, source: &Source<'_>) -> Duration {
        self.budget.map_or(Duration::MAX, |budget| budget.saturating_sub((source.spent)()))
    }

    /// Takes a sample, again when others disturbed it and there is time beyond the reserve; the least
    /// disturbed one counts.
    fn sample(
        self,
        group: &Group,
        (bench, subject): (&Bench, &'static str),
        (round, reserve): (u32, Duration),
        source: &Source<'_>,
        results: &mut Results,
    ) -> Result<()> {
        let width = group.benches.iter().map(|bench| bench.name.len()).max().unwrap_or(0);
        let job = Job::new(group.name, bench.name, subject, self.slice);
        let mut best: Option<(Sample, f64)> = None;
        for taken in 0..=RETAKES_MAX {
            let is_quiet = best.as_ref().is_some_and(|(_, foreign)| *foreign <= BUSY);
            if taken > 0 && (is_quiet || self.left(source) <= reserve) {
                break;
            }
            match (source.take)(&job, self.left(source).min(child::TIME_MAX)) {
                Ok(new) if best.as_ref().is_none_or(|old| new.1 < old.1) => best = Some(new),
                Ok(_) => {}
                Err(error) => {
                    let what = format!("{}/{} with {subject}", group.name, bench.name);
                    let failure = format!("{what}, round {}: {error:#}", round + 1);
                    progress(&failure)?;
                    results.failures.push(failure);
                    break;
                }
            }
        }
        let Some((sample, foreign)) = best else { return Ok(()) };
        results.foreign.push(foreign);
        progress(&format!(
            "{} round {}/{} {:<width$} {subject:<11} {} {}",
            group.name,
            round + 1,
            self.rounds_max,
            bench.name,
            crate::report::short(sample.value),
            bench.unit,
        ))?;
        let samples = results.samples.entry((bench.name, subject)).or_default();
        samples.values.insert(round, sample.value);
        samples.detail = sample.detail;
        Ok(())
    }
}

impl Selection {
    /// Returns what one round measures, in order.
    fn jobs(&self, group: &Group, round: u32) -> Vec<(&'static Bench, &'static str)> {
        let mut jobs = Vec::new();
        for bench in group.benches.iter().filter(|bench| self.has_bench(bench)) {
            let chosen = bench.subjects.iter().filter(|subject| self.has_subject(subject));
            let mut subjects: Vec<&'static str> = chosen.copied().collect();
            if round % 2 == 1 {
                subjects.reverse();
            }
            jobs.extend(subjects.into_iter().map(|subject| (bench, subject)));
        }
        jobs
    }

    /// Returns whether the benchmark is chosen.
    pub(crate) fn has_bench(&self, bench: &Bench) -> bool {
        if self.benches.is_empty() {
            return self.has_large || !bench.is_large;
        }
        self.benches.iter().any(|chosen| chosen == bench.name)
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

    /// Adds a result, one figure a round; for tests of the report.
    #[cfg(test)]
    pub(crate) fn add(&mut self, bench: &'static str, subject: &'static str, values: &[f64]) {
        let values = (0..).zip(values.iter().copied()).collect();
        self.samples.insert((bench, subject), Samples { values, detail: None });
    }
}

impl Samples {
    /// Returns the median of all samples and what they lie between.
    pub(crate) fn spread(&self) -> Spread {
        Spread::of(self.values.values().copied().collect())
    }

    /// Returns how many times as good these samples are as `theirs`, compared within each round, so that
    /// what slows a whole round cancels out; `None` if they have no round in common.
    pub(crate) fn ratio(&self, theirs: &Self, better: Better) -> Option<Spread> {
        let pairs = self
            .values
            .iter()
            .filter_map(|(round, ours)| Some(better.ratio(*ours, *theirs.values.get(round)?)));
        let ratios: Vec<f64> = pairs.collect();
        (!ratios.is_empty()).then(|| Spread::of(ratios))
    }

    /// Returns how many samples there are.
    pub(crate) fn rounds(&self) -> usize {
        self.values.len()
    }
}

impl Spread {
    /// Takes the middle one; of an even number the mean of the middle two.
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let (middle, last) = (values.len() / 2, values.len().saturating_sub(1));
        let is_even = values.len().is_multiple_of(2);
        let lower = if is_even { middle.saturating_sub(1) } else { middle };
        let median =
            if lower == middle { at(middle) } else { f64::midpoint(at(lower), at(middle)) };
        Self { median, min: at(0), max: at(last) }
    }
}

fn progress(line: &str) -> Result<()> {
    writeln!(std::io::stderr(), "{line}").context("cannot write progress to standard error")
}

#[cfg(test)]
mod tests;
