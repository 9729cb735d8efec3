//! Looking at processes: suspend, resume, state, traces, reports.

use std::time::Duration;

use foundation_process::{
    CallError, DeadLetterCause, Limits, ProcessState, System, TopBy, TraceStep,
};
use foundation_types::{Deadline, ExitReason};

use crate::subject::{
    Event, Gate, Log, Order, Subject, act, ask, failure, poll_once, quiesce, simulate, start, stop,
};

#[test]
fn a_suspended_process_handles_signals_but_no_messages() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let pid = process.pid();
        let deadline = system.deadline(Duration::from_mins(1));
        system.suspend(pid, deadline).await.unwrap();
        assert_eq!(system.info(pid).unwrap().state, ProcessState::Suspended);
        process.try_send(Order::Note(1)).unwrap();
        quiesce(&system).await;
        assert_eq!((log.notes(), process.depth()), (vec![], 1));
        let state = system.get_state(pid, deadline).await.unwrap();
        assert_eq!(state, "a subject that keeps 0 replies");
        system.resume(pid, deadline).await.unwrap();
        quiesce(&system).await;
        assert_eq!(log.notes(), [1]);
        system.suspend(pid, deadline).await.unwrap();
        assert!(system.stop(pid, ExitReason::SHUTDOWN), "it can still be stopped");
        assert_eq!(system.monitor(pid).await.reason, ExitReason::SHUTDOWN);
        assert_eq!(system.suspend(pid, deadline).await, Err(CallError::NoProcess));
    });
}

/// Timer messages are user messages; they used to be handled in spite of the suspension.
#[test]
fn timers_of_a_suspended_process_wait_for_its_resumption() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let pid = process.pid();
        let cancelled = ask(&process, |context| {
            context.send_after(Duration::from_millis(5), Order::Note(1)).unwrap();
            context.send_after(Duration::from_millis(6), Order::Note(2)).unwrap();
            context.send_after(Duration::from_mins(2), Order::Note(3)).unwrap()
        })
        .await;
        system.suspend(pid, Deadline::NEVER).await.unwrap();
        quiesce(&system).await;
        assert_eq!(log.notes(), []);
        system.resume(pid, Deadline::NEVER).await.unwrap();
        quiesce(&system).await;
        assert_eq!(log.notes(), [1, 2]);
        assert!(ask(&process, move |context| context.cancel_timer(cancelled)).await);
    });
}

/// Senders that waited for room when their receiver was suspended used to wait on beside free room.
///
/// Guarantee L1
#[test]
fn a_suspended_process_lets_senders_into_its_free_room() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        process.try_send(gate.order()).unwrap();
        quiesce(&system).await;
        let mut waiting = Box::pin(process.send_until(Order::Note(1), Deadline::NEVER));
        assert!(poll_once(&mut waiting).await.is_pending());
        let mut suspended = Box::pin(system.suspend(process.pid(), Deadline::NEVER));
        assert!(poll_once(&mut suspended).await.is_pending());
        gate.open(1);
        suspended.await.unwrap();
        let soon = system.deadline(Duration::from_millis(5));
        system.before(soon, waiting).await.expect("there is room").unwrap();
        quiesce(&system).await;
        assert_eq!((log.notes(), process.depth()), (vec![], 1));
    });
}

/// A signal that waits for the messages before it used to keep a suspended process spinning.
#[test]
fn a_suspended_process_sleeps_though_a_signal_waits_for_messages() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log).traps()).await;
        let pid = process.pid();
        system.suspend(pid, Deadline::NEVER).await.unwrap();
        process.try_send(Order::Note(1)).unwrap();
        assert!(system.exit(pid, failure()));
        quiesce(&system).await;
        assert_eq!(log.take(), []);
        system.resume(pid, Deadline::NEVER).await.unwrap();
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Note(1), Event::Exit(pid, failure())]);
    });
}

/// Guarantee L1
#[test]
fn a_question_to_a_busy_process_ends_at_its_deadline() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = start(&system, Subject::new(&log)).await;
        process.try_send(gate.order()).unwrap();
        quiesce(&system).await;
        let deadline = system.deadline(Duration::from_millis(20));
        let late = system.get_state(process.pid(), deadline).await;
        assert_eq!(late, Err(CallError::Timeout));
        let mut asked = Box::pin(system.get_state(process.pid(), Deadline::NEVER));
        assert!(poll_once(&mut asked).await.is_pending());
        system.kill(process.pid());
        assert_eq!(asked.await, Err(CallError::Exited(ExitReason::Killed)));
    });
}

#[test]
fn a_process_cannot_wait_for_its_own_answer() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let (inside, pid, noted) = (system.clone(), process.pid(), log.clone());
        let order = crate::subject::wait(async move {
            let answer = inside.get_state(pid, Deadline::NEVER).await;
            assert_eq!(answer, Err(CallError::Deadlock { path: vec![pid, pid] }));
            noted.add(Event::Text("refused"));
            Ok(())
        });
        process.try_send(order).unwrap();
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Text("refused")]);
    });
}

