use std::collections::BTreeSet;
use std::time::Duration;

use foundation_agent::{Capability, Payload};
use foundation_types::{Code, Error, ExitReason, Instant};
use proptest::prelude::*;

use super::{Run, RunLimits, RunState};
use crate::attempt::{Attempt, AttemptId, Completion, ItemId, Setback};
use crate::error::RunError;
use crate::graph::TaskGraph;
use crate::stage::{ItemState, Stage};
use crate::task::Task;

const T0: Instant = Instant::ORIGIN;

fn task(name: &str) -> Task {
    Task::new(name, Capability::new("any.work").unwrap())
}

fn run(tasks: Vec<Task>) -> Run {
    Run::new(TaskGraph::build(tasks).unwrap(), RunLimits::default())
}

fn payload(text: &str) -> Payload {
    Payload::parse(text).unwrap()
}

fn one(run: &mut Run, now: Instant) -> Attempt {
    let mut attempts = run.offer(now, usize::MAX);
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    attempts.remove(0)
}

fn just_before(instant: Instant) -> Instant {
    Instant::from_nanos(instant.as_nanos() - 1)
}

fn timeout() -> Error {
    Error::new(Code::Timeout, "slow")
}

fn done(run: &mut Run, id: AttemptId, text: &str) {
    assert!(run.complete(id, payload(text)).is_accepted());
}

