use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Cells, Load};

#[derive(Debug, Clone)]
enum Step {
    /// Enters the next number under this hash.
    Insert(u64),
    /// Takes out the `n`th number that is in.
    Remove(usize),
}

/// Few hashes, so that many share one, and some that share only the bits in the cell.
fn hash() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..8, any::<u64>(), (0_u64..4).prop_map(|high| (high << 32) | 5)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => hash().prop_map(Step::Insert),
        2 => any::<prop::sample::Index>().prop_map(|at| Step::Remove(at.index(64))),
    ];
    prop::collection::vec(step, 1..400)
}

proptest! {
    /// Whatever is in is found under its hash, and nothing else is.
    #[test]
    fn the_table_equals_a_map(steps in steps()) {
        let (cells, mut load) = (Cells::new(), Load::default());
        let mut model: BTreeMap<u32, u64> = BTreeMap::new();
        let mut next = 0;
        for step in steps {
            match step {
                Step::Insert(hash) => {
                    cells.insert(&mut load, hash, next);
                    model.insert(next, hash);
                    next += 1;
                }
                Step::Remove(at) if !model.is_empty() => {
                    let numbers: Vec<_> = model.keys().copied().collect();
                    let number = numbers[at % numbers.len()];
                    let hash = model.remove(&number).unwrap();
                    cells.remove(&mut load, hash, number);
                }
                Step::Remove(_) => {}
            }
            prop_assert_eq!(load.used, model.len());
            for number in 0..next {
                let hash = model.get(&number);
                let found = hash.map(|hash| cells.find(*hash, |n| (n == number).then_some(())));
                prop_assert_eq!(found.flatten().is_some(), hash.is_some());
            }
        }
    }
}

#[test]
fn tombstones_do_not_make_the_table_grow() {
    let (cells, mut load) = (Cells::new(), Load::default());
    for number in 0..100_000 {
        let hash = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        cells.insert(&mut load, hash, number);
        cells.remove(&mut load, hash, number);
    }
    assert!(cells.current().table.len() <= 32, "{} cells", cells.current().table.len());
}
