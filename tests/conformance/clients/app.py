"""The part of the site that programs answer: forms, uploads, cookies, redirects, events, a WebSocket. It is
plain on purpose, and remembers what browsers report to it."""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from tests.support.waiting import DEADLINE

EVENTS: Final = ("one", "two", "three")
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def digest(data: bytes) -> str:
    """How bodies are compared."""
    return hashlib.sha256(data).hexdigest()


class App:
    """A server on a port that the system chose."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        # What handlers find by `self.server`.
        vars(self._server)["app"] = self
        self._heard: dict[str, threading.Semaphore] = {}
        self._lock = threading.Lock()
        self.reports: dict[str, Any] = {}
        """What browsers found, by name."""
        self.continued: set[str] = set()
        """Names of clients that waited for 100 before they sent their body."""

    @property
    def address(self) -> str:
        """As configurations write it."""
        return "{}:{}".format(*self._server.server_address[:2])

    def heard(self, key: str) -> threading.Semaphore:
        """Raised whenever a reader of events says that one has arrived."""
        with self._lock:
            return self._heard.setdefault(key, threading.Semaphore(0))

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(DEADLINE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def app(self) -> App:
        app: App = vars(self.server)["app"]
        return app

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def handle_one_request(self) -> None:
        # A client that breaks off is a part of everyday use.
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()
            return
        self.close_connection = True

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def handle_expect_100(self) -> bool:
        self.app.continued.add(self._query().get("client", ""))
        return super().handle_expect_100()

    def _query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}

    def _answer(self) -> None:
        place = urlsplit(self.path).path.removeprefix("/app/")
        handler = getattr(self, "_" + place.partition("/")[0], None)
        if handler is None:
            self._say({"missing": self.path}, 404)
        else:
            handler()

    def _say(self, value: object, status: int = 200, **fields: str) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, text in fields.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline() != b"\r\n":
                pass
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    # --- what it answers ---------------------------------------------------------------------------------

    def _echo(self) -> None:
        self._body()
        self._say({"method": self.command, "path": self.path})

    def _form(self) -> None:
        assert self.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
        self._say(parse_qs(self._body().decode()))

    def _upload(self) -> None:
        # One whole part of MIME is what a form with files is.
        text = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n" + self._body()
        found = {}
        for part in email.message_from_bytes(text, policy=email.policy.HTTP).iter_parts():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            name = part.get_param("name", header="content-disposition")
            found[name] = [part.get_filename(), len(content), digest(content)]
        self._say(found)

    def _sum(self) -> None:
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        body = self._body()
        self._say({"chunked": chunked, "size": len(body), "digest": digest(body)})

    def _hop(self) -> None:
        left = int(self.path.rpartition("/")[2].partition("?")[0])
        to = f"/app/hop/{left - 1}" if left else "/app/echo?hopped"
        self._say({}, 302, Location=to)

    def _login(self) -> None:
        self.send_response(204)
        self.send_header("Set-Cookie", "session=abc; Path=/; HttpOnly")
        self.send_header("Set-Cookie", "theme=dark; Path=/app")
        self.end_headers()

    def _cookies(self) -> None:
        pairs = (pair.partition("=") for pair in self.headers.get("Cookie", "").split("; "))
        self._say({name: value for name, _, value in pairs})

    def _broken(self) -> None:
        self._say({"broken": True}, 500)

    def _events(self) -> None:
        key = self._query()["client"]
        if self.command == "POST":
            self._body()
            self.app.heard(key).release()
            self._say({})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        for number, event in enumerate(EVENTS):
            self.wfile.write(f"id: {number}\ndata: {event}\n\n".encode())
            # The next comes once this one has been seen to arrive: no gathering in between.
            if not self.app.heard(key).acquire(timeout=DEADLINE):
                self.wfile.write(b"data: nobody heard\n\n")
                break
        self.close_connection = True

    def _trailers(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "X-Sum")
        self.end_headers()
        self.wfile.write(b"4\r\nsome\r\n5\r\n text\r\n0\r\nX-Sum: 9\r\n\r\n")

    def _refuse(self) -> None:
        self._say({"refused": True}, 413, Connection="close")
        # It ends its side, and reads what comes for a moment, as servers do.
        self.wfile.flush()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(0.5)
            while self.connection.recv(65536):
                pass
        self.close_connection = True

    def _report(self) -> None:
        self.app.reports[self._query()["client"]] = json.loads(self._body())
        self._say({})

    def _socket(self) -> None:
        accept = base64.b64encode(hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + _MAGIC).digest())
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept.decode())
        self.end_headers()
        self.wfile.flush()
        while _echo_frame(self.rfile.read, self.wfile.write):
            pass
        self.close_connection = True


def _echo_frame(read: Callable[[int], bytes], write: Callable[[bytes], object]) -> bool:
    """Read one frame of a client and send it back (RFC 6455, 5.2); false once it was a close."""
    begin = read(2)
    if len(begin) < 2:
        return False
    length = begin[1] & 127
    if length == 126:
        (length,) = struct.unpack("!H", read(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", read(8))
    mask = read(4)
    data = read(length)
    whole = (mask * (length // 4 + 1))[:length]
    plain = (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(length, "big")
    if length < 126:
        size = bytes([length])
    elif length < 65536:
        size = b"\x7e" + struct.pack("!H", length)
    else:
        size = b"\x7f" + struct.pack("!Q", length)
    write(begin[:1] + size + plain)
    return begin[0] & 15 != 8
