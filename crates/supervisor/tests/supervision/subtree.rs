//! Whoever goes on after a killed supervisor, by a restart or by ending, waits for all below it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use foundation_env::sync::Mutex;
use foundation_env::sync::atomic::{AtomicU64, Ordering};
use foundation_process::{Context, Limits, Outcome, Process, Signal, System};
use foundation_supervisor::{
    Backoff, ChildSpec, DynamicMessage, DynamicRef, DynamicSupervisor, Restart, Shutdown, Strategy,
    Supervisor, SupervisorRef, TaskLimits, TaskOptions, TaskSupervisor,
};
use foundation_testkit::{sim_seeds, wait_for};
use foundation_types::{Deadline, ExitReason, MonitorId, Pid};

use crate::probe::{Event, Order, World, soon};

/// A supervisor with two leaves.
fn low(world: &World) -> ChildSpec {
    let world = world.clone();
    ChildSpec::supervisor("low", move || {
        Supervisor::new(Strategy::OneForOne).child(world.spec("leaf1")).child(world.spec("leaf2"))
    })
}

/// A supervisor above that one, so that there are two levels below the child.
fn middle(world: &World) -> ChildSpec {
    let low = low(world);
    ChildSpec::supervisor("middle", move || Supervisor::new(Strategy::OneForOne).child(low.clone()))
}

/// The pid of the supervisor of the leaves.
fn low_pid(world: &World, system: &System) -> Pid {
    system.info(world.pid("leaf1")).expect("it runs").ancestors[0]
}

/// A killed child supervisor was Dead before its own children were: the supervisor above gave up at
/// that news and was Dead while they lived. Now it waits for them.
///
/// Guarantee R4
#[test]
fn nobody_is_left_when_a_supervisor_gives_up_over_a_killed_one() {
    sim_seeds(0..60, |env, seed| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let child = if seed % 2 == 0 { low(&world) } else { middle(&world) };
        let top = if seed % 3 == 0 {
            let top = DynamicSupervisor::new().intensity(0, Duration::from_secs(5));
            let top = top.start(&system).await.expect("it starts");
            top.start_child(child).await.expect("it starts");
            top.pid().expect("it runs")
        } else {
            let top = Supervisor::new(Strategy::OneForOne)
                .intensity(0, Duration::from_secs(5))
                .child(child);
            top.start(&system).await.expect("it starts").pid().expect("it runs")
        };
        world.address(&system, "leaf1").send(Order::Hang).await.expect("alive");
        let down = system.monitor(top);
        let nested = system.info(low_pid(&world, &system)).expect("it runs").ancestors[0];
        system.kill(if seed % 2 == 0 { low_pid(&world, &system) } else { nested });
        let reason = down.await.reason;
        assert_eq!(system.counts().processes, 0, "{reason}: {:?}", system.processes());
    });
}

/// Guarantee R4
#[test]
fn nobody_is_left_of_a_supervisor_that_is_stopped_by_a_kill() {
    sim_seeds(0..40, |env, seed| async move {
        for shutdown in [Shutdown::BrutalKill, Shutdown::Timeout(Duration::from_millis(3))] {
            let (world, system) = (World::default(), System::new(env.clone()));
            world.slow_end("leaf2", Duration::from_secs(1));
            let child = if seed % 2 == 0 { low(&world) } else { middle(&world) };
            let child = child.shutdown(shutdown);
            if seed % 3 == 0 {
                let top = DynamicSupervisor::new().start(&system).await.expect("it starts");
                let pid = top.start_child(child).await.expect("it starts");
                if seed % 4 == 0 {
                    top.stop(soon(&system)).await.expect("it stops");
                    assert_eq!(system.counts().processes, 0, "{:?}", system.processes());
                } else {
                    top.terminate_child(pid).await.expect("it stops");
                    assert_eq!(world.living(), [""; 0]);
                }
            } else {
                let top = Supervisor::new(Strategy::OneForOne).child(child);
                let top = top.start(&system).await.expect("it starts");
                if seed % 4 == 0 {
                    top.stop(soon(&system)).await.expect("it stops");
                    assert_eq!(system.counts().processes, 0, "{:?}", system.processes());
                } else {
                    let id = if seed % 2 == 0 { "low" } else { "middle" };
                    top.terminate_child(id).await.expect("it stops");
                    assert_eq!(world.living(), [""; 0]);
                }
            }
        }
    });
}

