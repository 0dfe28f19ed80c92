"""A process that forks with a gateway in it has a child that holds nothing of the gateway but a memory: every
method says so, the child ends or begins anew as it likes, and the parent serves as before."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.support.client import get
from tests.support.embedding import Program
from tests.support.upstreams import OK, Upstream, answer

SERVING = """
loop = asyncio.new_event_loop()
gateway = Gateway(config())
loop.run_until_complete(gateway.start())

def ended(child):
    # A child that hangs shall not take the test with it.
    watch = os.pidfd_open(child)
    if select.select([watch], [], [], 10)[0]:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "it hung"
"""

SERVE_ON = """
ready(gateway)
wait()
loop.run_until_complete(gateway.drain())
gateway.stop()
# A turn for what was cancelled.
loop.run_until_complete(asyncio.sleep(0))
loop.close()
"""


def test_every_method_of_a_gateway_says_in_the_child_whose_it_is(tmp_path: Path) -> None:
    text = SERVING + textwrap.dedent("""
        child = os.fork()
        if not child:
            calls = {
                "status": gateway.status,
                "connections": gateway.connections,
                "apply": lambda: asyncio.run(gateway.apply(config())),
                "drain": lambda: asyncio.run(gateway.drain()),
                "stop": gateway.stop,
            }
            for name, call in calls.items():
                try:
                    call()
                    say("child", name, "raised nothing")
                except EngineError as error:
                    said = f"process {os.getppid()}, which this one was forked from" in str(error)
                    say("child", name, "says so" if said else error)
            sys.exit(0)
        say("child ended", ended(child))
        """)
    with Upstream(answer(OK)) as upstream, Program(tmp_path, text + SERVE_ON, upstream.address) as program:
        web, admin = program.places()
        assert program.line("child ended") == "0"
        children = [line for line in program.said() if line.startswith("child ") and "ended" not in line]
        expected = ["status", "connections", "apply", "drain", "stop"]
        assert children == [f"child {name} says so" for name in expected]
        assert get(web).status == 200
        assert get(admin, "/readyz").status == 200
        program.go_on()
        assert program.ended() == 0
        assert "Traceback" not in program.complained()


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("pass", "0"),
        ("sys.exit(3)", "3"),
        ("raise SystemExit", "0"),
        ("os._exit(4)", "4"),
        ("del gateway; gc.collect()", "0"),
        ("raise LookupError('of the child')", "1"),
        ("os.execv('/bin/true', ['true'])", "0"),
    ],
)
def test_a_child_ends_as_it_likes_and_at_once(tmp_path: Path, ending: str, status: str) -> None:
    text = SERVING + textwrap.dedent(f"""
        child = os.fork()
        if child:
            say("child ended", ended(child))
            ready(gateway)
            wait()
            gateway.stop()
        else:
            {ending}
        """)
    with Upstream(answer(OK)) as upstream, Program(tmp_path, text, upstream.address) as program:
        web, _ = program.places()
        assert program.line("child ended") == status
        assert get(web).status == 200
        program.go_on()
        assert program.ended() == 0


def test_a_child_of_a_busy_parent_ends_too(tmp_path: Path) -> None:
    """Whatever a thread of the parent held at that moment, nobody gives back in the child."""
    text = SERVING + textwrap.dedent("""
        engine = gateway._plane.engine
        busy = True

        def work():
            while busy:
                engine.drain()

        worker = threading.Thread(target=work)
        worker.start()
        endings = []
        for number in range(8):
            child = os.fork()
            if not child:
                # The last reference: what the engine does when it is forgotten is done here.
                del engine, gateway
                gc.collect()
                sys.exit(0)
            endings.append(ended(child))
            if endings[-1] != 0:
                break
        say("children ended", endings)
        busy = False
        worker.join()
        gateway.stop()
        """)
    with Upstream(answer(OK)) as upstream, Program(tmp_path, text, upstream.address) as program:
        assert program.line("children ended") == str([0] * 8)
        assert program.ended() == 0


def test_a_child_may_serve_with_a_gateway_of_its_own(tmp_path: Path) -> None:
    text = SERVING + textwrap.dedent("""
        child = os.fork()
        if not child:
            async def main():
                async with Gateway(config(sys.argv[2])) as own:
                    say("own", own.addresses["web"][0], own.admin_address)
                    await asyncio.to_thread(wait)
            asyncio.run(main())
            sys.exit(0)
        ready(gateway)
        say("child ended", ended(child))
        wait()
        gateway.stop()
        """)
    own = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nown"
    with (
        Upstream(answer(OK)) as upstream,
        Upstream(answer(own)) as other,
        Program(tmp_path, text, upstream.address, other.address) as program,
    ):
        (web, _), (childs, _) = program.places(), program.places("own")
        assert [get(web).body, get(childs).body] == [b"ok", b"own"]
        program.go_on()
        assert program.line("child ended") == "0"
        with pytest.raises(ConnectionRefusedError):
            get(childs)
        assert get(web).body == b"ok"
        program.go_on()
        assert program.ended() == 0


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_come_and_go_while_the_gateway_serves(tmp_path: Path, method: str) -> None:
    text = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def square(number):
    return number * number

def main():
    loop = asyncio.new_event_loop()
    gateway = Gateway(config())
    loop.run_until_complete(gateway.start())
    context = multiprocessing.get_context(sys.argv[2])
    one = context.Process(target=square, args=(3,))
    one.start()
    one.join(20)
    say("one ended", one.exitcode)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        say("squares", list(pool.map(square, range(4))))
    ready(gateway)
    wait()
    loop.run_until_complete(gateway.drain())
    gateway.stop()
    # A turn for what was cancelled.
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()

if __name__ == "__main__":
    main()
"""
    with Upstream(answer(OK)) as upstream, Program(tmp_path, text, upstream.address, method) as program:
        web, _ = program.places()
        assert program.line("one ended") == "0"
        assert program.line("squares") == "[0, 1, 4, 9]"
        assert get(web).status == 200
        program.go_on()
        assert program.ended() == 0
        assert program.complained() == ""
