//! The table of HTTP/1.1, held against the codec alone: each row means the same wherever its bytes are split, and the
//! codec refuses what it must. What the rooms above add to a verdict is listed here, and nothing else.

#[allow(clippy::expect_used, reason = "what a test expects and does not get is what fails it")]
#[path = "support/reader.rs"]
mod reader;
#[allow(clippy::expect_used, reason = "a table that cannot be read fails every test of it")]
#[path = "support/table.rs"]
mod table;

use eg_wire::h1::HeadLimits;
use eg_wire::head::Method;

use crate::reader::{Kind, Message, Reader};
use crate::table::{Expected, Row, requests, responses};

/// Those under which the table is true.
const REQUEST: HeadLimits = HeadLimits { bytes: 1024, fields: 16 };
const RESPONSE: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 256 };
const BODY: u64 = 256;
const INTERIM: usize = 16;

fn kind(row: &Row) -> Kind {
    Kind::Response(Method::of(row.method.as_bytes()))
}

fn tables() -> Vec<(Row, Kind, HeadLimits)> {
    let requests = requests().into_iter().map(|row| (row, Kind::Requests, REQUEST));
    let responses = responses().into_iter().map(|row| {
        let kind = kind(&row);
        (row, kind, RESPONSE)
    });
    requests.chain(responses).collect()
}

fn assert_same(whole: &Reader, split: &Reader, row: &Row, how: &str) {
    assert_eq!(whole.messages, split.messages, "{}, {how}", row.name);
    assert_eq!(whole.error, split.error, "{}, {how}", row.name);
    assert_eq!(whole.left(), split.left(), "{}, {how}", row.name);
}

#[test]
fn a_row_reads_the_same_wherever_it_is_split() {
    let tables = tables();
    assert!(tables.len() >= 400, "{}", tables.len());
    for (row, kind, limits) in tables {
        let whole = Reader::read(kind, limits, [row.send.as_slice()]);
        for at in 0..=row.send.len() {
            let (a, b) = row.send.split_at(at);
            assert_same(&whole, &Reader::read(kind, limits, [a, b]), &row, &format!("split at {at}"));
        }
        assert_same(&whole, &Reader::read(kind, limits, row.send.chunks(1)), &row, "byte by byte");
        assert_same(&whole, &Reader::read(kind, limits, row.send.chunks(3)), &row, "three bytes at once");
    }
}

/// The status by which the rooms above refuse a request that the codec takes.
fn refused_above(message: &Message) -> Option<u16> {
    let mut start = message.start.split(|byte| *byte == b' ');
    let (method, target) = (start.next().unwrap_or_default(), start.next().unwrap_or_default());
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let names = || {
        message.fields.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b':').next())
    };
    if message.announced.max(message.body.len() as u64) > BODY {
        return Some(413);
    }
    if names().any(|name| name.contains(&b'_')) || path.iter().any(|byte| matches!(byte, b'%' | b'\\')) {
        return Some(400);
    }
    if matches!(method, b"CONNECT" | b"TRACE") {
        return Some(405);
    }
    names().any(|name| name.eq_ignore_ascii_case(b"expect")).then_some(417)
}

/// Trailers less those that the rooms above refuse, as they do in a head.
fn screened_above(trailers: &[u8]) -> Vec<u8> {
    let is_claim = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().to_ascii_lowercase();
        name.contains(&b'_') || matches!(name.as_slice(), b"x-forwarded-prefix" | b"x-real-ip")
    };
    trailers
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| !is_claim(line))
        .flatten()
        .copied()
        .collect()
}

fn assert_is(message: &Message, expected: &Expected, whole: bool, name: &str) {
    assert_eq!(message.whole, whole, "{name}");
    assert_eq!(String::from_utf8_lossy(&message.body), String::from_utf8_lossy(&expected.body), "{name}");
    // Who is answered in HTTP/1.0 cannot be told of trailers.
    if expected.sees.as_ref().is_some_and(|sees| sees.ends_with(b"transfer-encoding: chunked\r\n\r\n")) {
        assert_eq!(screened_above(&message.trailers), expected.trailers, "{name}");
    }
}

#[test]
fn a_request_is_refused_by_the_codec_or_for_a_reason_that_is_listed() {
    for row in requests() {
        let read = Reader::read(Kind::Requests, REQUEST, [row.send.as_slice()]);
        let status = read.error.map(eg_wire::h1::HeadError::status);
        let name = row.name.as_str();
        let Some(first) = read.messages.first() else {
            assert_eq!(status, row.expected.answer, "{name}");
            continue;
        };
        if let Some(answer) = row.expected.answer {
            let in_body = row.expected.sees.is_some();
            let found =
                status.filter(|_| in_body && !first.whole).or_else(|| refused_above(first)).or(status);
            assert_eq!(found, Some(answer), "{name}");
            continue;
        }
        assert_is(first, &row.expected, !row.cut, name);
        match (&row.then, read.messages.get(1)) {
            (None, _) => assert!(status.is_none() || !first.keeps, "{name}: {status:?}"),
            (Some(then), None) => assert_eq!(status, then.answer, "{name}"),
            (Some(then), Some(second)) => assert_is(second, then, true, name),
        }
    }
}

#[test]
fn a_response_is_refused_by_the_codec_or_for_a_reason_that_is_listed() {
    for row in responses() {
        let read = Reader::read(kind(&row), RESPONSE, [row.send.as_slice()]);
        let name = row.name.as_str();
        let is_interim = |message: &&Message| message.start.starts_with(b"1");
        let interim = read.messages.iter().filter(is_interim).count();
        let last = read.messages.last();
        if row.expected.answer.is_some() {
            let unasked = last.is_some_and(|message| message.start == b"101");
            let ended = row.closes && read.messages.len() == interim;
            assert!(read.error.is_some() || unasked || ended || interim > INTERIM, "{name}: {last:?}");
            continue;
        }
        assert_eq!(read.error, None, "{name}");
        let last = last.expect(name);
        let whole = !row.cut && !last.until_close;
        assert_is(last, &row.expected, whole, name);
        let reused = last.whole && last.keeps && read.left().is_empty();
        // A connection that was asked to leave HTTP is not used again, whatever it answers.
        if !row.closes && !row.cut && !row.upgrade {
            assert_eq!(reused, row.reused, "{name}: {:?}", read.left());
        }
    }
}
