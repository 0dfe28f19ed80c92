//! One HTTP/2 connection from a client: it accepts streams, each of which is an exchange in a task of its own, and
//! leaves when it is told to, or when nothing has happened for too long.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use eg_core::time::Moment;
use eg_wire::head::{BodyLength, RequestHead};
use h2::RecvStream;
use h2::server::{Builder, Connection as Front, SendResponse};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::spawn_local;

use crate::buffer::Input;
use crate::carry::{Carry, Start};
use crate::connection::Connection;
use crate::downstream::Downstream;
use crate::h1::wire::{WINDOW, Wire};
use crate::h2::convert;
use crate::h2::down::Client;
use crate::panics::Caught;
use crate::serve::poll_until;
use crate::stream::Stream;
use crate::timer::Timer;

/// Streams that one connection may have open.
const MAX_STREAMS: u32 = 128;
/// How long a client without streams may take to answer a GOAWAY.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves a connection whose preface has been seen.
pub(crate) async fn serve(conn: Rc<Connection>, wire: Wire, mut timer: Timer) {
    let served = conn.served();
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 4)
        .max_send_buffer_size(WINDOW as usize)
        .max_header_list_size(served.listener.limits.request_header);
    let opened = conn.worker.now();
    let limit = opened + served.listener.timeouts.header;
    let mut handshake = builder.handshake::<_, Bytes>(Seen { input: wire.input, stream: wire.stream });
    let front = std::future::poll_fn(|cx| match Pin::new(&mut handshake).poll(cx) {
        Poll::Ready(result) => Poll::Ready(result.ok()),
        Poll::Pending => poll_until(&conn, &mut timer, limit, cx).map(|()| None),
    });
    if let Some(front) = front.await {
        let mut session =
            Session { conn, front, timer, open: Rc::default(), idle_since: opened, leaving: false };
        std::future::poll_fn(|cx| session.poll(cx)).await;
    }
}

struct Session {
    conn: Rc<Connection>,
    front: Front<Seen, Bytes>,
    timer: Timer,
    /// Exchanges under way.
    open: Rc<Cell<u32>>,
    idle_since: Moment,
    leaving: bool,
}

impl Session {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.conn.watch(cx) {
            self.leave();
        }
        loop {
            match self.front.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => self.open(request, respond),
                // The connection is over, for a reason that no request can be told.
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => {
                    if self.open.get() > 0 {
                        self.idle_since = self.conn.worker.now();
                    }
                    if self.leaving {
                        // Leaving in peace takes the client's word, which may never come.
                        return poll_until(&self.conn, &mut self.timer, self.idle_since + FAREWELL, cx);
                    }
                    let idle = self.conn.served().listener.timeouts.idle;
                    if poll_until(&self.conn, &mut self.timer, self.idle_since + idle, cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.leave();
                }
            }
        }
    }

    /// Says GOAWAY; streams that are open end in peace.
    fn leave(&mut self) {
        if !std::mem::replace(&mut self.leaving, true) {
            self.idle_since = self.conn.worker.now();
            self.front.graceful_shutdown();
        }
    }

    fn open(&mut self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        self.idle_since = self.conn.worker.now();
        let exchange = Open::begin(&self.open);
        let conn = self.conn.clone();
        spawn_local(async move {
            let panics = &conn.worker.shared.panics;
            Caught::new(stream(&conn, request, respond), panics).await;
            drop(exchange);
        });
    }
}

/// Counts an exchange for as long as it lives.
struct Open(Rc<Cell<u32>>);

impl Open {
    fn begin(count: &Rc<Cell<u32>>) -> Self {
        count.set(count.get() + 1);
        Self(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

async fn stream(conn: &Connection, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
    let (parts, body) = request.into_parts();
    let mut head = RequestHead::default();
    let start = match convert::request(&parts, body.is_end_stream(), &mut head) {
        Ok(length) => begin(conn, &head, length),
        Err(status) => Start::Malformed(status),
    };
    let length = if let Start::Head(length) = start { length } else { BodyLength::Empty };
    let mut client = Client::new(respond, body, head.method, length);
    let mut timer = Timer::default();
    Carry::new(conn, Downstream::H2(&mut client), &mut head, &mut timer, start).run().await;
}

fn begin(conn: &Connection, head: &RequestHead, body: BodyLength) -> Start {
    crate::faults::provoke(head);
    let limits = &conn.served().listener.limits;
    match body {
        _ if head.fields.len() > usize::from(limits.headers) => Start::Malformed(431),
        BodyLength::Exact(n) if limits.request_body.is_some_and(|limit| n > limit) => Start::Malformed(413),
        body => Start::Head(body),
    }
}

/// A stream whose first bytes have been read already.
struct Seen {
    input: Input,
    stream: Stream,
}

impl AsyncRead for Seen {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.input.is_empty() {
            self.input.release();
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let n = self.input.len().min(buf.remaining());
        buf.put_slice(self.input.as_slice().get(..n).unwrap_or_default());
        self.input.consume(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Seen {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
