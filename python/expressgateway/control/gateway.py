"""`Gateway`: one data plane and what it needs from Python, from start to stop. It refuses to decide anything
about a request, and to know of command lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from expressgateway._engine import Engine
from expressgateway.config import Config, Loaded, load_file, meaning, snapshot
from expressgateway.config.resolve import resolve
from expressgateway.control import machine, process
from expressgateway.control.checks import Checker
from expressgateway.control.sockets import SocketTable, bound_to, listen
from expressgateway.errors import ConfigError, EngineError, LogFileError, RestartRequiredError

__all__ = ["Gateway", "State"]

_log = logging.getLogger("expressgateway.gateway")

# Between two looks at the number of connections that a drain waits for: the engine tells nobody when it
# changes.
_LOOK_AGAIN: Final = 0.02
_STANDARD_OUTPUT: Final = 1


class State(Enum):
    """new ─► starting ─► running ─► draining ─► stopped, and to stopped from everywhere."""

    NEW = "new"
    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPED = "stopped"


@dataclass(slots=True)
class _Plane:
    """What is there from start to stop."""

    engine: Engine
    sockets: SocketTable
    checker: Checker
    admin: str | None
    """Where it is bound."""
    addresses: Mapping[str, tuple[str, ...]]
    """Where each listener is."""


class Gateway:
    """A gateway in this process; there may be several.

        async with Gateway.from_file("gateway.toml") as gateway:
            await gateway.apply("other.toml")
            await gateway.drain()

    Entering starts it, and returns when it serves; leaving cuts what is left. `run` does both, with signals,
    for those who have no event loop of their own. All methods belong to the thread of that loop.
    """

    def __init__(self, config: Config) -> None:
        """Raises `ConfigError` if the values of the configuration do not go together."""
        self._config = _examined(config)
        self._source: Path | None = None
        self._state = State.NEW
        self._plane: _Plane | None = None
        self._applying = asyncio.Lock()

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Load a file; a reload reads it again. Raises `ConfigError`, and OSError if it cannot be read."""
        source = Path(path)
        gateway = cls(_loaded(load_file(source)))
        gateway._source = source
        return gateway

    # --- what it is ----------------------------------------------------------------------------------

    @property
    def config(self) -> Config:
        """What is served, or what will be."""
        return self._config

    @property
    def source(self) -> Path | None:
        """The file that a reload reads."""
        return self._source

    @property
    def state(self) -> State:
        """Where in its life it is."""
        return self._state

    @property
    def addresses(self) -> Mapping[str, tuple[str, ...]]:
        """Of each listener: where it is bound, with the ports that the system chose."""
        return self._running().addresses

    @property
    def admin_address(self) -> str | None:
        """Where probes and metrics are answered; None if nowhere."""
        return self._running().admin

    def status(self) -> dict[str, Any]:
        """What ``/api/v1/status`` says: state, generation, connections, pools with health and load."""
        status: dict[str, Any] = json.loads(self._running().engine.status())
        return status

    def connections(self) -> int:
        """Client connections that are open."""
        return self._running().engine.connections()

    # --- its life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open sockets, start workers, serve. Raises `ConfigError`, `ResourceError`, `SnapshotError` or
        `EngineError`; then nothing is left behind, and the gateway is stopped."""
        if self._state is not State.NEW:
            raise EngineError(f"the gateway is {self._state.value}; make another to start again")
        self._state = State.STARTING
        try:
            config = await _resolved(self._config)
            self._plane = plane = await asyncio.to_thread(_start_plane, config)
            # Also when nobody stops it: at the latest when the interpreter ends.
            weakref.finalize(self, _stop_in, os.getpid(), plane.engine)
            self._go_on()
            await self._publish(plane, config)
        except BaseException:
            self.stop()
            raise
        self._state = State.RUNNING
        plane.engine.set_ready(True)

    async def apply(self, configuration: Config | str | os.PathLike[str]) -> int:
        """Serve another configuration, given as value or as file, and return its generation. Connections
        stay.

        It is all or nothing, also when the caller is cancelled. Raises `ConfigError`, `RestartRequiredError`,
        `SocketError`, `SnapshotError` or `EngineError`, and OSError if a file cannot be read.
        """
        applying = asyncio.create_task(self._apply(self._running(), configuration))
        try:
            return await asyncio.shield(applying)
        except asyncio.CancelledError:
            applying.add_done_callback(_tell_the_log)
            raise

    async def _apply(self, plane: _Plane, configuration: Config | str | os.PathLike[str]) -> int:
        async with self._applying:
            if isinstance(configuration, Config):
                config = await _resolved(_examined(configuration))
            else:
                config = _loaded(await asyncio.to_thread(load_file, Path(configuration)))
            fixed = [key for key, of in _FIXED.items() if of(config) != of(self._config)]
            if fixed:
                raise RestartRequiredError(fixed)
            return await self._publish(plane, config)

    async def _publish(self, plane: _Plane, config: Config) -> int:
        generation = await asyncio.to_thread(_publish, plane, config)
        self._go_on()
        self._config = config
        plane.checker.reconcile(config)
        return generation

    async def reload(self) -> int:
        """Apply the file again. Raises what `apply` raises."""
        if self._source is None:
            raise EngineError("the configuration was made in Python; there is no file to read again")
        return await self.apply(self._source)

    async def drain(self, *, settle: bool = True) -> int:
        """Stop accepting and let requests finish, for ``runtime.drain_timeout`` at most. Returns how many
        connections are still open then.

        Readiness is gone at once; listeners close ``runtime.readiness_settle`` later, so that whoever sends
        traffic here can notice. `settle=False` skips that.
        """
        engine, runtime = self._running().engine, self._config.runtime
        self._state = State.DRAINING
        engine.set_ready(False)
        if settle:
            await asyncio.sleep(runtime.readiness_settle.seconds)
        await asyncio.to_thread(engine.drain)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(runtime.drain_timeout.seconds):
                while engine.connections():  # noqa: ASYNC110 - there is no event to wait for
                    await asyncio.sleep(_LOOK_AGAIN)
        return engine.connections()

    def stop(self) -> None:
        """Cut what is left and join the workers; a matter of milliseconds. Safe to call twice."""
        self._state = State.STOPPED
        if self._plane:
            self._plane.checker.close()
            self._plane.engine.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def run(self, on_ready: Callable[[Gateway], None] | None = None) -> None:
        """Serve until a signal ends it; for the main thread of a process that does nothing else.

        `on_ready` is called once, when everything is served. SIGHUP reloads, SIGTERM drains after settling,
        SIGINT drains at once, and a second one of these two stops. Raises what `start` raises.
        """
        process.serve(self, on_ready)

    def _go_on(self) -> None:
        """Refuse to, if it was stopped while a thread was waited for: what begins now, nobody ends."""
        if self._state is State.STOPPED:
            raise EngineError("the gateway was stopped meanwhile")

    def _running(self) -> _Plane:
        if self._plane is None or self._state not in (State.RUNNING, State.DRAINING):
            raise EngineError(f"the gateway is {self._state.value}: it does not serve")
        return self._plane


# What holds for the life of a process: threads and descriptors that the engine is started with.
_FIXED: Final[Mapping[str, Callable[[Config], object]]] = {
    "runtime.workers": lambda config: config.runtime.workers,
    "admin.bind": lambda config: config.admin.bind,
    "logs.access": lambda config: config.logs.access,
}


def _start_plane(config: Config) -> _Plane:
    """Threads that serve nothing yet."""
    workers = config.runtime.workers or machine.usable_cpus()
    with contextlib.ExitStack() as ours:
        admin = ours.enter_context(listen(str(config.admin.bind))[0]) if config.admin.bind else None
        log = ours.enter_context(_access_log(config.logs.access.path))
        engine = Engine(workers=workers, access_log=log, admin=admin.fileno() if admin else None)
        return _Plane(engine, SocketTable(workers), Checker(engine), bound_to(admin) if admin else None, {})


def _publish(plane: _Plane, config: Config) -> int:
    """Sockets and engine in one step: either both have changed or none."""
    wanted = snapshot.addresses(config, ipv6=machine.has_ipv6())
    with plane.sockets.reconcile(wanted) as change:
        room = machine.connections_that_fit()
        described = snapshot.snapshot(config, addresses=change.addresses, max_connections=room)
        generation = plane.engine.apply(described, change.descriptors)
    plane.addresses = change.addresses
    return generation


def _tell_the_log(applying: asyncio.Task[int]) -> None:
    """What became of an apply whose caller has left."""
    if not applying.cancelled() and (error := applying.exception()):
        _log.warning("an apply that nobody waits for was refused, nothing has changed: %s", error)


async def _resolved(config: Config) -> Config:
    config, unresolved = await asyncio.to_thread(resolve, config)
    if unresolved:
        raise ConfigError(unresolved)
    return config


def _examined(config: Config) -> Config:
    findings = meaning.examine(config)
    if any(finding.is_error for finding in findings):
        raise ConfigError(findings)
    return config


def _loaded(loaded: Loaded) -> Config:
    for warning in loaded.warnings:
        _log.warning("%s", warning)
    return loaded.config


@contextlib.contextmanager
def _access_log(path: str) -> Iterator[int | None]:
    """The descriptor for lines of the access log, open while the engine duplicates it."""
    if path in ("-", "none"):
        yield _STANDARD_OUTPUT if path == "-" else None
        return
    try:
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    except OSError as error:
        raise LogFileError(path, f"cannot be opened: {error.strerror}") from error
    try:
        yield log
    finally:
        os.close(log)


def _stop_in(process_id: int, engine: Engine) -> None:
    """A child that was forked has a copy of the object, and none of its threads."""
    if os.getpid() == process_id:
        engine.stop()
