//! [`Downstream`]: the client's side of one exchange, whatever it speaks. Dispatch, and nothing else.

use std::task::{Context, Poll};

use eg_core::exchange::{Abilities, Down};
use eg_wire::fields::FieldList;
use eg_wire::head::{BodyLength, ResponseHead, Version};

use crate::buffer::Piece;
use crate::reply::Reply;
use crate::{h1, h2};

/// How a response that cannot be completed ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Behind what was written of it.
    Short,
    /// At once; what did not leave is lost.
    Abrupt,
}

pub(crate) enum Downstream<'a> {
    H1(&'a mut h1::down::Client),
    H2(&'a mut h2::down::Client),
}

impl Downstream<'_> {
    /// What its protocol can express, for a request of this version.
    pub(crate) fn abilities(&self, version: Version) -> Abilities {
        let modern = version != Version::H10;
        Abilities { trailers: modern, informational: modern }
    }

    /// Bytes of response body it takes before any of them left.
    pub(crate) fn first_credit(&self) -> u32 {
        match self {
            Self::H1(client) => client.wire.window(),
            // Comes with the stream's window, once there is a response.
            Self::H2(_) => 0,
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, grant: u32) -> Poll<Down> {
        match self {
            Self::H1(client) => client.poll(cx, grant),
            Self::H2(client) => client.poll(cx, grant),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Option<Down> {
        match self {
            Self::H1(client) => client.poll_flush(cx),
            Self::H2(client) => client.poll_flush(cx),
        }
    }

    pub(crate) fn piece(&mut self, n: u32) -> Piece<'_> {
        match self {
            Self::H1(client) => client.wire.piece(n),
            Self::H2(client) => client.piece(n),
        }
    }

    pub(crate) fn consume(&mut self, n: u32) {
        match self {
            Self::H1(client) => client.wire.consume(n),
            Self::H2(client) => client.consume(n),
        }
    }

    pub(crate) fn trailers(&mut self) -> &mut FieldList {
        match self {
            Self::H1(client) => &mut client.wire.trailers,
            Self::H2(client) => &mut client.trailers,
        }
    }

    pub(crate) fn write_info(&mut self, head: &ResponseHead) {
        match self {
            Self::H1(client) => client.write_info(head),
            Self::H2(client) => client.write_info(head),
        }
    }

    pub(crate) fn write_head(&mut self, head: &ResponseHead, body: BodyLength, last: bool) {
        match self {
            Self::H1(client) => client.write_head(head, body, last),
            Self::H2(client) => client.write_head(head, body),
        }
    }

    pub(crate) fn write_reply(&mut self, reply: Reply, last: bool) {
        match self {
            Self::H1(client) => client.write_reply(reply, last),
            Self::H2(client) => client.write_reply(reply),
        }
    }

    pub(crate) fn write_data(&mut self, piece: Piece<'_>, n: u32) {
        match self {
            Self::H1(client) => client.wire.write_data(piece, n),
            Self::H2(client) => client.write_data(piece, n),
        }
    }

    pub(crate) fn write_end(&mut self, trailers: Option<&FieldList>) {
        match self {
            Self::H1(client) => client.write_end(trailers),
            Self::H2(client) => client.write_end(trailers),
        }
    }

    pub(crate) fn reset(&mut self, cut: Cut) {
        match self {
            Self::H1(client) => client.reset(cut),
            Self::H2(client) => client.reset(),
        }
    }
}
