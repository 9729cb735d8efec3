//! Who is in a percentage.

use twox_hash::XxHash3_64;

#[cfg(test)]
mod tests;

/// Returns the seed of a flag's name: different flags choose different keys.
pub(crate) fn seed(name: &str) -> u64 {
    XxHash3_64::oneshot(name.as_bytes())
}

/// Returns the bucket of a key for the flag with that seed.
#[inline]
pub(crate) fn of(seed: u64, key: &str) -> u8 {
    let hash = XxHash3_64::oneshot_with_seed(seed, key.as_bytes());
    // Multiply and shift (Lemire 2019) spreads evenly, where a remainder would prefer low buckets.
    let bucket = (u128::from(hash) * 100) >> 64;
    #[expect(clippy::cast_possible_truncation, reason = "below 100")]
    let bucket = bucket as u8;
    bucket
}

/// Returns the bucket of a key for a flag: 0 to 99. A percentage is on for the buckets below it, so whoever is in
/// it stays in it while it rises.
///
/// It is `XXH3_64(key, seed = XXH3_64(flag)) * 100 / 2^64`, the same on every machine and in every version. XXH3
/// is Yann Collet's, as specified since `xxHash` 0.8.0.
pub fn bucket(flag: &str, key: &str) -> u8 {
    of(seed(flag), key)
}
