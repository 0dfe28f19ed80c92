//! The words that conversations begin with, so that each can start where it becomes interesting. The usual
//! client takes 100 bytes and the usual endpoint 50; a connection may take 5 s, the first byte 10 s, a body may
//! stand still for 30 s, and two endpoints are tried.

use std::time::Duration;

use eg_core::exchange::Action::{Ask, Connect, Done, DownHead, Grant, UpHead};
use eg_core::exchange::{
    Abilities, Connection, Down, Ending, Exchange, Input, Patience, Plan, Question, Record, RequestFacts,
    ResponseFacts, Side, Stage, Up, Verdict,
};
use eg_core::time::Moment;
use eg_wire::head::BodyLength;

use crate::script::Script;

pub(crate) const CONNECT: Duration = secs(5);
pub(crate) const FIRST_BYTE: Duration = secs(10);
pub(crate) const BODY_IDLE: Duration = secs(30);

pub(crate) const GET: Down = request(BodyLength::Empty, true);
pub(crate) const POST: Down = request(BodyLength::Streamed, false);
pub(crate) const PUT: Down = request(BodyLength::Streamed, true);
/// A POST whose body waits for 100.
pub(crate) const HESITANT: Down =
    Down::Head(RequestFacts { body: BodyLength::Streamed, idempotent: false, upgrade: false, waits: true });
/// A GET that would rather leave HTTP behind.
pub(crate) const UPGRADE: Down =
    Down::Head(RequestFacts { body: BodyLength::Empty, idempotent: true, upgrade: true, waits: false });

/// A response without a body.
pub(crate) const NO_CONTENT: Up = Up::Head(ResponseFacts { status: 204, body: BodyLength::Empty });
/// A response whose body follows.
pub(crate) const OK: Up = Up::Head(ResponseFacts { status: 200, body: BodyLength::Streamed });
pub(crate) const SWITCHING: Up = Up::Head(ResponseFacts { status: 101, body: BodyLength::Empty });

pub(crate) const REFUSED: Up = Up::Failed { stage: Stage::Connect, wrote: false };
pub(crate) const DIED: Up = Up::Failed { stage: Stage::Exchange, wrote: true };
pub(crate) const DIED_UNWRITTEN: Up = Up::Failed { stage: Stage::Exchange, wrote: false };
pub(crate) const NONSENSE: Up = Up::Failed { stage: Stage::Protocol, wrote: true };

pub(crate) const PROCEED: Input = Input::Verdict(Verdict::Proceed);
pub(crate) const ENDPOINT: Input = Input::Verdict(Verdict::Endpoint);

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) const fn request(body: BodyLength, idempotent: bool) -> Down {
    Down::Head(RequestFacts { body, idempotent, upgrade: false, waits: false })
}

pub(crate) const fn down(event: Down) -> Input {
    Input::Down(event)
}

pub(crate) const fn up(event: Up) -> Input {
    Input::Up(event)
}

pub(crate) const fn reply(status: u16) -> Input {
    Input::Verdict(Verdict::Reply(status))
}

pub(crate) const fn connected(connection: Connection) -> Input {
    Input::Up(Up::Connected { connection, credit: 50 })
}

/// What a conversation takes for granted.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) client: Abilities,
    pub(crate) client_takes: u32,
    pub(crate) min_rate: Option<u32>,
    pub(crate) plan: Plan,
    pub(crate) connection: Connection,
}

pub(crate) const USUAL: Setting = Setting {
    client: Abilities { trailers: true, informational: true },
    client_takes: 100,
    min_rate: None,
    plan: Plan {
        hooks: false,
        connect_attempts: 2,
        connect: CONNECT,
        first_byte: Some(FIRST_BYTE),
        request: None,
    },
    connection: Connection::Fresh,
};

/// Its connections come from the pool.
pub(crate) const POOLED: Setting = Setting { connection: Connection::Reused, ..USUAL };

/// The whole exchange may take this long.
pub(crate) const fn within(limit: Duration) -> Setting {
    Setting { plan: Plan { request: Some(limit), ..USUAL.plan }, ..USUAL }
}

impl Setting {
    /// Nothing was said yet.
    #[track_caller]
    pub(crate) fn idle(self) -> Script<Exchange> {
        let now = Moment::at(secs(1));
        let patience = Patience { body_idle: BODY_IDLE, min_rate: self.min_rate };
        Script::new(Exchange::new(self.client, self.client_takes, patience, now), now)
    }

    /// The route is asked for.
    #[track_caller]
    pub(crate) fn asking(self, head: Down) -> Script<Exchange> {
        self.idle().gets(down(head)).does([Ask(Question::Route)])
    }

    /// The endpoint is asked for.
    #[track_caller]
    pub(crate) fn picking(self, head: Down) -> Script<Exchange> {
        self.asking(head).gets(Input::Verdict(Verdict::Route(self.plan))).does([Ask(Question::Pick)])
    }

    /// A connection is being established.
    #[track_caller]
    pub(crate) fn connecting(self, head: Down) -> Script<Exchange> {
        self.picking(head).gets(ENDPOINT).does([Connect { fresh: false }])
    }

    /// The request's head went up; both sides were granted what the other takes.
    #[track_caller]
    pub(crate) fn live(self, head: Down) -> Script<Exchange> {
        self.connecting(head).gets(connected(self.connection)).goes_up(head)
    }

    /// The response's head came down.
    #[track_caller]
    pub(crate) fn answering(self, head: Down) -> Script<Exchange> {
        self.live(head).gets(up(OK)).does([DownHead { last: false }])
    }
}

impl Script<Exchange> {
    /// What a connection of the usual kind leads to for a request with this head.
    #[track_caller]
    pub(crate) fn goes_up(self, head: Down) -> Self {
        let script = self.does([UpHead]);
        match head {
            Down::Head(RequestFacts { body: BodyLength::Empty, .. }) => script.does([Grant(Side::Up, 100)]),
            _ => script.does([Grant(Side::Down, 50), Grant(Side::Up, 100)]),
        }
    }

    /// Nothing follows, and this is what the log will say.
    #[track_caller]
    pub(crate) fn ends(self, ending: Ending, status: u16) -> Record {
        let script = self.does([Done]);
        let record = *script.machine().record();
        if (record.ending, record.status) != (ending, status) {
            script.fail(&format!("it should end {ending:?} with {status}: {record:?}"));
        }
        record
    }
}
