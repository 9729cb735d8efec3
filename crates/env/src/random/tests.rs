use super::{Random, SharedRandom, below, unit};

#[test]
fn splitmix_matches_the_reference_sequence() {
    let random = SharedRandom::new(1_234_567);
    let drawn: Vec<u64> = (0..3).map(|_| random.next()).collect();
    assert_eq!(
        drawn,
        [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
    );
}

/// Several counters of one source are far apart, or threads would draw the same.
#[test]
fn threads_draw_different_values() {
    let random = SharedRandom::from_entropy();
    let draw = || (0..1_000).map(|_| random.next()).collect::<Vec<_>>();
    let mut drawn: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(draw)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 16_000);
}

#[test]
fn xoshiro_matches_the_reference_sequence() {
    let mut random = Random([1, 2, 3, 4]);
    let drawn: Vec<u64> = (0..4).map(|_| random.next_u64()).collect();
    assert_eq!(drawn, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
}

#[test]
fn below_reaches_every_value_and_no_other() {
    let mut random = Random::new(3);
    let mut seen = [0_u32; 7];
    for _ in 0..7_000 {
        seen[usize::try_from(random.below(7)).unwrap()] += 1;
    }
    assert!(seen.iter().all(|&count| (800..1_200).contains(&count)), "uneven draws: {seen:?}");
    assert_eq!(random.below(0), 0);
    assert_eq!(random.below(1), 0);
}

#[test]
fn below_rejects_the_biased_part() {
    // With n = 2^63 + 1 nearly half of all inputs must be drawn again; zero is one of them.
    let mut inputs = [0, u64::MAX].into_iter();
    assert_eq!(below((1 << 63) + 1, || inputs.next().unwrap()), 1 << 63);
}

#[test]
fn unit_stays_below_one() {
    assert!(unit(u64::MAX) < 1.0);
    assert!(unit(0).abs() < f64::EPSILON);
}
