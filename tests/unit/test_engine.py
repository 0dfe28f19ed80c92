"""The face of the compiled engine: the TOML parser's positions, and an engine that is started, refused,
stopped and forgotten. What it does with requests is not asked here."""

from __future__ import annotations

import gc
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expressgateway._engine import Engine, parse_toml
from expressgateway.errors import EngineError, SnapshotError, TomlSyntaxError
from tests.support.waiting import eventually

EMPTY = json.dumps({"max_connections": 16, "listeners": [], "routes": [], "pools": []}).encode()


def threads() -> int:
    """Threads of this process, of whatever language."""
    return len(list(Path("/proc/self/task").iterdir()))


def descriptors() -> int:
    """Descriptors that are open in this process."""
    return len(os.listdir("/proc/self/fd"))


# --- TOML ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "key", "value"),
    [
        ("a = 1", ("a",), "a", "1"),
        ("'a b' = \"x\"", ("a b",), "'a b'", '"x"'),
        ('"é" = "🦀" # é', ("é",), '"é"', '"🦀"'),
        ('x = "🦀"\ny = [1, "é"]', ("y", 1), '"é"', '"é"'),
        ("[a.b]\nc = 1", ("a", "b", "c"), "c", "1"),
        ("[a.b]\nc = 1", ("a", "b"), "b", "[a.b]"),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", ("a", 1, "b"), "b", "2"),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", ("a", 1), "[[a]]", "[[a]]"),
        ("a.b . c = true", ("a", "b", "c"), "c", "true"),
        ("a = { b = [ { c = 'x' } ] }", ("a", "b", 0, "c"), "c", "'x'"),
        ("a = [\n 1,\n 2]", ("a",), "a", "[\n 1,\n 2]"),
        ("a = 1979-05-27T07:32:00Z", ("a",), "a", "1979-05-27T07:32:00Z"),
    ],
)
def test_everything_in_a_text_knows_where_it_stands(
    text: str, path: tuple[str | int, ...], key: str, value: str
) -> None:
    _, spans = parse_toml(text)
    key_start, key_end, value_start, value_end = spans[path]
    assert text[key_start:key_end] == key
    assert text[value_start:value_end] == value


def test_values_are_plain_python() -> None:
    document, _ = parse_toml(
        "s = 'x'\ni = 0xff\nf = 1.5\nb = false\nd = 1979-05-27\nl = [1, [2]]\n"
        "t = { a.b = 1 }\n[[r]]\n[[r]]\nk = 1"
    )
    assert document == {
        "s": "x",
        "i": 255,
        "f": 1.5,
        "b": False,
        "d": "1979-05-27",
        "l": [1, [2]],
        "t": {"a": {"b": 1}},
        "r": [{}, {"k": 1}],
    }
    assert type(document["i"]) is int
    assert type(document["b"]) is bool


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("a = ", 4),
        ("a = 1\na = 2", 6),
        ("é = 1", 0),
        ("# é日🦀\na = b", 10),
        ('s = "🦀\nb = 1', 6),
        ("[a", 2),
        ("a = 99999999999999999999", 4),
    ],
)
def test_what_is_not_toml_says_at_which_character(text: str, offset: int) -> None:
    with pytest.raises(TomlSyntaxError) as caught:
        parse_toml(text)
    assert caught.value.message
    assert caught.value.offset == offset
    assert str(caught.value) == f"{caught.value.message} (at character {offset})"


@given(st.text(max_size=40))
def test_an_error_is_somewhere_in_the_text(text: str) -> None:
    try:
        parse_toml(text)
    except TomlSyntaxError as error:
        assert 0 <= error.offset <= len(text)  # noqa: PT017 - either ending is right


@given(
    st.dictionaries(st.text(max_size=6), st.text(max_size=6) | st.integers(-(2**63), 2**63 - 1), max_size=5)
)
def test_what_is_written_is_what_is_read_and_where(values: dict[str, str | int]) -> None:
    def quoted(text: str | int) -> str:
        if isinstance(text, int):
            return str(text)
        return '"' + "".join(f"\\U{ord(character):08X}" for character in text) + '"'

    text = "# 🦀\n" + "".join(f"{quoted(key)} = {quoted(value)}\n" for key, value in values.items())
    document, spans = parse_toml(text)
    assert document == values
    for key, value in values.items():
        key_start, key_end, value_start, value_end = spans[(key,)]
        assert text[key_start:key_end] == quoted(key)
        assert text[value_start:value_end] == quoted(value)


def test_nesting_without_end_is_an_error_not_a_crash() -> None:
    for text in ("a = " + "[" * 100_000, "a = " + "{a=" * 100_000, "a" + ".a" * 100_000 + " = 1"):
        with pytest.raises(TomlSyntaxError):
            parse_toml(text)


def test_only_text_is_parsed() -> None:
    parse: Any = parse_toml
    with pytest.raises(TypeError):
        parse(b"a = 1")


# --- the engine ---------------------------------------------------------------------------------------------


def test_an_engine_has_as_many_threads_as_it_is_told_and_none_after_stop() -> None:
    before, open_before = threads(), descriptors()
    engine = Engine(workers=3)
    started = threads() - before
    assert started >= 3
    more = Engine(workers=5)
    assert threads() - before - started == started + 2
    more.stop()
    engine.stop()
    assert threads() == before
    assert descriptors() == open_before


