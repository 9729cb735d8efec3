//! Task supervisors: limits, outcomes, batches, and that nothing is left.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use foundation_env::Env;
use foundation_env::sync::Mutex;
use foundation_process::{Limits, SpawnError, System};
use foundation_supervisor::{
    Admission, BatchOptions, CpuPool, Refusal, Strategy, Supervisor, TaskContext, TaskHandle,
    TaskLimits, TaskOptions, TaskOutcome, TaskSupervisor,
};
use foundation_testkit::{Swarm, sim_seeds, wait_for};
use foundation_types::ExitReason;

use crate::probe::soon;

/// Counts bodies that run at this moment.
#[derive(Clone, Default)]
struct Gauge(Arc<(AtomicUsize, AtomicUsize)>);

/// Counted while it lives, through panics and kills.
struct Inside(Gauge);

impl Gauge {
    fn enter(&self) -> Inside {
        let now = self.0.0.fetch_add(1, Ordering::AcqRel) + 1;
        self.0.1.fetch_max(now, Ordering::AcqRel);
        Inside(self.clone())
    }

    fn now(&self) -> usize {
        self.0.0.load(Ordering::Acquire)
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::Acquire)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn pause(env: &Env, millis: u64) {
    env.sleep_until(env.now().saturating_add(Duration::from_millis(millis))).await;
}

async fn open(env: &Env, max_children: usize, queue_max: usize) -> (System, TaskSupervisor) {
    let system = System::new(env.clone());
    let limits = TaskLimits::default().max_children(max_children).queue_max(queue_max);
    let tasks = TaskSupervisor::new(limits);
    tasks.start(&system).await.expect("it opens");
    (system, tasks)
}

fn boom() -> Result<(), ()> {
    panic!("told to panic")
}

fn check_at_rest(tasks: &TaskSupervisor) {
    let stats = tasks.stats();
    assert_eq!((stats.running, stats.queued, stats.batches_waiting), (0, 0, 0), "{stats:?}");
    let ended = stats.ok + stats.failed + stats.panicked + stats.timed_out + stats.cancelled;
    assert_eq!(stats.submitted, ended, "{stats:?}");
}

fn admitted<T, E, F>(admission: Admission<T, E, F>) -> TaskHandle<T, E> {
    admission.into_result().expect("it is admitted")
}

/// Guarantee TS1: a task supervisor never runs more tasks at once than it has places
#[test]
fn no_more_tasks_run_than_there_are_places() {
    sim_seeds(0..40, |env, seed| async move {
        let mut swarm = Swarm::new(seed);
        let max = usize::try_from(swarm.range(1..=5)).expect("small");
        let (_, tasks) = open(&env, max, 1000).await;
        let gauge = Gauge::default();
        let mut handles = Vec::new();
        for n in 0..40_u64 {
            let (gauge, env, time) = (gauge.clone(), env.clone(), swarm.range(0..=20));
            let handle = admitted(tasks.submit(TaskOptions::default(), move |_| async move {
                let _inside = gauge.enter();
                pause(&env, time).await;
                assert!(n % 7 != 3, "told to panic");
                if n % 5 == 0 { Err(n) } else { Ok(n) }
            }));
            if swarm.chance(0.1) {
                handle.cancel();
            }
            if swarm.chance(0.1) {
                drop(handle);
            } else {
                handles.push(handle);
            }
        }
        for handle in handles {
            let _any = handle.join().await;
        }
        wait_for(&env, "the dropped ones", tasks_soon(&env), || match tasks.stats().running {
            0 => Ok(()),
            running => Err(running),
        })
        .await;
        assert!(gauge.most() <= max, "{} ran at once, {max} may", gauge.most());
        assert_eq!(tasks.stats().running_max, max);
        assert_eq!(gauge.now(), 0);
        assert_eq!(tasks.stats().submitted, 40);
        check_at_rest(&tasks);
    });
}

fn tasks_soon(env: &Env) -> foundation_types::Deadline {
    foundation_types::Deadline::after(env.now(), Duration::from_mins(1))
}

/// Guarantee TS1
#[test]
fn admission_says_accepted_queued_or_full() {
    sim_seeds(0..10, |env, _| async move {
        let (system, tasks) = open(&env, 2, 3).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut handles = Vec::new();
        for n in 0..8_u64 {
            let (env, order) = (env.clone(), Arc::clone(&order));
            let admission = tasks.submit(TaskOptions::default(), move |_| async move {
                order.lock().push(n);
                pause(&env, 10).await;
                Ok::<_, ()>(n)
            });
            match (n, admission) {
                (0 | 1, Admission::Accepted(handle)) => handles.push(handle),
                (2..=4, Admission::Queued { handle, ahead }) => {
                    assert_eq!(ahead as u64, n - 2);
                    assert_eq!(handle.pid(), None);
                    handles.push(handle);
                }
                (_, Admission::Refused(rejected)) => {
                    assert!(n >= 5 && rejected.is_retryable());
                    assert_eq!(rejected.reason, Refusal::Full { running: 2, queued: 3 });
                    // The task came back and can be run in another way.
                    let admission = tasks.submit(TaskOptions::default(), rejected.task);
                    assert!(matches!(admission, Admission::Refused(_)));
                }
                (n, other) => panic!("task {n} was {other:?}"),
            }
        }
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.join().await, TaskOutcome::Ok(n as u64));
        }
        // Two may start at the same moment, so only the last is sure.
        assert_eq!(order.lock().last(), Some(&4), "first come, first served");
        assert_eq!(tasks.stats().refused, 6);
        check_at_rest(&tasks);
        wait_for(&env, "the last process", soon(&system), || {
            (system.counts().processes == 1).then_some(()).ok_or("not yet")
        })
        .await;
    });
}

