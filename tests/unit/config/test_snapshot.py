"""What the engine is told: every setting arrives, at one place, and no key is accepted without effect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, TypeGuard, get_args, get_origin

import pytest

from expressgateway.config import Config, Route
from expressgateway.config.models import Table
from expressgateway.config.shape import is_table, plain_type
from expressgateway.config.snapshot import addresses, snapshot

WEB = {"protocol": "http", "bind": ["127.0.0.1:80", "*:81"], "default_pool": "app"}
API = {"protocol": "http", "bind": "127.0.0.1:82"}
BASE: dict[str, Any] = {
    "listeners": {"web": WEB, "api": API},
    "pools": {"app": {"endpoints": ["10.0.0.1:80"]}, "more": {"endpoints": []}},
    "routes": [{"pool": "app"}],
}


def told(document: dict[str, Any], room: int = 1000) -> Any:  # noqa: ANN401 - JSON
    """The engine's JSON, with each address for its own key."""
    config = Config.model_validate(deepcopy(document))
    return json.loads(snapshot(config, addresses=addresses(config), max_connections=room))


def changed(path: str, value: object) -> dict[str, Any]:
    """The base with one setting more."""
    document = deepcopy(BASE)
    table: Any = document
    *steps, last = path.split(".")
    for step in steps:
        table = table[int(step)] if isinstance(table, list) else table.setdefault(step, {})
    table[last] = value
    return document


