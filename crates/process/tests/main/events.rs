//! The events that processes emit.

use foundation_process::{CallError, System};
use foundation_telemetry::{EventRecord, Subscription};
use foundation_types::{Deadline, ExitReason};

use crate::subject::{Gate, Log, Order, Subject, act, ask, quiesce, simulate, start, stop};

fn listen(system: &System) -> Subscription {
    system.telemetry().events().subscribe("process.*", 64).unwrap()
}

fn text(event: &EventRecord, key: &str) -> String {
    event.get(key).unwrap().to_string()
}

/// Guarantee EV5
#[test]
fn the_life_of_a_process_is_told() {
    simulate(|system| async move {
        let mut events = listen(&system);
        let subject = system.process(Subject::new(&Log::default())).label("worker");
        let process = subject.spawn().unwrap();
        ask(&process, |_| ()).await;
        process.try_send(stop(ExitReason::Normal)).unwrap();
        process.try_send(Order::Note(1)).unwrap();
        quiesce(&system).await;
        let told = events.drain();
        let names: Vec<_> = told.iter().map(EventRecord::name).collect();
        let expected = ["lifecycle.spawned", "mailbox.dead_letters", "lifecycle.exited"];
        assert_eq!(names, expected.map(|name| format!("process.{name}")));
        assert_eq!(told[1].measurement("messages_count"), Some(1));
        assert_eq!(told[2].measurement("handled_count"), Some(2));
        for event in &told {
            assert_eq!(text(event, "pid"), process.pid().to_string());
        }
        assert_eq!(
            (text(&told[0], "name"), text(&told[2], "reason")),
            ("worker".into(), "normal".into())
        );
    });
}

/// Guarantee EV5
#[test]
fn troubles_are_told() {
    simulate(|system| async move {
        let mut events = listen(&system);
        let first = start(&system, Subject::new(&Log::default())).await;
        let second = start(&system, Subject::new(&Log::default())).await;
        for (caller, called) in [(&first, &second), (&second, &first)] {
            let called = called.clone();
            let call = async move {
                let echoed =
                    called.call_until(|reply| Order::Echo(1, reply), Deadline::NEVER).await;
                assert!(matches!(echoed, Ok(1) | Err(CallError::Deadlock { .. })));
                Ok(())
            };
            caller.try_send(crate::subject::wait(call)).unwrap();
        }
        quiesce(&system).await;
        let guard = ask(&first, |context| context.add_exit_hook(|_| panic!("planted")).is_ok());
        assert!(guard.await);
        first.try_send(act(|_| Err(ExitReason::Killed))).unwrap();
        second.try_send(Gate::closed().order()).unwrap();
        quiesce(&system).await;
        let told = events.drain();
        let of = |name: &str| told.iter().filter(|event| event.name() == name).count();
        assert_eq!(of("process.wait.deadlocked"), 1);
        assert_eq!(of("process.panic.contained"), 1);
        assert_eq!(of("process.lifecycle.exited"), 1);
        let deadlock = told.iter().find(|event| event.name() == "process.wait.deadlocked");
        assert_eq!(deadlock.unwrap().measurement("processes_count"), Some(2));
    });
}
