use std::time::Duration;

use foundation_env::sim::{SimOptions, Simulation};

use super::*;

fn sampler(sampling: Sampling) -> (Simulation, Sampler) {
    let simulation = Simulation::new(7, SimOptions::default());
    let sampler = Sampler::new(simulation.env(), sampling).unwrap();
    (simulation, sampler)
}

/// Asks `rate` times a second, evenly, and returns how many were kept in each second.
fn kept(simulation: &mut Simulation, sampler: &Sampler, rate: u32, seconds: u32) -> Vec<u32> {
    let env = simulation.env();
    let mut kept = Vec::new();
    for _ in 0..seconds {
        let mut count = 0;
        for _ in 0..rate {
            count += u32::from(sampler.keeps(None));
            let next = env.now().saturating_add(Duration::from_secs(1) / rate);
            simulation.block_on(env.sleep_until(next));
        }
        kept.push(count);
    }
    kept
}

/// Guarantee SE5
#[test]
fn samplers_keep_what_they_are_told_to() {
    let (mut simulation, sampler) = sampler(Sampling::Always);
    assert_eq!(kept(&mut simulation, &sampler, 100, 1), [100]);
    sampler.set(Sampling::Never).unwrap();
    assert_eq!(kept(&mut simulation, &sampler, 100, 1), [0]);
    sampler.keep_error();
    sampler.set(Sampling::Ratio(0.5)).unwrap();
    let half = kept(&mut simulation, &sampler, 1_000, 1)[0];
    assert!((420..580).contains(&half), "{half}");
    sampler.set(Sampling::RateLimited(10)).unwrap();
    let at_once = (0..20).filter(|_| sampler.keeps(None)).count();
    assert_eq!(at_once, 10, "as many at once as in a second");
    for count in kept(&mut simulation, &sampler, 100, 5).into_iter().skip(1) {
        assert!((9..=11).contains(&count), "{count}");
    }
    let stats = sampler.stats();
    assert_eq!(stats.seen, 100 + 100 + 1 + 1_000 + 20 + 500);
    assert!(stats.kept >= 100 + 1 + u64::from(half) + 10);
    for sampling in [Sampling::Ratio(1.1), Sampling::Ratio(f64::NAN), Sampling::RateLimited(0)] {
        assert!(sampler.set(sampling).is_err(), "{sampling:?}");
    }
}

/// Guarantee SE5
#[test]
fn a_ratio_keeps_all_of_a_trace_or_nothing_and_more_as_it_grows() {
    let (simulation, sampler) = sampler(Sampling::Ratio(0.3));
    let env = simulation.env();
    let traces: Vec<TraceId> = (0..1_000).map(|_| TraceId::random(&env)).collect();
    let kept = |ratio| -> Vec<bool> {
        sampler.set(Sampling::Ratio(ratio)).unwrap();
        traces.iter().map(|trace| sampler.keeps(Some(*trace))).collect()
    };
    let (few, again, more) = (kept(0.3), kept(0.3), kept(0.6));
    assert_eq!(few, again);
    assert!(few.iter().zip(&more).all(|(few, more)| *more || !few));
    let count = few.iter().filter(|kept| **kept).count();
    assert!((230..370).contains(&count), "{count}");
    assert!(kept(0.0).iter().all(|kept| !kept) && kept(1.0).iter().all(|kept| *kept));
}

/// Guarantee SE5
#[test]
fn an_adaptive_sampler_comes_to_its_target_whatever_comes() {
    let (mut simulation, sampler) = sampler(Sampling::Adaptive(100));
    for rate in [2_000, 300, 5_000, 50] {
        let kept = kept(&mut simulation, &sampler, rate, 5);
        let target = rate.min(100);
        for count in &kept[2..] {
            let off = count.abs_diff(target);
            // A fifth, and what chance adds to a hundred.
            assert!(off <= target / 5 + 15, "{rate} a second: {kept:?}");
        }
    }
}
