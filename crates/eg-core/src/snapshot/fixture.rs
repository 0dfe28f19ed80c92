//! Small worlds for the tests of this crate: descriptions that compile as they are, to be bent by the test. Product
//! code does not see it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use eg_wire::head::RequestHead;

use serde_json::{Value, json};

use super::{CompileError, Pool, Snapshot};
use super::{Listener, Route};
use crate::ledger::Ledger;
use crate::pick::Policy;
use crate::route::Asked;

/// Where a listener sends a GET for a path of a host.
pub(crate) fn routed_by<'a>(listener: &'a Listener, host: &str, path: &str) -> Option<&'a Arc<Route>> {
    let mut head = RequestHead::default();
    head.authority = head.fields.store(host.as_bytes());
    head.method_text = head.fields.store(b"GET");
    head.target = head.fields.store(path.as_bytes());
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    listener.route(&Asked { head: &head, path: path.as_bytes(), client })
}

/// The name of that route.
pub(crate) fn routed(listener: &Listener, host: &str, path: &str) -> Option<String> {
    routed_by(listener, host, path).map(|route| route.name.clone())
}

/// A listener at the address `NAME:80`.
pub(crate) fn listener(name: &str) -> Value {
    json!({
        "name": name, "addresses": [format!("{name}:80")], "h1": true, "h2": true, "default_pool": null,
        "client": {"trusted_proxies": [], "allow": ["0.0.0.0/0", "::/0"], "deny": []},
        "headers": {
            "x_forwarded": true, "forwarded": false, "request_id": "x-request-id", "via": true,
            "underscores": "reject", "encoded_slashes": "reject",
        },
        "limits": {
            "request_header": 65536, "headers": 128, "request_body": null, "requests_per_connection": null,
            "min_rate": 240,
        },
        "timeouts": {"header": 10000, "idle": 60000, "body_idle": 30000},
    })
}

/// A pool of endpoints by name and address.
pub(crate) fn pool(name: &str, endpoints: &[(&str, &str)]) -> Value {
    let endpoint = |(name, address): &(&str, &str)| json!({"name": name, "address": address});
    json!({
        "name": name, "policy": "round_robin", "endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>(),
        "request_trailers": "drop",
        "timeouts": {"connect": 5000, "keepalive": 90000, "max_age": null},
    })
}

/// A route of the first listener to the first pool.
pub(crate) fn route(name: &str, hosts: &[&str], path_prefix: Option<&str>) -> Value {
    json!({
        "name": name, "listeners": [0], "action": {"pool": 0},
        "matches": {
            "hosts": hosts, "path": path_prefix.map(|prefix| json!({"prefix": prefix})), "methods": [],
            "fields": [], "query": [], "clients": [],
        },
        "rewrite": {"strip_prefix": null, "host": null},
        "request_fields": {"remove": [], "set": [], "add": []},
        "response_fields": {"remove": [], "set": [], "add": []},
        "timeouts": {"request": null, "first_byte": 60000},
    })
}

/// A listener `web`, these routes, and a pool `app` with one endpoint, `one`.
pub(crate) fn spec(routes: &[Value]) -> Value {
    json!({
        "max_connections": 1000, "listeners": [listener("web")], "routes": routes,
        "pools": [pool("app", &[("one", "10.0.0.1:80")])],
    })
}

/// Compiles a description as the engine does, from its JSON on.
pub(crate) fn compile(spec: &Value, ledger: &mut Ledger) -> Result<Snapshot, CompileError> {
    Snapshot::compile(&Snapshot::from_json(spec.to_string().as_bytes())?, 1, ledger)
}

/// What a description that is fine compiles to, for those who do not care about the ledger.
pub(crate) fn snapshot(spec: &Value) -> Snapshot {
    compile(spec, &mut Ledger::default()).expect("a description that compiles")
}

/// A pool of healthy endpoints named `a`, `b` and so on.
pub(crate) fn pool_of(policy: Policy, endpoints: usize) -> Pool {
    let names: Vec<(String, String)> = (0..endpoints)
        .map(|at| {
            let letter = char::from(b'a' + (at % 26) as u8).to_string();
            (letter.repeat(at / 26 + 1), format!("10.0.0.1:{}", at + 1))
        })
        .collect();
    let names: Vec<(&str, &str)> =
        names.iter().map(|(name, address)| (name.as_str(), address.as_str())).collect();
    let mut world = spec(&[]);
    world["pools"] = json!([pool("app", &names)]);
    let mut pools = snapshot(&world).pools;
    let pool = Arc::into_inner(pools.remove(0)).expect("nobody else has it");
    Pool { policy, ..pool }
}
