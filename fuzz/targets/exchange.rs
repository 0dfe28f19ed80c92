//! Exchanges: a story is a setting and then events, one letter each, most with an amount behind it. Whatever is told,
//! in any order, the promises that the simulation watches hold after every step, and in the end there is an end.
//!
//! ```text
//! setting   four bytes: bits (abilities, hooks, idempotent, upgrade, limits), request body, connect attempts, credit
//! client    h head   dN data   t trailers   e end   x reset   mN malformed   cN credit   s sent
//! endpoint  C fresh   R reused   I info   HN head   DN data   T trailers   E end   WN credit   FN failed
//! driver    r route   p proceed   k endpoint   nN reply   u tunnel ended   g draining   .N time   ! deadline
//! ```

#![no_main]

#[allow(dead_code, reason = "the simulation, whose it is, looks at more of it")]
#[path = "../../crates/eg-core/tests/simulation/watch.rs"]
mod watch;

use std::time::Duration;

use eg_core::exchange::{
    Abilities, Connection, Down, Exchange, Input, Patience, Plan, RequestFacts, ResponseFacts, Stage, Up,
    Verdict,
};
use eg_core::time::Moment;
use eg_wire::head::BodyLength;

use crate::watch::{Attempt, Heard, Watch};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((setting, events)) = data.split_first_chunk::<4>() else { return };
    let mut story = Story::new(*setting);
    let mut events = events.iter().copied();
    while let Some(letter) = events.next() {
        story.tell(letter, &mut events);
    }
    story.silence_falls();
});

/// A digit is itself; other bytes are amounts that no digit is.
fn amount(byte: u8) -> u32 {
    if byte.is_ascii_digit() { u32::from(byte - b'0') } else { u32::from(byte) * 257 }
}

fn body(byte: u8) -> BodyLength {
    match amount(byte) % 3 {
        0 => BodyLength::Empty,
        1 => BodyLength::Streamed,
        _ => BodyLength::Exact(9),
    }
}

struct Story {
    exchange: Exchange,
    watch: Watch,
    now: Moment,
    facts: RequestFacts,
    plan: Plan,
}

impl Story {
    fn new([bits, request, attempts, credit]: [u8; 4]) -> Self {
        let bit = |place: u8| bits >> place & 1 == 1;
        let able = Abilities { trailers: bit(0), informational: bit(1) };
        let body_idle = Duration::from_secs(2);
        // Slower than any body that is told here, so that both limits can be met.
        let patience = Patience { body_idle, min_rate: bit(7).then_some(4) };
        let now = Moment::at(Duration::from_secs(1));
        let plan = Plan {
            hooks: bit(2),
            connect_attempts: (attempts % 4),
            connect: Duration::from_millis(700),
            first_byte: bit(5).then_some(Duration::from_secs(3)),
            request: bit(6).then_some(Duration::from_secs(5)),
        };
        Self {
            exchange: Exchange::new(able, amount(credit), patience, now),
            watch: Watch::new(able, amount(credit), body_idle),
            now,
            facts: RequestFacts { body: body(request), idempotent: bit(3), upgrade: bit(4), waits: bit(5) },
            plan,
        }
    }

