//! [`Gateway`]: the requests of one connection, one after the other, as the product serves them. It refuses to look at
//! what was written.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use eg_core::exchange::Ending;
use eg_core::time::Moment;
use eg_wire::h1::HeadLimits;
use eg_wire::head::{BodyLength, Method, RequestHead};

use crate::carry::{Carry, Start};
use crate::h1::down::{Client, NoRequest};
use crate::h1::up::Origin;
use crate::story::{LIMITED, SMALL_CREDIT, Story, World};
use crate::stream::Peer;
use crate::told::{Answer, Exchanged, Told};

const LIMITS: HeadLimits = HeadLimits { bytes: 8 * 1024, fields: 64 };
/// Most bytes of a body whose length was not told, where there is a limit.
const LIMIT: u64 = 64;
const FEW: u32 = 16;

/// Nobody is woken: whoever waits is asked again.
pub(crate) fn idle() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

pub(crate) struct Gateway {
    pub(crate) world: World,
    pub(crate) client: Client,
    pub(crate) limit: Option<u64>,
    pub(crate) credit: Option<u32>,
    /// Turns in a row in which nobody else does anything: more than any honest work takes.
    pub(crate) most_turns: usize,
    pub(crate) kept: Option<(usize, Box<Origin>)>,
    pub(crate) now: Moment,
    pub(crate) told: Told,
}

/// Carries everything that `story` says.
pub(crate) fn converse(story: &Story<'_>, bytes: usize) -> Told {
    let (peer, stream) = Peer::new();
    let mut gateway = Gateway {
        world: World::new(story, peer.clone()),
        client: Client::new(stream, LIMITS),
        limit: story.says(LIMITED).then_some(LIMIT),
        credit: story.says(SMALL_CREDIT).then_some(FEW),
        most_turns: 1000 + 8 * bytes,
        kept: None,
        now: Moment::at(Duration::from_secs(1)),
        told: Told { client: peer, endpoints: Vec::new(), exchanges: Vec::new(), no_more_came: false },
    };
    let mut request = RequestHead::default();
    while let Some(start) = gateway.next_request(&mut request) {
        Carry::new(&mut gateway, &mut request, start).run();
        if !gateway.may_follow() {
            return gateway.told;
        }
    }
    gateway.told.no_more_came = true;
    gateway.told
}

impl Gateway {
    /// Waits for a request and reads its head. The error is what to answer.
    fn next_request(&mut self, request: &mut RequestHead) -> Option<Start> {
        let place = |gateway: &Self| {
            gateway.told.client.look().read.len() - gateway.client.wire.input.as_slice().len()
        };
        let from = place(self);
        while self.client.poll_begin(&mut idle()).map(|begun| begun.ok()) != Poll::Ready(Some(())) {
            if !self.world.turn(false, false) {
                return None;
            }
        }
        let start = loop {
            match self.client.poll_head(&mut idle(), request) {
                Poll::Ready(Ok(_)) if request.method == Method::Connect => break Err(405),
                Poll::Ready(Ok(BodyLength::Exact(n))) if self.limit.is_some_and(|limit| n > limit) => {
                    break Err(413);
                }
                Poll::Ready(Ok(body)) => break Ok(body),
                Poll::Ready(Err(NoRequest::Gone)) => return None,
                Poll::Ready(Err(NoRequest::Malformed(error))) => break Err(error.status()),
                Poll::Pending if self.world.turn(false, false) => {}
                Poll::Pending => break Err(408),
            }
        };
        let is_head = {
            let read = &self.told.client.look().read;
            let line = read[from..].strip_prefix(b"\r\n").unwrap_or(&read[from..]);
            line.starts_with(b"HEAD ")
        };
        self.told.exchanges.push(Exchanged {
            head: start.is_ok().then(|| request.clone()),
            method: if is_head { Method::Head } else { request.method },
            from,
            to: (start == Ok(BodyLength::Empty)).then(|| place(self)),
            data: Vec::new(),
            trailers: Vec::new(),
            answer: Answer::default(),
            ending: Ending::Complete,
            request_complete: false,
            cut: false,
        });
        Some(start)
    }

    /// As the product decides it.
    fn may_follow(&self) -> bool {
        let Some(last) = self.told.exchanges.last() else { return true };
        self.client.keeps()
            && last.request_complete
            && matches!(
                last.ending,
                Ending::Complete
                    | Ending::Replied
                    | Ending::ConnectFailed
                    | Ending::ConnectTimeout
                    | Ending::UpstreamGone
                    | Ending::UpstreamMalformed
                    | Ending::UpstreamTimeout
                    | Ending::RequestTimeout
            )
    }
}
