//! A world around an exchange: a client, an endpoint and a driver that say what they please, when they please,
//! as chance has it. With good manners they say only what the vocabulary allows them to; without, anything.

use std::time::Duration;

use eg_core::exchange::{
    Abilities, Connection, Down, Ending, Exchange, Input, Patience, Plan, Question, RequestFacts,
    ResponseFacts, Stage, Up, Verdict,
};
use eg_core::time::Moment;
use eg_wire::head::BodyLength;

use crate::chance::Chance;
use crate::seeds::Log;
use crate::watch::{Attempt, Heard, Watch};

/// Steps that a story takes before everybody falls silent.
const STEPS: u32 = 120;
/// Steps in which well-behaved sides are done by far.
const ENOUGH: u32 = 2_000;
/// More than any side says at once.
const MOUTHFUL: u32 = 40;

/// One side of a body: what it still has to say, and what it was given and has not digested.
#[derive(Default)]
struct Party {
    left: u32,
    trailers: bool,
    undigested: u32,
}

pub(crate) struct World<'a> {
    chance: Chance,
    log: &'a mut Log,
    now: Moment,
    exchange: Exchange,
    watch: Watch,
    plan: Plan,
    facts: RequestFacts,
    client: Party,
    endpoint: Party,
    /// What each side has to say, which is to arrive if nothing goes wrong.
    request_size: u32,
    response_size: u32,
}

/// How a story came out.
pub(crate) struct Outcome {
    pub(crate) ending: Option<Ending>,
    pub(crate) attempts: u8,
}

impl<'a> World<'a> {
    pub(crate) fn new(seed: u64, log: &'a mut Log) -> Self {
        let mut chance = Chance::new(seed);
        let millis = |n: u32| Duration::from_millis(u64::from(n));
        let able = Abilities { trailers: chance.one_in(2), informational: chance.one_in(2) };
        let credit = chance.some(MOUTHFUL);
        let body_idle = millis(chance.some(5_000));
        let plan = Plan {
            hooks: chance.one_in(3),
            connect_attempts: chance.up_to(3) as u8,
            connect: millis(chance.some(2_000)),
            first_byte: (!chance.one_in(4)).then(|| millis(chance.some(3_000))),
            request: chance.one_in(4).then(|| millis(chance.some(9_000))),
        };
        let body = chance.one_of(&[BodyLength::Empty, BodyLength::Exact(100), BodyLength::Streamed]);
        let facts = RequestFacts {
            body,
            idempotent: chance.one_in(2),
            upgrade: chance.one_in(4),
            waits: chance.one_in(8),
        };
        let now = Moment::at(millis(chance.up_to(1_000)));
        let mut sides = [chance.up_to(3 * MOUTHFUL), chance.up_to(3 * MOUTHFUL)];
        sides[0] = if body == BodyLength::Empty { 0 } else { sides[0] };
        let [request_size, response_size] = sides;
        Self {
            exchange: Exchange::new(able, credit, Patience { body_idle, min_rate: None }, now),
            watch: Watch::new(able, credit, body_idle),
            client: Party { left: request_size, trailers: chance.one_in(3), undigested: 0 },
            endpoint: Party::default(),
            chance,
            log,
            now,
            plan,
            facts,
            request_size,
            response_size,
        }
    }

    /// Nobody does anything wrong and no time passes: every byte arrives.
    pub(crate) fn all_goes_well(mut self) {
        while !self.watch.done {
            assert!(self.log.step < ENOUGH, "no end in sight");
            let choices = self.courteous();
            assert!(!choices.is_empty(), "everybody waits for somebody else: {:?}", self.exchange);
            let input = self.chance.one_of(&choices);
            self.hears(Heard::Event(input));
        }
        let record = self.exchange.record();
        assert!(matches!(record.ending, Ending::Complete | Ending::Tunnelled), "{record:?}");
        if record.ending == Ending::Complete {
            assert!(self.watch.response.moved == u64::from(self.response_size), "{record:?}");
        }
        if self.watch.request_complete() && self.watch.request.ended {
            assert!(self.watch.request.moved == u64::from(self.request_size), "{record:?}");
        }
    }

