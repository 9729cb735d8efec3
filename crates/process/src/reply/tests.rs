use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{Answer, NoAnswer, channel};

fn poll<T: Send + 'static>(answer: &mut Answer<T>) -> Poll<Result<T, NoAnswer>> {
    Pin::new(answer).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn an_answer_is_taken_from_a_slot_that_the_port_still_has_and_from_one_it_has_left() {
    for shared in [true, false] {
        let (port, mut answer) = channel();
        assert!(poll(&mut answer).is_pending());
        let other_end = port.slot.clone().filter(|_| shared);
        port.send(7);
        assert_eq!(poll(&mut answer), Poll::Ready(Ok(7)), "shared: {shared}");
        drop(other_end);
    }
}

#[test]
fn a_port_without_its_caller_gives_the_value_back() {
    let (port, answer) = channel();
    assert!(!port.is_abandoned());
    drop(answer);
    assert!(port.is_abandoned());
    assert_eq!(port.try_send(7), Err(7));
}

#[test]
fn a_dropped_port_fails_the_call_whoever_is_left_with_the_slot() {
    for shared in [true, false] {
        let (port, mut answer) = channel::<u64>();
        let other_end = port.slot.clone().filter(|_| shared);
        drop(port);
        assert_eq!(poll(&mut answer), Poll::Ready(Err(NoAnswer)), "shared: {shared}");
        drop(other_end);
    }
}
