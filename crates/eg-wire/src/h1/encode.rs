//! Heads out. Framing fields are written from what the body is, never from what the fields say it was; so are the
//! options of the connection.

use crate::fields::{FieldId, FieldList};
use crate::head::{BodyLength, Method, RequestHead, ResponseHead};

/// How a response is tied to its connection and its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseFraming {
    /// The connection ends after this response.
    pub close: bool,
    /// An HTTP/1.0 client is told that the connection does not end.
    pub keep_alive: bool,
    /// There is no body, but its length is that of the body there would be: answers to HEAD, and 304.
    pub head_only: bool,
}

/// Writes a request's head in origin form, as HTTP/1.1, for `host`: what the request was routed by, unless somebody
/// has said otherwise.
pub fn write_request(head: &RequestHead, host: &[u8], body: BodyLength, out: &mut Vec<u8>) {
    out.extend_from_slice(head.method_text());
    out.push(b' ');
    out.extend_from_slice(head.target());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    // First, as RFC 9110, 7.2 wants it.
    write_field(b"Host", host, out);
    head.fields.write_lines(|id| id != FieldId::Host && !is_framing(id), out);
    write_options(&head.fields, out);
    match body {
        BodyLength::Exact(n) => write_length(n, out),
        BodyLength::Streamed | BodyLength::UntilClose => out.extend_from_slice(CHUNKED),
        BodyLength::Empty if matches!(head.method, Method::Post | Method::Put | Method::Patch) => {
            write_length(0, out)
        }
        BodyLength::Empty => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a response's head, as HTTP/1.1.
pub fn write_response(head: &ResponseHead, body: BodyLength, framing: ResponseFraming, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(head.status).as_bytes());
    out.push(b' ');
    match head.reason() {
        b"" => out.extend_from_slice(reason_phrase(head.status).as_bytes()),
        reason => out.extend_from_slice(reason),
    }
    out.extend_from_slice(b"\r\n");
    // What has no content has no length either, whoever asked (RFC 9110, 8.6).
    let has_length = framing.head_only && head.status >= 200 && !matches!(head.status, 204 | 205);
    head.fields.write_lines(|id| !is_framing(id) || (has_length && id == FieldId::ContentLength), out);
    if head.status == 101 {
        out.extend_from_slice(UPGRADE);
    } else if framing.close {
        out.extend_from_slice(b"connection: close\r\n");
    } else if framing.keep_alive {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    match body {
        BodyLength::Exact(n) => write_length(n, out),
        BodyLength::Streamed => out.extend_from_slice(CHUNKED),
        BodyLength::UntilClose => {}
        BodyLength::Empty if framing.head_only || head.status < 200 || head.status == 204 => {}
        BodyLength::Empty => write_length(0, out),
    }
    out.extend_from_slice(b"\r\n");
}

const CHUNKED: &[u8] = b"transfer-encoding: chunked\r\n";

/// Fields that belong to one connection or one framing, and are written anew for the next.
fn is_framing(id: FieldId) -> bool {
    matches!(
        id,
        FieldId::ContentLength
            | FieldId::TransferEncoding
            | FieldId::Connection
            | FieldId::KeepAlive
            | FieldId::ProxyConnection
    )
}

const UPGRADE: &[u8] = b"connection: upgrade\r\n";

/// A request that still has `Upgrade` or `TE` means it, and both are for one connection (RFC 9110, 7.8 and 10.1.4).
fn write_options(fields: &FieldList, out: &mut Vec<u8>) {
    match (fields.has(FieldId::Upgrade), fields.has(FieldId::Te)) {
        (false, false) => {}
        (true, false) => out.extend_from_slice(UPGRADE),
        (false, true) => out.extend_from_slice(b"connection: te\r\n"),
        (true, true) => out.extend_from_slice(b"connection: upgrade, te\r\n"),
    }
}

fn write_length(n: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"content-length: ");
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(super) fn write_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The usual phrase of a status (RFC 9110, 15, and the registry); empty if there is none.
#[must_use]
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h1::{HeadLimits, Parsed, parse_request, request_body};
    use crate::head::Version;

    fn request(text: &str) -> (RequestHead, BodyLength) {
        let mut head = RequestHead::default();
        let limits = HeadLimits { bytes: 4096, fields: 64 };
        assert!(matches!(parse_request(text.as_bytes(), 0, &limits, &mut head), Ok(Parsed::Complete { .. })));
        let body = request_body(&head).unwrap();
        (head, body)
    }

    #[test]
    fn a_request_is_written_as_it_was_routed() {
        let (head, body) = request(
            "POST http://a/x HTTP/1.1\r\nX-One: 1\r\nHOST: a\r\nContent-Length: 3\r\nx-two: 2\r\n\r\n",
        );
        let mut out = Vec::new();
        write_request(&head, head.authority(), body, &mut out);
        let expected = "POST /x HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nx-two: 2\r\ncontent-length: 3\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn the_connection_is_told_what_is_for_it_alone() {
        let table = [
            ("TE: trailers\r\n", "connection: te\r\n"),
            ("Upgrade: x\r\n", "connection: upgrade\r\n"),
            ("Upgrade: x\r\nTE: trailers\r\n", "connection: upgrade, te\r\n"),
            ("X: te\r\n", "X: te\r\n"),
        ];
        for (lines, end) in table {
            let (head, body) = request(&format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
            let mut out = Vec::new();
            write_request(&head, b"a", body, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert!(text.ends_with(&format!("{end}\r\n")), "{text:?}");
        }
    }

    #[test]
    fn framing_follows_the_body_not_the_fields() {
        let mut head = ResponseHead { status: 200, version: Version::H10, ..ResponseHead::default() };
        head.fields.push(b"Content-Length", b"9");
        head.fields.push(b"Connection", b"x");
        let mut write = |body, close, keep_alive, head_only, status| {
            head.status = status;
            let mut out = Vec::new();
            write_response(&head, body, ResponseFraming { close, keep_alive, head_only }, &mut out);
            String::from_utf8(out).unwrap()
        };
        let table = [
            (write(BodyLength::Exact(3), false, false, false, 200), "content-length: 3\r\n\r\n"),
            (
                write(BodyLength::Streamed, true, false, false, 200),
                "connection: close\r\ntransfer-encoding: chunked\r\n\r\n",
            ),
            (write(BodyLength::UntilClose, true, false, false, 200), "connection: close\r\n\r\n"),
            (
                write(BodyLength::Empty, false, true, false, 200),
                "connection: keep-alive\r\ncontent-length: 0\r\n\r\n",
            ),
            (write(BodyLength::Empty, false, false, true, 200), "Content-Length: 9\r\n\r\n"),
            (write(BodyLength::Empty, false, false, true, 204), "HTTP/1.1 204 No Content\r\n\r\n"),
            (write(BodyLength::Empty, false, false, false, 204), "HTTP/1.1 204 No Content\r\n\r\n"),
        ];
        for (written, end) in table {
            assert!(written.ends_with(end), "{written:?}");
            assert!(written.starts_with("HTTP/1.1 20"), "{written:?}");
        }
    }
}
