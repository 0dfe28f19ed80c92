//! [`Timer`]: one lazily armed alarm per connection. Deadlines move with every byte; the runtime's wheel is
//! touched only when a deadline comes to lie before the alarm, or the alarm rings. A busy connection pays for its
//! timeouts about once per timeout, not once per request.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use eg_core::time::Moment;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::Clock;

#[derive(Debug, Default)]
pub(crate) struct Timer {
    alarm: Option<(Moment, Pin<Box<Sleep>>)>,
}

impl Timer {
    /// Ready once `deadline` has passed. Otherwise the task is woken then, or at an earlier deadline it had before.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        clock: &Clock,
        deadline: Moment,
        now: Moment,
    ) -> Poll<()> {
        if now >= deadline {
            return Poll::Ready(());
        }
        match &mut self.alarm {
            Some((rings, _)) if *rings <= deadline && now < *rings => return Poll::Pending,
            Some((rings, sleep)) => {
                *rings = deadline;
                sleep.as_mut().reset(Instant::from_std(clock.instant(deadline)));
            }
            None => {
                let sleep = sleep_until(Instant::from_std(clock.instant(deadline)));
                self.alarm = Some((deadline, Box::pin(sleep)));
            }
        }
        match &mut self.alarm {
            Some((_, sleep)) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
