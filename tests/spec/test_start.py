"""A gateway that cannot start says what, where and what to do, ends with the status that says so too, and
leaves nothing half started behind."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from expressgateway.cli.exits import Exit
from tests.support.client import get
from tests.support.gateway import RunningGateway, run_command, simple
from tests.support.upstreams import OK, Upstream, answer

NO_ADMIN = '[admin]\nbind = "none"\n'


def starting(folder: Path, text: str) -> tuple[int, str]:
    """Exit status and complaints of a start that fails; nothing is left of it."""
    file, ready = folder / "gateway.toml", folder / "ready.json"
    file.write_text(text)
    # Of a gateway that was killed: it must not tell that this one serves.
    ready.write_text("{}")
    ended = run_command("run", file, "--ready-file", ready, cwd=folder, deadline=15)
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stderr


def at(bind: str, more: str = "") -> str:
    """A configuration with a listener there."""
    return simple(["127.0.0.1:9"], more=more).replace("127.0.0.1:0", bind, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[listeners.web\n", ["gateway.toml:1:"]),
        ("[admn]\nbind = 1\n", ["gateway.toml:1:", "admn", "admin"]),
        (NO_ADMIN + at("127.0.0.1:0").replace('"app"', '"ap"', 1), ["gateway.toml:6:", '"ap"', "app"]),
        (NO_ADMIN + at("127.0.0.1:99999"), ["gateway.toml:5:", "99999"]),
    ],
    ids=["no TOML", "a misspelt table", "an unknown pool", "no port"],
)
def test_a_wrong_file_is_named_with_line_and_value(tmp_path: Path, text: str, expected: list[str]) -> None:
    status, said = starting(tmp_path, text)
    assert status == Exit.FINDINGS, said
    assert [part for part in expected if part not in said] == [], said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "missing.toml", "No such file"), (tmp_path, "directory")):
        ended = run_command("run", path)
        assert ended.returncode == Exit.UNREADABLE, ended
        assert str(path) in ended.stderr
        assert reason in ended.stderr


def test_without_a_file_it_says_which_it_looked_for(tmp_path: Path) -> None:
    ended = run_command("run", cwd=tmp_path)
    assert ended.returncode == Exit.USAGE
    assert "expressgateway.toml" in ended.stderr
    assert "demo" in ended.stderr


def test_a_port_of_another_program_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        status, said = starting(tmp_path, NO_ADMIN + at(bind))
    assert status == Exit.COULD_NOT_START
    assert f"cannot start: {bind}: somebody listens there already" in said
    assert "ss -ltnp" in said
    assert not (tmp_path / "ready.json").exists()


def test_a_program_that_shares_its_port_does_not_get_a_gateway_to_share_with(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        assert starting(tmp_path, NO_ADMIN + at(bind))[0] == Exit.COULD_NOT_START


def test_a_second_gateway_on_the_same_port_does_not_start_and_takes_nothing(tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        host, port = gateway.address()
        # The one that is free is not served for a moment either.
        free = '[listeners.free]\nprotocol = "http"\nbind = "127.0.0.1:0"\ndefault_pool = "app"\n'
        text = NO_ADMIN + at(f"{host}:{port}", free)
        status, said = starting(second, text)
        assert status == Exit.COULD_NOT_START
        assert f"{host}:{port}: somebody listens there already, perhaps another gateway" in said
        assert "serving" not in said
        assert not (second / "ready.json").exists()
        for _ in range(20):
            assert get(gateway.address()).status == 200
        assert gateway.metric("connections_total") == 20


def test_an_admin_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        admin = f"127.0.0.1:{taken.getsockname()[1]}"
        port = free.getsockname()[1]
        free.close()
        status, said = starting(tmp_path, f'[admin]\nbind = "{admin}"\n' + at(f"127.0.0.1:{port}"))
        assert status == Exit.COULD_NOT_START
        assert f"cannot start: {admin}: somebody listens there already" in said
        assert "serving" not in said
        assert not (tmp_path / "ready.json").exists()
        with pytest.raises(ConnectionRefusedError):
            get(("127.0.0.1", port))


def test_an_access_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "occupied").mkdir()
    for path, reason in ((tmp_path / "occupied", "directory"), (tmp_path / "no" / "log", "No such file")):
        status, said = starting(tmp_path, NO_ADMIN + at("127.0.0.1:0") + f'[logs.access]\npath = "{path}"\n')
        assert status == Exit.COULD_NOT_START
        assert f"cannot start: {path}: cannot be opened: " in said
        assert reason in said
        assert not (tmp_path / "ready.json").exists()


def test_a_ready_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "gateway.toml"
    file.write_text(NO_ADMIN + at(f"127.0.0.1:{port}") + '[logs.access]\npath = "none"\n')
    for path, reason in ((tmp_path, "directory"), (tmp_path / "no" / "ready.json", "No such file")):
        ended = run_command("run", file, "--ready-file", path, cwd=tmp_path, deadline=15)
        assert ended.returncode == Exit.COULD_NOT_START
        assert reason in ended.stderr
        # As it was given, not as it is while it is being written, and without numbers of the system's.
        assert f"cannot start: {path}: " in ended.stderr, ended.stderr
        assert "Errno" not in ended.stderr
        with pytest.raises(ConnectionRefusedError):
            get(("127.0.0.1", port))


def test_an_address_that_this_machine_does_not_have_is_named(tmp_path: Path) -> None:
    status, said = starting(tmp_path, NO_ADMIN + at("192.0.2.1:0"))
    assert status == Exit.COULD_NOT_START
    assert "cannot start: 192.0.2.1:0: no interface of this machine has this address" in said


def test_a_command_line_that_is_wrong_is_told_from_everything_else(tmp_path: Path) -> None:
    ended = run_command("run", "--redy-file", "x", cwd=tmp_path)
    assert ended.returncode == Exit.USAGE
    assert "redy-file" in ended.stderr + ended.stdout


def test_a_gateway_of_its_own_keeps_its_memory_in_small_pages(tmp_path: Path) -> None:
    with Upstream(answer(OK)) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        status = Path(f"/proc/{gateway.process.pid}/status").read_text()
        assert "THP_enabled:\t0" in status
