//! The decisions of the data plane: which route, which endpoint, what happens next to a request. No I/O, no
//! clock, no randomness, no threads: `now` and seeds are arguments, so that every decision can be replayed.
//!
//! Two state machines live here: [`exchange`] (one request and its response, whatever the HTTP version) and
//! [`tunnel`] (bytes in both directions). Around them: [`snapshot`] (the published configuration), [`route`],
//! [`pick`], [`headers`] and the [`ledger`] of what outlives a snapshot.

#![forbid(unsafe_code)]

pub mod addresses;
pub mod exchange;
pub mod headers;
pub mod ledger;
pub mod pick;
mod queue;
pub mod route;
pub mod snapshot;
pub mod time;
pub mod tunnel;
