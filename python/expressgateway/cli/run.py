"""``expressgateway run``: a gateway that owns its process."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from expressgateway.cli.exits import Exit
from expressgateway.control import Gateway
from expressgateway.errors import ConfigError, ExpressGatewayError, ResourceError

__all__ = ["DEFAULT_FILE", "ReadyFileError", "run"]

DEFAULT_FILE: Final = Path("expressgateway.toml")


def run(file: Path | None, ready_file: Path | None) -> Exit:
    """Serve until told to end."""
    if file is None and not DEFAULT_FILE.exists():
        say(f"there is no {DEFAULT_FILE} here; name a file, or try `expressgateway demo`")
        return Exit.USAGE
    file = file or DEFAULT_FILE
    try:
        gateway = Gateway.from_file(file)
    except OSError as error:
        say(f"{file}: {error.strerror}")
        return Exit.UNREADABLE
    except ConfigError as error:
        say(str(error))
        return Exit.FINDINGS
    try:
        if ready_file is None:
            gateway.run()
        else:
            with _ReadyFile(ready_file) as ready:
                gateway.run(ready.write)
    except ConfigError as error:
        say(str(error))
        return Exit.FINDINGS
    except (ExpressGatewayError, OSError) as error:
        say(f"cannot start: {error}")
        return Exit.COULD_NOT_START
    return Exit.FINE


def say(message: str) -> None:
    """Tell the operator, not whoever reads the results."""
    # Without one, `print` would turn to standard output.
    if sys.stderr:
        print(message, file=sys.stderr, flush=True)


class ReadyFileError(ResourceError):
    """The file that says that everything is served cannot be written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class _ReadyFile:
    """A file that is there while the gateway serves. One that a killed gateway has left would tell a lie, so
    it is removed before the start; nobody ever sees half of one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _ReadyFile:
        with self._named():
            self._path.unlink(missing_ok=True)
        return self

    def write(self, gateway: Gateway) -> None:
        """Say that everything is served, and where."""
        admin = gateway.admin_address
        facts = {
            "pid": os.getpid(),
            "admin": f"http://{admin}" if admin else None,
            "listeners": gateway.addresses,
        }
        unfinished = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with self._named():
            unfinished.write_text(json.dumps(facts) + "\n")
            unfinished.replace(self._path)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Errors say which file, and what to do."""
        try:
            yield
        except OSError as error:
            reason = f"cannot be written: {error.strerror}; name a file in a folder that is there and ours"
            raise ReadyFileError(str(self._path), reason) from error

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()