/// Guarantee TS2: an admitted task ends with one outcome, and then its place is free
#[test]
fn every_way_to_end_has_its_outcome() {
    sim_seeds(0..16, |env, _| async move {
        let (system, tasks) = open(&env, 1, 10).await;
        let long = |env: &Env| {
            let env = env.clone();
            move |_: TaskContext| async move {
                pause(&env, 10_000).await;
                Ok::<(), ()>(())
            }
        };
        let options = TaskOptions::default;

        let ok = admitted(tasks.submit(options(), |_| async { Ok::<_, ()>(7) }));
        assert_eq!(ok.join().await, TaskOutcome::Ok(7));
        check_at_rest(&tasks);
        let failed = admitted(tasks.submit(options(), |_| async { Err::<(), _>("no") }));
        assert_eq!(failed.join().await, TaskOutcome::Error("no"));
        check_at_rest(&tasks);
        let panicked = admitted(tasks.submit(options(), |_| async { boom() }));
        let TaskOutcome::Panicked(report) = panicked.join().await else { panic!("it panicked") };
        assert_eq!(report.message, "told to panic");
        assert!(report.location.as_ref().is_some_and(|place| place.contains("tasks.rs")));
        check_at_rest(&tasks);

        let late = options().timeout(Duration::from_millis(50));
        let late = admitted(tasks.submit(late, long(&env)));
        assert_eq!(late.join().await, TaskOutcome::TimedOut);
        check_at_rest(&tasks);

        let running = admitted(tasks.submit(options(), long(&env)));
        let waiting = admitted(tasks.submit(options(), long(&env)));
        let deadline = options().deadline(system.deadline(Duration::from_millis(20)));
        let expiring = admitted(tasks.submit(deadline, long(&env)));
        waiting.cancel();
        assert_eq!(waiting.join().await, TaskOutcome::Cancelled);
        assert_eq!(expiring.join().await, TaskOutcome::TimedOut);
        assert_eq!((tasks.stats().running, tasks.stats().queued), (1, 0));
        running.cancel();
        assert_eq!(running.join().await, TaskOutcome::Cancelled);
        check_at_rest(&tasks);

        let killed = admitted(tasks.submit(options(), long(&env)));
        system.kill(killed.pid().expect("it runs"));
        assert_eq!(killed.join().await, TaskOutcome::Cancelled);
        drop(admitted(tasks.submit(options(), long(&env))));
        let kept =
            admitted(tasks.submit(options().cancel_on_drop(false), |_| async { Ok::<_, ()>(()) }));
        drop(kept);
        admitted(tasks.submit(options(), |_| async { Ok::<_, ()>(()) })).detach();
        wait_for(&env, "both to end", soon(&system), || {
            let stats = tasks.stats();
            (stats.ok == 3 && stats.running == 0).then_some(()).ok_or(format!("{stats:?}"))
        })
        .await;
        check_at_rest(&tasks);
    });
}

