"""Do the values go together? Each question alone, on configurations that are right but for one thing."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from expressgateway.config import Code, Config, Finding
from expressgateway.config.findings import Path
from expressgateway.config.meaning import endpoint_names, examine, examine_part

WEB = {"protocol": "http", "bind": "127.0.0.1:80", "default_pool": "app"}
APP = {"endpoints": ["10.0.0.1:80"]}


def world(**tables: Any) -> Config:  # noqa: ANN401 - whatever tables hold
    """One listener, one pool, nothing to say about either; `tables` replaces whole ones."""
    return Config.model_validate(deepcopy({"listeners": {"web": WEB}, "pools": {"app": APP}} | tables))


def said(config: Config) -> list[tuple[Code, object]]:
    """What is found, and where."""
    return [(finding.code, finding.path) for finding in examine(config)]


def routes(*matches: dict[str, Any]) -> list[dict[str, Any]]:
    """Routes to the one pool, called a, b, c and so on; keys that are a route's own stay there."""
    own = ("listeners", "name")
    return [
        {
            "name": chr(ord("a") + place),
            "pool": "app",
            "match": {key: value for key, value in match.items() if key not in own},
            **{key: value for key, value in match.items() if key in own},
        }
        for place, match in enumerate(matches)
    ]


def test_there_is_nothing_to_say_about_a_world_that_is_right() -> None:
    assert said(world()) == []


# --- names --------------------------------------------------------------------------------------------------


def test_a_pool_that_is_not_there_is_missed_wherever_it_is_named() -> None:
    config = world(
        listeners={"web": {**WEB, "default_pool": "ap"}},
        routes=[{"pool": "app"}, {"pool": "shop", "match": {"host": "a"}}],
    )
    assert said(config) == [
        (Code.UNKNOWN_POOL, ("listeners", "web", "default_pool")),
        (Code.UNKNOWN_POOL, ("routes", 1, "pool")),
    ]
    hints = [finding.hint for finding in examine(config)]
    assert hints == ['did you mean "app"?', "define it as [pools.shop]"]


def test_a_listener_that_is_not_there_is_missed_at_its_place_in_the_list() -> None:
    config = world(routes=[{"pool": "app", "listeners": ["web", "internal", "wweb"]}])
    assert said(config) == [
        (Code.UNKNOWN_LISTENER, ("routes", 0, "listeners", 1)),
        (Code.UNKNOWN_LISTENER, ("routes", 0, "listeners", 2)),
    ]
    hints = [finding.hint for finding in examine(config)]
    assert hints == ["define it as [listeners.internal]", 'did you mean "web"?']


def test_a_table_that_should_be_defined_is_called_as_a_file_would_call_it() -> None:
    config = world(routes=[{"pool": "app.v2", "listeners": ["web", "10.0.0.1"]}])
    assert [finding.hint for finding in examine(config)] == [
        'define it as [pools."app.v2"]',
        'define it as [listeners."10.0.0.1"]',
    ]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a", "b"], []),
        ([None, None], []),
        (["a", "a"], [1]),
        (["a", "b", "a", "a"], [2, 3]),
        (["a", "A"], []),
    ],
)
def test_two_routes_of_a_name_are_one_too_many(names: list[str | None], found: list[int]) -> None:
    listed = [
        {"name": name, "pool": "app", "match": {"host": f"h{place}"}} for place, name in enumerate(names)
    ]
    config = world(routes=[{k: v for k, v in route.items() if v is not None} for route in listed])
    assert said(config) == [(Code.DUPLICATE_ROUTE, ("routes", place, "name")) for place in found]


@pytest.mark.parametrize(
    ("endpoints", "found"),
    [
        (["10.0.0.1:80", "10.0.0.2:80"], []),
        (["10.0.0.1:80", "10.0.0.1:81"], []),
        (["10.0.0.1:80", "10.0.0.1:80"], [1]),
        # Read as the same, however it is written.
        (["[::1]:80", "[0:0::1]:80", "A.test:1", "a.test:1"], [1, 3]),
        (["10.0.0.1:80", {"address": "10.0.0.1:80", "name": "other"}], []),
        ([{"address": "10.0.0.1:80", "name": "a"}, {"address": "10.0.0.2:80", "name": "a"}], [1]),
        ([{"address": "10.0.0.1:80", "name": "10.0.0.2:80"}, "10.0.0.2:80"], [1]),
    ],
)
def test_two_endpoints_of_a_name_are_one_too_many(endpoints: list[Any], found: list[int]) -> None:
    config = world(pools={"app": {"endpoints": endpoints}})
    expected = [(Code.DUPLICATE_ENDPOINT, ("pools", "app", "endpoints", place)) for place in found]
    assert said(config) == expected


