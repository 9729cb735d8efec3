//! What `#[process]` writes behaves as what one would write by hand.

#![expect(clippy::expect_used, reason = "a test fails where its world is not as built")]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use foundation::env::Env;
use foundation::prelude::*;
use foundation::process::StartError;
use foundation::types::{Code, Error};
use foundation_testkit::sim_seeds;

/// A store of texts, for every form a handler can have.
#[derive(Default)]
pub(crate) struct Store {
    texts: BTreeMap<u32, String>,
    waiting: Vec<(u32, Reply<String>)>,
    downs: u32,
    ended: Arc<AtomicU32>,
    refuse: bool,
}

#[process]
impl Store {
    const TEXTS_MAX: usize = 3;

    #[init]
    fn start(&mut self) -> Result<(), Error> {
        if self.refuse { Err(Error::new(Code::InitializationFailed, "told to")) } else { Ok(()) }
    }

    /// Puts a text in, with its number.
    #[cast]
    pub(crate) async fn put(&mut self, number: u32, mut text: String) {
        std::future::ready(()).await;
        text.push('.');
        self.texts.insert(number, text);
        let texts = &self.texts;
        for (number, reply) in self.waiting.extract_if(.., |(of, _)| texts.contains_key(of)) {
            reply.send(texts.get(&number).cloned().unwrap_or_default());
        }
    }

    #[call]
    pub(crate) fn count(&self) -> usize {
        self.texts.len()
    }

    #[call]
    pub(crate) fn clear(&mut self) {
        self.texts.clear();
    }

    /// Fails in its own way, which is an answer.
    #[call]
    fn take(&mut self, number: u32) -> Result<String, Missing> {
        self.texts.remove(&number).ok_or(Missing(number))
    }

    #[call]
    fn get_when_there(&mut self, number: u32, reply: Reply<String>) -> Outcome {
        if self.waiting.len() >= Self::TEXTS_MAX {
            return Err(Error::new(Code::ResourceExhausted, "too many wait").into());
        }
        match self.texts.get(&number) {
            Some(text) => reply.send(text.clone()),
            None => self.waiting.push((number, reply)),
        }
        Ok(())
    }

    #[call]
    fn copy(&self, context: &Context<StoreMessage>) -> (Pid, BTreeMap<u32, String>) {
        (context.pid(), self.texts.clone())
    }

    /// `Self` means the store, also in its messages.
    #[call]
    fn merge(&mut self, others: Vec<Self>) -> Vec<Self> {
        self.texts = others.into_iter().flat_map(|other| other.texts).collect();
        Vec::new()
    }

    #[cast]
    fn fail(&mut self) -> Result<(), fmt::Error> {
        self.texts.clear();
        Err(fmt::Error)
    }

    #[cast]
    fn watch(&mut self, context: &mut Context<StoreMessage>, pid: Pid) -> Outcome {
        self.downs = 0;
        context.monitor(pid)?;
        Ok(())
    }

    #[call]
    fn downs(&self) -> u32 {
        self.downs
    }

