"""Arrows run one way: between crates as Cargo sees them, between rooms of the package as imports show."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .tree import CRATES, PACKAGE, ROOT, named, python, relative, toml

CRATE_ARROWS: dict[str, set[str]] = {
    "eg-wire": set(),
    "eg-core": {"eg-wire"},
    "eg-net": {"eg-core", "eg-wire"},
    "eg-python": {"eg-net", "eg-core"},
}

# Who may do a thing is who may name it: only the face names the interpreter, only the shell makes system
# calls, and what decides does not know that there are threads or runtimes.
CRATES_THAT_MAY_NAME: dict[str, set[str]] = {
    "pyo3": {"eg-python"},
    "tokio": {"eg-net"},
    "libc": {"eg-net"},
    "socket2": {"eg-net"},
    "h2": {"eg-net"},
}

# The room, and the rooms it may import; `expressgateway` is the package's own face, for users and nobody
# inside.
ROOM_ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "config": {"errors", "_engine"},
    "control": {"config", "errors", "_engine"},
    "cli": {"control", "config", "errors", "_engine"},
    "expressgateway": {"control", "config", "errors", "_engine"},
    "__main__": {"cli"},
}

# Named for the type checker alone and never loaded: an error carries the findings of the room that raises it.
ROOM_ARROWS_FOR_TYPES: dict[str, set[str]] = {"errors": {"config"}}


def dependencies(crate: str) -> set[str]:
    """What a crate names in its manifest, for tests and builds too."""
    manifest = toml(ROOT / "crates" / crate / "Cargo.toml")
    tables = [manifest, *manifest.get("target", {}).values()]
    kinds = ("dependencies", "dev-dependencies", "build-dependencies")
    return {name for table in tables for kind in kinds for name in table.get(kind, {})}


def test_every_crate_of_the_workspace_has_its_arrows_written_here() -> None:
    members = {Path(member).name for member in toml(ROOT / "Cargo.toml")["workspace"]["members"]}
    assert members == set(CRATE_ARROWS) == set(CRATES)


@pytest.mark.parametrize("crate", CRATES)
def test_a_crate_depends_only_on_those_below_it(crate: str) -> None:
    ours = {name for name in dependencies(crate) if name.startswith("eg-")}
    assert ours <= CRATE_ARROWS[crate], f"{crate} may not depend on {ours - CRATE_ARROWS[crate]}"


@pytest.mark.parametrize("crate", CRATES)
def test_a_crate_names_only_what_its_layer_may(crate: str) -> None:
    forbidden = {name for name, allowed in CRATES_THAT_MAY_NAME.items() if crate not in allowed}
    assert not dependencies(crate) & forbidden


def room(parts: tuple[str, ...]) -> str:
    """The room of a module, given its path below the package."""
    return parts[0] if parts else "expressgateway"


def for_types_only(tree: ast.Module) -> set[ast.AST]:
    """What stands under `if TYPE_CHECKING:`."""
    return {
        node
        for guarded in ast.walk(tree)
        if isinstance(guarded, ast.If)
        and ast.unparse(guarded.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
        for statement in guarded.body
        for node in ast.walk(statement)
    }


def imported(module: tuple[str, ...], is_package: bool, node: ast.AST, rooms: set[str]) -> Iterator[str]:
    """Each room that a statement imports; `module` is where it stands, as a path below the package."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top, *below = alias.name.split(".")
            if top == "expressgateway":
                yield room(tuple(below))
    elif isinstance(node, ast.ImportFrom):
        named = tuple(node.module.split(".")) if node.module else ()
        if node.level:
            home = module if is_package else module[:-1]
            base = home[: len(home) - node.level + 1] + named
        elif named[0] == "expressgateway":
            base = named[1:]
        else:
            return
        for alias in node.names:
            yield alias.name if not base and alias.name in rooms else room(base)


@pytest.mark.parametrize(
    ("module", "statement", "expected"),
    [
        ("config.loader", "import json, os.path", []),
        ("config.loader", "from os import path", []),
        ("config.loader", "from .units import Size", ["config"]),
        ("config.loader", "from ..errors import ConfigError", ["errors"]),
        ("config.loader", "from .. import _engine, Gateway", ["_engine", "expressgateway"]),
        ("config.loader", "from expressgateway.cli.run import run", ["cli"]),
        ("config.loader", "from expressgateway import errors", ["errors"]),
        ("config.loader", "import expressgateway.cli.run as run", ["cli"]),
        ("config.loader", "import expressgateway", ["expressgateway"]),
        ("errors", "from .cli import main", ["cli"]),
    ],
)
def test_imports_are_seen_however_they_are_written(module: str, statement: str, expected: list[str]) -> None:
    rooms = {"_engine", "cli", "config", "control", "errors"}
    (node,) = ast.parse(statement).body
    assert list(imported(tuple(module.split(".")), False, node, rooms)) == expected


def modules() -> Iterator[tuple[Path, tuple[str, ...], bool]]:
    """Each module with its path below the package, and whether it is a package itself."""
    for path in named(".py", below="python/expressgateway"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        yield path, parts[:-1] if is_package else parts, is_package


def test_every_room_of_the_package_has_its_arrows_written_here() -> None:
    rooms = {room(module) for _, module, _ in modules()}
    assert rooms == set(ROOM_ARROWS)


def test_a_room_imports_only_those_below_it() -> None:
    rooms = set(ROOM_ARROWS) | {"_engine"}
    findings = []
    for path, module, is_package in modules():
        here, tree = room(module), python(path)
        allowed = ROOM_ARROWS.get(here, set()) | {here}
        types = for_types_only(tree)
        for node in ast.walk(tree):
            extra = ROOM_ARROWS_FOR_TYPES.get(here, set()) if node in types else set()
            where = f"{relative(path)}:{getattr(node, 'lineno', 0)}"
            there = set(imported(module, is_package, node, rooms)) - allowed - extra
            findings += [f"{where}: {here} may not import {name}" for name in sorted(there)]
    assert not findings, "\n".join(findings)


def test_nothing_imports_the_command_line() -> None:
    assert [name for name, arrows in ROOM_ARROWS.items() if "cli" in arrows] == ["__main__"]
