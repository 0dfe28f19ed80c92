//! [`Stream`]: one end of a connection in memory, and [`Socket`]: the same as its peer and the kernel see it. Nothing
//! arrives and nothing is taken before somebody says so.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::pipe::Pipe;

/// How the peer has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It sends no more.
    Orderly,
    /// It is gone.
    Broken,
}

/// What the peer has sent, and what it was sent.
#[derive(Debug, Default)]
pub(crate) struct Socket {
    /// What has arrived and was not read.
    pub(crate) arrived: VecDeque<u8>,
    pub(crate) ended: Option<End>,
    /// All that was read.
    pub(crate) read: Vec<u8>,
    /// All that the peer was sent.
    pub(crate) taken: Vec<u8>,
    /// Bytes that may be written.
    pub(crate) room: usize,
    /// This end was closed.
    pub(crate) closed: bool,
    /// Its close is a reset.
    pub(crate) reset: bool,
}

#[derive(Debug)]
pub(crate) struct Stream(Rc<RefCell<Socket>>);

/// The peer's view of a [`Stream`].
#[derive(Debug, Clone)]
pub(crate) struct Peer(Rc<RefCell<Socket>>);

impl Peer {
    pub(crate) fn new() -> (Self, Stream) {
        let socket = Rc::new(RefCell::new(Socket::default()));
        (Self(socket.clone()), Stream(socket))
    }

    pub(crate) fn look(&self) -> Ref<'_, Socket> {
        self.0.borrow()
    }

    pub(crate) fn change(&self) -> RefMut<'_, Socket> {
        self.0.borrow_mut()
    }
}

impl Socket {
    fn readable(&self) -> Poll<io::Result<()>> {
        match self.ended {
            _ if !self.arrived.is_empty() => Poll::Ready(Ok(())),
            // What had arrived before it broke may still be read; the kernel does not promise it.
            Some(End::Broken) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(End::Orderly) => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    fn read(&mut self, most: usize) -> Vec<u8> {
        let n = most.min(self.arrived.len());
        let bytes: Vec<u8> = self.arrived.drain(..n).collect();
        self.read.extend_from_slice(&bytes);
        bytes
    }

    fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.ended == Some(End::Broken) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let n = self.room.min(bytes.len());
        if n == 0 && !bytes.is_empty() {
            return Poll::Pending;
        }
        self.room -= n;
        self.taken.extend_from_slice(&bytes[..n]);
        Poll::Ready(Ok(n))
    }
}

impl Stream {
    pub(crate) fn poll_readable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow().readable()
    }

    pub(crate) fn poll_write_more(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self).poll_write_vectored(cx, bufs)
    }

    #[allow(clippy::unused_self, reason = "some real ones do not")]
    pub(crate) fn takes_pipes(&self) -> bool {
        true
    }

    pub(crate) fn poll_fill(
        &self,
        _: &mut Context<'_>,
        pipe: &mut Pipe,
        most: usize,
    ) -> Poll<io::Result<Option<usize>>> {
        let mut socket = self.0.borrow_mut();
        let readable = socket.readable()?;
        if readable.is_pending() {
            // As the kernel has it: only an empty pipe tells that the socket has nothing.
            return if pipe.is_empty() { Poll::Pending } else { Poll::Ready(Ok(None)) };
        }
        assert!(most > 0, "a pipe is filled with nothing");
        let before = pipe.len();
        pipe.0.extend(socket.read(most));
        Poll::Ready(Ok(Some(pipe.len() - before)))
    }

    pub(crate) fn poll_drain(&self, _: &mut Context<'_>, pipe: &mut Pipe) -> Poll<io::Result<usize>> {
        let n = ready!(self.0.borrow_mut().write(pipe.0.make_contiguous()))?;
        pipe.0.drain(..n);
        Poll::Ready(Ok(n))
    }

    pub(crate) fn reset_on_close(&self) {
        self.0.borrow_mut().reset = true;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.borrow_mut().closed = true;
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut socket = self.0.borrow_mut();
        ready!(socket.readable())?;
        let bytes = socket.read(buf.remaining());
        buf.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().write(buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        self.0.borrow_mut().write(&all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
