"""Loader and engine agree about what can be run: what one accepts, the other does not refuse. The engine
checks again because it does not trust its callers; an operator must never find out."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from expressgateway._engine import Engine
from expressgateway.config import Config, FieldEdits, ListenerClient, Match, Rewrite, Target
from expressgateway.config.addresses import AddressError
from expressgateway.config.http import HttpError, field_name, host_pattern, path_prefix
from expressgateway.config.models import Table
from expressgateway.config.snapshot import snapshot
from expressgateway.errors import SnapshotError
from tests.unit.examples import examples

BASE = Config.model_validate(
    {
        "listeners": {"web": {"protocol": "http", "bind": "127.0.0.1:1", "default_pool": "app"}},
        "pools": {"app": {"endpoints": ["10.0.0.1:80"]}},
        "routes": [{"pool": "app", "match": {"host": "a", "path_prefix": "/"}}],
    }
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One for all: what it accepts replaces what it has accepted before."""
    one = Engine(workers=1)
    yield one
    one.stop()


def runs(engine: Engine, path: str, value: object) -> bool:
    """Whether the engine runs the base with another value at a place."""
    spec: Any = json.loads(snapshot(BASE, addresses={"web": []}, max_connections=10))
    *steps, last = path.split("/")
    place = spec
    for step in steps:
        place = place[int(step) if isinstance(place, list) else step]
    assert (int(last) < len(place)) if isinstance(place, list) else last in place
    place[int(last) if isinstance(place, list) else last] = value
    try:
        engine.apply(json.dumps(spec).encode(), {})
    except SnapshotError:
        return False
    return True


def test_the_base_runs(engine: Engine) -> None:
    assert runs(engine, "max_connections", 1)
    assert not runs(engine, "max_connections", 0)


HOSTS = st.text("aA-._~!*%2fé:[]1@/ ", max_size=8) | st.text(max_size=4)
PATHS = st.text("aA./%2eEfF5cC0~\\?# é", max_size=8).map("/".__add__) | st.text(max_size=4)
FIELDS = st.text("aX-_:. é\t!", max_size=6) | st.sampled_from(
    "te via host expect trailer upgrade forwarded connection keep-alive content-length proxy-connection "
    "transfer-encoding x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto http2-settings "
    "cookie user-agent referer Host VIA x-request-id date server accept content-type traceparent".split()
)
TARGETS = (
    st.builds("{}:{}".format, st.ip_addresses().map(str), st.integers(0, 70000))
    | st.builds("[{}]:{}".format, st.ip_addresses(v=6).map(str), st.integers(0, 70000))
    | st.text("/a\0.é", max_size=6).map("unix:".__add__)
    | st.integers(100, 112).map(lambda length: "unix:/" + "a" * (length - 1))
)
# The engine is one for all examples on purpose.
SHARED = settings(examples(400), suppress_health_check=list(HealthCheck))


@SHARED
@given(text=HOSTS)
@example("a" * 255)
@example("a" * 256)
@example("*." + "a" * 254)
@example("[::1]")
@example("[::ffff:1.2.3.4]")
@example("[v1.a]")
@example("%41")
@example("%4")
@example("a%")
@example("a.")
def test_about_hosts(engine: Engine, text: str) -> None:
    place = "routes/0/matches/hosts"
    try:
        pattern = host_pattern(text)
    except HttpError:
        assert not runs(engine, place, [text])
    else:
        assert runs(engine, place, [pattern])


@SHARED
@given(text=PATHS)
@example("/a/..")
@example("/%")
@example("/%2F")
@example("/%00")
@example("/%e2%82%ac")
@example("//")
@example("/" + "a" * 9000)
def test_about_paths(engine: Engine, text: str) -> None:
    place = "routes/0/matches/path"
    try:
        path_prefix(text)
    except HttpError:
        assert not runs(engine, place, {"prefix": text})
        assert not runs(engine, place, {"exact": text})
    else:
        assert runs(engine, place, {"prefix": text})
        assert runs(engine, place, {"exact": text})


@SHARED
@given(text=FIELDS)
def test_about_names_of_fields(engine: Engine, text: str) -> None:
    place = "listeners/0/headers/request_id"
    try:
        field_name(text)
    except HttpError:
        assert not runs(engine, place, text)
    else:
        assert runs(engine, place, text)


