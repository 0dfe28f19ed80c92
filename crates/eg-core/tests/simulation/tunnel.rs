//! A world around a tunnel, and what is promised of it: two sides that send, take, end and break as chance has
//! it. With good manners they do only what they may; without, anything.

use std::time::Duration;

use eg_core::exchange::Side;
use eg_core::time::Moment;
use eg_core::tunnel::{Action, Ending, Input, Tunnel};

use crate::chance::Chance;
use crate::seeds::Log;

const STEPS: u32 = 120;
/// Steps in which well-behaved sides are done by far.
const ENOUGH: u32 = 2_000;
const MOUTHFUL: u32 = 40;
const SIDES: [Side; 2] = [Side::Down, Side::Up];

/// The bytes that lead to one side.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    /// What the side said that it can take, in all.
    credit: u64,
    moved: u64,
    /// What the other side was granted and has not delivered.
    granted: u32,
    /// The other side has ended; this one has been told to.
    ended: bool,
    told: bool,
    /// This side has heard everything.
    finished: bool,
    /// What the other side still has to say, and this one has not digested.
    left: u32,
    undigested: u32,
}

pub(crate) struct World<'a> {
    chance: Chance,
    log: &'a mut Log,
    now: Moment,
    idle: Duration,
    tunnel: Tunnel,
    /// To the client, to the endpoint.
    ways: [Way; 2],
    size: [u32; 2],
    aborted: [bool; 2],
    done: bool,
}

fn other(side: Side) -> Side {
    if side == Side::Down { Side::Up } else { Side::Down }
}

impl<'a> World<'a> {
    pub(crate) fn new(seed: u64, log: &'a mut Log) -> Self {
        let mut chance = Chance::new(seed);
        let idle = Duration::from_millis(chance.some(5_000).into());
        let now = Moment::at(Duration::from_millis(chance.up_to(1_000).into()));
        let credit = [chance.some(MOUTHFUL), chance.some(MOUTHFUL)];
        let size = [chance.up_to(4 * MOUTHFUL), chance.up_to(4 * MOUTHFUL)];
        let way = |to: usize| Way { credit: credit[to].into(), left: size[to], ..Way::default() };
        let tunnel = Tunnel::new(credit[0], credit[1], idle, now);
        let (ways, aborted) = ([way(0), way(1)], [false; 2]);
        let mut world = Self { chance, log, now, idle, tunnel, ways, size, aborted, done: false };
        world.acts(None);
        world
    }

    /// Nobody does anything wrong and no time passes: every byte arrives, both ways.
    pub(crate) fn all_goes_well(mut self) {
        while !self.done {
            assert!(self.log.step < ENOUGH, "no end in sight");
            let choices = self.courteous();
            assert!(!choices.is_empty(), "each side waits for the other: {:?}", self.tunnel);
            let input = self.chance.one_of(&choices);
            self.hears(input);
        }
        assert!(self.tunnel.ending() == Some(Ending::Closed), "{:?}", self.tunnel);
        for side in SIDES {
            assert!(self.tunnel.moved_to(side) == u64::from(self.size[side as usize]), "{:?}", self.tunnel);
        }
    }

    /// Anything goes wrong, in any order and at any time, and then both fall silent.
    pub(crate) fn anything_goes_wrong(mut self) -> Option<Ending> {
        let manners = self.chance.one_of(&[4, 16, 256]);
        let haste = self.chance.one_of(&[16, 64, 256]);
        while self.log.step < STEPS && !self.done {
            let choices = self.courteous();
            if choices.is_empty() || self.chance.one_in(manners) {
                let input = self.anything();
                self.hears(input);
            } else {
                let input = self.chance.one_of(&choices);
                self.hears(input);
            }
            self.time_passes(haste);
        }
        if let Some(at) = self.tunnel.deadline() {
            assert!(at <= self.now + self.idle, "silence lasts too long");
            self.now = at.max(self.now);
            self.wakes();
        }
        assert!(self.done, "no end in sight: {:?}", self.tunnel);
        let ending = self.tunnel.ending();
        for _ in 0..8 {
            let input = self.anything();
            self.hears(input);
            self.now = self.now + Duration::from_secs(3_600);
            self.wakes();
        }
        assert!(ending == self.tunnel.ending(), "the end changed");
        ending
    }

    // --- hearing ---------------------------------------------------------------------------------------

    fn hears(&mut self, input: Input) {
        self.log.step += 1;
        self.log.tell(self.now, ">>", &input);
        if !self.done {
            self.notes(input);
        }
        self.tunnel.handle(input, self.now);
        self.acts(Some(input));
    }

    fn notes(&mut self, input: Input) {
        match input {
            Input::End(from) => self.ways[other(from) as usize].ended = true,
            Input::Credit(side, n) => {
                let way = &mut self.ways[side as usize];
                way.credit += u64::from(n);
                way.undigested = way.undigested.saturating_sub(n);
            }
            Input::Finished(side) if self.ways[side as usize].told => {
                self.ways[side as usize].finished = true
            }
            _ => {}
        }
    }

