//! Chunked bodies: the same data, trailers and verdict in however many pieces they come, and what is written is read
//! as it was. It refuses to say what should be accepted; the tests of eg-wire do.

#![no_main]

#[path = "support/fields.rs"]
mod fields;
#[path = "support/pieces.rs"]
mod pieces;

use eg_wire::fields::FieldList;
use eg_wire::h1::{
    CHUNK_TAIL, Chunk, ChunkDecoder, HeadError, HeadLimits, write_chunk_head, write_last_chunk,
};

use crate::fields::Line;

const WIDE: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 128 };
const NARROW: HeadLimits = HeadLimits { bytes: 40, fields: 2 };

/// What a reader made of a body.
struct Body {
    data: Vec<u8>,
    trailers: FieldList,
    /// How many bytes it took, of a body that ended.
    end: Result<Option<usize>, HeadError>,
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for limits in [WIDE, NARROW] {
        let whole = read(data, &[data.len()], &limits);
        for ends in pieces::splits(data) {
            let same = read(data, &ends, &limits);
            assert!(pieces::agree(whole.end, same.end), "{:?}, {:?} in pieces", whole.end, same.end);
            assert!(same.data == whole.data, "other data in pieces");
            assert!(lines(&same) == lines(&whole), "other trailers in pieces");
        }
    }
    let body = read(data, &[data.len()], &WIDE);
    if matches!(body.end, Ok(Some(_))) {
        reads_as_it_was_written(data, &body.data, Some(&body.trailers));
    }
    reads_as_it_was_written(data, data, None);
});

/// Reads a body as a driver does: what was consumed or used is gone when the next piece comes.
fn read(data: &[u8], ends: &[usize], limits: &HeadLimits) -> Body {
    let mut decoder = ChunkDecoder::default();
    let mut body = Body { data: Vec::new(), trailers: FieldList::new(), end: Ok(None) };
    let mut from = 0;
    for end in ends {
        loop {
            let rest = &data[from..*end];
            let decoded = match decoder.decode(rest, &mut body.trailers, limits) {
                Ok(decoded) => decoded,
                Err(error) => {
                    body.end = Err(error);
                    return body;
                }
            };
            assert!(decoded.consumed <= rest.len(), "{decoded:?} of {} bytes", rest.len());
            from += decoded.consumed;
            match decoded.chunk {
                Chunk::More => break,
                Chunk::Data { len } => {
                    assert!((1..=*end - from).contains(&len), "{decoded:?} of {} bytes", rest.len());
                    body.data.extend_from_slice(&data[from..from + len]);
                    from += len;
                }
                Chunk::End => {
                    let again = decoder.decode(&data[from..], &mut body.trailers, limits);
                    assert!(again.is_ok_and(|it| it.consumed == 0 && it.chunk == Chunk::End), "{again:?}");
                    body.end = Ok(Some(from));
                    return body;
                }
            }
        }
    }
    body
}

fn reads_as_it_was_written(seed: &[u8], data: &[u8], trailers: Option<&FieldList>) {
    let (mut chance, mut out, mut rest) = (pieces::chance_of(seed), Vec::new(), data);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((chance.some(600) as usize).min(rest.len()));
        write_chunk_head(piece.len(), &mut out);
        out.extend_from_slice(piece);
        out.extend_from_slice(CHUNK_TAIL);
        rest = after;
    }
    write_last_chunk(trailers, &mut out);
    let again = read(&out, &[out.len()], &WIDE);
    assert!(again.end == Ok(Some(out.len())), "{:?} of {} bytes", again.end, out.len());
    assert!(again.data == data, "other data");
    let sent = trailers.map_or(Vec::new(), fields::said);
    assert!(lines(&again) == sent, "other trailers");
}

/// Fields of framing are no trailers, so nothing that was read is left out here.
fn lines(body: &Body) -> Vec<Line> {
    let said = fields::said(&body.trailers);
    assert!(said.len() == body.trailers.len(), "framing after the body");
    said
}
