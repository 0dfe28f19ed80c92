//! Chunks (RFC 9112, 7.1), in and out. The decoder takes framing bytes one by one and never holds any: what it
//! has seen is in its state, so a chunk split anywhere reads the same.

use httparse::Status;

use super::error::HeadError;
use super::parse::{HeadLimits, MAX_FIELDS};
use crate::fields::{FieldId, FieldList};

/// Bytes of extensions that one message may carry; nobody uses any.
const MAX_EXTENSIONS: u32 = 4096;
/// Digits of a size: what 64 bits have. Zeros in front count, or a size could be of any length.
const MAX_DIGITS: u8 = 16;

/// What follows the data of a chunk.
pub const CHUNK_TAIL: &[u8] = b"\r\n";

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk {
    /// More input is needed.
    More,
    /// The next `len` bytes after `consumed` are data; the decoder has accounted for them.
    Data {
        /// How many are there now.
        len: usize,
    },
    /// The body and its trailers are complete.
    End,
}

/// What a call of [`ChunkDecoder::decode`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// Framing bytes to drop from the front before the data.
    pub consumed: usize,
    /// What comes then.
    pub chunk: Chunk,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    #[default]
    Start,
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    Ended,
}

/// Reads a chunked body.
#[derive(Debug, Clone, Default)]
pub struct ChunkDecoder {
    state: State,
    /// Of the present chunk: its size while that is read, then what is left of its data.
    left: u64,
    /// Digits of that size so far.
    digits: u8,
    extensions: u32,
}

impl ChunkDecoder {
    /// Looks at the front of `buf`. The caller drops `consumed` bytes, and data once it has used it.
    ///
    /// Trailers that may be passed on are appended to `trailers`.
    ///
    /// # Errors
    /// If the framing is not exactly that of the RFC, or trailers exceed `limits`.
    pub fn decode(
        &mut self,
        buf: &[u8],
        trailers: &mut FieldList,
        limits: &HeadLimits,
    ) -> Result<Decoded, HeadError> {
        let mut consumed = 0;
        loop {
            let rest = buf.get(consumed..).unwrap_or_default();
            match self.state {
                State::Trailers => return self.trailers(rest, consumed, trailers, limits),
                State::Ended => return Ok(Decoded { consumed, chunk: Chunk::End }),
                State::Data if !rest.is_empty() => {
                    let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                    self.left -= len as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok(Decoded { consumed, chunk: Chunk::Data { len } });
                }
                _ => {}
            }
            let Some(byte) = rest.first() else { return Ok(Decoded { consumed, chunk: Chunk::More }) };
            self.framing(*byte)?;
            consumed += 1;
        }
    }

    fn framing(&mut self, byte: u8) -> Result<(), HeadError> {
        self.state = match (self.state, byte) {
            (State::Start | State::Size, byte) if byte.is_ascii_hexdigit() && self.digits < MAX_DIGITS => {
                self.digits += 1;
                self.left = self.left << 4 | u64::from((byte as char).to_digit(16).unwrap_or(0));
                State::Size
            }
            (State::Size, b';') => State::Extension,
            (State::Size | State::Extension, b'\r') => State::SizeLf,
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) if self.extensions < MAX_EXTENSIONS => {
                self.extensions += 1;
                State::Extension
            }
            (State::SizeLf, b'\n') if self.left == 0 => State::Trailers,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => {
                self.digits = 0;
                State::Start
            }
            _ => return Err(HeadError::Chunk),
        };
        Ok(())
    }

    fn trailers(
        &mut self,
        rest: &[u8],
        consumed: usize,
        trailers: &mut FieldList,
        limits: &HeadLimits,
    ) -> Result<Decoded, HeadError> {
        let mut line = 0;
        for at in memchr::memchr_iter(b'\n', rest) {
            if at == line || rest.get(at - 1) != Some(&b'\r') {
                return Err(HeadError::BareLf);
            }
            if at == line + 1 {
                read_trailers(rest.get(..=at).unwrap_or_default(), trailers, limits)?;
                self.state = State::Ended;
                return Ok(Decoded { consumed: consumed + at + 1, chunk: Chunk::End });
            }
            line = at + 1;
        }
        if rest.len() > limits.bytes {
            return Err(HeadError::HeadTooLarge);
        }
        Ok(Decoded { consumed, chunk: Chunk::More })
    }
}

fn read_trailers(text: &[u8], trailers: &mut FieldList, limits: &HeadLimits) -> Result<(), HeadError> {
    if text.len() > limits.bytes {
        return Err(HeadError::HeadTooLarge);
    }
    let mut slots = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let slots = slots.get_mut(..limits.fields.min(MAX_FIELDS)).unwrap_or_default();
    let Status::Complete((_, headers)) =
        httparse::parse_headers(text, slots).map_err(|error| match error {
            httparse::Error::TooManyHeaders => HeadError::TooManyFields,
            _ => HeadError::Syntax,
        })?
    else {
        return Err(HeadError::Syntax);
    };
    for header in headers.iter().filter(|header| may_trail(header.name.as_bytes())) {
        trailers.push(header.name.as_bytes(), header.value);
    }
    Ok(())
}

