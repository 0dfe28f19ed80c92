//! [`Watch`]: the promises of an exchange, kept as a ledger of what was heard and what was wanted. It knows the
//! vocabulary and none of the machine's states, so that it cannot be wrong in the same way.

use std::time::Duration;

use eg_core::exchange::{
    Abilities, Action, Connection, Down, Ending, Exchange, Input, Plan, Question, RequestFacts,
    ResponseFacts, Side, Stage, Up, Verdict,
};
use eg_core::time::Moment;
use eg_wire::head::BodyLength;

/// What the exchange is told: an event, or that time has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Event(Input),
    Time,
}

/// How the endpoint's side stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    None,
    Connecting {
        fresh: bool,
    },
    Live,
    /// It failed by itself; the exchange may clear up behind it.
    Failed {
        stage: Stage,
        wrote: bool,
        live: bool,
    },
    Tunnel,
    Over,
}

/// What has become of one body.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Way {
    /// What its sink said that it can take, in all.
    pub(crate) credit: u64,
    /// What was moved to its sink.
    pub(crate) moved: u64,
    /// What its source was granted and has not delivered.
    pub(crate) granted: u32,
    /// What was dropped; nothing may move after that, or there would be a gap.
    dropped: u64,
    pub(crate) trailers: bool,
    pub(crate) ended: bool,
}

impl Way {
    fn grant(&mut self, n: u32) {
        assert!(n > 0, "a grant of nothing");
        self.granted += n;
        let promised = self.moved + self.dropped + u64::from(self.granted);
        assert!(
            promised <= self.credit,
            "{promised} bytes are promised of {} that can be taken",
            self.credit
        );
    }

    fn take(&mut self, n: u32, told: u32) {
        assert!(n > 0, "a movement of nothing");
        assert!(
            n == told.min(self.granted),
            "of {told} bytes, {} of them granted, {n} were taken",
            self.granted
        );
        self.granted -= n;
    }

    fn carry(&mut self, n: u32, told: u32) {
        assert!(!self.trailers && !self.ended && self.dropped == 0, "bytes after the end: {self:?}");
        self.take(n, told);
        self.moved += u64::from(n);
    }
}

pub(crate) struct Watch {
    able: Abilities,
    body_idle: Duration,
    plan: Option<Plan>,
    started: Moment,
    pub(crate) facts: Option<RequestFacts>,
    /// The endpoint said 100.
    continued: bool,
    /// The client said these, when they meant something.
    pub(crate) trailers_told: bool,
    end_told: bool,
    malformed: bool,
    draining: bool,
    pub(crate) question: Option<Question>,
    verdict: Option<Verdict>,
    pub(crate) attempt: Attempt,
    connection: Option<Connection>,
    /// To the endpoint of this attempt.
    pub(crate) request: Way,
    pub(crate) response: Way,
    /// The endpoint said trailers, whether or not the client can hear them.
    pub(crate) response_trailers_told: bool,
    informational: u32,
    pub(crate) head: Option<ResponseFacts>,
    reply: Option<u16>,
    cut: bool,
    attempts: u32,
    picks: u32,
    pub(crate) done: bool,
}

impl Watch {
    pub(crate) fn new(able: Abilities, credit: u32, body_idle: Duration) -> Self {
        Self {
            able,
            body_idle,
            plan: None,
            started: Moment::default(),
            facts: None,
            continued: false,
            trailers_told: false,
            end_told: false,
            malformed: false,
            draining: false,
            question: None,
            verdict: None,
            attempt: Attempt::None,
            connection: None,
            request: Way::default(),
            response: Way { credit: u64::from(credit), ..Way::default() },
            response_trailers_told: false,
            informational: 0,
            head: None,
            reply: None,
            cut: false,
            attempts: 0,
            picks: 0,
            done: false,
        }
    }

    // --- what can be seen ------------------------------------------------------------------------------

    fn has_body(&self) -> bool {
        self.facts.is_some_and(|facts| facts.body != BodyLength::Empty)
    }

    /// The client said all of its request, and all of it was right.
    pub(crate) fn request_complete(&self) -> bool {
        self.facts.is_some() && !self.malformed && (self.end_told || !self.has_body())
    }

    /// The client has all of a response, or will once it takes it.
    pub(crate) fn delivering(&self) -> bool {
        let empty = self.head.is_some_and(|head| head.body == BodyLength::Empty && head.status != 101);
        !self.done && (self.reply.is_some() || self.response.ended || empty)
    }

