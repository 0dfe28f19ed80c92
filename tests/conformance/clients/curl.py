"""Everyday use by curl, as somebody types it, in one version of HTTP."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.programs import run

PATIENCE: Final = "15"


@dataclass(frozen=True)
class Answer:
    """What one call brought: of the last response where there are several."""

    status: int
    head: str
    body: bytes

    def value(self, name: str) -> str:
        """Of a field in the head, or behind the body."""
        found = re.findall(rf"(?im)^{name}: (.*?)\r?$", self.head)
        assert found, f"no {name} in {self.head}"
        return str(found[-1])


class Curl:
    """curl with some options, before a site."""

    def __init__(self, site: str, folder: Path, upload: Path, client: str, options: Sequence[str]) -> None:
        self._site, self._upload, self._client = site, upload, client
        self._begin = ("curl", "-sS", "--max-time", PATIENCE, *options)
        self._head, self._body = folder / "head", folder / "body"
        self._jar = folder / "cookies"

    def _ask(self, path: str, *options: str) -> Answer:
        self._body.write_bytes(b"")
        into = ("-D", str(self._head), "-o", str(self._body), "-w", "%{http_code}")
        status = run(*self._begin, *into, *options, self._site + path)
        head = self._head.read_bytes().decode("latin-1")
        return Answer(int(status), head, self._body.read_bytes())

    def everyday(self, uses: Sequence[str]) -> dict[str, Any]:
        """What it finds in each of these uses."""
        found: dict[str, Any] = {}
        for use in uses:
            try:
                found[use] = _USES[use](self)
            except (AssertionError, ValueError, subprocess.TimeoutExpired) as error:
                found[use] = {"error": repr(error)}
        return found

    # --- the uses ----------------------------------------------------------------------------------------

    def page(self) -> object:
        found = []
        for path in ("/", "/style.css", "/app.js", "/image.png"):
            answer = self._ask(path)
            kind = answer.value("content-type").partition(";")[0]
            found.append([path, answer.status, kind, _digest(answer.body)])
        return found

    def one_after_the_other(self) -> object:
        urls = [f"{self._site}/app/echo?kept={self._client}"] * 10
        said = run(*self._begin, "-w", " %{http_code}\n", *urls)
        return [int(status) for status in re.findall(r" (\d+)$", said, re.MULTILINE)]

    def unchanged(self) -> object:
        tag = self._head.with_name("etag")
        first = self._ask("/style.css", "--etag-save", str(tag))
        second = self._ask("/style.css", "--etag-compare", str(tag))
        return [first.status, second.status, len(second.body)]

    def part(self) -> object:
        answer = self._ask("/large.bin", "-r", "1000-1999")
        return [answer.status, answer.value("content-range"), _digest(answer.body)]

    def only_head(self) -> object:
        answer = self._ask("/large.bin", "-I")
        # It writes the head where the body would go.
        return [answer.status, int(answer.value("content-length")), len(answer.body) - len(answer.head)]

    def compressed(self) -> object:
        answer = self._ask("/text.txt", "--compressed")
        return [answer.value("content-encoding"), _digest(answer.body)]

    def form(self) -> object:
        fields = ("name=Zoë & co", "many=1", "many=2")
        options = [option for field in fields for option in ("--data-urlencode", field)]
        return json.loads(self._ask("/app/form", *options).body)

    def form_with_file(self) -> object:
        file = f"file=@{self._upload};filename=upload.bin"
        return json.loads(self._ask("/app/upload", "-F", "note=hello", "-F", file).body)

    def chunks(self) -> object:
        fields = ("-H", "Transfer-Encoding: chunked", "-H", "Expect:")
        return json.loads(self._ask("/app/sum", "-X", "POST", *fields, "-T", str(self._upload)).body)

    def expect(self) -> object:
        # It waits for 100 by itself where a body is large.
        path = f"/app/sum?client={self._client}"
        answer = self._ask(path, "--expect100-timeout", PATIENCE, "--data-binary", f"@{self._upload}")
        return json.loads(answer.body)

    def redirects(self) -> object:
        answer = self._ask("/app/hop/3", "-L")
        return [json.loads(answer.body)["path"], answer.status]

    def cookies(self) -> object:
        jar = ("-b", str(self._jar), "-c", str(self._jar))
        self._ask("/app/login", "-X", "POST", *jar)
        return json.loads(self._ask("/app/cookies", *jar).body)

    def errors(self) -> object:
        return [
            self._ask(path).status
            for path in ("/missing.html", "/app/missing", f"/app/broken?client={self._client}")
        ]

    def methods(self) -> object:
        names = ("PUT", "PATCH", "DELETE", "OPTIONS")
        return [json.loads(self._ask("/app/echo", "-X", name).body)["method"] for name in names]

    def large(self) -> object:
        answer = self._ask("/large.bin")
        return [answer.status, len(answer.body), _digest(answer.body)]

    def events(self) -> object:
        path, found = f"/app/events?client={self._client}", []
        with subprocess.Popen([*self._begin, "-N", self._site + path], stdout=subprocess.PIPE) as reading:
            assert reading.stdout
            for line in reading.stdout:
                if line.startswith(b"data: "):
                    found.append(line[6:].decode().strip())
                    self._ask(path, "-X", "POST")
        return found

    def trailers(self) -> object:
        answer = self._ask("/app/trailers", "-H", "TE: trailers")
        return [answer.body.decode(), answer.value("x-sum")]

    def refused(self) -> object:
        # Without waiting for 100: the body is under way when the answer comes.
        more = ("-H", "Expect:", "-X", "POST", "-T", str(self._upload.with_name("refused.bin")))
        return self._ask("/app/refuse", *more).status

    def many(self) -> object:
        urls = [f"{self._site}/app/echo?many={self._client}"] * 40
        said = run(*self._begin, "-Z", "--parallel-max", "40", "-w", " %{http_code}\n", *urls)
        return [int(status) for status in re.findall(r" (\d+)$", said, re.MULTILINE)]


_USES: Final[dict[str, Callable[[Curl], object]]] = {
    "a page and what it needs": Curl.page,
    "one request after the other": Curl.one_after_the_other,
    "a file that has not changed": Curl.unchanged,
    "a part of a file": Curl.part,
    "only the head": Curl.only_head,
    "a file that travels compressed": Curl.compressed,
    "a form": Curl.form,
    "a form with a file": Curl.form_with_file,
    "a body of unknown length": Curl.chunks,
    "a body that waits for 100": Curl.expect,
    "redirects": Curl.redirects,
    "cookies": Curl.cookies,
    "errors": Curl.errors,
    "other methods": Curl.methods,
    "a large file": Curl.large,
    "events as they happen": Curl.events,
    "trailers": Curl.trailers,
    "an upload that is refused": Curl.refused,
    "many at once": Curl.many,
}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
