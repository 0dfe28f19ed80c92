"""Fields on their way through (RFC 9110, 7.6): what belongs to a hop stays there, what others rely on cannot
be taken away, and all the rest arrives in the order and the case in which it was sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Upstream, answer

SILENT = 'headers = { forward = [], via = false, request_id = "none" }'

FIELDS = (
    "ACCEPT: */*",
    "accept: text/html",
    "X-Empty: ",
    "x-odd!#$%&'*+-.^`|~: 1",
    "Cookie: a=b",
    "X-Latin: caf\xe9",
    "X-Tab: a\tb",
    "cookie: c=d",
    "X-Comma: a,b ,, c",
    "X-Colon: a: b:c",
    "Authorization: Basic eDp5",
)
OF_THE_HOP = (
    "Connection: close, X-Private, keep-alive",
    "X-Private: 1",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "x-PRIVATE: 2",
    "Upgrade: x",
)


def lines(head: bytes) -> list[str]:
    """The fields of a head, as they are written."""
    return head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")[1:]


def test_a_request_arrives_with_its_fields_in_order_and_case_and_without_those_of_the_hop(
    tmp_path: Path,
) -> None:
    with (
        Upstream(answer(b"HTTP/1.1 204 No Content\r\n\r\n")) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=SILENT)) as gateway,
        Client(gateway.address()) as client,
    ):
        mixed = [*OF_THE_HOP[:3], *FIELDS[:4], *OF_THE_HOP[3:], *FIELDS[4:]]
        client.send("GET / HTTP/1.1\r\nHost: a\r\n" + "\r\n".join(mixed) + "\r\n\r\n")
        assert client.response().status == 204
        assert lines(upstream.received[0]) == ["Host: a", *FIELDS]


def test_a_response_arrives_with_its_fields_in_order_and_case_and_without_those_of_the_hop(
    tmp_path: Path,
) -> None:
    own = ("Date: Thu, 01 Jan 1970 00:00:00 GMT", "SERVER: origin", "Set-Cookie: a=b", "set-cookie: c=d")
    mixed = [*own, *OF_THE_HOP[:3], *FIELDS, *OF_THE_HOP[3:]]
    head = "HTTP/1.1 299 Quite Odd\r\n" + "\r\n".join(mixed) + "\r\ncontent-length: 0\r\n\r\n"
    with (
        Upstream(answer(head.encode("latin-1"))) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=SILENT)) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        got = client.until(b"\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 299 Quite Odd\r\n")
        assert lines(got) == [*own, *FIELDS, "content-length: 0"]


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "Cookie",
        "Authorization",
        "Content-Type",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Request-Id",
        "X-Real-IP",
        "Origin",
        "Range",
        "If-None-Match",
        "User-Agent",
        "Sec-Fetch-Site",
    ],
)
def test_connection_cannot_take_away_what_others_rely_on(tmp_path: Path, name: str) -> None:
    text = (
        'client = { trusted_proxies = ["127.0.0.1"] }\n'
        'headers = { forward = ["x-forwarded", "forwarded"], via = false }'
    )
    with (
        Upstream(answer(b"HTTP/1.1 204 No Content\r\n\r\n")) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=text)) as gateway,
        Client(gateway.address()) as client,
    ):
        value = "http" if name.endswith("Proto") else "192.0.2.1" if name.endswith("For") else "for=192.0.2.1"
        value = "a" if "Host" in name else value
        host = "" if name == "Host" else "Host: a\r\n"
        client.send(f"GET / HTTP/1.1\r\n{host}{name}: {value}\r\nConnection: {name}, close\r\n\r\n")
        assert client.response().status == 204
        seen = dict(line.lower().split(": ", 1) for line in lines(upstream.received[0]))
        assert seen[name.lower()].startswith(value)


def test_a_body_length_is_said_once_however_it_was_said(tmp_path: Path) -> None:
    with (
        Upstream(answer(b"HTTP/1.1 204 No Content\r\n\r\n")) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=SILENT)) as gateway,
        Client(gateway.address()) as client,
    ):
        for field, body, sees in [
            ("Content-Length: 3", "abc", "content-length: 3"),
            ("Content-Length: 0003", "abc", "content-length: 3"),
            ("Content-Length: 0", "", "content-length: 0"),
            ("X: y", "", "content-length: 0"),
            ("Transfer-Encoding: CHUNKED", "3\r\nabc\r\n0\r\n\r\n", "transfer-encoding: chunked"),
        ]:
            before = len(upstream.received[0]) if upstream.received else 0
            client.send(f"POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\n{field}\r\n\r\n{body}")
            assert client.response().status == 204
            head, _, _ = upstream.received[0][before:].partition(b"\r\n\r\n")
            framing = [line for line in lines(head) if line.lower().startswith(("content-l", "transfer"))]
            assert framing == [sees], field


def test_a_wish_for_trailers_is_named_by_connection(tmp_path: Path) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
    ):
        assert get(gateway.address(), fields="TE: trailers\r\n").status == 200
        assert b"\r\nconnection: te\r\n" in upstream.received[0].lower()


def test_an_open_quote_does_not_make_a_stranger_a_trusted_client(tmp_path: Path) -> None:
    listener = 'client = { trusted_proxies = ["127.0.0.1"] }\nheaders = { forward = ["forwarded"] }'
    more = '[[routes]]\nrespond = { body = "inside" }\nmatch = { client_ip = ["127.0.0.1"] }\n'
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], listener=listener, more=more)) as gateway,
    ):
        # The first item is what a client said, the second what its proxy made of the client.
        assert get(gateway.address(), fields="Forwarded: for=_x, for=6.6.6.6\r\n").body == b"ok"
        assert get(gateway.address(), fields='Forwarded: for="x, for=6.6.6.6\r\n').body == b"ok"


def test_connection_cannot_take_away_what_a_route_was_chosen_by(tmp_path: Path) -> None:
    more = '[[routes]]\npool = "app"\nmatch = { headers = { x-plan = "gold" } }\n'
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address], more=more)) as gateway,
        Client(gateway.address()) as client,
    ):
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Plan: gold\r\nConnection: x-plan\r\n\r\n")
        assert client.response().status == 200
        assert b"\r\nX-Plan: gold\r\n" in upstream.received[0]


@pytest.mark.parametrize("claim", [",", " , "])
def test_an_empty_claim_leaves_no_empty_item(tmp_path: Path, claim: str) -> None:
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(
            tmp_path, simple([upstream.address], listener='client = { trusted_proxies = ["127.0.0.1"] }')
        ) as gateway,
    ):
        assert get(gateway.address(), fields=f"X-Forwarded-For: {claim}\r\n").status == 200
        assert b"\r\nx-forwarded-for: 127.0.0.1\r\n" in upstream.received[0]