/// Siblings that come before the killed supervisor were started while its leaves still lived.
///
/// Guarantee R3
/// Guarantee R4
#[test]
fn siblings_of_a_killed_supervisor_restart_after_its_subtree_is_dead() {
    sim_seeds(0..40, |env, _| async move {
        let (world, system) = (World::default(), System::new(env.clone()));
        let top = Supervisor::new(Strategy::OneForAll)
            .backoff(Backoff::NONE)
            .child(world.spec("first"))
            .child(middle(&world))
            .start(&system)
            .await
            .expect("all start");
        for _ in 0..2 {
            world.forget_events();
            let nested = low_pid(&world, &system);
            let nested = system.info(nested).expect("it runs").ancestors[0];
            let down = system.monitor(nested);
            system.kill(nested);
            down.await;
            top.count_children().await.expect("it has restarted all");
            let events = world.events();
            let place = |event| events.iter().position(|e| *e == event).expect("it happened");
            let restarted = place(Event::Started("first"));
            for leaf in ["leaf1", "leaf2"] {
                assert!(place(Event::Gone(leaf)) < restarted, "{events:?}");
            }
            world.check_no_overlap();
        }
    });
}

/// A dynamic supervisor that is short of room for one monitor when it learns of the death of whom it waits for
/// and somebody below is left; its next message makes room again.
struct Greedy {
    supervisor: DynamicSupervisor,
    world: World,
    taken: Option<MonitorId>,
    times: Arc<AtomicU64>,
}

impl Process for Greedy {
    type Message = DynamicMessage;

    async fn init(&mut self, context: &mut Context<DynamicMessage>) -> Outcome {
        self.supervisor.init(context).await
    }

    async fn handle(
        &mut self,
        message: DynamicMessage,
        context: &mut Context<DynamicMessage>,
    ) -> Outcome {
        if let Some(taken) = self.taken.take() {
            context.demonitor(taken);
        }
        self.supervisor.handle(message, context).await
    }

    async fn handle_signal(
        &mut self,
        signal: Signal,
        context: &mut Context<DynamicMessage>,
    ) -> Outcome {
        if matches!(signal, Signal::Down { .. }) && self.world.living() == ["leaf"] {
            self.taken = context.monitor(context.pid()).ok();
            self.times.fetch_add(1, Ordering::Relaxed);
        }
        self.supervisor.handle_signal(signal, context).await
    }
}

/// The monitor of a dead child kept its room until its DOWN came, so there was none for those whom it had left
/// behind, and the supervisor went on beside them. Now that room is given back before; where there is none all
/// the same, the supervisor looks again later.
///
/// Guarantee R4
#[test]
fn a_replacement_waits_also_for_those_who_cannot_be_monitored() {
    let times = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&times);
    sim_seeds(0..40, move |env, _| {
        let times = Arc::clone(&counted);
        async move {
            let mut limits = Limits::default();
            limits.monitors_per_process_max = 1;
            let (world, system) = (World::default(), System::with_limits(env.clone(), limits));
            let leaf = world.spec("leaf");
            let low = ChildSpec::supervisor("low", move || {
                Supervisor::new(Strategy::OneForOne).child(leaf.clone())
            });
            let middle = ChildSpec::supervisor("middle", move || {
                Supervisor::new(Strategy::OneForOne).child(low.clone())
            });
            let supervisor = DynamicSupervisor::new().backoff(Backoff::NONE);
            let top = Greedy { supervisor, world: world.clone(), taken: None, times };
            let top = Box::pin(system.process(top).supervised().start(Deadline::NEVER)).await;
            let top = DynamicRef::from(top.expect("it starts"));
            let middle = top.start_child(middle).await.expect("it starts");
            system.kill(middle);
            wait_for(&env, "the restart", soon(&system), || match world.starts() {
                2 => Ok(()),
                starts => Err(starts),
            })
            .await;
            assert_eq!(top.restarts().await.expect("it lives").len(), 1, "it went on too early");
            world.check_no_overlap();
        }
    });
    assert!(times.load(Ordering::Relaxed) > 0, "no seed leaves the leaf behind");
}

/// The keeper of tasks had five seconds to stop, was killed then, and the tree was down while a task
/// that does not yield still ran. Real threads, since a simulated one would stop the world.
///
/// Guarantee R4
#[test]
fn a_tree_is_not_down_while_a_task_that_does_not_yield_runs() {
    threads(async {
        let system = System::current();
        let tasks = TaskSupervisor::new(TaskLimits::default());
        // A limit that is over at once: the keeper is killed while it waits for the task.
        let keeper = tasks.spec("tasks").shutdown(Shutdown::Timeout(Duration::ZERO));
        let top = Supervisor::new(Strategy::OneForOne).child(keeper);
        let top = top.start(&system).await.expect("it starts");
        let keeper = tasks_pid(&top).await;
        let (go_on, wait) = sync_channel::<()>(1);
        let (begun, has_begun) = sync_channel::<()>(1);
        let stuck = tasks.submit(TaskOptions::default(), move |_| {
            begun.send(()).expect("the test waits");
            let waited = wait.recv();
            async move { waited }
        });
        let stuck = stuck.into_result().expect("it is admitted");
        wait_for(system.env(), "the task", soon(&system), || has_begun.try_recv()).await;
        let task = stuck.pid().expect("it runs");
        let keeper_down = system.monitor(keeper);
        let top = top.pid().expect("it runs");
        let down = system.monitor(top);
        assert!(system.stop(top, ExitReason::SHUTDOWN));
        keeper_down.await;
        assert!(system.is_alive(top) && system.is_alive(task), "it waits for the task");
        go_on.send(()).expect("the task waits");
        down.await;
        assert!(!system.is_alive(task));
    });
}

