//! Authorities: what is one in `Host` is one in every form of target, and its host and port are what any reader
//! takes them for. It refuses to say what should be accepted; the tests of eg-wire do.

#![no_main]

use std::net::Ipv6Addr;

use eg_wire::h1::{HeadLimits, Parsed, is_authority, parse_request};
use eg_wire::head::RequestHead;

const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 8 };

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let good = is_authority(data);
    for other in [data.to_ascii_lowercase(), data.to_ascii_uppercase()] {
        assert!(is_authority(&other) == good, "it depends on the case");
    }
    if good {
        has_a_host_and_a_port(data);
    }
    if data.contains(&b'\n') {
        return;
    }
    // Room around a value is not part of it (RFC 9110, 5.5); in a target there is none.
    let value = trimmed(data);
    let host = request(&[b"GET / HTTP/1.1\r\nHost: ", data, b"\r\n\r\n"]);
    assert!(host.is_some() == is_authority(value), "{host:?} by Host");
    let absolute = request(&[b"GET http://", data, b"/x HTTP/1.1\r\nHost: ", data, b"\r\n\r\n"]);
    assert!(absolute.is_some() == good, "{absolute:?} by an absolute target");
    let connect = request(&[b"CONNECT ", data, b" HTTP/1.1\r\nHost: ", data, b"\r\n\r\n"]);
    assert!(connect.is_some() == good, "{connect:?} by CONNECT");
    for head in [host, absolute, connect].into_iter().flatten() {
        assert!(head.authority() == value, "{:?} was read", head.authority());
    }
});

fn request(parts: &[&[u8]]) -> Option<RequestHead> {
    let mut head = RequestHead::default();
    let text = parts.concat();
    match parse_request(&text, 0, &LIMITS, &mut head) {
        Ok(Parsed::Complete { consumed }) => {
            assert!(consumed == text.len(), "more than a message");
            Some(head)
        }
        Ok(Parsed::Partial) | Err(_) => None,
    }
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// An authority taken apart in another way than the product does.
fn has_a_host_and_a_port(authority: &[u8]) {
    let text = std::str::from_utf8(authority).expect("ASCII");
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    assert!(port.is_none_or(|port| port.parse::<u16>().is_ok() && !port.starts_with('+')), "{port:?}");
    match host.strip_prefix('[') {
        Some(literal) => {
            let address = literal.strip_suffix(']').map(str::parse::<Ipv6Addr>);
            assert!(matches!(address, Some(Ok(_))), "{literal:?} is no address");
        }
        None => assert!(!host.is_empty() && !host.contains([':', '@', ',', '/', '[']), "{host:?} is no host"),
    }
    let mut head = RequestHead::default();
    head.authority = head.fields.store(authority);
    assert!(head.host() == host.as_bytes(), "{:?}, not {host:?}", head.host());
}
