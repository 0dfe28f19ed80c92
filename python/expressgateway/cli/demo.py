"""``expressgateway demo``: three upstreams in a process of their own, a gateway before them, and what to
try. The upstreams share no event loop with the gateway: what one sees is the gateway at work, not a
conversation with itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from expressgateway.cli.exits import Exit
from expressgateway.cli.run import say
from expressgateway.config import Config
from expressgateway.control import Gateway
from expressgateway.control.sockets import listen
from expressgateway.errors import ExpressGatewayError, ResourceError, SocketError

__all__ = ["demo"]

_NAMES: Final = ("red", "green", "blue")
_ADMIN_PORT: Final = 9090

_WHAT_TO_TRY: Final = """\
Three upstreams, red, green and blue, behind one gateway:

  {url}/  shows who answers

  curl {url}/whoami
  curl --http2-prior-knowledge {url}/whoami
  curl {url}/headers          what an upstream is told
  curl -X POST {url}/nap      whoever answers sleeps for five seconds
  curl {admin}/metrics
  expressgateway status --admin {admin}

Ctrl-C ends it."""


def demo(port: int) -> Exit:
    """Serve until interrupted."""
    try:
        with _upstreams() as ports:
            Gateway(_config(_free(port), _free(_ADMIN_PORT), ports)).run(_say_what_to_try)
    except (ExpressGatewayError, OSError) as error:
        say(f"cannot start: {error}")
        return Exit.COULD_NOT_START
    return Exit.FINE


def _config(bind: str, admin: str, ports: dict[str, int]) -> Config:
    settings: dict[str, Any] = {
        "runtime": {"readiness_settle": "0s", "drain_timeout": "5s"},
        "admin": {"bind": admin},
        "listeners": {"web": {"protocol": "http", "bind": bind, "default_pool": "demo"}},
        "pools": {
            "demo": {
                "endpoints": [{"name": name, "address": f"127.0.0.1:{port}"} for name, port in ports.items()],
                "check": {"type": "tcp", "interval": "500ms", "timeout": "250ms", "fall": 1, "rise": 1},
            }
        },
        "logs": {"level": "warning", "access": {"path": "none"}},
    }
    return Config.model_validate(settings)


def _free(port: int) -> str:
    """The address with this port, or, if somebody has it, with one that the system will choose."""
    try:
        for one in listen(f"127.0.0.1:{port}"):
            one.close()
    except SocketError:
        say(f"port {port} is taken; using a free one")
        return "127.0.0.1:0"
    return f"127.0.0.1:{port}"


def _say_what_to_try(gateway: Gateway) -> None:
    url, admin = f"http://{gateway.addresses['web'][0]}", f"http://{gateway.admin_address}"
    print(_WHAT_TO_TRY.format(url=url, admin=admin), flush=True)


@contextmanager
def _upstreams() -> Iterator[dict[str, int]]:
    """A child that serves until its standard input ends, which it does however we end. It is out of reach of
    the terminal's signals: upstreams shall outlive the drain."""
    command = [sys.executable, "-m", "expressgateway.cli.upstreams", *_NAMES]
    with subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        try:
            said = child.stdout.readline() if child.stdout else b""
            if not said:
                raise ResourceError("the upstreams ended before they served")
            yield json.loads(said)
        finally:
            child.communicate()
