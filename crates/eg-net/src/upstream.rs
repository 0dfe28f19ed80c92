//! Connections to endpoints: establishing them, and keeping idle ones for reuse, per worker.

use std::io;

use eg_core::ledger::EndpointId;
use eg_core::snapshot::Address;
use eg_core::time::Moment;
use rustc_hash::FxHashMap;
use socket2::SockRef;
use tokio::net::{TcpStream, UnixStream};

use crate::h1::up::Origin;
use crate::stream::{Stream, UNSENT};

/// Idle connections kept per endpoint and worker; more are closed after use.
const MAX_IDLE: usize = 512;

/// Establishes one connection.
pub(crate) async fn connect(address: &Address) -> io::Result<Stream> {
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT)?;
            Ok(Stream::Tcp(stream))
        }
        Address::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
    }
}

/// Idle connections of one worker.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    by_endpoint: FxHashMap<EndpointId, Vec<Pooled>>,
}

#[derive(Debug)]
struct Pooled {
    origin: Box<Origin>,
    expires: Moment,
}

impl Idle {
    /// The connection that was used last and is still silent.
    pub(crate) fn take(&mut self, endpoint: EndpointId, now: Moment) -> Option<Box<Origin>> {
        let pooled = self.by_endpoint.get_mut(&endpoint)?;
        while let Some(mut candidate) = pooled.pop() {
            if now < candidate.expires && candidate.origin.is_quiet() {
                return Some(candidate.origin);
            }
        }
        None
    }

    /// Keeps a connection until `expires`.
    pub(crate) fn put(&mut self, mut origin: Box<Origin>, expires: Moment) {
        let pooled = self.by_endpoint.entry(origin.endpoint).or_default();
        if pooled.len() < MAX_IDLE {
            origin.wire.rest();
            pooled.push(Pooled { origin, expires });
        }
    }

    /// Closes what has expired, what its endpoint has closed, and what belongs to no endpoint that `known` knows.
    pub(crate) fn sweep(&mut self, now: Moment, known: impl Fn(EndpointId) -> bool) {
        self.by_endpoint.retain(|endpoint, pooled| {
            pooled.retain_mut(|candidate| now < candidate.expires && candidate.origin.is_quiet());
            known(*endpoint) && !pooled.is_empty()
        });
    }

    /// Number of idle connections.
    pub(crate) fn len(&self) -> usize {
        self.by_endpoint.values().map(Vec::len).sum()
    }
}
