//! The measured loops, the same for every subject.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::shape::Question;
use crate::bench::Sample;
use crate::slice::{Sizes, Slice, float};

/// Names that are registered, then unregistered, at a time. So an entry has left the nearest cache when it
/// goes, and the registry is hardly larger than it should be.
pub(super) const BATCH: u64 = 64;
/// Names that are registered and unregistered in turn.
pub(super) const SPARES: u64 = 16 * BATCH;
/// Look-ups of a storm that are timed; the slowest storm seen made two millions.
const TIMED_MAX: usize = 1 << 22;
/// Mass deaths in one sample.
const STORMS_MAX: u32 = 8;

/// Who looks up how many names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookups {
    /// Names there are.
    pub(super) size: u64,
    /// Threads that look them up at the same time.
    pub(super) threads: u64,
}

impl Lookups {
    /// Measures look-ups per second of all threads together.
    ///
    /// # Errors
    /// A name that was not found, and a clock that does not advance.
    pub(super) fn rate<N: Sync>(
        self,
        slice: Slice,
        probes: &[N],
        finds: impl Fn(&N) -> bool + Sync,
    ) -> Result<f64> {
        let sizes = Sizes { step: 1_000 * self.threads, most: 1 << 24 };
        let mut done = 0;
        slice.rate(sizes, |count| {
            let each = count / self.threads;
            let from = usize::try_from(done % self.size)?;
            done += each;
            // Each thread begins elsewhere, so that none warms the cache for another.
            let apart = probes.len() / usize::try_from(self.threads)?;
            let walk = |start: usize| look_all(probes, start % probes.len(), each, &finds);
            if self.threads == 1 {
                let start = Instant::now();
                walk(from)?;
                return Ok(start.elapsed());
            }
            let starts = (0..usize::try_from(self.threads)?).map(|index| from + index * apart);
            side_by_side(starts.collect(), walk)
        })
    }

    /// Turns a rate into the figure of the benchmark.
    pub(super) fn figure(self, rate: f64) -> f64 {
        if self.threads == 1 { 1e9 / rate } else { rate }
    }
}

/// Looks up that many names in a circle that begins at `start`.
fn look_all<N>(probes: &[N], start: usize, count: u64, finds: &impl Fn(&N) -> bool) -> Result<()> {
    let (head, tail) = probes.split_at(start);
    let mut found = 0;
    let mut left = count;
    while left > 0 {
        for part in [tail, head] {
            let part = part.get(..usize::try_from(left)?).unwrap_or(part);
            found += part.iter().map(|probe| u64::from(finds(probe))).sum::<u64>();
            left -= u64::try_from(part.len())?;
        }
    }
    ensure!(found == count, "{found} of {count} names were found; all are registered");
    Ok(())
}

/// Runs `work` once for each start, on threads of their own; the time until the last is through.
fn side_by_side(starts: Vec<usize>, work: impl Fn(usize) -> Result<()> + Sync) -> Result<Duration> {
    let barrier = Barrier::new(starts.len());
    let (barrier, work) = (&barrier, &work);
    thread::scope(|scope| {
        let run = |start| {
            scope.spawn(move || {
                barrier.wait();
                let began = Instant::now();
                work(start).map(|()| (began, Instant::now()))
            })
        };
        let threads: Vec<_> = starts.into_iter().map(run).collect();
        let mut times = Vec::new();
        for thread in threads {
            let Ok(time) = thread.join() else { bail!("a thread that looks up panicked") };
            times.push(time?);
        }
        let began = times.iter().map(|(began, _)| *began).min();
        let ended = times.iter().map(|(_, ended)| *ended).max();
        let taken = began.zip(ended).map(|(began, ended)| ended.duration_since(began));
        Ok(taken.unwrap_or_default())
    })
}

/// Times each look-up that another thread makes while `die` runs, and returns the slowest but a thousandth,
/// in microseconds.
///
/// # Errors
/// Those of `die`.
pub(super) fn storm<N: Sync>(
    probes: &[N],
    looks: impl Fn(&N) -> bool + Sync,
    die: impl FnOnce() -> Result<Duration>,
) -> Result<Sample> {
    let (begin, over) = (Barrier::new(2), AtomicBool::new(false));
    let (times, taken) = thread::scope(|scope| {
        let observer = scope.spawn(|| {
            let mut times = Vec::with_capacity(TIMED_MAX);
            begin.wait();
            for probe in probes.iter().cycle().take(TIMED_MAX) {
                // Only a flag: nothing is read through it.
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let start = Instant::now();
                black_box(looks(probe));
                times.push(start.elapsed());
            }
            times
        });
        begin.wait();
        let taken = die();
        over.store(true, Ordering::Relaxed);
        (observer.join(), taken)
    });
    let Ok(mut times) = times else { bail!("the thread that looks up panicked") };
    let taken = taken?;
    ensure!(!times.is_empty(), "nothing was looked up during the storm");
    times.sort_unstable();
    let at = |permille: usize| {
        let time = times.get(times.len() * permille / 1_000).or(times.last());
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    };
    let detail = format!(
        "median {:.2} µs, longest {:.0} µs of {} look-ups while they died for {:.0} ms",
        at(500),
        at(1_000),
        times.len(),
        taken.as_secs_f64() * 1e3
    );
    Ok(Sample { value: at(999), detail: Some(detail) })
}

