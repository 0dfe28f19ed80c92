"""Where to listen and where to connect to, as written and as values. Nothing here opens a socket or asks a
resolver."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self

__all__ = ["AddressError", "Bind", "Target"]

_HOST_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_LONGEST_HOST: Final = 253
# What sockaddr_un holds, without the terminator (unix(7)).
_LONGEST_UNIX_PATH: Final = 107

_BIND_HINT: Final = 'write "*:8080" for every address, "127.0.0.1:8080" or "[::1]:8080" for one'
_TARGET_HINT: Final = 'write "10.0.0.1:8080", "[::1]:8080", "app.internal:8080" or "unix:/run/app.sock"'


class AddressError(ValueError):
    """A text is not an address. `hint` says what is."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Bind:
    """What a listener is bound to: an address of this machine or ``*``, and a port."""

    host: str
    """``*``, or an IP address in its shortest form, without brackets."""
    port: int
    """0 lets the system choose."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"*:8080"``, ``"127.0.0.1:8080"`` or ``"[::]:8080"``; raise `AddressError` for the rest."""
        if text.startswith(("unix:", "systemd:")):
            raise AddressError(f'"{text}": this version listens on TCP ports only', _BIND_HINT)
        host, port = _split(text, _BIND_HINT)
        if host == "*":
            if port == 0:
                hint = 'write "0.0.0.0:0" or "[::]:0"'
                raise AddressError(f'"{text}" would be one port for IPv4 and another for IPv6', hint)
            return cls(host, port)
        if host == "localhost":
            raise AddressError(
                f'"{text}": a name is not an address', f'write "127.0.0.1:{port}" or "[::1]:{port}"'
            )
        ip = _ip(host)
        if ip is None:
            raise AddressError(f'"{text}" is not an address of this machine and a port', _BIND_HINT)
        return cls(str(ip), port)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self.host != "*" and ipaddress.ip_address(self.host).is_loopback

    def families(self) -> tuple[Bind, ...]:
        """One per address family: a socket has one, and ``*`` means both."""
        return (Bind("0.0.0.0", self.port), Bind("::", self.port)) if self.host == "*" else (self,)

    def overlaps(self, other: Bind) -> bool:
        """Whether the two cannot be listened on at once. Ports that the system chooses never meet."""
        if self.port != other.port or self.port == 0:
            return False
        return any(
            one.host == two.host or (_is_v6(one) == _is_v6(two) and {one.host, two.host} & {"0.0.0.0", "::"})
            for one in self.families()
            for two in other.families()
        )

    def __str__(self) -> str:
        return _joined(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Target:
    """What an endpoint is connected to: host and port, or the path of a Unix socket."""

    host: str
    """An IP address in its shortest form, a name in lower case, or, without a port, an absolute path."""
    port: int | None
    """1 to 65535; None for a Unix socket."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"10.0.0.1:80"``, ``"app.internal:80"`` or ``"unix:/run/app.sock"``; else `AddressError`."""
        if text.startswith("unix:"):
            return cls(_unix_path(text), None)
        if "://" in text:
            hint = f'write "{text.split("://", 1)[1].split("/", 1)[0]}", with its port'
            raise AddressError(f'"{text}" is a URL, not an address', hint)
        host, port = _split(text, _TARGET_HINT)
        if port == 0:
            raise AddressError(f'"{text}": nobody can be reached at port 0', _TARGET_HINT)
        ip = _ip(host)
        if ip is not None:
            return cls(str(ip), port)
        # Digits and dots only: a mistyped address, not a name that a resolver should be asked for.
        is_name = (
            _HOST_NAME.fullmatch(host) and len(host) <= _LONGEST_HOST and not re.fullmatch(r"[0-9.]+", host)
        )
        if not is_name:
            raise AddressError(f'"{text}" is not an address and a port', _TARGET_HINT)
        return cls(host.lower(), port)

    @property
    def is_name(self) -> bool:
        """Whether a resolver must be asked before this can be connected to."""
        return self.port is not None and _ip(self.host) is None

    def __str__(self) -> str:
        return f"unix:{self.host}" if self.port is None else _joined(self.host, self.port)


def _split(text: str, hint: str) -> tuple[str, int]:
    """Host and port; brackets are for IPv6 and only for it."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        raise AddressError(f'"{text}" has no port', hint)
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise AddressError(f'"{text}": "{port}" is not a port', "a port is a number from 0 to 65535")
    if host.startswith("[") and host.endswith("]"):
        if _ip(host[1:-1], v6_only=True) is None:
            raise AddressError(f'"{text}": "{host[1:-1]}" is not an IPv6 address', hint)
        return host[1:-1], int(port)
    if ":" in host:
        raise AddressError(f'"{text}": the colons of an IPv6 address need brackets', hint)
    if not host:
        raise AddressError(f'"{text}" has no host', hint)
    return host, int(port)


def _unix_path(text: str) -> str:
    path = text.removeprefix("unix:")
    hint = 'write the absolute path of a socket, such as "unix:/run/app.sock"'
    if not path.startswith("/") or path.endswith("/"):
        raise AddressError(f'"{text}" is not the absolute path of a socket', hint)
    if "\0" in path or len(path.encode()) > _LONGEST_UNIX_PATH:
        raise AddressError(f'"{text}": the path of a socket has at most {_LONGEST_UNIX_PATH} bytes', hint)
    return path


def _ip(text: str, *, v6_only: bool = False) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.IPv6Address(text) if v6_only else ipaddress.ip_address(text)
    except ValueError:
        return None
    # A zone is a name of an interface of one machine; the engine connects by number.
    return None if isinstance(ip, ipaddress.IPv6Address) and ip.scope_id else ip


def _is_v6(bind: Bind) -> bool:
    return ":" in bind.host


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
