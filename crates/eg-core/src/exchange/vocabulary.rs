//! The words spoken between an [`Exchange`](super::Exchange) and its driver. Heads, lengths, ends, failures
//! and credit; never a frame, a byte or a protocol version.

use std::time::Duration;

use eg_wire::head::BodyLength;

/// The two directions. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client.
    Down,
    /// The endpoint.
    Up,
}

/// What a side's protocol can express.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Fields after the body.
    pub trailers: bool,
    /// Responses before the response (1xx).
    pub informational: bool,
}

/// How long a client's side may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For either body to make progress.
    pub body_idle: Duration,
    /// Bytes per second, more than 0, that the client must send or take while it is waited for; behind that for
    /// longer than [`GRACE`](super::GRACE), it is cut.
    pub min_rate: Option<u32>,
}

/// What the exchange needs to know of a request's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestFacts {
    /// How much body follows.
    pub body: BodyLength,
    /// Whether the method may be repeated (RFC 9110, 9.2.2).
    pub idempotent: bool,
    /// Whether the client asked to leave HTTP behind (RFC 9110, 7.8).
    pub upgrade: bool,
    /// Whether the client waits for 100 before it sends the body (RFC 9110, 10.1.1).
    pub waits: bool,
}

/// What the exchange needs to know of a response's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseFacts {
    /// 101, or 200 to 999.
    pub status: u16,
    /// How much body follows.
    pub body: BodyLength,
}

/// Whether an upstream connection has served before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Just established.
    Fresh,
    /// Taken from the pool: it may have died unnoticed.
    Reused,
}

/// How far an attempt had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// No connection could be established.
    Connect,
    /// The connection broke.
    Exchange,
    /// The endpoint spoke, and what it said is not HTTP that may be forwarded.
    Protocol,
}

/// From the client's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// A request begins.
    Head(RequestFacts),
    /// This many bytes of request body are there; of them, no more than was granted is taken.
    Data(u32),
    /// Fields after the body; `End` follows.
    Trailers,
    /// The request is complete.
    End,
    /// The client is gone, or gave this request up.
    Reset,
    /// The request broke the rules of its protocol; answer with this status if an answer is possible.
    Malformed(u16),
    /// This many more bytes of response body can be taken.
    Credit(u32),
    /// Everything written so far, the end included, has left.
    Sent,
}

/// From the endpoint's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Up {
    /// The connection is there and takes `credit` bytes of request body.
    Connected {
        /// Its history.
        connection: Connection,
        /// First credit.
        credit: u32,
    },
    /// A response before the response, with its status.
    Info(u16),
    /// The response begins.
    Head(ResponseFacts),
    /// This many bytes of response body are there; of them, no more than was granted is taken.
    Data(u32),
    /// Fields after the body; `End` follows.
    Trailers,
    /// The response is complete.
    End,
    /// This many more bytes of request body can be taken.
    Credit(u32),
    /// The attempt is over.
    Failed {
        /// How far it had come.
        stage: Stage,
        /// Whether a byte of the request may have reached the endpoint.
        wrote: bool,
    },
}

/// What an exchange cannot know by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Which route?
    Route,
    /// Does a hook object?
    Hook,
    /// Which endpoint?
    Pick,
}

/// What the route says about time and hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Whether hooks want to be asked.
    pub hooks: bool,
    /// Most endpoints to try while none can be connected to.
    pub connect_attempts: u8,
    /// To establish one connection.
    pub connect: Duration,
    /// From the request's last byte to the response's head.
    pub first_byte: Option<Duration>,
    /// The whole exchange, from its head to the response's last byte.
    pub request: Option<Duration>,
}

/// Answers to a [`Question`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// To `Route`.
    Route(Plan),
    /// To `Hook`: go on.
    Proceed,
    /// To `Pick`: the driver holds the endpoint.
    Endpoint,
    /// To any: answer with this status ourselves.
    Reply(u16),
}