    fn tell(&mut self, letter: u8, rest: &mut impl Iterator<Item = u8>) {
        let mut amount = || rest.next().map_or(0, amount);
        let input = match letter {
            b'h' => Input::Down(Down::Head(self.facts)),
            b'd' => Input::Down(Down::Data(amount())),
            b't' => Input::Down(Down::Trailers),
            b'e' => Input::Down(Down::End),
            b'x' => Input::Down(Down::Reset),
            b'm' => Input::Down(Down::Malformed(if amount() == 0 { 400 } else { 413 })),
            b'c' => Input::Down(Down::Credit(amount())),
            b's' => Input::Down(Down::Sent),
            b'C' => Input::Up(Up::Connected { connection: Connection::Fresh, credit: amount() }),
            // A driver that is asked for a fresh connection does not take one that has served before.
            b'R' if self.watch.attempt == (Attempt::Connecting { fresh: true }) => return,
            b'R' => Input::Up(Up::Connected { connection: Connection::Reused, credit: amount() }),
            b'I' => Input::Up(Up::Info(103)),
            b'H' => Input::Up(Up::Head(response(amount()))),
            b'D' => Input::Up(Up::Data(amount())),
            b'T' => Input::Up(Up::Trailers),
            b'E' => Input::Up(Up::End),
            b'W' => Input::Up(Up::Credit(amount())),
            b'F' => Input::Up(failure(amount())),
            b'r' => Input::Verdict(Verdict::Route(self.plan)),
            b'p' => Input::Verdict(Verdict::Proceed),
            b'k' => Input::Verdict(Verdict::Endpoint),
            b'n' => Input::Verdict(Verdict::Reply(if amount() == 0 { 404 } else { 503 })),
            b'u' => Input::TunnelEnded { up: 3, down: 4 },
            b'g' => Input::Draining,
            b'.' => {
                let span = Duration::from_millis(u64::from(amount()));
                self.sleeps_until(self.now + span);
                return;
            }
            b'!' => {
                self.sleeps_until(self.exchange.deadline().unwrap_or_default());
                return;
            }
            _ => return,
        };
        self.hears(Heard::Event(input));
    }

    fn hears(&mut self, heard: Heard) {
        match heard {
            Heard::Event(input) => self.exchange.handle(input, self.now),
            Heard::Time => self.exchange.handle_timeout(self.now),
        }
        let actions: Vec<_> = std::iter::from_fn(|| self.exchange.poll_action()).collect();
        self.watch.step(heard, &actions, &self.exchange, self.now);
    }

    /// Wakes it at a time that is not before now, and holds that it acts if and only if something is due.
    fn sleeps_until(&mut self, then: Moment) {
        self.now = then.max(self.now);
        let due = self.exchange.deadline().is_some_and(|at| at <= self.now);
        let before = (self.exchange.deadline(), *self.exchange.record());
        self.hears(Heard::Time);
        let after = (self.exchange.deadline(), *self.exchange.record());
        assert!(due != (before == after), "due: {due}, but {before:?} became {after:?}");
    }

    /// Whoever waits, waits in vain; the driver still answers. What has begun ends.
    fn silence_falls(&mut self) {
        for _ in 0..32 {
            if self.watch.done {
                break;
            } else if self.watch.question.is_some() {
                self.hears(Heard::Event(Input::Verdict(Verdict::Reply(503))));
            } else if self.watch.attempt == Attempt::Tunnel {
                self.hears(Heard::Event(Input::TunnelEnded { up: 0, down: 0 }));
            } else if let Some(at) = self.exchange.deadline() {
                self.sleeps_until(at);
            } else {
                // Nothing was asked, or the operator set no limit to the answer: only the client can end it.
                let patient = self.plan.first_byte.is_none() && self.watch.attempt == Attempt::Live;
                assert!(patient || self.watch.facts.is_none(), "waits for ever: {:?}", self.exchange);
                self.hears(Heard::Event(Input::Down(Down::Reset)));
                break;
            }
        }
        assert!(self.watch.done || self.watch.facts.is_none(), "no end in sight: {:?}", self.exchange);
    }
}

/// What an endpoint may answer: a body or none, or another protocol.
fn response(amount: u32) -> ResponseFacts {
    match amount {
        0 => ResponseFacts { status: 204, body: BodyLength::Empty },
        1 => ResponseFacts { status: 101, body: BodyLength::Empty },
        2 => ResponseFacts { status: 200, body: BodyLength::Streamed },
        3 => ResponseFacts { status: 404, body: BodyLength::Exact(9) },
        _ => ResponseFacts { status: 503, body: BodyLength::UntilClose },
    }
}

fn failure(amount: u32) -> Up {
    let stage = match amount / 2 {
        0 => Stage::Exchange,
        1 => Stage::Protocol,
        _ => Stage::Connect,
    };
    Up::Failed { stage, wrote: amount % 2 == 1 }
}
