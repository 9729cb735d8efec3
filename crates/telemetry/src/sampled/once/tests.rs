use foundation_env::sim::{SimOptions, Simulation};

use super::*;

fn once(keys: usize) -> (Simulation, OncePer) {
    let simulation = Simulation::new(7, SimOptions::default());
    let once = OncePer::new(simulation.env(), Duration::from_secs(1), keys);
    (simulation, once)
}

fn pass(simulation: &mut Simulation, ms: u64) {
    let env = simulation.env();
    simulation.block_on(env.sleep_until(env.now().saturating_add(Duration::from_millis(ms))));
}

/// Guarantee SE1
#[test]
fn a_key_is_admitted_once_in_its_window() {
    let (mut simulation, once) = once(64);
    assert!(once.admits("a"));
    assert!(!once.admits("a"));
    assert!(once.admits(("a", 1)), "another key");
    pass(&mut simulation, 999);
    assert!(!once.admits("a"));
    pass(&mut simulation, 1);
    assert!(once.admits("a"));
    assert!(!once.admits("a"));
    assert_eq!((once.suppressed_count(), once.forgotten_count()), (3, 0));
}

/// Guarantee SE1
#[test]
fn of_many_threads_one_is_admitted_for_each_key() {
    let (_simulation, once) = once(4096);
    let admitted = AtomicU64::new(0);
    let together = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                together.wait();
                for key in 0..500_u32 {
                    for _ in 0..3 {
                        let one = u64::from(once.admits(key));
                        admitted.fetch_add(one, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(admitted.load(Ordering::Relaxed), 500 + once.forgotten_count());
}

/// Guarantee SE2
#[test]
fn keys_within_their_window_are_forgotten_only_when_there_are_too_many_and_counted() {
    let (mut simulation, once) = once(1024);
    for key in 0..256_u32 {
        assert!(once.admits(key));
    }
    assert_eq!(once.forgotten_count(), 0, "a quarter of the room is in use");
    for key in 0..100_000_u32 {
        once.admits(key);
    }
    let forgotten = once.forgotten_count();
    assert!(forgotten > 90_000, "{forgotten}");
    pass(&mut simulation, 1_000);
    for key in 0..200_u32 {
        assert!(once.admits(key), "all windows are over");
    }
    assert_eq!(once.forgotten_count(), forgotten, "whose window is over is not forgotten");
}
