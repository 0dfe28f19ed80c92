//! Heads of messages, the same for every HTTP version: what a codec makes of bytes or frames, and what the
//! rest of the house reads. They refuse to know how they were framed beyond [`BodyLength`].

use crate::fields::{FieldList, Span};

/// Versions of HTTP that a side may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0 (RFC 1945).
    H10,
    /// HTTP/1.1 (RFC 9112).
    H11,
    /// HTTP/2 (RFC 9113).
    H2,
    /// HTTP/3 (RFC 9114).
    H3,
}

impl Version {
    /// As logs and `Via` name it: `1.0`, `1.1`, `2`, `3`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::H10 => "1.0",
            Self::H11 => "1.1",
            Self::H2 => "2",
            Self::H3 => "3",
        }
    }
}

/// Methods that mean something to a gateway; all others are forwarded by their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
    /// PATCH (RFC 5789)
    Patch,
    /// CONNECT
    Connect,
    /// TRACE
    Trace,
    /// Anything else that is a token.
    Other,
}

impl Method {
    /// Recognises a method; names are case-sensitive (RFC 9110, 9.1).
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        match text {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"CONNECT" => Self::Connect,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }

    /// Whether repeating a request changes nothing (RFC 9110, 9.2.2).
    #[must_use]
    pub fn is_idempotent(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options | Self::Trace)
    }
}

/// How much body follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// None: the head is the whole message and no end follows.
    Empty,
    /// Exactly this many bytes, more than zero.
    Exact(u64),
    /// Delimited by the protocol: chunks, frames.
    Streamed,
    /// Until the connection closes; HTTP/1 responses only.
    UntilClose,
}

/// The head of a request. All text lives in `fields`' block.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// What is asked.
    pub method: Method,
    /// Its text.
    pub method_text: Span,
    /// Host and optional port: `Host`, `:authority` or the authority of an absolute target.
    pub authority: Span,
    /// Path and query as received, starting with `/`; or `*` for OPTIONS.
    pub target: Span,
    /// Version of the side it came from.
    pub version: Version,
    /// Fields, in order.
    pub fields: FieldList,
}

impl Default for RequestHead {
    fn default() -> Self {
        Self {
            method: Method::Other,
            method_text: Span::default(),
            authority: Span::default(),
            target: Span::default(),
            version: Version::H11,
            fields: FieldList::new(),
        }
    }
}

impl RequestHead {
    /// Forgets the message, keeps the memory.
    pub fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }

    /// The method as text.
    #[must_use]
    pub fn method_text(&self) -> &[u8] {
        self.fields.text(self.method_text)
    }

    /// Host and optional port, as received.
    #[must_use]
    pub fn authority(&self) -> &[u8] {
        self.fields.text(self.authority)
    }

    /// The authority without its port.
    #[must_use]
    pub fn host(&self) -> &[u8] {
        let authority = self.authority();
        match memchr::memrchr(b':', authority) {
            Some(colon) if !authority[colon..].contains(&b']') => &authority[..colon],
            _ => authority,
        }
    }

    /// Path and query.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        self.fields.text(self.target)
    }

    /// What stands behind the `?` of the target; empty if there is none.
    #[must_use]
    pub fn query(&self) -> &[u8] {
        let target = self.target();
        memchr::memchr(b'?', target).map_or(b"", |mark| &target[mark + 1..])
    }

    /// The path without its query.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        let target = self.target();
        match memchr::memchr(b'?', target) {
            Some(mark) => &target[..mark],
            None => target,
        }
    }
}

/// The head of a response. All text lives in `fields`' block.
#[derive(Debug, Clone)]
pub struct ResponseHead {
    /// 100 to 999.
    pub status: u16,
    /// HTTP/1 reason phrase; empty elsewhere.
    pub reason: Span,
    /// Version of the side it came from.
    pub version: Version,
    /// Fields, in order.
    pub fields: FieldList,
}

impl Default for ResponseHead {
    fn default() -> Self {
        Self { status: 0, reason: Span::default(), version: Version::H11, fields: FieldList::new() }
    }
}

impl ResponseHead {
    /// Forgets the message, keeps the memory.
    pub fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }

    /// The reason phrase as text.
    #[must_use]
    pub fn reason(&self) -> &[u8] {
        self.fields.text(self.reason)
    }
}
