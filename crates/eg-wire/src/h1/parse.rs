//! Heads in. `httparse` knows the grammar; this file finds the end of the head, refuses what the grammar lets
//! pass and readers disagree about, and copies the text once.

use std::mem::MaybeUninit;

use httparse::{Header, Status};

use super::authority::is_authority;
use super::error::HeadError;
use crate::fields::{FieldId, FieldList, Span};
use crate::head::{Method, RequestHead, ResponseHead, Version};

/// Most fields of one head, whatever the limits say.
pub const MAX_FIELDS: usize = 256;

/// Bounds of one head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Start line, fields and the empty line, in bytes.
    pub bytes: usize,
    /// Number of fields, at most [`MAX_FIELDS`].
    pub fields: usize,
}

/// How far a parser came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// The head is not complete; what is there may still be the beginning of a good one.
    Partial,
    /// The head is complete.
    Complete {
        /// Bytes it took.
        consumed: usize,
    },
}

/// Reads a request's head from the front of `buf` into a cleared `head`.
///
/// `seen`: how many bytes of `buf` an earlier `Partial` has looked at.
///
/// # Errors
/// See [`HeadError`]. A head that has grown beyond `limits` is refused before it is complete.
pub fn parse_request(
    buf: &[u8],
    seen: usize,
    limits: &HeadLimits,
    head: &mut RequestHead,
) -> Result<Parsed, HeadError> {
    // One empty line before a request is an old client's mistake (RFC 9112, 2.2).
    let skip = if buf.starts_with(b"\r\n") { 2 } else { 0 };
    let Some(end) = find_end(buf, skip, seen, limits)? else { return Ok(Parsed::Partial) };
    let text = buf.get(skip..end).unwrap_or_default();
    if text == b"\r\n" {
        return Err(HeadError::Syntax);
    }
    let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut []);
    let slots = slots.get_mut(..limits.fields.min(MAX_FIELDS)).unwrap_or_default();
    let status = request.parse_with_uninit_headers(text, slots).map_err(|error| match error {
        httparse::Error::Version if !names_a_version(text) => HeadError::Syntax,
        error => refusal(error),
    })?;
    let (Status::Complete(_), Some(method), Some(target), Some(version)) =
        (status, request.method, request.path, request.version)
    else {
        return Err(HeadError::Syntax);
    };
    head.version = if version == 0 { Version::H10 } else { Version::H11 };
    head.method = Method::of(method.as_bytes());
    // Methods are case-sensitive (RFC 9110, 9.1), and there are endpoints that read `Head` as `HEAD`.
    if head.method == Method::Other && method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(HeadError::Syntax);
    }
    let block = Block { whole: head.fields.store(text), base: text };
    head.method_text = block.span(&head.fields, method.as_bytes());
    let target = block.span(&head.fields, target.as_bytes());
    block.fields(&mut head.fields, request.headers)?;
    resolve(head, target)?;
    Ok(Parsed::Complete { consumed: end })
}

/// Reads a response's head from the front of `buf` into a cleared `head`.
///
/// # Errors
/// As for [`parse_request`].
pub fn parse_response(
    buf: &[u8],
    seen: usize,
    limits: &HeadLimits,
    head: &mut ResponseHead,
) -> Result<Parsed, HeadError> {
    let Some(end) = find_end(buf, 0, seen, limits)? else { return Ok(Parsed::Partial) };
    let text = buf.get(..end).unwrap_or_default();
    // The grammar's reader would skip empty lines; before a response there are none.
    if !text.starts_with(b"HTTP/") {
        return Err(HeadError::Syntax);
    }
    let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let slots = slots.get_mut(..limits.fields.min(MAX_FIELDS)).unwrap_or_default();
    let status = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, text, slots)
        .map_err(refusal)?;
    let (Status::Complete(_), Some(code), Some(version)) = (status, response.code, response.version) else {
        return Err(HeadError::Syntax);
    };
    if code < 100 {
        return Err(HeadError::Syntax);
    }
    head.version = if version == 0 { Version::H10 } else { Version::H11 };
    head.status = code;
    let block = Block { whole: head.fields.store(text), base: text };
    head.reason =
        response.reason.map_or(Span::default(), |reason| block.span(&head.fields, reason.as_bytes()));
    block.fields(&mut head.fields, response.headers)?;
    Ok(Parsed::Complete { consumed: end })
}

