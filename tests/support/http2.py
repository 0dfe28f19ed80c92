"""A client that speaks HTTP/2 with prior knowledge and leaves flow control, cancelling and silence to tests.

Framing and compression are the `h2` package's; what is sent when, and what is acknowledged, is the caller's.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from .waiting import DEADLINE

WIDE: Final = 2**31 - 1
"""As wide as a window can be."""

_FRAME: Final = 16_384
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_PING: Final = 6
_GOAWAY: Final = 7
Fields = Sequence[tuple[str, str]]


@dataclass
class Stream:
    """What has come on one stream so far."""

    number: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    informational: list[list[tuple[str, str]]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    ended: bool = False
    reset: ErrorCodes | int | None = None
    """The error code, if the other side has reset it."""

    @property
    def status(self) -> int:
        """The status of its response."""
        return int(dict(self.fields)[":status"])

    def value(self, name: str) -> str | None:
        """The value of a field that may occur once; None if it does not."""
        found = [value for known, value in self.fields if known == name]
        assert len(found) <= 1, f"{name} occurs {len(found)} times"
        return found[0] if found else None


class Http2Client:
    """One connection. What arrives is acknowledged as it is read, unless `reads` says otherwise.

    `window` is that of each stream and of the connection; with `reads=False` neither is ever opened again.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        window: int | None = None,
        reads: bool = True,
        answers_pings: bool = True,
    ) -> None:
        self.socket = socket.create_connection(address, DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reads = reads
        self._answers_pings = answers_pings
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.streams: dict[int, Stream] = {}
        self.goaways: list[tuple[int, int]] = []
        """Last stream and error code of each."""
        self.closed = False
        self._input = b""
        self._h2.initiate_connection()
        if window is not None:
            self._h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
            self._h2.increment_flow_control_window(window - 65_535)
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    # --- sending -----------------------------------------------------------------------------------------

    def open(
        self, path: str = "/", *, method: str = "GET", fields: Fields = (), ends: bool | None = None
    ) -> Stream:
        """Begin a request; without `ends` it is complete unless its method announces a body."""
        stream = Stream(self._h2.get_next_available_stream_id())
        self.streams[stream.number] = stream
        head = [(":method", method), (":scheme", "http"), (":authority", "gateway.test"), (":path", path)]
        complete = method not in ("POST", "PUT") if ends is None else ends
        self._h2.send_headers(stream.number, [*head, *fields], end_stream=complete)
        self._flush()
        return stream

    def send(self, stream: Stream, data: bytes, *, ends: bool = True, patience: float = DEADLINE) -> None:
        """Send a piece of body as the other side's windows allow, reading meanwhile; they may stay closed for
        `patience` seconds."""
        sent, closed_at = 0, time.monotonic()
        while sent < len(data):
            room = min(self.room(stream), _FRAME, len(data) - sent)
            if room <= 0:
                self._read(closed_at + patience - time.monotonic())
                assert stream.reset is None, f"reset with {stream.reset} after {sent} bytes"
                assert time.monotonic() < closed_at + patience, f"no room after {sent} bytes"
                continue
            self._h2.send_data(stream.number, data[sent : sent + room])
            sent, closed_at = sent + room, time.monotonic()
            self._flush()
        if ends:
            self._h2.end_stream(stream.number)
            self._flush()

    def room(self, stream: Stream) -> int:
        """Bytes that the other side takes at present."""
        return self._h2.local_flow_control_window(stream.number)

    def send_trailers(self, stream: Stream, fields: Fields) -> None:
        """End a request with trailers."""
        self._h2.send_headers(stream.number, fields, end_stream=True)
        self._flush()

    def widen_connection(self) -> None:
        """Open the window of the connection as far as it goes; those of streams stay."""
        self._h2.increment_flow_control_window(WIDE - 65_535)
        self._flush()

    def cancel(self, stream: Stream) -> None:
        """Give a request up."""
        self._h2.reset_stream(stream.number, ErrorCodes.CANCEL)
        self._flush()

    def ask(self, path: str = "/", *, method: str = "GET", fields: Fields = ()) -> Stream:
        """A request without a body, and its whole response."""
        return self.finish(self.open(path, method=method, fields=fields, ends=True))

    # --- reading -----------------------------------------------------------------------------------------

    def finish(self, *streams: Stream) -> Stream:
        """Read until these streams are over; gives back the first."""
        self.until(lambda: all(stream.ended or stream.reset is not None for stream in streams))
        return streams[0]

    def until(self, condition: Callable[[], object], *, deadline: float = DEADLINE) -> None:
        """Read until something is true."""
        end = time.monotonic() + deadline
        while not condition():
            assert not self.closed, f"the connection has ended; {self.goaways}, {self.streams}"
            assert time.monotonic() < end, f"not within {deadline:g} s: {self.goaways}, {self.streams}"
            self._read(end - time.monotonic())

    def until_closed(self, *, deadline: float = DEADLINE) -> None:
        """Read until the other side ends the connection."""
        self.until(lambda: self.closed, deadline=deadline)

    def _read(self, patience: float = DEADLINE) -> None:
        self.socket.settimeout(max(patience, 0.001))
        try:
            data = self.socket.recv(1 << 20)
        except TimeoutError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return
        self._input += data
        # The package takes nothing after GOAWAY, where streams that are open go on (RFC 9113, 6.8).
        while (frame := self._next_frame()) is not None:
            if frame[3] == _GOAWAY:
                self.goaways.append((int.from_bytes(frame[9:13], "big"), int.from_bytes(frame[13:17], "big")))
                continue
            for event in self._h2.receive_data(frame):
                self._take(event)
        self._flush()

    def _next_frame(self) -> bytes | None:
        length = int.from_bytes(self._input[:3], "big") + 9
        if len(self._input) < 9 or len(self._input) < length:
            return None
        frame, self._input = self._input[:length], self._input[length:]
        return frame

    def _take(self, event: events.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", None) or 0)
        if stream is None:
            return
        match event:
            case events.ResponseReceived(headers=fields):
                stream.fields = _decoded(fields)
            case events.InformationalResponseReceived(headers=fields):
                stream.informational.append(_decoded(fields))
            case events.TrailersReceived(headers=fields):
                stream.trailers = _decoded(fields)
            case events.DataReceived(data=data, flow_controlled_length=length):
                stream.body += data or b""
                if self._reads and length:
                    self._h2.acknowledge_received_data(length, stream.number)
            case events.StreamEnded():
                stream.ended = True
            case events.StreamReset(error_code=code):
                stream.reset = code
            case _:
                pass

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if not self._answers_pings:
            data = _without_ping_answers(data)
        if data:
            self.socket.sendall(data)


def _decoded(fields: object) -> list[tuple[str, str]]:
    assert isinstance(fields, list)
    return [(str(name), str(value)) for name, value in fields]


def _without_ping_answers(data: bytes) -> bytes:
    """Whole frames, without those that acknowledge a PING (RFC 9113, 6.7)."""
    kept, at = b"", 0
    if data.startswith(_PREFACE):
        kept, at = _PREFACE, len(_PREFACE)
    while at < len(data):
        length = int.from_bytes(data[at : at + 3], "big") + 9
        if data[at + 3] != _PING:
            kept += data[at : at + length]
        at += length
    return kept