    #[call]
    fn r#type(&self, _unused: u8) -> &'static str {
        if self.refuse { "refusing" } else { "store" }
    }

    #[cfg(any())]
    #[cast]
    fn left_out(&mut self, of_no_type: NoSuchType) {}

    #[signal]
    async fn told(&mut self, signal: Signal, _: &mut Context<StoreMessage>) {
        std::future::ready(()).await;
        if matches!(signal, Signal::Down { .. }) {
            self.downs += 1;
        }
    }

    #[terminate]
    fn end(&mut self, reason: &ExitReason, _context: &mut Context<StoreMessage>) {
        self.ended.store(if reason.is_orderly() { 1 } else { 2 }, Ordering::Relaxed);
    }

    #[inspect]
    fn describe(&self) -> String {
        format!("{} texts", self.texts.len())
    }

    fn not_a_message(&self) -> usize {
        self.texts.len()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing(u32);

fn store(env: Env) -> (System, StoreHandle) {
    let system = System::new(env);
    let address = system.spawn(Store::default()).expect("the system takes processes");
    (system, StoreHandle::from(address))
}

#[test]
fn casts_and_calls_reach_their_methods_in_order() {
    sim_seeds(0..5, |env, _| async move {
        let (_system, store) = store(env);
        for number in 1..=3 {
            store.put(number, format!("text {number}")).await.expect("it takes messages");
        }
        assert_eq!(store.count().await, Ok(3));
        assert_eq!(store.take(2).await, Ok(Ok("text 2.".to_owned())));
        assert_eq!(store.take(2).await, Ok(Err(Missing(2))));
        assert_eq!(store.r#type(0).await, Ok("store"));
        let (pid, texts) = store.copy().await.expect("it answers");
        assert_eq!((pid, texts.len()), (store.address().pid(), 2));
        assert!(store.merge(vec![Store::default()]).await.expect("it answers").is_empty());
        assert_eq!(store.count().await, Ok(0));
        store.put(4, String::new()).await.expect("it takes messages");
        store.clear().await.expect("it answers");
        assert_eq!(store.count().await, Ok(0));
    });
}

#[test]
fn a_kept_port_is_answered_later_and_fails_with_the_process() {
    sim_seeds(0..5, |env, _| async move {
        let (system, store) = store(env);
        let waiting = {
            let store = store.clone();
            let pid = store.address().pid();
            let ready = Reader(store);
            (system.spawn(ready).expect("the system takes processes"), pid)
        };
        let answer = waiting.0.call(|reply| (7, reply));
        let give = async {
            store.put(7, "late".to_owned()).await.expect("it takes messages");
        };
        let (answer, ()) = join(answer, give).await;
        assert_eq!(answer, Ok(Ok("late.".to_owned())));
        let (answer, _) = join(store.get_when_there(8), async { system.kill(waiting.1) }).await;
        assert_eq!(answer, Err(CallError::Exited(ExitReason::Killed)));
    });
}

/// Waits in a process of its own.
struct Reader(StoreHandle);

impl Process for Reader {
    type Message = (u32, Reply<Result<String, CallError>>);

    async fn handle(
        &mut self,
        (number, reply): Self::Message,
        _: &mut Context<Self::Message>,
    ) -> Outcome {
        reply.send(self.0.get_when_there(number).await);
        Ok(())
    }
}

async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (Box::pin(a), Box::pin(b));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|cx| {
        if first.is_none()
            && let std::task::Poll::Ready(output) = a.as_mut().poll(cx)
        {
            first = Some(output);
        }
        if second.is_none()
            && let std::task::Poll::Ready(output) = b.as_mut().poll(cx)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(a), Some(b)) => std::task::Poll::Ready((a, b)),
            (a, b) => {
                (first, second) = (a, b);
                std::task::Poll::Pending
            }
        }
    })
    .await
}

#[test]
fn until_limits_calls_and_waits_for_room() {
    sim_seeds(0..5, |env, _| async move {
        let system = System::new(env.clone());
        let address = system.process(Store::default()).mailbox(1).spawn().expect("room");
        let store = StoreHandle::from(address);
        let second = Duration::from_secs(1);
        let start = env.now();
        let answer = store.until(system.deadline(second)).get_when_there(1).await;
        assert_eq!(answer, Err(CallError::Timeout));
        let waited = env.now().saturating_duration_since(start);
        assert!((second..second * 2).contains(&waited), "{waited:?}");

        let pid = store.address().pid();
        system.suspend(pid, system.deadline(second)).await.expect("it is alive");
        let soon = store.until(system.deadline(second));
        soon.put(1, String::new()).await.expect("room for one");
        let refused = soon.put(2, String::new()).await.expect_err("no room for two");
        assert!(refused.is_retryable());
        assert!(matches!(refused.into_message(), StoreMessage::Put { number: 2, .. }));
    });
}

#[test]
fn hooks_are_those_of_the_process() {
    sim_seeds(0..5, |env, _| async move {
        let system = System::new(env);
        let deadline = system.deadline(Duration::from_secs(9));
        let refusing = Store { refuse: true, ..Store::default() };
        let failed = system.process(refusing).start(deadline).await;
        assert!(matches!(failed, Err(StartError::Init(ExitReason::Error(_)))), "{failed:?}");

        let ended = Arc::new(AtomicU32::new(0));
        let state = Store { ended: Arc::clone(&ended), ..Store::default() };
        let store = StoreHandle::from(system.spawn(state).expect("room"));
        let pid = store.address().pid();
        let other = system.spawn(Store::default()).expect("room").pid();
        store.watch(other).await.expect("it takes messages");
        assert_eq!(store.downs().await, Ok(0));
        let down = system.monitor(other);
        system.kill(other);
        down.await;
        assert_eq!(store.downs().await, Ok(1));
        assert_eq!(system.get_state(pid, deadline).await, Ok("0 texts".to_owned()));
        let down = system.monitor(pid);
        store.fail().await.expect("it takes messages");
        let reason = down.await.reason;
        assert!(matches!(reason, ExitReason::Error(_)), "{reason}");
        assert_eq!(ended.load(Ordering::Relaxed), 2);
        assert_eq!(store.count().await, Err(CallError::NoProcess));
    });
}

