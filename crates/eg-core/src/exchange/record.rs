//! [`Record`]: what an exchange leaves behind. Numbers and small enums only; names and texts are the driver's.

use super::vocabulary::Ending;
use crate::time::Moment;

/// Phases, amounts and outcome of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The request's head was complete.
    pub started: Moment,
    /// The upstream connection of the last attempt was there.
    pub connected: Option<Moment>,
    /// The response's head was there.
    pub first_byte: Option<Moment>,
    /// The response's last byte had left, or the exchange was over otherwise.
    pub ended: Moment,
    /// Status sent to the client; 499 if the client left before one was sent.
    pub status: u16,
    /// Request body carried to the endpoint, in bytes, without framing.
    pub request_bytes: u64,
    /// Response body carried to the client, in bytes, without framing.
    pub response_bytes: u64,
    /// Connections asked for, pooled ones included.
    pub attempts: u8,
    /// The last attempt ran on a pooled connection.
    pub reused: bool,
    /// How it ended.
    pub ending: Ending,
}

impl Record {
    pub(super) fn new(now: Moment) -> Self {
        Self {
            started: now,
            connected: None,
            first_byte: None,
            ended: now,
            status: 0,
            request_bytes: 0,
            response_bytes: 0,
            attempts: 0,
            reused: false,
            ending: Ending::Complete,
        }
    }
}
