"""Programs that users have around a gateway, from the system's packages: origins and load generators."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from .waiting import DEADLINE, eventually

_SYSTEM: Final = ("/usr/sbin", "/usr/local/sbin")


def find(name: str) -> str | None:
    """Where a program is, also where only administrators look."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_SYSTEM]))


def need(*names: str) -> pytest.MarkDecorator:
    """Skips a test, loudly, on a machine without these programs."""
    missing = [name for name in names if find(name) is None]
    return pytest.mark.skipif(
        bool(missing), reason=f"not installed: {', '.join(missing)} (make setup as root)"
    )


def run(*argv: str | Path, deadline: float = 60.0) -> str:
    """What a program that ends well says."""
    program = find(str(argv[0]))
    assert program, f"{argv[0]} is not installed"
    ran = subprocess.run(
        [program, *map(str, argv[1:])], capture_output=True, text=True, timeout=deadline, check=False
    )
    assert ran.returncode == 0, f"{argv}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


_NGINX: Final = """\
{user}
worker_processes 1;
daemon off;
error_log stderr warn;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000;
    server {{
        listen unix:{folder}/nginx.sock backlog=1024;
        default_type text/plain;
        root {folder}/www;
        location = /hello {{ return 200 "hello from nginx\\n"; }}
        location = /echo {{ return 200 "$request_method $request_uri\\n$http_host\\n"; }}
        location /put/ {{ dav_methods PUT; create_full_put_path on; root {folder}/www; }}
        {locations}
    }}
}}
"""


class Nginx:
    """nginx as an origin on a Unix socket in `folder`; files below ``www`` are served."""

    def __init__(self, folder: Path, locations: str = "") -> None:
        self.folder = folder
        self.www = folder / "www"
        self._locations = locations

    @property
    def address(self) -> str:
        """As configurations write it."""
        return f"unix:{self.folder}/nginx.sock"

    def __enter__(self) -> Self:
        self.www.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        configuration = self.folder / "nginx.conf"
        configuration.write_text(
            _NGINX.format(
                # The test's folders are nobody else's to read.
                user="user root;" if os.geteuid() == 0 else "",
                folder=self.folder,
                locations=self._locations,
            )
        )
        program = find("nginx")
        assert program
        self._output = (self.folder / "nginx.out").open("wb")
        self._process = subprocess.Popen(
            [program, "-p", str(self.folder), "-c", str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        eventually(self._serves, "nginx serves")
        return self

    def _serves(self) -> bool:
        assert self._process.poll() is None, (self.folder / "nginx.out").read_text()
        return (self.folder / "nginx.sock").exists()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(DEADLINE)
        self._output.close()


class Wrk:
    """wrk in the background, and what it counted once it has ended."""

    def __init__(self, url: str, *, connections: int = 32, seconds: float = 4) -> None:
        program = find("wrk")
        assert program
        self._process = subprocess.Popen(
            [program, "-t", "1", "-c", str(connections), "-d", f"{seconds:g}s", "--timeout", "10s", url],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def is_running(self) -> bool:
        """Whether it still sends."""
        return self._process.poll() is None

    def ended(self) -> tuple[int, str]:
        """Requests that were answered, and everything that went wrong; empty if nothing did."""
        output, _ = self._process.communicate(timeout=60)
        counted = re.search(r"(\d+) requests in", output)
        assert counted, output
        wrong = re.findall(r"Socket errors: .*|Non-2xx or 3xx responses: .*", output)
        return int(counted[1]), "; ".join(wrong)
