"""The site: files by nginx, the rest by a program, a gateway before both, and what a client finds there."""

from __future__ import annotations

import random
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.support.gateway import RunningGateway
from tests.support.programs import Nginx
from tests.support.waiting import eventually

from .app import EVENTS, App, digest

MIB: Final = 2**20
LARGE: Final = 32 * MIB
UPLOAD: Final = 3 * MIB
KEPT: Final = 10
"""Requests, one after the other, that one connection serves."""
PARALLEL: Final = 40
"""Requests at once."""

_NGINX: Final = """\
types { text/html html; text/css css; text/javascript js; image/png png; application/octet-stream bin; }
gzip on;
gzip_proxied any;
gzip_types text/plain;
gzip_vary on;
"""
_GATEWAY: Final = """\
[listeners.web]
protocol = "http"
bind = "127.0.0.1:0"
default_pool = "files"
[[routes]]
match = {{ path_prefix = "/app" }}
pool = "app"
[pools.files]
endpoints = ["{files}"]
[pools.app]
endpoints = ["{app}"]
"""
_PAGE: Final = """\
<!doctype html><html><head><title>Everyday</title>
<link rel="stylesheet" href="/style.css"><script src="/app.js"></script></head>
<body><img src="/image.png" alt="a dot"></body></html>
"""


def noise(size: int, seed: int) -> bytes:
    """Bytes without a pattern, the same every time."""
    return random.Random(seed).randbytes(size)


def dot() -> bytes:
    """A PNG of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = chunk(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


class Site:
    """All of it. `folder` is where drivers find what they are to upload."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = App()
        self._nginx = Nginx(folder / "nginx", _NGINX)
        self.files = {
            "index.html": _PAGE.encode(),
            "style.css": b"body { color: black }\n" * 50,
            "app.js": b"window.everyday = true;\n" * 50,
            "image.png": dot(),
            "text.txt": b"A line of text that repeats itself.\n" * 2000,
            "large.bin": noise(LARGE, 1),
        }
        self.upload = folder / "upload.bin"

    def __enter__(self) -> Self:
        self.app.__enter__()
        self._nginx.__enter__()
        for name, content in self.files.items():
            (self._nginx.www / name).write_bytes(content)
        for driver in (Path(__file__).parent / "drivers").glob("browser.*"):
            (self._nginx.www / driver.name).write_bytes(driver.read_bytes())
        self.upload.write_bytes(noise(UPLOAD, 2))
        (self._nginx.www / "upload.bin").write_bytes(self.upload.read_bytes())
        # Large enough to be under way when it is refused.
        (self.folder / "refused.bin").write_bytes(self.upload.read_bytes() * 4)
        text = _GATEWAY.format(files=self._nginx.address, app=self.app.address)
        self.gateway = RunningGateway(self.folder, text).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gateway.__exit__(kind, error, trace)
        self._nginx.__exit__(kind, error, trace)
        self.app.__exit__(kind, error, trace)

    def seen(self, target: str, count: int, of: str) -> set[str]:
        """What the log has in a field of the records of a target, once there are so many."""

        def records() -> list[str]:
            return [record[of] for record in self.gateway.records() if record["target"] == target]

        return set(eventually(lambda: records() if len(records()) >= count else [], f"records of {target}"))

    def expected(self) -> dict[str, Any]:
        """What each use finds, whoever does it."""
        sums = {name: digest(content) for name, content in self.files.items()}
        upload = digest(self.upload.read_bytes())
        return {
            "a page and what it needs": [
                ["/", 200, "text/html", sums["index.html"]],
                ["/style.css", 200, "text/css", sums["style.css"]],
                ["/app.js", 200, "text/javascript", sums["app.js"]],
                ["/image.png", 200, "image/png", sums["image.png"]],
            ],
            "one request after the other": [200] * KEPT,
            "a file that has not changed": [200, 304, 0],
            "a part of a file": [206, f"bytes 1000-1999/{LARGE}", digest(self.files["large.bin"][1000:2000])],
            "only the head": [200, LARGE, 0],
            "a file that travels compressed": ["gzip", sums["text.txt"]],
            "a form": {"name": ["Zoë & co"], "many": ["1", "2"]},
            "a form with a file": {
                "note": [None, 5, digest(b"hello")],
                "file": ["upload.bin", UPLOAD, upload],
            },
            "a body of unknown length": {"chunked": True, "size": UPLOAD, "digest": upload},
            "a body that waits for 100": {"chunked": False, "size": UPLOAD, "digest": upload},
            "redirects": ["/app/echo?hopped", 200],
            "cookies": {"session": "abc", "theme": "dark"},
            "errors": [404, 404, 500],
            "other methods": ["PUT", "PATCH", "DELETE", "OPTIONS"],
            "a large file": [200, LARGE, sums["large.bin"]],
            "events as they happen": list(EVENTS),
            "a WebSocket": ["hello", 70_000, "closed"],
            "trailers": ["some text", "9"],
            "an upload that is refused": 413,
            "many at once": [200] * PARALLEL,
        }
