"""``expressgateway check``: findings are the result, so they go to standard output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from expressgateway.cli.exits import Exit
from expressgateway.cli.run import DEFAULT_FILE, say
from expressgateway.config import Finding, load_file
from expressgateway.errors import ConfigError

__all__ = ["check"]


def check(files: Sequence[Path], *, strict: bool) -> Exit:
    """Load every file, and end as the worst of them does."""
    return max(_check(file, strict=strict) for file in files or [DEFAULT_FILE])


def _check(file: Path, *, strict: bool) -> Exit:
    findings: Sequence[Finding]
    try:
        findings = load_file(file).warnings
    except OSError as error:
        say(f"{file}: {error.strerror}")
        return Exit.UNREADABLE
    except ConfigError as error:
        findings = error.findings
    for finding in findings:
        print(finding)
    if any(finding.is_error or strict for finding in findings):
        return Exit.FINDINGS
    print(f"{file}: fine")
    return Exit.FINE
