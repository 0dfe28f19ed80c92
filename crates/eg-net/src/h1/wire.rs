//! [`Wire`]: one HTTP/1 connection as bytes with framing, the same for either side. It knows where a body ends
//! and refuses to know what a message means.

use std::io;
use std::task::{Context, Poll, ready};

use eg_wire::fields::FieldList;
use eg_wire::h1::{
    CHUNK_TAIL, Chunk, ChunkDecoder, HeadError, HeadLimits, write_chunk_head, write_last_chunk,
};
use eg_wire::head::BodyLength;

use crate::buffer::{Input, Output, Piece};
use crate::stream::Stream;

/// Bytes of body that may wait for a socket.
pub(crate) const WINDOW: u32 = 64 * 1024;

/// Where the body that is being read ends.
#[derive(Debug, Default)]
enum Decode {
    /// No body is being read.
    #[default]
    Idle,
    Exact(u64),
    Chunked(Box<ChunkDecoder>),
    UntilClose,
    /// The last byte was seen; the end was not told yet.
    Ended,
}

/// How the body that is being written is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Encode {
    /// No body is being written.
    #[default]
    Idle,
    Exact(u64),
    Chunked,
    UntilClose,
}

/// What comes next of the body that is being read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// This many bytes are at the front of the input.
    Data(u32),
    /// Trailers were read; the end follows.
    Trailers,
    /// The end.
    End,
    /// Data is there, but none was granted.
    Blocked,
}

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    Io,
    Malformed(HeadError),
}

