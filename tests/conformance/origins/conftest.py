"""Shows the report at the end of a run."""

from __future__ import annotations

import pytest

from .matrix import SHOWN


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The Markdown, under a heading of its own."""
    text = config.stash.get(SHOWN, "")
    if text:
        terminalreporter.section("origins")
        terminalreporter.write(text)
