//! [`Carry`]: carries one exchange as the product's driver does: the machine and both sides of HTTP/1 are the product's.
//! It writes down what it means to do, and refuses to look at what was written.

use std::net::{IpAddr, Ipv4Addr};
use std::task::Poll;
use std::time::Duration;

use eg_core::exchange::{
    Abilities, Action, Connection, Down, Ending, Exchange, Input, Patience, Plan, Question, RequestFacts,
    Side, Stage, Up, Verdict,
};
use eg_core::headers::{self, Forms, Forwarding, Underscores};
use eg_core::ledger::EndpointId;
use eg_core::route::{BadPath, EncodedSlashes, Normalised, normalise};
use eg_wire::fields::FieldId;
use eg_wire::head::{BodyLength, Method, RequestHead, ResponseHead, Version};

use crate::downstream::Cut;
use crate::gateway::{Gateway, idle};
use crate::h1::up::Origin;
use crate::pipe::Pipes;
use crate::reply::Reply;
use crate::story::Connects;
use crate::stream::Peer;
use crate::told::{Endpoint, Exchanged, Sent, Source, all_lines, lines};

/// How an exchange begins: with a request, or with the status that answers what is none.
pub(crate) type Start = Result<BodyLength, u16>;

const HOST: &[u8] = b"192.0.2.1";

const FORWARDING: Forwarding<'static> = Forwarding {
    peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
    trusted: false,
    port: 80,
    scheme: "http",
    forms: Forms { x_forwarded: true, forwarded: false },
    via: true,
    request_id: None,
    id: b"0123456789abcdef1111222233334444",
    matched: &[],
};

enum Upstream {
    None,
    Connecting { fresh: bool },
    Live(usize, Box<Origin>),
}

/// How a [`Carry`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Done,
    Tunnel,
}

/// What is counted for both directions: of the response, of the request.
const DOWN: usize = 0;
const UP: usize = 1;

pub(crate) struct Carry<'a> {
    gateway: &'a mut Gateway,
    exchange: Exchange,
    request: &'a mut RequestHead,
    request_body: BodyLength,
    upstream: Upstream,
    response: ResponseHead,
    response_body: BodyLength,
    /// Bytes that the endpoint, and the client, may deliver.
    grants: [u32; 2],
    /// Bytes of body that were written and whose credit has not come back.
    owed: [u32; 2],
    /// Bytes of body that may wait.
    credit: [u32; 2],
    /// Bytes that were written and are not of a body.
    overhead: [usize; 2],
    prepared: bool,
    unseen: bool,
    unheard: bool,
    trailers_down: bool,
    /// What the endpoint had been sent before this request.
    begun_at: usize,
    over: Option<Over>,
}

impl<'a> Carry<'a> {
    /// Begins with a request, or with the status that is the answer to something else.
    pub(crate) fn new(gateway: &'a mut Gateway, request: &'a mut RequestHead, start: Start) -> Self {
        let modern = request.version != Version::H10;
        let able = Abilities { trailers: modern, informational: modern };
        let patience = Patience { body_idle: Duration::from_secs(30), min_rate: Some(240) };
        let window = gateway.client.wire.window();
        let credit = gateway.credit.map_or(window, |few| few.min(window));
        let body = start.unwrap_or(BodyLength::Empty);
        let mut carry = Self {
            exchange: Exchange::new(able, credit, patience, gateway.now),
            request,
            request_body: body,
            upstream: Upstream::None,
            response: ResponseHead::default(),
            response_body: BodyLength::Empty,
            grants: [0, 0],
            owed: [0, 0],
            credit: [credit, 0],
            overhead: [gateway.client.wire.output.len(), 0],
            prepared: false,
            unseen: false,
            unheard: false,
            trailers_down: false,
            begun_at: 0,
            over: None,
            gateway,
        };
        carry.tell(Input::Down(match start {
            Err(status) => Down::Malformed(status),
            Ok(body) => Down::Head(RequestFacts {
                body,
                idempotent: carry.request.method.is_idempotent(),
                upgrade: headers::wants_upgrade(carry.request),
                waits: body != BodyLength::Empty && modern && carry.request.fields.has(FieldId::Expect),
            }),
        }));
        carry
    }

