"""Sends a payload through a gateway to an origin, then a canary, and says whether all agree on what was sent:

    what we read in the client's bytes == what the gateway has forwarded == what the origin has seen

It refuses to know what the gateway should accept, except where a row of the table says so."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from dataclasses import dataclass, field
from typing import Final, Literal

from tests.spec.http1 import rows

from .origin import Origin
from .reading import (
    PartialError,
    RefusedError,
    Request,
    Requests,
    Response,
    fields_of,
    normal_target,
    options,
    request_of,
    requests,
    response_of,
    values,
)
from .recorder import Recorder
from .tap import Address, Line, Tap, connect

PATIENCE: Final = 5.0
"""Seconds for anything; what takes longer waits for bytes that nobody will send."""

_WRITTEN_ANEW: Final = frozenset({"host", "connection", "content-length", "transfer-encoding", "te"})
_OF_ONE_CONNECTION: Final = _WRITTEN_ANEW | {
    *("keep-alive", "proxy-connection", "upgrade", "http2-settings"),
    # What a client says of others is not believed, nor what it says of a trace.
    *("forwarded", "x-request-id", "traceparent", "tracestate"),
}

Outcome = Literal["forwarded", "refused", "disliked", "cut"]


@dataclass(frozen=True)
class Payload:
    """Bytes of a client."""

    name: str
    send: bytes
    row: rows.Request | None = None
    """What has to become of them, if the table says it."""


@dataclass
class Verdict:
    """What became of a payload."""

    payload: Payload
    outcome: Outcome = "forwarded"
    """Refused: by the gateway. Disliked: by the origin, which has read one message. Cut: it had no end."""
    statuses: list[int] = field(default_factory=list)
    """Of the origin, where it disliked."""
    same_line: bool = False
    """Whether the canary took the connection to the origin that the payload had taken."""
    disagreements: list[str] = field(default_factory=list)

    def disagree(self, who: str, how: str) -> None:
        """Notes a difference, if there is one."""
        if how:
            self.disagreements.append(f"{who}: {how}")

    def dislike(self, origin: Origin, response: Response) -> None:
        """Notes that an origin has read a message, and did not like it."""
        self.outcome = "disliked"
        self.statuses.append(response.status)
        if not (
            400 <= response.status < 500
            or response.status in (501, 505)
            or response.status in origin.dislikes
        ):
            self.disagreements.append(f"the origin answers {response}")


@dataclass(frozen=True)
class Exchange:
    """A request that the gateway has forwarded, as the strictest reader reads it, and the origin's answer."""

    line: Line
    head: bytes
    request: Request
    response: Response | None


@dataclass
class Passed:
    """What the gateway has forwarded since the payload was sent."""

    exchanges: list[Exchange] = field(default_factory=list)
    """Without those that it repeated because the origin had ended the connection and said nothing."""
    parts: list[Response | None] = field(default_factory=list)
    """Requests that it gave up before their end, and what the origin said to them."""

    def add(self, exchange: Exchange) -> None:
        """One more."""
        if self.exchanges and _is_repeated(self.exchanges[-1], exchange):
            self.exchanges.pop()
        self.exchanges.append(exchange)


class Wire:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = b""
        self.ended = False

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    def half_close(self) -> None:
        if not self.ended:
            self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

    async def response(self, method: str) -> Response | None:
        """The next one; None if the connection ends instead."""
        while True:
            try:
                response, used = response_of(self._buffer, method, ended=self.ended)
            except PartialError:
                if self.ended:
                    return None
                await self._more()
                continue
            self._buffer = self._buffer[used:]
            return response

    async def rest(self) -> bytes:
        """Everything until the end."""
        while not self.ended:
            await self._more()
        return self._buffer

    async def _more(self) -> None:
        try:
            piece = await self._reader.read(1 << 16)
        except ConnectionError:
            piece = b""
        self._buffer += piece
        self.ended = not piece