/// Fields that say how a message is framed, routed or authorised mean nothing after it (RFC 9110, 6.5.1).
fn may_trail(name: &[u8]) -> bool {
    const NEVER: [&str; 14] = [
        "authorization",
        "cache-control",
        "content-encoding",
        "content-range",
        "content-type",
        "proxy-authorization",
        "set-cookie",
        "max-forwards",
        "range",
        "www-authenticate",
        "proxy-authenticate",
        "pragma",
        "age",
        "location",
    ];
    let known =
        matches!(FieldId::of(name), FieldId::Other | FieldId::Via | FieldId::UserAgent | FieldId::Referer);
    known && !NEVER.iter().any(|never| name.eq_ignore_ascii_case(never.as_bytes()))
}

/// Writes what comes before the data of a chunk; `len` is not 0.
pub fn write_chunk_head(len: usize, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        out.push(*DIGITS.get((len >> (place * 4)) & 15).unwrap_or(&b'0'));
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the end of a chunked body.
pub fn write_last_chunk(trailers: Option<&FieldList>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    for field in trailers.into_iter().flat_map(FieldList::iter) {
        super::encode::write_field(field.name, field.value, out);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 1024, fields: 16 };

    /// The data of a body, the names of its trailers, and what was left after its end.
    type Body = (Vec<u8>, Vec<String>, Vec<u8>);

    fn decode(pieces: &[&[u8]]) -> Result<Body, HeadError> {
        let (mut decoder, mut trailers) = (ChunkDecoder::default(), FieldList::new());
        let (mut input, mut data) = (Vec::new(), Vec::new());
        for piece in pieces {
            input.extend_from_slice(piece);
            loop {
                let decoded = decoder.decode(&input, &mut trailers, &LIMITS)?;
                input.drain(..decoded.consumed);
                match decoded.chunk {
                    Chunk::More => break,
                    Chunk::Data { len } => data.extend(input.drain(..len)),
                    Chunk::End => {
                        let names =
                            trailers.iter().map(|field| String::from_utf8_lossy(field.name).into_owned());
                        return Ok((data, names.collect(), input));
                    }
                }
            }
        }
        panic!("incomplete: {input:?}");
    }

    #[test]
    fn a_body_reads_the_same_wherever_it_is_split() {
        let text = b"4;x=\"y\"\r\nwiki\r\n5\r\npedia\r\n0\r\nX-Sum: 1\r\nContent-Length: 7\r\n\r\n";
        let expected = (b"wikipedia".to_vec(), vec!["X-Sum".to_owned()], Vec::new());
        for split in 0..=text.len() {
            let (a, b) = text.split_at(split);
            assert_eq!(decode(&[a, b]), Ok(expected.clone()), "{split}");
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(decode(&bytes), Ok(expected));
    }

    #[test]
    fn what_follows_the_end_is_left_alone() {
        assert_eq!(decode(&[b"0\r\n\r\nGET /"]), Ok((Vec::new(), Vec::new(), b"GET /".to_vec())));
    }

    #[test]
    fn framing_that_is_not_exact_is_refused() {
        for bad in [
            "\r\n",
            "x\r\n",
            " 4\r\nwiki\r\n",
            "4 \r\nwiki\r\n",
            "+4\r\n",
            "0x4\r\n",
            "4\nwiki\r\n",
            "4\r\nwikipedia",
            "4\r\nwiki\n0\r\n\r\n",
            "4\r\nwikix\r\n",
            "10000000000000000\r\n",
            "00000000000000004\r\nwiki\r\n",
            "4;a\nb\r\n",
            "4;\0\r\n",
            "-1\r\n",
            "0\r\n\n",
            "0\r\nX: y\n\r\n",
            "0\r\nX : y\r\n\r\n",
            "0\r\n y\r\n\r\n",
        ] {
            assert!(decode(&[bad.as_bytes()]).is_err(), "{bad:?}");
        }
        let long = format!("1;{}\r\n", "x".repeat(5000));
        assert_eq!(decode(&[long.as_bytes()]), Err(HeadError::Chunk));
        let large = format!("0\r\nX: {}", "y".repeat(1100));
        assert_eq!(decode(&[large.as_bytes()]), Err(HeadError::HeadTooLarge));
    }

    #[test]
    fn what_is_written_can_be_read() {
        for len in [1_usize, 9, 15, 16, 255, 256, 4096, 65535, 65536] {
            let mut out = Vec::new();
            write_chunk_head(len, &mut out);
            assert_eq!(out, format!("{len:x}\r\n").into_bytes());
            out.extend(vec![b'z'; len]);
            out.extend_from_slice(CHUNK_TAIL);
            write_last_chunk(None, &mut out);
            assert_eq!(decode(&[&out]).unwrap().0.len(), len);
        }
    }
}