    /// Runs the exchange to its end.
    pub(crate) fn run(mut self) {
        let (mut turns, mut silences) = (0, 0);
        loop {
            self.act();
            if self.over.is_some() {
                break;
            }
            turns += 1;
            assert!(turns < self.gateway.most_turns, "it turns and nothing happens: {:?}", self.exchange);
            if self.poll_upstream() || self.poll_downstream() {
                continue;
            }
            if self.flush_upstream() | self.flush_downstream() {
                continue;
            }
            self.is_bounded();
            let (begun, whole) = self.endpoint_has();
            if self.gateway.world.turn(begun, whole) {
                turns = 0;
                continue;
            }
            silences += 1;
            assert!(silences < 64, "no end in sight: {:?}", self.exchange);
            let deadline = self.exchange.deadline();
            self.gateway.now = deadline.expect("somebody is waited for").max(self.gateway.now);
            self.exchange.handle_timeout(self.gateway.now);
        }
        if self.over == Some(Over::Tunnel) {
            self.gateway.told.client.change().room = usize::MAX;
            self.flush_downstream();
            self.tell(Input::TunnelEnded { up: 0, down: 0 });
            self.act();
            assert!(self.over == Some(Over::Done), "a tunnel has no end");
        }
        let (ending, complete) = (self.exchange.record().ending, self.exchange.request_complete());
        let told = self.exchanged();
        (told.ending, told.request_complete) = (ending, complete);
        self.gateway.client.wire.output.take_pipe();
    }

    fn exchanged(&mut self) -> &mut Exchanged {
        self.gateway.told.exchanges.last_mut().expect("an exchange is under way")
    }

    fn sent(&mut self) -> Option<&mut Sent> {
        let Upstream::Live(number, _) = self.upstream else { return None };
        self.gateway.told.endpoints[number].sent.last_mut()
    }

    fn peer(&self, number: usize) -> &Peer {
        &self.gateway.told.endpoints[number].peer
    }

    fn tell(&mut self, input: Input) {
        self.exchange.handle(input, self.gateway.now);
    }

    /// Whether the endpoint has some of the request, and all of it.
    fn endpoint_has(&self) -> (bool, bool) {
        let Upstream::Live(number, origin) = &self.upstream else { return (false, false) };
        let endpoint = &self.gateway.told.endpoints[*number];
        let begun = endpoint.peer.look().taken.len() > self.begun_at;
        let complete = endpoint.sent.last().is_some_and(|sent| sent.complete);
        (begun, complete && origin.wire.output.is_empty())
    }

    /// Memory is what was credited, and what is no body.
    fn is_bounded(&self) {
        let mut waiting = [self.gateway.client.wire.output.len(), 0];
        if let Upstream::Live(_, origin) = &self.upstream {
            waiting[UP] = origin.wire.output.len();
        }
        for way in [DOWN, UP] {
            assert!(self.owed[way] <= self.credit[way], "{} of {} bytes", self.owed[way], self.credit[way]);
            let most = self.credit[way] as usize + self.overhead[way];
            assert!(waiting[way] <= most, "{} bytes wait, not {most}: {:?}", waiting[way], self.exchange);
        }
    }

    // --- events ----------------------------------------------------------------------------------------

    fn poll_upstream(&mut self) -> bool {
        match &mut self.upstream {
            Upstream::None => false,
            Upstream::Connecting { fresh } => {
                let fresh = *fresh;
                self.connect(fresh)
            }
            Upstream::Live(_, origin) => {
                let grant = self.grants[DOWN];
                let sink = &mut self.gateway.client.wire;
                let unseen = origin.poll_unseen(&mut idle(), grant, sink, &Pipes);
                self.unseen = unseen.is_some();
                match unseen.unwrap_or_else(|| origin.poll(&mut idle(), grant, &mut self.response)) {
                    Poll::Pending => false,
                    Poll::Ready(event) => {
                        self.heard(event);
                        true
                    }
                }
            }
        }
    }