#[test]
fn the_deadline_is_handed_down() {
    sim_seeds(0..6, |env, _| async move {
        let (system, tasks) = open(&env, 1, 10).await;
        let deadline = system.deadline(Duration::from_secs(3));
        let given = |options: TaskOptions| {
            let handle =
                admitted(tasks.submit(options, |task| async move { Ok::<_, ()>(task.deadline()) }));
            async { handle.join().await.ok().expect("it returns at once") }
        };
        assert!(given(TaskOptions::default()).await.is_never());
        assert_eq!(given(TaskOptions::default().deadline(deadline)).await, deadline);
        let both = TaskOptions::default().deadline(deadline).timeout(Duration::from_mins(1));
        assert_eq!(given(both).await, deadline);
        let shorter = TaskOptions::default().deadline(deadline).timeout(Duration::from_secs(1));
        assert!(given(shorter).await < deadline);
    });
}

/// Guarantee TS2
#[test]
fn each_item_of_a_batch_has_its_own_outcome() {
    sim_seeds(0..16, |env, seed| async move {
        let (_, tasks) = open(&env, 3, 0).await;
        for ordered in [true, false] {
            let work = |env: &Env| {
                let env = env.clone();
                move |n: u64, _: TaskContext| {
                    let env = env.clone();
                    async move {
                        pause(&env, (n * 13 + seed) % 7).await;
                        match n {
                            3 => Err("three"),
                            5 => panic!("five"),
                            8 => {
                                pause(&env, 60_000).await;
                                Ok(n)
                            }
                            n => Ok(n * n),
                        }
                    }
                }
            };
            let options = BatchOptions::default()
                .max_concurrency(4)
                .timeout(Duration::from_secs(1))
                .ordered(ordered);
            let mut items = tasks.run_batch(0..12, options, work(&env)).await;
            if ordered {
                assert!(items.iter().map(|item| item.index).eq(0..12));
            }
            items.sort_by_key(|item| item.index);
            assert_eq!(items.len(), 12);
            for (n, item) in (0..).zip(items) {
                let expected = match n {
                    3 => TaskOutcome::Error("three"),
                    8 => TaskOutcome::TimedOut,
                    5 => {
                        assert!(
                            matches!(&item.outcome, TaskOutcome::Panicked(r) if r.message == "five")
                        );
                        continue;
                    }
                    n => TaskOutcome::Ok(n * n),
                };
                assert_eq!(item.outcome, expected);
            }
            check_at_rest(&tasks);
        }
        assert_eq!(tasks.stats().running_max, 3);
    });
}

/// Guarantee TS1
#[test]
fn batches_and_tasks_share_one_limit_and_all_get_on() {
    sim_seeds(0..24, |env, _| async move {
        let (system, tasks) = open(&env, 3, 100).await;
        let gauge = Gauge::default();
        let done = Arc::new(Mutex::new(0));
        for _ in 0..3 {
            let (tasks, gauge, env2, done) =
                (tasks.clone(), gauge.clone(), env.clone(), Arc::clone(&done));
            env.spawn(async move {
                let items = tasks
                    .run_batch(
                        0..20_u32,
                        BatchOptions::default().max_concurrency(8),
                        move |n, _| {
                            let (gauge, env) = (gauge.clone(), env2.clone());
                            async move {
                                let _inside = gauge.enter();
                                pause(&env, 5).await;
                                Ok::<_, ()>(n)
                            }
                        },
                    )
                    .await;
                assert!(items.iter().all(|item| item.outcome.is_ok()));
                *done.lock() += 1;
            });
        }
        for _ in 0..20 {
            let (gauge, env2) = (gauge.clone(), env.clone());
            let task = admitted(tasks.submit(TaskOptions::default(), move |_| async move {
                let _inside = gauge.enter();
                pause(&env2, 1).await;
                Ok::<_, ()>(())
            }));
            assert!(task.join().await.is_ok());
        }
        wait_for(&env, "three batches", soon(&system), || {
            let done = *done.lock();
            (done == 3).then_some(()).ok_or(done)
        })
        .await;
        assert_eq!(gauge.most(), 3);
        check_at_rest(&tasks);
    });
}