    /// Anything goes wrong, in any order and at any time, and then nobody says anything any more.
    pub(crate) fn anything_goes_wrong(mut self) -> Outcome {
        let manners = self.chance.one_of(&[4, 16, 64, 256]);
        let faults = self.chance.one_of(&[8, 32, 128]);
        let haste = self.chance.one_of(&[16, 64, 256]);
        while self.log.step < STEPS && !self.watch.done {
            if self.chance.one_in(manners) {
                let input = self.anything();
                self.hears(Heard::Event(input));
            } else if self.chance.one_in(faults) || (self.begins() && self.chance.one_in(4)) {
                self.goes_wrong();
            } else {
                let choices = self.courteous();
                if !choices.is_empty() {
                    let input = self.chance.one_of(&choices);
                    self.hears(Heard::Event(input));
                }
            }
            self.time_passes(haste);
        }
        self.silence_falls();
        let ending = self.watch.done.then(|| self.exchange.record().ending);
        let attempts = self.exchange.record().attempts;
        self.nothing_follows();
        Outcome { ending, attempts }
    }

    /// Here most of the branches are: connections that fail, and pooled ones that have died.
    fn begins(&self) -> bool {
        let connecting = matches!(self.watch.attempt, Attempt::Connecting { .. });
        connecting || (self.watch.attempt == Attempt::Live && self.watch.head.is_none())
    }

    // --- hearing ---------------------------------------------------------------------------------------

    fn hears(&mut self, heard: Heard) {
        self.log.step += 1;
        self.log.tell(self.now, ">>", &heard);
        let (request, response) = (self.watch.request.moved, self.watch.response.moved);
        let was_live = self.watch.attempt == Attempt::Live;
        match heard {
            Heard::Event(input) => self.exchange.handle(input, self.now),
            Heard::Time => self.exchange.handle_timeout(self.now),
        }
        let actions: Vec<_> = std::iter::from_fn(|| self.exchange.poll_action()).collect();
        for action in &actions {
            self.log.tell(self.now, "<<", action);
        }
        self.watch.step(heard, &actions, &self.exchange, self.now);
        if self.watch.attempt == Attempt::Live && !was_live {
            let trailers = self.chance.one_in(3);
            self.endpoint = Party { left: self.response_size, trailers, undigested: 0 };
        }
        let went_up = self.watch.request.moved.saturating_sub(request) as u32;
        let went_down = self.watch.response.moved.saturating_sub(response) as u32;
        match heard {
            Heard::Event(Input::Down(Down::Credit(n))) => {
                self.client.undigested = self.client.undigested.saturating_sub(n);
            }
            Heard::Event(Input::Up(Up::Credit(n))) => {
                self.endpoint.undigested = self.endpoint.undigested.saturating_sub(n);
            }
            _ => {}
        }
        self.endpoint.undigested += went_up;
        self.client.left = self.client.left.saturating_sub(went_up);
        self.client.undigested += went_down;
        self.endpoint.left = self.endpoint.left.saturating_sub(went_down);
    }

    /// Time passes: a little, or, once in `haste` times, until something is due or past it.
    fn time_passes(&mut self, haste: u32) {
        let deadline = self.exchange.deadline();
        let span = Duration::from_micros(u64::from(self.chance.up_to(100_000)));
        let then = match deadline {
            Some(at) if self.chance.one_in(haste) => at.max(self.now),
            Some(at) if self.chance.one_in(haste) => at.max(self.now) + span,
            _ if self.chance.one_in(2) => self.now + span,
            _ => self.now,
        };
        self.now = then;
        let due = deadline.is_some_and(|at| at <= then);
        if due || self.chance.one_in(8) {
            self.wakes(due);
        }
    }

    fn wakes(&mut self, due: bool) {
        let before = (self.exchange.deadline(), *self.exchange.record());
        self.hears(Heard::Time);
        let after = (self.exchange.deadline(), *self.exchange.record());
        assert!(due != (before == after), "due: {due}, but {before:?} became {after:?}");
    }

