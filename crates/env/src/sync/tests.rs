use super::atomic::{AtomicU32, Ordering};
use super::{Arc, Mutex, model, thread};

#[test]
fn an_increment_under_the_lock_is_never_lost() {
    model(|| {
        let total = Arc::new(Mutex::new(0_u32));
        let other = Arc::clone(&total);
        let handle = thread::spawn(move || *other.lock() += 1);
        *total.lock() += 1;
        handle.join().unwrap();
        assert_eq!(*total.lock(), 2);
    });
}

#[test]
fn release_store_publishes_what_was_written_before() {
    model(|| {
        let flag = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let writer = Arc::clone(&flag);
        let handle = thread::spawn(move || {
            writer.0.store(7, Ordering::Relaxed);
            writer.1.store(1, Ordering::Release);
        });
        if flag.1.load(Ordering::Acquire) == 1 {
            assert_eq!(flag.0.load(Ordering::Relaxed), 7);
        }
        handle.join().unwrap();
    });
}

#[cfg(any(foundation_loom, foundation_shuttle))]
#[test]
#[should_panic(expected = "lost update")]
fn a_checker_finds_a_lost_update() {
    model(|| {
        let total = Arc::new(AtomicU32::new(0));
        let other = Arc::clone(&total);
        let handle = thread::spawn(move || {
            other.store(other.load(Ordering::Acquire) + 1, Ordering::Release);
        });
        total.store(total.load(Ordering::Acquire) + 1, Ordering::Release);
        handle.join().unwrap();
        assert_eq!(total.load(Ordering::Acquire), 2, "lost update");
    });
}

#[cfg(not(any(foundation_loom, foundation_shuttle)))]
mod std_only {
    use super::{Arc, Mutex, thread};

    #[test]
    fn a_lock_survives_a_panic_under_it() {
        let lock = Arc::new(Mutex::new(1));
        let other = Arc::clone(&lock);
        let panicked = thread::spawn(move || {
            let _guard = other.lock();
            panic!("planted");
        });
        assert!(panicked.join().is_err());
        assert_eq!(*lock.lock(), 1);
        assert_eq!(lock.try_lock().map(|guard| *guard), Some(1));
        assert_eq!(Arc::into_inner(lock).unwrap().into_inner(), 1);
    }

    #[test]
    fn try_lock_is_refused_while_held() {
        let lock = Mutex::new(());
        let guard = lock.lock();
        assert!(lock.try_lock().is_none());
        assert_eq!(format!("{lock:?}"), "Mutex(<locked>)");
        drop(guard);
        assert!(lock.try_lock().is_some());
    }

    #[test]
    fn the_lock_is_at_most_one_word() {
        assert!(size_of::<Mutex<()>>() <= size_of::<usize>());
    }
}
