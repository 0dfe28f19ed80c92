//! What holds of every conversation. What the endpoint was sent is exactly the requests that were accepted, and what
//! the client was sent is one response to each, in order: whole, or visibly broken. It refuses to say what should be
//! accepted.

use eg_core::exchange::Ending;
use eg_wire::fields::FieldId;
use eg_wire::h1::{HeadLimits, MAX_FIELDS, Parsed, parse_request, request_body};
use eg_wire::head::{Method, RequestHead};

use crate::reader::{Kind, Message};
use crate::stream::End;
use crate::told::{Endpoint, Exchanged, Sent, Told, lines, without_framing};

/// What is read back has more fields than what was read.
const WIDER: HeadLimits = HeadLimits { bytes: 128 * 1024, fields: MAX_FIELDS };

/// Where whole messages stand: by connection and by request, and by exchange.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) sent: Vec<Vec<(usize, usize)>>,
    pub(crate) answered: Vec<(usize, usize)>,
}

pub(crate) fn holds(told: &Told) -> Places {
    let mut places = Places::default();
    for endpoint in &told.endpoints {
        places.sent.push(requests_are_what_was_accepted(endpoint));
    }
    places.answered = every_request_has_its_response(told);
    bodies_are_what_came(told);
    places
}

/// The bytes of one connection to the endpoint are these requests, one after the other, and nothing else.
fn requests_are_what_was_accepted(endpoint: &Endpoint) -> Vec<(usize, usize)> {
    let socket = endpoint.peer.look();
    let (text, mut at, mut places) = (socket.taken.as_slice(), 0, Vec::new());
    for (number, sent) in endpoint.sent.iter().enumerate() {
        let is_last = number + 1 == endpoint.sent.len();
        let Some((message, length)) = Message::read(&text[at..], Kind::Request) else {
            assert!(is_last, "half a head, and more behind it: {sent:?}");
            at = text.len();
            break;
        };
        is_this_request(&message, sent);
        reads_the_same_to_us(&text[at..], sent);
        if message.whole {
            assert!(sent.complete, "the end of what has none: {sent:?}");
            assert!(message.data == sent.data, "another body, not that of {sent:?}");
            assert!(message.trailers == sent.trailers, "other trailers: {:?}, {sent:?}", message.trailers);
            places.push((at, at + length));
        } else {
            assert!(is_last, "half a request, and more behind it: {sent:?}");
            assert!(sent.data.starts_with(&message.data), "another body, not that of {sent:?}");
        }
        at += length;
    }
    assert!(at == text.len(), "more than was asked: {:?}", String::from_utf8_lossy(&text[at..]));
    places
}

fn is_this_request(message: &Message, sent: &Sent) {
    let [method, target, version] = &message.start;
    assert!(method == sent.head.method_text() && target == sent.head.target(), "{:?}", message.start);
    assert!(version == b"HTTP/1.1", "{version:?}");
    assert!(message.value("host") == Some(sent.host.as_slice()), "another host: {message:?}");
    let fields = without_framing(message.fields.iter().cloned());
    assert!(fields == lines(&sent.head.fields), "other fields: {fields:?}, not those of {sent:?}");
}

fn reads_the_same_to_us(text: &[u8], sent: &Sent) {
    let mut head = RequestHead::default();
    let read = parse_request(text, 0, &WIDER, &mut head);
    assert!(matches!(read, Ok(Parsed::Complete { .. })), "we would refuse it: {read:?}");
    assert!(request_body(&head) == Ok(sent.body), "another body: {:?}", request_body(&head));
    assert!(head.method == sent.head.method && head.authority() == sent.host, "another request: {head:?}");
}