class Judge:
    """Judges payloads one after the other. `address` is the gateway's, whose one endpoint is the tap."""

    def __init__(
        self, origin: Origin, address: Address, tap: Tap, recorder: Recorder, *, patience: float = PATIENCE
    ) -> None:
        self._origin = origin
        self._patience = patience
        self._address = address
        self._tap = tap
        self._recorder = recorder
        self._canaries = 0
        self._cut: list[tuple[Verdict, Line, int, bytes]] = []
        """Lines on which a request had no end, where an answer to it would begin, and what was asked."""

    async def judge(self, payload: Payload) -> Verdict:
        """What becomes of a payload."""
        verdict, meant = Verdict(payload), requests(payload.send)
        self._tap.touched.clear()
        wire = Wire(*await connect(self._address))
        answers: list[Response] = []
        try:
            async with asyncio.timeout(self._patience):
                wire.send(payload.send)
                if not await _converse(
                    wire, meant, answers, ends=payload.row is not None and payload.row.closes
                ):
                    wire.close()
                    wire = Wire(*await connect(self._address))
                canary = self._canary()
                await self._ask_canary(wire, canary, verdict)
                self._compare(verdict, meant, answers, await self._passed(verdict), canary)
        except TimeoutError:
            verdict.disagreements.append(f"somebody waits; answered so far: {answers}; {self._transcript()}")
        except RefusedError as error:
            verdict.disagreements.append(f"{error}; {self._transcript()}")
        finally:
            wire.close()
        if verdict.disagreements:
            await self._settle()
        verdict.disagreements += [f"the origin forwards {text}" for text in self._recorder.unreadable]
        self._recorder.unreadable.clear()
        return verdict

    async def finish(self) -> None:
        """Once all is judged: what origins have said late."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while not all(line.origin_ended for _, line, _, _ in self._cut):
                    await self._tap.change()
        for verdict, line, at, head in self._cut:
            with contextlib.suppress(PartialError):
                response, _ = response_of(bytes(line.said[at:]), "GET", ended=line.origin_ended)
                if response.status < 400 and not self._origin.answers_part(head):
                    verdict.disagreements.append(f"the origin answers a request that has no end: {response}")

    async def _settle(self) -> None:
        """Ends all lines and lets the gateway notice: what a payload has left there is not the next one's."""
        self._tap.end_lines()
        with contextlib.suppress(TimeoutError, RefusedError, OSError):
            async with asyncio.timeout(self._patience):
                wire = Wire(*await connect(self._address))
                await self._ask_canary(wire, self._canary(), Verdict(Payload("", b"")))
                wire.close()
        for line in self._tap.lines:
            line.read_asked, line.read_said = len(line.asked), len(line.said)

    def _canary(self) -> Request:
        self._canaries += 1
        fields = (("host", "gateway.test"), ("x-canary", f"{self._canaries}"))
        return Request("GET", f"/canary/{self._canaries}", 1, fields, b"")

    async def _ask_canary(self, wire: Wire, canary: Request, verdict: Verdict) -> None:
        fields = "".join(f"{name}: {value}\r\n" for name, value in canary.fields)
        wire.send(f"{canary.method} {canary.target} HTTP/1.1\r\n{fields}\r\n".encode())
        answer = await wire.response(canary.method)
        if answer is None or answer.status != 200:
            verdict.disagreements.append(f"the canary is answered with {answer}")
        else:
            verdict.disagree("the canary", self._echo_differs(canary, answer))

    def _transcript(self) -> str:
        return "; ".join(f"line {line.number}: {line.unread()}" for line in self._tap.touched)

    # --- what has passed the tap -------------------------------------------------------------------------

    async def _passed(self, verdict: Verdict) -> Passed:
        passed = Passed()
        for line in list(self._tap.touched):
            while line.read_asked < len(line.asked):
                asked = bytes(line.asked[line.read_asked :])
                try:
                    request, used = request_of(asked)
                except PartialError:
                    self._cut.append((verdict, line, line.read_said, asked))
                    passed.parts.append(await self._part(line))
                    break
                except RefusedError as error:
                    raise RefusedError(f"the gateway forwards what has no reading: {error}") from error
                line.read_asked += used
                head = asked[: asked.index(b"\r\n\r\n") + 4]
                response = await self._response(line, request.method)
                passed.add(Exchange(line, head, request, response))
            if line.read_said < len(line.said):
                raise RefusedError(
                    f"the origin says more than was asked: {bytes(line.said[line.read_said :])!r}"
                )
        return passed

    async def _part(self, line: Line) -> Response | None:
        """What the origin says to a request without an end, once the gateway has given it up."""
        while not line.gateway_ended:
            await self._tap.change()
        line.read_asked = len(line.asked)
        response = await self._response(line, "GET")
        # Whatever came until then, nothing is asked on this line any more.
        line.read_said = len(line.said)
        return response

    async def _response(self, line: Line, method: str) -> Response | None:
        while True:
            try:
                response, used = response_of(
                    bytes(line.said[line.read_said :]), method, ended=line.origin_ended
                )
            except PartialError:
                if line.origin_ended or line.gateway_ended:
                    return None
                await self._tap.change()
                continue
            line.read_said += used
            return response

    # --- whether all agree -------------------------------------------------------------------------------

    def _compare(
        self, verdict: Verdict, meant: Requests, answers: list[Response], passed: Passed, canary: Request
    ) -> None:
        if not passed.exchanges:
            verdict.disagreements.append("the canary has not been forwarded")
            return
        *own, last = passed.exchanges
        verdict.disagree("the gateway, with the canary", forwarded_differs(canary, last.request))
        verdict.same_line = bool(own) and own[-1].line is last.line
        for part in filter(None, passed.parts):
            if not meant.rest:
                verdict.dislike(self._origin, part)
        refusals = self._align(verdict, meant, answers, own)
        if not verdict.statuses and (refusals or meant.rest):
            verdict.outcome = "refused" if refusals else "cut"
        if verdict.payload.row is not None:
            self._hold_to(verdict, verdict.payload.row, own, refusals)

    def _align(
        self, verdict: Verdict, meant: Requests, answers: list[Response], own: list[Exchange]
    ) -> list[Response]:
        """Finds for each request that was meant how it was forwarded, or else how the gateway refused it."""
        refusals, left, later = [], own.copy(), answers.copy()
        for wanted in meant.whole:
            answer = later.pop(0) if later else None
            if left and (answer is None or _is_answer(answer, left[0].response)):
                self._judge_exchange(verdict, wanted, left.pop(0), answer)
            elif answer is not None and answer.status >= 400:
                refusals.append(answer)
            else:
                verdict.disagreements.append(f"the gateway neither forwards nor refuses {wanted}: {answer}")
                break
            if answer is not None and answer.ends_connection:
                # As it may, above all in HTTP/1.0, where only the end says how long a response was.
                break
        refusals += later
        if left:
            verdict.disagreements.append(f"the gateway forwards more: {[exchange.head for exchange in left]}")
        if len(later) > bool(meant.rest) or any(answer.status < 400 for answer in later):
            verdict.disagreements.append(f"the gateway answers more: {later}")
        return refusals

    def _judge_exchange(
        self, verdict: Verdict, wanted: Request, exchange: Exchange, answer: Response | None
    ) -> None:
        verdict.disagree("the gateway", forwarded_differs(wanted, exchange.request))
        response = exchange.response
        if response is None:
            verdict.disagreements.append(f"the origin does not answer {exchange.request}")
            return
        if answer is None or (answer.status, answer.body) != (response.status, response.body):
            verdict.disagreements.append(f"the client is answered with {answer}, the origin said {response}")
        if response.status != 200:
            verdict.dislike(self._origin, response)
        elif not self._origin.keeps_to_itself(exchange.request):
            verdict.disagree("the origin", self._echo_differs(exchange.request, response))

    def _echo_differs(self, meant: Request, response: Response) -> str:
        said = response.body
        if meant.method == "HEAD":
            said = base64.b64decode("".join(values(response.fields, "x-saw")))
        try:
            return self._origin.differs(meant, self._origin.read(said))
        except (ValueError, KeyError) as error:
            return f"no echo: {error!r}: {said[:200]!r}"

    def _hold_to(
        self, verdict: Verdict, row: rows.Request, own: list[Exchange], refusals: list[Response]
    ) -> None:
        """The table has said what becomes of this payload, by endpoints that are trusted with trailers."""
        steps = [(row.sees, row.body, row.trailers, row.answer)]
        if row.then is not None:
            steps.append((row.then.sees, row.then.body, row.then.trailers, row.then.answer))
        whole = [step for step in steps if step[3] is None and not row.cut]
        if len(own) != len(whole):
            verdict.disagreements.append(
                f"the table has {len(whole)} requests, and {len(own)} were forwarded"
            )
        for (sees, body, trailers, _), exchange in zip(whole, own, strict=False):
            wanted = fields_of(trailers) if self._origin.gets_trailers else ()
            if (exchange.head, exchange.request.body, exchange.request.trailers) != (sees, body, wanted):
                verdict.disagreements.append(f"the table has {sees!r} {body!r} {wanted}, not {exchange}")
        # With which status is for the table's own tests to say.
        refused = [answer for _, _, _, answer in steps if answer is not None]
        if len(refusals) != len(refused) and not verdict.statuses:
            verdict.disagreements.append(f"the table refuses {refused}, the gateway {refusals}")