/// Guarantee TS2
#[test]
fn a_batch_takes_endless_input_and_dropping_it_cancels() {
    sim_seeds(0..30, |env, seed| async move {
        let (system, tasks) = open(&env, 2, 0).await;
        let gauge = Gauge::default();
        {
            let (gauge, env2) = (gauge.clone(), env.clone());
            let mut first =
                tasks.batch(0_u64.., BatchOptions::default().max_concurrency(3), move |n, _| {
                    let (gauge, env) = (gauge.clone(), env2.clone());
                    async move {
                        let _inside = gauge.enter();
                        pause(&env, 3).await;
                        Ok::<_, ()>(n)
                    }
                });
            for n in 0..(seed % 5) {
                let item = first.next().await.expect("it is endless");
                assert_eq!((item.index, item.outcome), (n, TaskOutcome::Ok(n)));
            }
            // Waits for a place behind the first batch, and goes away in line or just granted.
            let idle =
                tasks.batch([()], BatchOptions::default(), |(), _| async { Ok::<_, ()>(()) });
            let mut idle = Box::pin(async move {
                let mut idle = idle;
                idle.next().await
            });
            let deadline = system.deadline(Duration::from_millis(seed % 4));
            let _elapsed = system.before(deadline, idle.as_mut()).await;
            env.fault_point("between the batches").await;
        }
        wait_for(&env, "everything to be given back", soon(&system), || {
            let stats = tasks.stats();
            (stats.running == 0 && gauge.now() == 0).then_some(()).ok_or(format!("{stats:?}"))
        })
        .await;
        check_at_rest(&tasks);
    });
}

/// A batch whose outcome was just taken used to keep its place in line: a place that it was granted then was
/// taken by nobody, and a task submitted by the same caller waited behind it for ever.
///
/// Guarantee TS1
#[test]
fn a_batch_that_nobody_waits_for_holds_no_place() {
    sim_seeds(0..10, |env, _| async move {
        let (system, tasks) = open(&env, 1, 10).await;
        let options = BatchOptions::default().max_concurrency(2);
        let env2 = env.clone();
        let mut batch = tasks.batch(0..3_u64, options, move |item, _| {
            let env = env2.clone();
            async move {
                pause(&env, 10).await;
                Ok::<_, ()>(item)
            }
        });
        let mut outcomes = 0;
        for cancelled in [false, true] {
            assert!(batch.next().await.is_some());
            outcomes += 1;
            if cancelled {
                let now = foundation_types::Deadline::at(env.now());
                outcomes += u64::from(system.before(now, batch.next()).await.is_ok());
            }
            let task = tasks.submit(TaskOptions::default(), |_| async { Ok::<_, ()>(()) });
            let joined = Box::pin(admitted(task).join());
            let joined = system.before(tasks_soon(&env), joined).await;
            assert_eq!(joined, Ok(TaskOutcome::Ok(())), "it has the place that is free");
        }
        while batch.next().await.is_some() {
            outcomes += 1;
        }
        assert_eq!(outcomes, 3);
        drop(batch);
        check_at_rest(&tasks);
    });
}

