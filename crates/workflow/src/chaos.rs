//! Deaths on purpose, to show that a run survives them.

use foundation_agent::{Death, Manner, Moment};

use crate::attempt::AttemptId;

#[cfg(test)]
mod tests;

/// Decides which attempts cost their agent its life.
///
/// Each decision follows from the seed and the attempt alone, never from a schedule: the same seed plans the
/// same deaths on one thread and on sixty-four. Half of them are panics, half kills, and each comes before,
/// during or after the action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chaos {
    rate: f64,
    seed: u64,
}

/// Says why a rate was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{rate} is not a probability from 0 to 1")]
pub struct ChaosRateError {
    /// The rejected rate.
    pub rate: f64,
}

impl Chaos {
    /// Plans a death for this part of all attempts. A run ends also at 1, where every attempt would die: its
    /// keeper spares an item that has cost as many agents as its task may lose.
    ///
    /// # Errors
    /// [`ChaosRateError`] unless the rate is from 0 to 1.
    pub fn new(rate: f64, seed: u64) -> Result<Self, ChaosRateError> {
        if (0.0..=1.0).contains(&rate) {
            Ok(Self { rate, seed })
        } else {
            Err(ChaosRateError { rate })
        }
    }

    /// Returns the death planned for an attempt.
    pub fn death(&self, id: AttemptId) -> Option<Death> {
        let mut bits = mix(self.seed);
        for part in [index(id.task()), index(id.item()), u64::from(id.number())] {
            bits = mix(bits ^ part);
        }
        if unit(bits) >= self.rate {
            return None;
        }
        // Fresh bits: those above are known to be small.
        let choice = mix(bits);
        let manner = if choice & 1 == 0 { Manner::Panic } else { Manner::Kill };
        let moment = match (choice >> 1) % 3 {
            0 => Moment::Before,
            1 => Moment::During,
            _ => Moment::After,
        };
        Some(Death { manner, moment })
    }
}

fn index(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX)
}

/// Spreads every bit over all others: one step of `SplitMix64` (Steele, Lea, Flood 2014).
fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Maps bits evenly to 0 to below 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