    /// What the client says of its body still matters.
    pub(crate) fn request_open(&self) -> bool {
        let heard = !self.delivering() && !self.done && self.attempt != Attempt::Tunnel;
        self.has_body() && !self.end_told && !self.malformed && heard
    }

    /// What the endpoint says of its body still matters.
    pub(crate) fn response_open(&self) -> bool {
        self.attempt == Attempt::Live && self.head.is_some() && !self.response.ended
    }

    // --- one step --------------------------------------------------------------------------------------

    /// Takes note of what was heard, then holds what is wanted for it against every promise.
    pub(crate) fn step(&mut self, heard: Heard, actions: &[Action], exchange: &Exchange, now: Moment) {
        let was_done = self.done;
        let (up, down) = (self.takes_from_client(), self.takes_from_endpoint());
        self.verdict = None;
        match heard {
            Heard::Event(Input::Down(event)) => self.hear_client(event, now),
            Heard::Event(Input::Up(event)) => self.hear_endpoint(event),
            Heard::Event(Input::Verdict(verdict)) => self.hear_verdict(verdict),
            Heard::Event(Input::TunnelEnded { .. }) if self.attempt == Attempt::Tunnel => {
                self.attempt = Attempt::Over;
            }
            Heard::Event(Input::Draining) => self.draining = true,
            Heard::Event(Input::TunnelEnded { .. }) | Heard::Time => {}
        }
        for action in actions {
            assert!(!self.done, "something follows the end");
            assert!(!self.cut || *action == Action::Done, "{action:?} after the cut");
            self.act_on_both(*action, heard);
            self.act_on_endpoint(*action, heard);
            self.act_on_client(*action, heard);
        }
        let moved = |wanted: fn(&Action) -> Option<u32>| actions.iter().filter_map(wanted).sum::<u32>();
        if let Heard::Event(Input::Down(Down::Data(n))) = heard {
            let taken = moved(|action| match action {
                Action::UpData(n) | Action::Discard(Side::Down, n) => Some(*n),
                _ => None,
            });
            assert!(taken == n.min(up), "{taken} of {n} bytes were taken, {up} were due");
        }
        if let Heard::Event(Input::Up(Up::Data(n))) = heard {
            let taken = moved(|action| if let Action::DownData(n) = action { Some(*n) } else { None });
            assert!(taken == n.min(down), "{taken} of {n} bytes were taken, {down} were due");
        }
        self.settled(exchange, now);
        if self.done && !was_done {
            self.the_record_is_true(exchange, heard, now);
        }
    }

    /// How many bytes of the client's must neither stay nor vanish.
    fn takes_from_client(&self) -> u32 {
        let open = self.attempt == Attempt::Live && self.request_open() && !self.trailers_told;
        let dropping = self.delivering() && self.has_body() && !self.request_complete();
        if open || dropping { self.request.granted } else { 0 }
    }

    /// How many bytes of the endpoint's must not vanish.
    fn takes_from_endpoint(&self) -> u32 {
        if self.response_open() && !self.response_trailers_told { self.response.granted } else { 0 }
    }

    // --- what is heard ---------------------------------------------------------------------------------

    fn hear_client(&mut self, event: Down, now: Moment) {
        match event {
            Down::Head(facts) if self.facts.is_none() && !self.delivering() && !self.done => {
                self.facts = Some(facts);
                self.started = now;
            }
            Down::Trailers if self.request_open() => self.trailers_told = true,
            Down::End if self.request_open() => self.end_told = true,
            Down::Malformed(_) if !self.delivering() && !self.done && self.attempt != Attempt::Tunnel => {
                self.malformed = true;
            }
            Down::Credit(n) => self.response.credit += u64::from(n),
            _ => {}
        }
    }

    fn hear_endpoint(&mut self, event: Up) {
        match (event, self.attempt) {
            (Up::Connected { connection, credit }, Attempt::Connecting { .. }) => {
                self.connection = Some(connection);
                self.request.credit = u64::from(credit);
            }
            (Up::Credit(n), Attempt::Live) if self.request_open() => self.request.credit += u64::from(n),
            (Up::Trailers, Attempt::Live) if self.response_open() => self.response_trailers_told = true,
            (Up::Info(status), Attempt::Live) if self.head.is_none() => {
                self.informational += 1;
                self.continued |= status == 100;
            }
            (Up::Failed { stage, wrote }, Attempt::Live) => {
                self.attempt = Attempt::Failed { stage, wrote, live: true };
            }
            (Up::Failed { stage, wrote }, Attempt::Connecting { .. }) => {
                self.attempt = Attempt::Failed { stage, wrote, live: false };
            }
            _ => {}
        }
    }

