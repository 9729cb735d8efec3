//! OTP for Rust: processes, links, monitors, supervision trees and registries that keep their word.
//!
//! This is the crate to depend on. It holds no logic: each module is a crate of its own with its own
//! promises, and [`prelude`] has what most files need.
//!
//! # A first process
//!
//! A process is a state and a handler. Others reach it through its address, with messages of one type.
//!
//! ```
//! use foundation::prelude::*;
//!
//! struct Counter(u64);
//!
//! enum Message {
//!     Add(u64),
//!     Get(Reply<u64>),
//! }
//!
//! impl Process for Counter {
//!     type Message = Message;
//!
//!     async fn handle(&mut self, message: Message, _: &mut Context<Message>) -> Outcome {
//!         match message {
//!             Message::Add(n) => self.0 += n,
//!             Message::Get(reply) => reply.send(self.0),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let system = System::current();
//!     let counter = system.spawn(Counter(0))?;
//!     counter.send(Message::Add(2)).await?;
//!     assert_eq!(counter.call(Message::Get).await?, 2);
//!     Ok(())
//! }
//! ```
//!
//! The same with the attribute [`macro@process`], which writes the messages, the handler and a typed
//! handle; it runs the same code, as fast:
//!
//! ```
//! use foundation::prelude::*;
//!
//! struct Counter(u64);
//!
//! #[process]
//! impl Counter {
//!     #[cast]
//!     fn add(&mut self, n: u64) {
//!         self.0 += n;
//!     }
//!
//!     #[call]
//!     fn get(&self) -> u64 {
//!         self.0
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let system = System::current();
//!     let counter = CounterHandle::from(system.spawn(Counter(0))?);
//!     counter.add(2).await?;
//!     assert_eq!(counter.get().await?, 2);
//!     Ok(())
//! }
//! ```
//!
//! # Under a supervisor, found by name
//!
//! ```
//! use std::time::Duration;
//!
//! use foundation::prelude::*;
//! use foundation::registry::{Metadata, Name, Registry};
//! use foundation::supervisor::{ChildSpec, Strategy, Supervisor};
//!
//! struct Counter {
//!     registry: Registry,
//!     name: Name,
//!     count: u64,
//! }
//!
//! #[process]
//! impl Counter {
//!     #[init]
//!     fn register(&mut self, context: &mut Context<CounterMessage>) -> Outcome {
//!         self.registry.register(context.pid(), self.name.clone(), Metadata::new(["count"])?)?;
//!         Ok(())
//!     }
//!
//!     #[cast]
//!     fn add(&mut self, n: u64) {
//!         self.count = self.count.checked_add(n).expect("the sum fits");
//!     }
//!
//!     #[call]
//!     fn get(&self) -> u64 {
//!         self.count
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let system = System::current();
//!     let registry = Registry::new(system.clone());
//!     let name = Name::new("counters", "main")?;
//!     let (of_child, named) = (registry.clone(), name.clone());
//!     let spec = ChildSpec::new("counter", move || Counter {
//!         registry: of_child.clone(),
//!         name: named.clone(),
//!         count: 0,
//!     });
//!     let supervisor = Supervisor::new(Strategy::OneForOne).child(spec).start(&system).await?;
//!
//!     let find = || registry.address(&name).map(CounterHandle::from);
//!     let counter = find().expect("its init has registered it");
//!     let down = system.monitor(counter.address().pid());
//!     counter.add(u64::MAX).await?;
//!     counter.add(1).await?; // overflows: the counter panics and is restarted
//!     down.await;
//!     while find().is_none() {
//!         tokio::task::yield_now().await;
//!     }
//!     assert_eq!(find().expect("just seen").get().await?, 0);
//!
//!     let report = system.shutdown(system.deadline(Duration::from_secs(5))).await;
//!     assert!(report.stuck.is_empty());
//!     drop(supervisor);
//!     Ok(())
//! }
//! ```
//!
//! # Agents from a file
//!
//! A file names agents, what they can do, and tasks that need it done. Behind a capability stands an action: one
//! that comes along, or one of yours. The command `foundation run` does the same with those that come along.
//!
//! ```
//! use foundation::agent::{Action, ActionContext, Actions};
//! use foundation::node::{Node, RunOptions, SystemSpec};
//! use foundation::prelude::*;
//! use foundation::types::Error;
//! use foundation::workflow::RunEnd;
//!
//! struct Square;
//!
//! impl Action for Square {
//!     type Input = Option<Vec<u64>>;
//!     type Output = Vec<u64>;
//!
//!     fn name(&self) -> &'static str {
//!         "number.square"
//!     }
//!
//!     fn summary(&self) -> &'static str {
//!         "Squares numbers; those from 1 to 3 if there are none."
//!     }
//!
//!     fn run(&self, numbers: Self::Input, _: &ActionContext) -> Result<Vec<u64>, Error> {
//!         Ok(numbers.unwrap_or(vec![1, 2, 3]).into_iter().map(|number| number * number).collect())
//!     }
//! }
//!
//! const FILE: &str = r#"
//! [system]
//! name = "squares"
//!
//! [[pool]]
//! name = "squarers"
//! capabilities = ["number.square"]
//! size = 2
//!
//! [[task]]
//! name = "once"
//! capability = "number.square"
//!
//! [[task]]
//! name = "twice"
//! capability = "number.square"
//! after = ["once"]
//! "#;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut actions = Actions::builtin();
//!     actions.add(Square)?;
//!     let spec = SystemSpec::parse("system.toml", FILE, &actions)?;
//!     let system = System::current();
//!     let node = Node::start(&system, spec, &RunOptions::new(".", 2)).await?;
//!     let outcome = node.outcome().await?;
//!     node.stop(system.deadline(std::time::Duration::from_secs(5))).await;
//!     let RunEnd::Done(result) = outcome.end else { return Err("it should be done".into()) };
//!     assert_eq!(result.as_str(), "[1,16,81]");
//!     Ok(())
//! }
//! ```