async fn tasks_pid(top: &SupervisorRef) -> Pid {
    let children = top.which_children().await.expect("it lives");
    let foundation_supervisor::ChildState::Running(pid) = children[0].state else {
        panic!("it runs")
    };
    pid
}

/// Keeps its thread until the other end of the channel is gone.
struct Stuck(Mutex<Option<Receiver<()>>>, SyncSender<()>);

impl Process for Stuck {
    type Message = ();

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        let wait = self.0.lock().take();
        self.1.send(()).expect("the test waits");
        if let Some(wait) = wait {
            let _closed = wait.recv();
        }
        Ok(())
    }
}

/// A process that is stuck, what lets it go, and what tells that it is stuck.
fn stuck() -> (Stuck, SyncSender<()>, Receiver<()>) {
    let (go_on, wait) = sync_channel::<()>(1);
    let (begun, has_begun) = sync_channel::<()>(1);
    (Stuck(Mutex::new(Some(wait)), begun), go_on, has_begun)
}

fn threads(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(test);
}

/// One set of killed processes for the whole tree made every start of a supervisor wait for a
/// process that was stuck anywhere; now each child has its own.
///
/// Guarantee R4
#[test]
fn a_stuck_process_holds_up_only_the_supervisors_above_it() {
    threads(async {
        let (system, world) = (System::current(), World::default());
        let top = DynamicSupervisor::new().start(&system).await.expect("it starts");
        let (process, go_on, has_begun) = stuck();
        let process = Mutex::new(Some(process));
        let leaf =
            ChildSpec::new("stuck", move || process.lock().take().unwrap_or_else(|| stuck().0));
        let address = leaf.address::<()>().expect("it handles this");
        let above = ChildSpec::supervisor("above", move || {
            Supervisor::new(Strategy::OneForOne).child(leaf.clone())
        });
        let above = above.restart(Restart::Transient);
        let killed = top.start_child(above).await.expect("it starts");
        address.send(()).await.expect("it lives");
        wait_for(system.env(), "the stuck one", soon(&system), || has_begun.try_recv()).await;
        let old = address.current().expect("it lives").pid();
        let down = system.monitor(killed);
        system.kill(killed);
        down.await;

        let beside = top.start_child(low(&world)).await.expect("nobody is in its way");
        let down = system.monitor(beside);
        system.kill(beside);
        down.await;
        wait_for(system.env(), "the restart beside", soon(&system), || match world.starts() {
            4 => Ok(()),
            starts => Err(starts),
        })
        .await;
        assert!(system.is_alive(old) && address.current().is_err(), "no replacement beside it");
        drop(go_on);
        let back = || address.current();
        let new = wait_for(system.env(), "the restart", soon(&system), back).await;
        assert!(new.pid() != old && !system.is_alive(old));
        top.stop(soon(&system)).await.expect("it stops");
    });
}

/// A dynamic supervisor waited for each child before it killed the next, so one that was stuck kept
/// others alive whose time was over as well.
///
/// Guarantee R3
#[test]
fn a_stuck_child_does_not_keep_others_from_being_killed_in_time() {
    threads(async {
        let (system, world) = (System::current(), World::default());
        let top = DynamicSupervisor::new().start(&system).await.expect("it starts");
        let (process, go_on, has_begun) = stuck();
        let process = Mutex::new(Some(process));
        let first = ChildSpec::new("stuck", move || process.lock().take().expect("once"))
            .shutdown(Shutdown::Timeout(Duration::ZERO));
        let address = first.address::<()>().expect("it handles this");
        top.start_child(first).await.expect("it starts");
        let later = world.spec("later").shutdown(Shutdown::Timeout(Duration::from_millis(1)));
        top.start_child(later).await.expect("it starts");
        world.address(&system, "later").send(Order::Hang).await.expect("alive");
        wait_for(system.env(), "a hanging handler", soon(&system), || {
            world.events().contains(&Event::Hanging("later")).then_some(()).ok_or("not yet")
        })
        .await;
        address.send(()).await.expect("it lives");
        wait_for(system.env(), "the stuck one", soon(&system), || has_begun.try_recv()).await;
        let down = system.monitor(top.pid().expect("it runs"));
        let later = system.monitor(world.pid("later"));
        assert!(system.stop(top.pid().expect("it runs"), ExitReason::SHUTDOWN));
        assert_eq!(later.await.reason, ExitReason::Killed);
        drop(go_on);
        down.await;
        assert!(address.current().is_err());
    });
}
