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
    /// Fields added towards the endpoint.
    pub headers: ListenerHeadersSpec,
    /// What a request may ask of us.
    pub limits: ListenerLimitsSpec,
    /// How long a client may take.
    pub timeouts: ListenerTimeoutsSpec,
}

/// Fields a listener adds to what it forwards.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerHeadersSpec {
    /// Set `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`.
    pub x_forwarded: bool,
    /// Name of the request id field; none: no id is added.
    pub request_id: Option<String>,
    /// Append to `Via` (RFC 9110, 7.6.3).
    pub via: bool,
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
    /// Lower-case names without port or trailing dot: exact, or `*.` and a suffix; empty: any host.
    pub hosts: Vec<String>,
    /// Whole-segment prefix that starts with `/`; none: any path.
    pub path_prefix: Option<String>,
    /// Index of the pool.
    pub pool: u32,
    /// How long the endpoint may take.
    pub timeouts: RouteTimeoutsSpec,
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
    /// Timeouts towards the endpoints.
    pub timeouts: PoolTimeoutsSpec,
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
}
