"""Instructions and allocations that a request costs without I/O, held against the budgets in budgets.toml.

`make budget` runs it; `python -m bench.budget NAME…` only some of it. `--functions NAME` shows where the
instructions go, `--propose` the budgets that the figures of now would have. Instructions are counted, not
timed: the same program costs the same on a busy machine. They depend on the compiler, and on what the CPU has
for searching bytes, so that budgets are for one kind of CPU.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import callgrind
from bench.callgrind import Profile
from bench.settings import HERE, ROOT

BUDGETS = HERE / "budgets.toml"
# Both are whole rounds of the endpoints and hosts that take turns; what all runs do once is in both.
FEW, MANY = 80, 880
# A budget is this much above what was measured when it was set, and loose when it is so much above.
ROOM, LOOSE = 0.03, 0.10
# Ten thousand routes take longer to build than everything else together.
UNBUDGETED = frozenset({"route_10000"})


@dataclass(frozen=True)
class Budget:
    """What a scenario may cost, each time."""

    name: str
    per: str
    instructions: int
    allocations: int


@dataclass(frozen=True)
class Cost:
    """What it costs, each time, once everything has its memory."""

    name: str
    instructions: float
    allocations: float
    profile: Profile
    """Of all the times that were counted."""

    @staticmethod
    def of(name: str, profile: Profile) -> Cost:
        """From the difference of two runs."""
        times = MANY - FEW
        return Cost(name, profile.total / times, profile.allocations / times, profile)


Verdict = Literal["over", "loose", "good"]


def verdict(cost: Cost, budget: Budget) -> Verdict:
    """Over if either is above its budget; loose if a budget could be tightened."""
    if cost.instructions > budget.instructions or cost.allocations > budget.allocations:
        return "over"
    loose = cost.instructions * (1 + LOOSE) < budget.instructions
    return "loose" if loose or cost.allocations < budget.allocations else "good"


def read_budgets(text: str) -> list[Budget]:
    """One table for each scenario; a key that means nothing is an error."""
    return [Budget(name=name, **table) for name, table in tomllib.loads(text).items()]


def target_folder() -> str:
    """Where cargo builds, as make has it."""
    asked = ["tools/where", "target"]
    return os.environ.get("CARGO_TARGET_DIR") or subprocess.check_output(asked, cwd=ROOT, text=True).strip()


def build() -> Path:
    """The program, as users get the engine."""
    ran = subprocess.run(
        [
            *("cargo", "build", "--locked", "--quiet", "--release", "--package", "eg-core"),
            *("--bench", "request", "--message-format", "json-render-diagnostics"),
        ],
        cwd=ROOT,
        env={**os.environ, "CARGO_TARGET_DIR": target_folder()},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        sys.exit("the benchmark cannot be built")
    messages = [json.loads(line) for line in ran.stdout.splitlines()]
    (program,) = {message["executable"] for message in messages if message.get("executable")}
    return Path(program)


def scenarios(program: Path) -> list[str]:
    """What the program can do."""
    return subprocess.check_output([program, "list"], text=True, timeout=30).split()


def measure(program: Path, name: str, folder: Path) -> Cost:
    """Counts a scenario done few times and many times."""
    few, many = (
        callgrind.run([program, name, str(times)], folder / f"callgrind.{name}.{times}")
        for times in (FEW, MANY)
    )
    return Cost.of(name, many - few)


def is_comparable() -> bool:
    """Whether this machine is of the kind that the budgets are for."""
    flags = Path("/proc/cpuinfo").read_text().split() if platform.machine() == "x86_64" else []
    return "avx2" in flags


def table(costs: list[Cost], budgets: list[Budget]) -> list[str]:
    """For people."""
    by_name = {cost.name: cost for cost in costs}
    lines = ["| | instructions | budget | allocations | budget | |", "|---|---|---|---|---|---|"]
    for budget in budgets:
        if (cost := by_name.get(budget.name)) is not None:
            found = {"over": "OVER ITS BUDGET", "loose": "tighten the budget", "good": ""}[
                verdict(cost, budget)
            ]
            lines.append(
                f"| {cost.name}, per {budget.per} | {cost.instructions:,.0f} | {budget.instructions:,} "
                f"| {cost.allocations:g} | {budget.allocations} | {found} |"
            )
    return lines


def functions(cost: Cost, most: int = 10) -> list[str]:
    """Where the instructions go, and who allocates."""
    times = MANY - FEW
    lines = [f"{cost.name}: {cost.instructions:,.0f} instructions"]
    for name, count in cost.profile.instructions.most_common(most):
        lines.append(f"  {count / times:8,.0f}  {count / cost.profile.total:5.1%}  {name}")
    for name, count in cost.profile.allocating().most_common():
        lines.append(f"  {count / times:8g} allocations by {name}")
    return lines


def proposal(costs: list[Cost], budgets: list[Budget]) -> str:
    """The file of budgets, from what was measured."""
    units = {budget.name: budget.per for budget in budgets}
    return "\n".join(
        f'[{cost.name}]\nper = "{units.get(cost.name, "request")}"\n'
        f"instructions = {cost.instructions * (1 + ROOM):.0f}\n"
        f"allocations = {cost.allocations:.0f}\n"
        for cost in costs
    )


def work_folder() -> Path:
    """Where counts are left, for callgrind_annotate."""
    folder = ROOT / "build" / "budget"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(arguments: list[str]) -> int:
    """Counts, prints, compares; 1 if something is over its budget."""
    if shutil.which("valgrind") is None:
        sys.exit("not installed: valgrind (make setup as root)")
    names = [argument for argument in arguments if not argument.startswith("--")]
    budgets = [it for it in read_budgets(BUDGETS.read_text()) if not names or it.name in names]
    program = build()
    unknown = set(names) - set(scenarios(program))
    if unknown:
        sys.exit(f"no scenario: {', '.join(sorted(unknown))}; there are {', '.join(scenarios(program))}")
    costs = [measure(program, name, work_folder()) for name in names or [it.name for it in budgets]]
    if "--propose" in arguments:
        print(proposal(costs, budgets))
        return 0
    if "--functions" in arguments:
        print("\n".join(line for cost in costs for line in functions(cost)))
        return 0
    print("\n".join(table(costs, budgets)))
    if not is_comparable():
        print("\nThe budgets are for x86-64 with AVX2, which this CPU is not: nothing is compared.")
        return 0
    by_name = {cost.name: cost for cost in costs}
    over = [it.name for it in budgets if it.name in by_name and verdict(by_name[it.name], it) == "over"]
    if over:
        print(f"\nOver budget: {', '.join(over)}. `python -m bench.budget --functions {over[0]}` shows why.")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
