"""The demo's upstreams: enough HTTP/1.1 for a gateway, and nothing said to whoever speaks something else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from expressgateway.cli import upstreams
from expressgateway.cli.upstreams import Upstream
from tests.support.waiting import DEADLINE, soon

Talk = Callable[[Upstream, int], Awaitable[None]]


def conversation(talk: Talk) -> None:
    """Runs a test with an upstream that serves, and holds that its port and clients are gone afterwards."""

    async def run() -> None:
        upstream = Upstream("red")
        port = await upstream.open()
        await talk(upstream, port)
        upstream.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await soon(lambda: len(asyncio.all_tasks()) == 1, "its clients are left")

    asyncio.run(run())


async def said(port: int, sent: bytes) -> bytes:
    """Everything that comes back, once no more is sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), DEADLINE)
    writer.close()
    await writer.wait_closed()
    return answer


def bodies(answers: bytes) -> list[str]:
    """The bodies of answers that follow each other."""
    found = []
    while answers:
        head, _, rest = answers.partition(b"\r\n\r\n")
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        found.append(rest[:length].decode())
        answers = rest[length:]
    return found


@pytest.mark.parametrize(
    ("request_line", "status", "beginning"),
    [
        ("GET /whoami", "200 OK", '{"upstream": "red", "requests": 1}\n'),
        ("GET /whoami?x=1", "200 OK", '{"upstream": "red", "requests": 1}\n'),
        ("GET /headers", "200 OK", "red was told:\n\nhost: a\nx-one: 1\n"),
        ("GET /", "200 OK", "<!doctype html>"),
        ("GET /nap", "404 Not Found", "try /, /whoami or /headers\n"),
        ("POST /whoami", "404 Not Found", "try /, /whoami or /headers\n"),
    ],
)
def test_each_path_has_its_answer(request_line: str, status: str, beginning: str) -> None:
    async def talk(_: Upstream, port: int) -> None:
        answer = await said(port, f"{request_line} HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\n\r\n".encode())
        assert answer.startswith(f"HTTP/1.1 {status}\r\n".encode())
        (body,) = bodies(answer)
        assert body.lower().startswith(beginning.lower())

    conversation(talk)


def test_a_head_alone_has_the_length_of_the_body() -> None:
    async def talk(_: Upstream, port: int) -> None:
        whole = await said(port, b"GET /headers HTTP/1.1\r\n\r\n")
        assert (
            await said(port, b"HEAD /headers HTTP/1.1\r\n\r\n")
            == whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        )

    conversation(talk)


@pytest.mark.parametrize(
    "body",
    [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\nAnother: y\r\n\r\n",
        "Content-Length: 0\r\n\r\n",
    ],
)
def test_a_body_is_read_to_its_end_and_the_next_request_begins_there(body: str) -> None:
    async def talk(_: Upstream, port: int) -> None:
        requests = f"POST /x HTTP/1.1\r\n{body}GET /whoami HTTP/1.1\r\n\r\n"
        answers = bodies(await said(port, requests.encode()))
        assert json.loads(answers[1]) == {"upstream": "red", "requests": 2}

    conversation(talk)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHo",
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
    ],
    ids=range(8),
)
def test_what_is_not_understood_ends_the_connection_without_a_word(sent: bytes) -> None:
    async def talk(_: Upstream, port: int) -> None:
        # A reset is no word either: it had not read everything when it left.
        with contextlib.suppress(ConnectionError):
            assert await said(port, sent) == b""
        assert (await said(port, b"GET /whoami HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")

    conversation(talk)


def test_who_naps_answers_first_then_leaves_everybody_and_comes_back_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upstreams, "_NAP", 0.1)

    async def talk(_: Upstream, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = await said(port, b"POST /nap HTTP/1.1\r\n\r\n")
        assert bodies(answer) == ["red sleeps for 0.1 seconds\n"]
        assert await reader.read() == b""
        writer.close()
        awake: list[bool] = []

        async def knock() -> None:
            while not awake:
                try:
                    awake.append(b'"red"' in await said(port, b"GET /whoami HTTP/1.1\r\n\r\n"))
                except ConnectionError:
                    await asyncio.sleep(0)

        await asyncio.wait_for(knock(), DEADLINE)

    conversation(talk)


def test_as_a_program_it_prints_its_ports_and_serves_until_its_standard_input_ends() -> None:
    command = [sys.executable, "-m", "expressgateway.cli.upstreams", "one", "two"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        ports = json.loads(process.stdout.readline())
        assert list(ports) == ["one", "two"]
        for name, port in ports.items():
            answer = asyncio.run(said(port, b"GET /whoami HTTP/1.1\r\n\r\n"))
            assert json.loads(bodies(answer)[0])["upstream"] == name
        process.stdin.close()
        assert process.wait(DEADLINE) == 0
