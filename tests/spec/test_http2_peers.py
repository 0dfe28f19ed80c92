"""HTTP/2 with prior knowledge as the programs speak it that people have at hand: curl and h2load. What a
scripted client can do beyond that is not asked here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.gateway import RunningGateway, simple
from tests.support.programs import Nginx, need, run
from tests.support.upstreams import OK, Line, Upstream, answer

CURL = ("curl", "-sS", "--http2-prior-knowledge", "--max-time", "20")


@need("nginx", "curl")
def test_curl_sends_and_gets_bodies_larger_than_any_window(tmp_path: Path) -> None:
    body = bytes(range(256)) * 8192
    (tmp_path / "body").write_bytes(body)
    with Nginx(tmp_path / "nginx") as nginx, RunningGateway(tmp_path, simple([nginx.address])) as gateway:
        sent = run(
            *CURL, "-T", tmp_path / "body", "-w", "%{http_code} %{http_version}", gateway.url("/put/a")
        )
        assert sent.endswith("201 2"), sent
        assert (nginx.www / "put" / "a").read_bytes() == body
        run(*CURL, "-o", tmp_path / "back", gateway.url("/put/a"))
        assert (tmp_path / "back").read_bytes() == body


@need("curl")
@pytest.mark.parametrize(
    ("response", "arguments", "status"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", (), "204"),
        (b'HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n', (), "304"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", (), "404"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", ("-I",), "200"),
    ],
    ids=["204", "304", "404", "HEAD"],
)
def test_curl_gets_responses_without_a_body(
    tmp_path: Path, response: bytes, arguments: tuple[str, ...], status: str
) -> None:
    with (
        Upstream(answer(response)) as upstream,
        RunningGateway(tmp_path, simple([upstream.address])) as gateway,
    ):
        said = run(*CURL, *arguments, "-w", "%{http_code} %{http_version} %{size_download}", gateway.url())
        assert said.endswith(f"{status} 2 0"), said


@need("curl")
def test_curl_gets_trailers(tmp_path: Path) -> None:
    def script(line: Line) -> None:
        line.read_head()
        line.send(b"HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n")
        line.send(b"2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n")
        line.read_to_end()

    with Upstream(script) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        said = run(*CURL, "-D", "-", "-o", tmp_path / "body", "-H", "TE: trailers", gateway.url())
        assert re.search(r"(?m)^x-sum: 7\r?$", said), said
        assert (tmp_path / "body").read_bytes() == b"ok"


@need("h2load")
def test_h2load_runs_many_streams_at_once_without_an_error(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        said = run("h2load", "-n", "2000", "-c", "4", "-m", "32", gateway.url())
        assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in said, said
        assert gateway.metric("requests_total", code="2xx") == 2000
        assert gateway.metric("connections_total") == 4