/// The client's bytes are the responses, in order. Only the last of them may be less than whole.
fn every_request_has_its_response(told: &Told) -> Vec<(usize, usize)> {
    let client = told.client.look();
    let broke = client.ended == Some(End::Broken);
    let (text, mut at, mut places) = (client.taken.as_slice(), 0, Vec::new());
    for (number, exchanged) in told.exchanges.iter().enumerate() {
        let from = at;
        let seen = response(text, &mut at, exchanged, client.closed && !client.reset);
        let is_last = number + 1 == told.exchanges.len();
        if let Some(message) = seen {
            places.push((from, at));
            let closes = message.value("connection") == Some(b"close");
            assert!(!closes || is_last, "another exchange behind the last one: {message:?}");
            let may_end = told.no_more_came || broke || is_excused(exchanged);
            assert!(closes || !is_last || may_end, "it ends unannounced: {message:?}, {exchanged:?}");
            continue;
        }
        assert!(exchanged.cut || broke, "no whole response, and no cut: {exchanged:?}");
        assert!(is_last, "another exchange behind a cut: {exchanged:?}");
        assert!(client.closed, "it is not whole, and the connection goes on");
    }
    assert!(at == text.len(), "more than was asked for: {:?}", String::from_utf8_lossy(&text[at..]));
    places
}

/// Reads what the client was sent in one exchange; the response, if it takes it for a whole one.
fn response(text: &[u8], at: &mut usize, exchanged: &Exchanged, ended: bool) -> Option<Message> {
    let answer = &exchanged.answer;
    for status in &answer.interim {
        let Some((message, length)) = Message::read(&text[*at..], Kind::Response { head: false }) else {
            *at = text.len();
            return None;
        };
        assert!(message.status() == *status && message.whole, "{status} was meant, {message:?}");
        *at += length;
    }
    let kind = Kind::Response { head: exchanged.method == Method::Head };
    let Some((message, length)) = Message::read(&text[*at..], kind) else {
        *at = text.len();
        return None;
    };
    *at += length;
    assert!(message.start[0] == b"HTTP/1.1" && message.status() == answer.status, "{message:?}, {answer:?}");
    let fields = without_framing(message.fields.iter().cloned());
    assert!(fields == without_framing(answer.fields.iter().cloned()), "other fields: {fields:?}, {answer:?}");
    assert!(answer.data.starts_with(&message.data), "another body: {message:?}, {answer:?}");
    if message.until_close {
        assert!(message.value("connection") == Some(b"close"), "the end does not end it: {message:?}");
    }
    let whole = message.whole || (message.until_close && ended);
    if whole {
        // All that was announced is all, even if the end was not heard.
        let all = answer.announced == Some(answer.data.len() as u64);
        assert!(answer.whole || all, "it looks whole and is not: {message:?}, {exchanged:?}");
        assert!(message.data == answer.data, "less than its body: {message:?}, {answer:?}");
        assert!(message.trailers == answer.trailers, "other trailers: {message:?}, {answer:?}");
    }
    whole.then_some(message)
}

/// What was accepted of a body is a part of what the client sent, and of nothing before or behind it.
fn bodies_are_what_came(told: &Told) {
    let mut before = 0;
    for exchanged in &told.exchanges {
        assert!(exchanged.from >= before, "a request begins in the one before it: {exchanged:?}");
        let Some(head) = &exchanged.head else { continue };
        let read = told.client.look();
        let text = &read.read[exchanged.from..exchanged.to.unwrap_or(read.read.len())];
        before = exchanged.to.unwrap_or(read.read.len());
        let is_plain = !head.fields.has(FieldId::TransferEncoding);
        let ends = if is_plain && exchanged.request_complete && exchanged.ending == Ending::Complete {
            text.ends_with(&exchanged.data)
        } else {
            exchanged.data.len() <= text.len()
        };
        assert!(ends, "{:?} is no body of {:?}", exchanged.data, String::from_utf8_lossy(text));
    }
}

/// Whether a connection may end behind this though its response did not say so. One that streams may outlive the
/// request that it answers, or be outlived by it: when it began, nobody knew.
fn is_excused(exchanged: &Exchanged) -> bool {
    let streams = exchanged.answer.streams && exchanged.answer.status < 400;
    exchanged.cut || exchanged.ending == Ending::Tunnelled || (streams && !exchanged.request_complete)
}
