//! The exit protocol: its order, and that every way out takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foundation_env::Env;
use foundation_env::sim::{SimOptions, Simulation};
use foundation_process::{Address, HookError, Limits, System};
use foundation_types::ExitReason;

use crate::subject::{
    Event, Gate, Log, Order, Subject, act, ask, failure, poll_once, quiesce, simulate, start, stop,
};

/// A way for a process to end.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Return,
    Fail,
    Panic,
    Stop,
    ExitSignal,
    Kill,
    KillInHandler,
    KillInTerminate,
}

const WAYS: [Way; 8] = [
    Way::Return,
    Way::Fail,
    Way::Panic,
    Way::Stop,
    Way::ExitSignal,
    Way::Kill,
    Way::KillInHandler,
    Way::KillInTerminate,
];

impl Way {
    fn end(self, system: &System, process: &Address<Order>) {
        let pid = process.pid();
        let done = match self {
            Self::Return => process.try_send(stop(ExitReason::Normal)).is_ok(),
            Self::Fail => process.try_send(act(|_| Err(failure()))).is_ok(),
            Self::Panic => process.try_send(act(|_| panic!("planted"))).is_ok(),
            Self::Stop | Self::KillInTerminate => system.stop(pid, ExitReason::SHUTDOWN),
            Self::ExitSignal => system.exit(pid, failure()),
            Self::Kill => system.kill(pid),
            Self::KillInHandler => {
                process.try_send(Gate::closed().order()).is_ok()
                    && process.try_send(Order::Note(0)).is_ok()
            }
        };
        assert!(done, "{self:?}");
    }

    fn is_abrupt(self) -> bool {
        matches!(self, Self::Kill | Self::KillInHandler)
    }
}

#[test]
fn hooks_run_newest_first_also_after_one_was_taken_out() {
    simulate(|system| async move {
        let log = Log::default();
        let pid = start(&system, Subject::new(&log)).await.pid();
        let [first, ..] = ["first", "second", "third"].map(|text| {
            let noted = log.clone();
            system.add_exit_hook(pid, move |_| noted.add(Event::Text(text))).unwrap()
        });
        assert!(system.remove_exit_hook(pid, first));
        assert!(!system.remove_exit_hook(pid, first));
        system.kill(pid);
        system.monitor(pid).await;
        assert_eq!(log.take(), [Event::Text("third"), Event::Text("second")]);
    });
}

/// Guarantee E2
/// Guarantee I1
#[test]
fn every_way_out_takes_the_steps_in_order() {
    simulate(|system| async move {
        for way in WAYS {
            let (log, gate) = (Log::default(), Gate::closed());
            let stuck = gate.clone();
            let mut subject = Subject::new(&log).state(log.when_dropped("state"));
            if way == Way::KillInTerminate {
                subject = subject.on_terminate(async move { drop(stuck.pass().await) });
            }
            let process = start(&system, subject).await;
            let pid = process.pid();
            prepare(&system, &process, &log).await;
            let watcher = start(&system, Subject::new(&log).traps()).await;
            let id = ask(&watcher, move |context| {
                context.link(pid).unwrap();
                context.monitor(pid).unwrap()
            })
            .await;
            let mut kept =
                Box::pin(process.call_until(Order::Keep, foundation_types::Deadline::NEVER));
            assert!(poll_once(&mut kept).await.is_pending());
            quiesce(&system).await;
            way.end(&system, &process);
            if matches!(way, Way::KillInHandler | Way::KillInTerminate) {
                quiesce(&system).await;
                assert!(process.is_alive());
                assert!(system.kill(pid));
            }
            assert!(kept.await.is_err());
            let at_failed_call = log.read();
            quiesce(&system).await;
            let reason = process.exit_reason().unwrap();
            let mut expected = Vec::new();
            if !way.is_abrupt() {
                let told =
                    if way == Way::KillInTerminate { &ExitReason::SHUTDOWN } else { &reason };
                expected.push(Event::Terminate(told.clone()));
            }
            let hooks = ["state", "second hook", "held value", "first hook"];
            expected.extend(hooks.map(Event::Text));
            assert!(at_failed_call.starts_with(&expected), "{way:?}: {at_failed_call:?}");
            let mut events = log.take();
            let mut news = events.split_off(expected.len().min(events.len()));
            assert_eq!(events, expected, "{way:?}");
            news.sort_by_key(|event| matches!(event, Event::Down(..)));
            let told = [Event::Exit(pid, reason.clone()), Event::Down(id, pid, reason)];
            assert_eq!(news, told, "{way:?}");
            assert_eq!(system.counts().hooks, 0);
            system.kill(watcher.pid());
        }
    });
}