#[test]
fn a_batch_ends_at_its_deadline() {
    sim_seeds(0..10, |env, _| async move {
        let (system, tasks) = open(&env, 2, 0).await;
        let options = BatchOptions::default()
            .max_concurrency(2)
            .deadline(system.deadline(Duration::from_millis(25)));
        let env2 = env.clone();
        let start = env.now();
        let items = tasks
            .run_batch(0..10, options, move |_, _| {
                let env = env2.clone();
                async move {
                    pause(&env, 10).await;
                    Ok::<_, ()>(())
                }
            })
            .await;
        let took = env.now().saturating_duration_since(start);
        assert!(took <= Duration::from_millis(50), "{took:?}");
        assert_eq!(items.len(), 10);
        let ok = items.iter().filter(|item| item.outcome.is_ok()).count();
        assert!((1..=6).contains(&ok), "{ok}");
        assert!(items[ok + 2..].iter().all(|item| item.outcome == TaskOutcome::TimedOut));
        check_at_rest(&tasks);
    });
}

/// What an expired task has captured is dropped by the next who submits one. A panic in such a drop used to
/// unwind out of that stranger's `submit`, and the other expired tasks said Cancelled.
#[test]
fn what_an_expired_task_drops_harms_nobody_else() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("told to panic");
        }
    }
    sim_seeds(0..4, |env, _| async move {
        let (system, tasks) = open(&env, 1, 2).await;
        let first = admitted(
            tasks.submit(TaskOptions::default(), |_| std::future::pending::<Result<(), ()>>()),
        );
        let options =
            || TaskOptions::default().deadline(system.deadline(Duration::from_millis(10)));
        let grenade = Grenade;
        let armed = admitted(tasks.submit(options(), move |_| async move {
            let _held = &grenade;
            Ok::<_, ()>(())
        }));
        let plain = admitted(tasks.submit(options(), |_| async { Ok::<_, ()>(()) }));
        pause(&env, 50).await;
        let next = admitted(tasks.submit(TaskOptions::default(), |_| async { Ok::<_, ()>(7) }));
        assert_eq!(armed.join().await, TaskOutcome::TimedOut);
        assert_eq!(plain.join().await, TaskOutcome::TimedOut);
        let contained = system.contained_panics();
        assert_eq!(contained.len(), 1, "{contained:?}");
        assert_eq!(contained[0].report.message, "told to panic");
        first.cancel();
        assert_eq!(next.join().await, TaskOutcome::Ok(7));
        check_at_rest(&tasks);
    });
}

/// A task in line whose time was over kept its place until somebody joined it, so a line full of them refused
/// everybody.
///
/// Guarantee TS2
#[test]
fn tasks_whose_time_is_over_refuse_nobody() {
    sim_seeds(0..6, |env, _| async move {
        let (system, tasks) = open(&env, 1, 3).await;
        let never = || std::future::pending::<Result<(), ()>>();
        let first = admitted(tasks.submit(TaskOptions::default(), move |_| never()));
        let waiting: Vec<_> = [20, 10, 10_000]
            .into_iter()
            .map(|millis| {
                let deadline = system.deadline(Duration::from_millis(millis));
                let options = TaskOptions::default().deadline(deadline);
                admitted(tasks.submit(options, move |_| never()))
            })
            .collect();
        let submit = || tasks.submit(TaskOptions::default(), move |_| never());
        assert!(matches!(submit(), Admission::Refused(_)), "nobody's time is over");
        pause(&env, 50).await;
        let Admission::Queued { handle, ahead } = submit() else { panic!("two are over") };
        assert_eq!((ahead, tasks.stats().queued, tasks.stats().timed_out), (1, 2, 2));
        let finished: Vec<_> = waiting.iter().map(TaskHandle::is_finished).collect();
        assert_eq!(finished, [true, true, false]);
        drop((first, handle, waiting));
        wait_for(&env, "the end of the first", soon(&system), || match tasks.stats().running {
            0 => Ok(()),
            running => Err(running),
        })
        .await;
        check_at_rest(&tasks);
    });
}

