//! Unique keys: who gets one, how many there are, and giving them back.

use foundation_registry::{Counts, RegisterError, UpdateError, field};

use super::{SPACE, in_world};
use crate::world::{World, can, name};

#[test]
fn keys_are_counted_and_an_empty_registry_has_none() {
    in_world(|world| async move {
        assert_eq!(world.ids("*"), Vec::<String>::new());
        let pid = world.with("hello", can(&[]));
        world.take(pid, "world", can(&[]));
        assert_eq!(world.ids("*"), ["hello", "world"]);
        assert_eq!(world.registry.count("never used", &super::query("*")), 0);
    });
}

/// Guarantee S1
#[test]
fn a_key_is_taken_once_also_by_its_owner() {
    in_world(|world| async move {
        let metadata = super::value(1, "atom", 1);
        let owner = world.with("hello", metadata.clone());
        assert_eq!(world.keys(owner), ["hello"]);
        let stranger = world.worker().pid();
        for pid in [owner, stranger] {
            let refused = world.registry.register(pid, name(SPACE, "hello"), can(&["recent"]));
            let taken = RegisterError::AlreadyRegistered { name: name(SPACE, "hello"), owner };
            assert_eq!(refused, Err(taken));
            let stands = world.registry.lookup(&name(SPACE, "hello")).expect("it does");
            assert!(stands.metadata.custom().eq(metadata.custom()), "as it was registered");
        }
        assert_eq!((world.keys(owner), world.keys(stranger)), (vec!["hello".into()], vec![]));
        world.take(owner, "world", can(&[]));
        assert_eq!(world.keys(owner), ["hello", "world"]);
    });
}

/// Guarantee S4
#[test]
fn no_table_grows_when_a_key_is_refused() {
    in_world(|world| async move {
        let owner = world.with("hello", can(&["x"]));
        let stranger = world.with("world", can(&["x"]));
        let before = world.registry.counts();
        for pid in [owner, stranger, owner] {
            let refused = world.registry.register(pid, name(SPACE, "hello"), can(&["y", "z"]));
            assert!(matches!(refused, Err(RegisterError::AlreadyRegistered { .. })));
        }
        assert_eq!(world.registry.counts(), before);
        assert_eq!(world.system.counts().hooks, before.owners);
    });
}

/// Ids are texts, so `1` and `1.0` are two, and nothing is made equal that is not written alike.
#[test]
fn keys_are_compared_exactly() {
    in_world(|world| async move {
        let pid = world.with("1", can(&[]));
        for id in ["1.0", "01", "A", "a"] {
            world.take(pid, id, can(&[]));
        }
        assert_eq!(world.keys(pid), ["01", "1", "1.0", "A", "a"]);
        // Composed and decomposed, which look alike.
        world.take(pid, "\u{e9}", can(&[]));
        world.take(pid, "e\u{301}", can(&[]));
        assert_eq!(world.registry.counts().entries - elsewhere(&world), 7);
    });
}

fn elsewhere(world: &World) -> usize {
    world.registry.count(super::ELSEWHERE, &super::query("*"))
}

/// What would be a sign of the query language is a key like any other, to queries too.
#[test]
fn keys_that_look_like_patterns_are_keys() {
    let odd = ["*", "_", "$1", "OR", "not", "limit:5", "-hello", "(hello)", "has:id", "\"q\"", "5"];
    in_world(|world| async move {
        let pid = world.with("hello", can(&[]));
        for id in odd {
            world.take(pid, id, can(&[]));
        }
        for id in odd {
            let built = field("id").eq(id).build().expect("within the bounds");
            assert_eq!(world.ids(&built.to_string()), [id], "{built}");
        }
        for id in odd {
            world.registry.unregister(&name(SPACE, id), pid).expect("it is the owner's");
        }
        assert_eq!(world.keys(pid), ["hello"]);
    });
}

#[test]
fn keys_are_given_back_one_by_one() {
    in_world(|world| async move {
        let pid = world.with("hello", can(&[]));
        world.take(pid, "world", can(&[]));
        world.registry.unregister(&name(SPACE, "hello"), pid).expect("it is the owner's");
        assert_eq!(world.keys(pid), ["world"]);
        world.registry.unregister(&name(SPACE, "world"), pid).expect("it is the owner's");
        assert_eq!(world.keys(pid), Vec::<String>::new());
    });
}

/// By design an error: whoever gives back what it does not have is mistaken about something. The other form says
/// whether it was there.
#[test]
fn giving_back_what_nobody_has_is_told() {
    in_world(|world| async move {
        let (pid, hello) = (world.worker().pid(), name(SPACE, "hello"));
        let nothing = world.registry.unregister(&hello, pid);
        assert_eq!(nothing, Err(UpdateError::NotRegistered { name: hello.clone() }));
        assert_eq!(world.registry.unregister_if_present(&hello, pid), Ok(false));
        let owner = world.with("hello", can(&[]));
        let others = world.registry.unregister_if_present(&hello, pid);
        assert_eq!(others, Err(UpdateError::NotOwner { name: hello.clone(), owner }));
        assert_eq!(world.registry.unregister_if_present(&hello, owner), Ok(true));
    });
}

/// In place of the link between an owner and its partition there is one exit hook, from its first key to its last.
/// A link would also end the owner with the registry; a hook does not.
#[test]
fn an_owner_is_tied_to_the_registry_from_its_first_key_to_its_last() {
    in_world(|world| async move {
        let (pid, before) = (world.worker().pid(), world.registry.counts().owners);
        let tied = || {
            let owners = world.registry.counts().owners;
            assert_eq!(world.system.counts().hooks, owners);
            owners - before
        };
        let mut seen = vec![tied()];
        for id in ["hello", "world"] {
            world.take(pid, id, can(&[]));
            seen.push(tied());
        }
        for id in ["hello", "world"] {
            world.registry.unregister(&name(SPACE, id), pid).expect("it is the owner's");
            seen.push(tied());
        }
        assert_eq!(seen, [0, 1, 1, 1, 0]);
    });
}

#[test]
fn an_owner_outlives_the_registry() {
    let mut simulation =
        foundation_env::sim::Simulation::new(1, foundation_env::sim::SimOptions::default());
    let world = World::new(simulation.env());
    simulation.block_on(async {
        let (system, pid) = (world.system.clone(), world.with("hello", can(&[])));
        assert_ne!(world.registry.counts(), Counts::default());
        drop(world);
        assert!(system.is_alive(pid));
        assert_eq!(system.counts().hooks, 0);
    });
}
