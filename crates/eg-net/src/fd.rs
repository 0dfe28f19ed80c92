//! Descriptors that Python owns: the engine works on duplicates, so that neither can close the other's.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

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
