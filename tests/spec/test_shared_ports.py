"""An address belongs to one gateway: a second one that would take part of its traffic, by whatever name it
calls the address, does not start, and the first one does not notice."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from expressgateway.cli.exits import Exit
from tests.support.client import get
from tests.support.gateway import RunningGateway, run_command, simple
from tests.support.upstreams import OK, Upstream, answer


def at(bind: str, upstream: str) -> str:
    """A configuration with a listener there."""
    return simple([upstream]).replace("127.0.0.1:0", bind, 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "0.0.0.0"),
        ("0.0.0.0", "127.0.0.1"),
        ("127.0.0.1", "*"),
        ("*", "127.0.0.1"),
        ("*", "[::1]"),
        ("[::1]", "*"),
        ("[::]", "[::1]"),
    ],
)
def test_a_second_gateway_does_not_get_part_of_an_address(tmp_path: Path, first: str, second: str) -> None:
    # Both have several workers, whose sockets share the address among themselves.
    runtime = '[runtime]\nworkers = 3\nreadiness_settle = "0s"\n'
    with Upstream(answer(OK)) as upstream:
        # Both families of `*` get the same port only if it is named.
        with socket.create_server(("", 0)) as free:
            port = free.getsockname()[1]
        with RunningGateway(tmp_path, runtime + at(f"{first}:{port}", upstream.address)):
            file = tmp_path / "second.toml"
            file.write_text(runtime + '[admin]\nbind = "none"\n' + at(f"{second}:{port}", "127.0.0.1:9"))
            ended = run_command("run", file, "--ready-file", tmp_path / "second.json")
            assert ended.returncode == Exit.COULD_NOT_START, ended
            assert f":{port}: somebody listens there already, perhaps another gateway" in ended.stderr
            assert not (tmp_path / "second.json").exists()
            reached = ("::1" if "[" in first else "127.0.0.1", port)
            assert {get(reached).status for _ in range(20)} == {200}


@pytest.mark.parametrize("whose", ["the admin address", "a listener"])
def test_admin_addresses_are_nobody_elses_either(tmp_path: Path, whose: str) -> None:
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        admin = gateway.admin.removeprefix("http://")
        host, port = gateway.address()
        file = tmp_path / "second.toml"
        if whose == "the admin address":
            taken = admin
            file.write_text('[admin]\nbind = "none"\n' + at(admin, "127.0.0.1:9"))
        else:
            taken = f"{host}:{port}"
            file.write_text(f'[admin]\nbind = "{taken}"\n' + simple(["127.0.0.1:9"]))
        ended = run_command("run", file)
        assert ended.returncode == Exit.COULD_NOT_START, ended
        assert f"cannot start: {taken}: somebody listens there already" in ended.stderr
        assert gateway.ask("/readyz")[0] == 200
        assert get(gateway.address()).status == 200
