"""An upgrade (RFC 9110, 7.8) is the endpoint's to grant: until its 101 everything is HTTP, and from its 101
on nothing is. A refusal leaves the client a connection that goes on as if nobody had asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, GoneError, Line, Upstream
from tests.support.waiting import eventually

WANTED = (
    "Host: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
UPGRADE = "GET /chat HTTP/1.1\r\n" + WANTED
PLAIN = "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n"
)
ONE_WORKER = "[runtime]\nworkers = 1\n"


def echoes(line: Line) -> None:
    """Switches for `/chat`, says hello, and gives back every byte in brackets, and a farewell."""
    while b" /chat " not in line.read_head():
        line.send(OK)
    line.send(SWITCH + b"\r\nhello")
    try:
        while True:
            line.send(b"<" + line.read_exactly(1) + b">")
    except GoneError:
        line.send(b"bye")


def test_every_byte_of_both_sides_arrives_and_ends_stay_half(tmp_path: Path) -> None:
    with (
        Upstream(echoes) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        # What a client sends before the answer is of the protocol to come, as is what comes with it.
        client.send(UPGRADE + "ab")
        assert client.response().status == 101
        assert client.exactly(11) == b"hello<a><b>"
        client.send(b"\x00\xff\r\n\r\n").end()
        assert client.to_end() == b"<\x00><\xff><\r><\n><\r><\n>bye"
        assert upstream.received[0].endswith(b"\r\n\r\nab\x00\xff\r\n\r\n")
        record = gateway.record(ending="tunnelled")
        assert (record["status"], record["request_bytes"], record["response_bytes"]) == (101, 8, 5 + 24 + 3)


def test_a_handshake_passes_with_all_its_fields(tmp_path: Path) -> None:
    with (
        Upstream(echoes) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        fields = client.send(UPGRADE).response().fields
        assert ("upgrade", "websocket") in fields
        assert ("connection", "upgrade") in fields
        assert ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in fields
        assert ("sec-websocket-protocol", "chat") in fields
        head = upstream.received[0].decode()
        assert "\r\nUpgrade: websocket\r\n" in head
        assert "\r\nconnection: upgrade\r\n" in head
        for line in WANTED.split("\r\n")[3:-2]:
            assert f"\r\n{line}\r\n" in head
        client.reset()


def test_a_switch_that_announces_a_body_has_none(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(SWITCH + b"Content-Length: 5\r\n\r\nhello, and more")

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        response = client.send(UPGRADE).response()
        assert response.status == 101
        assert response.value("content-length") is None
        client.end()
        assert client.to_end() == b"hello, and more"


def test_an_endpoint_that_has_said_all_still_hears_the_client(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def script(line: Line) -> None:
        line.read_head()
        line.send(SWITCH + b"\r\nall")
        line.socket.shutdown(1)
        heard.append(line.read_to_end())

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(UPGRADE).response().status == 101
        assert client.to_end() == b"all"
        client.send("late").end()
        eventually(lambda: heard == [b"late"], "it hears the client")


def test_after_a_refusal_a_connection_is_http_until_a_switch(tmp_path: Path) -> None:
    with (
        Upstream(echoes) as upstream,
        RunningGateway(tmp_path, ONE_WORKER + simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        refusal = client.send(UPGRADE.replace("/chat", "/refused")).response()
        assert (refusal.status, refusal.body) == (200, b"ok")
        assert refusal.value("connection") is None
        assert client.send(PLAIN).response().body == b"ok"
        assert client.send(UPGRADE + "x").response().status == 101
        assert client.exactly(8) == b"hello<x>"
        client.reset()


def test_what_stands_behind_a_refused_upgrade_is_a_request(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        while True:
            path = line.read_head().split()[1]
            line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(path), path))

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(UPGRADE + PLAIN)
        assert client.response().body == b"/chat"
        assert client.response().body == b"/plain"
        # It went through the gateway as one, and not past it.
        plain = b"GET /plain HTTP/1.1\r\nHost: a\r\nx-forwarded-for: 127.0.0.1\r\n"
        assert plain in b"".join(upstream.received)
        # And what is no request is refused, whatever it was meant to be.
        client.send(UPGRADE + "\x81\x05hello\r\n\r\n")
        assert client.response().body == b"/chat"
        assert client.response().status == 400
        assert client.is_closed()


@pytest.mark.parametrize(
    "request_text",
    [
        pytest.param("GET / HTTP/1.0\r\n" + WANTED, id="HTTP/1.0"),
        pytest.param("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", id="no option"),
        pytest.param("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n", id="no protocol"),
        pytest.param(UPGRADE.replace("websocket\r\n", "h2c\r\nHTTP2-Settings: x\r\n"), id="h2c"),
        pytest.param(UPGRADE.replace("websocket\r\n", "websocket, h2c\r\n"), id="h2c among others"),
        pytest.param(UPGRADE.replace("websocket\r\n", "TLS/1.2\r\n"), id="TLS"),
    ],
)
def test_an_upgrade_that_may_not_happen_is_not_asked_for(tmp_path: Path, request_text: str) -> None:
    def script(line: Line) -> None:
        head = line.read_head().lower()
        assert b"\r\nupgrade:" not in head
        assert b"\r\nconnection:" not in head
        assert b"http2-settings" not in head
        line.send(OK)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(request_text).response().status == 200


@pytest.mark.parametrize("who", ["client", "endpoint"])
def test_a_tunnel_that_one_side_breaks_is_broken_for_the_other(tmp_path: Path, who: str) -> None:
    broken: list[str] = []

    def script(line: Line) -> None:
        line.read_head()
        line.send(SWITCH + b"\r\n")
        if who == "endpoint":
            line.read_exactly(1)
            line.reset()
            return
        try:
            line.read_exactly(1)
        except ConnectionResetError:
            broken.append("reset")
        except GoneError:
            broken.append("ended")

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(UPGRADE).response().status == 101
        if who == "client":
            client.reset()
            eventually(lambda: broken == ["reset"], "the endpoint notices")
        else:
            client.send("x")
            with pytest.raises(ConnectionResetError):
                client.to_end()
        eventually(lambda: gateway.metric("connections") == 0, "nothing is left")
        assert gateway.metric("endpoint_in_flight") == 0


def test_a_tunnel_without_traffic_ends(tmp_path: Path) -> None:
    idle = 'timeouts = { idle = "1s" }'
    with (
        Upstream(echoes) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=idle)) as gateway,
        Client(gateway.address()) as client,
    ):
        assert client.send(UPGRADE).response().status == 101
        assert client.exactly(5) == b"hello"
        with pytest.raises(ConnectionResetError):
            client.to_end()
        gateway.record(ending="tunnelled")


def test_a_tunnel_after_the_client_said_all_still_carries_everything(tmp_path: Path) -> None:
    size = 5_000_000

    def script(line: Line) -> None:
        line.read_head()
        line.send(SWITCH + b"\r\n")
        assert line.read_exactly(1) == b"!"
        for _ in range(size // 1000):
            line.send(b"x" * 1000)

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address(), receive_buffer=65536) as client,
    ):
        client.send(UPGRADE)
        assert client.response().status == 101
        client.send("!").end()
        assert client.to_end() == b"x" * size


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
def test_an_upgrade_may_be_asked_for_with_any_method(tmp_path: Path, method: str) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\nhello")

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send(f"{method} /attach HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        assert client.response().status == 101
        assert client.exactly(5) == b"hello"
        client.end()


def test_an_upgrade_that_was_not_passed_on_cannot_be_granted(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")

    with (
        Upstream(script) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert client.response().status == 502
