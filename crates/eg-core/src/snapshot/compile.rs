//! From a description to what workers walk. The loader has checked a file's meaning and can point at the line; here
//! is refused, for whoever else writes descriptions, what could not be served, would never match, or is ambiguous.
//! One refusal at a time: whoever wants all of them asks the loader.

mod routes;

pub use self::routes::pattern_complaint;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use eg_wire::h1::MAX_FIELDS;

use super::spec::{
    EncodedSlashesSpec, EndpointSpec, ListenerClientSpec, ListenerHeadersSpec, ListenerSpec,
    ListenerTimeoutsSpec, PolicySpec, PoolSpec, SnapshotSpec, TrailersSpec, UnderscoresSpec,
};
use super::{
    Endpoint, Listener, ListenerClient, ListenerHeaders, ListenerLimits, ListenerTimeouts, Pool,
    PoolTimeouts, Route, RouteAction, RouteTimeouts, Snapshot, Trailers, values,
};
use crate::headers::{FieldEdits, Forms, Underscores};
use crate::ledger::Ledger;
use crate::pick::Policy;
use crate::route::{EncodedSlashes, RouteTable};

/// First byte timeout of requests that no route matches and a default pool serves.
const DEFAULT_FIRST_BYTE: Duration = Duration::from_secs(60);
/// Largest head of a request that may be allowed: it is held in memory, per connection.
const MAX_REQUEST_HEADER: u32 = 16 << 20;
/// Most endpoints of a pool: a pick may look at each.
const MAX_ENDPOINTS: usize = u16::MAX as usize;

/// Why a description cannot be run, in words for its operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError(String);

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CompileError {}

type Result<T> = std::result::Result<T, CompileError>;

fn refuse<T>(thing: impl fmt::Display, reason: impl fmt::Display) -> Result<T> {
    Err(CompileError(format!("{thing}: {reason}")))
}

pub(super) fn read(bytes: &[u8]) -> Result<SnapshotSpec> {
    serde_json::from_slice(bytes).or_else(|error| refuse("the snapshot cannot be read", error))
}

pub(super) fn compile(spec: &SnapshotSpec, generation: u64, ledger: &mut Ledger) -> Result<Snapshot> {
    if spec.max_connections == 0 {
        return refuse("max_connections", "0 would refuse every client; give at least 1");
    }
    check_names("pool", spec.pools.iter().map(|pool| &pool.name))?;
    check_names("listener", spec.listeners.iter().map(|listener| &listener.name))?;
    check_names("route", spec.routes.iter().map(|route| &route.name))?;
    check_addresses(&spec.listeners)?;
    // Before any look-up: what nobody lists is gone, and comes back as somebody else.
    ledger.sweep();
    let endpoints: usize = spec.pools.iter().map(|pool| pool.endpoints.len()).sum();
    if endpoints > ledger.room() as usize {
        let reason = format!("{} identities are left for {endpoints}; restart the gateway", ledger.room());
        return refuse("endpoints", reason);
    }
    let pools: Vec<Arc<Pool>> = spec
        .pools
        .iter()
        .zip(0..)
        .map(|(pool, index)| compile_pool(pool, index, ledger).map(Arc::new))
        .collect::<Result<_>>()?;
    let mut listeners: Vec<Listener> =
        spec.listeners.iter().map(|listener| compile_listener(listener, &pools)).collect::<Result<_>>()?;
    for route in &spec.routes {
        routes::add_route(route, &pools, &mut listeners)?;
    }
    let _listed =
        pools.iter().flat_map(|pool| &pool.endpoints).map(|endpoint| endpoint.state.list()).collect();
    let listeners = listeners.into_iter().map(Arc::new).collect();
    Ok(Snapshot { generation, max_connections: spec.max_connections, listeners, pools, _listed })
}

/// Everything has a name, and no two things of a kind have the same.
fn check_names<'a>(noun: &str, names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen = HashSet::new();
    for (name, number) in names.zip(1..) {
        if name.is_empty() {
            return refuse(format_args!("{noun} {number}"), "it has no name; give it one");
        }
        if !seen.insert(name) {
            return refuse(format_args!("{noun} {name}"), "there is another of this name; rename one");
        }
    }
    Ok(())
}

