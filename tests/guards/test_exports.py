"""What a package offers is a sorted list that is complete, and everything on it can be imported."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from .tree import PACKAGE, named, python, relative

PACKAGES = sorted(
    path.parent for path in named(".py", below="python/expressgateway") if path.name == "__init__.py"
)


def dotted(package: Path) -> str:
    """The name a package is imported by."""
    return ".".join(("expressgateway", *package.relative_to(PACKAGE).parts))


def offered(tree: ast.Module) -> list[str] | None:
    """`__all__` as it is written, None where there is none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def public(statements: list[ast.stmt]) -> set[str]:
    """Names that a module defines, or imports from its own package, without an underscore."""
    names: set[str] = set()
    for node in statements:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.ImportFrom) and (
            node.level or (node.module or "").startswith("expressgateway")
        ):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.If):
            names |= public(node.body)
    return {name for name in names if not name.startswith("_")}


def test_packages_are_found() -> None:
    assert PACKAGE in PACKAGES


@pytest.mark.parametrize("package", PACKAGES, ids=dotted)
def test_a_package_lists_what_it_offers_sorted_and_completely(package: Path) -> None:
    tree = python(package / "__init__.py")
    names = offered(tree) or []
    assert [name for name in names if not name.startswith("__")] == sorted(public(tree.body)), relative(
        package
    )


@pytest.mark.parametrize("package", PACKAGES, ids=dotted)
def test_everything_on_the_list_can_be_imported(package: Path) -> None:
    module = importlib.import_module(dotted(package))
    assert [name for name in getattr(module, "__all__", []) if not hasattr(module, name)] == []


def test_importing_the_package_starts_no_thread() -> None:
    program = "import threading, expressgateway; print(threading.active_count())"
    asked = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert asked.stdout == "1\n"


def test_what_users_import_is_documented() -> None:
    module = importlib.import_module("expressgateway")
    bare = [name for name in module.__all__ if not (getattr(module, name).__doc__ or "").strip()]
    assert not bare, f"no docstring: {bare}"
