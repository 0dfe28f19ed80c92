//! [`Moment`]: time as the machines see it, counted from an origin that only the shell knows.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time, in microseconds since the worker's origin. Eight bytes, so that machines can keep many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// The moment `since_origin` after the origin; finer parts than a microsecond are dropped.
    #[must_use]
    pub fn at(since_origin: Duration) -> Self {
        Self(u64::try_from(since_origin.as_micros()).unwrap_or(u64::MAX))
    }

    /// Time since the origin.
    #[must_use]
    pub fn since_origin(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(Self::at(span).0))
    }
}

impl Sub for Moment {
    type Output = Duration;

    /// Zero if `earlier` is later: clocks of two workers may disagree by a little, never by a panic.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}