    fn hear_verdict(&mut self, verdict: Verdict) {
        let fits = match verdict {
            Verdict::Route(_) => self.question == Some(Question::Route),
            Verdict::Proceed => self.question == Some(Question::Hook),
            Verdict::Endpoint => self.question == Some(Question::Pick),
            Verdict::Reply(_) => self.question.is_some(),
        };
        if fits {
            self.question = None;
            self.verdict = Some(verdict);
            if let Verdict::Route(plan) = verdict {
                self.plan = Some(plan);
            }
        }
    }

    // --- what is wanted --------------------------------------------------------------------------------

    fn act_on_both(&mut self, action: Action, heard: Heard) {
        match action {
            Action::Ask(question) => {
                let asked = match (self.verdict, question) {
                    (None, Question::Route) => matches!(heard, Heard::Event(Input::Down(Down::Head(_)))),
                    (Some(Verdict::Route(plan)), Question::Hook) => plan.hooks,
                    (Some(Verdict::Route(plan)), Question::Pick) => !plan.hooks,
                    (Some(Verdict::Proceed), Question::Pick) => true,
                    (None, Question::Pick) => {
                        matches!(self.attempt, Attempt::Failed { live: false, .. } | Attempt::Over)
                    }
                    _ => false,
                };
                assert!(
                    asked && self.question.is_none() && self.reply.is_none(),
                    "{question:?} out of order"
                );
                self.question = Some(question);
            }
            Action::Connect { fresh } => self.connects(fresh),
            Action::Grant(Side::Down, n) => {
                assert!(
                    self.attempt == Attempt::Live && self.request_open() && !self.trailers_told,
                    "grants in vain"
                );
                self.request.grant(n);
            }
            Action::Grant(Side::Up, n) => {
                assert!(self.attempt == Attempt::Live && !self.response_trailers_told, "grants in vain");
                self.response.grant(n);
            }
            Action::Discard(side, n) => {
                let Heard::Event(Input::Down(Down::Data(told))) = heard else { panic_on(heard, action) };
                assert!(
                    side == Side::Down && self.delivering() && !self.request_complete(),
                    "wanted bytes dropped"
                );
                self.request.take(n, told);
                self.request.dropped += u64::from(n);
            }
            _ => {}
        }
    }

    fn connects(&mut self, fresh: bool) {
        if fresh {
            let Attempt::Failed { stage: Stage::Exchange, wrote, live: true } = self.attempt else {
                panic_on(self.attempt, "a second connection to the same endpoint")
            };
            let idempotent = self.facts.is_some_and(|facts| facts.idempotent);
            assert!(self.connection == Some(Connection::Reused), "a fresh connection was no better");
            assert!(self.request.moved == 0 && (idempotent || !wrote), "something may happen twice");
            assert!(self.informational == 0 && self.head.is_none(), "the endpoint has spoken");
        } else {
            assert!(self.verdict == Some(Verdict::Endpoint), "no endpoint was picked");
            self.picks += 1;
            let most = self.plan.map_or(0, |plan| u32::from(plan.connect_attempts)).max(1);
            assert!(self.picks <= most, "{} endpoints of {most} tried", self.picks);
        }
        self.attempts += 1;
        self.attempt = Attempt::Connecting { fresh };
        self.connection = None;
        self.request = Way::default();
        self.response.granted = 0;
    }