fn check_addresses(listeners: &[ListenerSpec]) -> Result<()> {
    let mut owners = HashMap::new();
    for listener in listeners {
        for address in &listener.addresses {
            if let Some(owner) = owners.insert(address, &listener.name) {
                let reason = format!("listener {owner} has it already; name it once");
                return refuse(format_args!("listener {}: address {address}", listener.name), reason);
            }
        }
    }
    Ok(())
}

/// A span in which something can happen.
fn timeout(thing: impl fmt::Display, key: &str, milliseconds: u64) -> Result<Duration> {
    match milliseconds {
        0 => {
            refuse(thing, format_args!("timeouts.{key}: 0 would be over before it began; give at least 1ms"))
        }
        some => Ok(Duration::from_millis(some)),
    }
}

// --- pools ---------------------------------------------------------------------------------------------

fn compile_pool(spec: &PoolSpec, index: u32, ledger: &mut Ledger) -> Result<Pool> {
    let thing = format!("pool {}", spec.name);
    if spec.endpoints.len() > MAX_ENDPOINTS {
        let reason =
            format!("{} endpoints are more than {MAX_ENDPOINTS}; split the pool", spec.endpoints.len());
        return refuse(thing, reason);
    }
    check_names(&format!("{thing}: endpoint"), spec.endpoints.iter().map(|endpoint| &endpoint.name))?;
    let endpoints =
        spec.endpoints.iter().map(|endpoint| compile_endpoint(&spec.name, endpoint, ledger).map(Arc::new));
    Ok(Pool {
        name: spec.name.clone(),
        index,
        policy: match spec.policy {
            PolicySpec::RoundRobin => Policy::RoundRobin,
        },
        endpoints: endpoints.collect::<Result<_>>()?,
        request_trailers: match spec.request_trailers {
            TrailersSpec::Drop => Trailers::Drop,
            TrailersSpec::Pass => Trailers::Pass,
        },
        timeouts: PoolTimeouts {
            connect: timeout(thing, "connect", spec.timeouts.connect)?,
            keepalive: Duration::from_millis(spec.timeouts.keepalive),
            max_age: spec.timeouts.max_age.map(Duration::from_millis),
        },
    })
}

fn compile_endpoint(pool: &str, spec: &EndpointSpec, ledger: &mut Ledger) -> Result<Endpoint> {
    let address = values::address(&spec.address).or_else(|reason| {
        refuse(format_args!("pool {pool}: endpoint {}: address {:?}", spec.name, spec.address), reason)
    })?;
    let (id, state) = ledger.endpoint(pool, &spec.address);
    Ok(Endpoint { id, name: spec.name.clone(), address, state })
}

// --- listeners -----------------------------------------------------------------------------------------

fn compile_listener(spec: &ListenerSpec, pools: &[Arc<Pool>]) -> Result<Listener> {
    let thing = format!("listener {}", spec.name);
    if !spec.h1 && !spec.h2 {
        return refuse(thing, "it speaks no version of HTTP; give h1, h2 or both");
    }
    let fallback = match spec.default_pool {
        None => None,
        Some(index) => Some(Arc::new(Route {
            name: "default".to_owned(),
            action: RouteAction::Pool(
                pool_at(pools, index)
                    .or_else(|reason| refuse(&thing, format_args!("default_pool: {reason}")))?,
            ),
            strip_prefix: None,
            host: None,
            request_fields: FieldEdits::default(),
            response_fields: FieldEdits::default(),
            timeouts: RouteTimeouts { request: None, first_byte: Some(DEFAULT_FIRST_BYTE) },
        })),
    };
    Ok(Listener {
        name: spec.name.clone(),
        addresses: spec.addresses.clone(),
        h1: spec.h1,
        h2: spec.h2,
        client: compile_client(&thing, &spec.client)?,
        headers: compile_headers(&thing, &spec.headers)?,
        limits: compile_limits(spec)?,
        timeouts: compile_listener_timeouts(&thing, &spec.timeouts)?,
        table: RouteTable::default(),
        matched_fields: Vec::new(),
        fallback,
    })
}

fn compile_client(thing: &str, spec: &ListenerClientSpec) -> Result<ListenerClient> {
    Ok(ListenerClient {
        trusted_proxies: routes::addresses(thing, "client.trusted_proxies", &spec.trusted_proxies)?,
        allow: routes::addresses(thing, "client.allow", &spec.allow)?,
        deny: routes::addresses(thing, "client.deny", &spec.deny)?,
    })
}

