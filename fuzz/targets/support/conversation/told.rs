//! What happened in a conversation, as the driver meant it: the oracle compares it with the bytes. Words only.

use eg_core::exchange::Ending;
use eg_wire::fields::FieldList;
use eg_wire::head::{BodyLength, Method, RequestHead};

use crate::reader::Line;
use crate::stream::Peer;

/// A whole conversation.
pub(crate) struct Told {
    pub(crate) client: Peer,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) exchanges: Vec<Exchanged>,
    /// It ended because no other request came.
    pub(crate) no_more_came: bool,
}

/// A connection to the endpoint, and the requests that it was sent.
pub(crate) struct Endpoint {
    pub(crate) peer: Peer,
    pub(crate) sent: Vec<Sent>,
}

/// A request as the endpoint is to see it.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) head: RequestHead,
    pub(crate) host: Vec<u8>,
    pub(crate) body: BodyLength,
    pub(crate) data: Vec<u8>,
    pub(crate) trailers: Vec<Line>,
    pub(crate) complete: bool,
}

/// A request as it was read, and its answer as the client is to see it.
#[derive(Debug)]
pub(crate) struct Exchanged {
    /// None: what came instead was refused.
    pub(crate) head: Option<RequestHead>,
    pub(crate) method: Method,
    /// Where it stands in what was read from the client; the end, once it has been seen.
    pub(crate) from: usize,
    pub(crate) to: Option<usize>,
    pub(crate) data: Vec<u8>,
    pub(crate) trailers: Vec<Line>,
    pub(crate) answer: Answer,
    pub(crate) ending: Ending,
    pub(crate) request_complete: bool,
    /// The response could not be completed.
    pub(crate) cut: bool,
}

/// A response as the client is to see it.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) interim: Vec<u16>,
    /// 0: there is none.
    pub(crate) status: u16,
    pub(crate) fields: Vec<Line>,
    /// Its fields and trailers as the endpoint sent them, and whether its body ends with the connection.
    pub(crate) came: Vec<Line>,
    pub(crate) came_behind: Vec<Line>,
    pub(crate) until_close: bool,
    /// Its length was not known when it began.
    pub(crate) streams: bool,
    pub(crate) announced: Option<u64>,
    pub(crate) data: Vec<u8>,
    pub(crate) trailers: Vec<Line>,
    /// All of it is here.
    pub(crate) whole: bool,
    /// Which connection it came by, and where it stands in what was read from that.
    pub(crate) source: Option<Source>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub(crate) endpoint: usize,
    pub(crate) from: usize,
    pub(crate) to: Option<usize>,
}

/// Fields as lines, with names in lower case, less what a codec writes from what it knows.
pub(crate) fn lines(fields: &FieldList) -> Vec<Line> {
    without_framing(fields.iter().map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec())))
}

pub(crate) fn without_framing(lines: impl IntoIterator<Item = Line>) -> Vec<Line> {
    const FRAMING: [&[u8]; 6] =
        [b"host", b"connection", b"keep-alive", b"proxy-connection", b"content-length", b"transfer-encoding"];
    lines.into_iter().filter(|(name, _)| !FRAMING.contains(&name.as_slice())).collect()
}

/// All fields as lines, with names in lower case.
pub(crate) fn all_lines(fields: &FieldList) -> Vec<Line> {
    fields.iter().map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec())).collect()
}

impl Exchanged {
    /// The method as readers of the response have to know it.
    pub(crate) fn method_text(&self) -> &'static [u8] {
        if self.method == Method::Head { b"HEAD" } else { b"GET" }
    }
}
