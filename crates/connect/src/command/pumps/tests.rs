use std::future::ready;
use std::task::Waker;

use foundation_env::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A program that always has more to say.
struct Endless(Arc<AtomicUsize>);

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let reads = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(reads <= 1000, "nobody else gets a turn");
        buffer.put_slice(&[b'x'; 100]);
        Poll::Ready(Ok(()))
    }
}

fn endless() -> (Pumps, Arc<AtomicUsize>) {
    let reads = Arc::new(AtomicUsize::new(0));
    let source = Box::pin(Endless(Arc::clone(&reads)));
    let pump = Some(Pump { source, kind: StreamKind::Stdout });
    let pumps = Pumps { streams: [pump, None], ..Pumps::idle(Arc::new(Capture::new(250))) };
    (pumps, reads)
}

/// A flood of output was once read before anybody asked whether the program was to stop.
#[test]
fn what_else_happens_goes_before_a_flood_of_output() {
    let cx = &mut Context::from_waker(Waker::noop());
    let (mut pumps, reads) = endless();
    assert_eq!(Box::pin(pumps.until(ready(7))).as_mut().poll(cx), Poll::Ready(7));
    assert_eq!(reads.load(Ordering::Relaxed), 0);
}

/// What a short program wrote was lost when the first look at its pipes came after the time for the rest.
#[test]
fn what_is_there_when_the_time_is_over_is_read() {
    let cx = &mut Context::from_waker(Waker::noop());
    let (mut pumps, reads) = endless();
    assert_eq!(Box::pin(pumps.drain(ready(()))).as_mut().poll(cx), Poll::Ready(()));
    assert_eq!(reads.load(Ordering::Relaxed), READS_MAX);
}

#[test]
fn one_turn_reads_so_much_and_no_more() {
    let cx = &mut Context::from_waker(Waker::noop());
    let (mut pumps, reads) = endless();
    assert!(!pumps.pump(cx));
    assert_eq!(reads.load(Ordering::Relaxed), READS_MAX);
    let kept = pumps.capture.read(StreamKind::Stdout);
    assert_eq!((kept.bytes.len(), kept.truncated), (250, true));
}
