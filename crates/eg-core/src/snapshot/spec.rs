//! The description of a Snapshot as it arrives from Python: one JSON document, names resolved to
//! indices, units resolved to numbers. Nothing here is used on the hot path; [`super::Snapshot`] is
//! what it compiles to. This file refuses to validate meaning: the loader has done that with
//! positions, and `Snapshot::compile` refuses what would be unsafe to run.

use serde::Deserialize;

/// Everything the data plane must know, and nothing it may ignore.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotSpec {
    /// Most simultaneous downstream connections of the whole process.
    pub max_connections: u32,
    /// Where connections enter.
    pub listeners: Vec<ListenerSpec>,
    /// In order of precedence within one host: first match wins.
    pub routes: Vec<RouteSpec>,
    /// Where connections go.
    pub pools: Vec<PoolSpec>,
}

/// One listener; `addresses` are the keys under which its sockets are handed over.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerSpec {
    /// Name in the configuration.
    pub name: String,
    /// Socket keys, as in the `sockets` argument of `Engine.apply`.
    pub addresses: Vec<String>,
    /// Accept HTTP/1.0 and HTTP/1.1.
    pub h1: bool,
    /// Accept HTTP/2 with prior knowledge.
    pub h2: bool,
    /// Index of the pool that serves what no route matches; none: 404.
    pub default_pool: Option<u32>,
    /// Who may connect, and who is believed.
    pub client: ListenerClientSpec,
    /// Fields added towards the endpoint.
    pub headers: ListenerHeadersSpec,
    /// What a request may ask of us.
    pub limits: ListenerLimitsSpec,
    /// How long a client may take.
    pub timeouts: ListenerTimeoutsSpec,
}

/// Prefixes of addresses, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerClientSpec {
    /// Whose claims about other clients are believed.
    pub trusted_proxies: Vec<String>,
    /// Who may connect.
    pub allow: Vec<String>,
    /// Who may not, although allowed.
    pub deny: Vec<String>,
}

/// Fields a listener adds to what it forwards, and names and paths that it takes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerHeadersSpec {
    /// Set `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`.
    pub x_forwarded: bool,
    /// Set `Forwarded` (RFC 7239).
    pub forwarded: bool,
    /// Name of the request id field; none: no id is added.
    pub request_id: Option<String>,
    /// Append to `Via` (RFC 9110, 7.6.3).
    pub via: bool,
    /// What becomes of names with an underscore.
    pub underscores: UnderscoresSpec,
    /// What becomes of `%2F` and `%5C` in paths.
    pub encoded_slashes: EncodedSlashesSpec,
}

/// What becomes of names with an underscore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnderscoresSpec {
    /// 400.
    Reject,
    /// The field is left out.
    Drop,
    /// Nothing.
    Allow,
}

/// What becomes of `%2F` and `%5C` in paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncodedSlashesSpec {
    /// 400.
    Reject,
    /// They stay encoded.
    Pass,
}

/// Bounds of a listener. Sizes in bytes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerLimitsSpec {
    /// Start line and fields of a request; more is 431 (or 414).
    pub request_header: u32,
    /// Number of fields of a request; more is 431.
    pub headers: u16,
    /// Request body; more is 413.
    pub request_body: Option<u64>,
    /// Requests of one connection; the last one is told that it is.
    pub requests_per_connection: Option<u64>,
    /// Bytes per second that a client must send or take while it is waited for.
    pub min_rate: Option<u32>,
}

/// Timeouts of a listener, in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerTimeoutsSpec {
    /// From a request's first byte to the end of its head.
    pub header: u64,
    /// Between requests, and in a tunnel without traffic.
    pub idle: u64,
    /// Without progress of a body, either way.
    pub body_idle: u64,
}

/// One route.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// Name in the configuration, or `route-N` by its place in the file, from 1.
    pub name: String,
    /// Indices of the listeners it applies to.
    pub listeners: Vec<u32>,
    /// Which requests.
    pub matches: MatchSpec,
    /// What is done with them.
    pub action: ActionSpec,
    /// What changes in a request on its way to the endpoint.
    pub rewrite: RewriteSpec,
    /// Changes to the fields of requests.
    pub request_fields: FieldEditsSpec,
    /// Changes to the fields of responses, our own for this route included.
    pub response_fields: FieldEditsSpec,
    /// How long the endpoint may take.
    pub timeouts: RouteTimeoutsSpec,
}

