"""Whatever a file contains, loading it ends with a configuration or with findings that have a place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expressgateway.config import Code, Config, Target, load_file, load_text
from expressgateway.config.resolve import look_up, resolve
from expressgateway.errors import ConfigError

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.toml"))
TEXTS = [path.read_text() for path in GOLDEN if path.stem not in ("not-utf8", "too-deep", "long-line")]
# What stands in files and what is nearly that, to be put anywhere.
PIECES = ["[", "]", "[[", "]]", "{", "}", '"', "'", '"""', "=", ".", ",", "\n", "\r", "#", "0", "-1", "1.5",
          "nan", "true", '""', '"none"', '"10s"', "pools", "listeners", "routes", "match", "1979-05-27", "é",
          "🦀", "\0", "\x1b", "\ufeff", "9" * 40]  # fmt: skip
# Of its own, as long as it takes: a machine that is busy is not a bug.
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=400)


def nobody(_: str) -> list[str]:
    """A resolver that knows no name."""
    raise OSError(-2, "Name or service not known")


def loads_or_explains(text: str) -> None:
    """The only two ways to end."""
    try:
        load_text(text, "a.toml", lookup=nobody)
    except ConfigError as error:
        assert any(finding.is_error for finding in error.findings)  # noqa: PT017 - either ending is right
        lines = text.split("\n")
        for finding in error.findings:
            assert finding.place, finding
            assert 1 <= finding.place.line <= len(lines)
            assert 1 <= finding.place.column <= len(lines[finding.place.line - 1]) + 1
            assert str(finding).startswith("a.toml:")
        places = [finding.place.position for finding in error.findings if finding.place]
        assert places == sorted(places)


@RELAXED
@given(st.text())
def test_any_text_loads_or_is_explained(text: str) -> None:
    loads_or_explains(text)


@RELAXED
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_heap_of_pieces_loads_or_is_explained(text: str) -> None:
    loads_or_explains(text)


@RELAXED
@given(st.sampled_from(TEXTS), st.data())
def test_a_file_with_a_wound_loads_or_is_explained(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(st.sampled_from(["", *PIECES])) + text[end:]
    loads_or_explains(text)


@RELAXED
@given(st.sampled_from(TEXTS), st.data())
def test_a_file_with_its_lines_shuffled_loads_or_is_explained(text: str, data: st.DataObject) -> None:
    loads_or_explains("\n".join(data.draw(st.permutations(text.split("\n")))))


@RELAXED
@given(st.sampled_from(TEXTS), st.data())
def test_a_file_that_ends_early_loads_or_is_explained(text: str, data: st.DataObject) -> None:
    loads_or_explains(text[: data.draw(st.integers(0, len(text)))])


@RELAXED
@given(st.binary(max_size=60))
def test_any_bytes_load_or_are_explained(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "bytes.toml"
    file.write_bytes(content)
    try:
        load_file(file, lookup=nobody)
    except ConfigError as error:
        assert all(finding.place for finding in error.findings)  # noqa: PT017 - either ending is right


@RELAXED
@given(
    st.recursive(
        st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.none(),
        lambda below: (
            st.lists(below, max_size=3)
            | st.dictionaries(
                st.sampled_from(["pools", "app", "endpoints", "match", "[key]", ""]), below, max_size=3
            )
        ),
        max_leaves=8,
    )
)
def test_any_values_from_python_are_a_configuration_or_a_validation_error(value: object) -> None:
    for key in Config.model_fields:
        try:
            Config.model_validate({key: value})
        except ValueError as error:
            assert type(error).__name__ == "ValidationError"  # noqa: PT017 - either ending is right


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "missing.toml")


def test_a_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        load_file(tmp_path)


@pytest.mark.parametrize(
    ("path", "found"),
    [("access.log", "FOLDER/access.log"), ("../a.log", "FOLDER/../a.log"), ("/var/a.log", "/var/a.log"),
     ("-", "-"), ("none", "none")],
)  # fmt: skip
def test_a_relative_log_is_relative_to_its_file(path: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(f'logs.access.path = "{path}"')
    loaded = load_file(tmp_path / "a.toml")
    assert loaded.config.logs.access.path == found.replace("FOLDER", str(tmp_path))


def test_a_name_with_several_addresses_is_several_endpoints() -> None:
    text = '[pools.app]\nendpoints = ["a.test:80", { address = "b.test:81", name = "b" }, "10.0.0.9:82"]'
    answers = {"a.test": ["10.0.0.1", "2001:db8::1"], "b.test": ["10.0.0.2"]}
    endpoints = load_text(text, lookup=answers.__getitem__).config.pools["app"].endpoints
    assert [(str(one.address), one.name) for one in endpoints] == [
        ("10.0.0.1:80", "a.test:80/10.0.0.1"),
        ("[2001:db8::1]:80", "a.test:80/2001:db8::1"),
        ("10.0.0.2:81", "b"),
        ("10.0.0.9:82", None),
    ]


def test_a_name_is_asked_for_once_however_often_it_stands() -> None:
    asked: list[str] = []

    def answer(name: str) -> list[str]:
        asked.append(name)
        return ["10.0.0.1"]

    endpoints = ", ".join(f'"a.test:{port}"' for port in range(1, 40))
    load_text(f'[pools.app]\nendpoints = [{endpoints}]\n[pools.b]\nendpoints = ["A.test:1"]', lookup=answer)
    assert asked == ["a.test"]


def test_no_name_means_no_question() -> None:
    config = Config.model_validate({"pools": {"app": {"endpoints": ["10.0.0.1:80", "unix:/run/a.sock"]}}})
    resolved, findings = resolve(config, nobody)
    assert resolved is config
    assert not findings


@pytest.mark.parametrize("reason", [OSError("no strerror"), UnicodeError("label too long")])
def test_a_resolver_that_fails_oddly_is_still_a_finding(reason: Exception) -> None:
    def fail(_: str) -> list[str]:
        raise reason

    with pytest.raises(ConfigError, match=f"cannot be resolved: {reason}") as caught:
        load_text('[pools.app]\nendpoints = ["a.test:80"]', lookup=fail)
    assert Code.UNRESOLVED_NAME in [finding.code for finding in caught.value.findings]


def test_an_error_keeps_the_resolver_from_being_asked() -> None:
    def forbidden(name: str) -> list[str]:
        raise AssertionError(f"asked for {name}")

    with pytest.raises(ConfigError, match="EG104"):
        load_text('edition = 2\n[pools.app]\nendpoints = ["a.test:80"]', lookup=forbidden)


def test_the_resolver_of_the_system_knows_this_machine() -> None:
    found = look_up("localhost")
    assert len(set(found)) == len(found)
    assert {"127.0.0.1", "::1"} & set(found)
    assert all(not Target(one, 80).is_name for one in found)
