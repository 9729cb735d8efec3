//! The context in which a message was sent goes with it, and nowhere else.

use foundation_process::System;
use foundation_telemetry::{CorrelationId, ErrorContext};
use foundation_types::Deadline;

use crate::subject::{Event, Gate, Log, Order, Subject, act, ask, quiesce, simulate, start, wait};

fn request(number: u64) -> ErrorContext {
    ErrorContext::correlated(CorrelationId::from_bits(u128::from(number)))
}

/// The number of the request that is current here; none is zero.
fn current() -> u64 {
    let id = ErrorContext::current().correlation_id().map_or(0, CorrelationId::bits);
    u64::try_from(id).unwrap()
}

/// Notes the current request, and says nothing of any later.
fn note(log: &Log) -> Order {
    let log = log.clone();
    act(move |_| {
        log.add(Event::Note(current()));
        Ok(())
    })
}

/// Guarantee EC3
#[test]
fn each_message_is_handled_in_its_own_context() {
    simulate(|system| async move {
        let log = Log::default();
        let (gate, process) = (Gate::closed(), start(&system, Subject::new(&log)).await);
        // Those that wait are taken out as a batch, in the context of none of them.
        process.try_send(gate.order()).unwrap();
        let expected: Vec<u64> = (0..50).map(|number| number % 3).collect();
        for number in &expected {
            let send = || assert!(process.try_send(note(&log)).is_ok());
            if *number == 0 { send() } else { request(*number).scope(send) }
        }
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.notes(), expected);
        // One by one, as they come.
        for number in [4, 0, 5] {
            let asked = ask(&process, |_| current());
            let asked = if number == 0 { asked.await } else { request(number).wrap(asked).await };
            assert_eq!(asked, number);
        }
        assert_eq!(current(), 0, "nothing stays behind");
    });
}

/// Guarantee EC3
#[test]
fn a_context_outlasts_the_waits_of_its_handler_and_reaches_no_other_process() {
    simulate(|system| async move {
        let log = Log::default();
        let gate = Gate::closed();
        let waiting = start(&system, Subject::new(&log)).await;
        let other = start(&system, Subject::new(&log)).await;
        let (passed, noted, env) = (gate.clone(), log.clone(), system.env().clone());
        let handler = wait(async move {
            ErrorContext::breadcrumb(env.now(), "before");
            passed.pass().await?;
            let breadcrumbs = ErrorContext::current().breadcrumbs().count() as u64;
            noted.add(Event::Note(10 * current() + breadcrumbs));
            Ok(())
        });
        request(7).scope(|| assert!(waiting.try_send(handler).is_ok()));
        quiesce(&system).await;
        other.try_send(note(&log)).unwrap();
        waiting.try_send(note(&log)).unwrap();
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Note(0)], "while the first waits");
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Note(71), Event::Note(0)]);
    });
}

#[test]
fn a_sender_that_waits_for_room_sends_in_its_context() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let process = system.process(Subject::new(&log)).mailbox(1).spawn().unwrap();
        process.try_send(gate.order()).unwrap();
        let (waits, message) = (process.clone(), note(&log));
        let sent = request(3).wrap(async move { waits.send_until(message, Deadline::NEVER).await });
        system.env().spawn(async move { assert!(sent.await.is_ok()) });
        quiesce(&system).await;
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.notes(), [3]);
    });
}

#[test]
fn a_process_begins_in_the_context_of_who_spawned_it_and_goes_on_without() {
    simulate(|system| async move {
        let log = Log::default();
        let noted = log.clone();
        let subject = Subject::new(&log).on_init(async move {
            noted.add(Event::Note(current()));
            Ok(())
        });
        let spawn = |system: &System| system.process(subject).spawn().unwrap();
        let process = request(9).scope(|| spawn(&system));
        process.try_send(note(&log)).unwrap();
        quiesce(&system).await;
        assert_eq!(log.notes(), [9, 0]);
    });
}

/// Guarantee EC2
#[test]
fn a_crash_report_says_on_whose_behalf_the_process_died() {
    simulate(|system| async move {
        let process = start(&system, Subject::new(&Log::default())).await;
        let context = request(5).with("document", "report.md");
        let panics = act(|_| panic!("planted"));
        context.clone().scope(|| assert!(process.try_send(panics).is_ok()));
        quiesce(&system).await;
        let [report] = &system.crashes()[..] else { panic!("not one report") };
        assert_eq!(report.context, context);
        assert_eq!(current(), 0);
    });
}
