"""What the gateway says about itself: its form, its level, and the peace of those who embed it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

BEGIN = (
    "import logging, sys\nfrom expressgateway.control import logs\n"
    "log = logging.getLogger('expressgateway.checks')\n"
)


def said(program: str) -> list[str]:
    """What a process of its own says on standard error: logging is one for the whole process."""
    ran = subprocess.run(
        [sys.executable, "-c", BEGIN + program], capture_output=True, text=True, timeout=30, check=True
    )
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def test_a_line_has_time_in_utc_level_and_message() -> None:
    (line,) = said(
        "import os, time; os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()\n"
        "logs.write_to_stderr('info')\n"
        "record = log.makeRecord(log.name, logging.WARNING, 'f', 1, 'pool %s is down', ('app',), None)\n"
        "record.created, record.msecs = 0.0, 7.0\n"
        "log.handle(record)\n"
    )
    assert line == "1970-01-01T00:00:00.007Z warning pool app is down"


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_what_is_as_serious_as_the_level_is_written_once(level: str, expected: list[str]) -> None:
    lines = said(
        f"logs.write_to_stderr({level!r})\n"
        "for name in ('debug', 'info', 'warning', 'error'): getattr(log, name)('x')\n"
    )
    assert [line.split()[1] for line in lines] == expected
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \w+ x", line) for line in lines)


def test_the_level_can_change_and_nothing_is_said_twice() -> None:
    lines = said(
        "logs.write_to_stderr('error'); log.info('a')\n"
        "logs.write_to_stderr('info'); log.info('b')\n"
        "logs.write_to_stderr('error'); log.info('c')\n"
    )
    assert [line.split()[-1] for line in lines] == ["b"]


def test_who_has_configured_logging_is_left_alone() -> None:
    lines = said(
        "logging.basicConfig(format='mine: %(levelname)s %(message)s', stream=sys.stderr)\n"
        "logs.write_to_stderr('info'); log.info('hello')\n"
    )
    assert lines == ["mine: INFO hello"]


def test_other_loggers_are_none_of_its_business() -> None:
    lines = said(
        "logs.write_to_stderr('debug')\nlogging.getLogger('other').info('x')\nlogging.getLogger().info('y')\n"
    )
    assert lines == []