fn compile_headers(thing: &str, spec: &ListenerHeadersSpec) -> Result<ListenerHeaders> {
    if let Some(name) = spec.request_id.as_deref()
        && let Err(reason) = values::field_name(name)
    {
        return refuse(thing, format_args!("headers.request_id {name:?}: {reason}"));
    }
    Ok(ListenerHeaders {
        forms: Forms { x_forwarded: spec.x_forwarded, forwarded: spec.forwarded },
        request_id: spec.request_id.clone(),
        via: spec.via,
        underscores: match spec.underscores {
            UnderscoresSpec::Reject => Underscores::Reject,
            UnderscoresSpec::Drop => Underscores::Drop,
            UnderscoresSpec::Allow => Underscores::Allow,
        },
        encoded_slashes: match spec.encoded_slashes {
            EncodedSlashesSpec::Reject => EncodedSlashes::Reject,
            EncodedSlashesSpec::Pass => EncodedSlashes::Pass,
        },
    })
}

fn compile_limits(spec: &ListenerSpec) -> Result<ListenerLimits> {
    let limits = &spec.limits;
    let within = |key: &str, value: u32, most: u32| match value {
        0 => refuse(format_args!("listener {}: limits.{key}", spec.name), "0 would refuse every request"),
        value if value > most => refuse(
            format_args!("listener {}: limits.{key}", spec.name),
            format_args!("{value} is more than {most}"),
        ),
        _ => Ok(()),
    };
    within("request_header", limits.request_header, MAX_REQUEST_HEADER)?;
    within("headers", limits.headers.into(), MAX_FIELDS as u32)?;
    Ok(ListenerLimits {
        request_header: limits.request_header,
        headers: limits.headers,
        request_body: limits.request_body,
        requests_per_connection: limits.requests_per_connection.map(|count| count.max(1)),
        min_rate: limits.min_rate.filter(|rate| *rate > 0),
    })
}

fn compile_listener_timeouts(thing: &str, spec: &ListenerTimeoutsSpec) -> Result<ListenerTimeouts> {
    Ok(ListenerTimeouts {
        header: timeout(thing, "header", spec.header)?,
        idle: timeout(thing, "idle", spec.idle)?,
        body_idle: timeout(thing, "body_idle", spec.body_idle)?,
    })
}

