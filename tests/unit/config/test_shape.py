"""What the models say about the places of a document."""

from __future__ import annotations

import pytest

from expressgateway.config import (
    Check,
    Config,
    Endpoint,
    Listener,
    ListenerTimeouts,
    Match,
    Pool,
    Route,
    Runtime,
)
from expressgateway.config.findings import Path
from expressgateway.config.models import Table
from expressgateway.config.shape import accepted_at, is_table, nested_tables, plain_type, suggestion, table_at


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ((), Config),
        (("runtime",), Runtime),
        (("listeners", "web"), Listener),
        (("listeners", "anything at all"), Listener),
        (("listeners", "web", "timeouts"), ListenerTimeouts),
        (("pools", "app"), Pool),
        (("pools", "app", "check"), Check),
        (("pools", "app", "endpoints", 0), Endpoint),
        (("routes", 7), Route),
        (("routes", 7, "match"), Match),
        (("edition",), None),
        (("listeners",), None),
        (("routes",), None),
        (("nonsense",), None),
        (("nonsense", "deeper", 0), None),
        (("runtime", "workers"), None),
        (("runtime", "workers", "deeper"), None),
        (("pools", "app", "endpoints", 0, "address"), None),
        (("pools", "app", "endpoints", 0, "address", 0), None),
    ],
)
def test_a_path_leads_to_a_table_or_to_none(path: Path, table: type[Table] | None) -> None:
    assert table_at(path) is table


@pytest.mark.parametrize(
    ("path", "accepted"),
    [
        (("edition",), (1,)),
        (("listeners", "web", "protocol"), ("http",)),
        (("listeners", "web", "http_versions"), ("h1", "h2")),
        (("listeners", "web", "http_versions", 1), ("h1", "h2")),
        (("logs", "level"), ("debug", "info", "warning", "error")),
        (("logs", "access", "format"), ("json",)),
        (("pools", "app", "policy"), ("round_robin",)),
        (("pools", "app", "check", "type"), ("tcp",)),
        (("runtime", "workers"), ()),
        (("listeners", "web", "bind", 0), ()),
        (("nonsense",), ()),
        (("nonsense", "deeper"), ()),
    ],
)
def test_the_values_of_a_place_are_listed_if_there_are_few(
    path: Path, accepted: tuple[str | int, ...]
) -> None:
    assert accepted_at(path) == accepted


@pytest.mark.parametrize(
    ("path", "beginning"),
    [
        (("listener",), "did you mean `listeners`?"),
        (("workers",), "it belongs one table further down: `runtime.workers`"),
        (("listeners", "web", "body_idle"), "it belongs one table further down: `timeouts.body_idle`"),
        (("pools", "app", "rise"), "it belongs one table further down: `check.rise`"),
        (("pools", "app", "endpoint"), "did you mean `endpoints`?"),
        (("routes", 3, "path_prefix"), "it belongs one table further down: `match.path_prefix`"),
        (("pools", "app", "endpoints", 0, "adress"), "did you mean `address`?"),
        (("pools", "app", "endpoints", 0, "port"), "the keys here are address, name"),
        (("nonsense", "deeper"), "leave it out"),
    ],
)
def test_there_is_something_to_do_about_every_unknown_key(path: Path, beginning: str) -> None:
    assert suggestion(path).startswith(beginning)


def test_all_keys_of_a_table_are_listed_if_none_is_close() -> None:
    listed = suggestion(("pools", "app", "zzz")).removeprefix("the keys here are ").split(", ")
    assert listed == sorted(Pool.model_fields)


def test_tables_below_a_table_are_found_behind_annotations_and_none() -> None:
    assert dict(nested_tables(Pool))["check"] is Check
    assert "endpoints" not in dict(nested_tables(Pool))
    assert dict(nested_tables(Config))["runtime"] is Runtime
    assert "listeners" not in dict(nested_tables(Config))


def test_only_models_of_the_language_are_tables() -> None:
    assert is_table(Pool)
    assert not any(map(is_table, [dict, str, None, Pool | None, "Pool", 1]))
    assert plain_type(Pool | None) is Pool
    assert plain_type(Pool) is Pool
