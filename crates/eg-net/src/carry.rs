//! [`Carry`]: drives one [`Exchange`]: asks both sides what happened, tells the machine, does what it says. The
//! only loop of its kind; which protocols meet in it is decided by two enums. It refuses to decide anything.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use eg_core::exchange::{
    Action, Connection as History, Down, Ending, Exchange, Input, Patience, Plan, Question, Record,
    RequestFacts, Side, Stage, Up, Verdict,
};
use eg_core::headers;
use eg_core::ledger::InFlight;
use eg_core::pick::{Tried, pick};
use eg_core::snapshot::{Endpoint, Pool, Route, RouteAction, Trailers};
use eg_core::time::Moment;
use eg_wire::fields::{FieldId, Span};
use eg_wire::head::{BodyLength, RequestHead, ResponseHead, Version};

use crate::connection::{Connection, Served};
use crate::downstream::{Cut, Downstream};
use crate::forward;
use crate::h1::up::Origin;
use crate::record::Line;
use crate::reply::Reply;
use crate::stream::Stream;
use crate::timer::Timer;
use crate::upstream;

/// Endpoints tried while none can be connected to.
const CONNECT_ATTEMPTS: u8 = 3;
/// Turns of the loop before other connections get theirs.
const TURNS: u32 = 64;

type Connecting = Pin<Box<dyn Future<Output = io::Result<Stream>>>>;

/// The endpoint's side.
enum Upstream {
    None,
    Connecting(Connecting),
    Live(Box<Origin>),
}

/// How an exchange begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// With a request.
    Head(BodyLength),
    /// With something that is none, to be answered with this status.
    Malformed(u16),
}

/// What is left when an exchange is over.
pub(crate) struct Finished {
    pub(crate) record: Record,
    /// The request was read to its end.
    pub(crate) request_complete: bool,
}

pub(crate) struct Carry<'a> {
    conn: &'a Connection,
    served: Rc<Served>,
    client: forward::Client,
    down: Downstream<'a>,
    request: &'a mut RequestHead,
    /// Its target as the client wrote it.
    target: Span,
    timer: &'a mut Timer,
    upstream: Upstream,
    exchange: Exchange,
    response: ResponseHead,
    response_body: BodyLength,
    request_body: BodyLength,
    route: Option<Arc<Route>>,
    endpoint: Option<Arc<Endpoint>>,
    in_flight: Option<InFlight>,
    tried: Tried,
    request_id: [u8; 32],
    down_grant: u32,
    up_grant: u32,
    /// The request's fields are as the endpoint shall see them.
    prepared: bool,
    /// The data that was heard last has been moved on already.
    unseen: bool,
    /// The client has said something that ends its request, and is not heard any more.
    unheard: bool,
    /// Trailers are to be written at the end: to the endpoint, to the client.
    trailers_up: bool,
    trailers_down: bool,
    tunnel: bool,
    done: bool,
    now: Moment,
}

impl<'a> Carry<'a> {
    pub(crate) fn new(
        conn: &'a Connection,
        down: Downstream<'a>,
        request: &'a mut RequestHead,
        timer: &'a mut Timer,
        start: Start,
    ) -> Self {
        let now = conn.worker.now();
        let number = conn.begin_request();
        let served = conn.served();
        let (credit, abilities) = (down.first_credit(), down.abilities(request.version));
        let listener = &served.listener;
        let patience =
            Patience { body_idle: listener.timeouts.body_idle, min_rate: listener.limits.min_rate };
        let mut exchange = Exchange::new(abilities, credit, patience, now);
        let is_last = listener.limits.requests_per_connection.is_some_and(|most| number >= most);
        if is_last || conn.is_leaving() {
            exchange.handle(Input::Draining, now);
        }
        let (input, request_body) = match start {
            Start::Malformed(status) => (Down::Malformed(status), BodyLength::Empty),
            Start::Head(body) => (Down::Head(facts(request, body, &down)), body),
        };
        exchange.handle(Input::Down(input), now);
        Self {
            conn,
            client: forward::Client::of(conn, listener, request),
            served,
            down,
            target: request.target,
            request,
            timer,
            upstream: Upstream::None,
            exchange,
            response: ResponseHead::default(),
            response_body: BodyLength::Empty,
            request_body,
            route: None,
            endpoint: None,
            in_flight: None,
            tried: Tried::default(),
            request_id: conn.worker.next_request_id(),
            down_grant: 0,
            up_grant: 0,
            prepared: false,
            unseen: false,
            unheard: false,
            trailers_up: false,
            trailers_down: false,
            tunnel: false,
            done: false,
            now,
        }
    }

