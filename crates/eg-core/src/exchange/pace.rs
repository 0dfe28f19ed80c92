//! [`Pace`]: whether a client that is waited for moves bytes as fast as it must. A bucket of time: waiting empties it,
//! bytes fill it, and it never holds more than the grace, so that a fast beginning does not buy a slow end.

use std::time::Duration;

use crate::time::Moment;

/// How long a client may be slower than it must.
pub const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    left: Duration,
    /// Since when it is waited for, if it is.
    since: Option<Moment>,
}

impl Pace {
    pub(super) const NEW: Self = Self { left: GRACE, since: None };

    /// Says whether it is waited for from now on.
    pub(super) fn waits(&mut self, waits: bool, now: Moment) {
        if let Some(since) = self.since.take() {
            self.left = self.left.saturating_sub(now - since);
        }
        self.since = waits.then_some(now);
    }

    /// It has moved this many bytes; `rate` is in bytes per second, more than 0.
    pub(super) fn moved(&mut self, n: u32, rate: u32, now: Moment) {
        self.waits(self.since.is_some(), now);
        let worth = Duration::from_micros(u64::from(n) * 1_000_000 / u64::from(rate.max(1)));
        self.left = (self.left + worth).min(GRACE);
    }

    /// When it has been too slow for too long, if nothing moves before.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.since.map(|since| since + self.left)
    }
}
