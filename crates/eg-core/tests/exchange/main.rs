//! Conversations with an exchange, one promise each. They refuse to look inside: what it hears, what it wants
//! done, when it wants to be woken and what it leaves behind is all there is.

mod carrying;
mod leaving;
mod pacing;
mod recording;
mod refusing;
mod retrying;
#[allow(dead_code, reason = "every test binary speaks its own part of the vocabulary")]
#[path = "../support/script.rs"]
mod script;
mod switching;
mod timing;
mod words;