def test_pools_do_not_know_each_others_endpoints() -> None:
    config = world(pools={"app": APP, "more": APP}, routes=[{"pool": "more"}])
    assert said(config) == []


def test_an_endpoint_without_a_name_is_called_by_its_address() -> None:
    pool = world(pools={"app": {"endpoints": ["[0::1]:80", {"address": "10.0.0.1:80", "name": "a"}]}}).pools
    assert endpoint_names(pool["app"]) == ["[::1]:80", "a"]


# --- addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("admin", "binds", "found"),
    [
        ("127.0.0.1:9090", ["127.0.0.1:80", "127.0.0.1:81"], []),
        ("none", ["127.0.0.1:80", "127.0.0.1:80"], [("web-1", 0)]),
        ("127.0.0.1:80", ["127.0.0.1:80"], [("web-0", 0)]),
        ("127.0.0.1:80", ["*:80"], [("web-0", 0)]),
        ("127.0.0.1:0", ["127.0.0.1:0", "127.0.0.1:0"], []),
        ("none", ["0.0.0.0:80", "[::]:80"], []),
        ("none", ["*:80", "0.0.0.0:80", "[::1]:80"], [("web-1", 0), ("web-2", 0)]),
        ("none", ["127.0.0.1:80", "127.0.0.2:80", "0.0.0.0:80"], [("web-2", 0), ("web-2", 0)]),
    ],
)
def test_an_address_is_listened_on_once(admin: str, binds: list[str], found: list[tuple[str, int]]) -> None:
    listeners = {f"web-{place}": {**WEB, "bind": bind} for place, bind in enumerate(binds)}
    config = world(admin={"bind": admin}, listeners=listeners)
    assert said(config) == [
        (Code.DUPLICATE_ADDRESS, ("listeners", name, "bind", place)) for name, place in found
    ]


def test_two_addresses_of_one_listener_meet_too_and_both_are_named() -> None:
    (finding,) = examine(world(listeners={"web": {**WEB, "bind": ["*:80", "127.0.0.1:80"]}}))
    assert finding.path == ("listeners", "web", "bind", 1)
    assert finding.message == '"127.0.0.1:80" is taken: listener "web" is bound to "*:80"'


@pytest.mark.parametrize(
    ("bind", "is_public"),
    [
        ("none", False),
        ("127.0.0.1:9090", False),
        ("127.1.2.3:9090", False),
        ("[::1]:9090", False),
        ("127.0.0.1:0", False),
        ("0.0.0.0:9090", True),
        ("[::]:9090", True),
        ("*:9090", True),
        ("10.0.0.1:9090", True),
        ("169.254.0.1:9090", True),
    ],
)
def test_the_admin_address_is_for_this_machine(bind: str, is_public: bool) -> None:
    found = said(world(admin={"bind": bind}))
    assert found == [(Code.ADMIN_IS_PUBLIC, ("admin", "bind"))] * is_public


# --- what leads where ---------------------------------------------------------------------------------------


def test_a_listener_that_leads_nowhere_is_an_error() -> None:
    alone = {"protocol": "http", "bind": "127.0.0.1:80"}
    found = examine(world(listeners={"web": alone}, pools={}))
    assert [(finding.code, finding.path, finding.at_key) for finding in found] == [
        (Code.LISTENER_LEADS_NOWHERE, ("listeners", "web"), True)
    ]


