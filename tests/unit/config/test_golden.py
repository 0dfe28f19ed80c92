"""Whole files and every word that is said about them. Beside each NAME.toml of `golden` stands NAME.txt, all
findings as an operator reads them, or NAME.json, the configuration in its canonical form, or both if a good
file has warnings. After a change that is meant, rewrite them all, and read the difference:

    REWRITE_GOLDEN=1 PYTHONPATH=build/testing .venv/bin/python -m pytest -q tests/unit/config/test_golden.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from expressgateway.config import Config, load_file, load_text
from expressgateway.errors import ConfigError

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.toml"))
# Where the files are is different on each machine, and the paths in them begin there.
FOLDER = "FOLDER"

HOSTS = {"app.internal": ["10.0.0.1"], "pair.internal": ["10.0.0.2", "2001:db8::2"], "empty.internal": []}


def resolver(name: str) -> list[str]:
    """No test asks the system's."""
    if name not in HOSTS:
        raise OSError(-2, "Name or service not known")
    return HOSTS[name]


def canonical(config: Config) -> str:
    """Every setting as it would be written, defaults too."""
    written = json.dumps(config.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    return written.replace(json.dumps(str(GOLDEN), ensure_ascii=False)[1:-1], FOLDER)


def outcome(name: str) -> dict[str, str | None]:
    """What stands beside a file, by suffix; None for what must not."""
    try:
        loaded = load_file(f"{name}.toml", lookup=resolver)
    except ConfigError as error:
        return {".txt": f"{error}\n", ".json": None}
    warnings = "".join(f"{warning}\n" for warning in loaded.warnings)
    return {".txt": warnings or None, ".json": canonical(loaded.config)}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_about_a_file_is_what_stands_beside_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(GOLDEN)
    for suffix, said in outcome(name).items():
        beside = Path(name + suffix)
        if os.environ.get("REWRITE_GOLDEN"):
            beside.unlink(missing_ok=True)
            if said is not None:
                beside.write_text(said, encoding="utf-8")
        assert (beside.read_text(encoding="utf-8") if beside.exists() else None) == said


def test_every_expected_text_has_its_file() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.json")))
def test_the_canonical_form_of_a_configuration_means_the_same(name: str) -> None:
    canonical_form = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    again = Config.model_validate(without_absent(canonical_form))
    assert canonical(again) == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")


def without_absent(value: object) -> object:
    """A key that is null in JSON is one that a file leaves out: TOML has no null."""
    if isinstance(value, dict):
        return {key: without_absent(below) for key, below in value.items() if below is not None}
    return [without_absent(below) for below in value] if isinstance(value, list) else value


def test_findings_name_the_file_as_it_was_named_and_a_text_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text("edition = 2")
    with pytest.raises(ConfigError, match=f"^{file}:1:11: error"):
        load_file(file)
    with pytest.raises(ConfigError, match=r"^<text>:1:11: error"):
        load_text("edition = 2")
