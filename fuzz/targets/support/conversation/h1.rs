//! Both sides of HTTP/1 as the product has them, on sockets that are none. It refuses to be a copy.

#[path = "../../../../crates/eg-net/src/h1/down.rs"]
pub(crate) mod down;
#[path = "../../../../crates/eg-net/src/h1/up.rs"]
pub(crate) mod up;
#[path = "../../../../crates/eg-net/src/h1/wire.rs"]
pub(crate) mod wire;