@pytest.mark.parametrize(("applies_to", "lost"), [(None, []), (["web"], ["api"]), (["web", "api"], [])])
def test_a_route_leads_somewhere_from_the_listeners_it_applies_to(
    applies_to: list[str] | None, lost: list[str]
) -> None:
    alone = {"protocol": "http"}
    listeners = {name: {**alone, "bind": f"127.0.0.1:{port}"} for name, port in (("web", 80), ("api", 81))}
    route = {"pool": "app"} | ({} if applies_to is None else {"listeners": applies_to})
    config = world(listeners=listeners, routes=[route])
    assert said(config) == [(Code.LISTENER_LEADS_NOWHERE, ("listeners", name)) for name in lost]


def test_a_pool_that_nothing_leads_to_or_that_is_empty_is_worth_a_warning() -> None:
    config = world(pools={"app": {"endpoints": []}, "spare": APP, "empty": {"endpoints": []}})
    assert said(config) == [
        (Code.POOL_IS_EMPTY, ("pools", "app", "endpoints")),
        (Code.POOL_IS_UNUSED, ("pools", "spare")),
        (Code.POOL_IS_UNUSED, ("pools", "empty")),
        (Code.POOL_IS_EMPTY, ("pools", "empty", "endpoints")),
    ]
    assert not any(finding.is_error for finding in examine(config))


def test_nothing_at_all_is_a_warning_and_no_error() -> None:
    (finding,) = examine(Config())
    assert (finding.code, finding.path, finding.is_error) == (Code.NOTHING_IS_SERVED, (), False)


# --- routes in each other's shadow --------------------------------------------------------------------------


def shadowed(config: Config) -> list[tuple[int, str]]:
    """The routes that never match, with the one that stands before each."""
    found: list[Finding] = [one for one in examine(config) if one.code is Code.ROUTE_IS_SHADOWED]
    return [(int(one.path[1]), one.message.split('"')[3]) for one in found]


@pytest.mark.parametrize(
    ("matches", "found"),
    [
        # One prefix and another.
        ([{}, {}], [(1, "a")]),
        ([{}, {"path_prefix": "/x"}], [(1, "a")]),
        ([{"path_prefix": "/x"}, {}], []),
        ([{"path_prefix": "/x"}, {"path_prefix": "/x"}], [(1, "a")]),
        ([{"path_prefix": "/x"}, {"path_prefix": "/x/y"}], [(1, "a")]),
        ([{"path_prefix": "/x"}, {"path_prefix": "/xy"}], []),
        ([{"path_prefix": "/x"}, {"path_prefix": "/x/"}], [(1, "a")]),
        ([{"path_prefix": "/x/"}, {"path_prefix": "/x"}], []),
        ([{"path_prefix": "/x/"}, {"path_prefix": "/x/y"}], [(1, "a")]),
        ([{"path_prefix": "/"}, {"path_prefix": "/x"}], [(1, "a")]),
        ([{"path_prefix": "/x/y"}, {"path_prefix": "/x"}], []),
        # One host and another: other hosts are other lists.
        ([{"host": "a"}, {"host": "a"}], [(1, "a")]),
        ([{"host": "a"}, {"host": "b"}], []),
        ([{"host": "a"}, {}], []),
        ([{}, {"host": "a"}], []),
        ([{"host": "*.a"}, {"host": "b.a"}], []),
        ([{"host": ["a", "b"]}, {"host": "b"}], [(1, "a")]),
        ([{"host": "a"}, {"host": ["a", "b"]}], []),
        ([{"host": "a"}, {"host": "b"}, {"host": ["a", "b"]}], [(2, "a")]),
        ([{"host": "b"}, {"host": "a"}, {"host": ["a", "b"]}], [(2, "b")]),
        # One listener and another.
        ([{"listeners": ["web"]}, {}], []),
        ([{}, {"listeners": ["web"]}], [(1, "a")]),
        ([{"listeners": ["web"]}, {"listeners": ["api"]}], []),
        ([{"listeners": ["web"]}, {"listeners": ["api"]}, {}], [(2, "a")]),
        # What asks for more than host and prefix casts no shadow, and still stands in one.
        ([{"methods": "GET"}, {}], []),
        ([{"headers": {"x": "*"}}, {"headers": {"x": "*"}}], []),
        ([{"query": {"x": "1"}}, {}], []),
        ([{"client_ip": "10.0.0.1"}, {}], []),
        ([{"path": "/x"}, {"path_prefix": "/x"}], []),
        ([{"path_regex": "/.*"}, {}], []),
        ([{}, {"methods": "GET"}], [(1, "a")]),
        ([{"path_prefix": "/x"}, {"path": "/x/y", "methods": "GET"}], [(1, "a")]),
        ([{"path_prefix": "/x"}, {"path": "/xy"}], []),
        ([{"path_prefix": "/x"}, {"path_regex": "/x/.*"}], []),
        # The first that covers it is named.
        ([{"path_prefix": "/x"}, {}, {"path_prefix": "/x/y"}], [(2, "a")]),
        ([{}, {}, {}], [(1, "a"), (2, "a")]),
    ],
)
def test_a_route_is_shadowed_if_it_is_on_every_list_it_stands_on(
    matches: list[dict[str, Any]], found: list[tuple[int, str]]
) -> None:
    listeners = {"web": WEB, "api": {**WEB, "bind": "127.0.0.1:81"}}
    config = world(listeners=listeners, routes=routes(*matches))
    assert shadowed(config) == found


