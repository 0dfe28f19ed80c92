//! Between the `http` crate's heads and ours. The only file that knows both.

use eg_wire::fields::{FieldId, FieldList};
use eg_wire::head::{BodyLength, Method, RequestHead, ResponseHead, Version};
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Fields that HTTP/2 does not have (RFC 9113, 8.2.2).
fn is_connection_specific(id: FieldId) -> bool {
    matches!(
        id,
        FieldId::Connection
            | FieldId::KeepAlive
            | FieldId::ProxyConnection
            | FieldId::TransferEncoding
            | FieldId::Upgrade
            | FieldId::Http2Settings
    )
}

/// Reads a request's head. `ended`: no body follows. An error is the status to answer.
pub(crate) fn request(
    parts: &http::request::Parts,
    ended: bool,
    head: &mut RequestHead,
) -> Result<BodyLength, u16> {
    head.clear();
    head.version = Version::H2;
    head.method = Method::of(parts.method.as_str().as_bytes());
    head.method_text = head.fields.store(parts.method.as_str().as_bytes());
    if head.method == Method::Connect {
        return Err(405);
    }
    let host = parts.headers.get(http::header::HOST).map(HeaderValue::as_bytes);
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    // Two names for one target are one too many (RFC 9113, 8.3.1).
    let authority = match (authority, host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => return Err(400),
        (Some(authority), _) => authority,
        (None, Some(host)) => host,
        (None, None) => return Err(400),
    };
    if !eg_wire::h1::is_authority(authority) {
        return Err(400);
    }
    head.authority = head.fields.store(authority);
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    head.target = head.fields.store(target.as_bytes());
    fields(&parts.headers, &mut head.fields);
    join_cookies(&parts.headers, &mut head.fields);
    body_length(&parts.headers, ended)
}

fn body_length(headers: &HeaderMap, ended: bool) -> Result<BodyLength, u16> {
    if ended {
        return Ok(BodyLength::Empty);
    }
    match headers.get(http::header::CONTENT_LENGTH) {
        None => Ok(BodyLength::Streamed),
        Some(value) => match value.to_str().ok().and_then(|text| text.parse::<u64>().ok()) {
            Some(0) => Ok(BodyLength::Streamed),
            Some(n) => Ok(BodyLength::Exact(n)),
            None => Err(400),
        },
    }
}

/// Appends all fields but `host`, which the authority stands for, and `cookie`.
fn fields(headers: &HeaderMap, fields: &mut FieldList) {
    for (name, value) in headers {
        if name != http::header::HOST && name != http::header::COOKIE {
            fields.push(name.as_str().as_bytes(), value.as_bytes());
        }
    }
}

/// HTTP/2 may split a cookie into crumbs; elsewhere it is one field (RFC 9113, 8.2.3).
fn join_cookies(headers: &HeaderMap, fields: &mut FieldList) {
    let mut crumbs = headers.get_all(http::header::COOKIE).iter().map(HeaderValue::as_bytes);
    if let Some(first) = crumbs.next() {
        let mut cookie = first.to_vec();
        for crumb in crumbs {
            cookie.extend_from_slice(b"; ");
            cookie.extend_from_slice(crumb);
        }
        fields.push(b"cookie", &cookie);
    }
}

/// Reads trailers.
pub(crate) fn trailers(headers: &HeaderMap, into: &mut FieldList) {
    into.clear();
    fields(headers, into);
}

/// Makes a response's head; fields that HTTP/2 cannot say are left out.
pub(crate) fn response(head: &ResponseHead) -> Option<http::Response<()>> {
    let mut response = http::Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(head.status).ok()?;
    *response.headers_mut() = header_map(&head.fields);
    Some(response)
}

/// Makes a map of fields.
pub(crate) fn header_map(fields: &FieldList) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(16);
    for field in fields.iter().filter(|field| !is_connection_specific(field.id)) {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(field.name), HeaderValue::from_bytes(field.value))
        {
            map.append(name, value);
        }
    }
    map
}
