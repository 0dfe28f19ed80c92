"""Routes do what they say: match, redirect, answer, rewrite, and edit fields, seen from both sides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway
from tests.support.upstreams import Upstream, answer

RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nserver: origin\r\nx-debug: 1\r\n\r\nok"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(answer(RESPONSE)) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    text = f"""
[listeners.web]
protocol = "http"
bind = "127.0.0.1:0"

[[routes]]
redirect = "https"
match = {{ host = "secure.test" }}
[[routes]]
redirect = {{ to = "{{scheme}}://new.test:{{port}}/x{{path}}{{query}}", status = 302 }}
match = {{ path_prefix = "/old" }}
[[routes]]
respond = {{ status = 200, body = "pong\\n" }}
headers = {{ response = {{ set = {{ x-edge = "1" }} }} }}
match = {{ path = "/ping" }}
[[routes]]
respond = {{ status = 403, body = "{{}}", content_type = "application/json" }}
match = {{ path_regex = "/secret/[a-z]+", methods = ["GET", "HEAD"] }}
[[routes]]
respond = {{ status = 204 }}
match = {{ headers = {{ x-plan = "~gold|silver" }}, query = {{ beta = "*" }} }}
[[routes]]
name = "rewritten"
pool = "app"
[routes.match]
path_prefix = "/api"
[routes.rewrite]
strip_prefix = "/api"
host = "internal.test:8443"
[routes.headers.request]
set = {{ x-edge = "1" }}
remove = ["x-debug"]
add = {{ x-many = "2" }}
[routes.headers.response]
add = {{ strict-transport-security = "max-age=1" }}
remove = ["x-debug", "server"]

[pools.app]
endpoints = ["{upstream.address}"]
"""
    with RunningGateway(tmp_path_factory.mktemp("routes"), text) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("host", "path", "fields", "status", "location"),
    [
        ("secure.test", "/a?b=c", "", 308, "https://secure.test/a?b=c"),
        ("Secure.Test:8080", "/", "", 308, "https://Secure.Test/"),
        ("a", "/old", "", 302, "http://new.test:PORT/x/old"),
        ("a", "/old/./b?c", "", 302, "http://new.test:PORT/x/old/b?c"),
        ("a", "/older", "", 404, None),
        ("a", "/ping", "", 200, None),
        ("a", "/ping/x", "", 404, None),
        ("a", "/secret/abc", "", 403, None),
        ("a", "/secret/abc1", "", 404, None),
        ("a", "/x?beta=1", "X-Plan: silver\r\n", 204, None),
        ("a", "/x?beta", "X-Plan: gold\r\n", 204, None),
        ("a", "/x?beta=1", "X-Plan: golden\r\n", 404, None),
        ("a", "/x", "X-Plan: gold\r\n", 404, None),
    ],
)
def test_a_route_answers_what_it_matches(
    gateway: RunningGateway, host: str, path: str, fields: str, status: int, location: str | None
) -> None:
    response = get(gateway.address(), path, host=host, fields=fields)
    assert response.status == status
    expected = location and location.replace("PORT", str(gateway.address()[1]))
    assert response.value("location") == expected


def test_answers_of_our_own_are_whole_and_keep_the_connection(gateway: RunningGateway) -> None:
    with Client(gateway.address()) as client:
        for _ in range(2):
            response = client.send("GET /ping HTTP/1.1\r\nHost: a\r\n\r\n").response()
            assert (response.body, response.value("x-edge")) == (b"pong\n", "1")
            assert response.value("content-type") == "text/plain; charset=utf-8"
        head = client.send("HEAD /secret/x HTTP/1.1\r\nHost: a\r\n\r\n").response("HEAD")
        assert (head.status, head.value("content-length")) == (403, "2")
        assert head.value("content-type") == "application/json"
        empty = client.send("GET /?beta HTTP/1.1\r\nHost: a\r\nx-plan: gold\r\n\r\n").response()
        assert (empty.status, empty.value("content-length"), empty.value("content-type")) == (204, None, None)


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/api/a/b?c=d", "/a/b?c=d"),
        ("/api", "/"),
        ("/api/b/", "/b/"),
        ("/api?x", "/?x"),
        ("/api//a", "/a"),
        ("/x/../api/%7Ea", "/~a"),
    ],
)
def test_a_rewritten_request_is_what_the_endpoint_sees(
    gateway: RunningGateway, upstream: Upstream, path: str, seen: str
) -> None:
    response = get(
        gateway.address(), path, host="public.test", fields=f"X-Debug: 1\r\nx-many: 1\r\nx-case: {seen}\r\n"
    )
    assert response.status == 200
    heads = b"".join(upstream.received).decode().split("GET ")
    (whole,) = (head for head in heads if f"x-case: {seen}\r\n" in head)
    head = whole.split("\r\n")
    assert head[:2] == [f"{seen} HTTP/1.1", "Host: internal.test:8443"]
    assert {"x-edge: 1", "x-many: 1", "x-many: 2", "x-forwarded-host: public.test"} <= set(head)
    assert not [line for line in head if line.lower().startswith("x-debug")]
    assert response.value("strict-transport-security") == "max-age=1"
    assert (response.value("server"), response.value("x-debug")) == (None, None)
    # The log says what the client said.
    record = gateway.record(target=path, authority="public.test")
    assert (record["route"], record["pool"]) == ("rewritten", "app")
