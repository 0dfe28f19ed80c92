//! What the engine answers by itself: probes, metrics and status, on a thread of its own, so that neither a busy
//! interpreter nor a busy worker can fail them. Small on purpose: GET and HEAD, one answer per path.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use eg_wire::h1::{
    HeadLimits, Parsed, ResponseFraming, keep_alive, parse_request, reason_phrase, write_response,
};
use eg_wire::head::{BodyLength, Method, RequestHead, ResponseHead, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use crate::engine;
use crate::metrics;
use crate::panics::Caught;
use crate::shared::Shared;

const LIMITS: HeadLimits = HeadLimits { bytes: 16 * 1024, fields: 64 };
/// A client that neither asks nor takes its answer within this is cut.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at once; probes and scrapers are few.
const CONNECTIONS: usize = 64;
/// Pause after an accept that failed for want of descriptors: trying again at once would spin.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Keeps the thread alive; dropping it ends the thread.
pub(crate) struct Admin(
    #[allow(dead_code, reason = "its drop is what the thread waits for")] oneshot::Sender<()>,
);

/// The handle, and what its thread is to run.
pub(crate) fn prepare(socket: OwnedFd, shared: Arc<Shared>) -> (Admin, impl FnOnce() + Send + 'static) {
    let (alive, gone) = oneshot::channel::<()>();
    let run = move || {
        let Ok(runtime) = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
        else {
            return;
        };
        runtime.block_on(async move {
            let socket = std::net::TcpListener::from(socket);
            if socket.set_nonblocking(true).is_ok()
                && let Ok(socket) = TcpListener::from_std(socket)
            {
                spawn_local(accept(socket, shared));
                // Ends in an error by design: the other half was dropped.
                let _ = gone.await;
            }
        });
    };
    (Admin(alive), run)
}

async fn accept(socket: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Nobody closes the semaphore: the loop ends with its thread.
    while let Ok(place) = places.clone().acquire_owned().await {
        match socket.accept().await {
            Ok((stream, _)) => {
                let shared = shared.clone();
                spawn_local(async move {
                    Caught::new(serve(stream, &shared), &shared.panics).await;
                    drop(place);
                });
            }
            Err(_) => sleep(BACK_OFF).await,
        }
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) {
    let mut input = Vec::new();
    let mut head = RequestHead::default();
    loop {
        let asked = match timeout(PATIENCE, read(&mut stream, &mut input, &mut head)).await {
            Ok(Some(asked)) => asked,
            Ok(None) | Err(_) => return,
        };
        let (answer, keep) = match asked {
            Ok(()) => (Answer::to(&head, shared), keep_alive(head.version, &head.fields)),
            Err(status) => (Answer::plain(status, format!("{status} {}\n", reason_phrase(status))), false),
        };
        let output = answer.encode(head.method == Method::Head, keep, head.version);
        let sent = timeout(PATIENCE, stream.write_all(&output)).await;
        if !keep || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

/// Reads one head. None: the client has left. An error is the status to answer before leaving.
async fn read(
    stream: &mut TcpStream,
    input: &mut Vec<u8>,
    head: &mut RequestHead,
) -> Option<Result<(), u16>> {
    loop {
        head.clear();
        match parse_request(input, 0, &LIMITS, head) {
            Err(error) => return Some(Err(error.status())),
            Ok(Parsed::Complete { consumed }) => {
                input.drain(..consumed);
                return Some(match eg_wire::h1::request_body(head) {
                    Ok(BodyLength::Empty) => Ok(()),
                    Ok(_) => Err(413),
                    Err(error) => Err(error.status()),
                });
            }
            Ok(Parsed::Partial) => {
                if stream.read_buf(input).await.ok()? == 0 {
                    return None;
                }
            }
        }
    }
}

struct Answer {
    status: u16,
    kind: &'static str,
    body: String,
}

impl Answer {
    fn to(head: &RequestHead, shared: &Shared) -> Self {
        if !matches!(head.method, Method::Get | Method::Head) {
            return Self::plain(405, "405 Method Not Allowed\n".to_owned());
        }
        let ok = || Self::plain(200, "ok\n".to_owned());
        match head.path() {
            b"/livez" | b"/healthz" => ok(),
            b"/startupz" if shared.snapshot().generation > 0 => ok(),
            b"/readyz" if shared.is_ready() => ok(),
            b"/startupz" => Self::plain(503, "starting: no configuration is served yet\n".to_owned()),
            b"/readyz" if shared.is_draining() || shared.is_settling() => {
                Self::plain(503, "draining\n".to_owned())
            }
            b"/readyz" => Self::plain(503, "not ready\n".to_owned()),
            b"/metrics" => Self {
                status: 200,
                kind: "text/plain; version=0.0.4; charset=utf-8",
                body: metrics::render(shared),
            },
            b"/api/v1/status" => {
                Self { status: 200, kind: "application/json", body: engine::status(shared) + "\n" }
            }
            _ => Self::plain(404, "404 Not Found\n".to_owned()),
        }
    }

    fn plain(status: u16, body: String) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body }
    }

    fn encode(&self, head_only: bool, keep: bool, version: Version) -> Vec<u8> {
        let mut head = ResponseHead { status: self.status, ..ResponseHead::default() };
        head.fields.push(b"content-type", self.kind.as_bytes());
        head.fields.push(b"cache-control", b"no-store");
        let keep_alive = keep && version == Version::H10;
        let framing = ResponseFraming { close: !keep, keep_alive, head_only };
        let mut out = Vec::with_capacity(self.body.len() + 256);
        if head_only {
            head.fields.push(b"content-length", self.body.len().to_string().as_bytes());
            write_response(&head, BodyLength::Empty, framing, &mut out);
        } else {
            write_response(&head, BodyLength::Exact(self.body.len() as u64), framing, &mut out);
            out.extend_from_slice(self.body.as_bytes());
        }
        out
    }
}
