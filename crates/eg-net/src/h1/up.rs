//! [`Origin`]: an HTTP/1 connection to an endpoint, as one attempt after the other uses it.

use std::task::{Context, Poll};

use eg_core::exchange::{ResponseFacts, Stage, Up};
use eg_core::ledger::EndpointId;
use eg_core::time::Moment;
use eg_wire::fields::{FieldId, FieldList};
use eg_wire::h1::{
    HeadError, HeadLimits, Parsed, ResponseBody, parse_response, response_body, write_request,
};
use eg_wire::head::{BodyLength, Method, RequestHead, ResponseHead};

use crate::buffer::{Piece, Then};
use crate::h1::wire::{Body, BodyError, Wire};
use crate::pipe::Pipes;
use crate::stream::Stream;

/// What an endpoint's head may be: generous, since it is ours, and bounded, since it may have been taken over.
const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 256 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Head { seen: usize },
    Body,
    Done,
}

#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) endpoint: EndpointId,
    pub(crate) wire: Wire,
    reading: Reading,
    method: Method,
    /// The endpoint said that it keeps the connection.
    keeps: bool,
    /// A byte of this attempt has left.
    wrote: bool,
    /// The endpoint no longer takes bytes; it may still have something to say.
    deaf: bool,
    /// When it was established.
    born: Moment,
}

impl Origin {
    pub(crate) fn new(endpoint: EndpointId, stream: Stream, born: Moment) -> Self {
        Self {
            endpoint,
            wire: Wire::new(stream),
            reading: Reading::Done,
            method: Method::Other,
            keeps: true,
            wrote: false,
            deaf: false,
            born,
        }
    }

    /// Whether a pooled connection can be used: it must be silent.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.wire.is_quiet()
    }

    /// Whether another exchange may follow the one that has just been completed.
    pub(crate) fn is_reusable(&self) -> bool {
        self.keeps
            && !self.deaf
            && !self.wire.ended
            && self.reading == Reading::Done
            && !self.wire.writes_body()
            && self.wire.output.is_empty()
            && self.wire.input.is_empty()
    }

    /// When it was established.
    pub(crate) fn born(&self) -> Moment {
        self.born
    }

    // --- request ---------------------------------------------------------------------------------------

    pub(crate) fn write_head(&mut self, head: &RequestHead, host: &[u8], body: BodyLength) {
        self.reading = Reading::Head { seen: 0 };
        self.method = head.method;
        self.wrote = false;
        // Some endpoints close behind an upgrade that they did not grant, and do not say so.
        self.keeps &= !head.fields.has(FieldId::Upgrade);
        write_request(head, host, body, self.wire.output.tail());
        self.wire.begin_body(body);
    }

    pub(crate) fn write_data(&mut self, piece: Piece<'_>, n: u32) {
        if !self.deaf {
            self.wire.write_data(piece, n);
        }
    }

    pub(crate) fn write_end(&mut self, trailers: Option<&FieldList>) {
        // A body that ends short was ended by its client; the connection is then not reused.
        self.keeps &= self.wire.write_end(trailers);
    }

    /// Sends what waits; tells the credit that this returns.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Option<Up> {
        if self.deaf || self.wire.output.is_empty() {
            return None;
        }
        match self.wire.poll_flush(cx, Then::Later) {
            Ok(flushed) => {
                self.wrote |= flushed.wrote;
                (flushed.credit > 0).then_some(Up::Credit(flushed.credit))
            }
            // An endpoint that refuses the body may have answered first (RFC 9112, 9.5): read on.
            Err(_) => {
                self.deaf = true;
                self.wrote = true;
                self.wire.output.clear();
                None
            }
        }
    }

    // --- response --------------------------------------------------------------------------------------

    /// The next event of the response, with at most `grant` bytes of body. A head is left in `head`.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, grant: u32, head: &mut ResponseHead) -> Poll<Up> {
        match self.reading {
            Reading::Head { .. } => self.poll_head(cx, head),
            Reading::Body => {
                let read = self.wire.poll_body(cx, grant, &LIMITS);
                self.told(read)
            }
            Reading::Done => Poll::Pending,
        }
    }

    /// The next event of a body whose bytes can be moved to `sink` without being seen; `Data` has been moved there
    /// already. None: this body must be read.
    pub(crate) fn poll_unseen(
        &mut self,
        cx: &mut Context<'_>,
        grant: u32,
        sink: &mut Wire,
        pipes: &Pipes,
    ) -> Option<Poll<Up>> {
        if self.reading != Reading::Body || !self.wire.can_pipe_to(sink) {
            return None;
        }
        let moved = self.wire.poll_pipe_to(cx, grant, sink, pipes)?;
        Some(self.told(moved))
    }

    fn told(&mut self, read: Poll<Result<Body, BodyError>>) -> Poll<Up> {
        match read {
            Poll::Pending | Poll::Ready(Ok(Body::Blocked)) => Poll::Pending,
            Poll::Ready(Ok(Body::Data(n))) => Poll::Ready(Up::Data(n)),
            Poll::Ready(Ok(Body::Trailers)) => Poll::Ready(Up::Trailers),
            Poll::Ready(Ok(Body::End)) => {
                self.reading = Reading::Done;
                Poll::Ready(Up::End)
            }
            Poll::Ready(Err(BodyError::Io)) => Poll::Ready(self.failed(Stage::Exchange)),
            Poll::Ready(Err(BodyError::Malformed(_))) => Poll::Ready(self.failed(Stage::Protocol)),
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, head: &mut ResponseHead) -> Poll<Up> {
        loop {
            if !self.wire.input.is_empty() {
                match self.parse(head) {
                    Ok(Some(event)) => return Poll::Ready(event),
                    Ok(None) => {}
                    Err(_) => return Poll::Ready(self.failed(Stage::Protocol)),
                }
            }
            match self.wire.poll_fill(cx) {
                Poll::Pending => return Poll::Pending,
                // Half of a head is an answer, and none that could be asked for again.
                Poll::Ready(Ok(0) | Err(_)) if !self.wire.input.is_empty() => {
                    return Poll::Ready(self.failed(Stage::Protocol));
                }
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(self.failed(Stage::Exchange)),
                Poll::Ready(Ok(_)) => {}
            }
        }
    }

    fn parse(&mut self, head: &mut ResponseHead) -> Result<Option<Up>, HeadError> {
        let Reading::Head { seen } = &mut self.reading else { return Ok(None) };
        let input = self.wire.input.as_slice();
        head.clear();
        let Parsed::Complete { consumed } = parse_response(input, *seen, &LIMITS, head)? else {
            *seen = input.len();
            return Ok(None);
        };
        *seen = 0;
        self.wire.input.consume(consumed);
        if (100..200).contains(&head.status) && head.status != 101 {
            return Ok(Some(Up::Info(head.status)));
        }
        let ResponseBody { length, keeps } = response_body(self.method, head)?;
        self.keeps &= keeps;
        self.wire.expect_body(length);
        self.reading = if length == BodyLength::Empty { Reading::Done } else { Reading::Body };
        Ok(Some(Up::Head(ResponseFacts { status: head.status, body: length })))
    }

    fn failed(&mut self, stage: Stage) -> Up {
        self.keeps = false;
        self.reading = Reading::Done;
        Up::Failed { stage, wrote: self.wrote }
    }
}
