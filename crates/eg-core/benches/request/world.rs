//! The configuration that requests meet: one listener, many hosts, one pool of eight. Built from JSON, as the engine
//! does it. It refuses to vary: figures of two runs are of the same world.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use eg_core::ledger::Ledger;
use eg_core::snapshot::{Listener, Snapshot};
use serde_json::{Value, json};

/// The client of every request.
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// A listener with a route for each of so many hosts, `host-0.example` and so on.
pub(crate) fn listener(hosts: usize) -> Option<Arc<Listener>> {
    let spec = Snapshot::from_json(description(hosts).to_string().as_bytes()).ok()?;
    let snapshot = Snapshot::compile(&spec, 1, &mut Ledger::default()).ok()?;
    snapshot.listeners.into_iter().next()
}

fn description(hosts: usize) -> Value {
    let endpoint = |at: usize| json!({"name": format!("e{at}"), "address": format!("10.0.0.{at}:80")});
    json!({
        "max_connections": 1000,
        "listeners": [{
            "name": "web", "addresses": ["0.0.0.0:80"], "h1": true, "h2": true, "default_pool": null,
            "client": {"trusted_proxies": [], "allow": ["0.0.0.0/0", "::/0"], "deny": []},
            "headers": {
                "x_forwarded": true, "forwarded": false, "request_id": "x-request-id", "via": true,
                "underscores": "reject", "encoded_slashes": "reject",
            },
            "limits": {
                "request_header": 65536, "headers": 128, "request_body": null,
                "requests_per_connection": null, "min_rate": 240,
            },
            "timeouts": {"header": 10000, "idle": 60000, "body_idle": 30000},
        }],
        "routes": (0..hosts).map(route).collect::<Vec<_>>(),
        "pools": [{
            "name": "app", "policy": "round_robin", "endpoints": (1..=8).map(endpoint).collect::<Vec<_>>(),
            "request_trailers": "drop",
        "timeouts": {"connect": 5000, "keepalive": 90000, "max_age": null},
        }],
    })
}

fn route(at: usize) -> Value {
    json!({
        "name": format!("route-{at}"), "listeners": [0], "action": {"pool": 0},
        "matches": {
            "hosts": [format!("host-{at}.example")], "path": {"prefix": "/"}, "methods": [], "fields": [],
            "query": [], "clients": [],
        },
        "rewrite": {"strip_prefix": null, "host": null},
        "request_fields": {"remove": [], "set": [], "add": []},
        "response_fields": {"remove": [], "set": [], "add": []},
        "timeouts": {"request": null, "first_byte": 60000},
    })
}