    fn time_passes(&mut self, haste: u32) {
        let span = Duration::from_micros(self.chance.up_to(100_000).into());
        match self.tunnel.deadline() {
            Some(at) if self.chance.one_in(haste) => self.now = at.max(self.now),
            Some(at) if self.chance.one_in(haste) => self.now = at.max(self.now) + span,
            _ => self.now = self.now + span,
        }
        if self.chance.one_in(4) || self.tunnel.deadline().is_some_and(|at| at <= self.now) {
            self.wakes();
        }
    }

    fn wakes(&mut self) {
        let due = self.tunnel.deadline().is_some_and(|at| at <= self.now);
        self.log.step += 1;
        self.log.tell(self.now, ">>", &"time");
        self.tunnel.handle_timeout(self.now);
        self.acts(None);
        assert!(!due || self.tunnel.ending() == Some(Ending::Idle), "slept through its deadline");
    }

    /// Holds what the tunnel wants against every promise.
    fn acts(&mut self, input: Option<Input>) {
        let due = self.due(input);
        let mut moved = 0;
        while let Some(action) = self.tunnel.poll_action() {
            self.log.tell(self.now, "<<", &action);
            assert!(!self.done, "something follows the end");
            assert!(
                self.aborted == [false; 2] || matches!(action, Action::Abort(_) | Action::Done),
                "after a cut"
            );
            match action {
                Action::Grant(side, n) => {
                    let way = &mut self.ways[other(side) as usize];
                    assert!(n > 0 && !way.told, "a grant in vain: {way:?}");
                    way.granted += n;
                }
                Action::Move(to, n) => {
                    assert!(
                        matches!(input, Some(Input::Data(from, _)) if from == other(to)),
                        "out of nothing"
                    );
                    let way = &mut self.ways[to as usize];
                    assert!(n > 0 && !way.told, "bytes after the end: {way:?}");
                    (way.granted, way.moved) = (way.granted - n, way.moved + u64::from(n));
                    (way.left, way.undigested) = (way.left.saturating_sub(n), way.undigested + n);
                    moved += n;
                }
                Action::Finish(to) => {
                    let way = &mut self.ways[to as usize];
                    assert!(way.ended && !way.told, "an end out of nothing: {way:?}");
                    way.told = true;
                }
                Action::Abort(side) => self.aborted[side as usize] = true,
                Action::Done => self.done = true,
            }
        }
        assert!(moved == due, "{moved} bytes moved, {due} were due");
        self.settled(input);
    }

    /// How many bytes are to move.
    fn due(&self, input: Option<Input>) -> u32 {
        match input {
            Some(Input::Data(from, n)) if !self.done && !self.ways[other(from) as usize].told => {
                n.min(self.ways[other(from) as usize].granted)
            }
            _ => 0,
        }
    }

    fn settled(&self, input: Option<Input>) {
        for side in SIDES {
            let way = &self.ways[side as usize];
            assert!(way.told == way.ended, "{side:?} was not told of the end");
            assert!(self.tunnel.moved_to(side) == way.moved, "{way:?}, not {}", self.tunnel.moved_to(side));
            let promised = way.moved + u64::from(way.granted);
            assert!(promised <= way.credit, "{promised} bytes are promised of {}", way.credit);
            assert!(way.told || self.done || promised == way.credit, "credit is held back: {way:?}");
        }
        assert!(self.done == self.tunnel.ending().is_some(), "over or not?");
        assert!(self.done == self.tunnel.deadline().is_none(), "due or not?");
        let closed = self.ways.iter().all(|way| way.finished);
        let plausible = match self.tunnel.ending() {
            None => !closed && self.aborted == [false; 2],
            Some(Ending::Closed) => closed && self.aborted == [false; 2],
            Some(Ending::Reset(side)) => self.aborted[other(side) as usize] && !self.aborted[side as usize],
            Some(Ending::Idle) => self.aborted == [true; 2],
        };
        assert!(plausible, "{input:?} led to {:?}", self.tunnel);
    }

    // --- saying ----------------------------------------------------------------------------------------

    /// What each side may do, none meaning harm.
    fn courteous(&mut self) -> Vec<Input> {
        let mut choices = Vec::new();
        for side in SIDES {
            let way = self.ways[side as usize];
            let sendable = way.left.min(way.granted);
            if sendable > 0 && !way.ended {
                choices.push(Input::Data(other(side), self.chance.some(sendable)));
            }
            if way.left == 0 && !way.ended {
                choices.push(Input::End(other(side)));
            }
            if way.undigested > 0 && !way.finished {
                choices.push(Input::Credit(side, self.chance.some(way.undigested)));
            }
            if way.told && way.undigested == 0 && !way.finished {
                choices.push(Input::Finished(side));
            }
        }
        choices
    }

    /// Any word at all.
    fn anything(&mut self) -> Input {
        let side = self.chance.one_of(&SIDES);
        let n = self.chance.up_to(MOUTHFUL);
        let words = [Input::Data(side, n), Input::End(side), Input::Credit(side, n), Input::Finished(side)];
        if self.chance.one_in(16) { Input::Reset(side) } else { self.chance.one_of(&words) }
    }
}
