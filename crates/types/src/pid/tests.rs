use std::num::NonZeroU32;

use proptest::prelude::*;

use super::{NodeId, ParsePidError, Pid, PidPart};

fn pid(node: u16, slot: u32, generation: u32) -> Pid {
    Pid::new(NodeId::new(node), slot, NonZeroU32::new(generation).unwrap())
}

#[test]
fn text_names_node_slot_and_generation() {
    let pid = pid(0, 17, 3);
    assert_eq!(pid.to_string(), "<0.17.3>");
    assert_eq!(format!("{pid:?}"), "<0.17.3>");
    assert_eq!(
        (pid.node(), pid.slot(), pid.generation().get()),
        (NodeId::LOCAL, 17, 3),
        "the parts come back as given"
    );
}

#[test]
fn order_is_by_node_then_slot_then_generation() {
    let sorted = [pid(0, 1, 9), pid(0, 2, 1), pid(0, 2, 2), pid(0, 10, 1), pid(1, 0, 1)];
    assert!(sorted.is_sorted_by(|a, b| a < b));
}

#[test]
fn malformed_text_is_refused_with_the_place_of_the_fault() {
    use ParsePidError::{DigitsExpected, MarkExpected, NeedlessZero, OutOfRange, TextAfter};
    use PidPart::{Generation, Node, Slot};
    let cases = [
        ("", MarkExpected { expected: '<', at: 0 }),
        ("0.1.2", MarkExpected { expected: '<', at: 0 }),
        (" <0.1.2>", MarkExpected { expected: '<', at: 0 }),
        ("<", DigitsExpected { part: Node, at: 1 }),
        ("<+0.1.2>", DigitsExpected { part: Node, at: 1 }),
        ("<-1.1.2>", DigitsExpected { part: Node, at: 1 }),
        ("<0", MarkExpected { expected: '.', at: 2 }),
        ("<0.", DigitsExpected { part: Slot, at: 3 }),
        ("<0.é.1>", DigitsExpected { part: Slot, at: 3 }),
        ("<0.1é.1>", MarkExpected { expected: '.', at: 4 }),
        ("<0.1>", MarkExpected { expected: '.', at: 4 }),
        ("<0.1.>", DigitsExpected { part: Generation, at: 5 }),
        ("<0.1.2", MarkExpected { expected: '>', at: 6 }),
        ("<0.1.2.3>", MarkExpected { expected: '>', at: 6 }),
        ("<0.1.2>>", TextAfter { at: 7 }),
        ("<0.1.2> ", TextAfter { at: 7 }),
        ("<00.1.2>", NeedlessZero { part: Node, at: 1 }),
        ("<0.01.2>", NeedlessZero { part: Slot, at: 3 }),
        ("<0.1.02>", NeedlessZero { part: Generation, at: 5 }),
        ("<65536.1.2>", OutOfRange { part: Node, at: 1, min: 0, max: 65535 }),
        ("<99999999999999999999.1.2>", OutOfRange { part: Node, at: 1, min: 0, max: 65535 }),
        ("<0.4294967296.2>", OutOfRange { part: Slot, at: 3, min: 0, max: u32::MAX }),
        ("<0.1.0>", OutOfRange { part: Generation, at: 5, min: 1, max: u32::MAX }),
        ("<0.1.4294967296>", OutOfRange { part: Generation, at: 5, min: 1, max: u32::MAX }),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<Pid>(), Err(expected), "{text:?}");
    }
}

#[test]
fn refusal_names_part_place_and_range() {
    let error = "<0.1.0>".parse::<Pid>().unwrap_err();
    assert_eq!(error.to_string(), "the generation at byte 5 is outside 1..=4294967295");
}

#[test]
fn serialized_form_is_the_text() {
    assert_eq!(serde_json::to_string(&pid(0, 17, 3)).unwrap(), r#""<0.17.3>""#);
    assert_eq!(serde_json::from_str::<Pid>(r#""<0.17.3>""#).unwrap(), pid(0, 17, 3));
    let error = serde_json::from_str::<Pid>(r#""<0.17>""#).unwrap_err().to_string();
    assert!(error.contains("expected '.' at byte 5"), "{error}");
    let error = serde_json::from_str::<Pid>("17").unwrap_err().to_string();
    assert!(error.contains("a pid of the form"), "{error}");
}

proptest! {
    #[test]
    fn text_reads_back_as_the_same_pid(node: u16, slot: u32, generation in 1..=u32::MAX) {
        let pid = pid(node, slot, generation);
        prop_assert_eq!(pid.to_string().parse(), Ok(pid));
        let json = serde_json::to_string(&pid).unwrap();
        prop_assert_eq!(serde_json::from_str::<Pid>(&json).unwrap(), pid);
    }

    /// About half of these texts are pids; the others have a needless zero.
    #[test]
    fn accepted_text_is_the_only_text_of_its_pid(text in r"<[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}>") {
        if let Ok(pid) = text.parse::<Pid>() {
            prop_assert_eq!(pid.to_string(), text);
        }
    }

    #[test]
    fn order_of_pids_is_order_of_parts(a: (u16, u32), b: (u16, u32), g in 1..=u32::MAX, h in 1..=u32::MAX) {
        let expected = (a.0, a.1, g).cmp(&(b.0, b.1, h));
        prop_assert_eq!(pid(a.0, a.1, g).cmp(&pid(b.0, b.1, h)), expected);
    }
}
