//! A reader of whole conversations out of the codec's parts, as a connection uses them: heads, framing, chunks. Bytes
//! come in pieces, and what it makes of them must not depend on which.

use eg_wire::fields::FieldList;
use eg_wire::h1::{
    Chunk, ChunkDecoder, HeadError, HeadLimits, Parsed, keep_alive, parse_request, parse_response,
    request_body, response_body,
};
use eg_wire::head::{BodyLength, Method, RequestHead, ResponseHead};

/// What is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Requests,
    /// Responses to a request with this method; only the first is one, what follows is surplus.
    Response(Method),
}

/// One message, as far as it has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Method, target and authority; or the status.
    pub(crate) start: Vec<u8>,
    pub(crate) fields: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<u8>,
    pub(crate) whole: bool,
    /// The length of its body, if it was told.
    pub(crate) announced: u64,
    /// Another one may follow.
    pub(crate) keeps: bool,
    pub(crate) until_close: bool,
}

#[derive(Debug)]
enum State {
    Head {
        seen: usize,
    },
    Exact(u64),
    Chunked(Box<ChunkDecoder>),
    UntilClose,
    /// Nothing more is read.
    Over,
}

/// Reads, and remembers what it has read.
#[derive(Debug)]
pub(crate) struct Reader {
    kind: Kind,
    limits: HeadLimits,
    input: Vec<u8>,
    state: State,
    pub(crate) messages: Vec<Message>,
    pub(crate) error: Option<HeadError>,
}

impl Reader {
    pub(crate) fn new(kind: Kind, limits: HeadLimits) -> Self {
        let state = State::Head { seen: 0 };
        Self { kind, limits, input: Vec::new(), state, messages: Vec::new(), error: None }
    }

    /// What it makes of these pieces, one after the other.
    pub(crate) fn read<'a>(
        kind: Kind,
        limits: HeadLimits,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        let mut reader = Self::new(kind, limits);
        for piece in pieces {
            reader.push(piece);
        }
        reader
    }

    /// Bytes that are of no message.
    pub(crate) fn left(&self) -> &[u8] {
        &self.input
    }

    fn push(&mut self, piece: &[u8]) {
        self.input.extend_from_slice(piece);
        while self.error.is_none() {
            match self.step() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => self.error = Some(error),
            }
        }
        self.input.clear();
    }

    /// Whether there was something to do.
    fn step(&mut self) -> Result<bool, HeadError> {
        match &mut self.state {
            State::Head { .. } if self.input.is_empty() => Ok(false),
            State::Head { seen } => {
                let seen = *seen;
                match self.kind {
                    Kind::Requests => self.request(seen),
                    Kind::Response(method) => self.response(seen, method),
                }
            }
            State::Exact(left) => {
                let take = self.input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= take as u64;
                let done = *left == 0;
                self.data(take);
                if done {
                    self.end();
                }
                Ok(done)
            }
            State::UntilClose => {
                self.data(self.input.len());
                Ok(false)
            }
            State::Chunked(_) => self.chunk(),
            State::Over => Ok(false),
        }
    }

    fn request(&mut self, seen: usize) -> Result<bool, HeadError> {
        let mut head = RequestHead::default();
        let Parsed::Complete { consumed } = parse_request(&self.input, seen, &self.limits, &mut head)? else {
            self.state = State::Head { seen: self.input.len() };
            return Ok(false);
        };
        let length = request_body(&head)?;
        let start = [head.method_text(), b" ", head.target(), b" ", head.authority()].concat();
        self.begin(consumed, start, &head.fields, length);
        self.last().keeps = keep_alive(head.version, &head.fields);
        Ok(true)
    }

    fn response(&mut self, seen: usize, method: Method) -> Result<bool, HeadError> {
        let mut head = ResponseHead::default();
        let Parsed::Complete { consumed } = parse_response(&self.input, seen, &self.limits, &mut head)?
        else {
            self.state = State::Head { seen: self.input.len() };
            return Ok(false);
        };
        let start = head.status.to_string().into_bytes();
        if head.status == 101 {
            // Bytes of another protocol.
            self.begin(consumed, start, &head.fields, BodyLength::UntilClose);
            return Ok(true);
        }
        let interim = head.status < 200;
        let body = response_body(method, &head)?;
        self.begin(consumed, start, &head.fields, body.length);
        self.last().keeps = body.keeps;
        if !interim && body.length == BodyLength::Empty {
            self.state = State::Over;
        }
        Ok(true)
    }

    fn begin(&mut self, consumed: usize, start: Vec<u8>, fields: &FieldList, length: BodyLength) {
        self.input.drain(..consumed);
        self.messages.push(Message { start, fields: lines(fields), ..Message::default() });
        self.state = match length {
            BodyLength::Empty => State::Head { seen: 0 },
            BodyLength::Exact(n) => State::Exact(n),
            BodyLength::Streamed => State::Chunked(Box::default()),
            BodyLength::UntilClose => State::UntilClose,
        };
        if let BodyLength::Exact(n) = length {
            self.last().announced = n;
        }
        self.last().whole = length == BodyLength::Empty;
        self.last().until_close = length == BodyLength::UntilClose;
    }

    fn chunk(&mut self) -> Result<bool, HeadError> {
        let State::Chunked(decoder) = &mut self.state else { return Ok(false) };
        let mut trailers = FieldList::new();
        let decoded = decoder.decode(&self.input, &mut trailers, &self.limits)?;
        self.input.drain(..decoded.consumed);
        match decoded.chunk {
            Chunk::More => return Ok(false),
            Chunk::Data { len } => self.data(len),
            Chunk::End => {
                self.last().trailers = lines(&trailers);
                self.end();
            }
        }
        Ok(true)
    }

    fn data(&mut self, len: usize) {
        let data: Vec<u8> = self.input.drain(..len).collect();
        self.last().body.extend(data);
    }

    fn end(&mut self) {
        self.last().whole = true;
        self.state = match self.kind {
            Kind::Requests => State::Head { seen: 0 },
            Kind::Response(_) => State::Over,
        };
    }

    fn last(&mut self) -> &mut Message {
        self.messages.last_mut().expect("a message has begun")
    }
}

fn lines(fields: &FieldList) -> Vec<u8> {
    fields.iter().flat_map(|field| [field.name, b": ", field.value, b"\r\n"].concat()).collect()
}
