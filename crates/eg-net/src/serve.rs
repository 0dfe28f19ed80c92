//! The path of a connection: it enters the register, is named by its first bytes, and has its requests carried
//! one after the other until one side has had enough.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use eg_core::exchange::Ending;
use eg_core::time::Moment;
use eg_wire::h1::HeadLimits;
use eg_wire::head::{BodyLength, Method, RequestHead};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use crate::carry::{Carry, Finished, Start};
use crate::connection::{Arrival, Connection};
use crate::downstream::Downstream;
use crate::h1::down::{Client, NoRequest};
use crate::h2;
use crate::stream::Stream;
use crate::timer::Timer;
use crate::worker::Worker;

/// Requests that may wait in line before other connections get their turn.
const PIPELINED: u32 = 8;
/// What every HTTP/2 client says first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a client that came while we are leaving may take to say what it came for.
const FIRST_WORD: Duration = Duration::from_secs(1);
/// How long a client that is told to go may say nothing, and how long it may go on: a body whose refusal it has not
/// noticed is read until it does, since a reset could take the refusal from it.
const LINGER_IDLE: Duration = Duration::from_secs(2);
const LINGER: Duration = Duration::from_secs(30);
/// Bytes of it before other connections get their turn.
const LINGER_BYTES: usize = 256 * 1024;

/// Serves one connection to its end.
pub(crate) async fn connection(worker: &Rc<Worker>, stream: TcpStream, arrival: Arrival) {
    let Some(conn) = Connection::enter(worker, arrival) else { return };
    let served = conn.served();
    let limits = HeadLimits {
        bytes: served.listener.limits.request_header as usize,
        fields: usize::from(served.listener.limits.headers),
    };
    let mut client = Client::new(Stream::Tcp(stream), limits);
    let mut timer = Timer::default();
    match detect(&conn, &mut client, &mut timer).await {
        Detected::Nothing => {}
        Detected::H1 { began } => http1(&conn, &mut client, &mut timer, began).await,
        // Rare and large: it shall not make every connection's future so.
        Detected::H2 => Box::pin(h2::front::serve(Rc::new(conn), client.wire, timer)).await,
    }
}

enum Detected {
    Nothing,
    /// Its first request began then, and may be complete or not.
    H1 {
        began: Moment,
    },
    H2,
}

/// Waits for enough bytes to tell HTTP/2 with prior knowledge from HTTP/1.
async fn detect(conn: &Connection, client: &mut Client, timer: &mut Timer) -> Detected {
    let listener = conn.served().listener.clone();
    let opened = conn.worker.now();
    let mut began = None;
    std::future::poll_fn(|cx| {
        loop {
            let bytes = client.wire.input.as_slice();
            if listener.h2 && bytes.len() >= PREFACE.len() && bytes.starts_with(PREFACE) {
                return Poll::Ready(Detected::H2);
            }
            if !bytes.is_empty() {
                let began = *began.get_or_insert_with(|| conn.worker.now());
                let undecided = listener.h2 && PREFACE.starts_with(bytes);
                // A beginning that is never more is one of HTTP/1, which has an answer to that.
                if !undecided || conn.worker.now() >= began + listener.timeouts.header {
                    return Poll::Ready(Detected::H1 { began });
                }
            }
            match client.wire.poll_fill(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Detected::Nothing),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => {
                    let idle = match conn.watch(cx) {
                        true => FIRST_WORD.min(listener.timeouts.idle),
                        false => listener.timeouts.idle,
                    };
                    let until = began.map_or(opened + idle, |began| began + listener.timeouts.header);
                    ready!(poll_until(conn, timer, until, cx));
                    if began.is_none() {
                        return Poll::Ready(Detected::Nothing);
                    }
                }
            }
        }
    })
    .await
}

/// Serves requests until the connection is not to be used again.
async fn http1(conn: &Connection, client: &mut Client, timer: &mut Timer, began: Moment) {
    let mut request = RequestHead::default();
    let mut began = Some(began);
    let mut served = 0_u32;
    loop {
        let Some(start) = next_request(conn, client, &mut request, timer, began.take()).await else { return };
        let carry = Carry::new(conn, Downstream::H1(client), &mut request, timer, start);
        let finished = Box::pin(carry.run()).await;
        served += 1;
        if served.is_multiple_of(PIPELINED) && !client.wire.input.is_empty() {
            tokio::task::yield_now().await;
        }
        if !may_follow(client, &finished) {
            if may_still_speak(client, &finished) {
                linger(conn, client, timer).await;
            }
            return;
        }
    }
}

