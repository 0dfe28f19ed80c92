//! [`Tunnel`]: a byte stream in both directions, after an upgrade, or from the start. It keeps half-closes
//! half, aborts aborts, and lets neither side be owed more than was promised. It refuses to look at the bytes.
//!
//! ```text
//!                 End             Finished
//!   each way: Open ───► Finishing ────────► Closed        both closed: Done
//!                 └────────── Reset, idle: Done at once, both aborted
//! ```
//!
//! Driven like an exchange: `handle`, `poll_action` until `None`, `deadline`, `handle_timeout`.

use std::time::Duration;

use crate::exchange::Side;
use crate::queue::Queue;
use crate::time::Moment;

/// What can happen to a tunnel, except time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// This side delivered bytes, within what was granted.
    Data(Side, u32),
    /// This side will send no more (FIN, `END_STREAM`).
    End(Side),
    /// This side takes this many more bytes.
    Credit(Side, u32),
    /// Everything written to this side, the end included, has left.
    Finished(Side),
    /// This side broke.
    Reset(Side),
}

/// What the driver is to do, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// This side may deliver this many more bytes.
    Grant(Side, u32),
    /// Move this many bytes to this side.
    Move(Side, u32),
    /// Nothing more will be written to this side: end it when what is queued has left.
    Finish(Side),
    /// Break this side, so that its peer notices.
    Abort(Side),
    /// Nothing follows.
    Done,
}

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Both sides ended in order.
    Closed,
    /// This side broke.
    Reset(Side),
    /// Neither side sent anything for too long.
    Idle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    Finishing,
    Closed,
}

/// One direction, named by the side it leads to.
#[derive(Debug, Clone, Copy)]
struct Half {
    way: Way,
    granted: u32,
    moved: u64,
}

/// A byte stream in both directions.
#[derive(Debug, Clone)]
pub struct Tunnel {
    to_up: Half,
    to_down: Half,
    idle: Duration,
    progress: Moment,
    ending: Option<Ending>,
    actions: Queue<Action>,
}

impl Tunnel {
    /// A tunnel whose sides can take these amounts now and may both be silent for `idle`.
    #[must_use]
    pub fn new(down_credit: u32, up_credit: u32, idle: Duration, now: Moment) -> Self {
        let half = Half { way: Way::Open, granted: 0, moved: 0 };
        let mut tunnel =
            Self { to_up: half, to_down: half, idle, progress: now, ending: None, actions: Queue::default() };
        tunnel.credit(Side::Up, up_credit);
        tunnel.credit(Side::Down, down_credit);
        tunnel
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Bytes moved to a side.
    #[must_use]
    pub fn moved_to(&self, side: Side) -> u64 {
        match side {
            Side::Up => self.to_up.moved,
            Side::Down => self.to_down.moved,
        }
    }

    /// When [`Tunnel::handle_timeout`] has something to do, if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.ending.is_none().then(|| self.progress + self.idle)
    }

    /// The next thing to do, in order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop()
    }

    /// Takes an event; after the end all are ignored.
    pub fn handle(&mut self, input: Input, now: Moment) {
        if self.ending.is_some() {
            return;
        }
        match input {
            Input::Data(from, n) => {
                let to = other(from);
                let half = self.half(to);
                let n = n.min(half.granted);
                if half.way == Way::Open && n > 0 {
                    half.granted -= n;
                    half.moved += u64::from(n);
                    self.progress = now;
                    self.actions.push(Action::Move(to, n));
                }
            }
            Input::End(from) => {
                let to = other(from);
                let half = self.half(to);
                if half.way == Way::Open {
                    half.way = Way::Finishing;
                    self.progress = now;
                    self.actions.push(Action::Finish(to));
                }
            }
            Input::Credit(side, n) if n > 0 => {
                self.progress = now;
                self.credit(side, n);
            }
            Input::Credit(..) => {}
            Input::Finished(side) => {
                let half = self.half(side);
                if half.way == Way::Finishing {
                    half.way = Way::Closed;
                }
                if self.to_up.way == Way::Closed && self.to_down.way == Way::Closed {
                    self.end(Ending::Closed);
                }
            }
            Input::Reset(side) => {
                self.actions.push(Action::Abort(other(side)));
                self.end(Ending::Reset(side));
            }
        }
    }

    /// Acts on a deadline that has passed; harmless before.
    pub fn handle_timeout(&mut self, now: Moment) {
        if self.deadline().is_some_and(|at| now >= at) {
            self.actions.push(Action::Abort(Side::Down));
            self.actions.push(Action::Abort(Side::Up));
            self.end(Ending::Idle);
        }
    }

    fn credit(&mut self, side: Side, n: u32) {
        let half = self.half(side);
        let n = n.min(u32::MAX - half.granted);
        if half.way == Way::Open && n > 0 {
            half.granted += n;
            self.actions.push(Action::Grant(other(side), n));
        }
    }

    fn end(&mut self, ending: Ending) {
        self.ending = Some(ending);
        self.actions.push(Action::Done);
    }

    fn half(&mut self, to: Side) -> &mut Half {
        match to {
            Side::Up => &mut self.to_up,
            Side::Down => &mut self.to_down,
        }
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Up => Side::Down,
        Side::Down => Side::Up,
    }
}
