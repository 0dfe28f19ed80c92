"""Where commands write when there is nobody to read, and what their help says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from expressgateway.cli import main
from tests.support.gateway import COMMAND
from tests.support.waiting import DEADLINE


def closed(*arguments: str | Path, streams: str) -> subprocess.CompletedProcess[str]:
    """A command that was started without some of its standard streams."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {streams}', "sh", *COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "code"), [('edition = 1\nadmin.bind = "none"', 0), ("edition = 2", 1), (None, 3)]
)
def test_a_command_without_standard_output_ends_as_it_would_with_one(
    text: str | None, code: int, tmp_path: Path
) -> None:
    file = tmp_path / "a.toml"
    if text is not None:
        file.write_text(text)
    ran = closed("check", file, streams=">&-")
    assert ran.returncode == code
    assert "Traceback" not in ran.stderr


def test_a_command_without_standard_error_ends_as_it_would_with_one(tmp_path: Path) -> None:
    ran = closed("check", tmp_path / "missing.toml", streams="2>&-")
    assert (ran.returncode, ran.stdout) == (3, "")


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("findings", [1, 3000])
def test_who_stops_reading_ends_a_command_without_a_complaint(
    findings: int, unbuffered: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.toml"
    file.write_text("\n".join(f"x{number} = 1" for number in range(findings)))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as broken:
        ran = subprocess.run(
            [*COMMAND, "check", file],
            stdout=broken,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            timeout=DEADLINE,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("run", ["--ready-file", "By default expressgateway.toml", "JSON with pid, admin and the bound"]),
        ("demo", ["--port", "8080", "the system chooses another"]),
        ("check", ["--strict", "Take warnings for errors"]),
        ("status", ["--admin", "--json", "EXPRESSGATEWAY_ADMIN", "http://127.0.0.1:9090"]),
        ("version", ["--json", "Show it as JSON"]),
    ],
)
def test_help_says_what_each_parameter_is(
    command: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert not caught.value.code
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert [word for word in words if word not in said] == []
    assert "----" not in said.replace("─", "")
