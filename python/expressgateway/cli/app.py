"""The commands and their parameters. Each one imports what it needs when it is called: help and completion
cost no more than themselves. Results go to standard output, diagnostics to standard error."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from expressgateway.cli.exits import Exit

__all__ = ["main"]

app = App(
    name="expressgateway",
    help="A load balancer, configured and operated in Python and carried by a compiled data plane.",
    version_flags=[],
)


@app.command
def run(file: Path | None = None, /, *, ready_file: Path | None = None) -> Exit:
    """Serve in the foreground until a signal ends it.

    SIGHUP reads the file again, SIGTERM drains and ends, SIGINT the same without settling first.

    Parameters
    ----------
    file
        The configuration. By default expressgateway.toml in the current folder.
    ready_file
        Where to write, once everything is served, JSON with pid, admin and the bound addresses of every
        listener. The file is gone when the gateway is.
    """
    from expressgateway.cli.run import run

    return run(file, ready_file)


@app.command
def demo(
    *, port: Annotated[int, Parameter(name=["--port", "-p"], validator=Number(gte=0, lte=65535))] = 8080
) -> Exit:
    """Serve three upstreams of its own, and say what to try.

    Parameters
    ----------
    port
        Where to serve, on this machine only. If the port is taken, the system chooses another.
    """
    from expressgateway.cli.demo import demo

    return demo(port)


@app.command
def check(*files: Path, strict: Annotated[bool, Parameter(negative=())] = False) -> Exit:
    """Say what is wrong with configurations, or that nothing is.

    Parameters
    ----------
    files
        The configurations. By default expressgateway.toml in the current folder.
    strict
        Take warnings for errors.
    """
    from expressgateway.cli.check import check

    return check(files, strict=strict)


@app.command
def status(*, admin: str | None = None, json: Annotated[bool, Parameter(negative=())] = False) -> Exit:
    """Show what a running gateway does: its listeners, and the health and load of every endpoint.

    Parameters
    ----------
    admin
        Its admin address. By default what EXPRESSGATEWAY_ADMIN says, or http://127.0.0.1:9090.
    json
        Show it as the gateway said it.
    """
    from expressgateway.cli.status import DEFAULT_ADMIN, status

    return status(admin or os.environ.get("EXPRESSGATEWAY_ADMIN") or DEFAULT_ADMIN, as_json=json)


@app.command
def version(*, json: Annotated[bool, Parameter(negative=())] = False) -> Exit:
    """Show which version this is, and how it was built.

    Parameters
    ----------
    json
        Show it as JSON.
    """
    from expressgateway.cli.version import version

    return version(as_json=json)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and end the process."""
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        ending = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
        # There is none if whoever started this has closed it.
        if sys.stdout:
            sys.stdout.flush()
    except CycloptsError:
        return Exit.USAGE
    except BrokenPipeError:
        # Who reads has seen enough. The interpreter flushes once more when it ends, into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FINE
    return ending if isinstance(ending, Exit) else Exit.FINE
