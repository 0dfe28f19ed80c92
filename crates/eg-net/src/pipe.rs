//! [`Pipe`]: bytes on their way between two sockets that this process never sees (splice(2)). The kernel hands pages over
//! where it would copy them twice. It refuses to say why nothing more goes in: that it is full and that the socket has
//! nothing are one answer of the kernel's, and only an empty pipe makes it clear.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// What one may hold: as much as a window, in pages of 4 KiB that may each be full only in part.
const SIZE: usize = 1024 * 1024;
/// Those of one worker. The kernel gives an unprivileged user 64 MiB of them (pipe(7)), and each is two descriptors.
const MOST: usize = 32;

/// The pipes of one worker.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    free: RefCell<Vec<Pipe>>,
    /// All that are open.
    open: Rc<Cell<usize>>,
}

impl Pipes {
    /// An empty pipe. None if there are as many as there may be, or the system has none to give.
    pub(crate) fn take(&self) -> Option<Pipe> {
        match self.free.borrow_mut().pop() {
            Some(pipe) => Some(pipe),
            None if self.open.get() < MOST => Pipe::new(&self.open).ok(),
            None => None,
        }
    }

    /// Keeps a pipe for the next who needs one; one that is not empty is closed.
    pub(crate) fn give_back(&self, pipe: Pipe) {
        if pipe.is_empty() {
            self.free.borrow_mut().push(pipe);
        }
    }

    /// Closes what nobody uses.
    pub(crate) fn release(&self) {
        self.free.borrow_mut().clear();
    }
}

/// One pipe. It is counted as long as it is open.
#[derive(Debug)]
pub(crate) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    len: usize,
    open: Rc<Cell<usize>>,
}

impl Pipe {
    fn new(open: &Rc<Cell<usize>>) -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // A small one would cost more calls than it saves copies.
        fcntl_setpipe_size(&write, SIZE)?;
        open.set(open.get() + 1);
        Ok(Self { read, write, len: 0, open: open.clone() })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Moves at most `most` bytes out of a socket. 0: it has ended. None: no more goes in before some are out.
    pub(crate) fn fill(&mut self, from: impl AsFd, most: usize) -> io::Result<Option<usize>> {
        match splice(from, None, &self.write, None, most, SpliceFlags::MOVE | SpliceFlags::NONBLOCK) {
            Ok(n) => {
                self.len += n;
                Ok(Some(n))
            }
            Err(Errno::AGAIN) if self.len > 0 => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves what there is into a socket, as much as it takes.
    pub(crate) fn drain(&mut self, to: impl AsFd) -> io::Result<usize> {
        let n = splice(&self.read, None, to, None, self.len, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?;
        self.len -= n.min(self.len);
        Ok(n)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.open.set(self.open.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_is_filled_in_is_drained_and_nothing_else() {
        let pipes = Pipes::default();
        let mut pipe = pipes.take().unwrap();
        let ((mut client, down), (up, mut server)) =
            (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        server.write_all(b"abcdef").unwrap();
        up.set_nonblocking(true).unwrap();
        assert_eq!(pipe.fill(&up, 4).unwrap(), Some(4));
        assert_eq!(pipe.fill(&up, 1).unwrap(), Some(1));
        assert_eq!((pipe.drain(&down).unwrap(), pipe.len()), (5, 0));
        assert_eq!(pipe.fill(&up, 4).unwrap(), Some(1));
        assert_eq!(pipe.fill(&up, 4).unwrap(), None, "nothing goes in, whatever the reason");
        assert_eq!((pipe.drain(&down).unwrap(), pipe.len()), (1, 0));
        let empty = pipe.fill(&up, 4).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock, "now it is clear that the socket has nothing");
        drop((server, down));
        assert_eq!(pipe.fill(&up, 4).unwrap(), Some(0));
        let mut arrived = String::new();
        client.read_to_string(&mut arrived).unwrap();
        assert_eq!(arrived, "abcdef");
    }

    #[test]
    fn there_are_no_more_than_there_may_be_and_those_with_bytes_are_not_used_again() {
        let pipes = Pipes::default();
        let mut taken: Vec<Pipe> = std::iter::from_fn(|| pipes.take()).collect();
        assert_eq!(taken.len(), MOST);
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(b"x").unwrap();
        let mut dirty = taken.pop().unwrap();
        dirty.fill(&theirs, 1).unwrap();
        pipes.give_back(dirty);
        assert_eq!(pipes.open.get(), MOST - 1);
        pipes.give_back(taken.pop().unwrap());
        assert!(pipes.take().is_some_and(|pipe| pipe.is_empty()) && pipes.take().is_some());
        drop(taken);
        pipes.release();
        assert_eq!(pipes.open.get(), 0);
    }
}