/// A task that the system had no room for used to say that somebody had cancelled it.
///
/// Guarantee TS2
#[test]
fn a_task_that_cannot_be_spawned_says_why() {
    sim_seeds(0..6, |env, _| async move {
        let mut limits = Limits::default();
        limits.processes_max = 2;
        let system = System::with_limits(env.clone(), limits);
        let tasks = TaskSupervisor::new(TaskLimits::default());
        tasks.start(&system).await.expect("it opens");
        let env2 = env.clone();
        let first = admitted(tasks.submit(TaskOptions::default(), move |_| async move {
            pause(&env2, 10).await;
            Ok::<_, ()>(())
        }));
        let second = admitted(tasks.submit(TaskOptions::default(), |_| async { Ok::<_, ()>(()) }));
        let outcome = second.join().await;
        let full = SpawnError::TooManyProcesses { limit: 2 };
        assert_eq!(outcome, TaskOutcome::NotStarted(full));
        assert_eq!(first.join().await, TaskOutcome::Ok(()));
        assert_eq!((tasks.stats().failed, tasks.stats().cancelled), (1, 0));
        check_at_rest(&tasks);
    });
}

/// After its deadline a batch used to go on taking items of an endless iterator, each of which had timed out.
#[test]
fn an_endless_batch_ends_at_its_deadline() {
    sim_seeds(0..10, |env, seed| async move {
        let (system, tasks) = open(&env, 2, 0).await;
        let options = BatchOptions::default()
            .max_concurrency(2)
            .ordered(seed % 2 == 0)
            .deadline(system.deadline(Duration::from_millis(25)));
        // In truth it ends, so that this test does too; but it does not say so.
        let mut left = 1000;
        let endless = std::iter::from_fn(move || {
            left -= 1;
            (left > 0).then_some(())
        });
        let env2 = env.clone();
        let batch = tasks.batch(endless, options, move |(), _| {
            let env = env2.clone();
            async move {
                pause(&env, 10).await;
                Ok::<_, ()>(())
            }
        });
        let items = batch.collect().await;
        assert!(items.len() <= 12, "{}", items.len());
        let ok = items.iter().filter(|item| item.outcome.is_ok()).count();
        assert!(ok >= 1 && ok < items.len(), "the last ones have timed out: {items:?}");
        check_at_rest(&tasks);
    });
}

/// A batch on a closed pool used to cancel item after item within one poll of its reader, whose thread never
/// came to opening the pool again.
#[test]
fn a_batch_on_a_closed_pool_gives_way_after_each_item() {
    for ordered in [true, false] {
        let tasks = TaskSupervisor::new(TaskLimits::default());
        let options = BatchOptions::default().max_concurrency(2).ordered(ordered);
        let mut batch = tasks.batch(0..100_u64, options, |n, _| async move { Ok::<_, ()>(n) });
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut told = 0;
        for gave_way in [false, true, false, true] {
            let mut next = std::pin::pin!(batch.next());
            let polled = next.as_mut().poll(&mut cx);
            assert_eq!(polled.is_pending(), gave_way, "item {told}, ordered: {ordered}");
            told += u64::from(polled.is_ready());
        }
        assert_eq!(told, 2);
    }
}

