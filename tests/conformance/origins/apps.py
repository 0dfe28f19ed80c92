"""Origins from PyPI and Node: servers that run a program, which says what it was given."""

from __future__ import annotations

from .origin import ECHOES, Origin, Pair, Place, python

_ECHOES = "tests.conformance.origins.echoes"


class Wsgi(Origin):
    """What WSGI says of a request: `X-A` and `X_A` are one."""

    joins = True

    def shown_field(self, name: str, value: str) -> Pair | None:
        return name.replace("_", "-"), value


class Gunicorn(Wsgi):
    """With its sync worker, which ends every connection."""

    name = "gunicorn"
    module = "gunicorn"

    def answers_part(self, head: bytes) -> bool:
        # The end of the connection is the end of the body for it; the program has to count. Chunks it counts.
        return b"\r\ncontent-length: " in head.lower()

    def command(self, place: Place) -> list[str]:
        bind = f"unix:{place.socket}"
        return python("-m", "gunicorn", "--bind", bind, "--workers", "1", f"{_ECHOES}.wsgi:echo")


class Waitress(Wsgi):
    """On asyncore, with threads."""

    name = "waitress"
    module = "waitress"

    def command(self, place: Place) -> list[str]:
        return python("-m", "waitress", f"--unix-socket={place.socket}", f"{_ECHOES}.wsgi:echo")


class Asgi(Origin):
    """What ASGI says of a request."""

    def shown_target(self, target: str) -> str:
        # Not whether there was a question mark with nothing behind it.
        path, _, query = target.partition("?")
        return f"{path}?{query}" if query else path


class Uvicorn(Asgi):
    """With the parser that its subclass names."""

    module = "uvicorn"
    parser: str

    def command(self, place: Place) -> list[str]:
        quiet = ["--log-level", "warning", "--no-proxy-headers", "--lifespan", "off"]
        where = ["--uds", str(place.socket), "--http", self.parser]
        return python("-m", "uvicorn", *where, *quiet, f"{_ECHOES}.asgi:echo")


class UvicornH11(Uvicorn):
    """h11: a state machine in Python."""

    name = "uvicorn-h11"
    parser = "h11"


class UvicornHttptools(Uvicorn):
    """httptools: llhttp, from Python."""

    name = "uvicorn-httptools"
    parser = "httptools"


class Hypercorn(Asgi):
    """On h11, and wsproto for WebSocket."""

    name = "hypercorn"
    module = "hypercorn"

    def command(self, place: Place) -> list[str]:
        return python("-m", "hypercorn", "--bind", f"unix:{place.socket}", f"{_ECHOES}.asgi:echo")


class Framework(Origin):
    """A server that comes with a framework."""

    def command(self, place: Place) -> list[str]:
        return python("-m", f"{_ECHOES}.frameworks", self.module, str(place.socket))


class Aiohttp(Framework):
    """With llhttp."""

    name = "aiohttp"
    module = "aiohttp"


class AiohttpInPython(Framework):
    """With its parser in Python, which is used where nothing was compiled."""

    name = "aiohttp-python"
    module = "aiohttp"

    def environment(self, place: Place) -> dict[str, str]:
        del place
        return {"AIOHTTP_NO_EXTENSIONS": "1"}


class Tornado(Framework):
    """With a reader of its own."""

    name = "tornado"
    module = "tornado"


class Twisted(Framework):
    """With a reader of its own."""

    name = "twisted"
    module = "twisted"


class Node(Origin):
    """With llhttp. It alone shows trailers."""

    name = "node"
    program = "node"
    trailers = "passed"

    def command(self, place: Place) -> list[str]:
        return [str(ECHOES / "node.mjs"), str(place.socket)]


APPS: tuple[Origin, ...] = (
    Gunicorn(),
    Waitress(),
    UvicornH11(),
    UvicornHttptools(),
    Hypercorn(),
    Aiohttp(),
    AiohttpInPython(),
    Tornado(),
    Twisted(),
    Node(),
)