/// Finds the end of the head: the first empty line. Every line must end in CRLF.
fn find_end(buf: &[u8], skip: usize, seen: usize, limits: &HeadLimits) -> Result<Option<usize>, HeadError> {
    let seen = seen.min(buf.len()).max(skip);
    let mut line = match memchr::memrchr(b'\n', buf.get(skip..seen).unwrap_or_default()) {
        Some(at) => skip + at + 1,
        None => skip,
    };
    let too_large = |line: usize| {
        if line == skip { HeadError::TargetTooLong } else { HeadError::HeadTooLarge }
    };
    for at in memchr::memchr_iter(b'\n', buf.get(seen..).unwrap_or_default()).map(|at| seen + at) {
        if at == line || buf.get(at - 1) != Some(&b'\r') {
            return Err(HeadError::BareLf);
        }
        if at - skip >= limits.bytes {
            return Err(too_large(line));
        }
        if at == line + 1 {
            return Ok(Some(at + 1));
        }
        line = at + 1;
    }
    if buf.len() - skip.min(buf.len()) > limits.bytes { Err(too_large(line)) } else { Ok(None) }
}

/// Whether a request line ends in the name of a version, if only one that is not spoken here (RFC 9112, 2.3).
fn names_a_version(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').skip(2);
    let (Some(version), None) = (words.next(), words.next()) else { return false };
    matches!(version, [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'])
}

fn refusal(error: httparse::Error) -> HeadError {
    match error {
        httparse::Error::TooManyHeaders => HeadError::TooManyFields,
        httparse::Error::Version => HeadError::Version,
        httparse::Error::HeaderValue => HeadError::Control,
        _ => HeadError::Syntax,
    }
}

/// The text of a head, here and in the block it was stored to.
struct Block<'a> {
    whole: Span,
    base: &'a [u8],
}

impl Block<'_> {
    /// Where a part of `base` lies in the block. A slice from elsewhere would give the wrong text, never a panic.
    fn span(&self, fields: &FieldList, part: &[u8]) -> Span {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.base.as_ptr() as usize);
        fields.part(self.whole, offset, part.len())
    }

    fn fields(&self, fields: &mut FieldList, headers: &[Header<'_>]) -> Result<(), HeadError> {
        for header in headers {
            if header.name.is_empty() {
                return Err(HeadError::Syntax);
            }
            let name = self.span(fields, header.name.as_bytes());
            let value = self.span(fields, header.value);
            fields.push_spans(name, value);
        }
        Ok(())
    }
}

/// Says which authority and which path a request is for (RFC 9112, 3.2 and 3.3).
fn resolve(head: &mut RequestHead, target: Span) -> Result<(), HeadError> {
    let host = the_host(head)?;
    let fields = &head.fields;
    let text = fields.text(target);
    if text.iter().any(|byte| !byte.is_ascii_graphic() || *byte == b'#') {
        return Err(HeadError::Target);
    }
    (head.authority, head.target) = match (head.method, text) {
        (Method::Connect, text) if is_authority(text) => (target, target),
        (Method::Connect, _) => return Err(HeadError::Target),
        (_, [b'/', ..]) | (Method::Options, b"*") => (host.unwrap_or_default(), target),
        (method, text) => {
            let (from, len) = absolute(text).ok_or(HeadError::Target)?;
            let authority = fields.part(target, from, len);
            if host.is_some_and(|host| !fields.text(host).eq_ignore_ascii_case(fields.text(authority))) {
                return Err(HeadError::HostMismatch);
            }
            let path = fields.part(target, from + len, text.len());
            (authority, origin_form(head, method, path))
        }
    };
    Ok(())
}

/// The one value of `Host`, which only HTTP/1.0 may lack.
fn the_host(head: &RequestHead) -> Result<Option<Span>, HeadError> {
    let host = head.fields.span_of(FieldId::Host);
    let valid = match host {
        None => head.version == Version::H10,
        Some(host) => head.fields.values(FieldId::Host).count() == 1 && is_authority(head.fields.text(host)),
    };
    if valid { Ok(host) } else { Err(HeadError::Host) }
}

/// The path of an absolute target as origin form has it (RFC 9112, 3.2.1 and 3.2.4).
fn origin_form(head: &mut RequestHead, method: Method, path: Span) -> Span {
    match head.fields.text(path) {
        [b'/', ..] => path,
        [] if method == Method::Options => head.fields.store(b"*"),
        query => {
            let whole = [b"/", query].concat();
            head.fields.store(&whole)
        }
    }
}