#[test]
fn the_view_of_a_process_tells_what_it_does() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let parent = start(&system, Subject::new(&log)).await;
        let child = system
            .process(Subject::new(&log))
            .label("worker")
            .mailbox(8)
            .parent(parent.pid())
            .linked()
            .spawn()
            .unwrap();
        let pid = child.pid();
        let before = system.info(pid).unwrap();
        assert!(before.message.ends_with("Order"), "no message yet, and not its first kind");
        child.call(|reply| Order::Echo(1, reply)).await.unwrap();
        child.try_send(gate.order()).unwrap();
        child.try_send(Order::Note(1)).unwrap();
        quiesce(&system).await;
        let _monitor = system.monitor(pid);
        let info = system.info(pid).unwrap();
        assert_eq!(info.label.as_deref(), Some("worker"));
        assert!(info.type_name.ends_with("Subject"));
        assert_eq!((info.ancestors, info.links), (vec![parent.pid()], vec![parent.pid()]));
        assert_eq!((info.depth, info.capacity, info.handled), (2, 8, 1));
        assert_eq!((info.message, info.monitors), ("await", 1));
        assert_eq!((info.state, info.kill_pending), (ProcessState::Running, false));
        let deepest = system.top(1, TopBy::Depth);
        assert_eq!(deepest.iter().map(|info| info.pid).collect::<Vec<_>>(), [pid]);
        let busiest = system.top(5, TopBy::Handled);
        assert_eq!(busiest.len(), 2);
        assert!(busiest[0].handled >= busiest[1].handled);
        system.kill(pid);
        quiesce(&system).await;
        assert!(system.info(pid).is_none());
    });
}

#[test]
fn a_trace_tells_the_newest_steps_and_how_many_it_lost() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let trace = system.trace(process.pid(), 3).unwrap();
        assert_eq!(trace.pid(), process.pid());
        process.try_send(Order::Note(1)).unwrap();
        ask(&process, |context| context.send_after(Duration::ZERO, Order::Note(2))).await.unwrap();
        quiesce(&system).await;
        let (events, lost) = trace.take();
        let steps: Vec<TraceStep> = events.into_iter().map(|event| event.step).collect();
        let expected = ["do", "timer", "note"].map(|name| match name {
            "timer" => TraceStep::Signal(name),
            _ => TraceStep::Message(name),
        });
        assert_eq!((steps, lost), (expected.to_vec(), 1));
        assert_eq!(trace.take(), (vec![], 0));
        drop(trace);
        process.try_send(Order::Note(3)).unwrap();
        quiesce(&system).await;
        assert!(
            system
                .trace(
                    foundation_types::Pid::new(
                        process.pid().node(),
                        u32::MAX,
                        process.pid().generation()
                    ),
                    1
                )
                .is_none()
        );
    });
}

#[test]
fn a_crash_report_names_the_message_the_place_and_the_parents() {
    simulate(|system| async move {
        let log = Log::default();
        let root = start(&system, Subject::new(&log)).await;
        let parent = system.process(Subject::new(&log)).parent(root.pid()).spawn().unwrap();
        let child = system.process(Subject::new(&log)).label("worker").parent(parent.pid());
        let child = child.spawn().unwrap();
        child.call(|reply| Order::Echo(1, reply)).await.unwrap();
        let call = child.call::<u64>(|reply| {
            act(move |_| {
                let _reply = reply;
                panic!("planted")
            })
        });
        let Err(CallError::Exited(reason)) = call.await else { panic!("the call was answered") };
        let [report] = &system.crashes()[..] else { panic!("not one report") };
        assert_eq!((report.pid, &*report.name), (child.pid(), "worker"));
        assert_eq!((report.message, report.handled), ("do", 2));
        assert_eq!(report.ancestors, [parent.pid(), root.pid()]);
        assert_eq!(report.reason, reason);
        let ExitReason::Panic(panic) = reason else { panic!("ended with {reason}") };
        assert_eq!(panic.message, "planted");
        assert!(panic.location.as_ref().is_some_and(|at| at.contains("inspect.rs")));
        system.stop(root.pid(), ExitReason::SHUTDOWN);
        quiesce(&system).await;
        assert_eq!(system.troubles().crashes, 1, "an orderly end is no crash");
        system.kill(parent.pid());
        quiesce(&system).await;
        assert_eq!(system.troubles().crashes, 2);
    });
}

/// Guarantee S6
#[test]
fn messages_that_nobody_handles_are_dead_letters() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).label("sink").spawn().unwrap();
        process.try_send(gate.order()).unwrap();
        for n in 0..4 {
            process.try_send(Order::Note(n)).unwrap();
        }
        quiesce(&system).await;
        system.exit(process.pid(), failure());
        system.kill(process.pid());
        quiesce(&system).await;
        let [letter] = &system.dead_letters()[..] else { panic!("not one letter") };
        assert_eq!((letter.to, letter.label.as_deref()), (process.pid(), Some("sink")));
        assert_eq!(letter.count, 4, "the one in the handler was begun");
        assert_eq!(letter.cause, DeadLetterCause::Died(ExitReason::Killed));
        assert!(letter.message_type.ends_with("Order"));
    });
}

