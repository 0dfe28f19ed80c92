"""The tests test what they mean to: this tree, with the engine whose assertions are on, at one version."""

from __future__ import annotations

import importlib
from importlib import metadata
from types import ModuleType

import pytest

from .tree import PACKAGE, ROOT, toml

VERSION = toml(ROOT / "Cargo.toml")["workspace"]["package"]["version"]


@pytest.fixture
def engine() -> ModuleType:
    """Imported late: without it these tests fail, and the other guards still speak."""
    return importlib.import_module("expressgateway._engine")


def test_the_package_under_test_is_this_tree() -> None:
    expressgateway = importlib.import_module("expressgateway")
    assert expressgateway.__file__ is not None
    assert (ROOT / "build" / "testing" / "expressgateway" / "__init__.py").samefile(expressgateway.__file__)


def test_the_engine_under_test_has_its_assertions_on(engine: ModuleType) -> None:
    assert engine.__build__ == "testing", "run `make dev`, and tests with PYTHONPATH=build/testing"


def test_engine_crates_and_package_have_one_version(engine: ModuleType) -> None:
    assert engine.__version__ == VERSION
    assert metadata.version("expressgateway") == VERSION


def test_the_package_carries_its_types() -> None:
    assert (PACKAGE / "py.typed").exists()
