"""What the product raises: one tree, words for the operator, facts for programs."""

from __future__ import annotations

import copy
import pickle

import pytest

from expressgateway import errors
from expressgateway.config import Code, Finding, Place
from expressgateway.errors import (
    ConfigError,
    EngineError,
    ExpressGatewayError,
    LogFileError,
    ResourceError,
    RestartRequiredError,
    SnapshotError,
    SocketError,
    TomlSyntaxError,
)

WRONG = Finding(Code.BAD_SIZE, '"1K" is not a size', ("x",), 'did you mean "1KiB"?')
PLACED = Finding(Code.NOT_TOML, "no", place=Place("a.toml", 3, 7, "a = ", "    ^"))

SAID: list[tuple[ExpressGatewayError, str]] = [
    (ConfigError([]), ""),
    (
        ConfigError([WRONG, PLACED]),
        'x: error[EG107]: "1K" is not a size\n    hint: did you mean "1KiB"?\n'
        "a.toml:3:7: error[EG001]: no\n  3 | a = \n    |     ^",
    ),
    (TomlSyntaxError("unclosed", 12), "unclosed (at character 12)"),
    (SnapshotError("pool app: no"), "pool app: no"),
    (EngineError("stopped"), "stopped"),
    (
        RestartRequiredError(["runtime.workers", "admin.bind"]),
        "runtime.workers, admin.bind: a running gateway cannot change this; restart it, or undo the change",
    ),
    (SocketError("127.0.0.1:80", "somebody listens"), "127.0.0.1:80: somebody listens"),
    (LogFileError("/var/a.log", "cannot be opened"), "/var/a.log: cannot be opened"),
]
IDS = [type(error).__name__ for error, _ in SAID]


@pytest.mark.parametrize(("error", "text"), SAID, ids=IDS)
def test_an_error_reads_as_a_sentence_for_the_operator(error: ExpressGatewayError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize("error", [error for error, _ in SAID], ids=IDS)
def test_an_error_survives_a_copy_and_a_journey_between_processes(error: ExpressGatewayError) -> None:
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is type(error)
        assert (str(again), vars(again)) == (str(error), vars(error))


def test_the_tree_is_as_it_is_drawn() -> None:
    tree = {
        name: getattr(errors, name).__bases__[0].__name__
        for name in errors.__all__
        if name != "ExpressGatewayError"
    }
    assert tree == {
        "ConfigError": "ExpressGatewayError",
        "EngineError": "ExpressGatewayError",
        "LogFileError": "ResourceError",
        "ResourceError": "ExpressGatewayError",
        "RestartRequiredError": "ExpressGatewayError",
        "SnapshotError": "ExpressGatewayError",
        "SocketError": "ResourceError",
        "TomlSyntaxError": "ExpressGatewayError",
    }
    assert ExpressGatewayError.__bases__ == (Exception,)
    assert issubclass(ResourceError, ExpressGatewayError)


def test_facts_are_there_for_programs() -> None:
    assert ConfigError([WRONG]).findings == (WRONG,)
    assert RestartRequiredError(iter(["a"])).keys == ("a",)  # type: ignore[arg-type]
    taken = SocketError("a:1", "taken")
    assert (taken.address, taken.reason) == ("a:1", "taken")
    log = LogFileError("/a", "no")
    assert (log.path, log.reason) == ("/a", "no")
    syntax = TomlSyntaxError("no", 3)
    assert (syntax.message, syntax.offset) == ("no", 3)
