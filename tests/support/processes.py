"""What the kernel says of a process."""

from __future__ import annotations

import signal
from pathlib import Path


def resident(process: int) -> int:
    """Bytes of memory that a process occupies."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(process)


def threads(process: int, prefix: str = "") -> list[str]:
    """Names of its threads that begin so, in order."""
    names = []
    for task in Path(f"/proc/{process}/task").iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except OSError:
            # It has ended since the folder was read.
            continue
    return sorted(name for name in names if name.startswith(prefix))


def catches(process: int, number: signal.Signals) -> bool:
    """Whether it has a handler for a signal."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    raise ProcessLookupError(process)
