//! [`Client`]: an HTTP/1 connection from a client, one request after the other.

use std::task::{Context, Poll, Waker, ready};

use eg_core::exchange::Down;
use eg_wire::fields::FieldList;
use eg_wire::h1::{
    HeadError, HeadLimits, Parsed, ResponseFraming, keep_alive, parse_request, write_response,
};
use eg_wire::head::{BodyLength, Method, RequestHead, ResponseHead, Version};

use crate::buffer::{Piece, Then};
use crate::downstream::Cut;
use crate::h1::wire::{Body, BodyError, Wire};
use crate::reply::Reply;
use crate::stream::Stream;

/// What came instead of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NoRequest {
    /// The client ended the connection between requests, or broke it.
    Gone,
    /// The head is not one that can be served.
    Malformed(HeadError),
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) wire: Wire,
    limits: HeadLimits,
    seen: usize,
    method: Method,
    version: Version,
    /// Another request may follow the present one.
    keeps: bool,
    /// The client wants no other to follow.
    asks_to_close: bool,
    /// The close of the connection is to be a reset.
    broken: bool,
    /// The response was written to its end; the socket may not have it all.
    finishing: bool,
}

impl Client {
    pub(crate) fn new(stream: Stream, limits: HeadLimits) -> Self {
        Self {
            wire: Wire::new(stream),
            limits,
            seen: 0,
            method: Method::Other,
            version: Version::H11,
            keeps: true,
            asks_to_close: false,
            broken: false,
            finishing: false,
        }
    }

    /// Whether another request may follow.
    pub(crate) fn keeps(&self) -> bool {
        self.keeps
    }

