"""From a configuration to what the engine runs: names become indices, units become numbers, everything is
said. The keys are those of `SnapshotSpec` in `crates/eg-core/src/snapshot/spec.rs`, and no others. A
configuration is taken for valid and its endpoints for resolved: who calls has asked `meaning` and
`resolve`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from expressgateway.config.models import Config, Endpoint, FieldEdits, Listener, Match, Pool, Redirect, Route
from expressgateway.config.units import Duration

__all__ = ["addresses", "snapshot"]

Json = dict[str, object]


def addresses(config: Config, *, ipv6: bool = True) -> dict[str, tuple[str, ...]]:
    """What each listener is to be bound to, one address family each. ``*`` leaves IPv6 out on a machine
    without."""
    return {
        name: tuple(
            str(one)
            for bind in listener.bind
            for one in bind.families()
            if ipv6 or bind.host != "*" or one.host != "::"
        )
        for name, listener in config.listeners.items()
    }


def snapshot(config: Config, *, addresses: Mapping[str, Sequence[str]], max_connections: int) -> bytes:
    """The JSON for `Engine.apply`. `addresses` are the keys of each listener's sockets, `max_connections`
    what ``"auto"`` stands for on this machine."""
    listeners = {name: index for index, name in enumerate(config.listeners)}
    pools = {name: index for index, name in enumerate(config.pools)}
    spec: Json = {
        "max_connections": config.runtime.max_connections or max_connections,
        "listeners": [
            _listener(name, listener, list(addresses[name]), pools)
            for name, listener in config.listeners.items()
        ],
        "routes": [
            _route(name, route, listeners, pools)
            for name, route in zip(config.route_names(), config.routes, strict=True)
        ],
        "pools": [_pool(name, pool) for name, pool in config.pools.items()],
    }
    return json.dumps(spec, separators=(",", ":")).encode()


def _listener(name: str, listener: Listener, addresses: list[str], pools: Mapping[str, int]) -> Json:
    limits, timeouts = listener.limits, listener.timeouts
    return {
        "name": name,
        "addresses": addresses,
        "h1": "h1" in listener.http_versions,
        "h2": "h2" in listener.http_versions,
        "default_pool": None if listener.default_pool is None else pools[listener.default_pool],
        "client": {
            "trusted_proxies": list(listener.client.trusted_proxies),
            "allow": list(listener.client.allow),
            "deny": list(listener.client.deny),
        },
        "headers": {
            "x_forwarded": "x-forwarded" in listener.headers.forward,
            "forwarded": "forwarded" in listener.headers.forward,
            "request_id": listener.headers.request_id,
            "via": listener.headers.via,
            "underscores": listener.headers.underscores,
            "encoded_slashes": listener.headers.encoded_slashes,
        },
        "limits": {
            "request_header": limits.request_header.bytes,
            "headers": limits.headers,
            "request_body": None if limits.request_body is None else limits.request_body.bytes,
            "requests_per_connection": limits.requests_per_connection,
            "min_rate": None if limits.min_rate is None else limits.min_rate.bytes,
        },
        "timeouts": {
            "header": timeouts.header.milliseconds,
            "idle": timeouts.idle.milliseconds,
            "body_idle": timeouts.body_idle.milliseconds,
        },
    }


def _route(name: str, route: Route, listeners: Mapping[str, int], pools: Mapping[str, int]) -> Json:
    applies_to = listeners if route.listeners is None else route.listeners
    return {
        "name": name,
        "listeners": [listeners[listener] for listener in applies_to],
        "matches": _match(route.match),
        "action": _action(route, pools),
        "rewrite": {"strip_prefix": route.rewrite.strip_prefix, "host": route.rewrite.host},
        "request_fields": _edits(route.headers.request),
        "response_fields": _edits(route.headers.response),
        "timeouts": {
            "request": _milliseconds(route.timeouts.request),
            "first_byte": _milliseconds(route.timeouts.first_byte),
        },
    }


def _match(match: Match) -> Json:
    kinds = {"exact": match.path, "prefix": match.path_prefix, "pattern": match.path_regex}
    return {
        "hosts": list(match.host),
        "path": next(({kind: value} for kind, value in kinds.items() if value is not None), None),
        "methods": list(match.methods),
        "fields": [[name, _text(value)] for name, value in match.headers.items()],
        "query": [[name, _text(value)] for name, value in match.query.items()],
        "clients": list(match.client_ip),
    }


def _text(value: str) -> object:
    """``"*"`` is any value, ``"~regex"`` a pattern, and everything else itself."""
    if value == "*":
        return "present"
    return {"pattern": value[1:]} if value.startswith("~") else {"equal": value}


def _action(route: Route, pools: Mapping[str, int]) -> Json:
    if route.redirect:
        return {"redirect": {"to": _parts(route.redirect), "status": route.redirect.status}}
    if route.respond:
        respond = route.respond
        return {
            "respond": {
                "status": respond.status,
                "body": respond.body,
                "content_type": respond.content_type,
            }
        }
    return {"pool": pools[route.pool or ""]}


def _parts(redirect: Redirect) -> list[object]:
    """Texts, and the names of what is filled in."""
    pieces = re.split(r"\{([a-z]+)\}", redirect.to)
    return [piece if place % 2 else {"text": piece} for place, piece in enumerate(pieces) if piece]


def _edits(edits: FieldEdits) -> Json:
    return {
        "remove": list(edits.remove),
        "set": [list(pair) for pair in edits.set.items()],
        "add": [list(pair) for pair in edits.add.items()],
    }


def _pool(name: str, pool: Pool) -> Json:
    return {
        "name": name,
        "policy": pool.policy,
        "endpoints": [_endpoint(endpoint) for endpoint in pool.endpoints],
        "request_trailers": pool.request_trailers,
        "timeouts": {
            "connect": pool.timeouts.connect.milliseconds,
            "keepalive": pool.timeouts.keepalive.milliseconds,
            "max_age": _milliseconds(pool.timeouts.max_age),
        },
    }


def _endpoint(endpoint: Endpoint) -> Json:
    return {"name": endpoint.name or str(endpoint.address), "address": str(endpoint.address)}


def _milliseconds(duration: Duration | None) -> int | None:
    return None if duration is None else duration.milliseconds
