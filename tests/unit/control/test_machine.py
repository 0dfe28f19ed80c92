"""What the machine gives: CPUs, files, families. Each question is asked anew."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from expressgateway.control import machine


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [
        ("max 100000\n", 4),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("100001 100000\n", 2),
        ("50000 100000\n", 1),
        ("1000 100000\n", 1),
        ("0 100000\n", 1),
        ("900000 100000\n", 4),
        ("", 4),
        ("100000\n", 4),
        ("a b\n", 4),
        (None, 4),
    ],
)
def test_cpus_are_those_of_the_affinity_or_of_the_quota_if_that_is_less(
    quota: str | None, cpus: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota)
    assert machine.usable_cpus(file) == cpus


@pytest.mark.parametrize(
    ("files", "connections"),
    [(0, 16), (256, 16), (288, 16), (290, 17), (1024, 384), (65536, 32640), (1_048_576, 524_160),
     (2**40, 524_160), (resource.RLIM_INFINITY, 524_160)],
)  # fmt: skip
def test_connections_that_fit_are_half_of_the_files_that_are_left(files: int, connections: int) -> None:
    assert machine.connections_that_fit(files) == connections


def test_without_a_number_the_limit_of_this_process_counts() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert machine.connections_that_fit() == machine.connections_that_fit(soft)


def test_the_limit_of_files_is_raised_as_far_as_it_goes_and_no_further() -> None:
    program = (
        "import resource; from expressgateway.control import machine\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (min(64, hard), hard))\n"
        "machine.raise_file_limit()\n"
        "assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)\n"
        "machine.raise_file_limit()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_ipv6_is_there_if_a_socket_of_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.has_ipv6() is Path("/proc/net/if_inet6").exists()

    def refuse(*_: object) -> None:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr("expressgateway.control.machine.socket.socket", refuse)
    assert not machine.has_ipv6()