def are_tables(value: object) -> TypeGuard[list[dict[str, object]]]:
    """Whether a value is a list of tables."""
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def differences(one: object, other: object, path: str = "") -> dict[str, object]:
    """Where two documents differ, and what the other has there."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        pairs: list[tuple[object, object, object]] = [(key, one[key], other[key]) for key in one]
    elif are_tables(one) and are_tables(other) and len(one) == len(other):
        pairs = [(place, *both) for place, both in enumerate(zip(one, other, strict=True))]
    else:
        return {} if one == other else {path: other}
    found: dict[str, object] = {}
    for key, left, right in pairs:
        found |= differences(left, right, f"{path}/{key}")
    return found


# Each setting that the engine knows: a value that is not the default, where it arrives, and as what.
LISTENER = [
    ("bind", "127.0.0.1:99", "addresses", ["127.0.0.1:99"]),
    ("http_versions", ["h2"], "h1", False),
    ("http_versions", "h1", "h2", False),
    ("default_pool", "more", "default_pool", 1),
    ("client.trusted_proxies", "10.0.0.0/8", "client/trusted_proxies", ["10.0.0.0/8"]),
    ("client.allow", ["10.0.0.1", "::1"], "client/allow", ["10.0.0.1", "::1"]),
    ("client.deny", "10.0.0.1", "client/deny", ["10.0.0.1"]),
    ("headers.forward", [], "headers/x_forwarded", False),
    ("headers.forward", ["x-forwarded", "forwarded"], "headers/forwarded", True),
    ("headers.request_id", "x-id", "headers/request_id", "x-id"),
    ("headers.request_id", "none", "headers/request_id", None),
    ("headers.via", False, "headers/via", False),
    ("headers.underscores", "drop", "headers/underscores", "drop"),
    ("headers.encoded_slashes", "pass", "headers/encoded_slashes", "pass"),
    ("limits.request_header", "1KiB", "limits/request_header", 1024),
    ("limits.headers", 7, "limits/headers", 7),
    ("limits.request_body", "0B", "limits/request_body", 0),
    ("limits.request_body", "1MiB", "limits/request_body", 1 << 20),
    ("limits.requests_per_connection", 9, "limits/requests_per_connection", 9),
    ("limits.min_rate", "none", "limits/min_rate", None),
    ("limits.min_rate", "1KiB/s", "limits/min_rate", 1024),
    ("timeouts.header", "1m", "timeouts/header", 60_000),
    ("timeouts.idle", "1ms", "timeouts/idle", 1),
    ("timeouts.body_idle", "2s", "timeouts/body_idle", 2000),
]
ROUTE = [
    ("name", "shop", "name", "shop"),
    ("listeners", "api", "listeners", [1]),
    ("listeners", ["api", "web"], "listeners", [1, 0]),
    ("pool", "more", "action/pool", 1),
    ("redirect", "https", "action", None),
    ("respond", {"status": 404}, "action", None),
    ("match.host", ["A.test", "*.b"], "matches/hosts", ["a.test", "*.b"]),
    ("match.path_prefix", "/a", "matches/path", {"prefix": "/a"}),
    ("match.path", "/a", "matches/path", {"exact": "/a"}),
    ("match.path_regex", "/[ab]", "matches/path", {"pattern": "/[ab]"}),
    ("match.methods", ["GET", "PUT"], "matches/methods", ["GET", "PUT"]),
    ("match.headers", {"x-a": "*"}, "matches/fields", [["x-a", "present"]]),
    ("match.headers", {"x-a": "1"}, "matches/fields", [["x-a", {"equal": "1"}]]),
    ("match.query", {"a b": "~[0-9]+"}, "matches/query", [["a b", {"pattern": "[0-9]+"}]]),
    ("match.client_ip", "10.0.0.0/8", "matches/clients", ["10.0.0.0/8"]),
    ("rewrite.strip_prefix", "/a", "rewrite/strip_prefix", "/a"),
    ("rewrite.host", "a.test:80", "rewrite/host", "a.test:80"),
    ("headers.request.remove", "x-a", "request_fields/remove", ["x-a"]),
    ("headers.request.set", {"x-a": "1", "x-b": "2"}, "request_fields/set", [["x-a", "1"], ["x-b", "2"]]),
    ("headers.request.add", {"x-a": "1"}, "request_fields/add", [["x-a", "1"]]),
    ("headers.response.remove", "x-a", "response_fields/remove", ["x-a"]),
    ("headers.response.set", {"x-a": "1"}, "response_fields/set", [["x-a", "1"]]),
    ("headers.response.add", {"x-a": "1"}, "response_fields/add", [["x-a", "1"]]),
    ("timeouts.request", "1m", "timeouts/request", 60_000),
    ("timeouts.first_byte", "none", "timeouts/first_byte", None),
]
POOL = [
    ("endpoints", ["10.0.0.2:80"], "endpoints/0", None),
    ("request_trailers", "pass", "request_trailers", "pass"),
    ("timeouts.connect", "1s", "timeouts/connect", 1000),
    ("timeouts.keepalive", "0s", "timeouts/keepalive", 0),
    ("timeouts.max_age", "1h", "timeouts/max_age", 3_600_000),
]
SETTINGS = [
    *[(f"listeners.web.{key}", value, f"/listeners/0/{place}", as_) for key, value, place, as_ in LISTENER],
    *[(f"routes.0.{key}", value, f"/routes/0/{place}", as_) for key, value, place, as_ in ROUTE],
    *[(f"pools.app.{key}", value, f"/pools/0/{place}", as_) for key, value, place, as_ in POOL],
    ("runtime.max_connections", 7, "/max_connections", 7),
]


@pytest.mark.parametrize(("key", "value", "place", "expected"), SETTINGS)
def test_every_setting_arrives_at_one_place(key: str, value: object, place: str, expected: object) -> None:
    found = differences(told(BASE), told(changed(key, value)))
    assert found
    assert all(path.startswith(place) for path in found), found
    if expected is not None:
        assert found == {place: expected}


# What others than the engine act on, and what has one value only.
NOT_THE_ENGINES = {
    "pools.check": "the checker's",
    "listeners.protocol": "there is one",
    "pools.policy": "there is one",
    "pools.endpoints": "a list of tables, each of which is told whole",
    "routes.redirect": "a table that stands for the action",
    "routes.respond": "a table that stands for the action",
}


def settings(table: type[Table], above: str) -> Iterator[str]:
    """Every key of a table and of those below it."""
    for key, field in table.model_fields.items():
        kind = plain_type(field.annotation)
        if is_table(kind) and f"{above}.{key}" not in NOT_THE_ENGINES:
            yield from settings(kind, f"{above}.{key}")
        else:
            yield f"{above}.{key}"


def test_no_key_is_accepted_without_effect() -> None:
    listed = {key.replace(".web.", ".").replace(".0.", ".").replace(".app.", ".") for key, *_ in SETTINGS}
    listed |= set(NOT_THE_ENGINES)
    missing = []
    for name in ("listeners", "pools", "routes"):
        kind = plain_type(Config.model_fields[name].annotation)
        table = Route if get_origin(kind) is tuple else plain_type(get_args(kind)[1])
        missing += [key for key in settings(table, name) if key not in listed]
    assert not missing


def test_names_become_the_places_they_have_in_the_lists() -> None:
    document = {**BASE, "routes": [{"pool": "more", "listeners": "api"}, {"pool": "app"}]}
    spec = told(document)
    assert [listener["name"] for listener in spec["listeners"]] == ["web", "api"]
    assert [pool["name"] for pool in spec["pools"]] == ["app", "more"]
    assert [(route["name"], route["listeners"], route["action"]) for route in spec["routes"]] == [
        ("route-1", [1], {"pool": 1}),
        ("route-2", [0, 1], {"pool": 0}),
    ]
    assert [listener["default_pool"] for listener in spec["listeners"]] == [0, None]


def test_endpoints_are_told_by_name_and_address() -> None:
    endpoints = ["10.0.0.1:80", "[0:0::1]:80", {"address": "unix:/run/a.sock", "name": "local"}]
    (pool,) = told({"pools": {"app": {"endpoints": endpoints}}})["pools"]
    assert pool["endpoints"] == [
        {"name": "10.0.0.1:80", "address": "10.0.0.1:80"},
        {"name": "[::1]:80", "address": "[::1]:80"},
        {"name": "local", "address": "unix:/run/a.sock"},
    ]


@pytest.mark.parametrize(
    ("to", "parts"),
    [
        ("https", [{"text": "https://"}, "host", "path", "query"]),
        ("/", [{"text": "/"}]),
        ("https://a.test{path}?x=1", [{"text": "https://a.test"}, "path", {"text": "?x=1"}]),
        ("{scheme}://a.test:{port}/", ["scheme", {"text": "://a.test:"}, "port", {"text": "/"}]),
    ],
)
def test_a_redirect_is_told_in_parts(to: str, parts: list[object]) -> None:
    spec = told({**BASE, "routes": [{"redirect": to}]})
    assert spec["routes"][0]["action"] == {"redirect": {"to": parts, "status": 308}}


def test_an_answer_is_told_whole() -> None:
    spec = told({**BASE, "routes": [{"respond": {"status": 404, "body": "gone", "content_type": "a/b"}}]})
    answer = {"status": 404, "body": "gone", "content_type": "a/b"}
    assert spec["routes"][0]["action"] == {"respond": answer}


def test_what_fits_on_this_machine_stands_in_for_auto() -> None:
    assert told(BASE, room=1234)["max_connections"] == 1234
    assert told(changed("runtime.max_connections", "auto"), room=1234)["max_connections"] == 1234
    assert told(changed("runtime.max_connections", 5), room=1234)["max_connections"] == 5


@pytest.mark.parametrize(
    ("bind", "with_ipv6", "without"),
    [
        ("*:80", ["0.0.0.0:80", "[::]:80"], ["0.0.0.0:80"]),
        ("0.0.0.0:80", ["0.0.0.0:80"], ["0.0.0.0:80"]),
        # Who asks for IPv6 by name gets it, or an error.
        ("[::]:80", ["[::]:80"], ["[::]:80"]),
        (["127.0.0.1:0", "*:1"], ["127.0.0.1:0", "0.0.0.0:1", "[::]:1"], ["127.0.0.1:0", "0.0.0.0:1"]),
    ],
)
def test_a_star_is_an_address_for_each_family_that_the_machine_has(
    bind: object, with_ipv6: list[str], without: list[str]
) -> None:
    config = Config.model_validate({"listeners": {"web": {"protocol": "http", "bind": bind}}})
    assert addresses(config) == {"web": tuple(with_ipv6)}
    assert addresses(config, ipv6=False) == {"web": tuple(without)}


def test_a_listeners_addresses_are_those_that_were_bound_not_those_that_were_asked_for() -> None:
    config = Config.model_validate({"listeners": {"web": {"protocol": "http", "bind": "127.0.0.1:0"}}})
    spec = json.loads(snapshot(config, addresses={"web": ["127.0.0.1:40001"]}, max_connections=1))
    assert spec["listeners"][0]["addresses"] == ["127.0.0.1:40001"]
