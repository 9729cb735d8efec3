use super::Swarm;

#[test]
fn ranges_are_kept_and_their_ends_reached() {
    let mut swarm = Swarm::new(1);
    let drawn: Vec<u64> = (0..400).map(|_| swarm.range(10..=1_000_000)).collect();
    assert!(drawn.iter().all(|drawn| (10..=1_000_000).contains(drawn)));
    assert!(drawn.contains(&10) && drawn.contains(&1_000_000));
    assert!(drawn.iter().filter(|&&drawn| drawn != 10 && drawn != 1_000_000).count() > 200);
    assert_eq!(swarm.range(7..=7), 7);
    assert!((0..100).any(|_| (1..u64::MAX).contains(&swarm.range(0..=u64::MAX))));
}

#[test]
fn some_operations_are_left_out_and_never_picked() {
    let mut left_out = 0;
    for seed in 0..200 {
        let mut swarm = Swarm::new(seed);
        let weights = swarm.weights(6);
        let picked: Vec<usize> = (0..300).map(|_| swarm.pick(&weights)).collect();
        for operation in 0..6 {
            assert_eq!(
                picked.contains(&operation),
                weights.of(operation) > 0,
                "seed {seed}: {weights:?}"
            );
            left_out += u32::from(weights.of(operation) == 0);
        }
    }
    assert!((450..750).contains(&left_out), "{left_out} of 1200 left out");
}

#[test]
fn choosing_covers_all_items_and_admits_there_are_none() {
    let mut swarm = Swarm::new(1);
    let chosen: Vec<_> = (0..100).filter_map(|_| swarm.choose(&[1, 2, 3]).copied()).collect();
    assert!([1, 2, 3].iter().all(|item| chosen.contains(item)) && chosen.len() == 100);
    assert_eq!(swarm.choose::<u8>(&[]), None);
    assert!(!swarm.chance(0.0) && swarm.chance(1.0));
}
