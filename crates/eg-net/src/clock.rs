//! Where time enters: a worker reads the clock once per wake and hands the same moment to everything it does.

use std::time::{Duration, Instant, SystemTime};

use eg_core::time::Moment;

/// The clock of one process: a monotonic origin, and the wall time it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
    wall: SystemTime,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now(), wall: SystemTime::now() }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::at(self.origin.elapsed())
    }

    /// The instant that a moment stands for, for the runtime's timers.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        self.origin + moment.since_origin()
    }

    /// Time since the Unix epoch at a moment. A step of the wall clock while we run does not show: durations and
    /// order in the log matter more.
    pub(crate) fn since_epoch(&self, moment: Moment) -> Duration {
        self.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() + moment.since_origin()
    }
}
