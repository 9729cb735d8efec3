//! Spawning, starting, and pids.

use std::time::Duration;

use foundation_process::{Context, Limits, Outcome, Process, SpawnError, StartError, System};
use foundation_types::{Code, Deadline, ExitReason};

use crate::subject::{Event, Gate, Log, Order, Subject, act, failure, quiesce, simulate, start};

#[test]
fn start_waits_for_init_and_says_how_it_failed() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let deadline = system.deadline(Duration::from_millis(50));
        let inside = gate.clone();
        let slow = system.process(Subject::new(&log).on_init(inside.pass())).start(deadline);
        gate.open(1);
        let process = slow.await.unwrap();
        assert_eq!(process.call(|reply| Order::Echo(1, reply)).await, Ok(1));

        let failing = Subject::new(&log).on_init(async { Err(failure()) });
        let failed = system.process(failing).start(deadline).await;
        assert_eq!(failed.unwrap_err(), StartError::Init(failure()));

        let stuck =
            Subject::new(&log).state(log.when_dropped("state")).on_init(std::future::pending());
        let late = system.process(stuck).start(deadline).await;
        assert_eq!(late.unwrap_err(), StartError::Timeout);
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Text("state")], "killed, and nothing terminated");
        assert_eq!(system.counts().processes, 1);
    });
}

/// A child that was never spawned used to be reported as a crash.
#[test]
fn a_child_of_a_dead_parent_is_refused_without_a_trace() {
    simulate(|system| async move {
        let log = Log::default();
        let parent = start(&system, Subject::new(&log)).await.pid();
        system.stop(parent, ExitReason::SHUTDOWN);
        system.monitor(parent).await;
        let child = Subject::new(&log).state(log.when_dropped("child"));
        let refused = system.process(child).parent(parent).linked().spawn();
        assert_eq!(refused.unwrap_err(), SpawnError::NoParent(parent));
        assert_eq!(system.crashes(), []);
        assert_eq!(system.counts().processes, 0);
        let dropped = Event::Text("child");
        assert!(log.read().contains(&dropped));
    });
}

/// Stops in its `init`, and would never get a message.
struct Brief(Log);

impl Process for Brief {
    type Message = ();

    async fn init(&mut self, context: &mut Context<()>) -> Outcome {
        context.stop(ExitReason::Normal);
        Ok(())
    }

    async fn handle(&mut self, (): (), _: &mut Context<()>) -> Outcome {
        self.0.add(Event::Text("handled"));
        Ok(())
    }

    async fn terminate(&mut self, reason: &ExitReason, _: &mut Context<()>) {
        self.0.add(Event::Terminate(reason.clone()));
    }
}

#[test]
fn a_process_can_stop_in_its_init() {
    simulate(|system| async move {
        let log = Log::default();
        let brief = system.spawn(Brief(log.clone())).unwrap();
        brief.try_send(()).unwrap();
        assert_eq!(system.monitor(brief.pid()).await.reason, ExitReason::Normal);
        assert_eq!(log.take(), [Event::Terminate(ExitReason::Normal)]);
        let idle = system.process(Brief(log.clone()));
        let idle = idle.start(system.deadline(Duration::from_secs(1))).await.unwrap();
        quiesce(&system).await;
        assert_eq!(idle.exit_reason(), Some(ExitReason::Normal), "with no message to wake it");
    });
}

/// Guarantee R5
#[test]
fn a_stale_pid_never_reaches_the_next_process_in_its_slot() {
    simulate(|system| async move {
        let mut old = Vec::new();
        for _ in 0..64 {
            let process = start(&system, Subject::new(&Log::default())).await;
            old.push(process.pid());
            system.kill(process.pid());
            quiesce(&system).await;
        }
        let log = Log::default();
        let mut young = Vec::new();
        for _ in 0..64 {
            young.push(start(&system, Subject::new(&log).traps()).await);
        }
        let reused =
            young.iter().filter(|new| old.iter().any(|old| old.slot() == new.pid().slot()));
        assert!(reused.count() > 0, "no slot was used again, so this shows nothing");
        for pid in &old {
            assert!(!young.iter().any(|new| new.pid() == *pid));
            assert!(!system.is_alive(*pid));
            assert!(system.address::<Order>(*pid).is_none());
            assert!(!system.kill(*pid));
            assert!(!system.stop(*pid, ExitReason::SHUTDOWN));
            assert!(!system.exit(*pid, failure()));
            assert_eq!(system.monitor(*pid).await.reason, ExitReason::NoProcess);
            assert!(system.add_exit_hook(*pid, |_| ()).is_err());
        }
        quiesce(&system).await;
        assert_eq!(log.take(), []);
        assert!(young.iter().all(foundation_process::Address::is_alive));
    });
}

