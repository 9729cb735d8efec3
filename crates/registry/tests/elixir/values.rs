//! Values: matching, guards, selecting, counting, and changing one's own.

use foundation_registry::{Patch, UpdateError};

use super::{SPACE, in_world, query, value};
use crate::world::{can, name};

/// A pattern is a query over the fields of an entry, its key among them.
#[test]
fn values_are_matched_by_their_parts() {
    in_world(|world| async move {
        world.with("hello", value(1, "atom", 1));
        let more = foundation_registry::Metadata::builder().custom("a", "a").custom("b", "b");
        world.with("world", more.build().expect("it is valid"));
        assert_eq!(world.ids("id:hello custom.first:1"), ["hello"]);
        assert_eq!(world.ids("id:hello custom.kind:atom"), ["hello"]);
        assert_eq!(world.ids("id:hello"), ["hello"]);
        assert_eq!(world.ids("id:world custom.b:b"), ["world"], "other parts may be there");
        assert_eq!(world.ids("id:hello custom.first:2"), Vec::<String>::new());
        assert_eq!(world.ids("id:hello custom.b:b"), Vec::<String>::new());
        assert_eq!(world.ids("id:_"), Vec::<String>::new(), "no sign stands for any key");
    });
}

/// By design: numbers are compared by what they are worth, here and in guards. Where the difference matters, keep
/// the value as a text.
#[test]
fn one_and_one_point_nought_are_equal_as_values() {
    in_world(|world| async move {
        world.with("hello", value(1, "atom", 2));
        assert_eq!(world.ids("custom.first:1.0"), ["hello"]);
        assert_eq!(world.ids("custom.first:\"1\""), Vec::<String>::new(), "a text is no number");
    });
}

#[test]
fn guards_are_comparisons() {
    in_world(|world| async move {
        world.with("hello", value(1, "atom", 2));
        world.with("plain", can(&[]));
        assert_eq!(world.ids("custom.last>1"), ["hello"]);
        assert_eq!(world.ids("custom.last>2"), Vec::<String>::new());
        assert_eq!(world.ids("has:custom.kind"), ["hello"]);
        assert_eq!(world.ids("custom.kind>1"), Vec::<String>::new(), "a text has no such order");
    });
}

/// By design no query compares two parts of an entry with each other; whoever wants that asks what was found.
#[test]
fn parts_are_compared_with_each_other_by_the_caller() {
    in_world(|world| async move {
        world.with("alike", value(1, "atom", 1));
        world.with("unlike", value(1, "atom", 2));
        let mut found = world.select("custom.kind:atom");
        found.retain(|found| {
            found.metadata.field("custom.first") == found.metadata.field("custom.last")
        });
        let ids: Vec<_> = found.iter().map(|found| found.name.local_id()).collect();
        assert_eq!(ids, ["alike"]);
    });
}

#[test]
fn everything_is_selected_with_key_owner_and_value() {
    in_world(|world| async move {
        assert_eq!(world.select("*"), []);
        let (hello, other) = (world.with("hello", can(&[])), world.with("world", can(&["value"])));
        let all = world.select("*");
        let all: Vec<_> = all
            .iter()
            .map(|found| {
                let value = found.metadata.capabilities().next();
                (found.name.local_id(), found.pid, value)
            })
            .collect();
        assert_eq!(all, [("hello", hello, None), ("world", other, Some("value"))]);
        let mut own = world.select("*");
        own.retain(|found| found.pid == hello);
        assert_eq!(own.len(), 1, "by owner");
    });
}

/// Of several patterns it is enough that one matches, and what matches two is found once.
#[test]
fn several_patterns_are_one_query() {
    in_world(|world| async move {
        for id in ["hello", "world", "neither"] {
            world.with(id, can(&["x"]));
        }
        assert_eq!(world.ids("id:hello OR id:world"), ["hello", "world"]);
        assert_eq!(world.ids("id:hello OR capability:x"), ["hello", "neither", "world"]);
        assert_eq!(world.ids("id in (hello, world)"), ["hello", "world"]);
    });
}

/// A pattern that cannot be read is no query, and says where it goes wrong.
#[test]
fn a_malformed_pattern_is_refused() {
    for (text, at) in [("id:", 3), ("(id:hello", 9), ("custom.first > > 1", 15), ("OR id:a", 0)] {
        let error = text.parse::<foundation_registry::Query>().expect_err("it is no query");
        assert_eq!(error.at, at, "{text}: {error}");
    }
}

/// In two steps by design: what was found is given back only by the owner that was found, so a successor in between
/// keeps the key.
#[test]
fn what_matches_is_given_back_by_its_owner() {
    in_world(|world| async move {
        let pid = world.with("hello", value(1, "atom", 1));
        let give_back = |text: &str| {
            for found in world.registry.query(SPACE, &query(text)).registrations {
                world.registry.unregister(&found.name, found.pid).expect("nobody was in between");
            }
            world.keys(pid)
        };
        assert_eq!(give_back("id:hello custom.first:2"), ["hello"]);
        assert_eq!(give_back("id:hello custom.first>1"), ["hello"]);
        assert_eq!(give_back("id:other custom.kind:atom"), ["hello"]);
        assert_eq!(give_back("id:hello custom.kind:atom"), Vec::<String>::new());
        let found = world.registry.lookup(&name(SPACE, "hello"));
        assert_eq!(found, None);
    });
}

/// Guarantee S3
#[test]
fn an_owner_and_nobody_else_changes_its_value() {
    in_world(|world| async move {
        let (hello, stranger) = (name(SPACE, "hello"), world.worker().pid());
        let patch = Patch::new().custom("first", 2_i64);
        let nobody = world.registry.patch(&hello, stranger, &patch);
        assert_eq!(nobody, Err(UpdateError::NotRegistered { name: hello.clone() }));
        let owner = world.with("hello", value(1, "atom", 1));
        let refused = world.registry.patch(&hello, stranger, &patch);
        assert_eq!(refused, Err(UpdateError::NotOwner { name: hello.clone(), owner }));
        assert_eq!(world.ids("custom.first:1"), ["hello"]);
        let revision = world.registry.patch(&hello, owner, &patch).expect("it is the owner's");
        let found = world.registry.lookup(&hello).expect("registered");
        assert_eq!((found.pid, found.revision()), (owner, revision));
        assert_eq!(world.ids("custom.first:2 custom.last:1"), ["hello"]);
    });
}