#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: Stream,
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) trailers: FieldList,
    /// The peer has ended its side.
    pub(crate) ended: bool,
    decode: Decode,
    encode: Encode,
    /// Body bytes at the front of the input that the decoder has accounted for.
    ready: usize,
    /// Body bytes handed to the output whose credit was not returned.
    owed: usize,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            input: Input::default(),
            output: Output::default(),
            trailers: FieldList::new(),
            ended: false,
            decode: Decode::Idle,
            encode: Encode::Idle,
            ready: 0,
            owed: 0,
        }
    }

    // --- reading ---------------------------------------------------------------------------------------

    /// Reads once; ready with the bytes read, 0 at the end.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        let n = ready!(self.input.poll_fill(&mut self.stream, cx))?;
        self.ended = n == 0;
        Poll::Ready(Ok(n))
    }

    /// Starts to read the body of the message whose head was just consumed.
    pub(crate) fn expect_body(&mut self, length: BodyLength) {
        self.trailers.clear();
        self.ready = 0;
        self.decode = match length {
            BodyLength::Empty => Decode::Idle,
            BodyLength::Exact(n) => Decode::Exact(n),
            BodyLength::Streamed => Decode::Chunked(Box::default()),
            BodyLength::UntilClose => Decode::UntilClose,
        };
    }

    /// Whether a body is being read, its end not yet told.
    pub(crate) fn reads_body(&self) -> bool {
        !matches!(self.decode, Decode::Idle)
    }

    /// What comes next, reading from the socket as needed, with at most `grant` bytes of data.
    pub(crate) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        grant: u32,
        limits: &HeadLimits,
    ) -> Poll<Result<Body, BodyError>> {
        loop {
            if let Some(next) = self.decode(grant, limits).map_err(BodyError::Malformed)? {
                return Poll::Ready(Ok(next));
            }
            if ready!(self.poll_fill(cx)).map_err(|_| BodyError::Io)? == 0 {
                if !matches!(self.decode, Decode::UntilClose) {
                    return Poll::Ready(Err(BodyError::Io));
                }
                self.decode = Decode::Ended;
            }
        }
    }

    fn decode(&mut self, grant: u32, limits: &HeadLimits) -> Result<Option<Body>, HeadError> {
        if self.ready == 0 {
            match &mut self.decode {
                Decode::Idle => return Ok(None),
                Decode::Exact(0) | Decode::Ended => {
                    self.decode = Decode::Idle;
                    return Ok(Some(Body::End));
                }
                Decode::Exact(left) => {
                    self.ready = self.input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= self.ready as u64;
                }
                Decode::UntilClose => self.ready = self.input.len(),
                Decode::Chunked(decoder) => {
                    let decoded = decoder.decode(self.input.as_slice(), &mut self.trailers, limits)?;
                    self.input.consume(decoded.consumed);
                    match decoded.chunk {
                        Chunk::More => {}
                        Chunk::Data { len } => self.ready = len,
                        Chunk::End => {
                            self.decode = Decode::Ended;
                            if !self.trailers.is_empty() {
                                return Ok(Some(Body::Trailers));
                            }
                            return self.decode(grant, limits);
                        }
                    }
                }
            }
        }
        Ok(match (self.ready.min(grant as usize), self.ready) {
            (_, 0) => None,
            (0, _) => Some(Body::Blocked),
            (n, _) => Some(Body::Data(n as u32)),
        })
    }

    /// The `n` bytes that `poll_body` told of; consume them afterwards.
    pub(crate) fn piece(&mut self, n: u32) -> Piece<'_> {
        self.input.piece(n as usize)
    }

    /// Drops bytes that `poll_body` told of.
    pub(crate) fn consume(&mut self, n: u32) {
        self.ready -= (n as usize).min(self.ready);
        self.input.consume(n as usize);
    }

    // --- writing ---------------------------------------------------------------------------------------

    /// Starts to write the body of the message whose head was just written.
    pub(crate) fn begin_body(&mut self, length: BodyLength) {
        self.encode = match length {
            BodyLength::Empty => Encode::Idle,
            BodyLength::Exact(n) => Encode::Exact(n),
            BodyLength::Streamed => Encode::Chunked,
            BodyLength::UntilClose => Encode::UntilClose,
        };
    }

    /// Whether a body is being written, its end not yet written.
    pub(crate) fn writes_body(&self) -> bool {
        self.encode != Encode::Idle
    }

    /// Whether only the end of the connection tells the peer where the body ends.
    pub(crate) fn ends_by_close(&self) -> bool {
        self.encode == Encode::UntilClose
    }

    pub(crate) fn write_data(&mut self, piece: Piece<'_>, n: u32) {
        self.owed += n as usize;
        if let Encode::Exact(left) = &mut self.encode {
            *left = left.saturating_sub(u64::from(n));
        }
        if self.encode == Encode::Chunked {
            write_chunk_head(n as usize, self.output.tail());
            self.output.push(piece);
            self.output.tail().extend_from_slice(CHUNK_TAIL);
        } else {
            self.output.push(piece);
        }
    }

    /// Writes what ends the body: nothing, or the last chunk with its trailers. False if bytes are missing.
    pub(crate) fn write_end(&mut self, trailers: Option<&FieldList>) -> bool {
        let encode = std::mem::take(&mut self.encode);
        if encode == Encode::Chunked {
            write_last_chunk(trailers, self.output.tail());
        }
        !matches!(encode, Encode::Exact(1..))
    }

    /// Sends what waits. Ready with the credit to return once the socket took everything; an error if it broke.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed> {
        let (left, flushed) = self.output.poll_flush(&mut self.stream, cx);
        let all = flushed?;
        let credit = if all { self.owed } else { left.min(self.owed) };
        self.owed -= credit;
        Ok(Flushed { wrote: left > 0, all, credit: credit as u32 })
    }

    /// Gives back what an idle connection does not need.
    pub(crate) fn release(&mut self) {
        self.input.release();
        self.output.release();
        self.trailers.release();
    }
}

/// What a flush achieved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flushed {
    /// Bytes left for the socket.
    pub(crate) wrote: bool,
    /// Nothing waits.
    pub(crate) all: bool,
    /// Body bytes that left and were not accounted for before.
    pub(crate) credit: u32,
}
