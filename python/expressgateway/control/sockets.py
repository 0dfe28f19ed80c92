"""Listening sockets: they belong to addresses, not to listeners or workers, and stay open while the
configuration names their address. Who accepts on them is the engine, which gets duplicates.

The first socket of an address is bound alone: SO_REUSEPORT is set on it only afterwards, and then the
others, one for each worker, join. Were it set before, a second gateway on the same port would start without
a word and take half of the connections.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from expressgateway.config import Bind
from expressgateway.errors import SocketError

__all__ = ["Change", "SocketTable", "listen"]

# The kernel lowers it to net.core.somaxconn.
_BACKLOG: Final = 4096

Slot = tuple[str, ...]
"""An address; if the system chooses its port, also whose it is: nothing else tells two of them apart."""


@dataclass(frozen=True, slots=True)
class Change:
    """What `Engine.apply` must know about sockets."""

    addresses: Mapping[str, tuple[str, ...]]
    """Of each listener: where its sockets are bound, with ports that were chosen."""
    descriptors: Mapping[str, Sequence[int]]
    """Of each address that is new: one listening socket for each worker."""


class SocketTable:
    """Which addresses are open. The sockets themselves are the engine's once it has them: only if it holds
    the last descriptor of a socket does closing it stop the kernel from queueing connections that nobody will
    accept."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._bound: dict[Slot, str] = {}

    @contextlib.contextmanager
    def reconcile(self, wanted: Mapping[str, Sequence[str]]) -> Iterator[Change]:
        """Open what is wanted and not there, all of it or nothing, for the body to hand to the engine.

        `wanted` are the addresses of each listener, one family each. If the body raises, the table stays as
        it was; otherwise what is not wanted is forgotten: the engine has closed it by then. Raises
        `SocketError`.
        """
        slots = _slots(wanted)
        with contextlib.ExitStack() as opened:
            descriptors: dict[str, Sequence[int]] = {}
            bound = {}
            for slot, address in slots.items():
                if slot in self._bound:
                    bound[slot] = self._bound[slot]
                    continue
                sockets = listen(address, self._workers)
                for one in sockets:
                    opened.enter_context(one)
                bound[slot] = bound_to(sockets[0])
                descriptors[bound[slot]] = [one.fileno() for one in sockets]
            places = iter(bound.values())
            addresses = {name: tuple(next(places) for _ in of_one) for name, of_one in wanted.items()}
            yield Change(addresses, descriptors)
            self._bound = bound


def _slots(wanted: Mapping[str, Sequence[str]]) -> dict[Slot, str]:
    slots: dict[Slot, str] = {}
    for listener, addresses in wanted.items():
        for number, address in enumerate(addresses):
            chosen = address.endswith(":0")
            slots[(address, listener, str(number)) if chosen else (address,)] = address
    return slots


def listen(address: str, count: int = 1) -> list[socket.socket]:
    """Listening sockets on one address, which must be nobody else's. Raises `SocketError`."""
    with contextlib.ExitStack() as opened:
        try:
            bind = Bind.parse(address)
            first = opened.enter_context(_bound(bind, bind.port, shared=False))
            if count > 1:
                first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            first.listen(_BACKLOG)
            sockets = [first]
            for _ in range(count - 1):
                sockets.append(opened.enter_context(_bound(bind, first.getsockname()[1], shared=True)))
                sockets[-1].listen(_BACKLOG)
        except OSError as error:
            raise SocketError(address, _reason(error, address)) from error
        opened.pop_all()
        return sockets


def bound_to(listening: socket.socket) -> str:
    """The address of a socket, as configurations write it."""
    host, port = listening.getsockname()[:2]
    return str(Bind(host, port))


def _bound(bind: Bind, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port whose last connections linger in TIME_WAIT can be bound; one that is listened on cannot.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((bind.host, port))
    except OSError:
        one.close()
        raise
    return one


def _reason(error: OSError, address: str) -> str:
    port = address.rpartition(":")[2]
    match error.errno:
        case errno.EADDRINUSE:
            return (
                "somebody listens there already, perhaps another gateway; "
                f"`ss -ltnp 'sport = :{port}'` shows who"
            )
        case errno.EADDRNOTAVAIL:
            return "no interface of this machine has this address; `ip address` shows which there are"
        case errno.EACCES:
            return "ports this low need a privilege (CAP_NET_BIND_SERVICE); choose another, or grant it"
        case errno.EAFNOSUPPORT:
            return "this machine has no IPv6; bind to an IPv4 address"
        case errno.EMFILE | errno.ENFILE:
            return "too many files are open; raise the limit (`ulimit -n`), or use fewer workers"
        case code:
            return f"cannot be listened on: {os.strerror(code) if code else error}"
