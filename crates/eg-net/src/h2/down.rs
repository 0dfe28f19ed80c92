//! [`Client`]: one HTTP/2 stream as the client's side of an exchange.

use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use eg_core::exchange::Down;
use eg_wire::fields::FieldList;
use eg_wire::head::{BodyLength, Method, ResponseHead};
use h2::{Reason, RecvStream, SendStream, server::SendResponse};

use crate::buffer::Piece;
use crate::h1::wire::WINDOW;
use crate::h2::convert;
use crate::reply::Reply;

pub(crate) struct Client {
    respond: SendResponse<Bytes>,
    send: Option<SendStream<Bytes>>,
    receive: RecvStream,
    method: Method,
    reads_body: bool,
    /// Data that arrived and was not granted yet.
    waiting: Bytes,
    pub(crate) trailers: FieldList,
    trailers_told: bool,
    /// Bytes of response body that are still to come, if that is known.
    left: Option<u64>,
    /// Credit given to the exchange and not used.
    credited: usize,
    /// END_STREAM was sent.
    ended: bool,
    sent_told: bool,
}

impl Client {
    pub(crate) fn new(
        respond: SendResponse<Bytes>,
        receive: RecvStream,
        method: Method,
        body: BodyLength,
    ) -> Self {
        Self {
            respond,
            send: None,
            receive,
            method,
            reads_body: body != BodyLength::Empty,
            waiting: Bytes::new(),
            trailers: FieldList::new(),
            trailers_told: false,
            left: None,
            credited: 0,
            ended: false,
            sent_told: false,
        }
    }

    // --- request ---------------------------------------------------------------------------------------

    /// The next event of the request, with at most `grant` bytes of body.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, grant: u32) -> Poll<Down> {
        if self.reads_body
            && let Poll::Ready(event) = self.poll_body(cx, grant)
        {
            return Poll::Ready(event);
        }
        self.poll_reset(cx)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, grant: u32) -> Poll<Down> {
        while self.waiting.is_empty() {
            match ready!(self.receive.poll_data(cx)) {
                Some(Ok(bytes)) => self.waiting = bytes,
                Some(Err(_)) => return Poll::Ready(self.broken()),
                None => return self.poll_trailers(cx),
            }
        }
        match self.waiting.len().min(grant as usize) {
            0 => Poll::Pending,
            n => Poll::Ready(Down::Data(n as u32)),
        }
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Down> {
        if !self.trailers_told {
            self.trailers_told = true;
            match ready!(self.receive.poll_trailers(cx)) {
                Ok(Some(map)) => {
                    convert::trailers(&map, &mut self.trailers);
                    return Poll::Ready(Down::Trailers);
                }
                Ok(None) => {}
                Err(_) => return Poll::Ready(self.broken()),
            }
        }
        self.reads_body = false;
        Poll::Ready(Down::End)
    }

    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Down> {
        if self.ended {
            return Poll::Pending;
        }
        match &mut self.send {
            Some(send) => ready!(send.poll_reset(cx)),
            None => ready!(self.respond.poll_reset(cx)),
        }
        .ok();
        Poll::Ready(self.broken())
    }

    fn broken(&mut self) -> Down {
        self.reads_body = false;
        self.ended = true;
        Down::Reset
    }

    /// The `n` bytes that `poll` told of; consume them afterwards.
    pub(crate) fn piece(&mut self, n: u32) -> Piece<'static> {
        Piece::Shared(self.waiting.slice(..(n as usize).min(self.waiting.len())))
    }

    /// Drops bytes that `poll` told of, and opens the stream's window by as much.
    pub(crate) fn consume(&mut self, n: u32) {
        let n = (n as usize).min(self.waiting.len());
        self.waiting.advance(n);
        // Fails only if the stream was reset, which `poll` tells.
        let _ = self.receive.flow_control().release_capacity(n);
    }

    // --- response --------------------------------------------------------------------------------------

    pub(crate) fn write_info(&mut self, head: &ResponseHead) {
        if let Some(response) = convert::response(head) {
            let _ = self.respond.send_informational(response);
        }
    }

    pub(crate) fn write_head(&mut self, head: &ResponseHead, body: BodyLength) {
        let ended = body == BodyLength::Empty;
        self.left = if let BodyLength::Exact(n) = body { Some(n) } else { None };
        let sent = convert::response(head).map(|response| self.respond.send_response(response, ended));
        match sent {
            Some(Ok(send)) => {
                self.ended = ended;
                self.send = Some(send);
            }
            // The stream is gone, which `poll` tells, or the status cannot be said here.
            Some(Err(_)) | None => self.reset(),
        }
    }

    /// Writes a whole response of our own.
    pub(crate) fn write_reply(&mut self, reply: Reply) {
        let Reply { mut head, body } = reply;
        if body.is_empty() {
            self.write_head(&head, BodyLength::Empty);
            return;
        }
        head.fields.push(b"content-length", body.len().to_string().as_bytes());
        if self.method == Method::Head {
            self.write_head(&head, BodyLength::Empty);
        } else {
            let length = body.len() as u64;
            self.write_head(&head, BodyLength::Exact(length));
            self.write_data(Piece::Shared(Bytes::from(body)), length as u32);
        }
    }

    pub(crate) fn write_data(&mut self, piece: Piece<'_>, n: u32) {
        let bytes = match piece {
            Piece::Shared(bytes) => bytes,
            Piece::Part(bytes) => Bytes::copy_from_slice(bytes),
            Piece::Whole(input) => Bytes::copy_from_slice(input.as_slice()),
        };
        self.credited = self.credited.saturating_sub(n as usize);
        self.left = self.left.map(|left| left.saturating_sub(u64::from(n)));
        self.send_data(bytes, self.left == Some(0));
    }

    pub(crate) fn write_end(&mut self, trailers: Option<&FieldList>) {
        if self.ended {
            return;
        }
        if self.left.is_some_and(|left| left > 0) {
            self.reset();
            return;
        }
        match (trailers, &mut self.send) {
            (Some(trailers), Some(send)) => {
                let _ = send.send_trailers(convert::header_map(trailers));
                self.ended = true;
            }
            _ => self.send_data(Bytes::new(), true),
        }
    }

    /// Errors mean that the stream is gone, which `poll` tells.
    fn send_data(&mut self, bytes: Bytes, end: bool) {
        if let Some(send) = &mut self.send
            && !self.ended
        {
            let _ = send.send_data(bytes, end);
            self.ended = end;
        }
    }

    /// The response cannot be completed.
    pub(crate) fn reset(&mut self) {
        if !self.ended {
            match &mut self.send {
                Some(send) => send.send_reset(Reason::INTERNAL_ERROR),
                None => self.respond.send_reset(Reason::INTERNAL_ERROR),
            }
            self.ended = true;
        }
    }

    /// Tells credit that the stream's window gives, and once that everything was handed over: from there on the
    /// connection's own task sends.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Option<Down> {
        if self.ended {
            return (!std::mem::replace(&mut self.sent_told, true)).then_some(Down::Sent);
        }
        let send = self.send.as_mut()?;
        if self.credited > WINDOW as usize / 2 {
            return None;
        }
        // One byte of room says that what was sent before has left. Reserving all that may come would take it from
        // the connection's window, and so from streams that have something to say.
        send.reserve_capacity(1);
        loop {
            if send.capacity() > 0 {
                let more = WINDOW as usize - self.credited;
                self.credited = WINDOW as usize;
                return Some(Down::Credit(more as u32));
            }
            match send.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Some(self.broken()),
                Poll::Pending => return None,
            }
        }
    }
}
