use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};

use rustix::process::{getpid, set_child_subreaper};

use super::*;

fn start(env: &Env, script: &str) -> Group {
    let plan = Plan {
        program: "sh".to_owned(),
        candidates: vec!["/bin/sh".into()],
        arguments: vec!["-c".to_owned(), script.to_owned()],
        directory: "/".into(),
        variables: BTreeMap::new(),
        kill_grace: Duration::ZERO,
    };
    Group::start(env.clone(), &plan, Place::uncounted()).unwrap()
}

/// A leader that somebody else had reaped once counted as ended, and its number, which may be given
/// to anybody then, was sent the signal for what it had left in its group.
#[test]
fn nothing_is_sent_to_a_number_that_may_be_a_strangers() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let env = Env::tokio(runtime.handle().clone());
    // The member that the leader leaves behind says so if it gets the signal of this test.
    let member = "trap 'echo own; exit' USR1; echo ready; n=0; while test $n -lt 3000; do n=$((n+1)); sleep 0.02; done";
    let mut group = start(&env, &format!("({member}) & exit 0"));
    // Both stay open: the shell writes to the other that its sleep was ended by a signal.
    let [stdout, _stderr] = group.take_pipes();
    let mut said = BufReader::new(File::from(stdout.unwrap())).lines();
    assert_eq!(said.next().unwrap().unwrap(), "ready");
    let leader = group.leader;
    waitid(WaitId::Pid(leader), WaitIdOptions::EXITED).unwrap();
    assert_eq!(group.terminate(), Err(Reaped));
    assert_eq!(group.kill(), Err(Reaped));
    assert_eq!(group.has_ended(), Err(Reaped));
    assert_eq!(group.reap(), Err(Reaped));
    drop(group);
    kill_process_group(leader, Signal::USR1).unwrap();
    assert_eq!(said.next().unwrap().unwrap(), "own");
}

/// In a container whose first process reaps nothing, what a program has started stays a zombie.
#[cfg(target_os = "linux")]
#[test]
fn a_group_of_zombies_is_told_from_a_live_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let env = Env::tokio(runtime.handle().clone());
    // From here on this program is the parent of what its children leave behind.
    set_child_subreaper(Some(getpid())).unwrap();
    let mut group = start(&env, "sleep 60 & exit 0");
    let leader = group.leader;
    let dead = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(leader), dead).unwrap();
    assert!(!group.has_only_zombies());
    group.kill().unwrap();
    group.reap().unwrap();
    waitid(WaitId::Pgid(Some(leader)), dead).unwrap();
    assert!(group.has_only_zombies() && !group.is_gone());
    waitid(WaitId::Pgid(Some(leader)), WaitIdOptions::EXITED).unwrap();
    assert!(group.is_gone());
}
