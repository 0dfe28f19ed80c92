//! [`Snapshot`]: the configuration as workers walk it: validated, immutable, everything looked up beforehand. It is
//! published whole and refuses to change; what changes is in the [`Ledger`].

mod compile;
#[cfg(test)]
pub(crate) mod fixture;
mod redirect;
pub mod spec;
mod values;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use self::compile::{CompileError, pattern_complaint};
pub use self::redirect::Redirect;
use self::spec::SnapshotSpec;
use crate::addresses::AddressSet;
use crate::headers::{FieldEdits, Forms, Underscores};
use crate::ledger::{EndpointId, EndpointState, Ledger, Listed};
use crate::pick::Policy;
use crate::route::{Asked, EncodedSlashes, RouteTable};

/// One generation of the configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts from 1; 0 serves nothing.
    pub generation: u64,
    /// Most simultaneous downstream connections.
    pub max_connections: u32,
    /// In the order of the configuration.
    pub listeners: Vec<Arc<Listener>>,
    /// In the order of the configuration.
    pub pools: Vec<Arc<Pool>>,
    /// Tells the ledger which endpoints exist. Here and not in [`Endpoint`], which exchanges keep.
    _listed: Vec<Listed>,
}

/// Where connections enter.
#[derive(Debug)]
pub struct Listener {
    /// Name in the configuration.
    pub name: String,
    /// Keys of its sockets.
    pub addresses: Vec<String>,
    /// Whether HTTP/1 is accepted.
    pub h1: bool,
    /// Whether HTTP/2 with prior knowledge is accepted.
    pub h2: bool,
    /// Who may connect, and who is believed.
    pub client: ListenerClient,
    /// What it adds to messages.
    pub headers: ListenerHeaders,
    /// What a request may ask of us.
    pub limits: ListenerLimits,
    /// How long a client may take.
    pub timeouts: ListenerTimeouts,
    table: RouteTable,
    /// Names of fields that its routes look for.
    matched_fields: Vec<Box<[u8]>>,
    /// Serves what no route matches.
    fallback: Option<Arc<Route>>,
}

/// Clients of a listener.
#[derive(Debug, Clone)]
pub struct ListenerClient {
    /// Whose claims about other clients are believed.
    pub trusted_proxies: AddressSet,
    /// Who may connect.
    pub allow: AddressSet,
    /// Who may not, although allowed.
    pub deny: AddressSet,
}

impl ListenerClient {
    /// Whether somebody may connect.
    #[must_use]
    pub fn admits(&self, peer: IpAddr) -> bool {
        self.allow.contains(peer) && !self.deny.contains(peer)
    }
}

/// Fields a listener adds, and names and paths that it takes.
#[derive(Debug, Clone)]
pub struct ListenerHeaders {
    /// How endpoints learn of the client.
    pub forms: Forms,
    /// Name of the request id field; none: no id is added.
    pub request_id: Option<String>,
    /// `Via`.
    pub via: bool,
    /// Names with an underscore.
    pub underscores: Underscores,
    /// `%2F` and `%5C` in paths.
    pub encoded_slashes: EncodedSlashes,
}

/// Bounds of a listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// Bytes of a request's head.
    pub request_header: u32,
    /// Fields of a request.
    pub headers: u16,
    /// Bytes of a request's body.
    pub request_body: Option<u64>,
    /// Requests of one connection.
    pub requests_per_connection: Option<u64>,
    /// Bytes per second that a client must send or take while it is waited for.
    pub min_rate: Option<u32>,
}

/// Timeouts of a listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerTimeouts {
    /// From a request's first byte to the end of its head.
    pub header: Duration,
    /// Between requests, and in a tunnel without traffic.
    pub idle: Duration,
    /// Without progress of a body, either way.
    pub body_idle: Duration,
}

