//! [`Proxy`]: one HTTP/1 request after the other from a client to an endpoint and back, with bytes in memory where
//! connections would be. It does what a driver does, and refuses to wait.

use std::sync::Arc;
use std::time::Duration;

use eg_core::exchange::{
    Abilities, Action, Connection, Down, Exchange, Input, Patience, Plan, Question, RequestFacts,
    ResponseFacts, Up, Verdict,
};
use eg_core::headers::{self, Forwarding, RequestIds};
use eg_core::ledger::InFlight;
use eg_core::pick::{Tried, pick};
use eg_core::route::{Asked, Normalised, normalise};
use eg_core::snapshot::{Listener, Route};
use eg_core::time::Moment;
use eg_wire::h1::{
    HeadLimits, Parsed, ResponseBody, ResponseFraming, keep_alive, parse_request, parse_response,
    request_body, response_body, write_request, write_response,
};
use eg_wire::head::{BodyLength, RequestHead, ResponseHead};

use crate::Scenario;
use crate::world::CLIENT;

const WINDOW: u32 = 64 * 1024;
const LIMITS: HeadLimits = HeadLimits { bytes: 64 * 1024, fields: 128 };

pub(crate) struct Proxy {
    listener: Arc<Listener>,
    request_bytes: &'static [u8],
    response_bytes: Vec<u8>,
    ids: RequestIds,
    id: [u8; 32],
    cursor: u32,
    request: RequestHead,
    response: ResponseHead,
    request_body: BodyLength,
    response_body: BodyLength,
    scratch: Vec<u8>,
    route: Option<Arc<Route>>,
    in_flight: Option<InFlight>,
    to_endpoint: Vec<u8>,
    to_client: Vec<u8>,
    now: Moment,
}

impl Proxy {
    pub(crate) fn new(listener: Arc<Listener>, request: &'static [u8], response: Vec<u8>) -> Self {
        Self {
            listener,
            request_bytes: request,
            response_bytes: response,
            ids: RequestIds::new(7_u64),
            id: [0; 32],
            cursor: 0,
            request: RequestHead::default(),
            response: ResponseHead::default(),
            request_body: BodyLength::Empty,
            response_body: BodyLength::Empty,
            scratch: Vec::new(),
            route: None,
            in_flight: None,
            to_endpoint: Vec::new(),
            to_client: Vec::new(),
            now: Moment::at(Duration::from_secs(1)),
        }
    }

    /// Carries one request and its response; the bytes that both sides were sent, or none if it did not work.
    pub(crate) fn carry(&mut self) -> Option<usize> {
        self.to_endpoint.clear();
        self.to_client.clear();
        self.now = self.now + Duration::from_micros(50);
        self.request.clear();
        let Parsed::Complete { .. } =
            parse_request(self.request_bytes, 0, &LIMITS, &mut self.request).ok()?
        else {
            return None;
        };
        self.request_body = request_body(&self.request).ok()?;
        let keeps = keep_alive(self.request.version, &self.request.fields);
        self.id = self.ids.next();
        let facts = RequestFacts {
            body: self.request_body,
            idempotent: self.request.method.is_idempotent(),
            upgrade: false,
            waits: false,
        };
        let able = Abilities { trailers: true, informational: true };
        let patience =
            Patience { body_idle: self.listener.timeouts.body_idle, min_rate: self.listener.limits.min_rate };
        let mut exchange = Exchange::new(able, WINDOW, patience, self.now);
        self.tell(&mut exchange, Input::Down(Down::Head(facts)))?;
        let (response, body) = self.read_response()?;
        self.tell(&mut exchange, Input::Up(Up::Head(response)))?;
        self.tell(&mut exchange, Input::Up(Up::Data(body)))?;
        self.tell(&mut exchange, Input::Up(Up::End))?;
        self.tell(&mut exchange, Input::Down(Down::Credit(body)))?;
        self.tell(&mut exchange, Input::Down(Down::Sent))?;
        (exchange.is_done() && keeps).then_some(self.to_endpoint.len() + self.to_client.len())
    }

    fn read_response(&mut self) -> Option<(ResponseFacts, u32)> {
        self.response.clear();
        let parsed = parse_response(&self.response_bytes, 0, &LIMITS, &mut self.response).ok()?;
        let Parsed::Complete { consumed } = parsed else { return None };
        let ResponseBody { length, .. } = response_body(self.request.method, &self.response).ok()?;
        self.response_body = length;
        let body = self.response_bytes.len() - consumed;
        Some((ResponseFacts { status: self.response.status, body: length }, u32::try_from(body).ok()?))
    }

