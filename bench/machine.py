"""What a result must say about where it was made. Names of hosts and people are none of it."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path


def cpu_model() -> str:
    """As the kernel has it."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def facts() -> dict[str, str | int]:
    """For the head of a report."""
    return {
        "cpu": cpu_model(),
        "cpus": os.cpu_count() or 1,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": Path("/proc/loadavg").read_text().split()[0],
    }


def result_name() -> str:
    """Day, kind of CPU and how many: two runs of a day on one machine replace each other."""
    kind = re.sub(r"[^a-z0-9]+", "-", cpu_model().lower()).strip("-")
    return f"{datetime.now(UTC):%Y-%m-%d}-{kind}-{os.cpu_count()}cpu"