    /// Runs the exchange to its end and leaves its record.
    pub(crate) async fn run(mut self) -> Finished {
        std::future::poll_fn(|cx| self.poll(cx)).await;
        if self.tunnel {
            self.relay().await;
        }
        self.leave()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.now = self.conn.worker.now();
        // A response that begins from now on says that it is the last.
        if self.conn.is_leaving() {
            self.tell(Input::Draining);
        }
        for _ in 0..TURNS {
            self.act();
            if self.done || self.tunnel {
                return Poll::Ready(());
            }
            // What can be heard is heard before anything is sent, so that what belongs together leaves together; credit
            // ends the listening.
            if self.poll_upstream(cx) || self.poll_downstream(cx) {
                continue;
            }
            if self.flush_upstream(cx) | self.flush_downstream(cx) {
                continue;
            }
            let Some(deadline) = self.exchange.deadline() else { return Poll::Pending };
            match self.timer.poll(cx, &self.conn.worker.shared.clock, deadline, self.now) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => {
                    self.now = self.conn.worker.now();
                    self.exchange.handle_timeout(self.now);
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn tell(&mut self, input: Input) {
        self.exchange.handle(input, self.now);
    }

    // --- events ----------------------------------------------------------------------------------------

    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.upstream {
            Upstream::None => false,
            Upstream::Connecting(connecting) => match connecting.as_mut().poll(cx) {
                Poll::Pending => false,
                Poll::Ready(result) => {
                    self.connected(result);
                    true
                }
            },
            Upstream::Live(origin) => {
                let (grant, pipes) = (self.up_grant, &self.conn.worker.pipes);
                let unseen = match &mut self.down {
                    Downstream::H1(client) => origin.poll_unseen(cx, grant, &mut client.wire, pipes),
                    Downstream::H2(_) => None,
                };
                self.unseen = unseen.is_some();
                match unseen.unwrap_or_else(|| origin.poll(cx, grant, &mut self.response)) {
                    Poll::Pending => false,
                    Poll::Ready(event) => {
                        self.heard(event);
                        true
                    }
                }
            }
        }
    }

    fn flush_upstream(&mut self, cx: &mut Context<'_>) -> bool {
        let Upstream::Live(origin) = &mut self.upstream else { return false };
        let credit = origin.poll_flush(cx);
        if let Some(event) = credit {
            self.tell(Input::Up(event));
        }
        credit.is_some()
    }

    fn connected(&mut self, result: io::Result<Stream>) {
        match (result, &self.endpoint) {
            (Ok(stream), Some(endpoint)) => {
                self.conn.worker.counters.upstream_connects.add(1);
                let origin = Box::new(Origin::new(endpoint.id, stream, self.now));
                self.live(origin, History::Fresh);
            }
            (Err(_), Some(endpoint)) => {
                endpoint.state.failed();
                self.tried.add(endpoint.id);
                self.upstream = Upstream::None;
                self.tell(Input::Up(Up::Failed { stage: Stage::Connect, wrote: false }));
            }
            (_, None) => {}
        }
    }

    fn heard(&mut self, event: Up) {
        match event {
            Up::Head(facts) => self.response_body = facts.body,
            Up::Data(n) => self.up_grant -= n,
            Up::Failed { .. } => {
                if let Some(endpoint) = &self.endpoint {
                    endpoint.state.failed();
                }
            }
            _ => {}
        }
        self.tell(Input::Up(event));
    }

    fn flush_downstream(&mut self, cx: &mut Context<'_>) -> bool {
        let flushed = self.down.poll_flush(cx);
        if let Some(event) = flushed {
            self.tell(Input::Down(event));
        }
        flushed.is_some()
    }

    fn poll_downstream(&mut self, cx: &mut Context<'_>) -> bool {
        if self.unheard {
            return false;
        }
        match self.down.poll(cx, self.down_grant) {
            Poll::Pending => false,
            Poll::Ready(event) => {
                let event = self.within_limit(event);
                match event {
                    Down::Data(n) => self.down_grant -= n,
                    // It would be said again at every turn: what could not be read still stands there.
                    Down::Malformed(_) | Down::Reset => self.unheard = true,
                    _ => {}
                }
                self.tell(Input::Down(event));
                true
            }
        }
    }

    /// A body whose length was not told may still turn out to be too long.
    fn within_limit(&self, event: Down) -> Down {
        match (event, self.served.listener.limits.request_body) {
            (Down::Data(n), Some(limit)) if self.exchange.record().request_bytes + u64::from(n) > limit => {
                Down::Malformed(413)
            }
            _ => event,
        }
    }

    // --- actions ---------------------------------------------------------------------------------------

    fn act(&mut self) {
        while let Some(action) = self.exchange.poll_action() {
            match action {
                Action::Ask(question) => self.answer(question),
                Action::Connect { fresh } => self.connect(fresh),
                Action::UpHead
                | Action::UpData(_)
                | Action::UpTrailers
                | Action::UpEnd
                | Action::UpReset
                | Action::UpRelease => self.act_up(action),
                Action::Grant(Side::Down, n) => self.down_grant += n,
                Action::Grant(Side::Up, n) => self.up_grant += n,
                Action::Discard(Side::Down, n) => self.down.consume(n),
                Action::Discard(Side::Up, n) => {
                    if let Upstream::Live(origin) = &mut self.upstream {
                        origin.wire.consume(n);
                    }
                }
                Action::Tunnel => self.tunnel = true,
                Action::Done => self.done = true,
                _ => self.act_down(action),
            }
        }
    }

    fn act_up(&mut self, action: Action) {
        let Upstream::Live(origin) = &mut self.upstream else {
            if action == Action::UpReset {
                self.abandon();
            }
            return;
        };
        match action {
            Action::UpHead => {
                let Some(route) = self.route.as_deref() else { return };
                if !self.prepared {
                    self.prepared = true;
                    let listener = &self.served.listener;
                    forward::prepare(self.conn, listener, route, self.client, self.request, &self.request_id);
                    // An expectation of nothing is none, and some endpoints wait for it to be met (RFC 9110, 10.1.1).
                    if self.request_body == BodyLength::Empty {
                        self.request.fields.remove(FieldId::Expect);
                    }
                }
                let named = route.host.as_deref().unwrap_or_else(|| self.request.authority());
                // A client of HTTP/1.0 need not say whom it wants, an endpoint of HTTP/1.1 wants to hear it.
                match &self.endpoint {
                    Some(endpoint) if named.is_empty() => {
                        origin.write_head(
                            self.request,
                            endpoint.address.host().as_bytes(),
                            self.request_body,
                        );
                    }
                    _ => origin.write_head(self.request, named, self.request_body),
                }
            }
            Action::UpData(n) => {
                origin.write_data(self.down.piece(n), n);
                self.down.consume(n);
            }
            Action::UpTrailers => {
                self.trailers_up = self.pool().is_some_and(|pool| pool.request_trailers == Trailers::Pass);
                forward::screen_trailers(&self.served.listener, self.down.trailers());
            }
            Action::UpEnd => origin.write_end(self.trailers_up.then(|| &*self.down.trailers())),
            Action::UpRelease => self.release(),
            _ => self.abandon(),
        }
    }

    fn act_down(&mut self, action: Action) {
        match action {
            Action::DownInfo => {
                headers::to_downstream(&mut self.response, false);
                self.down.write_info(&self.response);
            }
            Action::DownHead { last } => {
                headers::to_downstream(&mut self.response, self.served.listener.headers.via);
                if let Some(route) = &self.route {
                    route.response_fields.apply(&mut self.response.fields);
                }
                self.down.write_head(&self.response, self.response_body, last);
            }
            Action::DownReply { status, last } => {
                let reply = self.own_reply().unwrap_or_else(|| Reply::plain(status));
                self.down.write_reply(reply, last);
            }
            Action::DownData(_) if self.unseen => {}
            Action::DownData(n) => {
                if let Upstream::Live(origin) = &mut self.upstream {
                    self.down.write_data(origin.wire.piece(n), n);
                    origin.wire.consume(n);
                }
            }
            Action::DownTrailers => self.trailers_down = true,
            Action::DownEnd => {
                let trailers = match &self.upstream {
                    Upstream::Live(origin) if self.trailers_down => Some(&origin.wire.trailers),
                    _ => None,
                };
                self.down.write_end(trailers);
            }
            // Who was found not to read shall not have the kernel keep what it did not take.
            Action::DownReset if self.exchange.record().ending == Ending::ClientTimeout => {
                self.down.reset(Cut::Abrupt);
            }
            Action::DownReset => self.down.reset(Cut::Short),
            _ => {}
        }
    }

    /// What the route answers, if it leads nowhere else.
    fn own_reply(&self) -> Option<Reply> {
        Reply::of_route(self.route.as_deref()?, self.request, forward::SCHEME, self.conn.port)
    }

    fn answer(&mut self, question: Question) {
        let verdict = match question {
            Question::Route => self.route(),
            Question::Hook => Verdict::Proceed,
            Question::Pick => self.pick(),
        };
        self.tell(Input::Verdict(verdict));
    }

    fn route(&mut self) -> Verdict {
        let route = match forward::route(&self.conn.worker, &self.served.listener, self.client, self.request)
        {
            Err(status) => return Verdict::Reply(status),
            Ok(route) => self.route.insert(route),
        };
        match &route.action {
            RouteAction::Redirect(redirect) => Verdict::Reply(redirect.status),
            RouteAction::Respond(respond) => Verdict::Reply(respond.status),
            RouteAction::Pool(pool) => Verdict::Route(Plan {
                hooks: false,
                connect_attempts: CONNECT_ATTEMPTS,
                connect: pool.timeouts.connect,
                first_byte: route.timeouts.first_byte,
                request: route.timeouts.request,
            }),
        }
    }

    fn pick(&mut self) -> Verdict {
        let Some(pool) = self.pool() else { return Verdict::Reply(404) };
        let picked = self.conn.worker.with_cursor(pool, |cursor| pick(pool, cursor, &self.tried).cloned());
        match picked {
            None => Verdict::Reply(503),
            Some(endpoint) => {
                self.in_flight = Some(endpoint.state.begin());
                self.endpoint = Some(endpoint);
                Verdict::Endpoint
            }
        }
    }

    fn connect(&mut self, fresh: bool) {
        (self.down_grant, self.up_grant) = (0, 0);
        let Some(endpoint) = &self.endpoint else { return };
        let pooled = if fresh { None } else { self.conn.worker.take_idle(endpoint.id, self.now) };
        if let Some(origin) = pooled {
            self.conn.worker.counters.upstream_reuses.add(1);
            self.live(origin, History::Reused);
        } else {
            let endpoint = endpoint.clone();
            self.upstream =
                Upstream::Connecting(Box::pin(async move { upstream::connect(&endpoint.address).await }));
        }
    }

    fn live(&mut self, origin: Box<Origin>, connection: History) {
        let credit = origin.wire.window();
        self.upstream = Upstream::Live(origin);
        self.tell(Input::Up(Up::Connected { connection, credit }));
    }

    /// Closes what is there of the attempt. An endpoint that a client did not wait for has not failed.
    fn abandon(&mut self) {
        let too_slow = self.exchange.record().ending == Ending::ConnectTimeout;
        if let (Upstream::Connecting(_), Some(endpoint), true) = (&self.upstream, &self.endpoint, too_slow) {
            endpoint.state.failed();
            self.tried.add(endpoint.id);
        }
        // Half a body must not look like a whole one: there are endpoints that do not count.
        if let (Upstream::Live(origin), false) = (&self.upstream, self.exchange.request_complete()) {
            origin.wire.stream.reset_on_close();
        }
        self.upstream = Upstream::None;
    }

    fn release(&mut self) {
        let upstream = std::mem::replace(&mut self.upstream, Upstream::None);
        if let (Upstream::Live(origin), Some(pool)) = (upstream, self.pool())
            && origin.is_reusable()
        {
            let idle = self.now + pool.timeouts.keepalive;
            let aged = pool.timeouts.max_age.map_or(idle, |age| origin.born() + age);
            if self.now < aged {
                self.conn.worker.keep_idle(origin, idle.min(aged));
            }
        }
    }

    fn pool(&self) -> Option<&Arc<Pool>> {
        self.route.as_ref()?.pool()
    }

    /// Carries the bytes of an upgraded connection until both sides have ended.
    async fn relay(&mut self) {
        let (Downstream::H1(client), Upstream::Live(origin)) = (&mut self.down, &mut self.upstream) else {
            return;
        };
        let idle = self.served.listener.timeouts.idle;
        let (up, down) =
            crate::relay::run(self.conn, &mut client.wire, &mut origin.wire, self.timer, idle).await;
        self.now = self.conn.worker.now();
        self.tell(Input::TunnelEnded { up, down });
        self.act();
    }

    fn leave(mut self) -> Finished {
        if let Downstream::H1(client) = &mut self.down
            && let Some(pipe) = client.wire.output.take_pipe()
        {
            self.conn.worker.pipes.give_back(pipe);
        }
        let record = *self.exchange.record();
        self.served.counters.count(self.request.version, &record);
        // What the endpoint was told, so that the logs of both can be joined.
        let named = self.served.listener.headers.request_id.as_deref().filter(|_| self.client.trusted);
        let given = named.and_then(|name| headers::given_request_id(&self.request.fields, name));
        self.conn.worker.log(&Line {
            listener: &self.served.listener.name,
            client: self.client.address,
            peer: self.conn.client,
            target: self.request.fields.text(self.target),
            record: &record,
            request: self.request,
            request_id: given.unwrap_or(&self.request_id),
            route: self.route.as_deref(),
            endpoint: self.endpoint.as_deref(),
        });
        Finished { record, request_complete: self.exchange.request_complete() }
    }
}

fn facts(request: &RequestHead, body: BodyLength, down: &Downstream<'_>) -> RequestFacts {
    RequestFacts {
        body,
        idempotent: request.method.is_idempotent(),
        upgrade: matches!(down, Downstream::H1(_)) && headers::wants_upgrade(request),
        // One of HTTP/1.0 does not know 100 (RFC 9110, 10.1.1).
        waits: body != BodyLength::Empty
            && request.version != Version::H10
            && request.fields.has(FieldId::Expect),
    }
}