#[test]
fn inputs_follow_from_what_a_task_waits_for() {
    let mut run = run(vec![
        task("a"),
        task("b").after("a"),
        task("c").after("a"),
        task("join").after("b").after("c"),
    ]);
    let a = one(&mut run, T0);
    assert_eq!((a.input.as_str(), &*a.task), ("null", "a"));
    done(&mut run, a.id, "1");
    let both = run.offer(T0, 9);
    assert!(both.iter().all(|attempt| attempt.input.as_str() == "1"));
    done(&mut run, both[1].id, "3");
    assert!(run.offer(T0, 9).is_empty(), "join waits for b");
    done(&mut run, both[0].id, "2");
    let join = one(&mut run, T0);
    assert_eq!(join.input.as_str(), r#"{"b":2,"c":3}"#);
    done(&mut run, join.id, "5");
    assert!(matches!(run.state(), RunState::Done));
    assert_eq!(run.result().unwrap().as_str(), "5");
}

#[test]
fn outputs_of_items_are_joined_in_the_order_of_the_items() {
    let mut run = run(vec![task("list"), task("each").for_each("list"), task("end").after("each")]);
    let list = one(&mut run, T0);
    done(&mut run, list.id, "[10,20,30]");
    assert_eq!(run.progress().total, 5);
    let mut items = run.offer(T0, 9);
    let inputs: Vec<_> = items.iter().map(|item| item.input.as_str().to_owned()).collect();
    assert_eq!(inputs, ["10", "20", "30"]);
    items.rotate_left(1);
    for item in items {
        done(&mut run, item.id, item.input.as_str());
    }
    assert_eq!(one(&mut run, T0).input.as_str(), "[10,20,30]");
}

#[test]
fn an_empty_list_closes_every_task_that_fans_out_over_it() {
    let mut run = run(vec![
        task("list"),
        task("x").for_each("list"),
        task("y").for_each("x"),
        task("end").after("y"),
    ]);
    let list = one(&mut run, T0);
    done(&mut run, list.id, "[]");
    let end = one(&mut run, T0);
    assert_eq!(end.input.as_str(), "[]");
    assert_eq!((run.progress().done, run.progress().total), (1, 2));
}

#[test]
fn several_ends_make_an_object() {
    let mut run = run(vec![task("a"), task("b")]);
    let a = run.offer(T0, 1).remove(0);
    done(&mut run, a.id, "1");
    assert_eq!(run.result().unwrap().as_str(), r#"{"a":1,"b":null}"#);
}

#[test]
fn a_fan_out_over_no_list_or_too_long_a_list_fails_the_run() {
    for (output, code) in [("{}", Code::TypeMismatch), ("[1,2,3]", Code::ConstraintViolation)] {
        let graph = TaskGraph::build(vec![task("list"), task("each").for_each("list")]).unwrap();
        let mut run = Run::new(graph, RunLimits { items_max: 2, ..RunLimits::default() });
        let list = one(&mut run, T0);
        done(&mut run, list.id, output);
        match run.state() {
            RunState::Failed(RunError::FanOut { task, source_task, source }) => {
                assert_eq!((task.as_str(), source_task.as_str()), ("each", "list"));
                assert_eq!(source.code(), code);
            }
            other => panic!("{other:?}"),
        }
        assert!(run.offer(T0, 9).is_empty());
    }
}

#[test]
fn a_passing_error_is_tried_again_after_its_delay_and_not_before() {
    let mut run = run(vec![task("a").attempts_max(3)]);
    let first = one(&mut run, T0);
    let delay = timeout().retry_delay(0).unwrap();
    assert_eq!(run.fail(first.id, timeout(), T0), Setback::Retry { at: T0 + delay });
    assert_eq!(run.next_wake(), Some(T0 + delay));
    assert!(run.offer(just_before(T0 + delay), 9).is_empty());
    let second = one(&mut run, T0 + delay);
    assert_eq!((second.id.number(), second.input), (2, first.input));
    assert!(matches!(run.fail(second.id, timeout(), T0), Setback::Retry { .. }));
    let third = one(&mut run, T0 + Duration::from_hours(1));
    assert_eq!(run.fail(third.id, timeout(), T0), Setback::RunFailed);
    assert!(matches!(run.state(), RunState::Failed(RunError::TaskFailed { errors: 3, .. })));
    assert_eq!(run.progress().errors, 3);
}

#[test]
fn an_error_that_cannot_pass_fails_the_run_at_once() {
    let mut run = run(vec![task("a").attempts_max(100)]);
    let first = one(&mut run, T0);
    let error = Error::new(Code::InvalidInput, "no").with_remedy("mend it");
    assert_eq!(run.fail(first.id, error, T0), Setback::RunFailed);
    match run.state() {
        RunState::Failed(error) => {
            assert_eq!(error.remedy(), "mend it");
            let text = error.to_string();
            assert!(
                text.contains("(null) after 1 failed attempt"),
                "it names what it read: {text}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn deaths_have_a_budget_of_their_own_and_no_delay() {
    let mut run = run(vec![task("a").attempts_max(1).deaths_max(2)]);
    for death in 1..=3_u32 {
        let attempt = one(&mut run, T0);
        assert_eq!(attempt.id.number(), death);
        let setback = run.lost(attempt.id, &ExitReason::Killed, T0);
        let expected = if death < 3 { Setback::Retry { at: T0 } } else { Setback::RunFailed };
        assert_eq!(setback, expected);
    }
    assert!(matches!(run.state(), RunState::Failed(RunError::TooManyDeaths { deaths: 3, .. })));
    assert_eq!((run.progress().deaths, run.progress().errors), (3, 0));
}

#[test]
fn the_first_result_counts_also_from_an_attempt_that_was_given_up() {
    let mut run = run(vec![task("a")]);
    let first = one(&mut run, T0);
    assert!(matches!(run.lost(first.id, &ExitReason::Killed, T0), Setback::Retry { .. }));
    let second = one(&mut run, T0);
    let completion = run.complete(first.id, payload("1"));
    assert_eq!(completion, Completion::Accepted { superseded: Some(second.id) });
    assert_eq!(run.progress().running, 0);
    assert_eq!(run.complete(second.id, payload("2")), Completion::Late);
    assert_eq!(run.complete(first.id, payload("3")), Completion::Late);
    assert_eq!((run.progress().late, run.result().unwrap().as_str()), (2, "1"));
}

#[test]
fn a_result_takes_its_item_out_of_the_ready_list_and_out_of_its_delay() {
    let mut run = run(vec![task("list"), task("each").for_each("list")]);
    let list = one(&mut run, T0);
    done(&mut run, list.id, "[1,2]");
    let items = run.offer(T0, 9);
    assert!(matches!(run.lost(items[0].id, &ExitReason::Killed, T0), Setback::Retry { .. }));
    assert!(matches!(run.fail(items[1].id, timeout(), T0), Setback::Retry { .. }));
    assert!(run.offer(T0, 0).is_empty(), "the lost one is ready now, the failed one delayed");
    assert_lists_agree(&run);
    done(&mut run, items[0].id, "1");
    assert_lists_agree(&run);
    assert!(run.offer(T0, 9).is_empty());
    done(&mut run, items[1].id, "2");
    assert_lists_agree(&run);
    assert_eq!(run.next_wake(), None);
    assert!(matches!(run.state(), RunState::Done));
}

#[test]
fn an_attempt_past_its_deadline_is_given_up_exactly_then() {
    let limit = Duration::from_secs(5);
    let mut run = run(vec![task("a").deadline(limit)]);
    let first = one(&mut run, T0);
    assert_eq!(first.deadline.instant(), Some(T0 + limit));
    assert_eq!(run.next_wake(), Some(T0 + limit));
    assert!(run.expire(just_before(T0 + limit)).is_empty());
    assert_eq!(run.expire(T0 + limit), [first.id]);
    assert!(run.expire(T0 + limit).is_empty());
    assert_eq!((run.progress().errors, run.progress().running), (1, 0));
    done(&mut run, first.id, "1");
    assert!(matches!(run.state(), RunState::Done));
}

#[test]
fn news_of_attempts_that_are_not_at_work_is_counted_and_ignored() {
    let mut run = run(vec![task("a"), task("b").after("a")]);
    let first = one(&mut run, T0);
    assert!(matches!(run.lost(first.id, &ExitReason::Killed, T0), Setback::Retry { .. }));
    assert_eq!(run.lost(first.id, &ExitReason::Killed, T0), Setback::Stale);
    assert_eq!(run.fail(first.id, timeout(), T0), Setback::Stale);
    assert_eq!((run.progress().stale, run.progress().deaths), (2, 1));

    let forged = |task, index, number| AttemptId::new(ItemId { task, index }, number);
    for id in [forged(0, 0, 2), forged(0, 0, 0), forged(0, 1, 1), forged(1, 0, 1), forged(9, 0, 1)]
    {
        assert_eq!(run.complete(id, payload("1")), Completion::Unknown, "{id}");
        assert_eq!(run.fail(id, timeout(), T0), Setback::Stale, "{id}");
    }
    assert_eq!((run.progress().unknown, run.progress().done), (10, 0));
}

#[test]
fn news_of_an_earlier_attempt_does_not_touch_the_one_at_work() {
    let mut run = run(vec![task("a")]);
    let first = one(&mut run, T0);
    assert!(matches!(run.lost(first.id, &ExitReason::Killed, T0), Setback::Retry { .. }));
    let second = one(&mut run, T0);
    assert_eq!(run.fail(first.id, timeout(), T0), Setback::Stale);
    assert_eq!(run.lost(first.id, &ExitReason::Killed, T0), Setback::Stale);
    assert!(run.offer(T0, 9).is_empty(), "the second attempt is still at work");
    assert_eq!(run.complete(second.id, payload("1")), Completion::Accepted { superseded: None });
}

#[test]
fn attempts_at_work_never_exceed_the_limit() {
    let graph = TaskGraph::build(vec![task("list"), task("each").for_each("list")]).unwrap();
    let mut run = Run::new(graph, RunLimits { in_flight_max: 2, ..RunLimits::default() });
    let list = one(&mut run, T0);
    done(&mut run, list.id, "[1,2,3]");
    let items = run.offer(T0, 9);
    assert_eq!(items.len(), 2);
    assert!(run.offer(T0, 9).is_empty());
    done(&mut run, items[0].id, "1");
    assert_eq!(run.offer(T0, 9).len(), 1);
}

#[test]
fn outputs_past_the_limit_fail_the_run() {
    let graph = TaskGraph::build(vec![task("a"), task("b")]).unwrap();
    let mut run = Run::new(graph, RunLimits { output_bytes_max: 6, ..RunLimits::default() });
    let both = run.offer(T0, 9);
    done(&mut run, both[0].id, "123456");
    assert_eq!(run.complete(both[1].id, payload("1")), Completion::Late);
    assert!(matches!(run.state(), RunState::Failed(RunError::OutputsTooLarge { bytes_max: 6 })));
}

/// Inputs that are copies of outputs, and the result, once counted for nothing: ten tasks that joined the same
/// outputs took ten times the memory that was allowed.
#[test]
fn what_is_made_of_outputs_counts_like_them_while_it_is_kept() {
    let build = |tasks, output_bytes_max| {
        let graph = TaskGraph::build(tasks).unwrap();
        Run::new(graph, RunLimits { output_bytes_max, ..RunLimits::default() })
    };
    // {"a":1,"b":2} joined, beside the two outputs; then the list of results in its place.
    let joining = || vec![task("a"), task("b"), task("c").after("a").after("b")];
    for (bytes_max, fits) in [(14, false), (15, true)] {
        let mut run = build(joining(), bytes_max);
        let both = run.offer(T0, 9);
        done(&mut run, both[0].id, "1");
        done(&mut run, both[1].id, "2");
        assert_eq!(matches!(run.state(), RunState::Active), fits, "{bytes_max}");
    }
    // Items are cut from [1,2], as large as it at most; [3,3] takes the place of its own.
    let each = || vec![task("list"), task("each").for_each("list")];
    for (bytes_max, fits) in [(9, false), (10, true)] {
        let mut run = build(each(), bytes_max);
        let list = one(&mut run, T0);
        done(&mut run, list.id, "[1,2]");
        assert_eq!(matches!(run.state(), RunState::Active), fits, "{bytes_max}");
        for item in run.offer(T0, 9) {
            done(&mut run, item.id, "3");
        }
        assert_eq!(matches!(run.state(), RunState::Done), fits);
    }
    // {"a":1,"b":2} is the result.
    for (bytes_max, fits) in [(14, false), (15, true)] {
        let mut run = build(vec![task("a"), task("b")], bytes_max);
        let both = run.offer(T0, 9);
        done(&mut run, both[0].id, "1");
        done(&mut run, both[1].id, "2");
        assert_eq!(matches!(run.state(), RunState::Done), fits, "{bytes_max}");
        assert!(!fits || run.result().unwrap().size() == 13);
    }
}

#[test]
fn a_cancelled_run_says_what_was_done_and_offers_nothing() {
    let mut run = run(vec![task("list"), task("each").for_each("list"), task("end").after("each")]);
    let list = one(&mut run, T0);
    done(&mut run, list.id, "[1,2]");
    let items = run.offer(T0, 1);
    run.cancel();
    assert!(matches!(run.state(), RunState::Cancelled));
    assert!(run.offer(T0, 9).is_empty());
    assert_eq!(run.complete(items[0].id, payload("1")), Completion::Late);
    let tasks: Vec<_> =
        run.task_progress().map(|task| (task.task, task.done, task.total)).collect();
    assert_eq!(tasks, [("list", 1, Some(1)), ("each", 0, Some(2)), ("end", 0, Some(1))]);
}

/// Checks that the lists name exactly the items in their state, and that the bytes kept are those there are.
fn assert_lists_agree(run: &Run) {
    let (mut ready, mut delayed, mut expiring, mut running) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), 0);
    let mut held_bytes = 0;
    for (task, stage) in run.stages.iter().enumerate() {
        if let Stage::Done { output, .. } = stage {
            held_bytes += output.size();
        }
        let Stage::Open { items, left } = stage else { continue };
        let copies = run.graph.tasks()[task].dependencies().count() > 1
            || run.graph.tasks()[task].fan_out().is_some();
        let mut not_done = 0;
        for (index, item) in items.iter().enumerate() {
            let id = ItemId { task, index };
            not_done += usize::from(item.input().is_some());
            held_bytes += item.input().filter(|_| copies).map_or(0, Payload::size);
            match &item.state {
                ItemState::Ready { .. } => assert!(ready.insert(id)),
                ItemState::Delayed { until, .. } => assert!(delayed.insert((*until, id))),
                ItemState::Running { number, expires, .. } => {
                    running += 1;
                    expiring.extend(expires.map(|at| (at, AttemptId::new(id, *number))));
                }
                ItemState::Done { output } => held_bytes += output.size(),
            }
        }
        assert_eq!(*left, not_done);
    }
    assert_eq!((&run.ready, &run.delayed, &run.expiring), (&ready, &delayed, &expiring));
    assert_eq!((run.progress().running, run.held_bytes), (running, held_bytes));
}

/// What the agents of the model below answer: any function of task and input will do.
fn answer(attempt: &Attempt) -> Payload {
    if &*attempt.task == "list" {
        return payload("[1,2,3,4,5,6,7]");
    }
    Payload::encode(&format!("{}({})", attempt.task, attempt.input.as_str())).unwrap()
}

fn digest_like() -> Run {
    run(vec![
        task("list").attempts_max(1_000).deaths_max(1_000),
        task("read")
            .for_each("list")
            .attempts_max(1_000)
            .deaths_max(1_000)
            .deadline(Duration::from_secs(7)),
        task("stats").for_each("read").attempts_max(1_000).deaths_max(1_000),
        task("merge").after("stats").after("list").attempts_max(1_000).deaths_max(1_000),
    ])
}

fn undisturbed() -> Payload {
    let mut run = digest_like();
    while let RunState::Active = run.state() {
        for attempt in run.offer(T0, 1) {
            assert!(run.complete(attempt.id, answer(&attempt)).is_accepted());
        }
    }
    run.result().unwrap()
}

/// What the calls of the model answered, to compare with the run's own counters.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    accepted: u64,
    late: u64,
    errors: u64,
    deaths: u64,
}

impl Counted {
    fn completion(&mut self, completion: Completion) {
        match completion {
            Completion::Accepted { .. } => self.accepted += 1,
            Completion::Late => self.late += 1,
            Completion::Unknown => panic!("every attempt here was handed out"),
        }
    }
}

fn retried(setback: Setback) -> u64 {
    u64::from(matches!(setback, Setback::Retry { .. }))
}

proptest! {
    /// Every attempt ever handed out may answer, fail, die or do so again at any later time. Whatever
    /// happens, the result is that of an undisturbed run and the counters balance.
    #[test]
    fn disturbances_leave_no_trace_in_the_result(
        steps in proptest::collection::vec((0_u8..6, any::<prop::sample::Index>(), 1_usize..4), 0..300)
    ) {
        let mut run = digest_like();
        let mut now = T0;
        let mut issued: Vec<Attempt> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut counted = Counted::default();
        let undisturbed_tail = std::iter::repeat_n((0, None, 9), 200);
        let disturbed = steps.into_iter().map(|(kind, index, max)| (kind, Some(index), max));
        for (kind, index, max) in disturbed.chain(undisturbed_tail) {
            for attempt in run.offer(now, max) {
                prop_assert!(seen.insert(attempt.id), "{} was handed out twice", attempt.id);
                issued.push(attempt);
            }
            prop_assert!(run.progress().done <= run.progress().total);
            assert_lists_agree(&run);
            let Some(index) = index else {
                for attempt in &issued {
                    counted.completion(run.complete(attempt.id, answer(attempt)));
                }
                now += Duration::from_mins(1);
                continue;
            };
            if issued.is_empty() {
                continue;
            }
            let attempt = index.get(&issued);
            match kind {
                0 | 1 => counted.completion(run.complete(attempt.id, answer(attempt))),
                2 => counted.errors += retried(run.fail(attempt.id, timeout(), now)),
                3 => counted.deaths += retried(run.lost(attempt.id, &ExitReason::Killed, now)),
                4 => now = run.next_wake().unwrap_or(now).max(now),
                _ => counted.errors += u64::try_from(run.expire(now).len()).unwrap(),
            }
        }
        prop_assert!(matches!(run.state(), RunState::Done), "{:?}", run.state());
        prop_assert_eq!(run.result().unwrap(), undisturbed());
        let progress = run.progress();
        prop_assert_eq!((progress.running, progress.unknown), (0, 0));
        prop_assert_eq!((progress.done, progress.total), (16, 16));
        prop_assert_eq!(progress.attempts, u64::try_from(issued.len()).unwrap());
        let progress =
            Counted { accepted: 16, late: progress.late, errors: progress.errors, deaths: progress.deaths };
        prop_assert_eq!(counted, progress);
    }
}

#[test]
fn a_task_nobody_is_free_for_does_not_hold_up_the_others() {
    let other = Task::new("other", Capability::new("other.work").unwrap());
    let mut run = run(vec![task("a"), task("b"), other]);
    let mut asked = Vec::new();
    let offer = run.offer_to(T0, |capability| {
        asked.push(capability.to_string());
        (capability.as_str() == "other.work").then_some("somebody")
    });
    let (attempt, taker) = offer.unwrap();
    assert_eq!((&*attempt.task, taker), ("other", "somebody"));
    assert_eq!(asked, ["any.work", "any.work", "other.work"], "once per task with ready items");
    assert!(run.offer_to(T0, |_| None::<()>).is_none());
    assert_eq!(run.offer_to(T0, |_| Some(())).unwrap().0.task.as_ref(), "a");
}

#[test]
fn a_withdrawn_attempt_counts_for_nothing() {
    let mut run = run(vec![task("a").deadline(Duration::from_secs(1))]);
    let first = one(&mut run, T0);
    run.withdraw(first.id);
    let progress = run.progress();
    assert_eq!((progress.attempts, progress.running, progress.errors), (0, 0, 0));
    assert!(run.has_ready());
    assert_eq!(run.expire(T0 + Duration::from_secs(2)), []);
    let again = one(&mut run, T0);
    assert_eq!(again.id, first.id, "nobody has seen its number");
    run.withdraw(AttemptId::new(ItemId { task: 0, index: 0 }, 2));
    assert_eq!(run.progress().running, 1, "that one was never handed out");
    done(&mut run, again.id, "1");
    assert!(matches!(run.state(), RunState::Done));
}

#[test]
fn work_that_nobody_can_take_fails_the_run_with_the_capability() {
    let mut run = run(vec![task("a")]);
    run.starve(Duration::from_mins(1));
    let error = run.failure().unwrap();
    assert!(error.to_string().contains("the capability any.work of the task \"a\""), "{error}");
    assert!(run.offer(T0, 9).is_empty() && !run.has_ready());
}
