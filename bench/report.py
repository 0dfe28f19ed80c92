"""A run as tables for people and as JSON for later: every round, every version, every configuration."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from bench.machine import facts, result_name
from bench.memory import Memory
from bench.rounds import TOLERANCE, Series
from bench.settings import HERE, Settings


def cpu_table(title: str, series: list[Series], drift: float) -> list[str]:
    """A table of one kind of work; ratios only where the machine can tell products apart."""
    lines = [
        f"### {title}",
        "",
        "| | CPU µs/request, median | least to most | of the first | requests/s | CPU busy |",
        "|---|---|---|---|---|---|",
    ]
    for row in series:
        least, most = row.spread
        rate = median(turn.requests_per_second for turn in row.rounds)
        busy = median(turn.busy for turn in row.rounds)
        ratio = f"{row.median / series[0].median:.2f}" if drift <= TOLERANCE else "-"
        cells = (
            row.name,
            f"{row.median:.2f}",
            f"{least:.2f} to {most:.2f}",
            ratio,
            f"{rate:,.0f}",
            f"{busy:.0%}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def memory_table(rows: list[Memory], settings: Settings) -> list[str]:
    """A table of idle connections."""
    lines = [
        f"### Memory of {settings.idle_connections} idle keep-alive connections",
        "",
        "| | KiB per connection | still held after close | MiB at start |",
        "|---|---|---|---|",
    ]
    kib, mib = 2**10, 2**20
    lines += [
        f"| {row.name} | {row.per_connection / kib:.2f} | {row.kept_per_connection / kib:.2f} "
        f"| {row.at_start / mib:.1f} |"
        for row in rows
    ]
    return [*lines, ""]


def head(versions: dict[str, str], settings: Settings, drift: float) -> list[str]:
    """Where, with what, and how far the machine can be trusted."""
    where = facts()
    trust = "" if drift <= TOLERANCE else ": too much, so no ratio is printed"
    return [
        "## HTTP/1.1 keep-alive to HTTP/1.1, 100-byte answers, over loopback",
        "",
        f"{where['cpu']}, {where['cpus']} CPUs, Linux {where['kernel']}; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f". One worker on one CPU, load and upstream on another; {settings.connections} connections, "
        f"{settings.rounds} rounds of {settings.seconds} s. "
        f"One product against itself differs by {drift:.1%}{trust}.",
        "",
    ]


def write_json(document: dict[str, Any]) -> Path:
    """Keeps everything; returns where."""
    peers = {path.name: path.read_text() for path in sorted((HERE / "peers").iterdir())}
    path = HERE / "results" / f"{result_name()}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": facts(), **document, "configurations": peers}, indent=1) + "\n")
    return path


def plain(series: list[Series]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(row) | {"median": row.median} for row in series]
