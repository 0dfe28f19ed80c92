//! [`Half`]: one direction of an exchange: how far its body is, and the credit between the side that sends it and the
//! side that takes it. It refuses to decide what follows from that.

use super::pace::Pace;

/// One direction of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Its head has not come.
    Waiting,
    /// Its body is under way.
    Open,
    /// It ended as it should.
    Complete,
    /// Nobody wants the rest.
    Cut,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Half {
    pub(super) flow: Flow,
    /// Bytes that the receiving side can take and that have not been granted.
    pub(super) free: u32,
    /// Bytes that the sending side may still deliver.
    pub(super) granted: u32,
    /// Its trailers have come: only its end is missing.
    pub(super) trailers: bool,
    /// Whether the client keeps up with it.
    pub(super) pace: Pace,
}

impl Half {
    pub(super) const NEW: Self =
        Self { flow: Flow::Waiting, free: 0, granted: 0, trailers: false, pace: Pace::NEW };

    /// Whether bytes may come now.
    pub(super) fn takes_data(&self) -> bool {
        self.flow == Flow::Open && !self.trailers
    }

    /// Whether its source could go on; if not, it waits for the sink.
    pub(super) fn source_may_act(&self) -> bool {
        self.granted > 0 || self.trailers
    }
}
