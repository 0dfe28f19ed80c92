//! [`Pipe`], as the sides of HTTP/1 use it, in memory. It refuses to be filled twice before it is emptied, as the
//! real one does.

use std::collections::VecDeque;

#[derive(Debug, Default)]
pub(crate) struct Pipes;

impl Pipes {
    #[allow(clippy::unused_self, reason = "the real ones are counted")]
    pub(crate) fn take(&self) -> Option<Pipe> {
        Some(Pipe::default())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Pipe(pub(crate) VecDeque<u8>);

impl Pipe {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