    /// Whether the client said that this request is its last, and has sent nothing behind it: the connection can be
    /// closed at once, since no byte of it is left for the kernel to answer with a reset.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.asks_to_close && self.wire.is_quiet()
    }

    /// Whether the close of the connection is to be a reset, and at once.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    // --- request ---------------------------------------------------------------------------------------

    /// Ready when the first byte of a request is there, or the client has left.
    pub(crate) fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NoRequest>> {
        // An empty line belongs to the request that it precedes (RFC 9112, 2.2): alone, it begins none.
        while b"\r\n".starts_with(self.wire.input.as_slice()) {
            match ready!(self.wire.poll_fill(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(NoRequest::Gone)),
                Ok(_) => {}
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ready with a whole head in `head`.
    pub(crate) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut RequestHead,
    ) -> Poll<Result<BodyLength, NoRequest>> {
        loop {
            match self.parse(head) {
                Ok(Some(body)) => return Poll::Ready(Ok(body)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(NoRequest::Malformed(error))),
            }
            match ready!(self.wire.poll_fill(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(NoRequest::Gone)),
                Ok(_) => {}
            }
        }
    }

    fn parse(&mut self, head: &mut RequestHead) -> Result<Option<BodyLength>, HeadError> {
        let input = self.wire.input.as_slice();
        head.clear();
        // Also a head that cannot be read, or never ends, is answered as its first word wants it.
        let line = input.strip_prefix(b"\r\n").unwrap_or(input);
        self.method = if line.starts_with(b"HEAD ") { Method::Head } else { Method::Other };
        let Parsed::Complete { consumed } = parse_request(input, self.seen, &self.limits, head)? else {
            self.seen = input.len();
            return Ok(None);
        };
        self.seen = 0;
        self.wire.input.consume(consumed);
        let body = eg_wire::h1::request_body(head)?;
        self.method = head.method;
        self.version = head.version;
        self.keeps = keep_alive(head.version, &head.fields);
        self.asks_to_close = !self.keeps;
        self.finishing = false;
        self.wire.expect_body(body);
        Ok(Some(body))
    }

    /// The next event of the request's body, with at most `grant` bytes; after its end, whether the client broke.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, grant: u32) -> Poll<Down> {
        if self.wire.reads_body() {
            return match ready!(self.wire.poll_body(cx, grant, &self.limits)) {
                Ok(Body::Blocked) => Poll::Pending,
                Ok(Body::Data(n)) => Poll::Ready(Down::Data(n)),
                Ok(Body::Trailers) => Poll::Ready(Down::Trailers),
                Ok(Body::End) => Poll::Ready(Down::End),
                Err(BodyError::Io) => Poll::Ready(Down::Reset),
                Err(BodyError::Malformed(error)) => Poll::Ready(Down::Malformed(error.status())),
            };
        }
        // What comes now are the next requests. As long as there is room for them they are read, since that is how a
        // client is noticed that broke; the rest is left to the socket.
        while self.wire.input.has_room() && !self.wire.ended {
            if ready!(self.wire.poll_fill(cx)).is_err() {
                return Poll::Ready(Down::Reset);
            }
        }
        Poll::Pending
    }

    // --- response --------------------------------------------------------------------------------------

    pub(crate) fn write_info(&mut self, head: &ResponseHead) {
        let framing = ResponseFraming { close: false, keep_alive: false, head_only: false };
        write_response(head, BodyLength::Empty, framing, self.wire.output.tail());
    }

    pub(crate) fn write_head(&mut self, head: &ResponseHead, body: BodyLength, last: bool) {
        let body = match body {
            BodyLength::Streamed | BodyLength::UntilClose if self.version == Version::H10 => {
                BodyLength::UntilClose
            }
            BodyLength::UntilClose => BodyLength::Streamed,
            known => known,
        };
        self.keeps &= !last && body != BodyLength::UntilClose;
        let switching = head.status == 101;
        let framing = ResponseFraming {
            close: !self.keeps && !switching,
            keep_alive: self.keeps && self.version == Version::H10,
            head_only: self.method == Method::Head || head.status == 304,
        };
        write_response(head, body, framing, self.wire.output.tail());
        self.wire.begin_body(body);
        self.finishing = body == BodyLength::Empty && !switching;
    }

    /// Writes a whole response of our own.
    pub(crate) fn write_reply(&mut self, reply: Reply, last: bool) {
        let Reply { mut head, body: text } = reply;
        let body = if text.is_empty() {
            BodyLength::Empty
        } else if self.method == Method::Head {
            head.fields.push(b"content-length", text.len().to_string().as_bytes());
            BodyLength::Empty
        } else {
            BodyLength::Exact(text.len() as u64)
        };
        self.write_head(&head, body, last);
        if body != BodyLength::Empty {
            self.wire.write_data(Piece::Part(&text), u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        self.write_end(None);
    }

    pub(crate) fn write_end(&mut self, trailers: Option<&FieldList>) {
        self.keeps &= self.wire.write_end(trailers);
        self.finishing = true;
    }

    /// The response cannot be completed. A length or chunks that end short tell the client; where only the close
    /// says that the body is over, it must not look like one (RFC 9112, 8).
    pub(crate) fn reset(&mut self, cut: Cut) {
        self.keeps = false;
        if cut == Cut::Short {
            // What the client may have of the response does not depend on when it was cut: as much as the socket takes.
            let _ = self.wire.poll_flush(&mut Context::from_waker(Waker::noop()), Then::AtOnce);
        }
        if cut == Cut::Abrupt || self.wire.ends_by_close() {
            self.broken = true;
            self.wire.stream.reset_on_close();
        }
    }

    /// Sends what waits; tells the credit that this returns, and once that everything has left.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Option<Down> {
        if self.wire.output.is_empty() && !self.finishing {
            return None;
        }
        let then = if self.finishing && !self.keeps { Then::AtOnce } else { Then::Later };
        match self.wire.poll_flush(cx, then) {
            Ok(flushed) if flushed.credit > 0 => Some(Down::Credit(flushed.credit)),
            Ok(flushed) if flushed.all && self.finishing => {
                self.finishing = false;
                Some(Down::Sent)
            }
            Ok(_) => None,
            Err(_) => Some(Down::Reset),
        }
    }
}
