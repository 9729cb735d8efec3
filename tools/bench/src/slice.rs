//! How long one measurement runs, and how its size is found.

use std::time::Duration;

use anyhow::{Result, ensure};

/// Most shots that make up one measurement; reached only when one shot may not grow.
const SHOTS_MAX: u32 = 256;
/// Shots that a slice is made of: some subjects have a fast and a slow mode, and one long shot that
/// was sized in the fast mode would run for seconds in the slow one.
const SHOTS: u32 = 4;
/// A calibration shot this many times shorter than a shot is long enough to extrapolate from.
const CALIBRATION_SHARE: u32 = 4;

/// The time the measured part of one sample takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    /// Aimed at, not promised: one shot may take longer.
    pub(crate) length: Duration,
}

/// The sizes one shot may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Size of the first calibration shot, and what every size is a multiple of.
    pub(crate) step: u64,
    /// Size no shot exceeds; a faster subject repeats the shot instead.
    pub(crate) most: u64,
}

impl Slice {
    /// Measures units per second.
    ///
    /// Grows the size until a shot is long enough to extrapolate from, then measures with a fixed
    /// size: the shots that chose the size never count, or a slow one would choose itself.
    ///
    /// # Errors
    /// Those of `shot`, and a shot that took no time.
    pub(crate) fn rate(
        self,
        sizes: Sizes,
        mut shot: impl FnMut(u64) -> Result<Duration>,
    ) -> Result<f64> {
        let mut size = sizes.step;
        let mut taken = shot(size)?;
        let wanted = self.length / SHOTS;
        while taken < wanted / CALIBRATION_SHARE && size < sizes.most {
            size = scaled(size, taken, wanted, sizes).clamp(size * 2, size * 16).min(sizes.most);
            taken = shot(size)?;
        }
        let size = scaled(size, taken, wanted, sizes);
        let mut units = 0;
        let mut total = Duration::ZERO;
        for _ in 0..SHOTS_MAX {
            total += shot(size)?;
            units += size;
            // Not the whole length: one more shot for the last few per cent is not worth it.
            if total >= self.length * 7 / 8 {
                break;
            }
        }
        ensure!(!total.is_zero(), "a shot of {size} took no time; the clock does not advance");
        Ok(float(units) / total.as_secs_f64())
    }
}

/// Returns the size that takes `wanted` when `size` took `taken`.
fn scaled(size: u64, taken: Duration, wanted: Duration, sizes: Sizes) -> u64 {
    let wanted = u128::from(size) * wanted.as_nanos() / taken.as_nanos().max(1);
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX).min(sizes.most);
    (wanted / sizes.step).max(1) * sizes.step
}

/// Converts a count to a float; counts here stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(unit: Duration, sizes: Sizes) -> (f64, Vec<u64>) {
        let mut shots = Vec::new();
        let slice = Slice { length: Duration::from_millis(100) };
        let rate = slice.rate(sizes, |size| {
            shots.push(size);
            Ok(unit * u32::try_from(size).unwrap())
        });
        (rate.unwrap(), shots)
    }

    #[test]
    fn the_size_grows_to_the_slice() {
        let (rate, shots) = measured(Duration::from_micros(1), Sizes { step: 64, most: 1_000_000 });
        assert!((rate - 1e6).abs() < 1.0, "{rate}");
        let measured = &shots[shots.len() - 4..];
        assert_eq!(measured, [25_000 / 64 * 64; 4]);
        assert!(shots.len() < 10, "{shots:?}");
    }

    #[test]
    fn a_capped_shot_repeats_until_the_slice_is_full() {
        let (rate, shots) = measured(Duration::from_nanos(10), Sizes { step: 1, most: 1_000_000 });
        assert!((rate - 1e8).abs() < 1e3, "{rate}");
        // Nine of 10 ms fill seven eighths of the slice; one more belongs to the calibration.
        assert_eq!(shots.iter().filter(|&&size| size == 1_000_000).count(), 1 + 9);
    }

    #[test]
    fn a_first_shot_longer_than_the_slice_is_not_exceeded() {
        let (_, shots) = measured(Duration::from_millis(30), Sizes { step: 10, most: 1_000 });
        assert_eq!(shots, [10, 10]);
    }

    #[test]
    fn a_shot_without_time_is_an_error() {
        let slice = Slice { length: Duration::from_millis(1) };
        let rate = slice.rate(Sizes { step: 1, most: 4 }, |_| Ok(Duration::ZERO));
        assert!(rate.unwrap_err().to_string().contains("took no time"));
    }
}
