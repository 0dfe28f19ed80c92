"""A request goes through every seam: file, Snapshot, worker, endpoint, record."""

from __future__ import annotations

from pathlib import Path

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway, simple
from tests.support.programs import Nginx, need
from tests.support.upstreams import OK, Upstream, answer


def test_a_request_reaches_an_upstream_and_leaves_one_record(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        response = get(gateway.address(), "/a?b=1", fields="X-Order: first\r\n")
        assert (response.status, response.body) == (200, b"ok")
        record = gateway.record(target="/a?b=1")
        assert (record["status"], record["endpoint"], record["pool"]) == (200, upstream.address, "app")
        assert (record["ending"], record["by"], record["response_bytes"]) == ("complete", "upstream", 2)
        assert gateway.metric("requests_total", listener="web", code="2xx") == 1
    (received,) = upstream.received
    assert received.startswith(b"GET /a?b=1 HTTP/1.1\r\nHost: gateway.test\r\nX-Order: first\r\n")


@need("nginx")
def test_nginx_as_an_upstream_serves_files_through_the_gateway(tmp_path: Path) -> None:
    with Nginx(tmp_path / "nginx") as nginx:
        (nginx.www / "file").write_bytes(bytes(range(256)) * 4096)
        with (
            RunningGateway(tmp_path, simple([nginx.address])) as gateway,
            Client(gateway.address()) as client,
        ):
            for path in ("/hello", "/file", "/missing", "/hello"):
                client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
                response = client.response()
                assert response.status == (404 if path == "/missing" else 200)
                if path == "/file":
                    assert response.body == bytes(range(256)) * 4096
