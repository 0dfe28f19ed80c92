"""``status``, where the other tests of commands do not look: answers that are nearly a gateway's."""

from __future__ import annotations

import json

import pytest

from expressgateway.cli import main
from expressgateway.cli.exits import Exit
from tests.support.upstreams import Upstream, answer

STATE = {
    "version": "1.2.3", "build": "testing", "pid": 7, "state": "ready", "generation": 2,
    "uptime_seconds": 90061, "workers": 2, "connections": 3,
    "listeners": [{"name": "web", "addresses": ["127.0.0.1:80", "[::1]:80"]}],
    "pools": [{"name": "app", "endpoints": [
        {"name": "a", "healthy": True, "in_flight": 1, "requests": 20, "failures": 0},
        {"name": "longer", "healthy": False, "in_flight": 0, "requests": 3, "failures": 300},
    ]}],
}  # fmt: skip


def said(
    capsys: pytest.CaptureFixture[str], body: str, *options: str, status: str = "200 OK"
) -> tuple[object, str, str]:
    """How the command ends, and what it says, about an admin address that answers so."""
    response = f"HTTP/1.1 {status}\r\ncontent-length: {len(body.encode())}\r\n\r\n{body}"
    with Upstream(answer(response.encode())) as upstream, pytest.raises(SystemExit) as caught:
        main(["status", "--admin", upstream.address, *options])
    out, err = capsys.readouterr()
    return caught.value.code, out, err.replace(upstream.address, "ADMIN")


def test_a_state_is_drawn_in_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, json.dumps(STATE)) == (
        Exit.FINE,
        "ready: generation 2, up 1d 1h, 2 workers, 3 connections\n"
        "expressgateway 1.2.3, testing build, pid 7\n\n"
        "LISTENER  ADDRESSES\nweb       127.0.0.1:80, [::1]:80\n\n"
        "POOL  ENDPOINT  HEALTH  IN FLIGHT  REQUESTS  FAILURES\n"
        "app   a         up      1          20        0\n"
        "app   longer    down    0          3         300\n",
        "",
    )


def test_a_gateway_that_serves_nothing_has_tables_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, json.dumps({**STATE, "listeners": [], "pools": []}))
    assert code == Exit.FINE
    assert out.endswith("LISTENER  ADDRESSES\n\nPOOL  ENDPOINT  HEALTH  IN FLIGHT  REQUESTS  FAILURES\n")


@pytest.mark.parametrize(
    "status", ["503 Service Unavailable", "404 Not Found", "204 No Content", "301 Moved"]
)
def test_only_200_is_an_answer(status: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, json.dumps(STATE), status=status)
    assert (code, out) == (Exit.UNREACHABLE, "")
    assert err == f"ADMIN: this is not the admin address of a gateway (it answers {status[:3]})\n"


@pytest.mark.parametrize(
    "body",
    ["", "{}", "[]", "null", '"x"', "{", "\x00", json.dumps({**STATE, "pools": "abc"}),
     json.dumps({**STATE, "pools": [{"name": "app", "endpoints": [{}]}]}),
     json.dumps({**STATE, "listeners": [{"name": 1, "addresses": []}]}),
     json.dumps({**STATE, "uptime_seconds": "long"})],
    ids=range(11),
)  # fmt: skip
def test_what_is_not_a_state_is_not_drawn(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, body)
    assert (code, out) == (Exit.UNREACHABLE, "")
    assert err.startswith("ADMIN: this is not the admin address of a gateway (")
    assert err.count("\n") == 1


def test_as_json_a_state_is_shown_as_it_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    text = json.dumps(STATE, indent=1)
    assert said(capsys, f"{text}\n", "--json") == (Exit.FINE, f"{text}\n", "")