/// What a route asks of a request: all of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchSpec {
    /// Lower-case names without port or trailing dot: exact, or `*.` and a suffix; empty: any host.
    pub hosts: Vec<String>,
    /// Of the normalised path; none: any.
    pub path: Option<PathSpec>,
    /// Methods as they are sent; empty: any.
    pub methods: Vec<String>,
    /// Names of fields, and what one of their values must be.
    pub fields: Vec<(String, TextSpec)>,
    /// Names of parameters of the query, and what one of their values must be; both decoded.
    pub query: Vec<(String, TextSpec)>,
    /// Prefixes of addresses; empty: any client.
    pub clients: Vec<String>,
}

/// What a path must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathSpec {
    /// This, in its normal form.
    Exact(String),
    /// This or below it, in whole segments.
    Prefix(String),
    /// Matched by this regular expression from end to end.
    Pattern(String),
}

/// What a text must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextSpec {
    /// There.
    Present,
    /// This.
    Equal(String),
    /// Matched by this regular expression from end to end.
    Pattern(String),
}

/// What is done with a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionSpec {
    /// It is forwarded to the pool at this index.
    Pool(u32),
    /// It is answered with another place.
    Redirect {
        /// Where to: texts, and what is filled in from the request.
        to: Vec<PartSpec>,
        /// 301, 302, 303, 307 or 308.
        status: u16,
    },
    /// It is answered.
    Respond {
        /// 200 to 599.
        status: u16,
        /// Empty where the status has none.
        body: String,
        /// `Content-Type`.
        content_type: String,
    },
}

/// A part of a place that is made from the request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartSpec {
    /// This.
    Text(String),
    /// `http` or `https`.
    Scheme,
    /// The host without its port.
    Host,
    /// The port that was connected to.
    Port,
    /// The path, normalised.
    Path,
    /// The query with its `?`; nothing if there is none.
    Query,
}

/// What changes in a request on its way to the endpoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewriteSpec {
    /// Prefix of whole segments that the path loses.
    pub strip_prefix: Option<String>,
    /// What `Host` says instead.
    pub host: Option<String>,
}

/// Changes to fields, in this order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldEditsSpec {
    /// Names.
    pub remove: Vec<String>,
    /// Names and values that replace what is there.
    pub set: Vec<(String, String)>,
    /// Names and values that join what is there.
    pub add: Vec<(String, String)>,
}

/// Timeouts of a route, in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTimeoutsSpec {
    /// The whole request, retries included.
    pub request: Option<u64>,
    /// From the request's last byte, or the response's last sign of life, to the response head.
    pub first_byte: Option<u64>,
}

/// One pool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolSpec {
    /// Name in the configuration.
    pub name: String,
    /// How an endpoint is picked.
    pub policy: PolicySpec,
    /// In the order of the file.
    pub endpoints: Vec<EndpointSpec>,
    /// What becomes of fields behind a request's body.
    pub request_trailers: TrailersSpec,
    /// Timeouts towards the endpoints.
    pub timeouts: PoolTimeoutsSpec,
}

/// What becomes of fields behind a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrailersSpec {
    /// They are read and left out.
    Drop,
    /// They are passed on.
    Pass,
}

/// The policies this build has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicySpec {
    /// Each usable endpoint in turn.
    RoundRobin,
}

/// One endpoint.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// Unique in its pool; the address unless named.
    pub name: String,
    /// `IP:PORT`, `[IPv6]:PORT` or `unix:/path`.
    pub address: String,
}

/// Timeouts of a pool, in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolTimeoutsSpec {
    /// To establish one connection.
    pub connect: u64,
    /// How long an idle connection is kept for reuse.
    pub keepalive: u64,
    /// How old a connection may become before it is not reused.
    pub max_age: Option<u64>,
}
