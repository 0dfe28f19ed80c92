//! What one request costs without I/O, to be counted by callgrind: `request SCENARIO ITERATIONS` does the same thing
//! so many times, so that the difference of two counts is without the start; `request list` names the scenarios. It
//! refuses to measure time.

mod proxy;
mod world;

use std::hint::black_box;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use eg_core::exchange::Side;
use eg_core::route::{Asked, EncodedSlashes, normalise};
use eg_core::time::Moment;
use eg_core::tunnel::{Action, Input, Tunnel};
use eg_wire::fields::FieldList;
use eg_wire::h1::{
    CHUNK_TAIL, Chunk, ChunkDecoder, HeadLimits, Parsed, parse_request, parse_response, write_chunk_head,
};
use eg_wire::head::{RequestHead, ResponseHead};

use crate::proxy::Proxy;

/// Does it once; none if it did not work.
type Scenario = Box<dyn FnMut() -> Option<usize>>;

const SCENARIOS: [&str; 14] = [
    "request_browser",
    "request_minimal",
    "parse_request_browser",
    "parse_request_minimal",
    "parse_response",
    "exchange",
    "normalise_plain",
    "normalise_escaped",
    "chunk_encode_1k",
    "chunk_decode_1k",
    "tunnel_move",
    "route_10",
    "route_1000",
    "route_10000",
];

const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 128 };
const PIECE: [u8; 1024] = [b'x'; 1024];

const MINIMAL: &[u8] = b"GET / HTTP/1.1\r\nHost: host-3.example\r\n\r\n";

const BROWSER: &[u8] = b"GET /articles/2024/a-title-of-some-length?page=2&sort=new HTTP/1.1\r\n\
    Host: host-3.example\r\n\
    Connection: keep-alive\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Dest: document\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Referer: https://host-3.example/articles/2024/\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: origin\r\n\
    Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Content-Length: 1024\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: max-age=60\r\n\
    ETag: \"0123456789abcdef\"\r\n\
    Vary: Accept-Encoding\r\n\r\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let worked = match arguments.as_slice() {
        [list] if list == "list" => writeln!(std::io::stdout(), "{}", SCENARIOS.join("\n")).is_ok(),
        [name, iterations] if !name.starts_with('-') => {
            iterations.parse().is_ok_and(|iterations| run(name, iterations).is_some())
        }
        // As `cargo bench` calls it: everything works.
        _ => SCENARIOS.iter().all(|name| run(name, 3).is_some()),
    };
    if worked { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(name: &str, iterations: u32) -> Option<()> {
    let mut scenario = scenario(name)?;
    for _ in 0..iterations {
        black_box(scenario()?);
    }
    Some(())
}

fn scenario(name: &str) -> Option<Scenario> {
    match name {
        "request_browser" => request(BROWSER),
        "request_minimal" => request(MINIMAL),
        "parse_request_browser" => Some(parse_a_request(BROWSER)),
        "parse_request_minimal" => Some(parse_a_request(MINIMAL)),
        "parse_response" => Some(parse_a_response()),
        "exchange" => Some(proxy::converse()),
        "normalise_plain" => Some(normalise_a_path(b"/articles/2024/a-title-of-some-length")),
        "normalise_escaped" => Some(normalise_a_path(b"/articles/./2024/../%7euser/caf%c3%a9/page.html")),
        "chunk_encode_1k" => Some(encode_a_chunk()),
        "chunk_decode_1k" => Some(decode_a_chunk()),
        "tunnel_move" => Some(move_through_a_tunnel()),
        _ => find_a_route(name.strip_prefix("route_")?.parse().ok()?),
    }
}

fn request(bytes: &'static [u8]) -> Option<Scenario> {
    let mut proxy = Proxy::new(world::listener(5)?, bytes, [RESPONSE, &PIECE].concat());
    Some(Box::new(move || proxy.carry()))
}

fn parse_a_request(bytes: &'static [u8]) -> Scenario {
    let mut head = RequestHead::default();
    Box::new(move || {
        head.clear();
        match parse_request(black_box(bytes), 0, &LIMITS, &mut head) {
            Ok(Parsed::Complete { consumed }) => Some(consumed),
            _ => None,
        }
    })
}

fn parse_a_response() -> Scenario {
    let mut head = ResponseHead::default();
    Box::new(move || {
        head.clear();
        match parse_response(black_box(RESPONSE), 0, &LIMITS, &mut head) {
            Ok(Parsed::Complete { consumed }) => Some(consumed),
            _ => None,
        }
    })
}

fn normalise_a_path(path: &'static [u8]) -> Scenario {
    let mut out = Vec::new();
    Box::new(move || {
        normalise(black_box(path), EncodedSlashes::Reject, &mut out).ok()?;
        Some(out.len())
    })
}

fn encode_a_chunk() -> Scenario {
    let mut out = Vec::new();
    Box::new(move || {
        out.clear();
        write_chunk_head(PIECE.len(), &mut out);
        out.extend_from_slice(black_box(&PIECE));
        out.extend_from_slice(CHUNK_TAIL);
        Some(out.len())
    })
}

fn decode_a_chunk() -> Scenario {
    let text = [b"400\r\n".as_slice(), &PIECE, CHUNK_TAIL].concat();
    let (mut decoder, mut trailers) = (ChunkDecoder::default(), FieldList::new());
    Box::new(move || {
        let head = decoder.decode(black_box(&text), &mut trailers, &LIMITS).ok()?;
        let Chunk::Data { len } = head.chunk else { return None };
        let rest = text.get(head.consumed + len..)?;
        let tail = decoder.decode(rest, &mut trailers, &LIMITS).ok()?;
        (len == PIECE.len() && tail.consumed == rest.len()).then_some(len)
    })
}

fn move_through_a_tunnel() -> Scenario {
    let mut now = Moment::at(Duration::from_secs(1));
    let mut tunnel = Tunnel::new(65536, 65536, Duration::from_secs(60), now);
    Box::new(move || {
        now = now + Duration::from_micros(10);
        let mut moved = 0;
        for input in [Input::Data(Side::Down, 4096), Input::Credit(Side::Up, 4096)] {
            tunnel.handle(input, now);
            while let Some(action) = tunnel.poll_action() {
                if let Action::Move(_, n) = action {
                    moved += n;
                }
            }
        }
        (moved == 4096).then_some(moved as usize)
    })
}

/// Each look-up is of another host, as clients do it.
fn find_a_route(hosts: usize) -> Option<Scenario> {
    let listener = world::listener(hosts)?;
    let head_for = |at: usize| {
        let text = format!("GET /a/b HTTP/1.1\r\nHost: host-{at}.example\r\n\r\n");
        let mut head = RequestHead::default();
        parse_request(text.as_bytes(), 0, &LIMITS, &mut head).ok()?;
        Some(head)
    };
    // As long as each other, so that the number of hosts is all that differs.
    let heads = (0..10).map(head_for).collect::<Option<Vec<_>>>()?;
    let mut turn = 0;
    Some(Box::new(move || {
        turn = (turn + 1) % heads.len();
        let head = heads.get(turn)?;
        let asked = Asked { head, path: head.path(), client: world::CLIENT };
        listener.route(black_box(&asked)).map(|route| route.name.len())
    }))
}