fn pool_at(pools: &[Arc<Pool>], index: u32) -> std::result::Result<Arc<Pool>, String> {
    pools.get(index as usize).cloned().ok_or_else(|| format!("there is no pool {index}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::snapshot::fixture::{compile, pool, route, spec};

    /// What is said of a small world in which the value at a place is replaced.
    fn refusal(pointer: &str, value: &Value) -> String {
        let mut world = spec(&[route("r", &[], None)]);
        *world.pointer_mut(pointer).expect("such a place") = value.clone();
        match compile(&world, &mut Ledger::default()) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{pointer}: {value} is accepted"),
        }
    }

    fn assert_refused(table: &[(&str, Value, &str)]) {
        for (pointer, value, reason) in table {
            let refusal = refusal(pointer, value);
            assert!(refusal.starts_with(reason), "{pointer}: {refusal}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused_by_name_and_value() {
        assert_refused(&[
            ("/max_connections", json!(0), "max_connections: 0"),
            ("/pools/0/name", json!(""), "pool 1: it has no name"),
            ("/pools/0/timeouts/connect", json!(0), "pool app: timeouts.connect: 0"),
            ("/pools/0/endpoints/0/name", json!(""), "pool app: endpoint 1: it has no name"),
            ("/pools/0/endpoints/0/address", json!("here"), "pool app: endpoint one: address \"here\": it"),
            ("/listeners/0/name", json!(""), "listener 1: it has no name"),
            ("/listeners/0/default_pool", json!(1), "listener web: default_pool: there is no pool 1"),
            ("/listeners/0/headers/request_id", json!(" "), "listener web: headers.request_id \" \": it is"),
            ("/listeners/0/limits/headers", json!(0), "listener web: limits.headers: 0"),
            ("/listeners/0/limits/headers", json!(257), "listener web: limits.headers: 257 is more than 256"),
            ("/listeners/0/limits/request_header", json!(0), "listener web: limits.request_header: 0"),
            (
                "/listeners/0/limits/request_header",
                json!(1 << 25),
                "listener web: limits.request_header: 335",
            ),
            ("/listeners/0/timeouts/header", json!(0), "listener web: timeouts.header: 0"),
            ("/listeners/0/timeouts/idle", json!(0), "listener web: timeouts.idle: 0"),
            ("/listeners/0/timeouts/body_idle", json!(0), "listener web: timeouts.body_idle: 0"),
            ("/listeners/0/addresses", json!(["a", "a"]), "listener web: address a: listener web has it"),
            ("/listeners/0/client/allow", json!(["x"]), "listener web: client.allow: \"x\" is not"),
            ("/listeners/0/client/deny", json!(["x"]), "listener web: client.deny: \"x\" is not"),
            (
                "/listeners/0/client/trusted_proxies",
                json!(["x"]),
                "listener web: client.trusted_proxies: \"x\"",
            ),
        ]);
    }

    #[test]
    fn what_a_route_can_never_match_is_refused() {
        assert_refused(&[
            ("/routes/0/name", json!(""), "route 1: it has no name"),
            ("/routes/0/listeners", json!([0, 3]), "route r: there is no listener 3"),
            ("/routes/0/matches/hosts", json!(["a", "B"]), "route r: host \"B\": write it in lower case"),
            (
                "/routes/0/matches/path",
                json!({"prefix": "a"}),
                "route r: path_prefix \"a\": it would never match",
            ),
            ("/routes/0/matches/path", json!({"exact": "/a/.."}), "route r: path \"/a/..\": it would never"),
            (
                "/routes/0/matches/path",
                json!({"pattern": "("}),
                "route r: path_regex: \"(\" is not a regular",
            ),
            ("/routes/0/matches/path", json!({"pattern": "(a{999}){999}"}), "route r: path_regex: \"(a{999}"),
            ("/routes/0/matches/methods", json!(["G T"]), "route r: methods \"G T\": it is not a method"),
            ("/routes/0/matches/fields", json!([["x y", "present"]]), "route r: headers \"x y\": it is not"),
            (
                "/routes/0/matches/query",
                json!([["q", {"pattern": "["}]]),
                "route r: query \"q\": \"[\" is not",
            ),
            (
                "/routes/0/matches/clients",
                json!(["10.0.0.1/8"]),
                "route r: client_ip: \"10.0.0.1/8\" has bits",
            ),
        ]);
    }

    #[test]
    fn what_a_route_cannot_do_is_refused() {
        assert_refused(&[
            ("/routes/0/action/pool", json!(7), "route r: there is no pool 7"),
            (
                "/routes/0/action",
                json!({"redirect": {"to": ["path"], "status": 200}}),
                "route r: redirect: 200",
            ),
            (
                "/routes/0/action",
                json!({"redirect": {"to": [], "status": 301}}),
                "route r: redirect: it is not",
            ),
            (
                "/routes/0/action",
                json!({"redirect": {"to": [{"text": "/\r\n"}], "status": 301}}),
                "route r: redirect: it is not a place",
            ),
            (
                "/routes/0/action",
                json!({"respond": {"status": 101, "body": "", "content_type": "a"}}),
                "route r: respond: 101 is not between 200 and 599",
            ),
            (
                "/routes/0/action",
                json!({"respond": {"status": 204, "body": "x", "content_type": "a"}}),
                "route r: respond: a 204 has no body",
            ),
            (
                "/routes/0/action",
                json!({"respond": {"status": 200, "body": "x", "content_type": "a\n"}}),
                "route r: respond: \"a\\n\" is not a content type",
            ),
            ("/routes/0/rewrite/host", json!("a b"), "route r: rewrite.host \"a b\": it is not a host"),
            ("/routes/0/rewrite/strip_prefix", json!("a"), "route r: rewrite.strip_prefix \"a\": it would"),
            ("/routes/0/request_fields/remove", json!(["Host"]), "route r: headers.request \"Host\": how"),
            (
                "/routes/0/response_fields/set",
                json!([["a:", "b"]]),
                "route r: headers.response \"a:\": it is",
            ),
            (
                "/routes/0/response_fields/add",
                json!([["a", "b\n"]]),
                "route r: headers.response \"a\": \"b\\n\"",
            ),
            ("/routes/0/timeouts/request", json!(0), "route r: timeouts.request: 0"),
            ("/routes/0/timeouts/first_byte", json!(0), "route r: timeouts.first_byte: 0"),
        ]);
    }

    #[test]
    fn two_of_a_name_are_one_too_many() {
        for (list, reason) in [
            ("/pools", "pool app: there is another"),
            ("/listeners", "listener web: there is another"),
            ("/routes", "route r: there is another"),
            ("/pools/0/endpoints", "pool app: endpoint one: there is another"),
        ] {
            let world = spec(&[route("r", &[], None)]);
            let only = world.pointer(&format!("{list}/0")).expect("such a place");
            let refusal = refusal(list, &json!([only, only]));
            assert!(refusal.starts_with(reason), "{refusal}");
        }
        let mut world = spec(&[]);
        world["listeners"] = json!([world["listeners"][0], world["listeners"][0]]);
        world["listeners"][1]["name"] = json!("second");
        let refusal = compile(&world, &mut Ledger::default()).unwrap_err().to_string();
        assert!(
            refusal.starts_with("listener second: address web:80: listener web has it already"),
            "{refusal}"
        );
    }

    #[test]
    fn what_looks_odd_and_can_be_run_is_accepted() {
        let mut world =
            spec(&[route("everything", &["[::1]", "*.com"], Some("/")), route("nowhere", &[], None)]);
        world["routes"][1]["listeners"] = json!([]);
        world["listeners"][0]["addresses"] = json!([]);
        world["listeners"][0]["limits"] = json!({
            "request_header": 1, "headers": 256, "request_body": 0, "requests_per_connection": 0, "min_rate": 0,
        });
        world["listeners"][0]["headers"]["request_id"] = json!(null);
        world["pools"][0]["timeouts"] = json!({"connect": 1, "keepalive": 0, "max_age": 0});
        world["pools"][0]["endpoints"] = json!([]);
        assert!(compile(&world, &mut Ledger::default()).is_ok());
    }

    #[test]
    fn a_description_of_another_shape_is_refused() {
        let mut unknown = spec(&[]);
        unknown["surprise"] = json!(1);
        let mut policy = spec(&[]);
        policy["pools"][0]["policy"] = json!("fastest");
        let mut missing = spec(&[]);
        missing["listeners"][0]["timeouts"] = json!({"header": 1, "idle": 1});
        for (world, reason) in
            [(unknown, "surprise"), (policy, "fastest"), (missing, "body_idle"), (json!([]), "0")]
        {
            let refusal = compile(&world, &mut Ledger::default()).unwrap_err().to_string();
            assert!(
                refusal.starts_with("the snapshot cannot be read: ") && refusal.contains(reason),
                "{refusal}"
            );
        }
    }

    #[test]
    fn more_endpoints_than_a_pick_should_walk_are_refused() {
        let endpoints: Vec<(String, String)> =
            (0..=MAX_ENDPOINTS).map(|at| (at.to_string(), format!("10.0.0.1:{}", at.max(1)))).collect();
        let endpoints: Vec<(&str, &str)> =
            endpoints.iter().map(|(name, at)| (name.as_str(), at.as_str())).collect();
        let mut world = spec(&[]);
        world["pools"][0] = pool("app", &endpoints);
        let refusal = compile(&world, &mut Ledger::default()).unwrap_err().to_string();
        assert!(refusal.starts_with("pool app: 65536 endpoints are more than 65535"), "{refusal}");
        world["pools"][0] = pool("app", &endpoints[1..]);
        assert!(compile(&world, &mut Ledger::default()).is_ok());
    }

    #[test]
    fn a_process_that_has_no_identity_left_says_so() {
        let mut ledger = Ledger::with_room(1);
        let mut world = spec(&[]);
        assert!(compile(&world, &mut ledger).is_ok());
        let refusal = compile(&world, &mut ledger).unwrap_err().to_string();
        assert!(refusal.starts_with("endpoints: 0 identities are left for 1; restart"), "{refusal}");
        world["pools"][0]["endpoints"] = json!([]);
        assert!(compile(&world, &mut ledger).is_ok());
    }
}