    fn heard(&mut self, event: Up) {
        match event {
            Up::Head(facts) => {
                self.response_body = facts.body;
                if facts.body == BodyLength::Empty {
                    self.answer_ends();
                }
            }
            Up::Data(n) => {
                assert!(n <= self.grants[DOWN], "{n} bytes, but {} were granted", self.grants[DOWN]);
                self.grants[DOWN] -= n;
            }
            Up::End => {
                self.answer_ends();
                if let Upstream::Live(_, origin) = &self.upstream {
                    let trailers = lines(&origin.wire.trailers);
                    self.exchanged().answer.came_behind = trailers;
                }
            }
            _ => {}
        }
        self.tell(Input::Up(event));
    }

    /// The endpoint's response ends here.
    fn answer_ends(&mut self) {
        let Upstream::Live(number, origin) = &self.upstream else { return };
        let at = self.peer(*number).look().read.len() - origin.wire.input.as_slice().len();
        if let Some(source) = &mut self.exchanged().answer.source {
            source.to = Some(at);
        }
    }

    fn poll_downstream(&mut self) -> bool {
        if self.unheard {
            return false;
        }
        let Poll::Ready(event) = self.gateway.client.poll(&mut idle(), self.grants[UP]) else { return false };
        let event = match (event, self.gateway.limit) {
            (Down::Data(n), Some(limit)) if self.exchange.record().request_bytes + u64::from(n) > limit => {
                Down::Malformed(413)
            }
            _ => event,
        };
        match event {
            Down::Data(n) => {
                assert!(n <= self.grants[UP], "{n} bytes, but {} were granted", self.grants[UP]);
                self.grants[UP] -= n;
            }
            Down::Malformed(_) | Down::Reset => self.unheard = true,
            Down::End => {
                let input = self.gateway.client.wire.input.as_slice().len();
                let at = self.gateway.told.client.look().read.len() - input;
                let trailers = lines(&self.gateway.client.wire.trailers);
                let told = self.exchanged();
                (told.to, told.trailers) = (Some(at), trailers);
            }
            _ => {}
        }
        self.tell(Input::Down(event));
        true
    }

    fn flush_upstream(&mut self) -> bool {
        let Upstream::Live(_, origin) = &mut self.upstream else { return false };
        let Some(event) = origin.poll_flush(&mut idle()) else { return false };
        if let Up::Credit(n) = event {
            self.owed[UP] = self.owed[UP].saturating_sub(n);
        }
        self.tell(Input::Up(event));
        true
    }

    fn flush_downstream(&mut self) -> bool {
        let Some(event) = self.gateway.client.poll_flush(&mut idle()) else { return false };
        if let Down::Credit(n) = event {
            self.owed[DOWN] = self.owed[DOWN].saturating_sub(n);
        }
        self.tell(Input::Down(event));
        true
    }

    /// Takes the connection that was kept, or makes a new one.
    fn connect(&mut self, fresh: bool) -> bool {
        if let Some((number, mut origin)) = self.gateway.kept.take().filter(|_| !fresh) {
            self.gateway.world.is_used_again();
            if origin.is_quiet() {
                self.live(number, origin, Connection::Reused);
                return true;
            }
        }
        let (peer, stream) = Peer::new();
        match self.gateway.world.connected(&peer) {
            Connects::Refused => {
                self.upstream = Upstream::None;
                self.tell(Input::Up(Up::Failed { stage: Stage::Connect, wrote: false }));
            }
            // It answers at no time; whoever tells of the deadline is the one who waits.
            Connects::Unheard => {
                let deadline = self.exchange.deadline().expect("connecting takes no more than its time");
                self.gateway.now = deadline.max(self.gateway.now);
                self.exchange.handle_timeout(self.gateway.now);
            }
            Connects::Taken => {
                let number = self.gateway.told.endpoints.len();
                self.gateway.told.endpoints.push(Endpoint { peer, sent: Vec::new() });
                let origin = Origin::new(EndpointId(0), stream, self.gateway.now);
                self.live(number, Box::new(origin), Connection::Fresh);
            }
        }
        true
    }

    fn live(&mut self, number: usize, origin: Box<Origin>, connection: Connection) {
        let window = origin.wire.window();
        let credit = self.gateway.credit.map_or(window, |few| few.min(window));
        let (begun_at, read) = {
            let socket = self.peer(number).look();
            (socket.taken.len(), socket.read.len())
        };
        self.begun_at = begun_at;
        let from = read - origin.wire.input.as_slice().len();
        self.exchanged().answer.source = Some(Source { endpoint: number, from, to: None });
        (self.owed[UP], self.credit[UP], self.overhead[UP]) = (0, credit, 0);
        self.upstream = Upstream::Live(number, origin);
        self.tell(Input::Up(Up::Connected { connection, credit }));
    }