    /// Whoever waits, waits in vain; only the driver still answers questions.
    fn silence_falls(&mut self) {
        let (fell, asked) = (self.now, self.exchange.record().attempts);
        for _ in 0..32 {
            if self.watch.done {
                break;
            }
            if let Some(question) = self.watch.question {
                let verdict = self.verdict(question);
                self.hears(Heard::Event(Input::Verdict(verdict)));
            } else if self.watch.attempt == Attempt::Tunnel {
                self.hears(Heard::Event(Input::TunnelEnded { up: 3, down: 4 }));
            } else if let Some(at) = self.exchange.deadline() {
                self.now = at.max(self.now);
                self.wakes(true);
            } else {
                // Nothing was asked, or the operator set no limit to the answer: only the client can end it.
                let patient = self.plan.first_byte.is_none() && self.watch.attempt == Attempt::Live;
                assert!(patient || self.watch.facts.is_none(), "waits for ever: {:?}", self.exchange);
                self.hears(Heard::Event(Input::Down(Down::Reset)));
                break;
            }
        }
        assert!(self.watch.done || self.watch.facts.is_none(), "no end in sight: {:?}", self.exchange);
        let connects = u32::from(self.exchange.record().attempts - asked) + 1;
        let body_idle = Duration::from_secs(5);
        let most = self.plan.connect * connects + self.plan.first_byte.unwrap_or_default() + 2 * body_idle;
        assert!(self.now - fell <= most, "it took {:?}, more than {most:?}", self.now - fell);
    }

    fn nothing_follows(&mut self) {
        if !self.watch.done {
            return;
        }
        let record = *self.exchange.record();
        for _ in 0..8 {
            let input = self.anything();
            self.hears(Heard::Event(input));
            self.now = self.now + Duration::from_secs(3_600);
            self.hears(Heard::Time);
        }
        assert!(*self.exchange.record() == record, "the record changed after the end");
    }

    // --- saying ----------------------------------------------------------------------------------------

    fn verdict(&mut self, question: Question) -> Verdict {
        match question {
            Question::Route => Verdict::Route(self.plan),
            Question::Hook => Verdict::Proceed,
            Question::Pick => Verdict::Endpoint,
        }
    }

    /// What the vocabulary allows somebody to say now, nobody meaning harm.
    fn courteous(&mut self) -> Vec<Input> {
        let mut choices = Vec::new();
        if let Some(question) = self.watch.question {
            choices.push(Input::Verdict(self.verdict(question)));
        }
        match self.watch.attempt {
            Attempt::Connecting { fresh } => {
                let reused = !fresh && self.chance.one_in(2);
                let connection = if reused { Connection::Reused } else { Connection::Fresh };
                choices.push(Input::Up(Up::Connected { connection, credit: self.chance.some(MOUTHFUL) }));
            }
            Attempt::Live => self.endpoint_says(&mut choices),
            Attempt::Tunnel => choices.push(Input::TunnelEnded { up: 1, down: 2 }),
            _ => {}
        }
        self.client_says(&mut choices);
        if self.chance.one_in(64) {
            choices.push(Input::Draining);
        }
        choices
    }

    fn client_says(&mut self, choices: &mut Vec<Input>) {
        let mut say = |event| choices.push(Input::Down(event));
        if self.watch.facts.is_none() && !self.watch.delivering() {
            say(Down::Head(self.facts));
        }
        if self.client.undigested > 0 {
            say(Down::Credit(self.chance.some(self.client.undigested)));
        }
        if self.watch.delivering() {
            say(Down::Sent);
        }
        let sendable = self.client.left.min(self.watch.request.granted);
        let unsaid = self.watch.request_open() && !self.watch.trailers_told;
        if sendable > 0 && (unsaid || self.watch.delivering()) {
            say(Down::Data(self.chance.some(sendable)));
        }
        if self.client.left == 0 && self.watch.request_open() {
            say(if unsaid && self.client.trailers { Down::Trailers } else { Down::End });
        }
    }

