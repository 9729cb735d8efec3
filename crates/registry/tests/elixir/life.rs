//! Names in place of pids, starting under a name, and what a death leaves.

use std::time::Duration;

use foundation_env::Env;
use foundation_process::{Context, Outcome, Process, Reply, StartError};
use foundation_registry::{Counts, Metadata, Name, RegisterError, Registry};

use super::{SPACE, in_world};
use crate::world::{World, can, name};

/// A number behind a name, which it takes while it starts.
struct Number {
    registry: Registry,
    name: Name,
    metadata: Metadata,
    value: i64,
}

#[derive(Debug)]
enum Ask {
    Add(i64),
    Get(Reply<i64>),
}

impl Process for Number {
    type Message = Ask;

    async fn init(&mut self, context: &mut Context<Ask>) -> Outcome {
        self.registry.register(context.pid(), self.name.clone(), self.metadata.clone())?;
        Ok(())
    }

    async fn handle(&mut self, ask: Ask, _: &mut Context<Ask>) -> Outcome {
        match ask {
            Ask::Add(number) => self.value += number,
            Ask::Get(reply) => reply.send(self.value),
        }
        Ok(())
    }
}

impl World {
    fn number(&self, id: &str, metadata: Metadata) -> Number {
        let registry = self.registry.clone();
        Number { registry, name: name(SPACE, id), metadata, value: 0 }
    }
}

/// Guarantee S1
#[test]
fn a_process_starts_under_a_name_and_is_reached_by_it() {
    in_world(|world| async move {
        let deadline = world.system.deadline(Duration::from_secs(1));
        let first = world.system.process(world.number("hello", can(&["value"])));
        let pid = first.start(deadline).await.expect("the name is free").pid();
        let found = world.registry.lookup(&name(SPACE, "hello")).expect("it is registered");
        assert!(found.pid == pid && found.metadata.has("value"), "with what it can do");

        let number = world.registry.named::<Ask>(name(SPACE, "hello"));
        number.send(Ask::Add(1)).await.expect("it is there");
        assert_eq!(number.call(Ask::Get).await.expect("it answers"), 1);

        let second = world.system.process(world.number("hello", can(&[])));
        let refused = second.start(deadline).await.expect_err("the name is taken");
        let taken = RegisterError::AlreadyRegistered { name: name(SPACE, "hello"), owner: pid };
        let StartError::Init(reason) = refused else { unreachable!("{refused}") };
        assert!(reason.to_string().contains(&taken.to_string()), "{reason}");
        assert_eq!(number.call(Ask::Get).await.expect("it answers"), 1, "undisturbed");
    });
}

/// A pid of the name's owner is of one life, an address by name of all of them.
#[test]
fn an_address_by_name_finds_the_next_owner() {
    in_world(|world| async move {
        let deadline = world.system.deadline(Duration::from_secs(1));
        let number = world.registry.named::<Ask>(name(SPACE, "hello"));
        for life in 1..4 {
            let process = world.system.process(world.number("hello", can(&[])));
            let pid = process.start(deadline).await.expect("the name is free").pid();
            number.send(Ask::Add(life)).await.expect("it is there");
            assert_eq!(number.call(Ask::Get).await.expect("it answers"), life);
            world.kill(pid).await;
        }
    });
}

/// Guarantee I1
/// Guarantee S4
#[test]
fn a_crash_leaves_nothing_in_any_table() {
    in_world(|world| async move {
        let before = world.registry.counts();
        for shared in [&["own-1", "own-2"], &["both", "both"]] {
            let [first, second] = shared.map(|capability| can(&[capability]));
            let pids = [world.with("hello", first), world.with("world", second)];
            for pid in pids {
                world.kill(pid).await;
                // Nobody had to look, and nothing had to be waited for.
                assert_eq!(world.keys(pid), Vec::<String>::new());
            }
            let counts = world.registry.counts();
            let mut expected = before;
            expected.namespaces = counts.namespaces;
            assert_eq!(counts, expected);
            assert_eq!(world.system.counts().hooks, before.owners);
        }
    });
}

/// Guarantee I1
#[test]
fn a_successor_takes_the_key_whoever_is_delayed() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    let world = World::new(Env::tokio(runtime.handle().clone()));
    let _entered = runtime.enter();
    let (task, other) = (world.with("hello", can(&["value"])), world.worker().pid());
    let hello = name(SPACE, "hello");
    let (_, watch) = world.registry.watch(SPACE, |_| true).expect("it is watched");
    // One who reads an old revision and one who watches hold up nobody, however long they take: no third party
    // cleans up.
    let read = world.registry.read(SPACE, |view| {
        let refused = world.registry.register(other, hello.clone(), can(&["other"]));
        assert!(
            matches!(refused, Err(RegisterError::AlreadyRegistered { owner, .. }) if owner == task)
        );
        runtime.block_on(world.kill(task));
        world.registry.register(other, hello.clone(), can(&["other"])).expect("it is free");
        assert_eq!(world.registry.whereis(&hello), Some(other));
        assert_eq!(world.registry.count_by_capability(SPACE, "value"), 0);
        assert_eq!(view.whereis(&hello), Some(task), "of its revision");
    });
    assert_eq!(read, Ok(()));
    drop(watch);
    runtime.block_on(world.kill(other));
    let mut empty = Counts::default();
    empty.namespaces = 1;
    assert_eq!(world.registry.counts(), empty);
}