@SHARED
@given(text=TARGETS)
def test_about_addresses(engine: Engine, text: str) -> None:
    place = "pools/0/endpoints/0/address"
    # The loader refuses more: the paths of folders.
    with contextlib.suppress(AddressError):
        assert runs(engine, place, str(Target.parse(text)))


def accepts(table: type[Table], key: str, value: object) -> bool:
    """Whether the loader takes a value for a key."""
    try:
        table.model_validate({key: value})
    except ValidationError:
        return False
    return True


WORDS = st.text("aA0-_.:[]%4/~*+?(){}\\é \t\x7f", max_size=6)


@SHARED
@given(text=WORDS | st.text(max_size=3))
@example("a:65535")
@example("a:65536")
@example("a:000080")
@example("[::1]")
@example("[::1]:80")
@example("::1")
@example("[::1")
@example("a:")
@example(":80")
def test_about_the_host_that_endpoints_see(engine: Engine, text: str) -> None:
    assert runs(engine, "routes/0/rewrite/host", text) == accepts(Rewrite, "host", text)


@SHARED
@given(text=WORDS)
@example("GET")
@example("")
def test_about_methods(engine: Engine, text: str) -> None:
    assert runs(engine, "routes/0/matches/methods", [text]) == accepts(Match, "methods", [text])


@SHARED
@given(text=WORDS | st.text(max_size=3))
@example("a\r\nb: c")
@example(" a")
@example("a\t")
def test_about_values_of_fields(engine: Engine, text: str) -> None:
    place = "routes/0/request_fields/set"
    assert runs(engine, place, [["x-a", text]]) == accepts(FieldEdits, "set", {"x-a": text})


@SHARED
@given(text=FIELDS)
def test_about_fields_that_are_edited(engine: Engine, text: str) -> None:
    assert runs(engine, "routes/0/response_fields/remove", [text]) == accepts(FieldEdits, "remove", [text])


@SHARED
@given(text=WORDS)
@example("(")
@example("(?=a)")
@example("a{1000}{1000}")
def test_about_patterns(engine: Engine, text: str) -> None:
    assert runs(engine, "routes/0/matches/path", {"pattern": text}) == accepts(Match, "path_regex", text)


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1", "10.0.0.0/8", "10.0.0.0/33", "10.0.0.1/8", "0.0.0.0/0", "::/0", "::1", "2001:db8::/32",
     "::1/64", "[::1]", "10.0.0", "a", "", "10.0.0.0/8 ",
     "010.0.0.0/8", "fe80::1%eth0", "10.0.0.0/255.0.0.0", "1/8"],
)  # fmt: skip
def test_about_prefixes_of_addresses(engine: Engine, text: str) -> None:
    place = "listeners/0/client/trusted_proxies"
    try:
        read = ListenerClient.model_validate({"trusted_proxies": [text]}).trusted_proxies
    except ValidationError:
        assert not runs(engine, place, [text])
    else:
        assert runs(engine, place, list(read))


@pytest.mark.parametrize(
    ("place", "least", "most"),
    [
        ("listeners/0/limits/request_header", 1, 2**24),
        ("listeners/0/limits/headers", 1, 256),
        ("listeners/0/timeouts/header", 1, 8760 * 3_600_000),
        ("listeners/0/timeouts/idle", 1, 8760 * 3_600_000),
        ("listeners/0/timeouts/body_idle", 1, 8760 * 3_600_000),
        ("listeners/0/limits/request_body", 0, 2**63 - 1),
        ("routes/0/timeouts/request", 1, 8760 * 3_600_000),
        ("routes/0/timeouts/first_byte", 1, 8760 * 3_600_000),
        ("pools/0/timeouts/connect", 1, 8760 * 3_600_000),
        ("pools/0/timeouts/keepalive", 0, 8760 * 3_600_000),
        ("max_connections", 1, 4_000_000),
    ],
)
def test_about_the_bounds_of_numbers(engine: Engine, place: str, least: int, most: int) -> None:
    assert runs(engine, place, least)
    assert runs(engine, place, most)
    assert not runs(engine, place, least - 1)
