"""Who the client is, who may connect, and how slow it may be: by what the listener says of clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Upstream, answer
from tests.support.waiting import eventually

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CLAIMS = (
    "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: public.test\r\n"
    f"X-Request-Id: given-1\r\nForwarded: for=192.0.2.1\r\ntraceparent: {TRACE}\r\ntracestate: a=1\r\n"
)


def seen(upstream: Upstream) -> dict[str, str]:
    """The fields of the last request, by name in lower case."""
    head = b"".join(upstream.received).rpartition(b"GET ")[2].decode().split("\r\n")
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}


def test_what_a_stranger_claims_is_replaced(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        get(gateway.address(), fields=CLAIMS)
        fields = seen(upstream)
        assert fields["x-forwarded-for"] == "127.0.0.1"
        assert fields["x-forwarded-proto"] == "http"
        assert fields["x-forwarded-host"] == "gateway.test"
        assert fields["x-request-id"] != "given-1"
        assert "forwarded" not in fields
        # A trace that begins here: the request's own id, and not sampled.
        assert fields["traceparent"].startswith(f"00-{fields['x-request-id']}-")
        assert fields["traceparent"].endswith("-00")
        assert "tracestate" not in fields
        record = gateway.record(client="127.0.0.1")
        assert record["peer"].startswith("127.0.0.1:")


def test_what_a_trusted_proxy_claims_goes_on(tmp_path: Path) -> None:
    trusting = (
        'client = { trusted_proxies = ["127.0.0.0/8"] }\nheaders = { forward = ["x-forwarded", "forwarded"] }'
    )
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=trusting)) as gateway,
    ):
        get(gateway.address(), fields=CLAIMS)
        fields = seen(upstream)
        assert fields["x-forwarded-for"] == "192.0.2.1, 127.0.0.1"
        assert fields["x-forwarded-proto"] == "https"
        assert fields["x-forwarded-host"] == "public.test"
        assert fields["x-request-id"] == "given-1"
        assert fields["forwarded"] == 'for=192.0.2.1, for=127.0.0.1;host="gateway.test";proto=http'
        version, trace, span, flags = fields["traceparent"].split("-")
        assert (version, trace, flags) == ("00", TRACE.split("-")[1], "01")
        assert span != TRACE.split("-")[2]
        assert fields["tracestate"] == "a=1"
        gateway.record(client="192.0.2.1")


@pytest.mark.parametrize(("policy", "status"), [("reject", 400), ("drop", 200), ("allow", 200)])
def test_names_with_an_underscore_are_what_the_listener_says(
    tmp_path: Path, policy: str, status: int
) -> None:
    text = f'headers = {{ underscores = "{policy}" }}'
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=text)) as gateway,
    ):
        assert get(gateway.address(), fields="X_Odd: 1\r\n").status == status
        if status == 200:
            assert ("x_odd" in seen(upstream)) == (policy == "allow")


def test_encoded_slashes_pass_where_they_may(tmp_path: Path) -> None:
    text = 'headers = { encoded_slashes = "pass" }'
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=text)) as gateway,
    ):
        assert get(gateway.address(), "/a%2fb%5C").status == 200
        assert get(gateway.address(), "/a%00b").status == 400
        assert upstream.received[0].startswith(b"GET /a%2Fb%5C HTTP/1.1\r\n")


def test_who_may_not_connect_is_sent_away_and_counted(tmp_path: Path) -> None:
    refusing = 'client = { deny = ["127.0.0.0/8"] }'
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=refusing)) as gateway,
    ):
        with Client(gateway.address()) as client:
            assert client.is_closed()
        assert gateway.metric("connections_refused_total", listener="web") == 1
        gateway.reload(simple([upstream.address]))
        assert get(gateway.address()).status == 200


@pytest.mark.parametrize("expectation", ["100-continue", "x", "100-continue, x"])
def test_an_expectation_that_nobody_knows_is_a_417(tmp_path: Path, expectation: str) -> None:
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        response = get(gateway.address(), fields=f"Expect: {expectation}\r\n")
        assert response.status == (200 if expectation == "100-continue" else 417)


def test_the_last_request_of_a_connection_is_told_that_it_is(tmp_path: Path) -> None:
    limited = "limits = { requests_per_connection = 3 }"
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=limited)) as gateway,
        Client(gateway.address()) as client,
    ):
        closes = [
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").response().value("connection") for _ in range(3)
        ]
        assert closes == [None, None, "close"]
        assert client.is_closed()


def test_an_old_client_that_names_no_host_reaches_an_endpoint_that_wants_one(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        with Client(gateway.address()) as client:
            assert client.send("GET / HTTP/1.0\r\n\r\n").response().status == 200
        assert f"Host: {upstream.address}\r\n".encode() in upstream.received[0]


def test_a_client_that_drips_its_body_is_cut(tmp_path: Path) -> None:
    """Eleven seconds are more than the grace; a byte at a time is less than the rate."""
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        client.socket.settimeout(0.5)

        def is_cut() -> bool:
            try:
                client.send("x")
                return bool(client.socket.recv(1))
            except TimeoutError:
                return False
            except OSError:
                return True

        eventually(is_cut, "the client is cut")
        record = gateway.record(ending="client_timeout")
        assert record["status"] == 408