#[test]
fn an_address_is_found_again_by_pid_and_message_type() {
    simulate(|system| async move {
        let process = start(&system, Subject::new(&Log::default())).await;
        assert_eq!(system.address::<Order>(process.pid()), Some(process.clone()));
        assert!(system.address::<u64>(process.pid()).is_none(), "it handles other messages");
    });
}

#[test]
fn a_system_takes_as_many_processes_as_its_limit() {
    foundation_testkit::sim_seeds(0..2, |env, _| async move {
        let mut limits = Limits::default();
        limits.processes_max = 3;
        let system = System::with_limits(env, limits);
        let log = Log::default();
        let mut processes = Vec::new();
        for _ in 0..3 {
            processes.push(start(&system, Subject::new(&log)).await);
        }
        let refused = system.spawn(Subject::new(&log)).unwrap_err();
        assert_eq!(refused, SpawnError::TooManyProcesses { limit: 3 });
        system.kill(processes[0].pid());
        quiesce(&system).await;
        system.spawn(Subject::new(&log)).unwrap();
    });
}

/// Guarantee R6
#[test]
fn a_strict_system_refuses_what_nobody_supervises() {
    foundation_testkit::sim_seeds(0..2, |env, _| async move {
        let mut limits = Limits::default();
        limits.strict_supervision = true;
        let system = System::with_limits(env, limits);
        let log = Log::default();
        let subject = || system.process(Subject::new(&log));
        assert_eq!(subject().spawn().unwrap_err(), SpawnError::Unsupervised);
        let late = subject().start(Deadline::NEVER).await.unwrap_err();
        assert_eq!(late, StartError::Spawn(SpawnError::Unsupervised));
        assert_eq!(SpawnError::Unsupervised.code(), Code::ConstraintViolation);

        let root = subject().supervised().spawn().unwrap();
        let named_only = subject().parent(root.pid());
        assert_eq!(named_only.spawn().unwrap_err(), SpawnError::Unsupervised);
        assert_eq!(subject().linked().spawn().unwrap_err(), SpawnError::Unsupervised);
        subject().parent(root.pid()).linked().spawn().unwrap();
        assert_eq!(system.counts().processes, 2, "the refused left nothing behind");
    });
}

#[test]
fn stop_and_wait_kills_what_does_not_stop() {
    simulate(|system| async move {
        let log = Log::default();
        let grace = Duration::from_millis(10);
        let process = start(&system, Subject::new(&log)).await;
        let deadline = system.deadline(Duration::from_millis(40));
        let stopped =
            system.stop_and_wait(process.pid(), ExitReason::SHUTDOWN, deadline, grace).await;
        assert_eq!(stopped, Some(ExitReason::SHUTDOWN));
        let process = start(&system, Subject::new(&log)).await;
        process.try_send(Gate::closed().order()).unwrap();
        quiesce(&system).await;
        let deadline = system.deadline(Duration::from_millis(40));
        let killed =
            system.stop_and_wait(process.pid(), ExitReason::SHUTDOWN, deadline, grace).await;
        assert_eq!(killed, Some(ExitReason::Killed));
        assert_eq!(Some(system.env().now()), deadline.instant());
        let gone = system.stop_and_wait(process.pid(), ExitReason::Normal, deadline, grace).await;
        assert_eq!(gone, Some(ExitReason::NoProcess));
    });
}

#[test]
fn a_killed_handler_is_dropped_where_it_waits() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let value = log.when_dropped("in flight");
        let handler = crate::subject::wait(async move {
            let _value = value;
            std::future::pending().await
        });
        process.try_send(handler).unwrap();
        quiesce(&system).await;
        assert!(system.exit(process.pid(), ExitReason::Killed), "the same as a kill");
        let died = system.before(Deadline::at(system.env().now()), system.monitor(process.pid()));
        drop(died.await);
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Text("in flight")]);
        let refused = process.try_send(act(|_| Ok(()))).unwrap_err();
        assert_eq!(refused.code(), Code::ProcessNotAlive);
    });
}
