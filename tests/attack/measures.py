"""What attacks are measured by: memory and open files of a process, what the kernel keeps, and how long a
bystander may have to wait."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tests.support.waiting import throughout

from .bystander import Seen

NOTICED: Final = 0.025
"""Seconds; a p99 below is not noticed by anybody, whatever it was before."""
SHARED: Final = 0.1
"""Seconds; a p99 that is fair where every worker has more to do than it can, and all get their share."""
_REST: Final = 0.5
TIMES: Final = 10
"""How many times worse p99 may become, where that is more."""
BUSY: Final = 5
"""How many times what it takes without the gateway, where that is more: a machine that has other things to do
is late for everybody, and through the gateway there are twice as many turns to wait for."""


def proportional(process: int) -> int:
    """Bytes of memory that are a process's, its share of what it shares included (PSS)."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(process)


def open_files(process: int) -> int:
    """File descriptors that a process has."""
    return len(os.listdir(f"/proc/{process}/fd"))


def unsent(address: tuple[str, int]) -> int:
    """Bytes that the kernel keeps for clients of a port and could not deliver (proc_net_tcp)."""
    total = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, _, queues, *_ = line.split()
        if int(local.split(":")[1], 16) == address[1]:
            total += int(queues.split(":")[0], 16)
    return total


def occupied(process: int) -> float:
    """Seconds for which threads of a process have run, or have wanted to (proc(5), schedstat)."""
    total = 0
    for task in Path(f"/proc/{process}/task").iterdir():
        ran, waited, _ = (task / "schedstat").read_text().split()
        total += int(ran) + int(waited)
    return total / 1e9


def assert_at_rest(process: int) -> None:
    """Nothing goes round in circles for somebody who is long gone."""
    before = occupied(process)
    throughout(lambda: True, "a while", span=_REST)
    spent = occupied(process) - before
    assert spent < _REST / 2, f"busy for {spent:.3f} of {_REST} s"


def assert_unharmed(before: Seen, during: Seen, noticed: float = NOTICED) -> None:
    """A bystander had no error, and waited no longer than is fair."""
    told = f"before: {before}\nduring: {during}"
    assert not before.errors, told
    assert not during.errors, f"{told}\n{during.errors[:5]}"
    assert during.p99 <= max(noticed, TIMES * before.p99, BUSY * during.straight_p99), told
