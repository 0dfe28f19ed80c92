//! [`Exchange`]: one request and its response, whatever the HTTP version on either side. It decides what
//! happens next and refuses to carry anything: no bytes, no frames, no fields, no clock.
//!
//! ```text
//!            Head            Verdict(Route)   Verdict(Proceed)  Verdict(Endpoint)    Connected
//!   Idle ───────► Asking(Route) ──► Asking(Hook) ──► Asking(Pick) ──► Connecting ──────────► Live
//!                      │                 │                ▲  │             │ Failed, retry     │ Failed before
//!                      │ Reply           │ Reply          └──┼─────────────┘                   │ the head, retry
//!                      ▼                 ▼        Reply      │        ▲                        │ on a fresh one
//!                  Delivering ◄───────────────────◄──────────┘        └────────────────────────┤
//!                      │  ▲                                                                    │
//!                      │  └──────────────── response complete, or our own reply ◄──────────────┤
//!                      │ Sent                                                                  │ 101
//!                      ▼                                     TunnelEnded                       ▼
//!                    Done ◄───────────────────────────────────────────────────────────────  Tunnel
//! ```
//!
//! **Driving it.** [`Exchange::handle`] takes an event, [`Exchange::poll_action`] gives what to do until it
//! gives `None`, [`Exchange::deadline`] says when to call [`Exchange::handle_timeout`] at the latest. Input
//! that makes no sense in the present phase is ignored: the other side may have spoken while we decided.
//!
//! **Back-pressure** is credit. Each side says how many bytes of body it can take (`Credit`); the other
//! side may deliver (`Grant`) no more than that. What was granted and not delivered plus what was delivered and
//! not credited again never exceeds what was credited: that is the whole memory an exchange can occupy.

mod half;
mod pace;
mod record;
mod vocabulary;

use std::time::Duration;

use eg_wire::head::BodyLength;

use self::half::{Flow, Half};
pub use self::pace::GRACE;
pub use self::record::Record;
pub use self::vocabulary::{
    Abilities, Action, Connection, Down, Ending, Input, Patience, Plan, Question, RequestFacts,
    ResponseFacts, Side, Stage, Up, Verdict,
};
use crate::queue::Queue;
use crate::time::Moment;

/// Informational responses that one exchange forwards; an endpoint that sends more is broken.
const MAX_INFORMATIONAL: u8 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Asking(Question),
    Connecting,
    Live,
    Delivering,
    Tunnel,
    Done,
}

/// What [`Exchange::deadline`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    Connect,
    FirstByte,
    Body,
    Sending,
    Pace,
    Request,
}

/// One request and its response. The module's text draws its life.
#[derive(Debug, Clone)]
pub struct Exchange {
    phase: Phase,
    down: Abilities,
    facts: RequestFacts,
    plan: Plan,
    patience: Patience,
    request: Half,
    response: Half,
    /// The last sign of life that the current timer counts from.
    progress: Moment,
    informational: u8,
    /// Endpoints picked so far.
    picked: u8,
    draining: bool,
    record: Record,
    actions: Queue<Action>,
}

impl Exchange {
    /// A new exchange for a client's side with these abilities, which takes `credit` bytes of response body.
    #[must_use]
    pub fn new(down: Abilities, credit: u32, patience: Patience, now: Moment) -> Self {
        Self {
            phase: Phase::Idle,
            down,
            facts: RequestFacts { body: BodyLength::Empty, idempotent: false, upgrade: false, waits: false },
            plan: Plan {
                hooks: false,
                connect_attempts: 1,
                connect: Duration::MAX,
                first_byte: None,
                request: None,
            },
            patience,
            request: Half::NEW,
            response: Half { free: credit, ..Half::NEW },
            progress: now,
            informational: 0,
            picked: 0,
            draining: false,
            record: Record::new(now),
            actions: Queue::default(),
        }
    }

    // --- getters ---------------------------------------------------------------------------------------

    /// Whether nothing follows.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Whether the request was read to its end, so that what follows on the connection is another message.
    #[must_use]
    pub fn request_complete(&self) -> bool {
        self.request.flow == Flow::Complete
    }

