//! Waits that would never end.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use foundation_process::{Address, CallError, Reply, SendError, System};
use foundation_types::{Deadline, Pid};

use crate::subject::{Gate, Log, Order, Subject, poll_once, quiesce, simulate, start, wait};

type Outcomes = Arc<Mutex<Vec<(Pid, Result<u64, CallError>)>>>;

/// Makes `from` call `to` and enter the outcome.
fn call(from: &Address<Order>, to: &Address<Order>, deadline: Deadline, outcomes: &Outcomes) {
    let (pid, to, outcomes) = (from.pid(), to.clone(), Arc::clone(outcomes));
    let calling = wait(async move {
        let outcome = to.call_until(|reply| Order::Echo(1, reply), deadline).await;
        outcomes.lock().unwrap().push((pid, outcome));
        Ok(())
    });
    from.try_send(calling).unwrap();
}

async fn ring(system: &System, size: usize) -> Vec<Address<Order>> {
    let mut processes = Vec::new();
    for _ in 0..size {
        processes.push(start(system, Subject::new(&Log::default())).await);
    }
    processes
}

/// Guarantee W1
#[test]
fn a_cycle_of_endless_waits_fails_with_its_path() {
    simulate(|system| async move {
        for size in [2, 3, 5] {
            let before = system.deadlocks().len();
            let processes = ring(&system, size).await;
            let outcomes = Outcomes::default();
            for at in 0..size {
                let next = &processes[(at + 1) % size];
                call(&processes[at], next, Deadline::NEVER, &outcomes);
            }
            quiesce(&system).await;
            let outcomes = outcomes.lock().unwrap().clone();
            assert_eq!(outcomes.len(), size, "every call came to an end");
            let failed: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_err()).collect();
            let [(pid, Err(CallError::Deadlock { path }))] = &failed[..] else {
                panic!("not one wait failed: {failed:?}")
            };
            let start = processes.iter().position(|process| process.pid() == *pid).unwrap();
            let expected: Vec<Pid> =
                (0..=size).map(|step| processes[(start + step) % size].pid()).collect();
            assert_eq!(*path, expected);
            let reports = system.deadlocks();
            assert_eq!(reports.len(), before + 1);
            let report = reports.last().unwrap();
            assert!(report.failed && report.path == expected);
            assert!(processes.iter().all(Address::is_alive));
        }
    });
}

/// Guarantee W1
#[test]
fn a_cycle_with_a_deadline_is_reported_and_ends_by_itself() {
    simulate(|system| async move {
        let processes = ring(&system, 2).await;
        let outcomes = Outcomes::default();
        let deadline = system.deadline(Duration::from_millis(25));
        call(&processes[0], &processes[1], deadline, &outcomes);
        call(&processes[1], &processes[0], Deadline::NEVER, &outcomes);
        quiesce(&system).await;
        let outcomes = outcomes.lock().unwrap().clone();
        assert_eq!(outcomes[0], (processes[0].pid(), Err(CallError::Timeout)));
        assert_eq!(outcomes[1], (processes[1].pid(), Ok(1)));
        let [report] = &system.deadlocks()[..] else { panic!("not one report") };
        assert!(!report.failed);
        assert_eq!(report.path.len(), 3);
    });
}

/// Guarantee W1
#[test]
fn a_call_to_oneself_fails_at_once() {
    simulate(|system| async move {
        let process = start(&system, Subject::new(&Log::default())).await;
        let outcomes = Outcomes::default();
        call(&process, &process, Deadline::NEVER, &outcomes);
        quiesce(&system).await;
        let pid = process.pid();
        let expected = Err(CallError::Deadlock { path: vec![pid, pid] });
        assert_eq!(*outcomes.lock().unwrap(), [(pid, expected)]);
    });
}

/// Guarantee W1
#[test]
fn waiting_for_room_in_a_cycle_fails_too() {
    simulate(|system| async move {
        let log = Log::default();
        let a = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        let b = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        let gate = Gate::closed();
        let sent = Arc::new(Mutex::new(Vec::new()));
        for (from, to) in [(&a, &b), (&b, &a)] {
            let (gate, to, sent) = (gate.clone(), to.clone(), Arc::clone(&sent));
            from.try_send(wait(async move {
                gate.pass().await?;
                // The place is taken by the very message whose handler waits here.
                let outcome = to.send_until(Order::Note(1), Deadline::NEVER).await;
                sent.lock().unwrap().push(match outcome {
                    Ok(()) => "sent",
                    Err(SendError::Deadlock { .. }) => "deadlock",
                    Err(_) => "other",
                });
                Ok(())
            }))
            .unwrap();
        }
        quiesce(&system).await;
        gate.open(2);
        quiesce(&system).await;
        let mut sent = sent.lock().unwrap().clone();
        sent.sort_unstable();
        assert_eq!(sent, ["deadlock", "sent"]);
        // To oneself as well: the place is this message's own.
        let (own, noted) = (a.clone(), log.clone());
        a.try_send(wait(async move {
            let outcome = own.send_until(Order::Note(2), Deadline::NEVER).await;
            assert!(matches!(outcome, Err(SendError::Deadlock { .. })), "{outcome:?}");
            noted.add(crate::subject::Event::Text("refused"));
            Ok(())
        }))
        .unwrap();
        quiesce(&system).await;
        assert!(log.read().contains(&crate::subject::Event::Text("refused")));
    });
}