/// Ties two hooks and a held value to the process; the hooks look at it as it dies.
async fn prepare(system: &System, process: &Address<Order>, log: &Log) {
    let (pid, value) = (process.pid(), log.when_dropped("held value"));
    let hook = |text| {
        let (system, log, process) = (system.clone(), log.clone(), process.clone());
        move |exited: &foundation_process::Exited| {
            assert_eq!(exited.pid, pid);
            assert!(system.is_alive(pid) && process.is_alive(), "not dead before its hooks ran");
            assert!(process.try_send(Order::Note(77)).is_ok(), "sends behave as before");
            let late = system.add_exit_hook(pid, |_| ());
            assert_eq!(late, Err(HookError::NoProcess(pid)), "no new hooks");
            log.add(Event::Text(text));
        }
    };
    system.add_exit_hook(pid, hook("first hook")).unwrap();
    ask(process, move |context| context.hold(value).is_ok()).await;
    system.add_exit_hook(pid, hook("second hook")).unwrap();
    let removed = system.add_exit_hook(pid, hook("removed hook")).unwrap();
    assert!(system.remove_exit_hook(pid, removed));
    assert!(!system.remove_exit_hook(pid, removed));
}

/// A runtime of one thread that has not polled anything yet.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// Spawns a process that holds something and watches another.
fn spawn_with_hooks(system: &System, log: &Log) -> Address<Order> {
    let process = system.spawn(Subject::new(log).state(log.when_dropped("state"))).unwrap();
    let (noted, address) = (log.clone(), process.clone());
    let hook = move |_: &_| {
        assert!(address.is_alive());
        noted.add(Event::Text("hook"));
    };
    system.add_exit_hook(process.pid(), hook).unwrap();
    process
}

const CUT_SHORT: [Event; 2] = [Event::Text("state"), Event::Text("hook")];

/// Guarantee E2
#[test]
fn a_process_that_was_never_polled_takes_the_steps() {
    let log = Log::default();
    let runtime = runtime();
    let system = System::new(Env::tokio(runtime.handle().clone()));
    let process = spawn_with_hooks(&system, &log);
    drop(runtime);
    assert_eq!(process.exit_reason(), Some(ExitReason::Killed));
    assert_eq!(log.take(), CUT_SHORT);

    let simulation = Simulation::new(1, SimOptions::default());
    let system = System::new(simulation.env());
    let process = spawn_with_hooks(&system, &log);
    drop(simulation);
    assert_eq!(process.exit_reason(), Some(ExitReason::Killed));
    assert_eq!(log.take(), CUT_SHORT);
    assert_eq!(system.counts().processes, 0);
}

/// Guarantee E2
#[test]
fn a_spawn_into_a_runtime_that_is_gone_takes_the_steps() {
    let log = Log::default();
    let runtime = runtime();
    let system = System::new(Env::tokio(runtime.handle().clone()));
    drop(runtime);
    let process = system.spawn(Subject::new(&log).state(log.when_dropped("state"))).unwrap();
    assert_eq!(process.exit_reason(), Some(ExitReason::Killed));
    assert_eq!(log.take(), [Event::Text("state")]);
    assert!(process.try_send(Order::Note(1)).is_err());
    assert_eq!(system.counts().processes, 0);
}

