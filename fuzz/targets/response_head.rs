//! Heads of responses: one verdict in however many pieces they come, and what is accepted goes on as exactly the
//! message that was read. It refuses to say what should be accepted; the tests of eg-wire do.

#![no_main]

#[path = "support/fields.rs"]
mod fields;
#[path = "support/heads.rs"]
mod heads;
#[path = "support/pieces.rs"]
mod pieces;

use eg_core::headers::to_downstream;
use eg_wire::h1::{
    HeadLimits, MAX_FIELDS, Parsed, ResponseFraming, keep_alive, parse_response, reason_phrase,
    response_body, write_response,
};
use eg_wire::head::{BodyLength, Method, ResponseHead, Version};

const WIDE: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 128 };
const NARROW: HeadLimits = HeadLimits { bytes: 100, fields: 3 };
/// What is read back has more fields than what was read.
const WIDER: HeadLimits = HeadLimits { bytes: 128 * 1024, fields: MAX_FIELDS };

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for limits in [WIDE, NARROW] {
        heads::one_verdict(data, |buf, seen| {
            parse_response(buf, seen, &limits, &mut ResponseHead::default())
        });
    }
    let (wide, narrow) = (read(data, &WIDE), read(data, &NARROW));
    let Some((head, consumed)) = wide else {
        assert!(narrow.is_none(), "accepted because of a limit");
        return;
    };
    assert!(consumed <= data.len(), "{consumed} bytes of {}", data.len());
    assert!(narrow.is_none_or(|(_, same)| same == consumed && consumed <= NARROW.bytes), "{consumed} bytes");
    assert!((100..=999).contains(&head.status), "{}", head.status);
    assert!(fields::lines(&head.fields).count() == head.fields.len(), "fields vanished");
    for method in [Method::Get, Method::Head] {
        let Ok(body) = response_body(method, &head) else { continue };
        let reused = body.keeps && body.length != BodyLength::UntilClose;
        assert!(!reused || keep_alive(head.version, &head.fields), "kept against its will");
        goes_on_as_it_is(method, &head, body.length);
        let mut head = head.clone();
        to_downstream(&mut head, true);
        goes_on_as_it_is(method, &head, body.length);
    }
});

fn read(data: &[u8], limits: &HeadLimits) -> Option<(ResponseHead, usize)> {
    let mut head = ResponseHead::default();
    match parse_response(data, 0, limits, &mut head) {
        Ok(Parsed::Complete { consumed }) => Some((head, consumed)),
        Ok(Parsed::Partial) | Err(_) => None,
    }
}

/// What is written for an HTTP/1.1 client reads as one message, and as this one.
fn goes_on_as_it_is(method: Method, head: &ResponseHead, length: BodyLength) {
    let length = if length == BodyLength::UntilClose { BodyLength::Streamed } else { length };
    let head_only = method == Method::Head || head.status == 304;
    for close in [false, true] {
        let mut out = Vec::new();
        write_response(head, length, ResponseFraming { close, keep_alive: !close, head_only }, &mut out);
        let Some((again, consumed)) = read(&out, &WIDER) else { panic!("{out:?} is refused") };
        assert!(consumed == out.len() && again.version == Version::H11, "{out:?} is more than a message");
        assert!(again.status == head.status, "another status");
        let reason =
            if head.reason().is_empty() { reason_phrase(head.status).as_bytes() } else { head.reason() };
        assert!(again.reason() == reason, "another reason");
        assert!(fields::said(&again.fields) == fields::said(&head.fields), "other fields");
        let body = response_body(method, &again).expect("a body of one length");
        assert!(body.length == length, "another body: {:?}, not {length:?}", body.length);
        // The length that an answer to HEAD announces is passed on, even with a status that can have no content.
        let announces = head_only && matches!(head.status, 204 | 205);
        assert!(head.status == 101 || announces || body.keeps != close, "{close}: it is kept otherwise");
    }
}