    fn act_on_endpoint(&mut self, action: Action, heard: Heard) {
        let live = self.attempt == Attempt::Live;
        match action {
            Action::UpHead => {
                assert!(
                    matches!(self.attempt, Attempt::Connecting { .. }) && self.connection.is_some(),
                    "no connection"
                );
                self.attempt = Attempt::Live;
            }
            Action::UpData(n) => {
                let Heard::Event(Input::Down(Down::Data(told))) = heard else { panic_on(heard, action) };
                assert!(live, "to nobody");
                self.request.carry(n, told);
            }
            Action::UpTrailers => {
                assert!(
                    live && self.trailers_told && !self.request.trailers && !self.request.ended,
                    "trailers"
                );
                self.request.trailers = true;
            }
            Action::UpEnd => {
                assert!(
                    live && self.end_told && self.has_body() && !self.request.ended,
                    "an end out of order"
                );
                self.request.ended = true;
            }
            Action::UpReset => {
                let something = matches!(
                    self.attempt,
                    Attempt::Connecting { .. } | Attempt::Live | Attempt::Failed { live: true, .. }
                );
                assert!(something, "a reset of nothing: {:?}", self.attempt);
                self.attempt = Attempt::Over;
            }
            Action::UpRelease => {
                let said = self.request.ended || !self.has_body();
                assert!(live && said && self.delivering() && self.reply.is_none(), "released half-way");
                self.attempt = Attempt::Over;
            }
            Action::Tunnel => {
                let wanted = self.facts.is_some_and(|facts| facts.upgrade) && self.request_complete();
                assert!(
                    live && wanted && self.head.is_some_and(|head| head.status == 101),
                    "a tunnel unasked"
                );
                self.attempt = Attempt::Tunnel;
            }
            _ => {}
        }
    }

    fn act_on_client(&mut self, action: Action, heard: Heard) {
        let silent = self.head.is_none() && self.reply.is_none();
        match action {
            Action::DownInfo => {
                assert!(
                    silent && self.able.informational && self.informational <= 16,
                    "information out of order"
                );
                assert!(matches!(heard, Heard::Event(Input::Up(Up::Info(_)))), "information out of nothing");
            }
            Action::DownHead { last } => {
                let Heard::Event(Input::Up(Up::Head(facts))) = heard else { panic_on(heard, action) };
                assert!(silent && self.attempt == Attempt::Live, "a second response");
                let is_short =
                    facts.status >= 400 || matches!(facts.body, BodyLength::Empty | BodyLength::Exact(_));
                let early = is_short && !self.request_complete();
                assert!(last == (self.draining || early), "the connection's last?");
                self.head = Some(facts);
            }
            Action::DownReply { last, status } => {
                let over =
                    !matches!(self.attempt, Attempt::Connecting { .. } | Attempt::Live | Attempt::Tunnel);
                assert!(silent && over, "a second response");
                assert!(self.is_plausible(status, heard), "{heard:?} was answered with {status}");
                assert!(last == (self.draining || !self.request_complete()), "the connection's last?");
                self.question = None;
                self.reply = Some(status);
            }
            Action::DownData(n) => {
                let Heard::Event(Input::Up(Up::Data(told))) = heard else { panic_on(heard, action) };
                assert!(self.response_open(), "a body without a head");
                self.response.carry(n, told);
            }
            Action::DownTrailers => {
                assert!(self.able.trailers && self.response_open() && !self.response.trailers, "trailers");
                assert!(heard == Heard::Event(Input::Up(Up::Trailers)), "trailers out of nothing");
                self.response.trailers = true;
            }
            Action::DownEnd => {
                assert!(self.response_open(), "an end without a body");
                assert!(heard == Heard::Event(Input::Up(Up::End)), "an end out of nothing");
                self.response.ended = true;
            }
            Action::DownReset => self.cut = true,
            Action::Done => {
                assert!(self.cut || self.delivering() || self.attempt == Attempt::Over, "an end half-way");
                self.done = true;
            }
            _ => {}
        }
    }

    /// Whether this status answers that.
    fn is_plausible(&self, status: u16, heard: Heard) -> bool {
        match heard {
            Heard::Event(Input::Verdict(Verdict::Reply(said))) if self.attempts == 0 => status == said,
            Heard::Event(Input::Down(Down::Malformed(said))) => status == said,
            Heard::Event(Input::Verdict(Verdict::Reply(_))) => matches!(status, 502 | 504),
            Heard::Event(Input::Up(_)) => status == 502,
            Heard::Time => matches!(status, 408 | 504),
            Heard::Event(_) => false,
        }
    }

    // --- when all is said ------------------------------------------------------------------------------

    fn settled(&self, exchange: &Exchange, now: Moment) {
        assert!(self.done == exchange.is_done(), "done or not?");
        assert!(self.request_complete() == exchange.request_complete(), "was the request complete?");
        if self.attempt == Attempt::Live && !self.done {
            self.nothing_is_held_back();
        }
        self.a_deadline_is_near(exchange, now);
    }

