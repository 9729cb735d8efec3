use std::time::Duration;

use foundation_env::ReplaceFault;
use foundation_env::sim::{SimOptions, Simulation};

use super::*;
use crate::flag::Flag;

const A: Flag = Flag::new("a", "the first");
const B: Flag = Flag::new("b", "the second");

fn note() -> Note {
    Note::new("alice", "tried out")
}

fn open(simulation: &mut Simulation, flags: &[Flag]) -> DurableFlags {
    let env = simulation.env();
    let catalogue = Catalogue::new(flags.iter().cloned()).unwrap();
    simulation.block_on(DurableFlags::open(env, "/data", catalogue)).unwrap()
}

fn later(env: &Env) -> Deadline {
    Deadline::after(env.now(), Duration::from_secs(5))
}

/// Guarantee FL6
#[test]
fn what_was_changed_is_there_after_a_restart_records_included() {
    let mut simulation = Simulation::new(7, SimOptions::default());
    let env = simulation.env();
    let durable = open(&mut simulation, &[A, B]);
    simulation.block_on(async {
        durable.set("a", Value::percent(25).unwrap(), &note(), later(&env)).await.unwrap();
        let edit = Edit::Override { key: "agent-1".to_owned(), on: Some(true) };
        durable.change(&[("b", edit)], &note(), later(&env)).await.unwrap();
    });
    let (settings, audit) = (durable.flags().settings(), durable.flags().audit());
    drop(durable);
    // One of the flags is not declared any more; its setting waits.
    let fewer = open(&mut simulation, &[A]);
    assert_eq!(fewer.flags().settings()["a"], settings["a"]);
    assert_eq!(fewer.flags().audit(), audit);
    simulation.block_on(fewer.set("a", Value::ON, &note(), Deadline::NEVER)).unwrap();
    drop(fewer);
    let again = open(&mut simulation, &[A, B]);
    assert_eq!(again.flags().settings()["b"], settings["b"]);
    assert_eq!(again.flags().audit().records.last().unwrap().step, 3);
}

/// Guarantee FL7
#[test]
fn nobody_sees_what_is_not_durable() {
    let mut simulation = Simulation::new(7, SimOptions::default());
    let env = simulation.env();
    let durable = open(&mut simulation, &[A]);
    let handle = durable.flags().handle(A).unwrap();
    simulation.fail_next_replace(ReplaceFault::Refused);
    let refused = simulation.block_on(durable.set("a", Value::ON, &note(), later(&env)));
    assert!(matches!(refused, Err(DurableError::NotWritten(_))), "{refused:?}");
    assert!(!handle.is_enabled());
    simulation.fail_next_replace(ReplaceFault::InDoubt);
    let in_doubt = simulation.block_on(durable.set("a", Value::ON, &note(), later(&env)));
    assert!(matches!(in_doubt, Err(DurableError::InDoubt(_))), "{in_doubt:?}");
    assert!(!handle.is_enabled());
    assert_eq!(durable.flags().audit().records.len(), 0);
    simulation.block_on(durable.set("a", Value::ON, &note(), later(&env))).unwrap();
    assert!(handle.is_enabled());
}

/// Guarantee FL7
#[test]
fn an_emergency_waits_for_nobody_and_what_it_overtakes_is_not_made() {
    for seed in 0..50 {
        let mut simulation = Simulation::new(seed, SimOptions::default());
        let env = simulation.env();
        let durable = open(&mut simulation, &[A, B]);
        simulation.block_on(durable.set("a", Value::ON, &note(), later(&env))).unwrap();
        let handle = durable.flags().handle(A).unwrap();
        let (other, deadline) = (durable.clone(), later(&env));
        let (tx, rx) = oneshot::channel();
        env.spawn(async move {
            let made = other.set("b", Value::ON, &note(), deadline).await;
            tx.send(made.map(|step| step.is_some())).unwrap();
        });
        let (overtaken, off) = simulation.block_on(async {
            let note = note();
            let emergency = durable.turn_all_off(&note, later(&env));
            let mut emergency = Box::pin(emergency);
            // Off before the first wait.
            let polled = std::future::poll_fn(|cx| {
                let ready = emergency.as_mut().poll(cx).is_ready();
                std::task::Poll::Ready((ready, handle.is_enabled()))
            });
            let (ready, on) = polled.await;
            assert!(!ready && !on, "seed {seed}");
            emergency.await.unwrap();
            (rx.await.unwrap(), durable.flags().settings())
        });
        let b = off["b"].value;
        match overtaken {
            Ok(made) => assert!(made, "seed {seed}"),
            Err(DurableError::Overtaken) => assert_eq!(b, Value::OFF, "seed {seed}"),
            Err(other) => panic!("seed {seed}: {other}"),
        }
        assert_eq!(off["a"].value, Value::OFF);
        drop(durable);
        assert_eq!(open(&mut simulation, &[A, B]).flags().settings(), off, "seed {seed}");
    }
}

/// Guarantee FL6
#[test]
fn one_program_has_a_folder_and_a_damaged_file_is_no_empty_one() {
    let mut simulation = Simulation::new(7, SimOptions::default());
    let env = simulation.env();
    let first = open(&mut simulation, &[A]);
    let second = DurableFlags::open(env.clone(), "/data", Catalogue::new([A]).unwrap());
    let refused = simulation.block_on(second).unwrap_err();
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    drop(first);
    simulation.write_file("/data/flags.state", "damaged");
    let third = DurableFlags::open(env, "/data", Catalogue::new([A]).unwrap());
    let damaged = simulation.block_on(third).unwrap_err();
    assert!(matches!(damaged, OpenError::Damaged(_)), "{damaged:?}");
}