/// Guarantee R4
#[test]
fn no_task_outlives_its_supervisor() {
    sim_seeds(0..24, |env, seed| async move {
        let system = System::new(env.clone());
        let tasks = TaskSupervisor::new(TaskLimits::default().max_children(3).queue_max(10));
        let refused = tasks.submit(TaskOptions::default(), |_| async { Ok::<_, ()>(()) });
        assert!(matches!(refused, Admission::Refused(r) if r.reason == Refusal::Closed));
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .child(tasks.spec("tasks"))
            .start(&system)
            .await
            .expect("it opens");
        let gauge = Gauge::default();
        let handles: Vec<_> = (0..6)
            .map(|_| {
                let (gauge, env) = (gauge.clone(), env.clone());
                admitted(tasks.submit(TaskOptions::default(), move |_| async move {
                    let _inside = gauge.enter();
                    pause(&env, 60_000).await;
                    Ok::<_, ()>(())
                }))
            })
            .collect();
        let keeper = system.info(handles[0].pid().expect("it runs")).expect("it runs").ancestors[0];
        env.fault_point("before the end").await;
        let start = env.now();
        let down = system.monitor(keeper);
        if seed % 2 == 0 {
            system.kill(keeper);
        } else {
            supervisor.terminate_child("tasks").await.expect("it stops");
            assert_eq!(gauge.now(), 0, "stopped in order it has waited for its tasks");
        }
        down.await;
        for handle in handles {
            assert_eq!(handle.join().await, TaskOutcome::Cancelled);
        }
        assert!(env.now().saturating_duration_since(start) < Duration::from_secs(1));
        check_at_rest(&tasks);
        if seed % 2 == 1 {
            supervisor.restart_child("tasks").await.expect("it opens again");
        } else {
            supervisor.count_children().await.expect("it lives");
        }
        let again = admitted(tasks.submit(TaskOptions::default(), |_| async { Ok::<_, ()>(1) }));
        assert_eq!(again.join().await, TaskOutcome::Ok(1));
        assert_eq!(supervisor.stop(soon(&system)).await, Ok(ExitReason::SHUTDOWN));
        assert_eq!(system.counts().processes, 0);
    });
}

/// Guarantee TS2
#[test]
fn a_batch_survives_the_restart_of_its_supervisor() {
    sim_seeds(0..16, |env, _| async move {
        let (system, tasks) =
            (System::new(env.clone()), TaskSupervisor::new(TaskLimits::default()));
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .child(tasks.spec("tasks"))
            .start(&system)
            .await
            .expect("it opens");
        let env2 = env.clone();
        let mut batch =
            tasks.batch(0..20_u32, BatchOptions::default().max_concurrency(2), move |n, _| {
                let env = env2.clone();
                async move {
                    pause(&env, 10).await;
                    Ok::<_, ()>(n)
                }
            });
        assert!(batch.next().await.expect("twenty items").outcome.is_ok());
        let children = supervisor.which_children().await.expect("it lives");
        let foundation_supervisor::ChildState::Running(keeper) = children[0].state else {
            panic!("it runs")
        };
        let down = system.monitor(keeper);
        system.kill(keeper);
        down.await;
        supervisor.count_children().await.expect("it has restarted its child");
        let rest = batch.collect().await;
        assert_eq!(rest.len(), 19, "every item has an outcome");
        let cancelled = rest.iter().filter(|i| i.outcome == TaskOutcome::Cancelled).count();
        assert!(cancelled <= 4 && rest.last().expect("nineteen").outcome.is_ok(), "{rest:?}");
        check_at_rest(&tasks);
    });
}

#[test]
fn computations_have_places_and_outcomes_of_their_own() {
    sim_seeds(0..10, |env, _| async move {
        let system = System::new(env.clone());
        let cpu = CpuPool::new(TaskLimits::default().max_children(2));
        cpu.start(&system).await.expect("it opens");
        let gauge = Gauge::default();
        let counted = gauge.clone();
        let items = cpu
            .run_batch(0..10_u64, BatchOptions::default().max_concurrency(5), move |n, _| {
                let _inside = counted.enter();
                assert!(n != 4, "told to panic");
                if n == 6 { Err("six") } else { Ok(n + 1) }
            })
            .await;
        assert_eq!(items.iter().filter(|item| item.outcome.is_ok()).count(), 8);
        assert_eq!(items[6].outcome, TaskOutcome::Error("six"));
        let TaskOutcome::Panicked(report) = &items[4].outcome else { panic!("{items:?}") };
        assert_eq!(report.message, "told to panic");
        let place = report.location.as_deref().unwrap_or_default();
        assert!(place.contains("tasks.rs"), "where it was raised: {report:?}");
        assert!(gauge.most() <= 2);
        let one = admitted(cpu.submit(TaskOptions::default(), |_| Ok::<_, ()>("done")));
        assert_eq!(one.join().await, TaskOutcome::Ok("done"));
        let stats = cpu.stats();
        assert_eq!((stats.running, stats.running_max), (0, 2));
    });
}

