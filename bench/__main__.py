"""Runs the comparison: `python -m bench`, or `python -m bench --versions` to see who would take part."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import fairness, latency, memory, report, rounds, rows
from bench.load import Origin, origin
from bench.processes import allow_descriptors
from bench.products import Job, Product, installed
from bench.rows import Row
from bench.settings import ROOT, Settings


def main() -> None:
    """Row by row: who takes part, is it fair, can the machine tell, and then the figures."""
    if sys.argv[1:] == ["--versions"]:
        print("\n".join(f"{product.name} {version}" for product, version in installed()))
        return
    settings = Settings.from_environment()
    settings.check_cpus()
    wanted = rows.chosen(settings.rows)
    missing = [program for program in ("wrk", "taskset") if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"missing: {', '.join(missing)}; `make peers` as root installs them")
    os.sched_setaffinity(0, {settings.load_cpu})
    allow_descriptors()
    here = installed(settings.products)
    versions = {product.name: version for product, version in here}
    products = {product.name: product for product, _ in here}
    if rows.OURS not in products:
        raise SystemExit("the product is not laid out for measuring: `make bench` does it")
    print("\n".join(report.head(versions, settings)), flush=True)
    folder = rounds.work_folder(ROOT)
    path = report.place(settings)
    lines = report.head(versions, settings)
    with origin(folder, settings) as upstream:
        for row in wanted:
            entries = [products[name] for name in row.entries if name in products]
            lines += one_row(row, entries, versions, upstream, path, settings)
    print("\n" + "\n".join(lines) + f"\nEvery round: {path.relative_to(ROOT)}")


def one_row(
    row: Row,
    entries: list[Product],
    versions: Mapping[str, str],
    upstream: Origin,
    path: Path,
    settings: Settings,
) -> list[str]:
    """Measures one row, keeps it, and says it."""
    began = time.monotonic()
    print(f"{row.name}: {row.title}", flush=True)
    folder = ROOT / "build" / "bench"
    for product in entries:
        fairness.verify(product, row, folder, settings)
    job = Job(row, upstream.port, cpu=settings.proxy_cpu, folder=folder)
    measured = {"cpu": cpu, "memory": held, "latency": delays}[row.kind]
    tables, medians, drift, kept = measured(entries, job, upstream, settings)
    # What a configuration is filled with, without the places of this machine.
    options = {product.name: product.options(row, Path("access.log")) for product in entries}
    document = report.document(row, versions, settings, drift, {"options": options, **kept})
    report.keep(path, {row.name: document})
    print(f"  {time.monotonic() - began:.0f} s", flush=True)
    return report.section(row, tables, medians, drift)


# Tables, medians by name, how far one product was from itself, and every round.
Measured = tuple[list[str], dict[str, float], float, dict[str, Any]]


def cpu(entries: list[Product], job: Job, upstream: Origin, settings: Settings) -> Measured:
    """CPU per request."""
    same, drift = rounds.against_itself(entries[0], job, upstream, settings)
    named = [(product.name, product) for product in entries]
    series = rounds.alternate(named, job, upstream, settings.rounds, settings)
    kept = {
        "against_itself": [asdict(one) | {"median": one.median} for one in same],
        "series": [asdict(one) | {"median": one.median} for one in series],
    }
    return report.cpu_table(series, drift), {one.name: one.median for one in series}, drift, kept


def held(entries: list[Product], job: Job, _upstream: Origin, settings: Settings) -> Measured:
    """Memory of idle connections, of which a busy machine takes as much as a quiet one."""
    series = memory.alternate(entries, job, settings)
    medians = {one.name: one.per_connection / 1000 for one in series}
    return report.memory_table(series), medians, 0.0, {"series": [asdict(one) for one in series]}


def delays(entries: list[Product], job: Job, upstream: Origin, settings: Settings) -> Measured:
    """Latency at some rates."""
    most, series = latency.alternate(entries, job, upstream, settings)
    kept = {"saturation": most, "series": [asdict(one) for one in series]}
    return report.latency_table(series), {}, 0.0, kept


if __name__ == "__main__":
    main()
