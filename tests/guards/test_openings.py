"""A file opens by saying what it is, so that a reader knows in one line whether to read on."""

from __future__ import annotations

import ast

from .tree import named, python, relative


def test_rust_files_open_with_what_they_are() -> None:
    silent = [relative(path) for path in named(".rs") if not path.read_text().startswith(("//!", "#!["))]
    assert not silent, "\n".join(silent)


def test_python_modules_open_with_what_they_are() -> None:
    silent = [relative(path) for path in named(".py", ".pyi") if ast.get_docstring(python(path)) is None]
    assert not silent, "\n".join(silent)


def test_scripts_open_with_what_they_are() -> None:
    scripts = [path for path in named("", ".sh", below="tools") if path.read_text().startswith("#!")]
    assert scripts
    silent = [
        relative(path) for path in scripts if not path.read_text().splitlines()[1].startswith(("# ", '"""'))
    ]
    assert not silent, "\n".join(silent)
