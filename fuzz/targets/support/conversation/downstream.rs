//! What the sides of HTTP/1 take from where theirs meets HTTP/2. It refuses to know HTTP/2.

/// How a response that cannot be completed ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Behind what was written of it.
    Short,
    /// At once; what did not leave is lost.
    Abrupt,
}
