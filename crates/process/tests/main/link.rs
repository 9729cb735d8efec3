//! Links and exit signals.

use foundation_process::{Limits, SpawnError, System};
use foundation_types::{ExitReason, Pid};

use crate::subject::{
    Event, Gate, Log, Order, Subject, act, ask, failure, quiesce, simulate, start, stop,
};

async fn pair(
    system: &System,
    log: &Log,
) -> (foundation_process::Address<Order>, foundation_process::Address<Order>) {
    let a = start(system, Subject::new(log)).await;
    let b = start(system, Subject::new(log).traps()).await;
    let pid = b.pid();
    ask(&a, move |context| context.link(pid)).await.unwrap();
    (a, b)
}

/// Guarantee R1
#[test]
fn an_abnormal_end_spreads_over_links_and_stops_at_who_traps() {
    simulate(|system| async move {
        for reason in [failure(), ExitReason::SHUTDOWN, ExitReason::Killed] {
            let log = Log::default();
            // a - b - c, where c traps: a's end takes b along and reaches c once, through b.
            let [a, b] = [start(&system, Subject::new(&log)).await, {
                start(&system, Subject::new(&log)).await
            }];
            let c = start(&system, Subject::new(&log).traps()).await;
            let (of_a, of_c) = (a.pid(), c.pid());
            ask(&b, move |context| context.link(of_a).and(context.link(of_c))).await.unwrap();
            assert!(system.exit(a.pid(), reason.clone()));
            quiesce(&system).await;
            assert_eq!(a.exit_reason(), Some(reason.clone()));
            assert_eq!(b.exit_reason(), Some(reason.clone()));
            assert!(c.is_alive());
            let exits: Vec<Event> =
                log.take().into_iter().filter(|e| matches!(e, Event::Exit(..))).collect();
            assert_eq!(exits, [Event::Exit(b.pid(), reason)]);
            assert_eq!(system.counts().links, 0);
        }
    });
}

/// Guarantee R1
#[test]
fn a_normal_end_ends_nobody_and_is_told_to_who_traps() {
    simulate(|system| async move {
        let log = Log::default();
        let (a, b) = pair(&system, &log).await;
        let third = start(&system, Subject::new(&log)).await;
        let pid = a.pid();
        ask(&third, move |context| context.link(pid)).await.unwrap();
        a.try_send(stop(ExitReason::Normal)).unwrap();
        quiesce(&system).await;
        assert!(third.is_alive() && b.is_alive());
        assert_eq!(
            log.take(),
            [Event::Terminate(ExitReason::Normal), Event::Exit(pid, ExitReason::Normal)]
        );
        assert!(system.exit(third.pid(), ExitReason::Normal));
        quiesce(&system).await;
        assert!(third.is_alive(), "a normal exit signal ends nobody");
    });
}

/// Guarantee R1
#[test]
fn an_unlinked_process_gets_no_signal_also_when_it_is_already_queued() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let (a, b) = pair(&system, &log).await;
        let pid = a.pid();
        ask(&b, move |context| context.unlink(pid)).await;
        assert_eq!(system.counts().links, 0);
        ask(&b, move |context| context.link(pid)).await.unwrap();
        b.try_send(gate.order()).unwrap();
        b.try_send(act(move |context| {
            context.unlink(pid);
            Ok(())
        }))
        .unwrap();
        quiesce(&system).await;
        system.kill(pid);
        quiesce(&system).await;
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.take(), []);
        assert!(b.is_alive());
    });
}

/// Guarantee R1
#[test]
fn a_link_to_a_dead_process_yields_its_signal_at_once() {
    simulate(|system| async move {
        let log = Log::default();
        let dead = start(&system, Subject::new(&Log::default())).await;
        system.kill(dead.pid());
        quiesce(&system).await;
        let pid = dead.pid();
        let traps = start(&system, Subject::new(&log).traps()).await;
        ask(&traps, move |context| context.link(pid)).await.unwrap();
        let other = start(&system, Subject::new(&log)).await;
        ask(&other, move |context| context.link(pid)).await.unwrap();
        quiesce(&system).await;
        assert_eq!(other.exit_reason(), Some(ExitReason::NoProcess));
        let mut events = log.take();
        events.retain(|event| matches!(event, Event::Exit(..)));
        assert_eq!(events, [Event::Exit(pid, ExitReason::NoProcess)]);
    });
}

/// Guarantee R1
///
/// The signal for a link to a dead process used to arrive also when the link was taken back first.
#[test]
fn a_link_to_a_dead_process_can_be_taken_back_before_its_signal() {
    simulate(|system| async move {
        let log = Log::default();
        let (a, b) = pair(&system, &log).await;
        let pid = a.pid();
        system.kill(pid);
        quiesce(&system).await;
        log.take();
        ask(&b, move |context| {
            context.link(pid).unwrap();
            context.unlink(pid);
        })
        .await;
        quiesce(&system).await;
        assert_eq!((log.take(), system.counts().links), (vec![], 0));
    });
}

