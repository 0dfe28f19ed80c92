"""Each file of examples/ does what its text says, as it stands there, on addresses that are free."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

from tests.support.client import get
from tests.support.gateway import RunningGateway
from tests.support.upstreams import OK, Script, Upstream, answer
from tests.support.waiting import eventually

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TESTED = {"README.md", "embed.py", "health-checks.toml", "two-pools-by-host.toml"}


def says(name: str) -> Script:
    """An upstream that answers with its name."""
    return answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(name), name.encode()))


def example(name: str, *upstreams: Upstream) -> str:
    """An example's text, with a free port for its listener and these upstreams in place of its endpoints."""
    text = (EXAMPLES / name).read_text().replace('bind = "127.0.0.1:8080"', 'bind = "127.0.0.1:0"')
    listed = re.findall(r'"(127\.0\.0\.1:9\d+)"', text)
    assert len(listed) == len(upstreams), f"{name} has {len(listed)} endpoints"
    for address, upstream in zip(listed, upstreams, strict=True):
        text = text.replace(f'"{address}"', f'"{upstream.address}"')
    return text


def test_every_example_has_a_test_and_a_paragraph() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if not path.name.startswith(("__", "."))} == TESTED
    page = (EXAMPLES / "README.md").read_text()
    assert [name for name in TESTED - {"README.md"} if f"## [{name}]({name})" not in page] == []


def test_two_hosts_lead_to_two_pools_as_their_example_says(tmp_path: Path) -> None:
    with (
        Upstream(says("api")) as api,
        Upstream(says("shop")) as one,
        Upstream(says("shop")) as two,
        RunningGateway(tmp_path, example("two-pools-by-host.toml", api, one, two)) as gateway,
    ):
        for host, path, status, body in [
            ("api.example.com", "/api/orders", 200, b"api"),
            ("api.example.com", "/apis", 404, b"404 Not Found\n"),
            ("shop.example.com", "/", 200, b"shop"),
            ("eu.shop.example.com", "/api", 200, b"shop"),
            ("other.example.com", "/", 404, b"404 Not Found\n"),
        ]:
            response = get(gateway.address(), path, host=host)
            assert (response.status, response.body) == (status, body), f"{host}{path}"


def test_an_endpoint_that_stops_is_left_out_until_it_is_back_as_its_example_says(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as left, Upstream(answer(OK)) as right:
        text = example("health-checks.toml", left, right)
        host, _, port = right.address.rpartition(":")
        with RunningGateway(tmp_path, text) as gateway:

            def healthy(name: str) -> bool:
                return gateway.metric("endpoint_healthy", pool="app", endpoint=name) == 1

            eventually(lambda: len(right.lines) > 0, "the first check")
            assert healthy("left")
            assert healthy("right")
            right.close()
            eventually(lambda: not healthy("right"), "right is left out")
            before = gateway.metric("endpoint_requests_total", endpoint="right")
            assert [get(gateway.address()).status for _ in range(4)] == [200] * 4
            assert gateway.metric("endpoint_requests_total", endpoint="right") == before
            with socket.create_server((host, int(port))):
                eventually(lambda: healthy("right"), "right is back")
            assert healthy("left")


def test_a_gateway_in_a_program_changes_its_configuration_as_its_example_says() -> None:
    ran = subprocess.run(
        [sys.executable, str(EXAMPLES / "embed.py")], capture_output=True, text=True, timeout=50, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "generation 1: blue\ngeneration 2: green\nconnections that were cut: 0\n"
