"""Every row of the table of requests, and mutations of them, through a gateway to real servers: each has to
see exactly the request that was meant, or nothing; and the canary after it as itself."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spec.http1 import rows
from tests.support.gateway import RunningGateway, simple

from .ambiguous import AMBIGUOUS
from .apps import APPS
from .daemons import DAEMONS
from .judging import Judge, Payload, Verdict, reading
from .matrix import SHOWN, Matrix
from .mutations import mutated
from .origin import Origin
from .reading import requests
from .tap import Tap

MUTATIONS = int(os.environ.get("MUTATIONS", "1"))
"""Of each row; 20 and more for a long run."""
# Each has connections of its own, and canaries are to take those that payloads have taken.
ONE_WORKER = '[runtime]\nworkers = 1\ndrain_timeout = "5s"\nreadiness_settle = "0s"\n'
ENOUGH = 12
"""Disagreements after which no more are looked for."""


def every(origins: tuple[Origin, ...]) -> pytest.MarkDecorator:
    """A test for each of them; of those that are not installed it says so."""
    return pytest.mark.parametrize(
        "origin",
        [
            pytest.param(
                origin,
                id=origin.name,
                marks=pytest.mark.skipif(
                    origin.path is None, reason=f"not installed: {origin.name} (make conformance as root)"
                ),
            )
            for origin in origins
        ],
    )


def payloads(mutations: int) -> list[Payload]:
    """The table, and so many mutations of each row; nothing twice."""
    table = [Payload(row.name, row.send, row) for row in rows.requests()]
    made = [
        Payload(f"{row.name} ({number})", mutated(row.send, f"{row.name}/{number}"))
        for row in rows.requests()
        for number in range(1, mutations + 1)
    ]
    known = {payload.send for payload in table}
    return table + list(
        {payload.send: payload for payload in made if payload.send and payload.send not in known}.values()
    )


@pytest.fixture(scope="module")
def matrix(request: pytest.FixtureRequest) -> Iterator[Matrix]:
    """Written at the end, whatever it says."""
    matrix = Matrix()
    yield matrix
    matrix.write()
    request.config.stash[SHOWN] = matrix.text()


async def judged(origin: Origin, folder: Path, some: list[Payload]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    async with origin.running(folder) as (address, recorder), Tap(folder / "tap.sock", address) as tap:
        pool = rows.POOL if origin.gets_trailers else ""
        configuration = simple([f"unix:{tap.path}"], listener=rows.LISTENER, pool=pool, more=ONE_WORKER)
        gateway = await asyncio.to_thread(RunningGateway(folder, configuration).__enter__)
        try:
            judge = Judge(origin, gateway.address(), tap, recorder)
            for payload in some:
                verdicts.append(await judge.judge(payload))
                if sum(bool(verdict.disagreements) for verdict in verdicts) > ENOUGH:
                    break
            await judge.finish()
        finally:
            await asyncio.to_thread(gateway.__exit__, None, None, None)
    return verdicts


@pytest.mark.timeout(60 + 60 * MUTATIONS)
@every(DAEMONS + APPS)
def test_every_origin_sees_exactly_the_request_that_was_meant(origin: Origin, matrix: Matrix) -> None:
    with tempfile.TemporaryDirectory(prefix="eg-") as name:
        folder = Path(name)
        # Some of them run as nobody.
        folder.chmod(0o755)
        began = time.monotonic()
        verdicts = asyncio.run(judged(origin, folder, payloads(MUTATIONS)))
    matrix.add(origin, verdicts, time.monotonic() - began)
    wrong = [
        f"{verdict.payload.name}: {verdict.payload.send!r}\n    {text}"
        for verdict in verdicts
        for text in verdict.disagreements
    ]
    assert not wrong, "\n".join(wrong)


# --- the harness can fail ------------------------------------------------------------------------------


async def read_by(origin: Origin, folder: Path) -> dict[str, str]:
    """What an origin makes of the ambiguous payloads, without a gateway before it."""
    async with origin.running(folder) as (address, _):
        return {name: await reading(origin, address, send) for name, send in AMBIGUOUS.items()}


def test_origins_disagree_about_what_the_gateway_refuses(matrix: Matrix) -> None:
    present = [origin for origin in DAEMONS + APPS if origin.path is not None]
    if len(present) < 2:
        pytest.skip("not installed: any two origins (make conformance as root)")
    for origin in present:
        with tempfile.TemporaryDirectory(prefix="eg-") as name:
            Path(name).chmod(0o755)
            for payload, read in asyncio.run(read_by(origin, Path(name))).items():
                matrix.readings.setdefault(payload, {})[origin.name] = read
    split = [payload for payload, by_origin in matrix.readings.items() if len(set(by_origin.values())) > 1]
    assert len(split) >= 2, matrix.readings
    for payload, send in AMBIGUOUS.items():
        assert requests(send).refused, f"{payload}: the strictest reader reads it"


async def judged_without_gateway(origin: Origin, folder: Path, some: list[Payload]) -> list[Verdict]:
    """As if the gateway passed on every byte."""
    async with origin.running(folder) as (address, recorder), Tap(folder / "tap.sock", address) as tap:
        judge = Judge(origin, str(tap.path), tap, recorder, patience=1.0)
        return [await judge.judge(payload) for payload in some]


def test_a_gateway_that_passes_everything_on_is_caught() -> None:
    origin = next((origin for origin in DAEMONS + APPS if origin.path is not None), None)
    if origin is None:
        pytest.skip("not installed: any origin (make conformance as root)")
    some = [Payload(name, send) for name, send in AMBIGUOUS.items()]
    plain = Payload("plain", b"GET /1 HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
    with tempfile.TemporaryDirectory(prefix="eg-") as name:
        Path(name).chmod(0o755)
        good, *verdicts = asyncio.run(judged_without_gateway(origin, Path(name), [plain, *some]))
    assert (good.outcome, good.disagreements) == ("forwarded", [])
    assert all(verdict.disagreements for verdict in verdicts), verdicts