/// Real threads: a closure keeps its place until it has really returned.
///
/// Guarantee TS1
#[test]
fn a_cancelled_computation_keeps_its_place_until_it_returns() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let system = System::current();
        let cpu = CpuPool::new(TaskLimits::default().max_children(1).queue_max(1));
        cpu.start(&system).await.expect("it opens");
        let (go_on, wait) = std::sync::mpsc::sync_channel::<()>(1);
        let (begun, has_begun) = std::sync::mpsc::sync_channel::<()>(1);
        let stuck = admitted(cpu.submit(TaskOptions::default(), move |_| {
            begun.send(()).expect("the test waits");
            wait.recv().map_err(|_closed| ())
        }));
        wait_for(system.env(), "the closure", soon(&system), || has_begun.try_recv()).await;
        stuck.cancel();
        assert_eq!(stuck.join().await, TaskOutcome::Cancelled);
        assert_eq!(cpu.stats().running, 1, "the closure still computes");
        let next = admitted(cpu.submit(TaskOptions::default(), |_| Ok::<_, ()>(())));
        assert_eq!(next.pid(), None, "so the next one waits");
        go_on.send(()).expect("the closure waits");
        assert_eq!(next.join().await, TaskOutcome::Ok(()));
        wait_for(system.env(), "a free place", soon(&system), || match cpu.stats().running {
            0 => Ok(()),
            running => Err(running),
        })
        .await;
    });
}

/// Real threads: places are counted exactly under contention.
///
/// Guarantee TS1
#[test]
fn places_are_exact_on_real_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let system = System::current();
        let tasks = TaskSupervisor::new(TaskLimits::default().max_children(3).queue_max(50));
        tasks.start(&system).await.expect("it opens");
        let (gauge, ended) = (Gauge::default(), Arc::new(AtomicUsize::new(0)));
        for client in 0..4_u32 {
            let (tasks, gauge, ended) = (tasks.clone(), gauge.clone(), Arc::clone(&ended));
            system.env().clone().spawn(async move {
                for n in 0..500_u32 {
                    let gauge = gauge.clone();
                    let admission = tasks.submit(TaskOptions::default(), move |_| async move {
                        let _inside = gauge.enter();
                        if n % 50 == 7 {
                            std::future::pending::<()>().await;
                        }
                        Ok::<_, ()>(n)
                    });
                    let Ok(handle) = admission.into_result() else { continue };
                    if n % 50 == 7 || (n + client) % 9 == 0 {
                        drop(handle);
                    } else {
                        assert_eq!(handle.join().await, TaskOutcome::Ok(n));
                    }
                }
                ended.fetch_add(1, Ordering::AcqRel);
            });
        }
        wait_for(system.env(), "four clients and their tasks", soon(&system), || {
            let (ended, stats) = (ended.load(Ordering::Acquire), tasks.stats());
            let done = ended == 4 && stats.running == 0 && system.counts().processes == 1;
            done.then_some(()).ok_or(format!("{ended} clients ended, {stats:?}"))
        })
        .await;
        assert!(gauge.most() <= 3 && tasks.stats().running_max <= 3);
        check_at_rest(&tasks);
    });
}

#[test]
fn bounds_of_zero_are_bounds_of_one() {
    sim_seeds(0..4, |env, _| async move {
        let system = System::new(env.clone());
        let mut limits = TaskLimits::default();
        limits.max_children = 0;
        let tasks = TaskSupervisor::new(limits);
        tasks.start(&system).await.expect("it starts");
        let mut options = BatchOptions::default();
        options.max_concurrency = 0;
        let batch = tasks.run_batch(0..3_u32, options, |n, _| async move { Ok::<_, ()>(n) });
        let items = system.before(tasks_soon(&env), Box::pin(batch)).await.expect("it gets on");
        assert!(items.iter().all(|item| item.outcome.is_ok()));
        check_at_rest(&tasks);
    });
}