def _is_answer(answer: Response, response: Response | None) -> bool:
    """Whether what a client got is what an origin has said."""
    return response is not None and (answer.status, answer.body) == (response.status, response.body)


def _is_repeated(first: Exchange, second: Exchange) -> bool:
    lost = first.response is None and first.line.origin_ended
    return lost and first.line is not second.line and first.head == second.head


async def _converse(wire: Wire, meant: Requests, answers: list[Response], *, ends: bool) -> bool:
    """Reads the answers to what was sent. Whether the connection goes on after them."""
    if ends:
        wire.half_close()
    for request in meant.whole:
        answer = await wire.response(request.method)
        if answer is None:
            return False
        answers.append(answer)
        if answer.ends_connection:
            # A head that cannot be read is not known to be of HEAD when it is refused.
            if (rest := await wire.rest()) and not (request.method == "HEAD" and answer.status >= 400):
                raise RefusedError(f"the last answer is followed by {rest!r}")
            return False
    if meant.rest or ends:
        wire.half_close()
        while (answer := await wire.response("GET")) is not None:
            answers.append(answer)
        return False
    return not meant.ends


def forwarded_differs(meant: Request, got: Request) -> str:
    """How what the gateway forwards differs from what the client has sent; empty if it does not."""
    if (got.method, got.body) != (meant.method, meant.body):
        return f"forwards {got.method!r} with {got.body!r}, not {meant.method!r} with {meant.body!r}"
    target = normal_target(meant.method, meant.target)
    if got.target != target:
        return f"forwards the target {got.target!r}, not {target!r}"
    hosts, got_hosts = values(meant.fields, "host"), values(got.fields, "host")
    if hosts and got_hosts != hosts and meant.target.startswith("/"):
        return f"forwards the hosts {got_hosts}, not {hosts}"
    if added := [
        field for field in got.fields if field not in meant.fields and field[0] not in _WRITTEN_ANEW
    ]:
        return f"adds {added}"
    dropped = _OF_ONE_CONNECTION.union(options(meant.fields), () if meant.body else ("expect",))
    kept = [
        field for field in meant.fields if field[0] not in dropped and not field[0].startswith("x-forwarded-")
    ]
    if lost := [field for field in kept if field not in got.fields]:
        return f"drops {lost}"
    if added := [field for field in got.trailers if field not in meant.trailers]:
        return f"adds the trailers {added}"
    return ""


async def reading(origin: Origin, address: Address, send: bytes) -> str:
    """What an origin that nobody protects makes of these bytes, with one more request behind them."""
    wire, seen = Wire(*await connect(address)), []
    try:
        async with asyncio.timeout(1.0):
            wire.send(send + b"GET /end HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n")
            while (response := await wire.response("GET")) is not None:
                if response.status != 200:
                    seen.append(f"{response.status}")
                else:
                    request = origin.read(response.body)
                    hosts = "+".join(values(request.fields, "host"))
                    seen.append(f"{request.method} {request.target} of {hosts} with {request.body!r}")
        seen.append("end")
    except TimeoutError:
        seen.append("waits")
    except (RefusedError, ValueError) as error:
        seen.append(f"cannot be read: {error}")
    finally:
        wire.close()
    return ", ".join(seen)
