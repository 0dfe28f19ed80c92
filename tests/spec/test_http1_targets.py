"""A route means a path and a host, however they are spelt: what reaches an endpoint is in the one form that
was matched, and what has two readings reaches nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Upstream, answer

ROUTES = """
[[routes]]
respond = { status = 403 }
match = { path_prefix = "/admin" }
[[routes]]
respond = { status = 451 }
match = { host = ["secret.test", "*.secret.test", "[::1]"] }
[[routes]]
pool = "app"
match = { path_prefix = "/strip" }
rewrite = { strip_prefix = "/strip" }
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(answer(OK)) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    folder: Path = tmp_path_factory.mktemp("targets")
    with RunningGateway(folder, simple([upstream.address], more=ROUTES)) as gateway:
        yield gateway


def ask(gateway: RunningGateway, target: str, host: str = "a") -> int:
    """The status of one GET."""
    with Client(gateway.address()) as client:
        client.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        return client.response().status


@pytest.mark.parametrize(
    "target",
    [
        "/admin",
        "/admin/",
        "/admin/x?y",
        "/admin?",
        "/%61dmin",
        "/%61%64%6D%69%6e/x",
        "/./admin",
        "/.//../admin",
        "/x/../admin",
        "/x/%2e%2E/admin",
        "/x/.%2e/admin/..//../admin",
        "/../../admin",
        "/admin/.",
        "/admin/x/..",
        "http://a/admin",
        "HTTP://a/x/../admin",
        "https://a/%61dmin",
    ],
)
def test_a_path_is_recognised_however_it_is_spelt(gateway: RunningGateway, target: str) -> None:
    assert ask(gateway, target) == 403


@pytest.mark.parametrize(
    "target",
    [
        "/x/..%2fadmin",
        "/x/..%2Fadmin",
        "/x%2f..%2fadmin",
        "/%2fadmin",
        "/x/..%5cadmin",
        "/x\\..\\admin",
        "/admin%00",
        "/%",
        "/%6",
        "/%6x",
        "/admin#x",
        "/x\x7f",
        "/caf\xe9",
        "http://a\\@b/",
        "http://u@a/",
        "http:///admin",
        "http://a:/",
        "//a/../admin\\",
        "admin",
        "*",
    ],
)
def test_a_target_with_two_readings_reaches_nobody(
    gateway: RunningGateway, upstream: Upstream, target: str
) -> None:
    before = sum(map(len, upstream.received))
    assert ask(gateway, target) == 400
    assert sum(map(len, upstream.received)) == before


@pytest.mark.parametrize(
    ("target", "sees"),
    [
        ("/a/./b/../c%7e?x=/../y%2f", "/a/c~?x=/../y%2f"),
        ("/%c3%a9%3b", "/%C3%A9%3B"),
        ("/adminx", "/adminx"),
        ("/strip", "/"),
        ("/strip?x", "/?x"),
        ("/strip/", "/"),
        ("/x/../strip/%61?y", "/a?y"),
        ("/stripx", "/stripx"),
        ("/?/../admin", "/?/../admin"),
        ("/%2561dmin", "/%2561dmin"),
    ],
)
def test_an_endpoint_sees_the_form_that_was_matched(
    gateway: RunningGateway, upstream: Upstream, target: str, sees: str
) -> None:
    assert ask(gateway, target, host="b") == 200
    assert any(f"GET {sees} HTTP/1.1\r\nHost: b\r\n".encode() in said for said in upstream.received)


@pytest.mark.parametrize(
    "host",
    [
        "secret.test",
        "SECRET.Test",
        "secret.test.",
        "secret.test:80",
        "secret.test.:8080",
        "secret.test:0",
        "a.secret.test",
        "a.b.Secret.test.",
        "[::1]",
        "[::1]:443",
    ],
)
def test_a_host_is_recognised_however_it_is_spelt(gateway: RunningGateway, host: str) -> None:
    assert ask(gateway, "/", host) == 451
    assert ask(gateway, f"http://{host}/", host) == 451


@pytest.mark.parametrize("host", ["secret.testx", "xsecret.test", "test", ".secret.test", "[::2]"])
def test_another_host_is_another(gateway: RunningGateway, host: str) -> None:
    assert ask(gateway, "/", host) == 200


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://secret.test/", "a"),
        ("http://a/", "secret.test"),
        ("http://a:80/", "a"),
        ("http://a/", "a:80"),
        ("http://a./", "a"),
        ("/", "a, secret.test"),
        ("/", "secret.test\r\nHost: secret.test"),
        ("/", "u@secret.test"),
        ("/", "secret.test:"),
        ("/", "secret.test:http"),
        ("/", "secret.test:65536"),
        ("/", "secret.test/"),
        ("/", "[::1"),
        ("/", "::1"),
        ("/", ""),
    ],
)
def test_a_request_for_two_hosts_is_for_none(gateway: RunningGateway, target: str, host: str) -> None:
    assert ask(gateway, target, host) == 400
