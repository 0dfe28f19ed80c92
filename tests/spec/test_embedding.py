"""A gateway in somebody's program is a guest: also with a request under way the program ends as it would
without one, and the gateway's threads are joined before the interpreter is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.client import Client, get
from tests.support.embedding import Program
from tests.support.upstreams import Line, Upstream, answer
from tests.support.waiting import eventually

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

IN_A_LOOP = """
async def ends_in_a_task():
    sys.exit(3)

async def main():
    global gateway, task
    gateway = Gateway(config())
    await gateway.start()
    ready(gateway)
    await asyncio.to_thread(wait)
    {ending}

asyncio.run(main())
"""

WITHOUT_RUN = """
loop = asyncio.new_event_loop()
gateway = Gateway(config())
loop.run_until_complete(gateway.start())
ready(gateway)
wait()
{ending}
"""

IN_A_THREAD = """
async def main():
    global gateway
    gateway = Gateway(config())
    await gateway.start()
    ready(gateway)
    await asyncio.Event().wait()

threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
wait()
{ending}
"""

RUN = """
def on_ready(gateway):
    ready(gateway)
    wait()
    {ending}

Gateway(config()).run(on_ready)
"""

ENDINGS = [
    pytest.param(IN_A_LOOP, "pass", 0, "", id="nothing is left to do"),
    pytest.param(IN_A_LOOP, "raise LookupError('ours')", 1, "LookupError: ours", id="an exception"),
    pytest.param(IN_A_LOOP, "sys.exit(3)", 3, "", id="sys.exit"),
    pytest.param(
        IN_A_LOOP,
        "task = asyncio.create_task(ends_in_a_task()); await asyncio.Event().wait()",
        3,
        "",
        id="sys.exit in a task",
    ),
    pytest.param(IN_A_LOOP, "atexit.register(gateway.stop)", 0, "", id="stopped by atexit"),
    pytest.param(
        IN_A_LOOP,
        "atexit.register(lambda: say('generation', gateway.status()['generation']))",
        0,
        "",
        id="used by atexit",
    ),
    pytest.param(
        IN_A_LOOP, "task = asyncio.create_task(gateway.apply(config(check=False)))", 0, "", id="amid an apply"
    ),
    pytest.param(
        IN_A_LOOP,
        "task = asyncio.create_task(gateway.drain())\n    await asyncio.sleep(0)",
        0,
        "",
        id="amid a drain",
    ),
    pytest.param(
        IN_A_LOOP, "os.kill(os.getpid(), signal.SIGINT); await asyncio.Event().wait()", -2, "", id="SIGINT"
    ),
    pytest.param(WITHOUT_RUN, "sys.exit(4)", 4, "", id="a loop that is not closed"),
    pytest.param(
        WITHOUT_RUN, "loop.close(); raise KeyError('ours')", 1, "KeyError: 'ours'", id="a closed loop"
    ),
    pytest.param(IN_A_THREAD, "", 0, "", id="a thread of its own that nobody joins"),
    pytest.param(IN_A_THREAD, "raise KeyboardInterrupt", -2, "", id="an interrupt of another thread"),
    pytest.param(IN_A_THREAD, "gateway.stop()", 0, "", id="stopped by another thread"),
    pytest.param(RUN, "sys.exit(5)", 5, "", id="sys.exit when it is ready"),
    pytest.param(RUN, "raise OSError('ours')", 1, "OSError: ours", id="an exception when it is ready"),
    pytest.param(
        RUN,
        "os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT)",
        0,
        "",
        id="two signals",
    ),
]


def silent(line: Line) -> None:
    """Never answers."""
    line.read_to_end()


@pytest.mark.parametrize(("program", "ending", "status", "complaint"), ENDINGS)
def test_a_program_ends_in_its_own_way_with_a_request_under_way(
    tmp_path: Path, program: str, ending: str, status: int, complaint: str
) -> None:
    with (
        Upstream(silent) as upstream,
        Program(tmp_path, program.format(ending=ending), upstream.address) as running,
    ):
        web, _ = running.places()
        with Client(web) as client:
            client.send(GET)
            eventually(lambda: any(b"GET /" in sent for sent in upstream.received), "it is under way")
            running.go_on()
            assert running.ended(10) == status, running.complained()
            assert complaint in running.complained()
            assert "Exception ignored" not in running.complained()
            assert client.is_closed()


def test_two_gateways_in_loops_of_two_threads_know_nothing_of_each_other(tmp_path: Path) -> None:
    text = """
gateways, loops = [], [asyncio.new_event_loop(), asyncio.new_event_loop()]

def on(number, coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, loops[number]).result(20)

for number, loop in enumerate(loops):
    threading.Thread(target=loop.run_forever, daemon=True).start()
    gateways.append(Gateway(config(sys.argv[number + 1])))
    on(number, gateways[number].start())
    ready(gateways[number])
    say("serves")
    wait()
on(0, gateways[0].apply(config(sys.argv[2])))
say("generations", gateways[0].status()["generation"], gateways[1].status()["generation"])
wait()
on(0, gateways[0].drain())
say("states", gateways[0].state.value, gateways[1].state.value)
wait()
gateways[0].stop()
say("threads:", len(engine_threads()))
wait()
on(1, gateways[1].drain())
gateways[1].stop()
say("none:", gone())
"""
    one, two = (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n%b" % body for body in (b"one", b"two"))
    with (
        Upstream(answer(one)) as first,
        Upstream(answer(two)) as second,
        Program(tmp_path, text, first.address, second.address) as program,
    ):
        running = second_of(program)
        assert [get(web).body for web, _ in running] == [b"one", b"two"]
        program.go_on()
        assert program.line("generations") == "2 1"
        assert [get(web).body for web, _ in running] == [b"two", b"two"]
        program.go_on()
        assert program.line("states") == "draining running"
        with pytest.raises(ConnectionRefusedError):
            get(running[0][0])
        assert get(running[0][1], "/readyz").status == 503
        assert get(running[1][1], "/readyz").status == 200
        program.go_on()
        # Two workers and the admin thread of the one that is left.
        assert program.line("threads:") == "3"
        assert get(running[1][0]).body == b"two"
        program.go_on()
        assert program.line("none:") == "[]"
        assert program.ended() == 0


def second_of(program: Program) -> list[list[tuple[str, int]]]:
    """Where both gateways of a program are, which waits after it has started each."""
    eventually(lambda: program.said()[-1:] == ["serves"], "the first one serves")
    program.go_on()
    eventually(lambda: program.said().count("serves") == 2, "the second one serves")
    lines = [line.split()[1:] for line in program.said() if line.startswith("ready")]
    return [
        [(host, int(port)) for host, _, port in (place.rpartition(":") for place in places)]
        for places in lines
    ]
