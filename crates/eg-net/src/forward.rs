//! What the shell does to a request's head between its sides: the questions it asks of `eg-core` about it.

use std::net::IpAddr;
use std::sync::Arc;

use eg_core::headers::{self, Forwarding, Refused};
use eg_core::route::{Asked, BadPath, Normalised, normalise};
use eg_core::snapshot::{Listener, Route};
use eg_wire::fields::{FieldId, FieldList};
use eg_wire::head::{Method, RequestHead};

use crate::connection::Connection;
use crate::worker::Worker;

/// How clients reach a listener that has no TLS.
pub(crate) const SCHEME: &str = "http";

/// Whose request it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    /// The client itself, whoever is connected.
    pub(crate) address: IpAddr,
    /// What it says of itself is believed.
    pub(crate) trusted: bool,
}

impl Client {
    pub(crate) fn of(conn: &Connection, listener: &Listener, request: &RequestHead) -> Self {
        let (peer, proxies) = (conn.client.ip(), &listener.client.trusted_proxies);
        if !proxies.contains(peer) {
            return Self { address: peer, trusted: false };
        }
        let address = headers::client_ip(&request.fields, peer, proxies, listener.headers.forms);
        Self { address, trusted: true }
    }
}

/// Finds the route, and makes the target what the route was chosen by. An error is the status to answer.
pub(crate) fn route(
    worker: &Worker,
    listener: &Listener,
    client: Client,
    request: &mut RequestHead,
) -> Result<Arc<Route>, u16> {
    headers::screen(&mut request.fields, listener.headers.underscores).map_err(|Refused| 400_u16)?;
    if matches!(request.method, Method::Connect | Method::Trace) {
        return Err(405);
    }
    // The one expectation there is (RFC 9110, 10.1.1).
    if request.fields.values(FieldId::Expect).any(|value| !value.eq_ignore_ascii_case(b"100-continue")) {
        return Err(417);
    }
    if request.target() != b"*" {
        let slashes = listener.headers.encoded_slashes;
        worker.with_scratch(|scratch| match normalise(request.path(), slashes, scratch) {
            Ok(Normalised::Unchanged) => Ok(()),
            Ok(Normalised::Changed) => {
                let query = request.target().get(request.path().len()..).unwrap_or_default();
                scratch.extend_from_slice(query);
                request.target = request.fields.store(scratch);
                Ok(())
            }
            Err(BadPath) => Err(400_u16),
        })?;
    }
    let path = if request.target() == b"*" { b"/" } else { request.path() };
    listener.route(&Asked { head: request, path, client: client.address }).cloned().ok_or(404)
}

/// Makes head and fields what the endpoint shall see.
pub(crate) fn prepare(
    conn: &Connection,
    listener: &Listener,
    route: &Route,
    client: Client,
    request: &mut RequestHead,
    id: &[u8; 32],
) {
    let settings = &listener.headers;
    let name = settings.request_id.as_deref();
    let given = name
        .filter(|_| client.trusted)
        .and_then(|name| headers::given_request_id(&request.fields, name).map(<[u8]>::to_vec));
    let forwarding = Forwarding {
        peer: conn.client.ip(),
        trusted: client.trusted,
        port: conn.port,
        scheme: SCHEME,
        forms: settings.forms,
        via: settings.via,
        request_id: name.map(|name| (name, given.as_deref().unwrap_or(id))),
        id,
        matched: listener.matched_fields(),
    };
    headers::to_upstream(request, &forwarding);
    route.request_fields.apply(&mut request.fields);
    if let Some(prefix) = route.strip_prefix.as_deref() {
        strip(prefix, request);
    }
}

/// Makes a request's trailers what the endpoint shall see.
pub(crate) fn screen_trailers(listener: &Listener, trailers: &mut FieldList) {
    let settings = &listener.headers;
    headers::screen_trailers(trailers, settings.underscores, settings.request_id.as_deref());
}

/// Takes a prefix of whole segments off the path; one that it does not have stays off.
fn strip(prefix: &[u8], request: &mut RequestHead) {
    let Some(rest) = request.target().strip_prefix(prefix) else { return };
    let target = request.target;
    match rest {
        // Two slashes at the front would be the beginning of an authority to who resolves it (RFC 3986, 4.2).
        [b'/', b'/', ..] => {
            let more = rest.iter().take_while(|byte| **byte == b'/').count() - 1;
            request.target = request.fields.part(target, prefix.len() + more, rest.len() - more);
        }
        [b'/', ..] => request.target = request.fields.part(target, prefix.len(), rest.len()),
        // What is left is a query, or nothing, of the root.
        [] | [b'?', ..] => {
            let rooted = [b"/", rest].concat();
            request.target = request.fields.store(&rooted);
        }
        _ => {}
    }
}
