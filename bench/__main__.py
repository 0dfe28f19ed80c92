"""Runs the comparison: `python -m bench`, or `python -m bench --versions` to see who would take part."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, replace

from bench import fairness, memory, report, rounds
from bench.load import origin
from bench.products import Job, installed
from bench.settings import ROOT, Settings


def main() -> None:
    """Everything in order: who is here, is it fair, can the machine tell, and then the figures."""
    products = installed()
    versions = {product.name: version for product, version in products}
    if sys.argv[1:] == ["--versions"]:
        print("\n".join(f"{name} {version}" for name, version in versions.items()))
        return
    missing = [program for program in ("wrk", "nginx", "taskset") if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"missing: {', '.join(missing)}; `make peers` as root installs them")
    settings = Settings.from_environment()
    os.sched_setaffinity(0, {settings.load_cpu})
    folder = rounds.work_folder(ROOT)

    for product, version in products:
        print(f"{product.name} {version}", flush=True)
        fairness.verify(product, folder, settings)
    with origin(folder, settings) as port:
        quiet = Job(port, logging=False, cpu=settings.proxy_cpu, folder=folder)
        entries = [(product.name, product) for product, _ in products]
        print("one product against itself", flush=True)
        same, drift = rounds.against_itself(products[0][0], quiet, settings)
        print("logging off", flush=True)
        silent = rounds.alternate(entries, quiet, settings.rounds, settings)
        print("logging on", flush=True)
        logged = rounds.alternate(entries, replace(quiet, logging=True), settings.rounds, settings)
        print("memory", flush=True)
        held = [memory.measure(product, quiet, settings) for product, _ in products]

    lines = report.head(versions, settings, drift)
    lines += report.cpu_table("Logging off", silent, drift)
    lines += report.cpu_table("Every request logged as JSON", logged, drift)
    lines += report.memory_table(held, settings)
    path = report.write_json(
        {
            "versions": versions,
            "settings": asdict(settings),
            "drift": drift,
            "against_itself": report.plain(same),
            "logging_off": report.plain(silent),
            "logging_on": report.plain(logged),
            "memory": [asdict(row) for row in held],
        }
    )
    print("\n" + "\n".join(lines) + f"\nEvery round: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
