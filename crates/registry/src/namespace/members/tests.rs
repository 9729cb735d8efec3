use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Held, Members};

/// Slots on both sides of every internal limit, and close ones.
fn slot() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0_u32..20,
        2 => prop::sample::select(vec![63, 64, 65, 4_095, 4_096, 4_097, 99_999, 100_000, 1_000_000]),
        2 => 0_u32..20_000,
    ]
}

proptest! {
    #[test]
    fn a_set_equals_a_plain_one(steps in prop::collection::vec((slot(), any::<bool>()), 1..300)) {
        let (members, mut held, mut model) = (Members::default(), Held::default(), BTreeSet::new());
        for (slot, enter) in steps {
            if enter {
                members.insert(&mut held, slot);
                model.insert(slot);
            } else {
                members.remove(&held, slot);
                model.remove(&slot);
            }
            prop_assert_eq!(members.len() as usize, model.len());
            prop_assert_eq!(members.contains(slot), model.contains(&slot));
        }
        prop_assert_eq!(members.to_set(), model);
    }
}

#[test]
fn every_length_around_a_limit_is_whole() {
    for len in [0, 1, 2, 3, 11, 12, 13, 63, 64, 65, 4_095, 4_096, 4_097] {
        let (members, mut held) = (Members::default(), Held::default());
        (0..len).for_each(|slot| members.insert(&mut held, slot * 3));
        assert_eq!(members.to_set(), (0..len).map(|slot| slot * 3).collect(), "{len} members");
        (0..len).for_each(|slot| members.remove(&held, slot * 3));
        assert!(members.to_set().is_empty(), "{len} members");
    }
}
