use super::{Table, counted, grouped, printable, size};

#[test]
fn columns_are_as_wide_as_their_widest_cell() {
    let mut table = Table::new(["term", "count"]).numbers([false, true]);
    table.row(["\u{e9}t\u{e9}".to_owned(), "7".to_owned()]);
    table.row(["supervisor".to_owned(), "1,234".to_owned()]);
    let expected = "  term        count\n  \u{e9}t\u{e9}             7\n  supervisor  1,234\n";
    assert_eq!(table.render(), expected);
}

#[test]
fn control_characters_are_not_printed() {
    assert_eq!(printable("a\u{1b}[2Jb\nc\u{9b}"), "a\\u{1b}[2Jb\\nc\\u{9b}");
    assert_eq!(printable("caf\u{e9} \u{4e2d}"), "caf\u{e9} \u{4e2d}");
}

#[test]
fn numbers_are_grouped_and_sizes_have_units() {
    let numbers =
        [(0, "0"), (999, "999"), (1_000, "1,000"), (u64::MAX, "18,446,744,073,709,551,615")];
    for (number, expected) in numbers {
        assert_eq!(grouped(number), expected);
    }
    let sizes = [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_024, "1.0 KiB"),
        (1_536, "1.5 KiB"),
        (1_048_575, "1023.9 KiB"),
        (1_048_576, "1.0 MiB"),
        (u64::MAX, "16777215.9 TiB"),
    ];
    for (bytes, expected) in sizes {
        assert_eq!(size(bytes), expected);
    }
}

#[test]
fn one_is_singular() {
    assert_eq!(counted(0, "file", "files"), "0 files");
    assert_eq!(counted(1, "file", "files"), "1 file");
}

#[test]
fn moments_are_days_and_times_of_utc() {
    let cases = [
        (0, "1970-01-01 00:00:00Z"),
        (951_782_399_999, "2000-02-28 23:59:59Z"),
        (951_782_400_000, "2000-02-29 00:00:00Z"),
        (1_709_251_200_000, "2024-03-01 00:00:00Z"),
        (1_795_737_599_000, "2026-11-26 23:59:59Z"),
        (4_107_542_400_000, "2100-03-01 00:00:00Z"),
    ];
    for (unix_ms, expected) in cases {
        assert_eq!(super::utc(unix_ms), expected);
    }
}
