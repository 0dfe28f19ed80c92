//! [`Wire`]: one HTTP/1 connection as bytes with framing, the same for either side. It knows where a body ends
//! and refuses to know what a message means.

use std::io;
use std::task::{Context, Poll, Waker, ready};

use eg_wire::fields::FieldList;
use eg_wire::h1::{
    CHUNK_TAIL, Chunk, ChunkDecoder, HeadError, HeadLimits, write_chunk_head, write_last_chunk,
};
use eg_wire::head::BodyLength;

use crate::buffer::{Input, Output, Piece, Then};
use crate::pipe::Pipes;
use crate::stream::Stream;

/// Bytes of body that may wait for a socket, to begin with.
pub(crate) const WINDOW: u32 = 64 * 1024;
/// And once the socket has taken as much at once: few system calls for who is quick, little memory for who is not.
const WIDEST: u32 = 256 * 1024;

/// What must follow of a body for a pipe to be worth its calls.
const WORTH_PIPING: u64 = 64 * 1024;

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
    /// Body bytes that may wait for the socket.
    window: u32,
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
            window: WINDOW,
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

    /// Whether the peer has said nothing that was not consumed, and has not ended. Costs no system call unless the
    /// kernel has reported something since the last read.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.input.is_empty() && self.poll_fill(&mut Context::from_waker(Waker::noop())).is_pending()
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

    /// Whether bytes of the body that is being read can be moved to `sink` without being seen: many of them follow, none
    /// was read already, and neither side frames them piece by piece.
    pub(crate) fn can_pipe_to(&self, sink: &Self) -> bool {
        let Decode::Exact(left @ 1..) = self.decode else { return false };
        // What has begun in a pipe ends in it: there is no order between what is in it and what is written later.
        (left >= WORTH_PIPING || sink.output.has_pipe())
            && self.ready == 0
            && self.input.is_empty()
            && matches!(sink.encode, Encode::Exact(_))
            && self.stream.takes_pipes()
            && sink.stream.takes_pipes()
    }

    /// Moves at most `grant` bytes into the pipe of `sink`; ready with how many. None: there is no pipe to be had.
    pub(crate) fn poll_pipe_to(
        &mut self,
        cx: &mut Context<'_>,
        grant: u32,
        sink: &mut Self,
        pipes: &Pipes,
    ) -> Option<Poll<Result<Body, BodyError>>> {
        let Decode::Exact(left) = &mut self.decode else { return None };
        let pipe = sink.output.pipe(|| pipes.take())?;
        if grant == 0 {
            return Some(Poll::Ready(Ok(Body::Blocked)));
        }
        let most = usize::try_from(*left).unwrap_or(usize::MAX).min(grant as usize);
        Some(self.stream.poll_fill(cx, pipe, most).map(|filled| match filled {
            Ok(Some(n @ 1..)) => {
                *left -= n as u64;
                sink.wrote(n as u32);
                Ok(Body::Data(n as u32))
            }
            Ok(None) => Ok(Body::Blocked),
            Ok(Some(0)) | Err(_) => Err(BodyError::Io),
        }))
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
        self.wrote(n);
        if self.encode == Encode::Chunked {
            write_chunk_head(n as usize, self.output.tail());
            self.output.push(piece);
            self.output.tail().extend_from_slice(CHUNK_TAIL);
        } else {
            self.output.push(piece);
        }
    }

    /// Bytes of the body were handed to the output.
    fn wrote(&mut self, n: u32) {
        self.owed += n as usize;
        if let Encode::Exact(left) = &mut self.encode {
            *left = left.saturating_sub(u64::from(n));
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
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>, then: Then) -> io::Result<Flushed> {
        let (left, flushed) = self.output.poll_flush(&mut self.stream, cx, then);
        let all = flushed?;
        let returned = if all { self.owed } else { left.min(self.owed) };
        self.owed -= returned;
        let mut credit = returned as u32;
        if all && credit >= self.window && self.window < WIDEST {
            credit += WIDEST - self.window;
            self.window = WIDEST;
        }
        Ok(Flushed { wrote: left > 0, all, credit })
    }

    /// Body bytes that the socket takes before any of them left.
    pub(crate) fn window(&self) -> u32 {
        self.window
    }

    /// As [`Wire::release`], for a connection to somebody known, whose next message will be like the last.
    pub(crate) fn rest(&mut self) {
        self.input.rest();
        self.release_all_but_input();
    }

    /// Gives back what an idle connection does not need.
    pub(crate) fn release(&mut self) {
        self.input.release();
        self.release_all_but_input();
    }

    fn release_all_but_input(&mut self) {
        self.window = WINDOW;
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
    /// Body bytes that left and were not accounted for before, and by how many more the window grew.
    pub(crate) credit: u32,
}