/// Where the authority of an absolute target begins, and its length.
fn absolute(text: &[u8]) -> Option<(usize, usize)> {
    let is = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    let from = ["http://", "https://"].into_iter().find(|scheme| is(scheme))?.len();
    let rest = text.get(from..)?;
    let len = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
    is_authority(rest.get(..len)?).then_some((from, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 1024, fields: 16 };

    fn request(text: &str) -> Result<RequestHead, HeadError> {
        let mut head = RequestHead::default();
        match parse_request(text.as_bytes(), 0, &LIMITS, &mut head)? {
            Parsed::Complete { consumed } => assert_eq!(consumed, text.len(), "{text:?}"),
            Parsed::Partial => panic!("partial: {text:?}"),
        }
        Ok(head)
    }

    #[test]
    fn a_request_says_what_it_is_for() {
        let table = [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "a", "/"),
            ("\r\nGET /x?y=1 HTTP/1.1\r\nhOST:  a:80 \r\nX: y\r\n\r\n", "a:80", "/x?y=1"),
            ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "a", "*"),
            ("GET http://a/x HTTP/1.1\r\nHost: A\r\n\r\n", "a", "/x"),
            ("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "a", "/"),
            ("GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", "a", "/?q"),
            ("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n", "a", "*"),
            ("GET /old HTTP/1.0\r\n\r\n", "", "/old"),
            ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "a:443", "a:443"),
        ];
        for (text, authority, target) in table {
            let head = request(text).unwrap();
            assert_eq!(head.authority(), authority.as_bytes(), "{text:?}");
            assert_eq!(head.target(), target.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn what_readers_might_read_differently_is_refused() {
        use HeadError::*;
        let table = [
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", BareLf),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", BareLf),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", BareLf),
            ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
            ("GET / HTTP/1.1\r\n\r\n", Host),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Host),
            ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", Host),
            ("GET / HTTP/1.1\r\nHost:\r\n\r\n", Host),
            ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", Host),
            ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", HostMismatch),
            ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Target),
            ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", Target),
            ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", Target),
            ("GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", Target),
            ("CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n", Target),
            ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Version),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Version),
            ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", Syntax),
            ("GET / HTTP/11\r\nHost: a\r\n\r\n", Syntax),
            ("GET / http/1.1\r\nHost: a\r\n\r\n", Syntax),
            ("GET / b HTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
            ("GET /\r\nHost: a\r\n\r\n", Syntax),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Syntax),
            ("GET / HTTP/1.1\r\n: a\r\nHost: a\r\n\r\n", Syntax),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", Syntax),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", Control),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", Control),
            ("G<T / HTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
            ("get / HTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
            ("Head / HTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
        ];
        for (text, error) in table {
            assert_eq!(request(text).map(|_| ()), Err(error), "{text:?}");
        }
    }

    #[test]
    fn one_byte_at_a_time_is_the_same_as_all_at_once() {
        let text = b"\r\nPOST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
        let whole = text.len() - 3;
        for end in 0..whole {
            let mut head = RequestHead::default();
            let seen = end.saturating_sub(1);
            assert_eq!(parse_request(&text[..end], seen, &LIMITS, &mut head), Ok(Parsed::Partial), "{end}");
        }
        for seen in 0..whole {
            let mut head = RequestHead::default();
            let parsed = parse_request(text, seen, &LIMITS, &mut head);
            assert_eq!(parsed, Ok(Parsed::Complete { consumed: whole }), "{seen}");
        }
    }

    #[test]
    fn limits_hold_before_the_head_is_complete() {
        let mut head = RequestHead::default();
        let line = format!("GET /{} HTTP/1.1\r\n", "x".repeat(1100));
        assert_eq!(parse_request(line.as_bytes(), 0, &LIMITS, &mut head), Err(HeadError::TargetTooLong));
        let field = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(1100));
        assert_eq!(parse_request(field.as_bytes(), 0, &LIMITS, &mut head), Err(HeadError::HeadTooLarge));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(16));
        assert_eq!(parse_request(many.as_bytes(), 0, &LIMITS, &mut head), Err(HeadError::TooManyFields));
    }

    #[test]
    fn a_response_says_what_it_is() {
        let mut head = ResponseHead::default();
        let text = b"HTTP/1.0 404 Not Here\r\nServer: x\r\n\r\nrest";
        assert_eq!(
            parse_response(text, 0, &LIMITS, &mut head),
            Ok(Parsed::Complete { consumed: text.len() - 4 })
        );
        assert_eq!((head.status, head.reason(), head.version), (404, b"Not Here".as_slice(), Version::H10));
        for bad in [
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 099 X\r\n\r\n",
            "HTTP/1.1 2000 X\r\n\r\n",
            "HTTP/2 200 OK\r\n\r\n",
        ] {
            head.clear();
            assert!(parse_response(bad.as_bytes(), 0, &LIMITS, &mut head).is_err(), "{bad:?}");
        }
    }
}