/// What is done with a kind of request. Exchanges hold it, never the Snapshot.
#[derive(Debug)]
pub struct Route {
    /// Name in the configuration; `default` for a listener's default pool.
    pub name: String,
    /// What is done.
    pub action: RouteAction,
    /// Prefix of whole segments that the path loses, without a slash at its end.
    pub strip_prefix: Option<Box<[u8]>>,
    /// What `Host` says to the endpoint, instead of what the client said.
    pub host: Option<Box<[u8]>>,
    /// Changes to the fields of requests.
    pub request_fields: FieldEdits,
    /// Changes to the fields of responses.
    pub response_fields: FieldEdits,
    /// How long the endpoint may take.
    pub timeouts: RouteTimeouts,
}

impl Route {
    /// Where it leads, if it leads to endpoints.
    #[must_use]
    pub fn pool(&self) -> Option<&Arc<Pool>> {
        match &self.action {
            RouteAction::Pool(pool) => Some(pool),
            RouteAction::Redirect(_) | RouteAction::Respond(_) => None,
        }
    }
}

/// What is done with a request.
#[derive(Debug)]
pub enum RouteAction {
    /// It is forwarded.
    Pool(Arc<Pool>),
    /// It is sent elsewhere.
    Redirect(Redirect),
    /// It is answered.
    Respond(Respond),
}

/// An answer of the gateway's own.
#[derive(Debug)]
pub struct Respond {
    /// 200 to 599.
    pub status: u16,
    /// Empty where the status has none.
    pub body: String,
    /// `Content-Type`.
    pub content_type: String,
}

/// Timeouts of a route.
#[derive(Debug, Clone, Copy)]
pub struct RouteTimeouts {
    /// The whole request, retries included.
    pub request: Option<Duration>,
    /// To the response's head.
    pub first_byte: Option<Duration>,
}

/// Endpoints that are one to those who send requests.
#[derive(Debug)]
pub struct Pool {
    /// Name in the configuration.
    pub name: String,
    /// Place in [`Snapshot::pools`] of its generation.
    pub index: u32,
    /// How an endpoint is picked.
    pub policy: Policy,
    /// In the order of the configuration; none: every request is answered with 503.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Fields behind a request's body. There are endpoints that read them as fields of the next request, or as if they
    /// had stood before it.
    pub request_trailers: Trailers,
    /// Timeouts towards them.
    pub timeouts: PoolTimeouts,
}

/// What becomes of fields behind a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trailers {
    /// They are read and left out.
    Drop,
    /// They are passed on.
    Pass,
}

/// Timeouts towards the endpoints of a pool.
#[derive(Debug, Clone, Copy)]
pub struct PoolTimeouts {
    /// To establish one connection.
    pub connect: Duration,
    /// How long an idle connection is kept for reuse; zero: not at all.
    pub keepalive: Duration,
    /// How old a connection may become before it is not reused.
    pub max_age: Option<Duration>,
}

/// One endpoint of one pool.
#[derive(Debug)]
pub struct Endpoint {
    /// The same from one Snapshot to the next, while pool and address are.
    pub id: EndpointId,
    /// Unique in its pool.
    pub name: String,
    /// Where to connect to.
    pub address: Address,
    /// Live facts, shared with all generations. Two names of one address in a pool share them too.
    pub state: Arc<EndpointState>,
}

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// IP address and port.
    Tcp(SocketAddr),
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// What `Host` says where nobody has said it.
    #[must_use]
    pub fn host(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl Snapshot {
    /// What an engine serves before it was told anything.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            generation: 0,
            max_connections: u32::MAX,
            listeners: Vec::new(),
            pools: Vec::new(),
            _listed: Vec::new(),
        }
    }

    /// Reads a description.
    ///
    /// # Errors
    /// If it is not JSON of the shape of [`SnapshotSpec`]: a key without effect is an error.
    pub fn from_json(bytes: &[u8]) -> Result<SnapshotSpec, CompileError> {
        compile::read(bytes)
    }

    /// Compiles a description. Endpoints that some Snapshot lists already keep identity and state.
    ///
    /// # Errors
    /// If running it would be unsafe or ambiguous. Then nothing that is served has changed.
    pub fn compile(spec: &SnapshotSpec, generation: u64, ledger: &mut Ledger) -> Result<Self, CompileError> {
        compile::compile(spec, generation, ledger)
    }

    /// An endpoint by the names of its pool and itself.
    #[must_use]
    pub fn endpoint(&self, pool: &str, name: &str) -> Option<&Arc<Endpoint>> {
        let pool = self.pools.iter().find(|known| known.name == pool)?;
        pool.endpoints.iter().find(|known| known.name == name)
    }

    /// The listener that the socket of an address belongs to.
    #[must_use]
    pub fn listener_of_address(&self, address: &str) -> Option<&Arc<Listener>> {
        self.listeners.iter().find(|listener| listener.addresses.iter().any(|known| known == address))
    }
}

