"""What callgrind counted: instructions of each function, and who called whom how often. It reads the file as
valgrind's manual describes it (Callgrind Format Specification), as far as one event and no jumps go."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Each takes memory; what one of them calls for it is not another allocation.
ALLOCATES = frozenset({"malloc", "calloc", "realloc", "aligned_alloc", "memalign", "posix_memalign"})

_NAME = re.compile(r"(c?fn)=\((\d+)\)(?: (.+))?")
# Rust's names end in a hash of the compilation.
_HASH = re.compile(r"::h[0-9a-f]{16}$")


@dataclass
class Profile:
    """Counts of one run, or the difference of two."""

    instructions: Counter[str] = field(default_factory=Counter)
    """Of each function itself, without what it calls."""
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of each function by each other, caller first."""

    def __sub__(self, other: Profile) -> Profile:
        instructions, calls = Counter(self.instructions), Counter(self.calls)
        instructions.subtract(other.instructions)
        calls.subtract(other.calls)
        return Profile(instructions, calls)

    @property
    def total(self) -> int:
        """All instructions."""
        return sum(self.instructions.values())

    @property
    def allocations(self) -> int:
        """How often memory was taken or resized."""
        return sum(count for edge, count in self.calls.items() if is_allocation(edge))

    def allocating(self) -> Counter[str]:
        """Allocations by the function that is behind them: the nearest that is not about memory itself."""
        found: Counter[str] = Counter()
        for edge, count in self.calls.items():
            if is_allocation(edge) and count > 0:
                found[self._behind(edge[0])] += count
        return found

    def _behind(self, name: str) -> str:
        """Climbs to whoever called most, through what all allocations share."""
        seen = {name}
        while re.match(r"_*rust|_*rd[lg]_|<?alloc::|__rustc", name):
            callers = {caller: n for (caller, callee), n in self.calls.items() if callee == name and n > 0}
            above = max(callers, key=lambda caller: callers[caller], default=name)
            if above in seen:
                break
            seen.add(above)
            name = above
        return name


def is_allocation(edge: tuple[str, str]) -> bool:
    """Whether a call, caller first, is one that takes memory."""
    caller, callee = edge
    return callee in ALLOCATES and caller not in ALLOCATES


def read(lines: Iterable[str]) -> Profile:
    """Reads a file of callgrind's. Names are written once and numbered from then on."""
    profile, names = Profile(), dict[str, str]()
    function, callee = "", ""
    is_call = False
    for line in lines:
        if named := _NAME.match(line):
            kind, number, name = named.groups()
            if name is not None:
                names[number] = _HASH.sub("", name)
            if kind == "fn":
                function = names[number]
            else:
                callee = names[number]
        elif line.startswith("calls="):
            profile.calls[function, callee] += int(line[6:].split()[0])
            is_call = True
        elif line[:1] in "0123456789+-*" and line.strip():
            # The line below a call has what the call cost, which the callee has itself.
            if not is_call:
                profile.instructions[function] += int(line.split()[1])
            is_call = False
    return profile


def run(program: Sequence[str | Path], output: Path) -> Profile:
    """Runs a program under callgrind, which takes some fifty times as long, and reads what it counted."""
    output.unlink(missing_ok=True)
    ran = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", *map(str, program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if ran.returncode != 0 or not output.exists():
        sys.exit(f"{' '.join(map(str, program))}\n{ran.stdout}{ran.stderr}")
    with output.open() as lines:
        return read(lines)
