//! Heads of requests: one verdict in however many pieces they come, and what is accepted goes on as exactly the
//! message that was read. It refuses to say what should be accepted; the tests of eg-wire do.

#![no_main]

#[path = "support/fields.rs"]
mod fields;
#[path = "support/heads.rs"]
mod heads;
#[path = "support/pieces.rs"]
mod pieces;

use std::net::{IpAddr, Ipv4Addr};

use eg_core::addresses::AddressSet;
use eg_core::headers::{Forms, Forwarding, client_ip, given_request_id, to_upstream};
use eg_wire::h1::{
    HeadLimits, MAX_FIELDS, Parsed, is_authority, keep_alive, parse_request, request_body, write_request,
};
use eg_wire::head::{BodyLength, Method, RequestHead, Version};

const WIDE: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 128 };
const NARROW: HeadLimits = HeadLimits { bytes: 100, fields: 3 };
/// What is read back has more fields than what was read.
const WIDER: HeadLimits = HeadLimits { bytes: 128 * 1024, fields: MAX_FIELDS };

const FORWARDING: Forwarding<'static> = Forwarding {
    peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
    trusted: false,
    port: 80,
    scheme: "http",
    forms: Forms { x_forwarded: true, forwarded: true },
    via: true,
    request_id: Some(("x-request-id", b"77")),
    id: b"0123456789abcdef1111222233334444",
    matched: &[],
};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for limits in [WIDE, NARROW] {
        heads::one_verdict(data, |buf, seen| parse_request(buf, seen, &limits, &mut RequestHead::default()));
    }
    let (wide, narrow) = (read(data, &WIDE), read(data, &NARROW));
    let Some((head, consumed)) = wide else {
        assert!(narrow.is_none(), "accepted because of a limit");
        return;
    };
    assert!(consumed <= data.len(), "{consumed} bytes of {}", data.len());
    if let Some((_, same)) = narrow {
        let room = NARROW.bytes + if data.starts_with(b"\r\n") { 2 } else { 0 };
        assert!(same == consumed && consumed <= room, "{consumed} or {same} bytes");
    }
    has_sound_parts(&head);
    makes_sound_claims(&head);
    let _ = keep_alive(head.version, &head.fields);
    let Ok(body) = request_body(&head) else { return };
    // Nobody forwards these two.
    if matches!(head.method, Method::Connect | Method::Trace) {
        return;
    }
    goes_on_as_it_is(&head, body);
    for trusted in [false, true] {
        let mut head = head.clone();
        to_upstream(&mut head, &Forwarding { trusted, ..FORWARDING });
        goes_on_as_it_is(&head, body);
    }
});

fn read(data: &[u8], limits: &HeadLimits) -> Option<(RequestHead, usize)> {
    let mut head = RequestHead::default();
    match parse_request(data, 0, limits, &mut head) {
        Ok(Parsed::Complete { consumed }) => Some((head, consumed)),
        Ok(Parsed::Partial) | Err(_) => None,
    }
}

/// Readers of parts of a head see the same head.
fn has_sound_parts(head: &RequestHead) {
    let (authority, host) = (head.authority(), head.host());
    assert!(authority.is_empty() || is_authority(authority), "not an authority");
    let port = authority.strip_prefix(host).expect("a host at the front of the authority");
    let digits = port.strip_prefix(b":").unwrap_or(port);
    assert!(digits.iter().all(u8::is_ascii_digit) && (port.is_empty() || !digits.is_empty()), "{port:?}");
    let whole = match head.target().contains(&b'?') {
        true => [head.path(), b"?", head.query()].concat(),
        false => head.path().to_vec(),
    };
    assert!(whole == head.target(), "path and query are not the target");
    assert!(head.target().iter().all(u8::is_ascii_graphic), "a target of several words");
    assert!(fields::lines(&head.fields).count() == head.fields.len(), "fields vanished");
}

/// Only whom we trust speaks for others, and an id is one that can be logged.
fn makes_sound_claims(head: &RequestHead) {
    let nobody = AddressSet::default();
    let everybody = AddressSet::read(["0.0.0.0/0", "::/0"]).expect("two prefixes");
    for (x_forwarded, forwarded) in [(true, false), (false, true), (false, false)] {
        let forms = Forms { x_forwarded, forwarded };
        let client = client_ip(&head.fields, FORWARDING.peer, &nobody, forms);
        assert!(client == FORWARDING.peer, "{client} is believed");
        let client = client_ip(&head.fields, FORWARDING.peer, &everybody, forms);
        assert!(x_forwarded || forwarded || client == FORWARDING.peer, "{client} out of nothing");
    }
    let id = given_request_id(&head.fields, "x-request-id");
    assert!(id.is_none_or(|id| id.iter().all(u8::is_ascii_graphic) && id.len() <= 128), "{id:?}");
}

/// What is written reads as one message, and as this one.
fn goes_on_as_it_is(head: &RequestHead, body: BodyLength) {
    let mut out = Vec::new();
    // Who does not say whom it wants is sent with the endpoint's own name.
    let host = if head.authority().is_empty() { b"192.0.2.1:80" } else { head.authority() };
    write_request(head, host, body, &mut out);
    let Some((again, consumed)) = read(&out, &WIDER) else { panic!("{out:?} is refused") };
    assert!(consumed == out.len() && again.version == Version::H11, "{out:?} is more than a message");
    assert!(again.method_text() == head.method_text() && again.method == head.method, "another method");
    assert!(again.authority() == host, "another host");
    assert!(again.target() == head.target(), "another target");
    assert!(request_body(&again) == Ok(body), "another body: {:?}, not {body:?}", request_body(&again));
    assert!(fields::said(&again.fields) == fields::said(&head.fields), "other fields");
}