/// Measures the nanoseconds of one `register` with its `unregister`, over and over the spares.
///
/// # Errors
/// Those of the two.
pub(super) fn churn<S>(
    slice: Slice,
    spares: &[S],
    register: impl Fn(&S) -> Result<()>,
    unregister: impl Fn(&S) -> Result<()>,
) -> Result<f64> {
    let sizes = Sizes { step: BATCH, most: 1 << 20 };
    let mut batches = spares.chunks_exact(usize::try_from(BATCH)?).cycle();
    let rate = slice.rate(sizes, |count| {
        let start = Instant::now();
        for batch in (0..count / BATCH).filter_map(|_| batches.next()) {
            batch.iter().try_for_each(&register)?;
            batch.iter().try_for_each(&unregister)?;
        }
        Ok(start.elapsed())
    })?;
    Ok(1e9 / rate)
}

/// Measures the nanoseconds of one `update`, over and over random names.
///
/// # Errors
/// Those of `update`, which also gets whether to set the second value instead of the first.
pub(super) fn updates<N>(
    slice: Slice,
    probes: &[N],
    update: impl Fn(&N, bool) -> Result<()>,
) -> Result<f64> {
    let sizes = Sizes { step: 100, most: 1 << 20 };
    // Each pass over all names sets the other value, so that every update is a change.
    let passes = (0_u64..).flat_map(|pass| probes.iter().map(move |probe| (probe, pass % 2 == 0)));
    let mut passes = passes;
    let rate = slice.rate(sizes, |count| {
        let start = Instant::now();
        for (probe, second) in (0..count).filter_map(|_| passes.next()) {
            update(probe, second)?;
        }
        Ok(start.elapsed())
    })?;
    Ok(1e9 / rate)
}

/// Measures the microseconds of one answer; `answer` returns how many fit.
///
/// # Errors
/// A wrong answer, and those of `answer`.
pub(super) fn questions(
    slice: Slice,
    question: Question,
    answer: impl Fn() -> Result<usize>,
) -> Result<Sample> {
    let (found, wanted) = (u64::try_from(answer()?)?, question.matches);
    ensure!(found == wanted, "{found} entries fit; {wanted} should");
    let rate = slice.rate(Sizes { step: 1, most: 1 << 20 }, |count| {
        let start = Instant::now();
        for _ in 0..count {
            black_box(answer()?);
        }
        Ok(start.elapsed())
    })?;
    Ok(Sample::of(1e6 / rate))
}

/// Measures the milliseconds of one mass death; the first one warms up.
///
/// # Errors
/// Those of `storm`.
pub(super) fn deaths(slice: Slice, storm: impl Fn() -> Result<Duration>) -> Result<Sample> {
    storm()?;
    let (mut total, mut storms) = (Duration::ZERO, 0);
    while total < slice.length && storms < STORMS_MAX {
        total += storm()?;
        storms += 1;
    }
    Ok(Sample::of(total.as_secs_f64() * 1e3 / f64::from(storms)))
}

/// Waits until every name is free, giving way to those who still have one.
///
/// # Cancel safety
/// Safe: a dropped wait loses nothing.
pub(super) async fn wait_free<N>(names: &[N], is_taken: impl Fn(&N) -> bool) {
    for name in names {
        while is_taken(name) {
            tokio::task::yield_now().await;
        }
    }
}

/// Makes the sample of a growth by `size` entries whose texts have `payload` bytes each.
pub(super) fn bytes_each(grown: u64, size: u64, payload: f64) -> Sample {
    let value = float(grown) / float(size);
    let detail = format!("{:.2}x the {payload} bytes of name and capabilities", value / payload);
    Sample { value, detail: Some(detail) }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const SLICE: Slice = Slice { length: Duration::from_micros(100) };

    #[test]
    fn a_name_that_is_not_found_is_an_error() {
        let load = Lookups { size: 3, threads: 1 };
        let error = load.rate(SLICE, &[1, 2, 3], |probe| *probe != 2).unwrap_err();
        assert!(error.to_string().contains("all are registered"), "{error}");
    }

    #[test]
    fn a_walk_covers_the_circle() {
        let seen = [const { Cell::new(0) }; 3];
        look_all(&[0, 1, 2], 2, 7, &|probe: &usize| {
            seen[*probe].set(seen[*probe].get() + 1);
            true
        })
        .unwrap();
        assert_eq!(seen.map(|count| count.get()), [2, 2, 3]);
    }

    #[test]
    fn each_update_is_a_change() {
        let values = [const { Cell::new(false) }; 3];
        let update = |value: &Cell<bool>, second| {
            ensure!(value.replace(second) != second, "the same value again");
            Ok(())
        };
        updates(SLICE, &values, update).unwrap();
    }

    #[test]
    fn a_wrong_answer_is_an_error() {
        let error = questions(SLICE, Question::HALF, || Ok(3)).unwrap_err();
        assert!(error.to_string().contains("50000 should"), "{error}");
    }
}
