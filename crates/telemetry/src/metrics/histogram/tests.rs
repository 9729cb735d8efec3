use proptest::prelude::*;

use super::*;

#[test]
fn buckets_are_in_order_without_gaps() {
    assert_eq!(bucket_of(0), 0);
    assert_eq!(bucket_of(31), 31);
    assert_eq!(bucket_of(32), 32);
    assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    for bucket in 0..BUCKETS {
        assert_eq!(bucket_of(middle_of(bucket)), bucket);
    }
    for power in 0..VALUE_BITS {
        let value = 1_u64 << power;
        assert!(bucket_of(value) <= bucket_of(value - 1) + 1, "{value}");
    }
}

proptest! {
    /// Against all values, sorted.
    ///
    /// Guarantee MT1
    #[test]
    fn quantiles_are_within_the_width_of_a_bucket(values in prop::collection::vec(0_u64..1 << 43, 1..500)) {
        let histogram = Histogram(Arc::default());
        for value in &values {
            histogram.record(*value);
        }
        let mut sorted = values;
        sorted.sort_unstable();
        let exact = |thousandths: usize| {
            sorted[(sorted.len() * thousandths).div_ceil(1000).max(1) - 1]
        };
        let total = histogram.total();
        prop_assert_eq!(total.max, *sorted.last().unwrap());
        let quantiles = [(500, total.p50), (900, total.p90), (950, total.p95), (990, total.p99), (999, total.p999)];
        for (thousandths, found) in quantiles {
            let exact = exact(thousandths);
            prop_assert!(found.abs_diff(exact) <= exact / 63 + 1, "{}: {} is not {}", thousandths, found, exact);
        }
    }
}
