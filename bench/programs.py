"""Where the peers' programs are: in the folders of their own that `make peers` fills, else the machine's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.settings import ROOT


@dataclass(frozen=True)
class Program:
    """How a program is started, and which distribution it is of."""

    argv: tuple[str, ...]
    source: str


@cache
def folder() -> Path:
    """Where `make peers` puts what it fetches."""
    return Path(subprocess.check_output(["tools/where", "peers"], cwd=ROOT, text=True).strip())


@cache
def find(name: str) -> Program | None:
    """The program of the distribution that peers.sh laid out, else the machine's; None without either."""
    for tree in sorted(folder().glob("*/usr/sbin")):
        program = within(tree.parent.parent, tree / name)
        if program is not None:
            return program
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    return Program((path,), codename(Path("/"))) if path else None


def within(root: Path, program: Path) -> Program | None:
    """A program that runs with the libraries of its own distribution. Its loader is told where they are, so
    that nothing changes its root: it is a process like the others, and is accounted for like them."""
    loaders = sorted(root.glob("usr/lib/*/ld-linux-*.so.*"))
    if not program.is_file() or not loaders:
        return None
    return Program((str(loaders[0]), "--library-path", str(loaders[0].parent), str(program)), codename(root))


def codename(root: Path) -> str:
    """Of the distribution below a folder."""
    release = root / "etc" / "os-release"
    text = release.read_text() if release.exists() else ""
    found = re.search(r"^VERSION_CODENAME=(\w+)$", text, re.MULTILINE)
    return found[1] if found else "unnamed"


def said(argv: Sequence[str], pattern: str) -> str | None:
    """What a program says about its version, None without the program."""
    if shutil.which(argv[0]) is None:
        return None
    ran = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    found = re.search(pattern, ran.stdout + ran.stderr)
    return found[1] if found else None


def version(name: str, pattern: str) -> str | None:
    """Version and distribution of a program, None without it."""
    program = find(name)
    number = said([*program.argv, "-v"], pattern) if program else None
    return f"{number} ({program.source})" if program and number else None