#[test]
fn messages_have_names_and_do_not_print_what_they_carry() {
    let kinds = Store::MESSAGE_KINDS;
    let message = StoreMessage::Put { number: 1, text: "secret".to_owned() };
    assert_eq!(kinds.get(Store::message_kind(&message)), Some(&"put"));
    assert_eq!(format!("{message:?}"), "Put(..)");
    assert_eq!(kinds.get(Store::message_kind(&StoreMessage::Fail)), Some(&"fail"));
    // A position counts handlers that a cfg leaves out too, so names and positions agree.
    assert_eq!(kinds.last(), Some(&"left_out"));
    assert_eq!(Store::default().not_a_message(), 0);
}

mod elsewhere {
    use foundation::prelude::*;

    pub(super) struct Empty(pub(super) u32);

    /// Other names, other visibility, no handlers at all, and another path to the crate.
    #[process(pub(super), message = Nothing, handle = ToEmpty, crate = foundation)]
    impl Empty {
        #[signal]
        fn told(&mut self, _: Signal) -> Outcome {
            self.0 += 1;
            Err(ExitReason::Normal)
        }

        #[cfg(any())]
        #[init]
        fn left_out(&mut self) {}

        #[cfg(any())]
        #[terminate]
        fn left_out_too(&mut self) {}
    }
}

#[test]
fn names_and_visibility_can_be_chosen() {
    sim_seeds(0..2, |env, _| async move {
        let system = System::new(env);
        let address: Address<elsewhere::Nothing> = system.spawn(elsewhere::Empty(0)).expect("room");
        let handle = elsewhere::ToEmpty::from(address);
        let down = system.monitor(handle.address().pid());
        system.stop(handle.address().pid(), ExitReason::SHUTDOWN);
        assert_eq!(down.await.reason, ExitReason::SHUTDOWN);
    });
}

/// A `pub` type whose handlers are not: its messages were once as private as these, which the compiler refuses.
/// What a message carries may be private all the same.
#[deny(warnings)]
pub mod public {
    use std::time::Duration;

    use foundation::prelude::*;

    #[derive(Debug, Default, Clone, Copy)]
    struct Private(u8);

    /// Is visible from everywhere.
    #[derive(Debug, Default)]
    pub struct Public(Private);

    /// Has methods of the same names that take `&mut self`: a call on `self` would find them first.
    trait Other {
        fn value(&mut self) -> Private;
        fn init(&mut self) -> Private;
    }

    impl Other for Public {
        fn value(&mut self) -> Private {
            Private(99)
        }

        fn init(&mut self) -> Private {
            Other::value(self)
        }
    }

    #[process]
    impl Public {
        #[cast]
        fn set(&mut self, value: Private) {
            self.0 = value;
        }

        #[call]
        fn value(&self) -> Private {
            self.0
        }

        /// Named as a hook, and marked as something else.
        #[call]
        fn init(&self) -> Private {
            self.0
        }

        #[terminate]
        async fn dawdle(&mut self) {
            std::future::pending::<()>().await;
        }

        #[terminate_budget]
        fn patience(&self) -> Option<Duration> {
            (self.0.0 > 0).then_some(Duration::from_mins(1))
        }
    }

    pub(super) async fn set_and_get(system: &System) -> (Pid, [u8; 3]) {
        let public = PublicHandle::from(system.spawn(Public::default()).expect("room"));
        public.set(Private(7)).await.expect("it takes messages");
        let value = public.value().await.expect("it answers");
        let init = public.init().await.expect("it answers");
        let other = Other::init(&mut Public::default());
        (public.address().pid(), [value.0, init.0, other.0])
    }
}

#[test]
fn a_public_process_with_private_handlers_calls_its_own_methods() {
    sim_seeds(0..2, |env, _| async move {
        let system = System::new(env.clone());
        let (pid, values) = public::set_and_get(&system).await;
        assert_eq!(values, [7, 7, 99]);
        let down = system.monitor(pid);
        let start = env.now();
        system.stop(pid, ExitReason::SHUTDOWN);
        assert_eq!(down.await.reason, ExitReason::SHUTDOWN);
        let waited = env.now().saturating_duration_since(start);
        assert!(waited >= Duration::from_mins(1), "its own budget, not five seconds: {waited:?}");
    });
}

/// The same process by hand, to compare sizes with.
enum ByHand {
    _Add { _n: u64 },
    _Get { _reply: Reply<u64> },
}

struct Counter(u64);

#[process]
impl Counter {
    #[cast]
    fn add(&mut self, n: u64) {
        self.0 += n;
    }

    #[call]
    fn get(&self) -> u64 {
        self.0
    }
}

#[test]
fn a_message_is_as_small_as_one_written_by_hand() {
    assert_eq!(size_of::<CounterMessage>(), size_of::<ByHand>());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let counter = System::current().spawn(Counter(0)).expect("room");
        counter.send(CounterMessage::Add { n: 2 }).await.expect("room");
        assert_eq!(counter.call(|reply| CounterMessage::Get { reply }).await, Ok(2));
        assert_eq!(CounterHandle::from(counter).get().await, Ok(2));
    });
}
