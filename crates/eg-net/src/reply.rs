//! [`Reply`]: a whole response of the gateway's own, whatever the client speaks. It refuses to be one that would have to
//! be streamed.

use eg_core::snapshot::{Route, RouteAction};
use eg_wire::h1::reason_phrase;
use eg_wire::head::{RequestHead, ResponseHead};

const PLAIN: &[u8] = b"text/plain; charset=utf-8";

/// A response with its body.
pub(crate) struct Reply {
    /// Status and fields, without a length.
    pub(crate) head: ResponseHead,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// What a status says by itself.
    pub(crate) fn plain(status: u16) -> Self {
        let mut reply =
            Self::new(status, format!("{status} {}\n", reason_phrase(status)).into_bytes(), PLAIN);
        if status == 405 {
            // RFC 9110, 15.5.6: it must say so. Others than these are up to the endpoints.
            reply.head.fields.push(b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        }
        reply
    }

    /// What a route answers by itself; none if it leads to endpoints.
    pub(crate) fn of_route(route: &Route, request: &RequestHead, scheme: &str, port: u16) -> Option<Self> {
        let mut reply = match &route.action {
            RouteAction::Pool(_) => return None,
            RouteAction::Redirect(redirect) => {
                let mut reply = Self::plain(redirect.status);
                let location = redirect.location(request, scheme, port);
                reply.head.fields.push(b"location", &location);
                reply
            }
            RouteAction::Respond(respond) => {
                Self::new(respond.status, respond.body.clone().into_bytes(), respond.content_type.as_bytes())
            }
        };
        route.response_fields.apply(&mut reply.head.fields);
        Some(reply)
    }

    fn new(status: u16, body: Vec<u8>, content_type: &[u8]) -> Self {
        let mut head = ResponseHead { status, ..ResponseHead::default() };
        if !body.is_empty() {
            head.fields.push(b"content-type", content_type);
        }
        Self { head, body }
    }
}