def test_without_a_listener_no_route_is_shadowed() -> None:
    assert shadowed(world(listeners={}, routes=routes({}, {}))) == []


def test_a_route_without_a_name_is_called_by_its_place() -> None:
    finding = examine(world(routes=[{"pool": "app"}, {"pool": "app"}]))[-1]
    assert finding.message == 'route "route-2" never matches: "route-1" stands before it and matches the same'


# --- what a route does --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "found"),
    [
        ({"pool": "app"}, []),
        ({"redirect": "https"}, []),
        ({"respond": {"status": 404, "body": "gone"}}, []),
        ({}, [(Code.NOT_ONE_ACTION, ())]),
        ({"pool": "app", "redirect": "https"}, [(Code.NOT_ONE_ACTION, ("redirect",))]),
        ({"redirect": "https", "respond": {}}, [(Code.NOT_ONE_ACTION, ("respond",))]),
        ({"pool": "app", "respond": {}, "redirect": "https"}, [(Code.NOT_ONE_ACTION, ("redirect",))]),
        (
            {"pool": "app", "match": {"path": "/", "path_prefix": "/"}},
            [(Code.TWO_PATHS, ("match", "path_prefix"))],
        ),
        (
            {"pool": "app", "match": {"path": "/", "path_regex": "/"}},
            [(Code.TWO_PATHS, ("match", "path_regex"))],
        ),
        ({"respond": {"status": 204}}, []),
        ({"respond": {"status": 204, "body": "x"}}, [(Code.STATUS_HAS_NO_BODY, ("respond", "body"))]),
        ({"respond": {"status": 205, "body": "x"}}, [(Code.STATUS_HAS_NO_BODY, ("respond", "body"))]),
        ({"respond": {"status": 304, "body": "x"}}, [(Code.STATUS_HAS_NO_BODY, ("respond", "body"))]),
    ],
)
def test_a_route_does_one_thing(route: dict[str, Any], found: list[tuple[Code, Path]]) -> None:
    assert said(world(routes=[route])) == [(code, ("routes", 0, *path)) for code, path in found]


# --- a part -------------------------------------------------------------------------------------------------


def test_of_a_part_nothing_is_said_about_what_is_missing() -> None:
    part = world(listeners={}, pools={}, routes=[{"pool": "app", "listeners": ["web"]}, {"pool": "ap"}])
    found = examine_part(part, {"app"}, {"web"})
    assert [(finding.code, finding.hint) for finding in found] == [(Code.UNKNOWN_POOL, 'did you mean "app"?')]


def test_of_a_part_everything_is_said_that_is_wrong_whatever_else_is() -> None:
    part = world(
        admin={"bind": "0.0.0.0:80"},
        pools={"app": {"endpoints": ["10.0.0.1:80", "10.0.0.1:80"]}},
        routes=[{"name": "a", "pool": "app"}, {"name": "a", "pool": "app"}],
    )
    assert [finding.code for finding in examine_part(part, part.pools, part.listeners)] == [
        Code.DUPLICATE_ROUTE,
        Code.DUPLICATE_ENDPOINT,
        Code.DUPLICATE_ADDRESS,
        Code.ADMIN_IS_PUBLIC,
    ]
