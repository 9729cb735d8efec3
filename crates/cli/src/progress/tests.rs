use std::time::Duration;

use foundation_types::Instant;

use super::{
    LIVE_BEAT, LIVE_INTERVAL, PLAIN_BEAT, PLAIN_INTERVAL, ProgressMode, ProgressSample,
    ProgressStream, ProgressView, per_second,
};

const T0: Instant = Instant::ORIGIN;

fn sample(done: usize, total: usize, restarts: u64) -> ProgressSample {
    ProgressSample { done, total, restarts }
}

#[test]
fn the_mode_follows_the_stream_and_the_arguments() {
    use ProgressMode::{Live, Off, Plain};
    use ProgressStream::{Dumb, Pipe, Terminal};
    let cases = [
        ((Terminal, false, false), Live),
        ((Terminal, true, false), Live),
        ((Dumb, false, false), Plain),
        ((Dumb, true, false), Plain),
        ((Pipe, false, false), Plain),
        ((Pipe, true, false), Off),
        ((Terminal, false, true), Off),
        ((Dumb, false, true), Off),
        ((Pipe, false, true), Off),
    ];
    for ((stream, json, quiet), expected) in cases {
        assert_eq!(ProgressMode::choose(stream, json, quiet), expected);
    }
}

#[test]
fn a_live_line_is_written_over_and_fits_a_terminal() {
    let mut view = ProgressView::new(ProgressMode::Live, T0);
    let now = T0 + Duration::from_secs(2);
    let line = view.update(now, sample(1_000, 2_000, 3)).unwrap();
    let expected =
        "\r\u{1b}[2K\u{1b}[?7l[######------] 1,000/2,000 done, 500/s, 3 restarts, 2 s \u{1b}[?7h";
    assert_eq!(line, expected);
    assert_eq!(view.update(now + LIVE_INTERVAL / 2, sample(1_001, 2_000, 3)), None);
    let line = view.update(now + LIVE_INTERVAL, sample(2_000, 2_000, 1)).unwrap();
    assert!(line.contains("[############] 2,000/2,000 done"), "{line}");
    assert!(line.ends_with("1 restart, 2 s \u{1b}[?7h"), "{line}");
    assert!(!line.contains('\n'));
    assert_eq!(view.finish(now, sample(2_000, 2_000, 1)).unwrap(), "\r\u{1b}[2K");
}

#[test]
fn plain_lines_come_now_and_then_and_once_at_the_end() {
    let mut view = ProgressView::new(ProgressMode::Plain, T0);
    let first = view.update(T0, sample(0, 3, 0)).unwrap();
    assert_eq!(first, "progress: 0/3 done, 0/s, 0 restarts, 0 s\n");
    assert_eq!(view.update(T0 + PLAIN_INTERVAL / 2, sample(1, 3, 0)), None);
    let later = T0 + PLAIN_INTERVAL;
    assert!(view.update(later, sample(2, 3, 0)).is_some());
    assert_eq!(view.update(later + PLAIN_INTERVAL, sample(2, 3, 0)), None, "nothing new to say");
    let last = view.finish(later, sample(3, 3, 0)).unwrap();
    assert_eq!(last, "progress: 3/3 done, 1/s, 0 restarts, 2 s\n");
    assert!(!first.contains('\u{1b}') && !last.contains('\r'));
}

/// A run that waited for one slow item looked as dead as one that hung: equal samples were never shown again.
#[test]
fn a_run_that_stands_still_still_shows_that_it_lives() {
    for (mode, beat) in [(ProgressMode::Live, LIVE_BEAT), (ProgressMode::Plain, PLAIN_BEAT)] {
        let mut view = ProgressView::new(mode, T0);
        assert!(view.update(T0, sample(1, 2, 0)).is_some());
        assert_eq!(view.update(T0 + beat / 2, sample(1, 2, 0)), None, "{mode:?}");
        let line = view.update(T0 + beat, sample(1, 2, 0)).unwrap();
        assert!(line.contains(&format!(", {} s", beat.as_secs())), "{line}");
    }
}

#[test]
fn the_last_plain_line_is_not_repeated() {
    let mut view = ProgressView::new(ProgressMode::Plain, T0);
    assert!(view.update(T0, sample(3, 3, 0)).is_some());
    assert_eq!(view.finish(T0 + PLAIN_INTERVAL, sample(3, 3, 0)), None);
}

#[test]
fn another_line_gets_the_place_of_the_live_one() {
    let mut view = ProgressView::new(ProgressMode::Live, T0);
    assert_eq!(view.pause(), None);
    assert!(view.update(T0, sample(1, 2, 0)).is_some());
    assert_eq!(view.pause().unwrap(), "\r\u{1b}[2K");
    assert!(view.update(T0, sample(1, 2, 0)).is_some(), "shown again below");
}

#[test]
fn off_is_silent() {
    let mut view = ProgressView::new(ProgressMode::Off, T0);
    assert_eq!(view.update(T0, sample(1, 2, 0)), None);
    assert_eq!(view.finish(T0 + PLAIN_INTERVAL, sample(2, 2, 0)), None);
}

#[test]
fn rates_survive_no_time_and_much_work() {
    assert_eq!(per_second(5, Duration::ZERO), 0);
    assert_eq!(per_second(3, Duration::from_millis(500)), 6);
    assert_eq!(per_second(usize::MAX, Duration::from_nanos(1)), u64::MAX);
}