/// Waits for the next request and reads its head; `began`: when its first byte came, if it has. None: there is none, and nothing to be said about it.
async fn next_request(
    conn: &Connection,
    client: &mut Client,
    request: &mut RequestHead,
    timer: &mut Timer,
    began: Option<Moment>,
) -> Option<Start> {
    let timeouts = conn.served().listener.timeouts;
    let idle_since = conn.worker.now();
    let begun = std::future::poll_fn(|cx| match client.poll_begin(cx) {
        Poll::Ready(result) => Poll::Ready(result.is_ok()),
        Poll::Pending if conn.watch(cx) => Poll::Ready(false),
        Poll::Pending => {
            client.wire.release();
            request.fields.release();
            poll_until(conn, timer, idle_since + timeouts.idle, cx).map(|()| false)
        }
    });
    if !begun.await {
        return None;
    }
    let began = began.unwrap_or_else(|| conn.worker.now());
    std::future::poll_fn(|cx| match client.poll_head(cx, request) {
        Poll::Ready(result) => Poll::Ready(start(conn, request, result)),
        Poll::Pending => {
            poll_until(conn, timer, began + timeouts.header, cx).map(|()| Some(Start::Malformed(408)))
        }
    })
    .await
}

fn start(conn: &Connection, request: &RequestHead, head: Result<BodyLength, NoRequest>) -> Option<Start> {
    crate::faults::provoke(request);
    let listener = &conn.served().listener;
    match head {
        Err(NoRequest::Gone) => None,
        Err(NoRequest::Malformed(error)) => Some(Start::Malformed(error.status())),
        Ok(_) if !listener.h1 => Some(Start::Malformed(505)),
        // What follows may be meant for whom the tunnel was to lead to: it is no request of this client's.
        Ok(_) if request.method == Method::Connect => Some(Start::Malformed(405)),
        Ok(BodyLength::Exact(n)) if listener.limits.request_body.is_some_and(|limit| n > limit) => {
            Some(Start::Malformed(413))
        }
        Ok(body) => Some(Start::Head(body)),
    }
}

/// Whether the bytes after this request are another one, and wanted.
fn may_follow(client: &Client, finished: &Finished) -> bool {
    client.keeps()
        && finished.request_complete
        && matches!(
            finished.record.ending,
            Ending::Complete
                | Ending::Replied
                | Ending::ConnectFailed
                | Ending::ConnectTimeout
                | Ending::UpstreamGone
                | Ending::UpstreamMalformed
                | Ending::UpstreamTimeout
                | Ending::RequestTimeout
        )
}

/// Whether a close could meet bytes that the client sends or has sent. One that said goodbye and kept to it can be left
/// at once.
fn may_still_speak(client: &mut Client, finished: &Finished) -> bool {
    match finished.record.ending {
        Ending::Tunnelled | Ending::ClientGone => false,
        _ if client.is_broken() => false,
        _ => !(finished.request_complete && client.is_silent()),
    }
}

/// Ends our side and reads on for a while, so that the kernel does not reset the connection before the client has
/// read our last words (RFC 9112, 9.6).
async fn linger(conn: &Connection, client: &mut Client, timer: &mut Timer) {
    let until = conn.worker.now() + LINGER;
    let mut idle = conn.worker.now() + LINGER_IDLE;
    // A client that is gone needs no farewell.
    let _ = std::future::poll_fn(|cx| Pin::new(&mut client.wire.stream).poll_shutdown(cx)).await;
    std::future::poll_fn(|cx| {
        let mut left = LINGER_BYTES;
        while left > 0 {
            client.wire.input.consume(usize::MAX);
            match client.wire.poll_fill(cx) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    left = left.saturating_sub(n);
                    idle = conn.worker.now() + LINGER_IDLE;
                    if idle > until {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return poll_until(conn, timer, idle, cx),
            }
        }
        // Others want to be heard too.
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Ready once a moment has passed; until then the task will be woken.
pub(crate) fn poll_until(conn: &Connection, timer: &mut Timer, at: Moment, cx: &mut Context<'_>) -> Poll<()> {
    let clock = &conn.worker.shared.clock;
    loop {
        ready!(timer.poll(cx, clock, at, clock.now()));
        if clock.now() >= at {
            return Poll::Ready(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// What an idle connection holds beside its socket; the exchange under way stands in a box of its own.
    #[test]
    fn the_future_of_a_connection_is_small() {
        assert!(size_of_future(connection) <= 1024, "{}", size_of_future(connection));
        assert!(size_of::<Carry<'_>>() <= 1024, "{}", size_of::<Carry<'_>>());
    }
}
