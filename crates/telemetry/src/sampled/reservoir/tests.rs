use foundation_env::sim::{SimOptions, Simulation};

use super::*;

/// Guarantee SE6
#[test]
fn each_item_is_in_the_sample_with_the_same_probability() {
    let simulation = Simulation::new(7, SimOptions::default());
    let reservoir = Reservoir::new(simulation.env(), 10);
    let mut chosen = [0_u32; 100];
    for _ in 0..2_000 {
        for item in 0..100_usize {
            reservoir.offer(item);
        }
        let (sample, seen) = reservoir.drain();
        assert_eq!((sample.len(), seen), (10, 100));
        for item in sample {
            chosen[item] += 1;
        }
    }
    // 200 each, with a standard deviation of 13.4: five of them either way.
    assert!(chosen.iter().all(|count| (133..267).contains(count)), "{chosen:?}");
    assert_eq!(reservoir.drain(), (Vec::new(), 0));
}
