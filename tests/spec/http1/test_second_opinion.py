"""Two readers, one message: h11 reads every row of the table that is accepted, the seeds of the fuzz target,
and thousands of mutations of both, as they came and as they were written. Refuses to ask the codec who is
right."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from bench.budget import target_folder

from tests.support.programs import need

from . import rows
from .opinion import DIFFERENCES, Accepted, DisagreementError, Message, ask, compare, read_by_h11

ROOT: Final = Path(__file__).resolve().parents[3]
LINE: Final = b"\n%%\n"
"""Between the parts of an input, as the target reads it."""

MUTATIONS: Final = 10000
PARTS: Final = (
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b",", b";", b"\x00", b"\x0b", b"\x7f", b"\xe9", b"0", b"+"),
    *(b"\r\n ", b"\r\n\r\n", b"0\r\n\r\n", b"Content-Length: 3\r\n", b"Content-Length: 03\r\n", b"HEAD "),
    *(b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"x=\xff"),
    *(b"Host: b\r\n", b"TE: trailers\r\n", b"Upgrade: h2c\r\n", b"HTTP/1.0", b"http://a", b"%2f", b"chunked"),
    *(b"HTTP/1.1 100 Continue\r\n\r\n", b"204", b"205", b"304", b"600", b"X-T: t\r\n", b";x"),
)


@pytest.fixture(scope="module")
def conversation() -> Path:
    """The target as a program that runs the files it is given."""
    folder = f"{target_folder()}/fuzz"
    subprocess.run(
        [
            *("cargo", "build", "--locked", "--quiet", "--manifest-path", "fuzz/Cargo.toml"),
            *("--target-dir", folder, "--bin", "conversation"),
        ],
        cwd=ROOT,
        check=True,
    )
    return Path(folder) / "debug" / "conversation"


def table() -> Iterator[bytes]:
    """Every row as an input of the target, whole and in pieces."""
    for setting in (b"@0", b"@7"):
        for row in rows.requests():
            ends = b"A" + setting[1:] if row.cut or row.closes else setting
            yield ends + row.send
        for answer in rows.responses():
            letter = b"c" if answer.cut or answer.closes else b"a"
            yield setting + answer.ask + LINE + letter + answer.send


def seeds() -> Iterator[bytes]:
    """The seeds of the target."""
    for path in sorted((ROOT / "fuzz" / "corpus" / "conversation").iterdir()):
        yield path.read_bytes()


def mutations(known: list[bytes]) -> Iterator[bytes]:
    """Inputs with a part too many, too few or from elsewhere; the dice are always the same."""
    dice = random.Random(9110)
    for _ in range(MUTATIONS):
        one = bytearray(dice.choice(known))
        for _ in range(dice.choice((1, 1, 2, 3))):
            at = dice.randrange(2, len(one) + 1)
            match dice.randrange(4):
                case 0:
                    one[at:at] = dice.choice(PARTS)
                case 1:
                    del one[at : at + dice.randint(1, 4)]
                case 2:
                    one[at : at + 1] = bytes([dice.randrange(256)])
                case _:
                    other = dice.choice(known)
                    start = dice.randrange(2, len(other))
                    one[at:at] = other[start : start + dice.randint(1, 60)]
        yield bytes(one)


@need("c++")
@pytest.mark.timeout(600)
def test_another_reader_takes_what_is_accepted_for_the_same_messages(
    conversation: Path, tmp_path: Path
) -> None:
    inputs, accepted = tmp_path / "inputs", tmp_path / "accepted"
    inputs.mkdir()
    accepted.mkdir()
    known = [*table(), *seeds()]
    for number, one in enumerate([*known, *mutations(known)]):
        (inputs / f"{number:05}").write_bytes(one)
    ran = subprocess.run(
        [conversation, f"-artifact_prefix={tmp_path}/", *sorted(inputs.iterdir())],
        env={**os.environ, "EG_FUZZ_ACCEPTED": str(accepted), "RUST_BACKTRACE": "0"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:].decode(errors="replace")
    opinions = ask(accepted)
    assert not opinions.disagreements, "\n".join(opinions.disagreements[:20])
    assert min(opinions.agreed.values()) >= 1000, opinions
    assert set(opinions.agreed) == {"request", "sent-request", "response", "sent-response"}
    assert set(opinions.known) == {known.name for known in DIFFERENCES}, "one of them is none"


HEAD: Final = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
FIELDS: Final = [(b"host", b"a"), (b"content-length", b"2")]


@pytest.mark.parametrize(
    ("taken_for", "data"),
    [
        (Message((b"POST", b"/"), FIELDS, b"ok"), b"ok"),
        (Message((b"POST", b"/x"), FIELDS, b"ok"), b"ok"),
        (Message((b"POST", b"/"), FIELDS[:1], b"ok"), b"ok"),
        (Message((b"POST", b"/"), FIELDS, b"k"), b"ok"),
        (Message((b"POST", b"/"), FIELDS, b"ok"), b"ok!"),
        (Message((b"POST", b"/"), FIELDS, b"o"), b"o"),
    ],
)
def test_a_disagreement_is_seen(taken_for: Message, data: bytes) -> None:
    one = Accepted("request", HEAD + data, b"a", message=taken_for)
    if taken_for == Message((b"POST", b"/"), FIELDS, b"ok") and data == b"ok":
        compare(one, read_by_h11(one))
        return
    with pytest.raises(DisagreementError):
        compare(one, read_by_h11(one))
