//! HTTP/1.0 and HTTP/1.1 as bytes (RFC 9112): heads in ([`parse_request`], [`parse_response`]), where bodies end
//! ([`request_body`], [`response_body`], [`ChunkDecoder`]), heads and chunks out. Strict: leniency is how two readers
//! come to disagree.

mod authority;
mod chunk;
mod encode;
mod error;
mod framing;
mod parse;

pub use authority::is_authority;
pub use chunk::{CHUNK_TAIL, Chunk, ChunkDecoder, Decoded, write_chunk_head, write_last_chunk};
pub use encode::{ResponseFraming, reason_phrase, write_request, write_response};
pub use error::HeadError;
pub use framing::{ResponseBody, connection_has, keep_alive, request_body, response_body};
pub use parse::{HeadLimits, MAX_FIELDS, Parsed, parse_request, parse_response};