/// Guarantee E2
#[test]
fn the_end_of_a_runtime_takes_every_process_through_the_steps() {
    let log = Log::default();
    let runtime = runtime();
    let (system, processes) = runtime.block_on(async {
        let system = System::current();
        let idle = spawn_with_hooks(&system, &log);
        assert_eq!(idle.call(|reply| Order::Echo(1, reply)).await, Ok(1));
        let busy = spawn_with_hooks(&system, &log);
        let inside = log.clone();
        let (entered, mut waits) = tokio::sync::mpsc::channel(1);
        let wait = crate::subject::wait(async move {
            let _in_flight = inside.when_dropped("in flight");
            entered.send(()).await?;
            std::future::pending().await
        });
        busy.try_send(wait).unwrap();
        waits.recv().await.unwrap();
        (system, [idle, busy])
    });
    drop(runtime);
    for process in processes {
        assert_eq!(process.exit_reason(), Some(ExitReason::Killed));
    }
    let events = log.take();
    let count = |text| events.iter().filter(|event| **event == Event::Text(text)).count();
    assert_eq!([count("in flight"), count("state"), count("hook")], [1, 2, 2], "{events:?}");
    assert_eq!(events.len(), 5, "no terminate: {events:?}");
    assert_eq!(system.counts().processes, 0);
}

#[test]
fn a_terminate_hook_is_cut_off_at_the_end_of_its_budget() {
    simulate(|system| async move {
        let log = Log::default();
        let budget = Duration::from_millis(40);
        let subject = Subject::new(&log).budget(budget).on_terminate(std::future::pending());
        let process = start(&system, subject).await;
        let before = system.env().now();
        assert!(system.stop(process.pid(), ExitReason::SHUTDOWN));
        assert_eq!(system.monitor(process.pid()).await.reason, ExitReason::SHUTDOWN);
        assert_eq!(system.env().now(), before.saturating_add(budget));
        assert_eq!(system.troubles().terminate_overruns, 1);
    });
}

#[test]
fn terminate_runs_while_the_process_still_holds_everything() {
    simulate(|system| async move {
        let (log, held) = (Log::default(), Arc::new(AtomicBool::new(true)));
        let seen = Arc::clone(&held);
        let noted = log.clone();
        let subject = Subject::new(&log).on_terminate(async move {
            assert!(seen.load(Ordering::Relaxed), "a held value was given back before terminate");
            noted.add(Event::Text("held"));
        });
        let process = start(&system, subject).await;
        let give_back = move |_: &_| held.store(false, Ordering::Relaxed);
        system.add_exit_hook(process.pid(), give_back).unwrap();
        process.try_send(act(|_| panic!("planted"))).unwrap();
        quiesce(&system).await;
        let events = log.take();
        assert!(matches!(events[..], [Event::Terminate(_), Event::Text("held")]), "{events:?}");
        assert_eq!(system.troubles().contained_panics, 0);
    });
}

#[test]
fn a_released_value_is_dropped_at_once_and_only_once() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let value = log.when_dropped("held");
        ask(&process, move |context| {
            let held = context.hold(value).unwrap();
            context.release(held);
            context.release(held);
        })
        .await;
        assert_eq!(log.take(), [Event::Text("held")]);
        system.kill(process.pid());
        quiesce(&system).await;
        assert_eq!(log.take(), []);
        let refused = system.add_exit_hook(process.pid(), |_| ());
        assert_eq!(refused, Err(HookError::NoProcess(process.pid())));
    });
}

#[test]
fn hooks_have_a_limit() {
    foundation_testkit::sim_seeds(0..2, |env, _| async move {
        let mut limits = Limits::default();
        limits.hooks_per_process_max = 1;
        let system = System::with_limits(env, limits);
        let process = start(&system, Subject::new(&Log::default())).await;
        system.add_exit_hook(process.pid(), |_| ()).unwrap();
        let refused = system.add_exit_hook(process.pid(), |_| ());
        assert_eq!(refused, Err(HookError::TooMany { pid: process.pid(), limit: 1 }));
    });
}