    fn tell(&mut self, exchange: &mut Exchange, input: Input) -> Option<()> {
        exchange.handle(input, self.now);
        while let Some(action) = exchange.poll_action() {
            match action {
                Action::Ask(Question::Route) => exchange.handle(Input::Verdict(self.find()?), self.now),
                Action::Ask(Question::Hook) => exchange.handle(Input::Verdict(Verdict::Proceed), self.now),
                Action::Ask(Question::Pick) => exchange.handle(Input::Verdict(self.pick()?), self.now),
                Action::Connect { .. } => {
                    let connected = Up::Connected { connection: Connection::Reused, credit: WINDOW };
                    exchange.handle(Input::Up(connected), self.now);
                }
                Action::UpHead => self.write_request(),
                Action::DownHead { last } => self.write_response(last),
                Action::DownData(n) => {
                    let from = self.response_bytes.len().checked_sub(n as usize)?;
                    self.to_client.extend_from_slice(self.response_bytes.get(from..)?);
                }
                Action::UpRelease => self.in_flight = None,
                Action::DownReply { .. } | Action::DownReset | Action::UpReset => return None,
                _ => {}
            }
        }
        std::hint::black_box(exchange.deadline());
        Some(())
    }

    fn find(&mut self) -> Option<Verdict> {
        headers::screen(&mut self.request.fields, self.listener.headers.underscores).ok()?;
        let slashes = self.listener.headers.encoded_slashes;
        if normalise(self.request.path(), slashes, &mut self.scratch) == Ok(Normalised::Changed) {
            self.request.target = self.request.fields.store(&self.scratch);
        }
        let trusted = &self.listener.client.trusted_proxies;
        let client = headers::client_ip(&self.request.fields, CLIENT, trusted, self.listener.headers.forms);
        let asked = Asked { head: &self.request, path: self.request.path(), client };
        let route = self.listener.route(&asked)?.clone();
        let plan = Plan {
            hooks: false,
            connect_attempts: 3,
            connect: route.pool()?.timeouts.connect,
            first_byte: route.timeouts.first_byte,
            request: route.timeouts.request,
        };
        self.route = Some(route);
        Some(Verdict::Route(plan))
    }

    fn pick(&mut self) -> Option<Verdict> {
        let endpoint = pick(self.route.as_ref()?.pool()?, &mut self.cursor, &Tried::default())?;
        self.in_flight = Some(endpoint.state.begin());
        Some(Verdict::Endpoint)
    }

    fn write_request(&mut self) {
        let settings = &self.listener.headers;
        let forwarding = Forwarding {
            peer: CLIENT,
            trusted: false,
            port: 80,
            scheme: "http",
            forms: settings.forms,
            via: settings.via,
            request_id: settings.request_id.as_deref().map(|name| (name, self.id.as_slice())),
            id: &self.id,
            matched: self.listener.matched_fields(),
        };
        headers::to_upstream(&mut self.request, &forwarding);
        write_request(&self.request, self.request.authority(), self.request_body, &mut self.to_endpoint);
    }

    fn write_response(&mut self, last: bool) {
        headers::to_downstream(&mut self.response, self.listener.headers.via);
        let framing = ResponseFraming { close: last, keep_alive: false, head_only: false };
        write_response(&self.response, self.response_body, framing, &mut self.to_client);
    }
}

/// What the machine alone costs: the conversation of [`Proxy::carry`], with nothing done for it.
pub(crate) fn converse() -> Scenario {
    let facts = RequestFacts { body: BodyLength::Empty, idempotent: true, upgrade: false, waits: false };
    let plan = Plan {
        hooks: false,
        connect_attempts: 3,
        connect: Duration::from_secs(5),
        first_byte: Some(Duration::from_secs(60)),
        request: None,
    };
    let inputs = [
        Input::Down(Down::Head(facts)),
        Input::Verdict(Verdict::Route(plan)),
        Input::Verdict(Verdict::Endpoint),
        Input::Up(Up::Connected { connection: Connection::Reused, credit: WINDOW }),
        Input::Up(Up::Head(ResponseFacts { status: 200, body: BodyLength::Exact(1024) })),
        Input::Up(Up::Data(1024)),
        Input::Up(Up::End),
        Input::Down(Down::Credit(1024)),
        Input::Down(Down::Sent),
    ];
    let able = Abilities { trailers: true, informational: true };
    let patience = Patience { body_idle: Duration::from_secs(30), min_rate: Some(240) };
    let mut now = Moment::at(Duration::from_secs(1));
    Box::new(move || {
        now = now + Duration::from_micros(50);
        let (mut exchange, mut actions) = (Exchange::new(able, WINDOW, patience, now), 0);
        for input in std::hint::black_box(inputs) {
            exchange.handle(input, now);
            while let Some(action) = exchange.poll_action() {
                std::hint::black_box(action);
                actions += 1;
            }
            std::hint::black_box(exchange.deadline());
        }
        exchange.is_done().then_some(actions)
    })
}
