use super::Env;
use crate::BlockingError;
use crate::real::blocking_places;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::oneshot;

#[tokio::test]
async fn sleep_ends_no_earlier_than_asked() {
    let env = Env::current();
    let until = env.now().saturating_add(Duration::from_millis(3));
    env.sleep_until(until).await;
    assert!(env.now() >= until);
    env.sleep_until(until).await; // an instant in the past is ready at once
}

#[tokio::test]
async fn reset_moves_a_sleep_to_an_earlier_instant() {
    let env = Env::current();
    let mut sleep = env.sleep_until(env.now().saturating_add(Duration::from_secs(100_000)));
    sleep.reset(env.now());
    sleep.await;
}

#[tokio::test]
async fn a_spawned_future_runs() {
    let env = Env::current();
    let (tx, rx) = oneshot::channel();
    env.spawn(async move { tx.send(42).unwrap() });
    assert_eq!(rx.await, Ok(42));
}

#[test]
fn a_future_spawned_after_shutdown_is_dropped() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let env = Env::tokio(runtime.handle().clone());
    let (tx, mut rx) = oneshot::channel::<()>();
    drop(runtime);
    env.spawn(async move {
        std::future::pending::<()>().await;
        drop(tx);
    });
    assert_eq!(rx.try_recv(), Err(oneshot::error::TryRecvError::Closed));
}

#[tokio::test]
async fn blocking_gives_the_result_or_the_panic() {
    let env = Env::current();
    assert_eq!(env.blocking(|| 6 * 7).await, Ok(42));
    let failed = env.blocking(|| -> () { panic!("planted {}", 1) }).await;
    assert_eq!(failed, Err(BlockingError::Panicked { message: "planted 1".to_owned() }));
}

/// The barrier opens only when every place is taken at once; the counter shows that no more ever are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocking_pool_fills_its_places_and_no_more() {
    let env = Env::current();
    let places = blocking_places();
    let (barrier, inside) = (Arc::new(Barrier::new(places)), Arc::new(AtomicUsize::new(0)));
    let (tx, mut rx) = tokio::sync::mpsc::channel(3 * places);
    for _ in 0..3 * places {
        let (barrier, inside, tx) = (Arc::clone(&barrier), Arc::clone(&inside), tx.clone());
        let work = env.blocking(move || {
            let at_once = inside.fetch_add(1, Ordering::AcqRel) + 1;
            barrier.wait();
            inside.fetch_sub(1, Ordering::AcqRel);
            at_once
        });
        env.spawn(async move { tx.send(work.await).await.unwrap() });
    }
    for _ in 0..3 * places {
        let at_once = rx.recv().await.unwrap().unwrap();
        assert!(at_once <= places, "{at_once} at once on {places} places");
    }
}

#[tokio::test]
async fn abandoned_work_keeps_its_place_until_it_ends() {
    let env = Env::current();
    let (started, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let release = Arc::new(Barrier::new(blocking_places() + 1));
    for _ in 0..blocking_places() {
        let (started, ended) = (Arc::clone(&started), Arc::clone(&ended));
        let release = Arc::clone(&release);
        let mut work = env.blocking(move || {
            started.fetch_add(1, Ordering::AcqRel);
            release.wait();
            ended.fetch_add(1, Ordering::AcqRel);
        });
        assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut work).poll(cx))).await.is_pending());
    }
    while started.load(Ordering::Acquire) < blocking_places() {
        tokio::task::yield_now().await;
    }
    let taken = format!("{env:?}");
    let late = env.blocking(move || ended.load(Ordering::Acquire));
    release.wait();
    assert!(taken.contains("blocking_free: 0"), "{taken}");
    assert!(late.await.unwrap() >= 1, "work started while every place was taken");
}

#[tokio::test]
async fn blocking_after_shutdown_is_refused_and_drops_the_work() {
    // A runtime may not be dropped inside another one's task; a thread of its own may.
    let env = std::thread::scope(|scope| {
        let build = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            Env::tokio(runtime.handle().clone())
        };
        scope.spawn(build).join().unwrap()
    });
    let dropped = Arc::new(());
    let held = Arc::clone(&dropped);
    let refused = env.blocking(move || drop(held)).await;
    assert_eq!(refused, Err(BlockingError::ShuttingDown));
    assert_eq!(Arc::strong_count(&dropped), 1);
}

#[test]
fn handles_can_be_shared_between_threads() {
    const fn shared<T: Send + Sync>() {}
    const fn sent<T: Send + Unpin>() {}
    shared::<Env>();
    shared::<crate::Files>();
    sent::<crate::Sleep>();
    sent::<crate::Blocking<()>>();
    sent::<crate::FaultPoint>();
    assert!(size_of::<Env>() <= 16, "an Env is passed by value everywhere");
}

#[tokio::test]
async fn the_same_seed_draws_the_same_numbers() {
    let draw = |seed| {
        let env = Env::with_seed(tokio::runtime::Handle::current(), seed);
        [env.random_u64(), env.random_below(1 << 40), env.random_f64().to_bits()]
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    assert_ne!(Env::current().random_u64(), Env::current().random_u64());
}

#[tokio::test]
async fn a_background_thread_ends_when_joined() {
    let env = Env::current();
    let background = env.background("watchdog", |stop| while !stop.wait(Duration::MAX) {});
    assert!(background.unwrap().expect("the tokio back end has threads").join());
}
