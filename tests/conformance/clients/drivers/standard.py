"""Everyday use by Python's standard library: http.client for single requests, urllib for what keeps cookies
and follows redirects. It is told where the site is, a file to upload and its own name, and prints what it
found."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import http.cookiejar
import json
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

SITE, FILE, NAME = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
PATIENCE = 10.0
Answer = tuple[http.client.HTTPResponse, bytes]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def connection() -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(SITE).netloc, timeout=PATIENCE)


def ask(
    path: str,
    method: str = "GET",
    body: bytes | Iterator[bytes] | None = None,
    fields: dict[str, str] | None = None,
    kept: http.client.HTTPConnection | None = None,
) -> Answer:
    """One request, on a connection of its own unless it is told which."""
    used = kept or connection()
    used.request(method, path, body, fields or {})
    answer = used.getresponse()
    content = answer.read()
    if kept is None:
        used.close()
    return answer, content


def pieces() -> Iterator[bytes]:
    with FILE.open("rb") as file:
        while piece := file.read(65536):
            yield piece


def page() -> object:
    found = []
    for path in ("/", "/style.css", "/app.js", "/image.png"):
        answer, body = ask(path)
        found.append([path, answer.status, answer.headers.get_content_type(), digest(body)])
    return found


def one_after_the_other() -> object:
    kept = connection()
    return [ask(f"/app/echo?kept={NAME}", kept=kept)[0].status for _ in range(10)]


def unchanged() -> object:
    first, _ = ask("/style.css")
    second, body = ask("/style.css", fields={"If-None-Match": first.headers["ETag"]})
    return [first.status, second.status, len(body)]


def part() -> object:
    answer, body = ask("/large.bin", fields={"Range": "bytes=1000-1999"})
    return [answer.status, answer.headers["Content-Range"], digest(body)]


def only_head() -> object:
    answer, body = ask("/large.bin", "HEAD")
    return [answer.status, int(answer.headers["Content-Length"]), len(body)]


def compressed() -> object:
    answer, body = ask("/text.txt", fields={"Accept-Encoding": "gzip"})
    return [answer.headers["Content-Encoding"], digest(gzip.decompress(body))]


def form() -> object:
    body = urlencode([("name", "Zoë & co"), ("many", "1"), ("many", "2")]).encode()
    return json.loads(
        ask("/app/form", "POST", body, {"Content-Type": "application/x-www-form-urlencoded"})[1]
    )


def chunks() -> object:
    return json.loads(ask("/app/sum", "POST", pieces())[1])


def redirects() -> object:
    with urllib.request.urlopen(f"{SITE}/app/hop/3", timeout=PATIENCE) as answer:
        return [json.load(answer)["path"], answer.status]


def cookies() -> object:
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(f"{SITE}/app/login", b"", timeout=PATIENCE).close()
    with opener.open(f"{SITE}/app/cookies", timeout=PATIENCE) as answer:
        return json.load(answer)


def errors() -> object:
    return [ask(path)[0].status for path in ("/missing.html", "/app/missing", f"/app/broken?client={NAME}")]


def methods() -> object:
    return [json.loads(ask("/app/echo", name)[1])["method"] for name in ("PUT", "PATCH", "DELETE", "OPTIONS")]


def large() -> object:
    answer, body = ask("/large.bin")
    return [answer.status, len(body), digest(body)]


def events() -> object:
    found = []
    reading = connection()
    reading.request("GET", f"/app/events?client={NAME}")
    for line in reading.getresponse():
        if line.startswith(b"data: "):
            found.append(line[6:].decode().strip())
            ask(f"/app/events?client={NAME}", "POST", b"")
    return found


def many() -> object:
    found: list[int] = []

    def one() -> None:
        found.append(ask(f"/app/echo?many={NAME}")[0].status)

    threads = [threading.Thread(target=one) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


USES: dict[str, Callable[[], object]] = {
    "a page and what it needs": page,
    "one request after the other": one_after_the_other,
    "a file that has not changed": unchanged,
    "a part of a file": part,
    "only the head": only_head,
    "a file that travels compressed": compressed,
    "a form": form,
    "a body of unknown length": chunks,
    "redirects": redirects,
    "cookies": cookies,
    "errors": errors,
    "other methods": methods,
    "a large file": large,
    "events as they happen": events,
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
