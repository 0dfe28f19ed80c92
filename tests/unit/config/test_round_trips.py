"""Whole configurations that are written down and read again mean the same, to the last value."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from expressgateway._engine import parse_toml
from expressgateway.config import Config, load_text
from tests.unit.examples import examples

LETTERS = "abcXYZ019_"
NAMES = st.builds(str.__add__, st.sampled_from(LETTERS), st.text(LETTERS + ".-", max_size=8))
ROUTE_NAMES = NAMES.filter(lambda name: name != "default" and not name.startswith("route-"))
AMOUNTS = st.integers(1, 99)
DURATIONS = st.builds("{}{}".format, AMOUNTS, st.sampled_from(["ms", "s", "m", "h"]))
SIZES = st.builds("{}{}".format, AMOUNTS, st.sampled_from(["B", "KiB", "MiB", "TiB"]))
OFF = st.just("none")
HOSTS = st.builds(
    "{}{}.test".format, st.sampled_from(["", "*.", "A."]), st.text("abc-", min_size=1, max_size=4)
)
PATHS = st.text("ab~x/", max_size=6).map("/{}".format)
V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6).map(lambda ip: f"[{ip.exploded}]")
PORTS = st.integers(1, 65535)
TARGETS = st.builds("{}:{}".format, V4 | V6, PORTS) | st.text("ab/.é ", min_size=1, max_size=9).map(
    lambda path: f"unix:/{path}x"
)


def table(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A table with any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


def listener(pools: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A listener without an address, which must be nobody else's."""
    return st.fixed_dictionaries(
        {"protocol": st.just("http"), "default_pool": st.sampled_from(pools)},
        optional={
            "http_versions": st.sampled_from(["h1", ["h2"], ["h2", "h1"]]),
            "headers": table(
                forward=st.sampled_from([[], "x-forwarded"]),
                request_id=OFF | st.text("abX-", min_size=1, max_size=5),
                via=st.booleans(),
            ),
            "limits": table(
                request_header=st.integers(1, 2**24).map("{}B".format),
                headers=st.integers(1, 256),
                request_body=OFF | SIZES,
            ),
            "timeouts": table(header=DURATIONS, idle=DURATIONS, body_idle=DURATIONS),
        },
    )


def route(pools: list[str], listeners: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A route without a name."""
    some = st.lists(st.sampled_from(listeners), min_size=1, unique=True)
    return st.fixed_dictionaries(
        {"pool": st.sampled_from(pools)},
        optional={
            "listeners": some | st.sampled_from(listeners),
            "match": table(
                host=HOSTS | st.lists(HOSTS, max_size=3, unique_by=lambda host: host.lower()),
                path_prefix=PATHS,
            ),
            "timeouts": table(request=OFF | DURATIONS, first_byte=OFF | DURATIONS),
        },
    )


def pool() -> st.SearchStrategy[dict[str, Any]]:
    """A pool of endpoints with names of their own."""
    check = st.fixed_dictionaries(
        {"type": st.just("tcp")},
        optional={"interval": DURATIONS, "timeout": DURATIONS, "rise": AMOUNTS, "fall": AMOUNTS},
    )
    endpoints = st.lists(TARGETS, max_size=4).map(
        lambda targets: [{"address": target, "name": f"e{place}"} for place, target in enumerate(targets)]
    )
    return st.fixed_dictionaries(
        {"endpoints": endpoints | TARGETS.map(lambda target: [target])},
        optional={"check": check, "timeouts": table(connect=DURATIONS, keepalive=DURATIONS | st.just("0s"))},
    )


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents whose values go together."""
    pools = draw(st.dictionaries(NAMES, pool(), min_size=1, max_size=3))
    listeners = draw(st.dictionaries(NAMES, listener(list(pools)), min_size=1, max_size=3))
    for place, one in enumerate(listeners.values()):
        one["bind"] = draw(st.sampled_from(["*:{}", ["127.0.0.1:{}", "[::]:{}"], "[0:0::1]:{}"]))
        one["bind"] = json.loads(json.dumps(one["bind"]).replace("{}", str(place + 1)))
    names = draw(st.lists(ROUTE_NAMES | st.none(), max_size=3, unique_by=lambda name: name or object()))
    routes = [draw(route(list(pools), list(listeners))) | ({"name": name} if name else {}) for name in names]
    rest = draw(
        table(
            edition=st.just(1),
            runtime=table(workers=st.just("auto") | st.integers(1, 1024), drain_timeout=DURATIONS),
            admin=table(bind=OFF | st.sampled_from(["127.0.0.1:0", "[::1]:9999"])),
            logs=table(
                level=st.sampled_from(["debug", "error"]),
                access=table(path=st.sampled_from(["-", "none", "/var/log/é 🦀\t.log", '/a"b\\c'])),
            ),
        )
    )
    return {**rest, "pools": pools, "listeners": listeners, "routes": routes}


def toml(value: object) -> str:
    """A value on one line; JSON's strings are TOML's, but for what only one of them minds."""
    match value:
        case dict():
            pairs = (f"{toml(key)} = {toml(below)}" for key, below in value.items() if below is not None)
            return f"{{ {', '.join(pairs)} }}"
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def written(config: Config) -> str:
    """A configuration as a file, in its canonical form."""
    document = config.model_dump(mode="json")
    return "".join(f"{key} = {toml(value)}\n" for key, value in document.items())


@examples(60)
@given(documents())
def test_a_configuration_that_is_written_down_loads_as_the_same(document: dict[str, Any]) -> None:
    config = Config.model_validate(document)
    loaded = load_text(written(config))
    assert loaded.config == config
    assert written(loaded.config) == written(config)


@examples(60)
@given(documents())
def test_a_document_is_read_from_toml_as_it_is_from_python(document: dict[str, Any]) -> None:
    text = "".join(f"{toml(key)} = {toml(value)}\n" for key, value in document.items())
    assert parse_toml(text)[0] == document
    assert load_text(text).config == Config.model_validate(document)


@examples(60)
@given(documents())
def test_json_is_another_way_to_write_the_same(document: dict[str, Any]) -> None:
    config = Config.model_validate(document)
    assert Config.model_validate_json(config.model_dump_json()) == config
