"""The configuration as Python sees it: values of its own types, defaults that are promised, nothing that
changes behind anybody's back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

import pytest
from pydantic import ValidationError

from expressgateway.config import (
    Bind,
    Check,
    Config,
    Duration,
    Endpoint,
    Listener,
    ListenerHeaders,
    ListenerLimits,
    ListenerTimeouts,
    Match,
    Pool,
    PoolTimeouts,
    Route,
    RouteTimeouts,
    Runtime,
    Size,
    Target,
)
from expressgateway.config.models import Table
from expressgateway.config.units import Rate

SECOND = Duration(1000)
T = TypeVar("T", bound=Table)


def made(table: type[T], **values: Any) -> T:  # noqa: ANN401 - whatever is accepted, and the types do not say
    """A table from what its users write."""
    return table.model_validate(values)


def tables() -> list[type[Table]]:
    """Every table of the language."""
    return [one for one in Table.__subclasses__() if one.__module__ == Table.__module__]


@pytest.mark.parametrize(
    ("table", "key", "default"),
    [
        (Config(), "edition", 1),
        (Config(), "listeners", {}),
        (Config(), "routes", ()),
        (Config(), "pools", {}),
        (Config(), "admin.bind", Bind("127.0.0.1", 9090)),
        (Config(), "runtime.workers", None),
        (Config(), "runtime.max_connections", None),
        (Config(), "runtime.drain_timeout", Duration(10_000)),
        (Config(), "runtime.readiness_settle", Duration(5_000)),
        (Config(), "logs.level", "info"),
        (Config(), "logs.access.path", "-"),
        (Config(), "logs.access.format", "json"),
        (made(Listener, protocol="http", bind="*:80"), "http_versions", ("h1", "h2")),
        (made(Listener, protocol="http", bind="*:80"), "default_pool", None),
        (ListenerHeaders(), "forward", ("x-forwarded",)),
        (ListenerHeaders(), "request_id", "x-request-id"),
        (ListenerHeaders(), "via", True),
        (ListenerLimits(), "request_header", Size(65536)),
        (ListenerLimits(), "headers", 128),
        (ListenerLimits(), "request_body", None),
        (ListenerTimeouts(), "header", Duration(10_000)),
        (ListenerTimeouts(), "idle", Duration(60_000)),
        (ListenerTimeouts(), "body_idle", Duration(30_000)),
        (made(Route, pool="app"), "name", None),
        (made(Route, pool="app"), "listeners", None),
        (Match(), "host", ()),
        (Match(), "path_prefix", None),
        (RouteTimeouts(), "request", None),
        (RouteTimeouts(), "first_byte", Duration(60_000)),
        (made(Pool, endpoints=[]), "policy", "round_robin"),
        (made(Pool, endpoints=[]), "check", None),
        (PoolTimeouts(), "connect", Duration(5_000)),
        (PoolTimeouts(), "keepalive", Duration(90_000)),
        (made(Endpoint, address="a:1"), "name", None),
        (made(Check, type="tcp"), "interval", Duration(2_000)),
        (made(Check, type="tcp"), "timeout", Duration(1_000)),
        (made(Check, type="tcp"), "rise", 2),
        (made(Check, type="tcp"), "fall", 3),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_defaults_are_promises(table: Table, key: str, default: object) -> None:
    value: Any = table
    for step in key.split("."):
        value = getattr(value, step)
    assert value == default


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.__name__)
def test_every_table_says_what_it_is_and_so_does_every_key(table: type[Table]) -> None:
    assert table.__doc__
    assert not [key for key, field in table.model_fields.items() if not (field.description or "").strip()]


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.__name__)
def test_every_default_is_one_that_could_have_been_given(table: type[Table]) -> None:
    for key, field in table.model_fields.items():
        if field.is_required():
            continue
        required = {name: 0 for name, one in table.model_fields.items() if one.is_required()}
        try:
            table.model_validate({**required, key: field.get_default()})
        except ValidationError as error:
            places = [details["loc"][0] for details in error.errors()]
            assert key not in places, error  # noqa: PT017 - what is required is wrong on purpose


@pytest.mark.parametrize(
    ("table", "key", "given", "read"),
    [
        (Runtime, "drain_timeout", "1s", SECOND),
        (Runtime, "drain_timeout", SECOND, SECOND),
        (Runtime, "drain_timeout", timedelta(seconds=1), SECOND),
        (Runtime, "drain_timeout", timedelta(0), Duration(0)),
        (Runtime, "workers", "auto", None),
        (Runtime, "workers", None, None),
        (Runtime, "workers", 1, 1),
        (Runtime, "workers", 1024, 1024),
        (RouteTimeouts, "first_byte", "none", None),
        (RouteTimeouts, "first_byte", None, None),
        (RouteTimeouts, "first_byte", timedelta(milliseconds=1), Duration(1)),
        (ListenerLimits, "request_header", Size(1), Size(1)),
        (ListenerLimits, "request_header", "16MiB", Size(2**24)),
        (ListenerLimits, "request_body", None, None),
        (ListenerLimits, "request_body", "0B", Size(0)),
        (ListenerHeaders, "request_id", None, None),
        (ListenerHeaders, "forward", "x-forwarded", ("x-forwarded",)),
        (ListenerHeaders, "forward", [], ()),
        (ListenerLimits, "requests_per_connection", None, None),
        (ListenerLimits, "requests_per_connection", "none", None),
        (ListenerLimits, "requests_per_connection", 1, 1),
        (ListenerLimits, "requests_per_connection", 10**9, 10**9),
        (ListenerLimits, "min_rate", "none", None),
        (ListenerLimits, "min_rate", "1KiB/s", Rate(1024)),
        (ListenerLimits, "min_rate", Rate(1), Rate(1)),
        (Match, "host", "A.Example.", ("a.example",)),
        (Match, "host", ["b", "*.B"], ("b", "*.b")),
        (Match, "host", (), ()),
        (Endpoint, "address", Target("a", 1), Target("a", 1)),
        (Endpoint, "address", "A:1", Target("a", 1)),
    ],
)
def test_a_value_is_given_as_text_or_as_what_it_is(
    table: type[Table], key: str, given: object, read: object
) -> None:
    assert getattr(table.model_validate({key: given}), key) == read


@pytest.mark.parametrize(
    ("bind", "read"),
    [
        ("*:80", (Bind("*", 80),)),
        (Bind("::", 80), (Bind("::", 80),)),
        (["127.0.0.1:0", Bind("::1", 1)], (Bind("127.0.0.1", 0), Bind("::1", 1))),
    ],
)
def test_one_address_to_listen_on_is_a_list_of_one(bind: object, read: tuple[Bind, ...]) -> None:
    assert made(Listener, protocol="http", bind=bind).bind == read


@pytest.mark.parametrize("one", ["a:1", Target("a", 1), {"address": "a:1"}, made(Endpoint, address="a:1")])
def test_an_endpoint_is_its_address_or_a_table(one: object) -> None:
    assert made(Pool, endpoints=[one]).endpoints == (made(Endpoint, address=Target("a", 1)),)


@pytest.mark.parametrize(
    ("table", "given"),
    [
        (Runtime, {"workers": 1025}),
        (Runtime, {"workers": True}),
        (Runtime, {"workers": "1"}),
        (Runtime, {"max_connections": 0}),
        (Runtime, {"drain_timeout": timedelta(days=-1)}),
        (Runtime, {"drain_timeout": timedelta(days=366)}),
        (Runtime, {"drain_timeout": 5}),
        (ListenerTimeouts, {"idle": timedelta(microseconds=999)}),
        (ListenerHeaders, {"via": 1}),
        (ListenerHeaders, {"request_id": ""}),
        (ListenerLimits, {"headers": True}),
        (ListenerLimits, {"headers": 128.0}),
        (ListenerLimits, {"requests_per_connection": 0}),
        (ListenerLimits, {"requests_per_connection": 10**9 + 1}),
        (ListenerLimits, {"requests_per_connection": True}),
        (ListenerLimits, {"requests_per_connection": "5"}),
        (ListenerLimits, {"min_rate": 240}),
        (ListenerLimits, {"min_rate": "240B"}),
        (Check, {"type": "tcp", "rise": 0}),
        (Check, {"type": "tcp", "fall": 101}),
        (Config, {"edition": True}),
        (Config, {"edition": 1.0}),
        (Config, {"listeners": {1: {"protocol": "http", "bind": "*:80"}}}),
        (Config, {"routes": {}}),
        (Config, {"routes": "x"}),
        (Pool, {"endpoints": "a:1"}),
        (Pool, {"endpoints": {"a:1"}}),
    ],
)
def test_nothing_is_taken_for_something_like_it(table: type[Table], given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        table.model_validate(given)
    assert len(caught.value.errors()) == 1


@pytest.mark.parametrize("name", ["a", "_", "0", "a.b-c_d", "A" * 64])
def test_names_are_accepted(name: str) -> None:
    assert list(made(Config, pools={name: made(Pool, endpoints=[])}).pools) == [name]


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "é", "a" * 65, "a\n"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="cannot be a name"):
        made(Config, pools={name: made(Pool, endpoints=[])})


@pytest.mark.parametrize(
    ("name", "is_free"),
    [("shop", True), ("default", False), ("defaults", True), ("Default", True), ("route-1", False),
     ("route-007", False), ("route-", True), ("route-x", True), ("my-route-1", True), ("route-1a", True)],
)  # fmt: skip
def test_some_names_of_routes_are_the_gateways(name: str, is_free: bool) -> None:
    if is_free:
        assert made(Route, pool="app", name=name).name == name
    else:
        with pytest.raises(ValidationError, match=name):
            made(Route, pool="app", name=name)


@pytest.mark.parametrize(
    ("name", "is_accepted"),
    [("a", True), ("10.0.0.1:80", True), ("[::1]:80", True), ("unix:/run/a.sock", True), ("x" * 300, True),
     ("x" * 301, False), ("", False), ("a b", False), ('a"', False), ("a'", False), ("a\\", False),
     ("é", False), ("a\t", False), ("a\x7f", False)],
)  # fmt: skip
def test_an_endpoint_may_be_called_like_any_address(name: str, is_accepted: bool) -> None:
    if is_accepted:
        assert made(Endpoint, address="a:1", name=name).name == name
    else:
        with pytest.raises(ValidationError, match="cannot be a name"):
            made(Endpoint, address="a:1", name=name)


def test_routes_without_a_name_are_called_by_their_place() -> None:
    config = made(
        Config, routes=[made(Route, pool="a"), made(Route, pool="a", name="shop"), made(Route, pool="a")]
    )
    assert config.route_names() == ("route-1", "shop", "route-3")


def test_nothing_changes_behind_anybodys_back() -> None:
    endpoints: list[Any] = ["a:1"]
    pool = made(Pool, endpoints=endpoints)
    endpoints.append("b:1")
    assert len(pool.endpoints) == 1
    for table, key in ((pool, "endpoints"), (Config(), "routes"), (Runtime(), "workers")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(table, key, ())


def test_what_is_written_again_is_what_was_meant() -> None:
    config = made(
        Config,
        runtime=Runtime(workers=None, drain_timeout=SECOND),
        listeners={"web": made(Listener, protocol="http", bind="[0:0::1]:80", limits=ListenerLimits())},
        pools={"app": made(Pool, endpoints=[Target("a", 1)])},
    )
    written = config.model_dump(mode="json")
    assert written["runtime"]["workers"] == "auto"
    assert written["runtime"]["drain_timeout"] == "1s"
    assert written["listeners"]["web"]["bind"] == ["[::1]:80"]
    assert written["listeners"]["web"]["limits"]["request_body"] == "none"
    assert written["listeners"]["web"]["limits"]["requests_per_connection"] == "none"
    assert ListenerLimits(requests_per_connection=5).model_dump(mode="json")["requests_per_connection"] == 5
    assert written["pools"]["app"]["endpoints"] == [{"address": "a:1", "name": None}]
    assert Config.model_validate_json(config.model_dump_json()) == config
