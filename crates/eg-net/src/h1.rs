//! HTTP/1 on both sides: the bytes of one connection ([`wire`]), read as requests ([`down`]) or as responses
//! ([`up`]).

pub(crate) mod down;
pub(crate) mod up;
pub(crate) mod wire;
