"""The package's face: names come when they are first used, and nothing else comes with them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import expressgateway
from expressgateway import config, control, errors


def loaded_by(program: str) -> set[str]:
    """The modules of the product, and of its heavier friends, that a program has loaded at its end."""
    asked = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    mine = ("expressgateway", "pydantic", "asyncio", "cyclopts")
    return {name for name in asked.stdout.split() if name.startswith(mine) and "._" not in name}


@pytest.mark.parametrize("name", expressgateway.__all__)
def test_every_name_is_the_one_that_its_room_has(name: str) -> None:
    homes = [room for room in (errors, config, control) if name in room.__all__]
    assert len(homes) == 1
    assert getattr(expressgateway, name) is getattr(homes[0], name)


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'expressgateway' has no attribute 'Nonsense'"):
        expressgateway.Nonsense  # noqa: B018 - asking is the test
    with pytest.raises(ImportError):
        from expressgateway import Nonsense  # noqa: F401


def test_a_listing_has_what_has_not_been_used_yet() -> None:
    listed = subprocess.run(
        [sys.executable, "-c", "import expressgateway; print(*dir(expressgateway))"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert set(expressgateway.__all__) <= set(listed.stdout.split())


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import expressgateway", {"pydantic", "asyncio", "expressgateway.config", "expressgateway.errors"}),
        ("from expressgateway import ConfigError", {"pydantic", "asyncio", "expressgateway.config"}),
        ("from expressgateway import Config", {"asyncio", "expressgateway.control", "expressgateway.cli"}),
        ("from expressgateway import Gateway", {"expressgateway.cli", "cyclopts"}),
    ],
)
def test_a_name_brings_no_more_than_it_needs(program: str, absent: set[str]) -> None:
    assert not loaded_by(program) & absent


def test_help_loads_neither_models_nor_gateway() -> None:
    program = (
        "import contextlib, io\nfrom expressgateway.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): main(['--help'])"
    )
    assert not loaded_by(program) & {"pydantic", "expressgateway.control", "expressgateway.config.models"}