#[test]
fn the_logs_keep_the_newest_entries_and_count_all() {
    foundation_testkit::sim_seeds(0..2, |env, _| async move {
        let mut limits = Limits::default();
        limits.log_entries_max = 2;
        let system = System::with_limits(env, limits);
        let mut pids = Vec::new();
        for _ in 0..5 {
            let process = start(&system, Subject::new(&Log::default())).await;
            pids.push(process.pid());
            process.try_send(Gate::closed().order()).unwrap();
            process.try_send(Order::Note(1)).unwrap();
            quiesce(&system).await;
            system.kill(process.pid());
            quiesce(&system).await;
        }
        let crashed: Vec<_> = system.crashes().iter().map(|report| report.pid).collect();
        assert_eq!(crashed, pids[3..]);
        assert_eq!(system.dead_letters().len(), 2);
        assert_eq!((system.troubles().crashes, system.troubles().dead_letters), (5, 5));
    });
}

#[test]
fn the_report_of_a_panic_is_bounded() {
    simulate(|system| async move {
        let process = start(&system, Subject::new(&Log::default())).await;
        process.try_send(act(|_| panic!("{}", "é".repeat(100_000)))).unwrap();
        let ExitReason::Panic(report) = system.monitor(process.pid()).await.reason else {
            panic!("not a panic");
        };
        assert!(report.message.starts_with('é') && report.message.len() < 10_000);
        assert!(report.backtrace.as_ref().is_none_or(|text| text.len() < 10_000));
    });
}

/// Guarantee M1
#[test]
fn orders_to_a_process_that_does_not_yield_are_bounded() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = start(&system, Subject::new(&log)).await;
        let pid = process.pid();
        process.try_send(gate.order()).unwrap();
        quiesce(&system).await;
        let taken = (0..5_000).filter(|_| system.exit(pid, ExitReason::Normal)).count();
        assert_eq!(taken, 1024);
        let mut asked = Vec::new();
        for _ in 0..1024 {
            let mut question = Box::pin(system.get_state(pid, Deadline::NEVER));
            assert!(poll_once(&mut question).await.is_pending());
            asked.push(question);
        }
        assert_eq!(system.get_state(pid, Deadline::NEVER).await, Err(CallError::Full));
        gate.open(1);
        quiesce(&system).await;
        assert!(system.exit(pid, ExitReason::Normal), "it has taken the others");
        assert!(system.get_state(pid, Deadline::NEVER).await.is_ok());
        assert!(system.kill(pid));
    });
}

/// Exit signals wait for the messages before them, which a suspended process does not handle; they used to take
/// the room of the order to go on.
#[test]
fn a_suspended_process_can_be_resumed_however_many_exit_signals_wait() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let pid = process.pid();
        system.suspend(pid, Deadline::NEVER).await.unwrap();
        process.try_send(Order::Note(1)).unwrap();
        while system.exit(pid, ExitReason::Normal) {}
        assert_eq!(system.resume(pid, Deadline::NEVER).await, Ok(()));
        quiesce(&system).await;
        assert_eq!(log.notes(), vec![1]);
        assert!(system.exit(pid, ExitReason::Normal), "it has taken the others");
    });
}

/// A stop used to be refused when 1,024 other orders waited, and whoever stopped the process then waited
/// for its end in vain.
///
/// Guarantee M1
#[test]
fn a_stop_is_never_refused_and_one_is_enough() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = start(&system, Subject::new(&log)).await;
        let pid = process.pid();
        process.try_send(gate.order()).unwrap();
        quiesce(&system).await;
        while system.exit(pid, ExitReason::Normal) {}
        let first = ExitReason::shutdown_because("first");
        for reason in [first.clone(), ExitReason::SHUTDOWN, ExitReason::SHUTDOWN] {
            assert!(system.stop(pid, reason));
        }
        gate.open(1);
        assert_eq!(system.monitor(pid).await.reason, first);
    });
}

#[test]
fn the_view_of_a_parent_names_the_newest_ends_of_its_children() {
    simulate(|system| async move {
        let log = Log::default();
        let parent = start(&system, Subject::new(&log).traps()).await;
        let mut ends = Vec::new();
        for n in 0..10 {
            let child = system.process(Subject::new(&log)).parent(parent.pid()).linked();
            let child = child.spawn().unwrap();
            let reason = ExitReason::shutdown_because(format!("end {n}"));
            ends.push((child.pid(), reason.clone()));
            child.try_send(stop(reason)).unwrap();
            system.monitor(child.pid()).await;
        }
        let stranger = start(&system, Subject::new(&log)).await;
        let pid = stranger.pid();
        ask(&parent, move |context| context.link(pid).unwrap()).await;
        system.kill(pid);
        quiesce(&system).await;
        assert_eq!(system.info(parent.pid()).unwrap().child_exits, ends[2..]);
    });
}
