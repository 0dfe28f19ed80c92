"""The reference page says everything that the models do, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from expressgateway.config import Code, Config, load_text
from expressgateway.config.models import Table
from expressgateway.config.reference import reference
from expressgateway.errors import ConfigError

PAGE = reference()
TABLES = [one for one in Table.__subclasses__() if one.__module__ == Table.__module__]
ROW = re.compile(
    r"^\| `(?P<key>\w+)` \| (?P<kind>.+?) \| (?P<default>required|absent|`[^|]*`) \| (?P<text>.*) \|$",
    re.MULTILINE,
)


def sections() -> dict[str, str]:
    """What stands below each heading."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_table_has_a_section_that_says_what_it_is(table: type[Table]) -> None:
    text = " ".join((table.__doc__ or "").split())
    homes = [heading for heading, section in sections().items() if section.strip().startswith(text)]
    assert homes, table
    for heading in homes:
        rows = {row["key"]: row for row in ROW.finditer(sections()[heading])}
        for key, field in table.model_fields.items():
            if key in rows:
                assert rows[key]["text"] == (field.description or "").replace("|", "\\|")
                assert (rows[key]["default"] == "required") == field.is_required()
            else:
                # Its own section says it all.
                assert any(re.search(rf"[.\[`]{key}(\.NAME)?\]", other) for other in sections()), key
        assert set(rows) <= set(table.model_fields)


@pytest.mark.parametrize(
    ("heading", "row"),
    [
        ("At the top", '| `edition` | `1` | `1` | The edition of the language. A later one may change what '
         "keys mean. |"),
        ("`[runtime]`", "| `workers` | number up to 1024, or `\"auto\"` | `\"auto\"` | Worker threads."),
        ("`[runtime]`", "| `drain_timeout` | duration | `\"10s\"` |"),
        ("`[admin]`", "| `bind` | address to listen on, or `\"none\"` | `\"127.0.0.1:9090\"` |"),
        ("`[listeners.NAME]`", "| `protocol` | `\"http\"` | required |"),
        ("`[listeners.NAME]`", "| `bind` | address to listen on, or a list | required |"),
        ("`[listeners.NAME]`", "| `http_versions` | `\"h1\"` or `\"h2\"`, or a list | `[\"h1\", \"h2\"]` |"),
        ("`[listeners.NAME]`", "| `default_pool` | name | absent |"),
        ("`[listeners.NAME.headers]`", "| `via` | `true` or `false` | `true` |"),
        ("`[listeners.NAME.limits]`", "| `headers` | number from 1 to 256 | `128` |"),
        ("`[listeners.NAME.limits]`", "| `request_body` | size, or `\"none\"` | `\"none\"` |"),
        ("`[[routes]]`", "| `listeners` | name, or a list | absent |"),
        ("`[routes.match]`", "| `host` | host, or a list | `[]` |"),
        ("`[pools.NAME]`", "| `endpoints` | list of addresses or tables | required |"),
        ("`[pools.NAME]`", "| `check` | table, see below | absent |"),
        ("`[pools.NAME.check]`", "| `rise` | number from 1 to 100 | `2` |"),
        ("`[logs.access]`", "| `path` | path, `\"-\"` for standard output, or `\"none\"` | `\"-\"` |"),
    ],
)  # fmt: skip
def test_a_key_says_what_may_stand_there_and_what_stands_there_otherwise(heading: str, row: str) -> None:
    (section,) = [text for title, text in sections().items() if title == heading]
    assert any(line.startswith(row) for line in section.splitlines()), section


@pytest.mark.parametrize("code", Code, ids=lambda code: code.value)
def test_every_finding_is_listed_with_its_weight_and_meaning(code: Code) -> None:
    assert f"| {code.value} | {code.severity} | {code.meaning} |\n" in sections()["Findings"]


def test_every_default_on_the_page_can_be_written_in_a_file() -> None:
    for heading, section in sections().items():
        header = heading.strip("`").replace("NAME", "x")
        for row in ROW.finditer(section):
            if row["default"] in ("required", "absent") or heading in ("At the top", "Findings"):
                continue
            value = row["default"].strip("`").replace("{}", "{ }")
            text = f"{header}\n{row['key']} = {value}\n"
            try:
                load_text(text)
            except ConfigError as error:
                line = [finding for finding in error.findings if finding.place and finding.place.line == 2]
                assert not line, f"{text}{error}"  # noqa: PT017 - other keys may be missing


def test_tables_stand_in_the_order_of_the_models() -> None:
    headings = [heading for heading in sections() if heading.startswith("`")]
    tops = [re.sub(r"\W*(\w+).*", r"\1", heading) for heading in headings]
    assert list(dict.fromkeys(tops)) == [key for key in Config.model_fields if key != "edition"]
    assert all(headings.index(parent) < headings.index(child) for parent, child in nested(headings))


def nested(headings: list[str]) -> list[tuple[str, str]]:
    """Headings, with each that one is the beginning of."""
    plain = {heading: heading.strip("`[]") for heading in headings}
    return [
        (parent, child)
        for parent in headings
        for child in headings
        if plain[child].startswith(f"{plain[parent]}.")
    ]


def test_as_a_program_it_prints_the_page() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "expressgateway.config.reference"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert (ran.stdout, ran.stderr) == (PAGE, "")
