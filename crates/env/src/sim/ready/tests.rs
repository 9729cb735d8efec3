use super::super::Policy;
use super::{DEMOTION_PERIOD, Ready, Slot};
use crate::random::Random;

/// Three tasks that are ready again right after each pick, but did not wake themselves.
fn picks(seed: u64, policy: Policy, count: u64) -> Vec<Slot> {
    let mut random = Random::new(seed);
    let mut ready = Ready::new(policy, &mut random);
    for slot in 0..3 {
        ready.admit(slot, &mut random);
        ready.push(slot);
    }
    let mut pick = || {
        let slot = ready.pick(&mut random).unwrap();
        ready.push(slot);
        slot
    };
    (0..count).map(|_| pick()).collect()
}

fn turns(picks: &[Slot]) -> usize {
    picks.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

#[test]
fn pct_turns_at_its_change_points_and_nowhere_else() {
    let turns_of = |depth| -> Vec<usize> {
        let policy = Policy::Pct { depth };
        (0..100).map(|seed| turns(&picks(seed, policy, DEMOTION_PERIOD - 1))).collect()
    };
    assert!(turns_of(1).iter().all(|&turns| turns == 0));
    let turns = turns_of(3);
    assert!(turns.iter().all(|&turns| turns <= 2), "{turns:?}");
    assert!((0..=2).all(|count| turns.contains(&count)), "{turns:?}");
}

#[test]
fn pct_turns_once_a_period_so_that_nobody_starves() {
    let picks = picks(1, Policy::Pct { depth: 1 }, 3 * DEMOTION_PERIOD);
    assert_eq!(turns(&picks), 3);
    assert!((0..3).all(|slot| picks.contains(&slot)));
}

#[test]
fn fifo_goes_round() {
    assert_eq!(picks(1, Policy::Fifo, 6), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_removed_task_is_not_picked() {
    for policy in [Policy::Uniform, Policy::Pct { depth: 3 }, Policy::Fifo] {
        let mut random = Random::new(1);
        let mut ready = Ready::new(policy, &mut random);
        for slot in 0..3 {
            ready.admit(slot, &mut random);
            ready.push(slot);
        }
        ready.remove(1);
        let mut left: Vec<Slot> = std::iter::from_fn(|| ready.pick(&mut random)).collect();
        left.sort_unstable();
        assert_eq!(left, [0, 2], "{policy:?}");
        assert!(ready.is_empty());
    }
}