/// Guarantee W1
#[test]
fn a_wait_that_is_answered_but_has_not_run_yet_is_no_cycle() {
    simulate(|system| async move {
        let processes = ring(&system, 2).await;
        let (a, b) = (processes[0].clone(), processes[1].clone());
        let outcomes = Outcomes::default();
        let (pid, back, entered) = (b.pid(), a.clone(), Arc::clone(&outcomes));
        // B answers A and in the same poll calls A, which has not seen the answer.
        let question = move |reply: Reply<u64>| {
            wait(async move {
                reply.send(7);
                let outcome = back.call_until(|reply| Order::Echo(8, reply), Deadline::NEVER).await;
                entered.lock().unwrap().push((pid, outcome));
                Ok(())
            })
        };
        let (pid, entered) = (a.pid(), Arc::clone(&outcomes));
        a.try_send(wait(async move {
            let outcome = b.call_until(question, Deadline::NEVER).await;
            entered.lock().unwrap().push((pid, outcome));
            Ok(())
        }))
        .unwrap();
        quiesce(&system).await;
        let outcomes = outcomes.lock().unwrap().clone();
        assert_eq!(outcomes, [(a.pid(), Ok(7)), (processes[1].pid(), Ok(8))]);
        assert_eq!(system.troubles().deadlocks, 0);
    });
}

/// Guarantee W1
#[test]
fn a_chain_without_a_cycle_is_no_deadlock() {
    simulate(|system| async move {
        let processes = ring(&system, 3).await;
        let gate = Gate::closed();
        processes[2].try_send(gate.order()).unwrap();
        let outcomes = Outcomes::default();
        call(&processes[0], &processes[1], Deadline::NEVER, &outcomes);
        call(&processes[1], &processes[2], Deadline::NEVER, &outcomes);
        let mut outside =
            Box::pin(processes[0].call_until(|reply| Order::Echo(5, reply), Deadline::NEVER));
        assert!(poll_once(&mut outside).await.is_pending());
        quiesce(&system).await;
        let waits = |process: &Address<Order>| system.info(process.pid()).unwrap().waiting_on;
        assert_eq!(waits(&processes[1]), Some(processes[2].pid()));
        gate.open(1);
        assert_eq!(outside.await, Ok(5));
        assert!(outcomes.lock().unwrap().iter().all(|(_, outcome)| outcome.is_ok()));
        assert_eq!(system.troubles().deadlocks, 0);
        assert_eq!(waits(&processes[1]), None);
    });
}

/// Every system counts its pids from the same one, and calls between systems failed as if a process
/// called itself, or as a link of a cycle.
#[test]
fn a_process_of_another_system_with_the_same_pid_is_no_cycle() {
    simulate(|system| async move {
        let other = System::new(system.env().clone());
        let (own, theirs) = (ring(&system, 2).await, ring(&other, 2).await);
        assert_eq!(own[0].pid(), theirs[0].pid());
        let outcomes = Outcomes::default();
        call(&own[0], &theirs[0], Deadline::NEVER, &outcomes);
        quiesce(&system).await;
        assert_eq!(*outcomes.lock().unwrap(), [(own[0].pid(), Ok(1))]);
        let (asked, pid) = (other.clone(), theirs[0].pid());
        own[0]
            .try_send(wait(async move {
                assert!(asked.get_state(pid, Deadline::NEVER).await.is_ok());
                Ok(())
            }))
            .unwrap();

        // The pid of the process that waits below, and of a stranger that does not answer.
        let gate = Gate::closed();
        theirs[1].try_send(gate.order()).unwrap();
        call(&own[0], &theirs[1], Deadline::NEVER, &outcomes);
        call(&own[1], &own[0], Deadline::NEVER, &outcomes);
        quiesce(&system).await;
        assert_eq!(system.info(own[0].pid()).unwrap().waiting_on, None);
        gate.open(1);
        quiesce(&system).await;
        let outcomes = outcomes.lock().unwrap().clone();
        assert!(outcomes.len() == 3 && outcomes.iter().all(|(_, outcome)| outcome.is_ok()));
        assert_eq!(system.troubles().deadlocks, 0);
        assert!(own.iter().all(Address::is_alive));
    });
}

