//! Faults on demand, in builds with debug assertions only: how the tests prove that a panic costs one connection.

use eg_wire::head::RequestHead;

/// The field that provokes a panic where a head is read.
const FIELD: &[u8] = b"x-expressgateway-provoke-panic";

/// Nothing in the builds that users run.
#[allow(clippy::panic, reason = "the one place whose purpose it is")]
pub(crate) fn provoke(request: &RequestHead) {
    if cfg!(debug_assertions) && request.fields.get_named(FIELD).is_some() {
        panic!("provoked by a request");
    }
}
