use std::sync::atomic::AtomicBool;

use foundation_env::sim::{SimOptions, Simulation};

use super::*;

type Seen = Arc<std::sync::Mutex<Vec<Vec<u32>>>>;

fn batch(items_max: usize) -> (Simulation, Batch<u32>, Seen) {
    let simulation = Simulation::new(7, SimOptions::default());
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let options = BatchOptions { items_max, age_max: Duration::from_secs(1) };
    let batch =
        Batch::new(simulation.env(), options, move |items| kept.lock().unwrap().push(items));
    (simulation, batch, seen)
}

fn pass(simulation: &mut Simulation, ms: u64) {
    let env = simulation.env();
    simulation.block_on(env.sleep_until(env.now().saturating_add(Duration::from_millis(ms))));
}

/// Guarantee SE4
#[test]
fn a_batch_is_handed_on_when_it_is_full_or_old_and_at_the_end() {
    let (mut simulation, batch, seen) = batch(3);
    (0..4).for_each(|item| batch.add(item));
    assert_eq!(*seen.lock().unwrap(), [vec![0, 1, 2]]);
    pass(&mut simulation, 900);
    batch.add(4);
    assert_eq!(batch.pending_len(), 2);
    // Without any further item.
    pass(&mut simulation, 101);
    assert_eq!(seen.lock().unwrap().last(), Some(&vec![3, 4]));
    batch.add(5);
    assert_eq!(batch.flush(), 1);
    batch.add(6);
    pass(&mut simulation, 950);
    assert_eq!(batch.pending_len(), 1, "the timer of one batch is not that of the next");
    drop(batch);
    assert_eq!(seen.lock().unwrap().last(), Some(&vec![6]));
    pass(&mut simulation, 2_000);
    assert_eq!(seen.lock().unwrap().len(), 4);
}

/// Batches that fill up at once leave no timers behind, and the last one is not handed on too early for it.
///
/// Guarantee SE4
#[test]
fn however_many_batches_fill_up_one_timer_waits() {
    let (mut simulation, batch, seen) = batch(2);
    (0..1_000).for_each(|item| batch.add(item));
    assert!(simulation.live_tasks() <= 1, "{}", simulation.live_tasks());
    pass(&mut simulation, 600);
    batch.add(1_000);
    pass(&mut simulation, 500);
    assert_eq!(batch.pending_len(), 1, "the age is that of the batch");
    pass(&mut simulation, 500);
    assert_eq!(seen.lock().unwrap().last(), Some(&vec![1_000]));
    assert_eq!(simulation.live_tasks(), 0);
}

/// The original lost 14,843 of 40,000.
///
/// Guarantee SE3
#[test]
fn nothing_is_lost_or_doubled_while_batches_are_drained_under_load() {
    let (_simulation, batch, seen) = batch(100);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let drains = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                batch.flush();
            }
        });
        let adders: Vec<_> = (0..4_u32)
            .map(|adder| {
                let batch = &batch;
                scope.spawn(move || (0..10_000).for_each(|item| batch.add(adder * 10_000 + item)))
            })
            .collect();
        for adder in adders {
            adder.join().unwrap();
        }
        over.store(true, Ordering::Relaxed);
        drains.join().unwrap();
    });
    batch.flush();
    let mut items: Vec<u32> = seen.lock().unwrap().concat();
    assert_eq!(items.len(), 40_000);
    items.sort_unstable();
    assert!(items.iter().copied().eq(0..40_000));
    assert_eq!(batch.handed_on_count(), 40_000);
}

/// Guarantee SE3
#[test]
fn a_consumer_that_panics_loses_its_batch_only_and_it_is_counted() {
    let simulation = Simulation::new(7, SimOptions::default());
    let options = BatchOptions { items_max: 2, age_max: Duration::from_secs(1) };
    let batch = Batch::new(simulation.env(), options, |items: Vec<u32>| {
        assert!(!items.contains(&1), "as planned");
    });
    (0..4).for_each(|item| batch.add(item));
    assert_eq!((batch.handed_on_count(), batch.lost_count()), (4, 2));
}