/// The word of a wait stood until its future was dropped, also when the handler had put it aside and
/// returned: a process that was free to answer was part of a cycle.
#[test]
fn a_wait_that_outlives_its_handler_is_no_cycle() {
    simulate(|system| async move {
        let processes = ring(&system, 2).await;
        let (a, b) = (&processes[0], &processes[1]);
        let gate = Gate::closed();
        b.try_send(gate.order()).unwrap();
        let kept = Arc::new(Mutex::new(None));
        let (to, keep) = (b.clone(), Arc::clone(&kept));
        a.try_send(wait(async move {
            let mut call = Box::pin(async move {
                to.call_until(|reply| Order::Echo(5, reply), Deadline::NEVER).await
            });
            assert!(poll_once(&mut call).await.is_pending());
            *keep.lock().unwrap() = Some(call);
            Ok(())
        }))
        .unwrap();
        quiesce(&system).await;
        assert_eq!(system.info(a.pid()).unwrap().waiting_on, None);
        let outcomes = Outcomes::default();
        let (back, pid, entered) = (a.clone(), b.pid(), Arc::clone(&outcomes));
        let asks = wait(async move {
            let outcome = back.call_until(|reply| Order::Echo(6, reply), Deadline::NEVER).await;
            entered.lock().unwrap().push((pid, outcome));
            Ok(())
        });
        gate.open(1);
        quiesce(&system).await;
        b.try_send(asks).unwrap();
        quiesce(&system).await;
        assert_eq!(*outcomes.lock().unwrap(), [(b.pid(), Ok(6))]);
        let call = kept.lock().unwrap().take().unwrap();
        assert_eq!(call.await, Ok(5));
        assert_eq!(system.troubles().deadlocks, 0);
    });
}

/// Waits for both, and polls both whenever it is polled.
async fn both<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut one, mut two) = (None, None);
    poll_fn(|cx| {
        if one.is_none()
            && let Poll::Ready(output) = first.as_mut().poll(cx)
        {
            one = Some(output);
        }
        if two.is_none()
            && let Poll::Ready(output) = second.as_mut().poll(cx)
        {
            two = Some(output);
        }
        if one.is_some() && two.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (one.unwrap(), two.unwrap())
}

/// Of two waits the newest was shown, and its end left the word clear: a cycle through the other one
/// hung for ever. In each order of the waits, and by an answer and by a deadline.
#[test]
fn a_cycle_through_one_of_several_waits_is_found() {
    simulate(|system| async move {
        for (swapped, answered) in [(false, true), (true, true), (false, false), (true, false)] {
            let processes = ring(&system, 3).await;
            let [p, a, b] = &processes[..] else { panic!("three") };
            let gates = [Gate::closed(), Gate::closed()];
            a.try_send(gates[0].order()).unwrap();
            let (gate, back) = (gates[1].clone(), p.clone());
            b.try_send(wait(async move {
                gate.pass().await?;
                let closes = back.call_until(|reply| Order::Echo(3, reply), Deadline::NEVER).await;
                assert!(matches!(closes, Err(CallError::Deadlock { .. })), "{closes:?}");
                Ok(())
            }))
            .unwrap();
            let deadline = system.deadline(Duration::from_secs(2));
            let deadline = if answered { Deadline::NEVER } else { deadline };
            let (to_a, to_b, outcomes) = (a.clone(), b.clone(), Outcomes::default());
            let (pid, entered) = (p.pid(), Arc::clone(&outcomes));
            p.try_send(wait(async move {
                let short = to_a.call_until(|reply| Order::Echo(1, reply), deadline);
                let endless = to_b.call_until(|reply| Order::Echo(2, reply), Deadline::NEVER);
                let (_, outcome) = if swapped {
                    let (second, first) = Box::pin(both(endless, short)).await;
                    (first, second)
                } else {
                    Box::pin(both(short, endless)).await
                };
                entered.lock().unwrap().push((pid, outcome));
                Ok(())
            }))
            .unwrap();
            quiesce(&system).await;
            if answered {
                gates[0].open(1);
            }
            quiesce(&system).await;
            quiesce(&system).await;
            assert_eq!(system.info(p.pid()).unwrap().waiting_on, Some(b.pid()), "{swapped}");
            // Now B calls P, before it comes to P's question.
            for gate in &gates {
                gate.open(1);
            }
            quiesce(&system).await;
            assert_eq!(*outcomes.lock().unwrap(), [(p.pid(), Ok(2))]);
        }
    });
}
