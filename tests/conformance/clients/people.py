"""The clients: which program each is, what it speaks, and what people do not do with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support.programs import find, run
from tests.support.waiting import DEADLINE, eventually

from .curl import Curl
from .site import Site

DRIVERS: Final = Path(__file__).parent / "drivers"
_ROOT: Final = Path(__file__).resolve().parents[3]
# Where what requirements.txt lists is installed.
_PINNED: Final = _ROOT / "build" / "clients" / "bin" / "python"

Results = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody with a client."""

    name: str
    missing: Callable[[], str]
    """What is not installed; empty if nothing is missing."""
    everyday: Callable[[Site, Path], Results]
    """Does everything, in a folder of its own."""
    version: str = "1.1"
    """Of HTTP, as the log calls it."""
    kept: int = 1
    """Connections that it may open for requests one after the other."""
    cannot: dict[str, str] = field(default_factory=dict)
    """Uses that it has not, and why."""

    @property
    def key(self) -> str:
        """Its name in URLs."""
        return self.name.replace(" ", "-").replace("/", "")


def _programs(*names: str) -> Callable[[], str]:
    return lambda: ", ".join(name for name in names if find(name) is None)


def _module(name: str) -> Callable[[], str]:
    def missing() -> str:
        asked = [str(_PINNED), "-c", f"import {name}"]
        there = _PINNED.exists() and subprocess.run(asked, capture_output=True, check=False).returncode == 0
        return "" if there else f"{name} of tests/conformance/clients/requirements.txt"

    return missing


def _curl(name: str, *options: str) -> Callable[[Site, Path], Results]:
    def everyday(site: Site, folder: Path) -> Results:
        person = BY_NAME[name]
        curl = Curl(site.gateway.url("").rstrip("/"), folder, site.upload, person.key, options)
        return curl.everyday([use for use in site.expected() if use not in person.cannot])

    return everyday


def _driver(name: str, *command: str | Path) -> Callable[[Site, Path], Results]:
    def everyday(site: Site, _: Path) -> Results:
        where = site.gateway.url("").rstrip("/")
        found: Results = json.loads(run(*command, where, site.upload, BY_NAME[name].key, deadline=50.0))
        return found

    return everyday


def _chromium(site: Site, folder: Path) -> Results:
    program = find("chromium")
    assert program
    quiet = (
        "no-sandbox no-first-run disable-gpu disable-quic disable-background-networking disable-sync "
        "disable-component-update disable-default-apps disable-extensions disable-dev-shm-usage"
    )
    arguments = [f"--{option}" for option in quiet.split()]
    # With a port for tools it stays until it is told to go.
    arguments += ["--headless", "--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}"]
    with (folder / "chromium.txt").open("wb") as said:
        browser = subprocess.Popen(
            [program, *arguments, site.gateway.url("/browser.html?client=Chromium")],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={**os.environ, "HOME": str(folder)},
            start_new_session=True,
        )
    try:
        eventually(lambda: "Chromium" in site.app.reports, "the report", deadline=50)
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait(DEADLINE)
    found: Results = site.app.reports["Chromium"]
    return found


_NO_COOKIES: Final = {"cookies": "keeps none"}
_PEOPLE: Final = "people use urllib or another library for it"
_NOT_SEEN: Final = {
    "a body that waits for 100": "has no way to wait",
    "a WebSocket": "does not speak it",
    "trailers": "does not show them",
}

# Of curl before 8.0, with prior knowledge and whatever the server.
_NOT_TWICE: Final = "it cannot use a connection twice"

PEOPLE: Final = (
    Person(
        "curl",
        _programs("curl"),
        _curl("curl"),
        cannot={"a WebSocket": "is experimental there"},
    ),
    Person(
        "curl as of HTTP 1.0",
        _programs("curl"),
        _curl("curl as of HTTP 1.0", "--http1.0"),
        version="1.0",
        cannot={
            "a WebSocket": "needs 1.1",
            "a body of unknown length": "needs 1.1",
            "a body that waits for 100": "needs 1.1",
            "trailers": "need 1.1",
            "one request after the other": "each has its own connection",
        },
    ),
    Person(
        "curl over HTTP 2",
        _programs("curl"),
        _curl("curl over HTTP 2", "--http2-prior-knowledge"),
        version="2",
        cannot={
            "a WebSocket": "is experimental there",
            "a body that waits for 100": "it does not, in 2",
            "an upload that is refused": "takes the reset that stops its upload for a failure",
            **dict.fromkeys(("one request after the other", "redirects", "many at once"), _NOT_TWICE),
        },
    ),
    Person(
        "http.client",
        lambda: "",
        _driver("http.client", sys.executable, DRIVERS / "standard.py"),
        cannot={
            **_NOT_SEEN,
            "a form with a file": _PEOPLE,
            "an upload that is refused": "breaks off before it reads an answer",
        },
    ),
    Person(
        "httpx",
        _module("httpx"),
        _driver("httpx", _PINNED, DRIVERS / "httpx_like.py", "httpx"),
        cannot=_NOT_SEEN,
    ),
    Person(
        "httpx2",
        _module("httpx2"),
        _driver("httpx2", _PINNED, DRIVERS / "httpx_like.py", "httpx2"),
        cannot=_NOT_SEEN,
    ),
    Person(
        "Node",
        _programs("node"),
        _driver("Node", "node", DRIVERS / "node.mjs"),
        cannot=_NO_COOKIES,
    ),
    Person(
        "Chromium",
        _programs("chromium"),
        _chromium,
        # It connects ahead of need.
        kept=2,
        cannot={
            "a body that waits for 100": "has no way to wait",
            "a body of unknown length": "streams bodies over HTTP/2 with TLS only",
            "trailers": "does not show them",
            "an upload that is refused": "shows it as a failure of the network, as often as not",
        },
    ),
)
BY_NAME: Final = {person.name: person for person in PEOPLE}
