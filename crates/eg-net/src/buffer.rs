//! Bytes on their way: [`Input`] in front of a parser, [`Output`] in front of a socket. Both hold memory only
//! while they hold bytes, and a large piece changes hands without being copied.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;

use crate::pipe::Pipe;
use crate::stream::Stream;

/// First size of an input buffer: a head, or a small message, in one read.
const SMALL: usize = 8 * 1024;
/// Largest size, once a peer has filled smaller ones: bulk bodies in few system calls.
const LARGE: usize = 256 * 1024;
/// Room kept behind what is read, so that framing can be appended to a piece that changed hands.
const SLACK: usize = 64;
/// Pieces below this are copied: cheaper than a second segment on the way out.
const WORTH_MOVING: usize = 4 * 1024;

/// Bytes that arrived and were not consumed.
#[derive(Debug, Default)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    start: usize,
    /// Of the next buffer.
    size: usize,
    /// Most bytes that were read at once since the last release.
    most: usize,
}

/// A piece of body at the front of its source.
pub(crate) enum Piece<'a> {
    /// It is the whole content of the input and may be taken over.
    Whole(&'a mut Input),
    /// It is a part.
    Part(&'a [u8]),
    /// It was shared to begin with.
    Shared(Bytes),
}

impl Input {
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether more can be read without growing.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes.capacity() == 0 || self.room() > 0
    }

    /// Drops bytes from the front. An input that becomes empty keeps its memory until [`Input::release`].
    pub(crate) fn consume(&mut self, n: usize) {
        self.start += n.min(self.len());
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Gives the memory of an empty input back.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Gives the memory of an empty input back, and remembers how much was needed: what an endpoint sends next is often as
    /// long as what it sent. Not for clients, which could have room for much kept behind a little.
    pub(crate) fn rest(&mut self) {
        if self.is_empty() {
            *self = Self { size: (self.most * 2).clamp(SMALL, LARGE), ..Self::default() };
        }
    }

    /// The first `n` bytes, to be given to an [`Output`]; consume them afterwards.
    pub(crate) fn piece(&mut self, n: usize) -> Piece<'_> {
        if n == self.len() && n >= WORTH_MOVING {
            return Piece::Whole(self);
        }
        Piece::Part(self.as_slice().get(..n).unwrap_or_default())
    }

    /// Reads once. Ready with 0 at the end of the stream.
    pub(crate) fn poll_fill(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.bytes.capacity() == 0 {
            ready!(stream.poll_readable(cx))?;
            self.size = self.size.max(SMALL);
            self.bytes.reserve_exact(self.size);
        } else if self.start > 0 && self.room() == 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        if self.room() == 0 {
            self.bytes.reserve_exact(self.bytes.len().max(SMALL) + SLACK);
        }
        let room = self.room();
        let n = ready!(poll_read_buf(Pin::new(stream), cx, &mut (&mut self.bytes).limit(room)))?;
        self.most = self.most.max(n);
        if n == room {
            self.size = (self.size * 2).min(LARGE);
        }
        Poll::Ready(Ok(n))
    }

    fn room(&self) -> usize {
        self.bytes.capacity().saturating_sub(self.bytes.len() + SLACK)
    }
}

/// When something follows the bytes that wait for a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Some time.
    Later,
    /// As soon as they have left: other bytes, or the end of the stream.
    AtOnce,
}

/// Bytes that wait for the socket: what was written small, behind it at most one large piece, and behind that what is in a
/// pipe.
#[derive(Debug, Default)]
pub(crate) struct Output {
    front: Vec<u8>,
    sent: usize,
    back: Vec<u8>,
    back_sent: usize,
    /// Rare, and not to be paid for by every connection.
    pipe: Option<Box<Pipe>>,
}

impl Output {
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.front.len() - self.sent + self.back.len() - self.back_sent + self.piped()
    }

    fn piped(&self) -> usize {
        self.pipe.as_deref().map_or(0, Pipe::len)
    }

    pub(crate) fn has_pipe(&self) -> bool {
        self.pipe.is_some()
    }

    /// Where bytes are put that nobody sees; `pipe` is taken if there is none yet.
    pub(crate) fn pipe(&mut self, pipe: impl FnOnce() -> Option<Pipe>) -> Option<&mut Pipe> {
        if self.pipe.is_none() {
            self.pipe = pipe().map(Box::new);
        }
        self.pipe.as_deref_mut()
    }

    /// The pipe, once it is not needed any more.
    pub(crate) fn take_pipe(&mut self) -> Option<Pipe> {
        self.pipe.take().map(|pipe| *pipe)
    }

    /// Where an encoder appends.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        debug_assert_eq!(self.piped(), 0, "what is in the pipe comes last");
        if self.back.is_empty() { &mut self.front } else { &mut self.back }
    }

    pub(crate) fn push(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Part(bytes) => self.tail().extend_from_slice(bytes),
            Piece::Shared(bytes) => self.tail().extend_from_slice(&bytes),
            Piece::Whole(input) if self.back.is_empty() => {
                // The input is left empty, so that consuming what was taken is harmless.
                self.back_sent = input.start;
                self.back = std::mem::take(&mut input.bytes);
                input.start = 0;
            }
            Piece::Whole(input) => self.tail().extend_from_slice(input.as_slice()),
        }
    }

    /// Writes until nothing is left or the socket is full; says how many bytes left either way.
    pub(crate) fn poll_flush(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
        then: Then,
    ) -> (usize, io::Result<bool>) {
        let before = self.len();
        loop {
            if self.is_empty() {
                return (before, Ok(true));
            }
            match self.poll_write(stream, cx, then) {
                Poll::Ready(Ok(0)) => return (before - self.len(), Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return (before - self.len(), Err(error)),
                Poll::Pending => return (before - self.len(), Ok(false)),
            }
        }
    }

    fn poll_write(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
        then: Then,
    ) -> Poll<io::Result<usize>> {
        match &mut self.pipe {
            Some(pipe) if self.front.is_empty() && self.back.is_empty() && !pipe.is_empty() => {
                stream.poll_drain(cx, pipe)
            }
            piped => {
                let more = piped.as_ref().is_some_and(|pipe| !pipe.is_empty());
                let n = ready!(self.poll_write_seen(stream, cx, if more { Then::AtOnce } else { then }))?;
                self.advance(n);
                Poll::Ready(Ok(n))
            }
        }
    }

    fn poll_write_seen(
        &self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
        then: Then,
    ) -> Poll<io::Result<usize>> {
        let front = self.front.get(self.sent..).unwrap_or_default();
        let back = self.back.get(self.back_sent..).unwrap_or_default();
        if then == Then::AtOnce {
            return stream.poll_write_more(cx, &[IoSlice::new(front), IoSlice::new(back)]);
        }
        match (front.is_empty(), back.is_empty()) {
            (false, false) => {
                Pin::new(stream).poll_write_vectored(cx, &[IoSlice::new(front), IoSlice::new(back)])
            }
            (false, true) => Pin::new(stream).poll_write(cx, front),
            (true, _) => Pin::new(stream).poll_write(cx, back),
        }
    }

    fn advance(&mut self, n: usize) {
        let of_front = n.min(self.front.len() - self.sent);
        self.sent += of_front;
        self.back_sent += n - of_front;
        if self.sent == self.front.len() {
            self.front.clear();
            self.sent = 0;
        }
        if self.back_sent == self.back.len() {
            self.back = Vec::new();
            self.back_sent = 0;
        }
    }

    /// Gives the memory of an empty output back.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Forgets what has not left.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
