use super::{Either, select_biased};
use std::future::{pending, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn first_wins_when_both_are_ready() {
    assert_eq!(poll_once(select_biased(ready(1), ready("two"))), Poll::Ready(Either::First(1)));
}

#[test]
fn second_wins_when_first_is_not_ready() {
    let selected = select_biased(pending::<()>(), ready(2));
    assert_eq!(poll_once(selected), Poll::Ready(Either::Second(2)));
}

#[test]
fn nothing_is_ready_when_neither_is() {
    assert_eq!(poll_once(select_biased(pending::<()>(), pending::<()>())), Poll::Pending);
}

#[test]
fn a_pinned_loser_can_be_used_again() {
    let mut kept = pin!(async { 5 });
    assert_eq!(poll_once(select_biased(ready(1), kept.as_mut())), Poll::Ready(Either::First(1)));
    assert_eq!(poll_once(kept), Poll::Ready(5));
}
