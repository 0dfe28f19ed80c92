//! Bytes to messages and back. No I/O, no clock, no allocation that a peer can choose the size of.
//!
//! What arrives here is hostile until proven otherwise: a message is either understood as exactly one
//! message by everybody who reads it after us, or it is an error. This crate does not know connections,
//! peers or policies.

#![forbid(unsafe_code)]

pub mod fields;
pub mod h1;
pub mod head;
