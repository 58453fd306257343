//! How late packets arrive.

/// The least and the greatest arrival offset of the last seconds.
///
/// An arrival offset is how far the playout clock was ahead of a packet's time stamp when it came: a
/// buffer whose playout stays that far behind has the packet in time. The least one stands for an
/// undisturbed network, the greatest for what the buffer has to ride out.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    /// Newest last.
    spans: [Option<Span>; SPANS],
    /// The clock when the newest span began.
    began: u64,
    /// The clock when an outage ended, and with it the disregard of how late its packets are.
    outage: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    least: i64,
    most: i64,
}

impl Arrivals {
    pub(super) const fn new() -> Self {
        Self {
            spans: [None; SPANS],
            began: 0,
            outage: None,
        }
    }

    /// A packet came at `clock` with `offset`.
    pub(super) fn observe(&mut self, clock: u64, offset: i64) {
        if let Some(least) = self.least().filter(|&least| offset > least) {
            if offset - least > OUTAGE {
                self.outage.get_or_insert(clock);
            }
            if self.outage.is_some_and(|ended| clock - ended < BURST) {
                return;
            }
        }
        if clock - self.began >= SPAN {
            self.began = clock;
            self.spans.rotate_left(1);
            self.spans[SPANS - 1] = None;
            if self
                .outage
                .is_some_and(|ended| clock - ended >= SPAN * SPANS as u64)
            {
                self.outage = None;
            }
        }
        let newest = &mut self.spans[SPANS - 1];
        let span = newest.get_or_insert(Span {
            least: offset,
            most: offset,
        });
        span.least = span.least.min(offset);
        span.most = span.most.max(offset);
    }

    pub(super) fn least(&self) -> Option<i64> {
        self.spans.iter().flatten().map(|span| span.least).min()
    }

    pub(super) fn most(&self) -> Option<i64> {
        self.spans.iter().flatten().map(|span| span.most).max()
    }
}

/// Spans kept: three stalls that come every 2 s fall into them.
const SPANS: usize = 6;
/// Samples of the clock in a span: 1 s.
const SPAN: u64 = 8_000;
/// Above this, a packet comes out of an outage: no delay in a conversation would have saved it, and
/// what is learnt from it would be held against the audio after it. 500 ms.
const OUTAGE: i64 = 4_000;
/// For how long after an outage packets are thought to have been held up by it: 100 ms. Whatever is
/// as late after that is the network's new delay.
const BURST: u64 = 800;
