use std::collections::BTreeMap;

use foundation_testkit::wait_for;
use foundation_types::Deadline;
use rustix::process::{Pid, Signal as Kill, kill_process_group};

use super::*;
use crate::command::places::{Place, Places};
use crate::{Capture, Plan};

/// Other work can keep the blocking pool, on which programs start, busy. That was told as a start that hangs, two
/// seconds later, and the place was counted as stuck.
#[test]
fn a_start_that_never_had_its_turn_does_not_hang() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let env = Env::tokio(runtime.handle().clone());
    runtime.block_on(async {
        let (release, wait) = std::sync::mpsc::sync_channel::<()>(0);
        let wait = Arc::new(std::sync::Mutex::new(wait));
        // More than there are places, so the start below is not the first in line.
        for _ in 0..256 {
            let (wait, env) = (Arc::clone(&wait), env.clone());
            env.clone().spawn(async move {
                drop(env.blocking(move || wait.lock().map(|wait| wait.recv()).is_ok()).await);
            });
        }
        tokio::task::yield_now().await;
        let places = Arc::new(Places::new(1));
        let (guard, cancel) = Cancel::pair();
        let capture = Arc::new(Capture::new(1));
        let mut run = Run::new(env.clone(), sleeps(), capture, cancel);
        run.place = places.take_free();
        drop(guard);
        let Err(CommandError::Spawn { source, .. }) = Box::pin(execute(run)).await else {
            panic!("busy")
        };
        assert_eq!((source.kind(), places.stuck()), (io::ErrorKind::ResourceBusy, 0));
        drop(release);
    });
}

fn sleeps() -> Plan {
    Plan {
        program: "sh".to_owned(),
        candidates: vec!["/bin/sh".into()],
        arguments: vec!["-c".to_owned(), "sleep 60 & exit 0".to_owned()],
        directory: "/".into(),
        variables: BTreeMap::new(),
        kill_grace: Duration::ZERO,
    }
}

/// Starts a program that ends at once and leaves another one behind in its group.
async fn leaves_one_behind(env: &Env, place: Place) -> (Group, Pid) {
    let mut group = Group::start(env.clone(), &sleeps(), place).unwrap();
    let leader = Pid::from_raw(group.number().cast_signed()).unwrap();
    let deadline = Deadline::after(env.now(), Duration::from_secs(30));
    wait_for(env, "the end of the leader", deadline, || {
        group.has_ended().unwrap().then_some(()).ok_or("it lives")
    })
    .await;
    // As if the kernel took its time for the rest.
    group.reap().unwrap();
    (group, leader)
}

/// What hangs in the kernel after its leader has ended used to give its place back, so that any number of them
/// could hang.
#[test]
fn what_outlives_its_leader_keeps_the_place() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let env = Env::tokio(runtime.handle().clone());
    runtime.block_on(async {
        let places = Arc::new(Places::new(1));
        let (group, leader) = leaves_one_behind(&env, places.take_free()).await;
        drop(group);
        assert_eq!(places.stuck(), 1);
        kill_process_group(leader, Kill::KILL).unwrap();
        let deadline = Deadline::after(env.now(), Duration::from_secs(30));
        wait_for(&env, "the end of the place", deadline, || match places.stuck() {
            0 => Ok(()),
            stuck => Err(stuck),
        })
        .await;
    });
}

/// What a program had started could outlive a killed group by more than was waited for, and then the
/// command was reported as ended all the same.
#[test]
fn a_group_with_a_live_member_is_not_reported_as_gone() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let env = Env::tokio(runtime.handle().clone());
    runtime.block_on(async {
        let (group, leader) = leaves_one_behind(&env, Place::uncounted()).await;
        let ends = signal(SignalKind::child()).unwrap();
        let mut session =
            Session { env, group, ends, pumps: Pumps::idle(Arc::new(Capture::new(1))) };
        assert!(!session.group_gone(Duration::from_millis(20)).await);
        assert!(!session.group_gone(2 * DRAIN_MAX).await);
        kill_process_group(leader, Kill::KILL).unwrap();
        assert!(session.group_gone(Duration::from_secs(30)).await);
    });
}
