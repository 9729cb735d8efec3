use super::*;

#[test]
fn items_leave_in_the_order_they_came() {
    let mut lane = Lane::default();
    let mut model = VecDeque::new();
    for step in 0..200_u32 {
        if step % 3 == 2 {
            assert_eq!(lane.pop(), model.pop_front());
        } else {
            lane.push(step);
            model.push_back(step);
        }
        assert_eq!(lane.front(), model.front());
        assert_eq!(lane.is_empty(), model.is_empty());
    }
    assert!(lane.into_iter().eq(model));
}

#[test]
fn one_item_at_a_time_needs_no_heap() {
    let mut lane = Lane::default();
    for n in 0..10 {
        lane.push(n);
        assert_eq!(lane.pop(), Some(n));
    }
    assert!(!lane.owns_heap());
    lane.push(0);
    lane.push(1);
    assert!(lane.owns_heap());
}

#[test]
fn a_batch_that_is_put_back_stands_first() {
    let mut lane = Lane::default();
    (0..5).for_each(|n| lane.push(n));
    let mut batch = VecDeque::new();
    assert_eq!(lane.drain_into(&mut batch), Some(0));
    assert!(lane.is_empty());
    (5..8).for_each(|n| lane.push(n));
    lane.put_back(batch);
    assert!(lane.into_iter().eq(1..8));
}

#[test]
fn an_empty_lane_gives_up_its_heap() {
    let mut lane = Lane::default();
    (0..3).for_each(|n| lane.push(n));
    while lane.pop().is_some() {}
    assert!(lane.owns_heap());
    lane.free_heap();
    assert!(!lane.owns_heap());
}
