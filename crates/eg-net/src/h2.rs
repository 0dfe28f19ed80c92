//! HTTP/2 towards clients, by the `h2` crate driven directly: the connection ([`front`]), one stream of it as the
//! client's side of an exchange ([`down`]), and the one place where heads change their representation
//! ([`convert`]).

pub(crate) mod convert;
pub(crate) mod down;
pub(crate) mod front;
