"""What this machine gives to this process: CPUs, open files, address families. Asked each time, never
remembered."""

from __future__ import annotations

import math
import os
import resource
import socket
from pathlib import Path
from typing import Final

__all__ = ["connections_that_fit", "has_ipv6", "raise_file_limit", "usable_cpus"]

# In a container this is the container's own; elsewhere the root group, which has no such file.
_CPU_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")

# Listening sockets, logs, the admin server's clients, libraries, and what Python opens now and then.
_FILES_OF_OUR_OWN: Final = 256
# "Unlimited" is more than the kernel's tables hold (fs.nr_open).
_MOST_FILES: Final = 1_048_576


def usable_cpus(quota_file: Path = _CPU_QUOTA) -> int:
    """CPUs that this process may use: its affinity, or the quota of its container if that is less."""
    cpus = len(os.sched_getaffinity(0))
    try:
        quota, period = quota_file.read_text().split()
        return max(1, min(cpus, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return cpus


def connections_that_fit(files: int | None = None) -> int:
    """Client connections that the limit of open files allows: each needs another towards an endpoint."""
    if files is None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _MOST_FILES if files == resource.RLIM_INFINITY else min(files, _MOST_FILES)
    return max(16, (files - _FILES_OF_OUR_OWN) // 2)


def raise_file_limit() -> None:
    """Raise the limit of open files as far as an ordinary process may. The low default protects users of
    select(2), of which there are none here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def has_ipv6() -> bool:
    """Whether the kernel has IPv6 at all."""
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True