    // --- actions ---------------------------------------------------------------------------------------

    fn act(&mut self) {
        while let Some(action) = self.exchange.poll_action() {
            match action {
                Action::Ask(question) => {
                    let verdict = match question {
                        Question::Route => self.route(),
                        Question::Hook => Verdict::Proceed,
                        Question::Pick => Verdict::Endpoint,
                    };
                    self.tell(Input::Verdict(verdict));
                }
                Action::Connect { fresh } => {
                    self.grants = [0, 0];
                    self.upstream = Upstream::Connecting { fresh };
                }
                Action::UpHead
                | Action::UpData(_)
                | Action::UpTrailers
                | Action::UpEnd
                | Action::UpReset
                | Action::UpRelease => self.act_up(action),
                Action::Grant(Side::Down, n) => self.grants[UP] += n,
                Action::Grant(Side::Up, n) => self.grants[DOWN] += n,
                Action::Discard(Side::Down, n) => self.gateway.client.wire.consume(n),
                Action::Discard(Side::Up, n) => {
                    if let Upstream::Live(_, origin) = &mut self.upstream {
                        origin.wire.consume(n);
                    }
                }
                Action::Tunnel => self.over = Some(Over::Tunnel),
                Action::Done => self.over = Some(Over::Done),
                _ => self.act_down(action),
            }
        }
    }

    fn act_up(&mut self, action: Action) {
        let Upstream::Live(number, origin) = &mut self.upstream else {
            if action == Action::UpReset {
                self.upstream = Upstream::None;
            }
            return;
        };
        let number = *number;
        let before = origin.wire.output.len();
        match action {
            Action::UpHead => self.write_head(number),
            Action::UpData(n) => {
                let wire = &mut self.gateway.client.wire;
                let data = wire.input.as_slice()[..n as usize].to_vec();
                origin.write_data(wire.piece(n), n);
                wire.consume(n);
                self.overhead[UP] +=
                    (origin.wire.output.len().saturating_sub(before)).saturating_sub(n as usize);
                self.owed[UP] += n;
                self.exchanged().data.extend_from_slice(&data);
                self.sent().expect("a request").data.extend_from_slice(&data);
            }
            Action::UpTrailers => {
                headers::screen_trailers(&mut self.gateway.client.wire.trailers, Underscores::Drop, None);
                let trailers = lines(&self.gateway.client.wire.trailers);
                self.sent().expect("a request").trailers = trailers;
            }
            Action::UpEnd => {
                let trailers = &self.gateway.client.wire.trailers;
                origin.write_end((!trailers.is_empty()).then_some(trailers));
                self.overhead[UP] += origin.wire.output.len().saturating_sub(before);
                self.sent().expect("a request").complete = true;
            }
            Action::UpRelease => {
                if let Upstream::Live(number, origin) = std::mem::replace(&mut self.upstream, Upstream::None)
                    && origin.is_reusable()
                {
                    self.gateway.kept = Some((number, origin));
                }
            }
            _ => self.upstream = Upstream::None,
        }
    }

    fn write_head(&mut self, number: usize) {
        let Upstream::Live(_, origin) = &mut self.upstream else { return };
        if !std::mem::replace(&mut self.prepared, true) {
            headers::to_upstream(self.request, &FORWARDING);
            if self.request_body == BodyLength::Empty {
                self.request.fields.remove(FieldId::Expect);
            }
        }
        let named = self.request.authority();
        let host = if named.is_empty() { HOST } else { named };
        origin.write_head(self.request, host, self.request_body);
        self.overhead[UP] += origin.wire.output.len();
        self.gateway.told.endpoints[number].sent.push(Sent {
            head: self.request.clone(),
            host: host.to_vec(),
            body: self.request_body,
            data: Vec::new(),
            trailers: Vec::new(),
            complete: self.request_body == BodyLength::Empty,
        });
    }