@pytest.mark.parametrize("workers", [0])
def test_no_workers_are_refused(workers: int) -> None:
    with pytest.raises(EngineError, match="workers: 0 threads cannot serve; give at least 1"):
        Engine(workers=workers)


@pytest.mark.parametrize("arguments", [{}, {"workers": -1}, {"workers": "2"}, {"workers": 1, "x": 1}])
def test_a_mistake_in_a_call_is_the_callers(arguments: dict[str, Any]) -> None:
    with pytest.raises((TypeError, OverflowError)):
        Engine(**arguments)


@pytest.mark.parametrize("key", ["access_log", "admin"])
def test_a_descriptor_that_is_not_open_keeps_the_engine_from_starting(key: str) -> None:
    before = threads()
    arguments: dict[str, Any] = {key: 1_000_000}
    with pytest.raises(EngineError, match="cannot start"):
        Engine(workers=1, **arguments)
    assert threads() == before


def test_descriptors_are_duplicated_and_stay_the_callers(tmp_path: Path) -> None:
    before = descriptors()
    with (tmp_path / "log").open("wb") as log, socket.create_server(("127.0.0.1", 0)) as admin:
        engine = Engine(workers=1, access_log=log.fileno(), admin=admin.fileno())
        engine.stop()
        assert os.fstat(log.fileno())
        assert admin.getsockname()
    assert descriptors() == before


def test_generations_count_from_one_and_a_refusal_does_not_count() -> None:
    engine = Engine(workers=1)
    try:
        assert engine.apply(EMPTY, {}) == 1
        assert engine.apply(EMPTY, {}) == 2
        with pytest.raises(SnapshotError):
            engine.apply(b"{}", {})
        assert json.loads(engine.status())["generation"] == 2
        assert engine.apply(EMPTY, {}) == 3
    finally:
        engine.stop()


@pytest.mark.parametrize(
    "snapshot",
    [
        b"",
        b"not JSON",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        EMPTY[:-1],
        EMPTY + b"x",
        EMPTY.replace(b"{", b'{"unknown": 1, ', 1),
        EMPTY.replace(b"16", b"-1"),
        EMPTY.replace(b"16", b'"16"'),
    ],
)
def test_a_snapshot_that_is_none_is_refused_with_a_reason(snapshot: bytes) -> None:
    engine = Engine(workers=1)
    try:
        with pytest.raises(SnapshotError) as caught:
            engine.apply(snapshot, {})
        assert len(str(caught.value)) > 5
        assert json.loads(engine.status())["generation"] == 0
    finally:
        engine.stop()


def test_only_bytes_are_a_snapshot_and_only_descriptors_are_sockets() -> None:
    engine: Any = Engine(workers=1)
    try:
        wrong: list[tuple[Any, Any]] = [
            (EMPTY.decode(), {}),
            (EMPTY, None),
            (EMPTY, {"a": 1}),
            (EMPTY, {1: [1]}),
        ]
        for arguments in wrong:
            with pytest.raises(TypeError):
                engine.apply(*arguments)
    finally:
        engine.stop()


def test_nobody_is_ready_and_nobody_is_there_before_the_first_snapshot() -> None:
    engine = Engine(workers=2)
    try:
        status = json.loads(engine.status())
        assert (status["generation"], status["workers"], status["connections"]) == (0, 2, 0)
        assert (status["listeners"], status["pools"]) == ([], [])
        assert engine.connections() == 0
        assert engine.set_health("app", "a", False) is False
        assert b"expressgateway_" in engine.metrics()
    finally:
        engine.stop()


def test_after_stop_everything_but_stop_is_refused() -> None:
    engine = Engine(workers=1)
    engine.stop()
    for call in (
        lambda: engine.apply(EMPTY, {}),
        lambda: engine.set_health("a", "b", True),
        lambda: engine.set_ready(True),
        engine.drain,
        engine.connections,
        engine.status,
        engine.metrics,
    ):
        with pytest.raises(EngineError, match="the engine was stopped; make a new one"):
            call()
    engine.stop()


def test_an_engine_that_nobody_holds_joins_its_threads() -> None:
    before, open_before = threads(), descriptors()
    engine = Engine(workers=2)
    engine.apply(EMPTY, {})
    assert threads() > before
    del engine
    gc.collect()
    eventually(lambda: threads() == before, "the threads are joined")
    assert descriptors() == open_before


def test_two_engines_know_nothing_of_each_other() -> None:
    one, two = Engine(workers=1), Engine(workers=1)
    try:
        one.apply(EMPTY, {})
        one.apply(EMPTY, {})
        assert two.apply(EMPTY, {}) == 1
        one.stop()
        assert json.loads(two.status())["generation"] == 1
    finally:
        one.stop()
        two.stop()


def test_a_forked_child_is_told_that_the_threads_did_not_come_along() -> None:
    engine = Engine(workers=1)
    try:
        reading, writing = os.pipe()
        child = forked()
        if child == 0:
            said = []
            for call in (engine.status, engine.stop):
                try:
                    call()
                except EngineError as error:
                    said.append(str(error))
            os.write(writing, "\n".join(said).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            lines = pipe.read().splitlines()
        assert os.waitpid(child, 0)[1] == 0
        assert (
            lines
            == [f"the engine runs in process {os.getpid()}, which this one was forked from; start another"]
            * 2
        )
        assert json.loads(engine.status())["workers"] == 1
    finally:
        engine.stop()


def forked() -> int:
    """`fork`, of which Python 3.12 and later warn when there are threads; here that is the point."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