    /// The record; complete once [`Exchange::is_done`].
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// When [`Exchange::handle_timeout`] has something to do, if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.timer().map(|(_, at)| at)
    }

    // --- output ----------------------------------------------------------------------------------------

    /// The next thing to do, in order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop()
    }

    // --- input -----------------------------------------------------------------------------------------

    /// Takes an event.
    pub fn handle(&mut self, input: Input, now: Moment) {
        match input {
            Input::Down(event) => self.handle_down(event, now),
            Input::Up(event) => self.handle_up(event, now),
            Input::Verdict(verdict) => self.handle_verdict(verdict, now),
            Input::TunnelEnded { up, down } => {
                if self.phase == Phase::Tunnel {
                    self.record.request_bytes += up;
                    self.record.response_bytes += down;
                    self.finish(Ending::Tunnelled, now);
                }
            }
            Input::Draining => self.draining = true,
        }
        self.watch_pace(now);
        self.check();
    }

    /// Acts on a deadline that has passed; harmless before.
    pub fn handle_timeout(&mut self, now: Moment) {
        let Some((timer, at)) = self.timer() else { return };
        if now < at {
            return;
        }
        match timer {
            Timer::Connect => {
                self.actions.push(Action::UpReset);
                self.connect_failed(Ending::ConnectTimeout, 504, now);
            }
            Timer::FirstByte => self.give_up(Ending::UpstreamTimeout, 504, now),
            Timer::Request => self.give_up(Ending::RequestTimeout, 504, now),
            Timer::Sending | Timer::Pace => self.give_up(Ending::ClientTimeout, 408, now),
            Timer::Body if self.client_is_to_blame() => self.give_up(Ending::ClientTimeout, 408, now),
            Timer::Body => self.give_up(Ending::UpstreamTimeout, 504, now),
        }
        self.watch_pace(now);
        self.check();
    }

    fn handle_down(&mut self, event: Down, now: Moment) {
        match event {
            Down::Head(facts) if self.phase == Phase::Idle => {
                self.facts = facts;
                self.record = Record::new(now);
                self.request.flow = if facts.body == BodyLength::Empty { Flow::Complete } else { Flow::Open };
                self.ask(Question::Route);
            }
            Down::Data(n) => self.request_data(n, now),
            Down::Trailers if self.request.takes_data() => {
                self.request.trailers = true;
                if self.phase == Phase::Live {
                    self.actions.push(Action::UpTrailers);
                }
            }
            Down::End if self.request.flow == Flow::Open => {
                self.request.flow = Flow::Complete;
                if self.phase == Phase::Live {
                    self.progress = now;
                    self.actions.push(Action::UpEnd);
                }
            }
            Down::Reset if !matches!(self.phase, Phase::Idle | Phase::Done | Phase::Tunnel) => {
                self.give_up(Ending::ClientGone, 499, now);
            }
            Down::Malformed(status)
                if !matches!(self.phase, Phase::Delivering | Phase::Done | Phase::Tunnel) =>
            {
                self.request.flow = Flow::Cut;
                self.give_up(Ending::Malformed, status, now);
            }
            Down::Credit(n) if n > 0 => {
                // A sign of life only once there is something to take: before, it must not stretch other limits.
                if self.response.flow != Flow::Waiting {
                    self.progress = now;
                }
                self.response.free = self.response.free.saturating_add(n);
                if let Some(rate) = self.patience.min_rate {
                    self.response.pace.moved(n, rate, now);
                }
                self.grant(Side::Up);
            }
            Down::Sent if self.phase == Phase::Delivering => self.finish(self.record.ending, now),
            _ => {}
        }
    }

    fn handle_up(&mut self, event: Up, now: Moment) {
        match (event, self.phase) {
            (Up::Connected { connection, credit }, Phase::Connecting) => {
                self.connected(connection, credit, now)
            }
            (Up::Info(status), Phase::Live) if self.response.flow == Flow::Waiting => {
                self.informational(status, now);
            }
            (Up::Head(facts), Phase::Live) if self.response.flow == Flow::Waiting => {
                self.response_head(facts, now)
            }
            (Up::Data(n), Phase::Live) => self.response_data(n, now),
            (Up::Trailers, Phase::Live) if self.response.takes_data() => {
                self.response.trailers = true;
                if self.down.trailers {
                    self.actions.push(Action::DownTrailers);
                }
            }
            (Up::End, Phase::Live) if self.response.flow == Flow::Open => {
                self.actions.push(Action::DownEnd);
                self.response_complete(now);
            }
            (Up::Credit(n), Phase::Live) if n > 0 && self.request.flow == Flow::Open => {
                self.progress = now;
                self.request.free = self.request.free.saturating_add(n);
                self.grant(Side::Down);
            }
            (Up::Failed { .. }, Phase::Connecting) => {
                self.connect_failed(Ending::ConnectFailed, 502, now);
            }
            (Up::Failed { stage, wrote }, Phase::Live) => self.attempt_failed(stage, wrote, now),
            _ => {}
        }
    }

    fn handle_verdict(&mut self, verdict: Verdict, now: Moment) {
        match (verdict, self.phase) {
            (Verdict::Route(plan), Phase::Asking(Question::Route)) => {
                self.plan = plan;
                self.ask(if plan.hooks { Question::Hook } else { Question::Pick });
            }
            (Verdict::Proceed, Phase::Asking(Question::Hook)) => self.ask(Question::Pick),
            (Verdict::Endpoint, Phase::Asking(Question::Pick)) => {
                self.picked = self.picked.saturating_add(1);
                self.connect(false, now);
            }
            (Verdict::Reply(status), Phase::Asking(question)) => {
                // After a failed attempt the pick had nobody else to offer: the failure stays the reason.
                if question == Question::Pick && self.record.attempts > 0 {
                    let status = if self.record.ending == Ending::ConnectTimeout { 504 } else { 502 };
                    self.reply(self.record.ending, status, now);
                } else {
                    self.reply(Ending::Replied, status, now);
                }
            }
            _ => {}
        }
    }

    // --- the way up ------------------------------------------------------------------------------------

    fn ask(&mut self, question: Question) {
        self.phase = Phase::Asking(question);
        self.actions.push(Action::Ask(question));
    }

    fn connect(&mut self, fresh: bool, now: Moment) {
        self.phase = Phase::Connecting;
        self.progress = now;
        // Grants are promises of one attempt: what was not used of them is void, and granted anew once connected.
        self.request.granted = 0;
        self.response.free = self.response.free.saturating_add(self.response.granted);
        self.response.granted = 0;
        self.record.attempts = self.record.attempts.saturating_add(1);
        self.record.connected = None;
        self.record.reused = false;
        self.actions.push(Action::Connect { fresh });
    }

    fn connected(&mut self, connection: Connection, credit: u32, now: Moment) {
        self.phase = Phase::Live;
        self.progress = now;
        self.record.connected = Some(now);
        self.record.reused = connection == Connection::Reused;
        self.actions.push(Action::UpHead);
        // A body without a byte may have ended before this attempt was there to hear it.
        if self.request.trailers {
            self.actions.push(Action::UpTrailers);
        }
        if self.request.flow == Flow::Complete && self.facts.body != BodyLength::Empty {
            self.actions.push(Action::UpEnd);
        }
        self.request.free = credit;
        self.grant(Side::Down);
        self.grant(Side::Up);
    }

    fn request_data(&mut self, n: u32, now: Moment) {
        let n = n.min(self.request.granted);
        if n > 0 && self.phase == Phase::Live && self.request.takes_data() {
            // A client may tire of waiting for 100.
            self.facts.waits = false;
            self.request.granted -= n;
            self.record.request_bytes += u64::from(n);
            if let Some(rate) = self.patience.min_rate {
                self.request.pace.moved(n, rate, now);
            }
            self.progress = now;
            self.actions.push(Action::UpData(n));
        } else if n > 0 && self.phase == Phase::Delivering && self.request.flow == Flow::Cut {
            self.request.granted -= n;
            self.actions.push(Action::Discard(Side::Down, n));
        }
    }

    /// An endpoint could not be connected to: another one may do.
    fn connect_failed(&mut self, ending: Ending, status: u16, now: Moment) {
        self.record.ending = ending;
        if self.picked < self.plan.connect_attempts {
            self.ask(Question::Pick);
        } else {
            self.reply(ending, status, now);
        }
    }

    /// A connection broke, or spoke nonsense. A pooled one may have been dead already (RFC 9112, 9.3.1): then the
    /// same endpoint gets the request again on a fresh one, provided that nothing can happen twice.
    fn attempt_failed(&mut self, stage: Stage, wrote: bool, now: Moment) {
        let untouched = self.response.flow == Flow::Waiting && self.informational == 0;
        let replayable = self.record.request_bytes == 0 && (self.facts.idempotent || !wrote);
        if stage == Stage::Exchange && self.record.reused && untouched && replayable {
            self.connect(true, now);
            return;
        }
        let ending = match stage {
            Stage::Protocol => Ending::UpstreamMalformed,
            Stage::Connect | Stage::Exchange => Ending::UpstreamGone,
        };
        self.give_up(ending, 502, now);
    }

    // --- the way down ----------------------------------------------------------------------------------

    fn informational(&mut self, status: u16, now: Moment) {
        self.informational += 1;
        self.progress = now;
        self.facts.waits &= status != 100;
        if self.informational > MAX_INFORMATIONAL {
            self.give_up(Ending::UpstreamMalformed, 502, now);
        } else if self.down.informational {
            self.actions.push(Action::DownInfo);
        }
    }

    fn response_head(&mut self, facts: ResponseFacts, now: Moment) {
        if facts.status == 101 && !(self.facts.upgrade && self.request.flow == Flow::Complete) {
            self.give_up(Ending::UpstreamMalformed, 502, now);
            return;
        }
        self.record.status = facts.status;
        self.record.first_byte = Some(now);
        self.progress = now;
        // What is answered before it was heard to its end ends its connection (RFC 9112, 9.6). A response of unknown length
        // may be one that goes on with its request.
        let is_short = facts.status >= 400 || matches!(facts.body, BodyLength::Empty | BodyLength::Exact(_));
        let early = is_short && self.request.flow != Flow::Complete;
        self.actions.push(Action::DownHead { last: self.draining || early });
        if facts.status == 101 {
            self.response.flow = Flow::Complete;
            self.phase = Phase::Tunnel;
            self.actions.push(Action::Tunnel);
        } else if facts.body == BodyLength::Empty {
            self.response_complete(now);
        } else {
            self.response.flow = Flow::Open;
        }
    }

    fn response_data(&mut self, n: u32, now: Moment) {
        let n = n.min(self.response.granted);
        if n > 0 && self.response.takes_data() {
            self.response.granted -= n;
            self.record.response_bytes += u64::from(n);
            self.progress = now;
            self.actions.push(Action::DownData(n));
        }
    }

    /// The endpoint has said everything. If the client has not, nobody is left to hear it.
    fn response_complete(&mut self, now: Moment) {
        self.response.flow = Flow::Complete;
        self.record.ending = Ending::Complete;
        self.progress = now;
        self.phase = Phase::Delivering;
        if self.request.flow == Flow::Complete {
            self.actions.push(Action::UpRelease);
        } else {
            self.request.flow = Flow::Cut;
            self.actions.push(Action::UpReset);
        }
    }

    /// Answers ourselves. The endpoint, if there is one, has been dealt with.
    fn reply(&mut self, ending: Ending, status: u16, now: Moment) {
        if self.request.flow != Flow::Complete {
            self.request.flow = Flow::Cut;
        }
        self.response.flow = Flow::Complete;
        self.record.status = status;
        self.record.ending = ending;
        self.progress = now;
        self.phase = Phase::Delivering;
        let last = self.draining || self.request.flow == Flow::Cut;
        self.actions.push(Action::DownReply { status, last });
    }

    /// Ends an exchange that cannot go on: with a reply while one is still possible, else by a cut.
    fn give_up(&mut self, ending: Ending, status: u16, now: Moment) {
        if matches!(self.phase, Phase::Connecting | Phase::Live) {
            self.actions.push(Action::UpReset);
        }
        let head_sent = self.response.flow != Flow::Waiting;
        if head_sent || ending == Ending::ClientGone {
            if !head_sent {
                self.record.status = status;
            }
            self.cut(ending, now);
        } else {
            self.reply(ending, status, now);
        }
    }

    fn cut(&mut self, ending: Ending, now: Moment) {
        for half in [&mut self.request, &mut self.response] {
            if half.flow != Flow::Complete {
                half.flow = Flow::Cut;
            }
        }
        self.actions.push(Action::DownReset);
        self.finish(ending, now);
    }

    fn finish(&mut self, ending: Ending, now: Moment) {
        self.record.ending = ending;
        self.record.ended = now;
        self.phase = Phase::Done;
        self.actions.push(Action::Done);
    }

    // --- credit and time -------------------------------------------------------------------------------

    /// Passes on to `source` what the other side can take.
    fn grant(&mut self, source: Side) {
        let half = match source {
            Side::Down => &mut self.request,
            Side::Up => &mut self.response,
        };
        let wanted = matches!(half.flow, Flow::Waiting | Flow::Open) && !half.trailers;
        let n = half.free.min(u32::MAX - half.granted);
        if self.phase == Phase::Live && wanted && n > 0 {
            half.free -= n;
            half.granted += n;
            self.actions.push(Action::Grant(source, n));
        }
    }

    /// Of a body that stands still: who could have acted and did not? A client that does not read what waits for
    /// it is, even if its endpoint has stopped reading too, which may be waiting for room to answer.
    fn client_is_to_blame(&self) -> bool {
        self.client_could_send() || self.client_could_take()
    }

    fn client_could_send(&self) -> bool {
        self.request.flow == Flow::Open && self.request.source_may_act() && !self.facts.waits
    }

    fn client_could_take(&self) -> bool {
        self.response.flow == Flow::Open && !self.response.source_may_act()
    }

    /// Time counts against a client while nobody else could move its bytes.
    fn watch_pace(&mut self, now: Moment) {
        if self.patience.min_rate.is_some() {
            let (live, delivering) = (self.phase == Phase::Live, self.phase == Phase::Delivering);
            let sends = live && self.client_could_send();
            let takes = (live && self.client_could_take()) || delivering;
            self.request.pace.waits(sends, now);
            self.response.pace.waits(takes, now);
        }
    }

    fn timer(&self) -> Option<(Timer, Moment)> {
        let phase = match self.phase {
            Phase::Idle | Phase::Asking(_) | Phase::Tunnel | Phase::Done => None,
            Phase::Connecting => Some((Timer::Connect, self.progress + self.plan.connect)),
            Phase::Delivering => Some((Timer::Sending, self.progress + self.patience.body_idle)),
            Phase::Live => match (self.request.flow, self.response.flow) {
                (flow, Flow::Waiting) if flow == Flow::Complete || self.facts.waits => {
                    self.plan.first_byte.map(|limit| (Timer::FirstByte, self.progress + limit))
                }
                _ => Some((Timer::Body, self.progress + self.patience.body_idle)),
            },
        };
        let pace = match (self.request.pace.deadline(), self.response.pace.deadline()) {
            (Some(one), Some(other)) => Some((Timer::Pace, one.min(other))),
            (one, other) => one.or(other).map(|at| (Timer::Pace, at)),
        };
        let whole = match self.phase {
            Phase::Idle | Phase::Tunnel | Phase::Done => None,
            // The client is still to hear of it.
            Phase::Delivering if self.record.ending == Ending::RequestTimeout => None,
            _ => self.plan.request.map(|limit| (Timer::Request, self.record.started + limit)),
        };
        // The first, and of two at once the one that says more about whose doing it is.
        sooner(sooner(phase, pace), whole)
    }

    /// What must hold after every input; checked in builds with debug assertions.
    fn check(&self) {
        if cfg!(debug_assertions) {
            let done = self.phase == Phase::Done;
            assert!(!done || self.response.flow != Flow::Open, "done with an open response: {self:?}");
            assert!(!done || self.request.flow != Flow::Open, "done with an open request: {self:?}");
            assert!(
                self.phase != Phase::Live || self.record.connected.is_some(),
                "live without upstream: {self:?}"
            );
            assert!(self.record.started <= self.record.ended || !done, "ended before it started: {self:?}");
        }
    }
}

/// The first of two deadlines; of two at once, the one.
fn sooner(one: Option<(Timer, Moment)>, other: Option<(Timer, Moment)>) -> Option<(Timer, Moment)> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.1 < one.1 { other } else { one }),
        (one, other) => one.or(other),
    }
}