    fn endpoint_says(&mut self, choices: &mut Vec<Input>) {
        let mut say = |event| choices.push(Input::Up(event));
        if self.endpoint.undigested > 0 {
            say(Up::Credit(self.chance.some(self.endpoint.undigested)));
        }
        let Some(_) = self.watch.head else {
            if self.chance.one_in(16) {
                say(Up::Info(self.chance.one_of(&[100, 103])));
            }
            // An endpoint that answers before it was asked everything cuts the rest off; most do not.
            if self.watch.request_complete() || self.chance.one_in(8) {
                say(Up::Head(self.response()));
            } else if self.endpoint.undigested > 0 {
                say(Up::Credit(self.endpoint.undigested));
            }
            return;
        };
        let sendable = self.endpoint.left.min(self.watch.response.granted);
        if sendable > 0 && !self.watch.response_trailers_told {
            say(Up::Data(self.chance.some(sendable)));
        }
        if self.endpoint.left == 0 {
            let trailers = self.endpoint.trailers && !self.watch.response_trailers_told;
            say(if trailers { Up::Trailers } else { Up::End });
        }
    }

    fn response(&mut self) -> ResponseFacts {
        if self.facts.upgrade && self.watch.request_complete() {
            return ResponseFacts { status: 101, body: BodyLength::Empty };
        }
        let body = if self.response_size == 0 { BodyLength::Empty } else { BodyLength::Streamed };
        ResponseFacts { status: 200 + self.chance.up_to(399) as u16, body }
    }

    /// Something breaks that can break now.
    fn goes_wrong(&mut self) {
        let wrote = self.chance.one_in(2);
        let stage = self.chance.one_of(&[Stage::Exchange, Stage::Exchange, Stage::Protocol]);
        let upstream = match self.watch.attempt {
            Attempt::Connecting { .. } => Some(Up::Failed { stage: Stage::Connect, wrote: false }),
            Attempt::Live => Some(Up::Failed { stage, wrote }),
            _ => None,
        };
        let input = match (upstream, self.watch.question) {
            (Some(event), _) if !self.chance.one_in(4) => Input::Up(event),
            (_, Some(_)) if !self.chance.one_in(4) => Input::Verdict(Verdict::Reply(503)),
            _ => Input::Down(self.chance.one_of(&[Down::Reset, Down::Malformed(400)])),
        };
        self.hears(Heard::Event(input));
    }

    /// Any word at all.
    fn anything(&mut self) -> Input {
        let n = self.chance.up_to(MOUTHFUL);
        let body = self.chance.one_of(&[BodyLength::Empty, BodyLength::Exact(9), BodyLength::UntilClose]);
        let head = RequestFacts {
            body,
            idempotent: self.chance.one_in(2),
            upgrade: self.chance.one_in(2),
            waits: self.chance.one_in(2),
        };
        let status = self.chance.one_of(&[101, 200, 204, 503]);
        let body = if status == 101 { BodyLength::Empty } else { body };
        let stage = self.chance.one_of(&[Stage::Connect, Stage::Exchange, Stage::Protocol]);
        let connection = self.chance.one_of(&[Connection::Fresh, Connection::Reused]);
        let wrote = self.chance.one_in(2);
        self.chance.one_of(&[
            Input::Down(Down::Head(head)),
            Input::Down(Down::Data(n)),
            Input::Down(Down::Trailers),
            Input::Down(Down::End),
            Input::Down(Down::Reset),
            Input::Down(Down::Malformed(431)),
            Input::Down(Down::Credit(n)),
            Input::Down(Down::Sent),
            Input::Up(Up::Connected { connection, credit: n }),
            Input::Up(Up::Info(100)),
            Input::Up(Up::Head(ResponseFacts { status, body })),
            Input::Up(Up::Data(n)),
            Input::Up(Up::Trailers),
            Input::Up(Up::End),
            Input::Up(Up::Credit(n)),
            Input::Up(Up::Failed { stage, wrote }),
            Input::Verdict(Verdict::Route(self.plan)),
            Input::Verdict(Verdict::Proceed),
            Input::Verdict(Verdict::Endpoint),
            Input::Verdict(Verdict::Reply(404)),
            Input::TunnelEnded { up: n.into(), down: n.into() },
            Input::Draining,
        ])
    }
}
