//! [`Caught`]: a task that may panic without taking anything else with it. Panics are denied by lint; this is for
//! the ones that were written by mistake, here or in a library.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// Runs a future; a panic inside ends it and is counted.
///
/// What the future owned is dropped while unwinding or right after, so that guards count down and sockets
/// close. State that outlives it (the worker's tables) is only touched between polls of other futures, never
/// half-way through a borrow that a panic could leave open: such a borrow would be released by unwinding.
pub(crate) struct Caught<'a, F> {
    future: Option<Pin<Box<F>>>,
    panics: &'a AtomicU64,
}

impl<'a, F: Future<Output = ()>> Caught<'a, F> {
    pub(crate) fn new(future: F, panics: &'a AtomicU64) -> Self {
        Self { future: Some(Box::pin(future)), panics }
    }
}

impl<F: Future<Output = ()>> Future for Caught<'_, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &mut self.future else { return Poll::Ready(()) };
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(()),
            Err(_) => {
                self.panics.fetch_add(1, Ordering::Relaxed);
                // Dropping what is left of a future that panicked may panic again.
                let rest = self.future.take();
                let _ = catch_unwind(AssertUnwindSafe(|| drop(rest)));
                Poll::Ready(())
            }
        }
    }
}
