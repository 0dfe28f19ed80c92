"""Is an endpoint there? Each endpoint of a pool with a check is connected to now and then, and the engine is
told when the answer changes. One task for each, no thread; and no verdict about an endpoint when it is we who
were late, or had no descriptor left to ask with."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from expressgateway.config import Check, Config, Target
from expressgateway.errors import EngineError

__all__ = ["Checker", "HealthSink", "Tally", "probe"]

_log = logging.getLogger("expressgateway.checks")

# Longest pause before an endpoint's first check; within it, the checks of many are spread.
_SPREAD: Final = 1.0
# What a process runs out of, or its machine.
_OUR_OWN_FAULTS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class HealthSink(Protocol):
    """Who is told: the engine, or a test."""

    def set_health(self, pool: str, endpoint: str, healthy: bool) -> bool:
        """Take note; False if there is no such endpoint."""


@dataclass(slots=True)
class Tally:
    """Results of one endpoint's checks.

    unknown ── first result ──► up ── `fall` failures in a row ──► down
                                 ▲                                  │
                                 └──── `rise` successes in a row ───┘
    """

    healthy: bool | None = None
    """None before the first result."""
    against: int = 0
    """Results in a row that contradict it."""

    def add(self, success: bool, check: Check) -> bool:
        """Count a result; True if it changes the answer."""
        if success == self.healthy:
            self.against = 0
            return False
        self.against += 1
        # What is found first holds at once: nobody is helped by requests to a dead endpoint until it fails
        # thrice.
        needed = 1 if self.healthy is None else check.rise if success else check.fall
        if self.against < needed:
            return False
        changed = self.healthy is not None or not success
        self.healthy, self.against = success, 0
        return changed


@dataclass(slots=True)
class _Watched:
    """One endpoint under checks."""

    pool: str
    name: str
    address: Target
    check: Check
    tally: Tally = field(default_factory=Tally)
    task: asyncio.Task[None] | None = None


class Checker:
    """Watches the endpoints of a configuration, and of the next one. To be used in one event loop."""

    def __init__(self, sink: HealthSink) -> None:
        self._sink = sink
        self._watched: dict[tuple[str, Target], _Watched] = {}

    def reconcile(self, config: Config) -> None:
        """Watch this configuration, which the engine serves already and whose endpoints are resolved.

        An endpoint is the same if pool and address are, as for the engine: what is known of it stays,
        whatever its name or the check is now. Of one that is checked no more the engine is told that it is
        healthy.
        """
        wanted = _wanted(config)
        present = {
            (name, endpoint.address): endpoint.name or str(endpoint.address)
            for name, pool in config.pools.items()
            for endpoint in pool.endpoints
        }
        for key in [key for key in self._watched if key not in wanted]:
            gone = self._watched.pop(key)
            _cancel(gone)
            if key in present:
                self._sink.set_health(gone.pool, present[key], True)
        for key, watched in wanted.items():
            known = self._watched.get(key)
            if known and (known.name, known.check) == (watched.name, watched.check):
                continue
            if known:
                _cancel(known)
                watched.tally = known.tally
                # A change may have been reported under the old name while the new one was being published.
                self._sink.set_health(watched.pool, watched.name, watched.tally.healthy is not False)
            watched.task = asyncio.create_task(
                self._watch(watched), name=f"check {watched.pool} {watched.name}"
            )
            self._watched[key] = watched

    def close(self) -> None:
        """Watch nothing. What the engine was told stays."""
        for watched in self._watched.values():
            _cancel(watched)
        self._watched.clear()

    async def _watch(self, watched: _Watched) -> None:
        loop, interval = asyncio.get_running_loop(), watched.check.interval.seconds
        # Spread, not secret.
        await asyncio.sleep(random.uniform(0, min(interval, _SPREAD)))  # noqa: S311
        while True:
            started = loop.time()
            try:
                reason = await probe(watched.address, watched.check.timeout.seconds)
                if watched.tally.add(reason is None, watched.check):
                    self._sink.set_health(watched.pool, watched.name, reason is None)
                    _report(watched, reason)
            except OSError as error:
                _log.warning(
                    "pool %s: endpoint %s: not checked: %s", watched.pool, watched.name, error.strerror
                )
            except EngineError:
                return
            await asyncio.sleep(started + interval - loop.time())


def _wanted(config: Config) -> Mapping[tuple[str, Target], _Watched]:
    return {
        (name, endpoint.address): _Watched(
            name, endpoint.name or str(endpoint.address), endpoint.address, pool.check
        )
        for name, pool in config.pools.items()
        if pool.check
        for endpoint in pool.endpoints
    }


def _cancel(watched: _Watched) -> None:
    if watched.task:
        watched.task.cancel()


def _report(watched: _Watched, reason: str | None) -> None:
    if reason is None:
        _log.info("pool %s: endpoint %s is up", watched.pool, watched.name)
    else:
        _log.warning("pool %s: endpoint %s is down: %s", watched.pool, watched.name, reason)


async def probe(target: Target, patience: float) -> str | None:
    """Connect and leave. None if that worked, else why not. Raises OSError if it could not even be tried."""
    try:
        if target.port is None:
            return _probe_unix(target.host)
        family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as one:
            try:
                async with asyncio.timeout(patience):
                    await asyncio.get_running_loop().sock_connect(one, (target.host, target.port))
            except TimeoutError:
                # The loop may have been too busy to look; the kernel was not.
                if not _is_connected(one):
                    return f"no connection within {patience:g} s"
    except OSError as error:
        if error.errno in _OUR_OWN_FAULTS:
            raise
        return os.strerror(error.errno) if error.errno else str(error)
    return None


def _probe_unix(path: str) -> str | None:
    """A Unix socket connects at once or not at all: its queue is full then (unix(7))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as one:
        try:
            one.connect(path)
        except BlockingIOError:
            return "its queue of connections is full"
    return None


def _is_connected(one: socket.socket) -> bool:
    try:
        one.getpeername()
    except OSError:
        return False
    return True
