"""A process that is a gateway: its signals from start to end. What they lead to is in `gateway`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from expressgateway.control import logs, machine
from expressgateway.errors import ConfigError, ExpressGatewayError

if TYPE_CHECKING:
    from expressgateway.control.gateway import Gateway

__all__ = ["serve"]

_log = logging.getLogger("expressgateway.process")

_SIGNALS: Final = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)


def serve(gateway: Gateway, on_ready: Callable[[Gateway], None] | None = None) -> None:
    """Run a gateway until it is told to end. See `Gateway.run`."""
    logs.write_to_stderr(gateway.config.logs.level)
    machine.raise_file_limit()
    asyncio.run(_serve(gateway, on_ready))


async def _serve(gateway: Gateway, on_ready: Callable[[Gateway], None] | None) -> None:
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    # Also before it serves: who is told to end while it starts shall end, not die half started.
    for number in _SIGNALS:
        loop.add_signal_handler(number, signals.put_nowait, number)
    async with gateway:
        for name, addresses in gateway.addresses.items():
            _log.info("listener %s: serving on %s", name, ", ".join(addresses))
        if gateway.admin_address:
            _log.info("admin: serving on %s", gateway.admin_address)
        if on_ready:
            on_ready(gateway)
        ending = await _until_told_to_end(gateway, signals)
        await _end(gateway, signals, settle=ending is signal.SIGTERM)
    _log.info("stopped")


async def _until_told_to_end(gateway: Gateway, signals: asyncio.Queue[signal.Signals]) -> signal.Signals:
    """Reload whenever asked, one after the other, without keeping the signal that ends it waiting."""
    asked = asyncio.Event()
    reloads = asyncio.create_task(_reload_whenever(asked, gateway))
    try:
        while (number := await signals.get()) is signal.SIGHUP:
            asked.set()
        return number
    finally:
        reloads.cancel()


async def _reload_whenever(asked: asyncio.Event, gateway: Gateway) -> None:
    while True:
        await asked.wait()
        asked.clear()
        try:
            generation = await gateway.reload()
        except ConfigError as error:
            _log.error("reload refused, nothing has changed:")
            for finding in error.findings:
                _log.error("%s", finding)
        except (ExpressGatewayError, OSError) as error:
            _log.error("reload refused, nothing has changed: %s", error)
        except Exception:
            # Whatever it was, the configuration before it is served and shall be.
            _log.exception("reload failed")
        else:
            logs.write_to_stderr(gateway.config.logs.level)
            _log.info("reloaded: generation %d", generation)


async def _end(gateway: Gateway, signals: asyncio.Queue[signal.Signals], *, settle: bool) -> None:
    """Drain, unless a second signal says that there is no time for it."""
    _log.info("draining: %d connections are open", gateway.connections())
    draining = asyncio.create_task(gateway.drain(settle=settle))
    hurry = asyncio.create_task(_next_end(signals))
    await asyncio.wait((draining, hurry), return_when=asyncio.FIRST_COMPLETED)
    if not draining.done():
        _log.warning("stopping at once: a second signal came")
    elif left := draining.result():
        _log.warning("stopping: %d connections are cut after %s", left, gateway.config.runtime.drain_timeout)
    for task in (draining, hurry):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _next_end(signals: asyncio.Queue[signal.Signals]) -> None:
    while await signals.get() is signal.SIGHUP:
        _log.warning("draining: no reload now")