/// Everything that can happen to an exchange, except time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// From the client.
    Down(Down),
    /// From the endpoint.
    Up(Up),
    /// An answer to the question that is open.
    Verdict(Verdict),
    /// The tunnel that this exchange became has ended.
    TunnelEnded {
        /// Bytes carried to the endpoint.
        up: u64,
        /// Bytes carried to the client.
        down: u64,
    },
    /// The gateway is leaving: this is the connection's last exchange.
    Draining,
}

/// What the driver is to do, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Answer with [`Input::Verdict`].
    Ask(Question),
    /// Connect to the endpoint of the last verdict; answer with `Connected` or `Failed`. Every grant that has not
    /// been used is void.
    Connect {
        /// A pooled connection will not do: one has just died.
        fresh: bool,
    },
    /// Write the request's head to the endpoint.
    UpHead,
    /// Move this many bytes of request body to the endpoint.
    UpData(u32),
    /// Write the request's trailers: once per attempt.
    UpTrailers,
    /// The request is complete; does not follow a head without a body, which is so by itself.
    UpEnd,
    /// Give the attempt up: abort the connecting, or close what must not be used again.
    UpReset,
    /// The endpoint's side is complete; its connection may serve again.
    UpRelease,
    /// Write an informational response.
    DownInfo,
    /// Write the response's head.
    DownHead {
        /// The connection should not be used again after this exchange.
        last: bool,
    },
    /// Move this many bytes of response body to the client.
    DownData(u32),
    /// Write the response's trailers.
    DownTrailers,
    /// The response is complete; does not follow a head without a body, which is so by itself.
    DownEnd,
    /// Write a whole response of our own.
    DownReply {
        /// Its status.
        status: u16,
        /// The connection should not be used again after this exchange.
        last: bool,
    },
    /// The response cannot be completed: make sure that the client notices.
    DownReset,
    /// This side may deliver this many more bytes of body.
    Grant(Side, u32),
    /// Drop this many bytes that were granted when somebody still wanted them.
    Discard(Side, u32),
    /// Both sides become byte streams; tell [`Input::TunnelEnded`] when they have ended.
    Tunnel,
    /// Nothing follows. The record is complete.
    Done,
}

/// How an exchange ended, and by whose doing. The vocabulary of logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The endpoint's response was delivered.
    Complete,
    /// The exchange became a tunnel, which ended.
    Tunnelled,
    /// No route matched, a limit or hook said no: the gateway answered itself.
    Replied,
    /// The client's request was malformed.
    Malformed,
    /// The client left before the response was complete.
    ClientGone,
    /// The client stopped sending, or stopped reading.
    ClientTimeout,
    /// No endpoint could be connected to.
    ConnectFailed,
    /// No endpoint could be connected to in time.
    ConnectTimeout,
    /// The endpoint broke the connection before its response was complete.
    UpstreamGone,
    /// The endpoint's response may not be forwarded.
    UpstreamMalformed,
    /// The endpoint stopped sending, or stopped reading.
    UpstreamTimeout,
    /// The time for the whole request was over.
    RequestTimeout,
}

impl Ending {
    /// As logs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Tunnelled => "tunnelled",
            Self::Replied => "replied",
            Self::Malformed => "malformed",
            Self::ClientGone => "client_gone",
            Self::ClientTimeout => "client_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::ConnectTimeout => "connect_timeout",
            Self::UpstreamGone => "upstream_gone",
            Self::UpstreamMalformed => "upstream_malformed",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::RequestTimeout => "request_timeout",
        }
    }

    /// Who ended it: `client`, `gateway` or `upstream`.
    #[must_use]
    pub fn by(self) -> &'static str {
        match self {
            Self::Malformed | Self::ClientGone | Self::ClientTimeout => "client",
            Self::Replied | Self::RequestTimeout => "gateway",
            Self::Complete
            | Self::Tunnelled
            | Self::ConnectFailed
            | Self::ConnectTimeout
            | Self::UpstreamGone
            | Self::UpstreamMalformed
            | Self::UpstreamTimeout => "upstream",
        }
    }
}