    /// A live attempt knows all that the client said, and both sources may send all that can be taken.
    fn nothing_is_held_back(&self) {
        if self.has_body() && !self.malformed {
            assert!(self.request.ended == self.end_told, "the endpoint was not told of the end");
            assert!(self.request.trailers == self.trailers_told, "the endpoint was not told of trailers");
        }
        let free = |way: &Way| way.credit - way.moved - u64::from(way.granted);
        if self.request_open() && !self.trailers_told {
            assert!(free(&self.request) == 0, "{} bytes up are held back", free(&self.request));
        }
        if !self.response_trailers_told {
            assert!(free(&self.response) == 0, "{} bytes down are held back", free(&self.response));
        }
    }

    /// Whatever waits for somebody outside has a limit, and no other one.
    fn a_deadline_is_near(&self, exchange: &Exchange, now: Moment) {
        let waits = self.facts.is_some_and(|facts| facts.waits) && !self.continued && self.request.moved == 0;
        let answering = (self.request_complete() || waits) && self.head.is_none();
        let phase = match self.attempt {
            _ if self.done => None,
            _ if self.delivering() => Some(self.body_idle),
            Attempt::Connecting { .. } => self.plan.map(|plan| plan.connect),
            Attempt::Live if answering => self.plan.and_then(|plan| plan.first_byte),
            Attempt::Live => Some(self.body_idle),
            _ => None,
        };
        let told = self.delivering() && exchange.record().ending == Ending::RequestTimeout;
        let free = self.done || told || self.attempt == Attempt::Tunnel;
        let whole =
            self.plan.and_then(|plan| plan.request).filter(|_| !free).map(|limit| self.started + limit);
        let bound = phase.map(|limit| now + limit).into_iter().chain(whole).min();
        match (exchange.deadline(), bound) {
            (Some(at), Some(bound)) => assert!(at <= bound, "due at {at:?}, after {bound:?}"),
            (at, bound) => assert!(at.is_none() && bound.is_none(), "due at {at:?}, should be by {bound:?}"),
        }
    }

    fn the_record_is_true(&self, exchange: &Exchange, heard: Heard, now: Moment) {
        let record = exchange.record();
        let over =
            matches!(self.attempt, Attempt::None | Attempt::Failed { live: false, .. } | Attempt::Over);
        assert!(over, "the endpoint was left alone: {:?}", self.attempt);
        let status = self.head.map(|head| head.status).or(self.reply);
        assert!(status.is_some() || record.ending == Ending::ClientGone, "no response, {record:?}");
        assert!(record.status == status.unwrap_or(499), "{record:?}, the client was told {status:?}");
        assert!(u32::from(record.attempts) == self.attempts, "{record:?}, not {} attempts", self.attempts);
        assert!(record.reused == (self.connection == Some(Connection::Reused)), "{record:?}: reused or not?");
        assert!(record.connected.is_some() == self.connection.is_some(), "{record:?}: connected or not?");
        assert!(record.ended == now, "{record:?}, not at {now:?}");
        if record.ending != Ending::Tunnelled {
            assert!(record.request_bytes == self.request.moved, "{record:?}, not {:?}", self.request);
            assert!(record.response_bytes == self.response.moved, "{record:?}, not {:?}", self.response);
        }
        let plausible = match heard {
            Heard::Event(Input::Down(Down::Sent)) => {
                !self.cut && (self.reply.is_none() == (record.ending == Ending::Complete))
            }
            Heard::Event(Input::TunnelEnded { .. }) => record.ending == Ending::Tunnelled,
            Heard::Event(Input::Down(Down::Reset)) => record.ending == Ending::ClientGone,
            Heard::Event(Input::Down(_)) => record.ending == Ending::Malformed,
            Heard::Event(Input::Up(_)) => {
                matches!(record.ending, Ending::UpstreamGone | Ending::UpstreamMalformed)
            }
            Heard::Time => {
                matches!(
                    record.ending,
                    Ending::ClientTimeout | Ending::UpstreamTimeout | Ending::RequestTimeout
                )
            }
            Heard::Event(Input::Verdict(_) | Input::Draining) => false,
        };
        assert!(plausible, "{heard:?} ended it as {record:?}");
    }
}

#[allow(clippy::panic, reason = "a promise that was broken is a test that fails")]
fn panic_on(cause: impl std::fmt::Debug, what: impl std::fmt::Debug) -> ! {
    panic!("{what:?} out of {cause:?}");
}
