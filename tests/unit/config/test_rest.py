"""What is left of a wrong document: what is wrong is gone, with no more around it than must go too."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from expressgateway.config import Config
from expressgateway.config.findings import Path
from expressgateway.config.rest import Rest, valid_rest

WEB = {"protocol": "http", "bind": "127.0.0.1:80"}
APP = {"endpoints": ["10.0.0.1:80"]}


def left(document: dict[str, Any]) -> Rest:
    """What is left of a document, which itself stays as it is."""
    before = deepcopy(document)
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(document)
    rest = valid_rest(document, caught.value.errors(include_url=False))
    assert document == before
    assert rest
    return rest


def written(rest: Rest) -> dict[str, Any]:
    """As a document again, without what nobody wrote."""
    dumped: dict[str, Any] = rest.config.model_dump(mode="json", exclude_unset=True)
    return dumped


@pytest.mark.parametrize(
    ("document", "rest"),
    [
        # The value alone, if its table can do without it.
        ({"edition": 2, "admin": {"bind": "none"}}, {"admin": {"bind": "none"}}),
        ({"runtime": {"workers": 0, "drain_timeout": "1s"}}, {"runtime": {"drain_timeout": "1s"}}),
        ({"nonsense": {"deep": {"er": 1}}, "logs": {"level": "info"}}, {"logs": {"level": "info"}}),
        (
            {"pools": {"app": {**APP, "timeouts": {"connect": 1, "keepalive": "1s"}}}},
            {"pools": {"app": {**APP, "timeouts": {"keepalive": "1s"}}}},
        ),
        # The table, if it cannot.
        ({"listeners": {"web": WEB, "api": {"protocol": "http"}}}, {"listeners": {"web": WEB}}),
        ({"listeners": {"web": {**WEB, "protocol": "x"}}, "pools": {"app": APP}},
         {"listeners": {}, "pools": {"app": APP}}),
        ({"pools": {"app": APP, "b": {"endpoints": APP["endpoints"], "check": {"rise": 1}}}},
         {"pools": {"app": APP, "b": APP}}),
        # A list has no parts that one could do without: one wrong item may be what everything is about.
        ({"listeners": {"web": {**WEB, "bind": ["127.0.0.1:80", "x"]}}}, {"listeners": {}}),
        ({"pools": {"app": {"endpoints": ["10.0.0.1:80", {"name": "a"}]}, "b": APP}}, {"pools": {"b": APP}}),
        ({"listeners": {"web": {**WEB, "http_versions": ["h9"]}}}, {"listeners": {"web": WEB}}),
        # A name.
        ({"pools": {"a b": APP, "app": APP}}, {"pools": {"app": APP}}),
        ({"pools": {"[key]": APP, "app": APP}}, {"pools": {"app": APP}}),
        # The wrong shape.
        ({"pools": [], "listeners": 1, "runtime": "x", "logs": {"access": []}}, {"logs": {}}),
        ({"pools": {"app": 1}, "routes": {"a": 1}}, {"pools": {}}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_gone_and_what_needs_it(document: dict[str, Any], rest: dict[str, Any]) -> None:
    found = left(document)
    expected = Config.model_validate(rest)
    assert found.config == expected
    assert written(found) == expected.model_dump(mode="json", exclude_unset=True)


def test_a_wrong_route_is_gone_and_the_others_know_where_they_stood() -> None:
    wrong: list[Any] = [1, {"pool": "b", "nonsense": 1}, {"pool": 2}, {"pool": "c", "match": {"host": "a b"}}]
    rest = left({"routes": [wrong[0], {"pool": "a"}, wrong[1], wrong[2], wrong[3], {"pool": "d"}]})
    assert [route.pool for route in rest.config.routes if route.pool] == ["a", "b", "c", "d"]
    stood = {
        route.pool: rest.original(("routes", place, "pool")) for place, route in enumerate(rest.config.routes)
    }
    assert {pool: path for pool, path in stood.items() if pool} == {
        "a": ("routes", 1, "pool"),
        "b": ("routes", 2, "pool"),
        "c": ("routes", 4, "pool"),
        "d": ("routes", 5, "pool"),
    }


@pytest.mark.parametrize("path", [(), ("routes",), ("pools", "app", "endpoints", 3), ("listeners", "routes")])
def test_paths_that_are_not_below_a_route_stay_as_they_are(path: Path) -> None:
    rest = left({"routes": [1, {"pool": "a"}], "edition": 2})
    assert rest.original(path) == path


def test_what_only_goes_wrong_once_something_is_gone_goes_too() -> None:
    # Without its address an endpoint is wrong, and without endpoints a pool.
    document = {"pools": {"app": {"endpoints": [{"address": "x"}], "check": {"type": "y"}}, "b": APP}}
    assert list(left(document).config.pools) == ["b"]


def test_if_nothing_helps_there_is_no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        Config(edition=2)  # type: ignore[arg-type]

    with pytest.raises(ValidationError) as caught:
        refuse(None)
    monkeypatch.setattr(Config, "model_validate", refuse)
    assert valid_rest({}, caught.value.errors(include_url=False)) is None
