"""Everyday use by httpx and its successor httpx2, which are used alike; the name of the module is the first
argument. Then it is told where the site is, a file to upload and its own name, and prints what it found."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LIBRARY: Any = importlib.import_module(sys.argv[1])
SITE, FILE, NAME = sys.argv[2], Path(sys.argv[3]), sys.argv[4]
client: Any = LIBRARY.Client(base_url=SITE, timeout=10)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pieces() -> Iterator[bytes]:
    with FILE.open("rb") as file:
        while piece := file.read(65536):
            yield piece


def page() -> object:
    found = []
    for path in ("/", "/style.css", "/app.js", "/image.png"):
        answer = client.get(path)
        kind = answer.headers["Content-Type"].partition(";")[0]
        found.append([path, answer.status_code, kind, digest(answer.content)])
    return found


def one_after_the_other() -> object:
    return [client.get(f"/app/echo?kept={NAME}").status_code for _ in range(10)]


def unchanged() -> object:
    first = client.get("/style.css")
    second = client.get("/style.css", headers={"If-None-Match": first.headers["ETag"]})
    return [first.status_code, second.status_code, len(second.content)]


def part() -> object:
    answer = client.get("/large.bin", headers={"Range": "bytes=1000-1999"})
    return [answer.status_code, answer.headers["Content-Range"], digest(answer.content)]


def only_head() -> object:
    answer = client.head("/large.bin")
    return [answer.status_code, int(answer.headers["Content-Length"]), len(answer.content)]


def compressed() -> object:
    answer = client.get("/text.txt")
    return [answer.headers["Content-Encoding"], digest(answer.content)]


def form() -> object:
    return client.post("/app/form", data={"name": "Zoë & co", "many": ["1", "2"]}).json()


def form_with_file() -> object:
    with FILE.open("rb") as file:
        files = {"file": ("upload.bin", file)}
        return client.post("/app/upload", data={"note": "hello"}, files=files).json()


def chunks() -> object:
    return client.post("/app/sum", content=pieces()).json()


def redirects() -> object:
    answer = client.get("/app/hop/3", follow_redirects=True)
    return [answer.json()["path"], answer.status_code]


def cookies() -> object:
    client.post("/app/login")
    return client.get("/app/cookies").json()


def errors() -> object:
    paths = ("/missing.html", "/app/missing", f"/app/broken?client={NAME}")
    return [client.get(path).status_code for path in paths]


def methods() -> object:
    names = ("PUT", "PATCH", "DELETE", "OPTIONS")
    return [client.request(name, "/app/echo").json()["method"] for name in names]


def large() -> object:
    sums, size = hashlib.sha256(), 0
    with client.stream("GET", "/large.bin") as answer:
        for piece in answer.iter_bytes():
            sums.update(piece)
            size += len(piece)
        return [answer.status_code, size, sums.hexdigest()]


def events() -> object:
    found = []
    with client.stream("GET", f"/app/events?client={NAME}") as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(line[6:])
                client.post(f"/app/events?client={NAME}")
    return found


def refused() -> object:
    return client.post("/app/refuse", content=FILE.read_bytes() * 4).status_code


def many() -> object:
    async def all_at_once() -> list[int]:
        async with LIBRARY.AsyncClient(base_url=SITE, timeout=10) as many_at_once:
            answers = await asyncio.gather(*(many_at_once.get(f"/app/echo?many={NAME}") for _ in range(40)))
            return [answer.status_code for answer in answers]

    return asyncio.run(all_at_once())


USES: dict[str, Callable[[], object]] = {
    "a page and what it needs": page,
    "one request after the other": one_after_the_other,
    "a file that has not changed": unchanged,
    "a part of a file": part,
    "only the head": only_head,
    "a file that travels compressed": compressed,
    "a form": form,
    "a form with a file": form_with_file,
    "a body of unknown length": chunks,
    "redirects": redirects,
    "cookies": cookies,
    "errors": errors,
    "other methods": methods,
    "a large file": large,
    "events as they happen": events,
    "an upload that is refused": refused,
    "many at once": many,
}


def main() -> None:
    """Do it all."""
    results: dict[str, object] = {}
    for use, how in USES.items():
        try:
            results[use] = how()
        except Exception as error:
            results[use] = {"error": repr(error)}
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    main()