/// Guarantee R1
///
/// A second link used to find the peer's slot empty while the first one's signal was still queued,
/// and answered itself with one more.
#[test]
fn linking_twice_is_linking_once_also_when_the_peer_has_died() {
    simulate(|system| async move {
        let (log, gate) = (Log::default(), Gate::closed());
        let (a, b) = pair(&system, &log).await;
        let pid = a.pid();
        ask(&b, move |context| context.link(pid)).await.unwrap();
        assert_eq!(system.counts().links, 2);
        b.try_send(gate.order()).unwrap();
        b.try_send(act(move |context| Ok(context.link(pid)?))).unwrap();
        quiesce(&system).await;
        system.kill(pid);
        quiesce(&system).await;
        gate.open(1);
        quiesce(&system).await;
        assert_eq!(log.take(), [Event::Exit(pid, ExitReason::Killed)]);
    });
}

#[test]
fn a_process_is_not_linked_to_itself() {
    simulate(|system| async move {
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        ask(&process, |context| context.link(context.pid())).await.unwrap();
        assert_eq!(system.counts().links, 0);
    });
}

#[test]
fn the_abnormal_end_of_a_linked_parent_ends_the_child_even_if_it_traps() {
    simulate(|system| async move {
        let log = Log::default();
        for (reason, survives) in [(failure(), false), (ExitReason::Normal, true)] {
            let parent = start(&system, Subject::new(&Log::default())).await;
            let child = system.process(Subject::new(&log).traps()).parent(parent.pid()).linked();
            let child = child.start(system.deadline(quick())).await.unwrap();
            let end = reason.clone();
            parent.try_send(act(move |_| Err(end))).unwrap();
            quiesce(&system).await;
            assert_eq!(child.is_alive(), survives, "{reason}");
            let told = Event::Exit(parent.pid(), ExitReason::Normal);
            let expected = if survives { told } else { Event::Terminate(reason) };
            assert_eq!(log.take(), [expected]);
        }
    });
}

fn quick() -> std::time::Duration {
    std::time::Duration::from_secs(1)
}

#[test]
fn a_child_of_a_dead_parent_is_not_spawned() {
    simulate(|system| async move {
        let log = Log::default();
        let parent = start(&system, Subject::new(&log)).await;
        system.kill(parent.pid());
        quiesce(&system).await;
        let refused = system
            .process(Subject::new(&log).state(log.when_dropped("state")))
            .parent(parent.pid())
            .linked()
            .spawn();
        assert_eq!(refused.unwrap_err(), SpawnError::NoParent(parent.pid()));
        assert_eq!(log.take(), [Event::Text("state")]);
        assert_eq!(system.counts().processes, 0);
    });
}

#[test]
fn links_have_a_limit() {
    foundation_testkit::sim_seeds(0..2, |env, _| async move {
        let mut limits = Limits::default();
        limits.links_per_process_max = 2;
        let system = System::with_limits(env, limits);
        let log = Log::default();
        let process = start(&system, Subject::new(&log)).await;
        let mut peers: Vec<Pid> = Vec::new();
        for _ in 0..3 {
            peers.push(start(&system, Subject::new(&log)).await.pid());
        }
        let [first, second, third] = peers[..] else { unreachable!() };
        ask(&process, move |context| {
            context.link(first).unwrap();
            context.link(second).unwrap();
            assert_eq!(context.link(third).unwrap_err().limit, 2);
            context.link(second).unwrap();
            context.unlink(first);
            context.link(third).unwrap();
        })
        .await;
        // A link counts for both, whoever makes it.
        let (other, full) = (start(&system, Subject::new(&log)).await, process.pid());
        ask(&other, move |context| {
            let refused = context.link(full).unwrap_err();
            assert_eq!((refused.pid, refused.limit), (full, 2));
        })
        .await;
        assert_eq!(system.info(other.pid()).unwrap().links, []);
        let child = system.process(Subject::new(&log)).parent(full).linked().spawn();
        assert_eq!(child.unwrap_err(), SpawnError::TooManyLinks { parent: full, limit: 2 });
    });
}

/// The signal of a parent's normal end used to be swallowed: a supervisor never heard that it was
/// alone.
///
/// Guarantee R1
#[test]
fn a_child_that_traps_is_told_of_the_normal_end_of_its_parent() {
    simulate(|system| async move {
        for traps in [true, false] {
            let log = Log::default();
            let parent = start(&system, Subject::new(&Log::default())).await;
            let pid = parent.pid();
            let subject = if traps { Subject::new(&log).traps() } else { Subject::new(&log) };
            let child = system.process(subject).parent(pid).linked().spawn().unwrap();
            quiesce(&system).await;
            parent.try_send(stop(ExitReason::Normal)).unwrap();
            quiesce(&system).await;
            let told = vec![Event::Exit(pid, ExitReason::Normal)];
            assert_eq!(log.take(), if traps { told } else { vec![] });
            assert!(child.is_alive());
            system.kill(child.pid());
        }
    });
}