    fn act_down(&mut self, action: Action) {
        let before = self.gateway.client.wire.output.len();
        let mut body = 0;
        match action {
            Action::DownInfo => {
                headers::to_downstream(&mut self.response, false);
                self.gateway.client.write_info(&self.response);
                let status = self.response.status;
                self.exchanged().answer.interim.push(status);
            }
            Action::DownHead { last } => self.write_response(last),
            Action::DownReply { status, last } => self.write_reply(Reply::plain(status), last),
            Action::DownData(n) => {
                self.write_data(n);
                self.owed[DOWN] += n;
                body = n as usize;
            }
            Action::DownTrailers => self.trailers_down = true,
            Action::DownEnd => {
                let Upstream::Live(_, origin) = &self.upstream else { panic!("an end without an origin") };
                let trailers = self.trailers_down.then_some(&origin.wire.trailers);
                self.gateway.client.write_end(trailers);
                let trailers = trailers.map(lines).unwrap_or_default();
                let answer = &mut self.exchanged().answer;
                (answer.whole, answer.trailers) = (true, trailers);
            }
            Action::DownReset => {
                let slow = self.exchange.record().ending == Ending::ClientTimeout;
                self.gateway.client.reset(if slow { Cut::Abrupt } else { Cut::Short });
                self.exchanged().cut = true;
            }
            _ => {}
        }
        let grown = self.gateway.client.wire.output.len().saturating_sub(before);
        self.overhead[DOWN] += grown.saturating_sub(body);
    }

    fn write_response(&mut self, last: bool) {
        let came = all_lines(&self.response.fields);
        headers::to_downstream(&mut self.response, true);
        self.gateway.client.write_head(&self.response, self.response_body, last);
        let (status, fields, body) = (self.response.status, lines(&self.response.fields), self.response_body);
        let answer = &mut self.exchanged().answer;
        (answer.status, answer.fields, answer.came) = (status, fields, came);
        answer.until_close = body == BodyLength::UntilClose;
        answer.streams = matches!(body, BodyLength::Streamed | BodyLength::UntilClose);
        answer.whole = body == BodyLength::Empty;
        answer.announced = if let BodyLength::Exact(n) = body { Some(n) } else { None };
    }

    fn write_reply(&mut self, reply: Reply, last: bool) {
        let method = self.exchanged().method;
        let answer = &mut self.exchanged().answer;
        answer.source = None;
        (answer.status, answer.whole) = (reply.head.status, true);
        answer.fields = lines(&reply.head.fields);
        if method != Method::Head {
            answer.data.clone_from(&reply.body);
        }
        self.gateway.client.write_reply(reply, last);
    }

    fn write_data(&mut self, n: u32) {
        let Upstream::Live(number, origin) = &mut self.upstream else { panic!("data without an origin") };
        let n = n as usize;
        let data = if self.unseen {
            let read = &self.gateway.told.endpoints[*number].peer.look().read;
            read[read.len() - n..].to_vec()
        } else {
            let data = origin.wire.input.as_slice()[..n].to_vec();
            self.gateway.client.wire.write_data(origin.wire.piece(n as u32), n as u32);
            origin.wire.consume(n as u32);
            data
        };
        self.exchanged().answer.data.extend_from_slice(&data);
    }

    // --- verdicts --------------------------------------------------------------------------------------

    fn route(&mut self) -> Verdict {
        let request = &mut *self.request;
        if headers::screen(&mut request.fields, Underscores::Drop).is_err() {
            return Verdict::Reply(400);
        }
        if request.method == Method::Trace {
            return Verdict::Reply(405);
        }
        if request.fields.values(FieldId::Expect).any(|value| !value.eq_ignore_ascii_case(b"100-continue")) {
            return Verdict::Reply(417);
        }
        let mut scratch = Vec::new();
        if request.target() != b"*" {
            match normalise(request.path(), EncodedSlashes::Pass, &mut scratch) {
                Ok(Normalised::Unchanged) => {}
                Ok(Normalised::Changed) => {
                    scratch.extend_from_slice(&request.target()[request.path().len()..]);
                    request.target = request.fields.store(&scratch);
                }
                Err(BadPath) => return Verdict::Reply(400),
            }
        }
        Verdict::Route(Plan {
            hooks: false,
            connect_attempts: 2,
            connect: Duration::from_secs(5),
            first_byte: Some(Duration::from_secs(60)),
            request: None,
        })
    }
}
