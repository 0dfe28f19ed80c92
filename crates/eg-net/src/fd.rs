//! Descriptors that Python owns: the engine works on duplicates, so that neither can close the other's.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// Duplicates a descriptor, close-on-exec.
pub(crate) fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: `fd` is not -1, and the borrow ends with this call. That it stays open for that long is the
    // promise of the caller across the language boundary; if it were not, the kernel would answer EBADF, or
    // duplicate a descriptor that is not the one meant: a mistake, but not one of memory.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    borrowed.try_clone_to_owned()
}

/// Whether something can be written without waiting, once it can or `patience` is over (poll(2)).
pub(crate) fn is_writable(file: &impl AsRawFd, patience: Duration) -> io::Result<bool> {
    let mut asked = libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one structure is passed, as the count says; it lives on this stack until the call returns.
    match unsafe { libc::poll(&raw mut asked, 1, millis) } {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
        0 => Ok(false),
        // An error is for the write to tell.
        _ => Ok(true),
    }
}
