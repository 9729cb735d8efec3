//! What duplicate keys are for: many processes under one key, and telling them all. Such a key is a capability here;
//! each process has a name of its own beside it, or several.

use std::collections::BTreeSet;
use std::time::Duration;

use foundation_process::{Address, DeliveryOutcome, Rule};
use foundation_registry::{Strategy, WatchChange};
use foundation_testkit::wait_for;

use super::{Listener, SPACE, in_world};
use crate::world::{World, can, name};

#[test]
fn many_may_have_one_key_and_one_may_have_it_twice() {
    in_world(|world| async move {
        let pid = world.with("a-1", can(&["hello"]));
        world.take(pid, "a-2", can(&["hello"]));
        world.take(pid, "a-3", can(&["world"]));
        let other = world.with("b-1", can(&["hello"]));
        assert_eq!(world.registry.count_by_capability(SPACE, "hello"), 3, "entries, not processes");
        let found = world.registry.find_by_capability(SPACE, "hello");
        let owners: BTreeSet<_> = found.iter().map(|found| found.pid).collect();
        assert_eq!(owners, BTreeSet::from([pid, other]));
        // Twice is two names: each is given back by itself.
        world.registry.unregister(&name(SPACE, "a-1"), pid).expect("it is the owner's");
        assert_eq!(world.keys(pid), ["a-2", "a-3"]);
        world.registry.unregister(&name(SPACE, "a-2"), pid).expect("it is the owner's");
        assert_eq!(
            world.registry.first_by_capability(SPACE, "hello", &BTreeSet::new()),
            Some(other)
        );
    });
}

impl World {
    /// Sends a text to everybody with a capability, once to each; returns to how many.
    async fn dispatch(&self, capability: &str, text: &str) -> usize {
        let found = self.registry.find_by_capability(SPACE, capability);
        let pids: BTreeSet<_> = found.iter().map(|found| found.pid).collect();
        let to: Vec<Address<String>> =
            pids.into_iter().filter_map(|pid| self.system.address(pid)).collect();
        let deadline = self.system.deadline(Duration::from_secs(1));
        let told = self.system.broadcast(&to, &text.to_owned(), Rule::BestEffort, deadline).await;
        let told = told.expect("there are few");
        told.iter().filter(|told| told.outcome == DeliveryOutcome::Accepted).count()
    }

    async fn until_heard(&self, listener: &Listener, expected: &[&str]) {
        let deadline = self.system.deadline(Duration::from_secs(1));
        wait_for(self.system.env(), "the texts", deadline, || match listener.heard() {
            heard if heard == expected => Ok(()),
            heard => Err(format!("{heard:?}")),
        })
        .await;
    }
}

/// The caller sends: there is no task of the registry's that could do it beside the caller, and none whose failure
/// could end anybody. Room is waited for in all mailboxes at the same time.
#[test]
fn everybody_under_a_key_is_told_and_nobody_else() {
    in_world(|world| async move {
        assert_eq!(world.dispatch("hello", "nobody").await, 0);
        let ((one, first), (two, second)) = (world.listener(), world.listener());
        world.take(first.pid(), "1", can(&["hello"]));
        world.take(second.pid(), "2", can(&["hello", "world"]));
        assert_eq!(world.dispatch("hello", "for both").await, 2);
        assert_eq!(world.dispatch("world", "for one").await, 1);
        world.until_heard(&two, &["for both", "for one"]).await;
        world.until_heard(&one, &["for both"]).await;
        world.kill(first.pid()).await;
        assert_eq!(world.dispatch("hello", "for the other").await, 1);
    });
}

#[test]
fn one_under_a_unique_key_is_told_and_nobody_is_an_error() {
    in_world(|world| async move {
        let soon = world.system.deadline(Duration::from_millis(10));
        let to = world.registry.named::<String>(name(SPACE, "hello"));
        let nobody = to.send_until("lost".into(), soon).await;
        let nobody = nobody.expect_err("by design: what nobody gets is given back");
        assert!(format!("{nobody:?}").contains("lost"));
        let (listener, address) = world.listener();
        world.take(address.pid(), "hello", can(&[]));
        to.send("heard".into()).await.expect("it is there");
        world.until_heard(&listener, &["heard"]).await;
    });
}

/// An address is of a name, and only a name: who wants many asks for them and says how.
#[test]
fn a_key_of_many_is_no_address() {
    in_world(|world| async move {
        let pid = world.with("a", can(&["hello"]));
        assert_eq!(world.registry.whereis(&name(SPACE, "hello")), None);
        let picked = world.registry.pick(SPACE, "hello", Strategy::Random);
        assert_eq!(picked.map(|found| found.pid), Some(pid));
    });
}

/// A listener is a watch: of a key, of what matches, or of everything. Deaths are told with their reason, which
/// listeners of the original learn as given back.
#[test]
fn listeners_are_told_of_every_key_taken_and_given_back() {
    in_world(|world| async move {
        let (now, mut watch) = world.registry.watch(SPACE, |_| true).expect("it is watched");
        assert_eq!(now.registrations, []);
        let task = world.with("hello", can(&["world"]));
        let own = world.with("world", can(&["value"]));
        world.registry.unregister(&name(SPACE, "world"), own).expect("it is the owner's");
        world.kill(task).await;
        let mut told = Vec::new();
        for _ in 0..4 {
            let event = watch.changed().await.expect("it is not slow");
            let (what, of) = match event.change {
                WatchChange::Registered(of) => ("taken", of),
                WatchChange::Unregistered(of) => ("given back", of),
                WatchChange::Died { before, .. } => ("died", before),
                other => unreachable!("{other:?}"),
            };
            told.push((what, of.name.local_id().to_owned(), of.pid));
        }
        let expected = [("taken", "hello", task), ("taken", "world", own)];
        let expected =
            expected.into_iter().chain([("given back", "world", own), ("died", "hello", task)]);
        assert!(told.iter().map(|(what, id, pid)| (*what, &**id, *pid)).eq(expected), "{told:?}");
    });
}