#![forbid(unsafe_code)]

pub mod prelude;

/// Agents: capabilities, and the actions behind them.
pub use foundation_agent as agent;
/// Time, randomness, spawning and files, real or simulated.
pub use foundation_env as env;
/// Typed feature flags.
pub use foundation_flags as flags;
/// From a `system.toml` to a running system.
pub use foundation_node as node;
/// Processes: mailboxes, links, monitors, timers and the exit protocol.
pub use foundation_process as process;
/// Names, capabilities and health of processes.
pub use foundation_registry as registry;
/// Supervision trees.
pub use foundation_supervisor as supervisor;
/// Events and who hears them, error context, trace context.
pub use foundation_telemetry as telemetry;
/// Pids, deadlines, exit reasons and the error catalogue.
pub use foundation_types as types;
/// Task graphs and their runs.
pub use foundation_workflow as workflow;

/// Writes the messages, the process and the typed handle for a block of methods.
///
/// # Examples
///
/// Every mark once. The methods stay methods: tests can call them without a process.
///
/// ```
/// use std::io;
/// use std::time::Duration;
///
/// use foundation::prelude::*;
///
/// struct Door {
///     open: bool,
///     waiting: Vec<Reply<u32>>,
///     passed: u32,
/// }
///
/// #[process]
/// impl Door {
///     #[init]
///     async fn close_soon(&mut self, context: &mut Context<DoorMessage>) -> Outcome {
///         context.send_after(Duration::from_secs(60), DoorMessage::Close)?;
///         Ok(())
///     }
///
///     /// Opens the door to all who wait.
///     #[cast]
///     async fn open(&mut self) -> Result<(), io::Error> {
///         self.open = true; // an error would end the process
///         for reply in std::mem::take(&mut self.waiting) {
///             self.let_in(reply);
///         }
///         Ok(())
///     }
///
///     #[cast]
///     fn close(&mut self) {
///         self.open = false;
///     }
///
///     /// Waits until the door is open. Answers later, so that others are served meanwhile.
///     #[call]
///     fn pass(&mut self, reply: Reply<u32>) {
///         if self.open { self.let_in(reply) } else { self.waiting.push(reply) }
///     }
///
///     /// An error here is an answer; it does not end the process.
///     #[call]
///     fn rename(&mut self, name: String) -> Result<usize, String> {
///         if name.is_empty() { Err("a door needs a name".to_owned()) } else { Ok(name.len()) }
///     }
///
///     #[signal]
///     fn told(&mut self, signal: Signal) {
///         drop(signal);
///     }
///
///     #[terminate]
///     fn slam(&mut self, reason: &ExitReason) {
///         self.open = reason.is_orderly();
///     }
///
///     #[terminate_budget]
///     fn patience(&self) -> Option<Duration> {
///         Some(Duration::from_secs(1))
///     }
///
///     #[inspect]
///     fn describe(&self) -> String {
///         format!("{} have passed", self.passed)
///     }
///
///     fn let_in(&mut self, reply: Reply<u32>) {
///         self.passed += 1;
///         reply.send(self.passed);
///     }
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let system = System::current();
///     let door = Door { open: false, waiting: Vec::new(), passed: 0 };
///     let door = DoorHandle::from(system.spawn(door)?);
///     let soon = system.deadline(Duration::from_secs(1));
///     let hurried = door.until(soon);
///     let (passed, opened) = tokio::join!(hurried.pass(), door.open());
///     opened?;
///     assert_eq!(passed?, 1);
///     assert!(door.rename(String::new()).await?.is_err());
///     assert_eq!(system.get_state(door.address().pid(), soon).await?, "1 have passed");
///     Ok(())
/// }
/// ```
///
/// What cannot be a message is an error at its place:
///
/// ```compile_fail
/// # struct Greeter;
/// #[foundation::process]
/// impl Greeter {
///     #[cast]
///     fn greet(&mut self, name: &str) {} // a message owns its parts
/// }
/// ```
pub use foundation_macros::process;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
