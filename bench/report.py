"""A run as tables for people and as JSON for later: every round, every version, every configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench import figures
from bench.figures import TOLERANCE, Judgement
from bench.latency import Delays
from bench.machine import facts, result_name
from bench.memory import Held
from bench.rounds import Series
from bench.rows import Row
from bench.settings import HERE, ROOT, Settings


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """As Markdown has it."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def cpu_table(series: list[Series], drift: float) -> list[str]:
    """CPU per request; ratios only where the machine can tell products apart."""
    rows = []
    for one in series:
        least, most = one.spread
        rate = median(turn.requests_per_second for turn in one.rounds)
        busy = median(turn.busy for turn in one.rounds)
        ratio = f"{series[0].median / one.median:.2f}" if drift <= TOLERANCE else "-"
        spread = f"{least:.2f} to {most:.2f}"
        rows.append([one.name, f"{one.median:.2f}", spread, ratio, f"{rate:,.0f}", f"{busy:.0%}"])
    header = ["", "CPU µs/request, median", "least to most", "ours ÷ theirs", "requests/s", "CPU busy"]
    return table(header, rows)


def memory_table(held: list[Held]) -> list[str]:
    """Memory of idle connections."""
    rows = [
        [
            one.name,
            f"{one.per_connection / 1000:.2f}",
            f"{one.kept_per_connection / 1000:.2f}",
            f"{one.at_start / 1e6:.1f}",
        ]
        for one in held
    ]
    return table(["", "kB/connection", "of it kept after close", "MB at start"], rows)


def latency_table(delays: list[Delays]) -> list[str]:
    """Latency at each rate, and how far the generator was behind its own schedule."""
    rows = [
        [
            one.name,
            f"{one.rate:,.0f} ({one.share:.0%})",
            *(f"{one.median(name):,.0f}" for name in ("p50", "p99", "p999")),
            f"{one.median('late_p99'):,.0f}",
        ]
        for one in delays
    ]
    return table(["", "requests/s", "p50 µs", "p99 µs", "p99.9 µs", "generator late, p99 µs"], rows)


def verdicts(row: Row, medians: Mapping[str, float], drift: float) -> list[str]:
    """What the targets of a row say."""
    if drift > TOLERANCE:
        return [f"One product against itself differs by {drift:.1%}: too much, so no ratio is printed."]
    judged = [figures.judge(target, medians) for target in row.targets]
    return [sentence(one, row) for one in judged if one is not None]


def sentence(judged: Judgement, row: Row) -> str:
    """One of them."""
    target = judged.target
    bounds = f"must {target.must:.2f}"
    if target.aim != target.must:
        bounds += f", aim {target.aim:.2f}"
    if judged.best is None:
        return f"Ours is {judged.ratio:.2f} {row.unit}: {judged.verdict} ({bounds})."
    best = f"the best of {' and '.join(target.over)}" if len(target.over) > 1 else target.over[0]
    return f"Ours is {judged.ratio:.2f} of {best}: {judged.verdict} ({bounds})."


def head(versions: Mapping[str, str], settings: Settings) -> list[str]:
    """Where, and with what."""
    where = facts()
    return [
        "## HTTP/1.1 to HTTP/1.1 over loopback",
        "",
        f"{where['cpu']}, {where['cpus']} CPUs, Linux {where['kernel']}; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f". One worker on one CPU, load and upstream on another; {settings.rounds} rounds of "
        f"{settings.seconds} s.",
        "",
    ]


def section(row: Row, tables: list[str], medians: Mapping[str, float], drift: float) -> list[str]:
    """One row of the comparison."""
    return [f"### {row.title} ({row.name})", "", *tables, "", *verdicts(row, medians, drift), ""]


def document(
    row: Row, versions: Mapping[str, str], settings: Settings, drift: float, rounds: Mapping[str, Any]
) -> dict[str, Any]:
    """One row for JSON: what was done, by whom, when, on what, and every round."""
    return {
        "row": asdict(row),
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}",
        "machine": facts(),
        "versions": dict(versions),
        "settings": asdict(settings),
        "drift": drift,
        **rounds,
    }


def place(settings: Settings) -> Path:
    """Where a run is kept; a shortened one is no result."""
    folder = ROOT / "build" / "bench" if settings.is_shortened else HERE / "results"
    return folder / f"{result_name()}.json"


def keep(path: Path, rows: Mapping[str, Any]) -> None:
    """Adds rows to the results of a day and machine. A row that is there already is replaced."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    configurations = {one.name: one.read_text() for one in sorted((HERE / "peers").iterdir())}
    kept = {"rows": kept.get("rows", {}) | dict(rows), "configurations": configurations}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")
