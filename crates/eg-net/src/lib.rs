//! The shell of the data plane: every system call, one thread per worker, and the drivers that carry bytes as
//! `eg-core` decides. It refuses to decide: what is chosen here is buffers and system calls, not routes or retries.
//!
//! A connection enters at `listener`, is named in `serve`, has each exchange driven by `carry`, which reads and
//! writes through `h1`, `h2` and `upstream`, and leaves a line by `record` and counts in `metrics`.

mod admin;
mod buffer;
mod carry;
mod clock;
mod connection;
mod downstream;
mod engine;
mod faults;
mod fd;
mod forward;
mod h1;
mod h2;
mod listener;
mod metrics;
mod panics;
mod pipe;
mod record;
mod relay;
mod reply;
mod serve;
mod shared;
mod stream;
mod timer;
mod upstream;
mod worker;

pub use engine::{ApplyError, Engine, Options};

/// Profile of this build, as it names itself to operators.
pub const BUILD: &str = if cfg!(debug_assertions) { "testing" } else { "release" };
