//! What the shell does to a request's head between its sides: the questions it asks of `eg-core` about it.

use std::sync::Arc;

use eg_core::headers::{self, Forwarding};
use eg_core::route::{BadPath, Normalised, normalise};
use eg_core::snapshot::{Listener, Route};
use eg_wire::fields::FieldId;
use eg_wire::h1::connection_has;
use eg_wire::head::{Method, RequestHead, Version};

use crate::connection::Connection;
use crate::worker::Worker;

/// Whether a request asks to leave HTTP behind (RFC 9110, 7.8).
pub(crate) fn wants_upgrade(request: &RequestHead) -> bool {
    request.version == Version::H11
        && request.fields.has(FieldId::Upgrade)
        && connection_has(&request.fields, b"upgrade")
}

/// Finds the route, and makes the target what the route was chosen by. An error is the status to answer.
pub(crate) fn route(
    worker: &Worker,
    listener: &Listener,
    request: &mut RequestHead,
) -> Result<Arc<Route>, u16> {
    if matches!(request.method, Method::Connect | Method::Trace) {
        return Err(405);
    }
    if request.target() != b"*" {
        worker.with_scratch(|scratch| match normalise(request.path(), scratch) {
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
    listener.route(request.host(), path).cloned().ok_or(404)
}

/// Makes the fields what the endpoint shall see.
pub(crate) fn prepare(
    conn: &Connection,
    listener: &Listener,
    request: &mut RequestHead,
    request_id: &[u8; 32],
) {
    let settings = &listener.headers;
    let id = std::str::from_utf8(request_id).unwrap_or_default();
    let forwarding = Forwarding {
        client_ip: conn.client.ip(),
        port: conn.port,
        scheme: "http",
        x_forwarded: settings.x_forwarded,
        via: settings.via,
        request_id: settings.request_id.as_deref().map(|name| (name, id)),
    };
    let keep_upgrade = wants_upgrade(request);
    headers::to_upstream(request, &forwarding, keep_upgrade);
}
