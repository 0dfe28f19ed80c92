//! What was accepted, for a reader that is not ours: a file of lines for each input, one word and then bytes as hex
//! digits, in groups as below. It refuses to judge.
//!
//! ```text
//! request        bytes, method, target, host, field*, data, trailer*     as it came, and what the codec took it for
//! sent-request   the same, as it was meant to be and was written
//! response       bytes, asked, status, field*, data, trailer*, close?    `asked`: the method of its request
//! sent-response  the same, as it was meant to be and was written
//! ```

use std::fmt::Write as _;
use std::path::Path;

use crate::oracle::Places;
use crate::reader::Line;
use crate::told::{Exchanged, Source, Told};

pub(crate) fn write(folder: &Path, input: &[u8], told: &Told, places: &Places) {
    let mut out = String::new();
    for exchanged in &told.exchanges {
        request(&mut out, exchanged, told);
    }
    for (endpoint, places) in told.endpoints.iter().zip(&places.sent) {
        let taken = &endpoint.peer.look().taken;
        for (sent, (from, to)) in endpoint.sent.iter().zip(places) {
            out.push_str("sent-request\n");
            say(&mut out, "bytes", &taken[*from..*to]);
            say(&mut out, "method", sent.head.method_text());
            say(&mut out, "target", sent.head.target());
            say(&mut out, "host", &sent.host);
            fields(&mut out, "field", &crate::told::lines(&sent.head.fields));
            say(&mut out, "data", &sent.data);
            fields(&mut out, "trailer", &sent.trailers);
        }
    }
    let taken = &told.client.look().taken;
    for (exchanged, (from, to)) in told.exchanges.iter().zip(&places.answered) {
        came(&mut out, exchanged, told);
        response(&mut out, exchanged, &taken[*from..*to]);
    }
    if out.is_empty() {
        return;
    }
    // FNV-1a: an input has one name.
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let name = input.iter().fold(0xcbf2_9ce4_8422_2325, step);
    std::fs::write(folder.join(format!("{name:016x}")), out).expect("the folder can be written to");
}

fn request(out: &mut String, exchanged: &Exchanged, told: &Told) {
    let (Some(head), Some(to)) = (&exchanged.head, exchanged.to) else { return };
    // Of a body that nobody wanted, not all was kept.
    if !exchanged.request_complete || exchanged.answer.source.is_none() {
        return;
    }
    out.push_str("request\n");
    say(out, "bytes", &told.client.look().read[exchanged.from..to]);
    say(out, "method", head.method_text());
    say(out, "target", head.target());
    say(out, "host", head.authority());
    fields(out, "field", &crate::told::all_lines(&head.fields));
    say(out, "data", &exchanged.data);
    fields(out, "trailer", &exchanged.trailers);
}

/// The endpoint's response, if it was passed on to its end.
fn came(out: &mut String, exchanged: &Exchanged, told: &Told) {
    let answer = &exchanged.answer;
    let Some(Source { endpoint, from, to: Some(to) }) = answer.source else { return };
    if !answer.whole || answer.status == 101 {
        return;
    }
    out.push_str("response\n");
    say(out, "bytes", &told.endpoints[endpoint].peer.look().read[from..to]);
    say(out, "asked", exchanged.method_text());
    say(out, "status", answer.status.to_string().as_bytes());
    fields(out, "field", &answer.came);
    say(out, "data", &answer.data);
    fields(out, "trailer", &answer.came_behind);
    if answer.until_close {
        say(out, "close", b"");
    }
}

fn response(out: &mut String, exchanged: &Exchanged, wrote: &[u8]) {
    let answer = &exchanged.answer;
    out.push_str("sent-response\n");
    say(out, "bytes", wrote);
    say(out, "asked", exchanged.method_text());
    say(out, "status", answer.status.to_string().as_bytes());
    fields(out, "field", &answer.fields);
    say(out, "data", &answer.data);
    fields(out, "trailer", &answer.trailers);
}

fn fields(out: &mut String, word: &str, lines: &[Line]) {
    for (name, value) in lines {
        let _ = write!(out, "{word} ");
        hex(out, name);
        out.push(' ');
        hex(out, value);
        out.push('\n');
    }
}

fn say(out: &mut String, word: &str, bytes: &[u8]) {
    let _ = write!(out, "{word} ");
    hex(out, bytes);
    out.push('\n');
}

fn hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}