impl Listener {
    /// The route of a request.
    #[must_use]
    pub fn route(&self, asked: &Asked<'_>) -> Option<&Arc<Route>> {
        self.table.find(asked).or(self.fallback.as_ref())
    }

    /// Names of fields that its routes look for.
    #[must_use]
    pub fn matched_fields(&self) -> &[Box<[u8]>] {
        &self.matched_fields
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::fixture::{compile, listener, pool, route, routed_by, spec};
    use super::*;

    /// A world with one pool, `app`, of endpoints called and placed like this.
    fn world(endpoints: &[(&str, &str)]) -> serde_json::Value {
        let mut world = spec(&[]);
        world["pools"] = json!([pool("app", endpoints)]);
        world
    }

    fn identity(snapshot: &Snapshot, pool: &str, name: &str) -> EndpointId {
        snapshot.endpoint(pool, name).expect("the endpoint exists").id
    }

    #[test]
    fn what_no_route_matches_goes_to_the_default_pool_if_there_is_one() {
        let mut world = spec(&[route("a", &["a"], None)]);
        let without = compile(&world, &mut Ledger::default()).unwrap();
        assert!(routed_by(&without.listeners[0], "b", "/").is_none());
        world["listeners"][0]["default_pool"] = json!(0);
        let with = compile(&world, &mut Ledger::default()).unwrap();
        let route = routed_by(&with.listeners[0], "b", "/").expect("the default pool");
        let pool = route.pool().expect("it leads to a pool");
        assert_eq!((route.name.as_str(), pool.name.as_str()), ("default", "app"));
        assert_eq!(route.timeouts.first_byte, Some(Duration::from_secs(60)));
        assert_eq!(route.timeouts.request, None);
    }

    #[test]
    fn a_route_applies_to_its_listeners_only() {
        let mut world = spec(&[route("a", &[], None)]);
        world["listeners"] = json!([listener("one"), listener("two"), listener("three")]);
        world["routes"][0]["listeners"] = json!([0, 2]);
        let snapshot = compile(&world, &mut Ledger::default()).unwrap();
        let found = snapshot.listeners.iter().map(|listener| routed_by(listener, "x", "/").is_some());
        assert_eq!(found.collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn things_are_found_by_their_names() {
        let mut world = spec(&[]);
        world["listeners"] = json!([listener("one"), listener("two")]);
        world["listeners"][1]["addresses"] = json!(["0.0.0.0:80", "[::]:80"]);
        world["pools"] = json!([
            pool("app", &[("a", "10.0.0.1:80"), ("b", "unix:/run/b.sock")]),
            pool("other", &[("a", "[::1]:8080")]),
            pool("none", &[]),
        ]);
        let snapshot = compile(&world, &mut Ledger::default()).unwrap();
        let address = |pool, name| snapshot.endpoint(pool, name).map(|endpoint| endpoint.address.clone());
        assert_eq!(address("app", "a"), Some(Address::Tcp(([10, 0, 0, 1], 80).into())));
        assert_eq!(address("app", "b"), Some(Address::Unix("/run/b.sock".into())));
        assert_eq!(address("other", "a"), Some(Address::Tcp("[::1]:8080".parse().unwrap())));
        assert_eq!((address("other", "b"), address("none", "a"), address("nobody", "a")), (None, None, None));
        assert_eq!(snapshot.pools.iter().map(|pool| pool.index).collect::<Vec<_>>(), [0, 1, 2]);
        let name = |address| snapshot.listener_of_address(address).map(|listener| listener.name.as_str());
        assert_eq!((name("[::]:80"), name("one:80"), name("[::]:81")), (Some("two"), Some("one"), None));
    }

    #[test]
    fn an_unchanged_endpoint_keeps_its_identity_its_health_and_its_load() {
        let mut ledger = Ledger::default();
        let first = compile(&world(&[("a", "10.0.0.1:80"), ("b", "10.0.0.2:80")]), &mut ledger).unwrap();
        let state = &first.endpoint("app", "a").unwrap().state;
        state.set_healthy(false);
        let _under_way = state.begin();
        // Renamed, elsewhere in the list, with a new neighbour: still the same pool and address.
        let second =
            compile(&world(&[("c", "10.0.0.3:80"), ("renamed", "10.0.0.1:80")]), &mut ledger).unwrap();
        let same = second.endpoint("app", "renamed").unwrap();
        assert_eq!(same.id, identity(&first, "app", "a"));
        assert_eq!((same.state.is_healthy(), same.state.in_flight()), (false, 1));
        assert!(second.endpoint("app", "c").unwrap().state.is_healthy());
    }

    #[test]
    fn another_address_or_another_pool_is_another_endpoint() {
        let mut ledger = Ledger::default();
        let mut both = spec(&[]);
        both["pools"] = json!([pool("app", &[("a", "10.0.0.1:80")]), pool("copy", &[("a", "10.0.0.1:80")])]);
        let first = compile(&both, &mut ledger).unwrap();
        assert_ne!(identity(&first, "app", "a"), identity(&first, "copy", "a"));
        let moved = compile(&world(&[("a", "10.0.0.1:81")]), &mut ledger).unwrap();
        assert_ne!(identity(&moved, "app", "a"), identity(&first, "app", "a"));
    }

    #[test]
    fn two_names_of_one_address_share_what_is_known_of_it() {
        let twice = world(&[("a", "10.0.0.1:80"), ("b", "10.0.0.1:80")]);
        let snapshot = compile(&twice, &mut Ledger::default()).unwrap();
        snapshot.endpoint("app", "a").unwrap().state.set_healthy(false);
        assert!(!snapshot.endpoint("app", "b").unwrap().state.is_healthy());
    }

    #[test]
    fn an_endpoint_that_is_gone_is_forgotten_with_the_last_snapshot_that_lists_it() {
        let mut ledger = Ledger::default();
        let first = compile(&world(&[("a", "10.0.0.1:80")]), &mut ledger).unwrap();
        let old = first.endpoint("app", "a").unwrap().clone();
        old.state.set_healthy(false);
        let _second = compile(&world(&[]), &mut ledger).unwrap();
        assert_eq!(ledger.len(), 1, "the first Snapshot is still served");
        drop(first);
        // `old` is what a long exchange holds; the endpoint that comes back is checked anew.
        let third = compile(&world(&[("a", "10.0.0.1:80")]), &mut ledger).unwrap();
        assert_eq!(ledger.len(), 1);
        assert_ne!(identity(&third, "app", "a"), old.id);
        assert!(third.endpoint("app", "a").unwrap().state.is_healthy());
    }

    #[test]
    fn a_snapshot_that_is_refused_or_never_served_changes_nothing() {
        let mut ledger = Ledger::default();
        let served = compile(&world(&[("a", "10.0.0.1:80")]), &mut ledger).unwrap();
        served.endpoint("app", "a").unwrap().state.set_healthy(false);
        assert!(compile(&world(&[("b", "10.0.0.2:80"), ("c", "nowhere")]), &mut ledger).is_err());
        drop(compile(&world(&[]), &mut ledger).unwrap());
        let next = compile(&world(&[("a", "10.0.0.1:80")]), &mut ledger).unwrap();
        assert_eq!(identity(&next, "app", "a"), identity(&served, "app", "a"));
        assert!(!next.endpoint("app", "a").unwrap().state.is_healthy());
        assert_eq!(ledger.len(), 1, "the refused one left nothing");
    }

    #[test]
    fn an_engine_that_was_told_nothing_serves_nothing() {
        let empty = Snapshot::empty();
        assert!(empty.listeners.is_empty() && empty.pools.is_empty() && empty.generation == 0);
    }
}
