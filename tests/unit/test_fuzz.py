"""The seeds of the fuzz targets, each run once: targets compile, and what was found and repaired stays so.

No fuzzing happens here: `make fuzz` does that.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from bench.budget import target_folder

from tests.support.programs import need

ROOT = Path(__file__).resolve().parents[2]
TARGETS = sorted(path.stem for path in (ROOT / "fuzz" / "targets").glob("*.rs"))


@pytest.fixture(scope="module")
def programs() -> dict[str, Path]:
    """Each target as a program, without instrumentation: it runs the files that it is given."""
    built = subprocess.run(
        [
            *("cargo", "build", "--locked", "--quiet", "--manifest-path", "fuzz/Cargo.toml"),
            *("--target-dir", f"{target_folder()}/fuzz", "--message-format", "json-render-diagnostics"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    renew = "if only its lock file is old: cargo update --workspace --manifest-path fuzz/Cargo.toml"
    assert built.returncode == 0, f"{built.stderr}\n{renew}"
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return {it["target"]["name"]: Path(it["executable"]) for it in messages if it.get("executable")}


@need("c++")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", TARGETS)
def test_every_seed_keeps_the_promises_of_its_target(
    target: str, programs: dict[str, Path], tmp_path: Path
) -> None:
    seeds = sorted((ROOT / "fuzz" / "corpus" / target).iterdir())
    ran = subprocess.run(
        [programs[target], f"-artifact_prefix={tmp_path}/", *seeds],
        env={**os.environ, "RUST_BACKTRACE": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("Executed ") == len(seeds)
