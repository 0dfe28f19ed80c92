"""The judge can be trusted: the reader reads what it should and refuses the rest, and no difference between a
request and what an origin saw goes unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from .apps import APPS
from .daemons import DAEMONS
from .judging import forwarded_differs
from .mutations import mutated
from .origin import Origin, Seen
from .reading import PartialError, RefusedError, Request, normal_target, request_of, requests, response_of

HEAD = "POST /x HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("stream", "body", "trailers"),
    [
        (f"{HEAD}\r\n", "", ()),
        (f"\r\n{HEAD}\r\n", "", ()),
        (f"{HEAD}Content-Length: 3\r\n\r\nabc", "abc", ()),
        (f"{HEAD}content-length:03\t\r\n\r\nabc", "abc", ()),
        (f'{HEAD}Transfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n001;x="y"\r\nc\r\n0\r\n\r\n', "abc", ()),
        (f"{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\nX-T:  1 \r\n\r\n", "", (("x-t", "1"),)),
        (f"{HEAD}X: \xe9\xff\x80\r\n\r\n", "", ()),
        ("POST /x HTTP/1.0\r\n\r\n", "", ()),
    ],
)
def test_a_message_with_one_reading_is_read(
    stream: str, body: str, trailers: tuple[tuple[str, str], ...]
) -> None:
    request, used = request_of(stream.encode("latin-1"))
    assert used == len(stream)
    assert (request.method, request.target, request.body.decode(), request.trailers) == (
        "POST",
        "/x",
        body,
        trailers,
    )


@pytest.mark.parametrize(
    "stream",
    [
        "POST /x HTTP/1.1\nHost: a\r\n\r\n",
        "POST /x HTTP/1.1\rHost: a\r\n\r\n",
        "POST  /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /x HTTP/1.2\r\nHost: a\r\n\r\n",
        "POST /x\r\nHost: a\r\n\r\n",
        "POST /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\nPOST /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /x HTTP/1.1\r\n\r\n",
        f"{HEAD}Host: a\r\n\r\n",
        f"{HEAD}X : b\r\n\r\n",
        f"{HEAD}X: b\r\n c\r\n\r\n",
        f"{HEAD}X: b\x00\r\n\r\n",
        f"{HEAD}: b\r\n\r\n",
        f"{HEAD}X\r\n\r\n",
        f"{HEAD}Content-Length: +3\r\n\r\nabc",
        f"{HEAD}Content-Length: 3, 3\r\n\r\nabc",
        f"{HEAD}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        f"{HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"{HEAD}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        f"{HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        *(
            f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{size}\r\nabc\r\n0\r\n\r\n"
            for size in ("0x3", "+3", " 3", "3 ", "")
        ),
        f"{HEAD}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        f"{HEAD}Transfer-Encoding: chunked\r\n\r\n3;\nabc\r\n0\r\n\r\n",
        f"{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        f"{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\nX : b\r\n\r\n",
    ],
)
def test_a_message_with_two_readings_is_refused(stream: str) -> None:
    with pytest.raises(RefusedError):
        request_of(stream.encode("latin-1"))


def test_a_message_is_partial_until_its_last_byte() -> None:
    whole = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nX-T: 1\r\n\r\n".encode()
    for end in range(len(whole)):
        with pytest.raises(PartialError):
            request_of(whole[:end])


@pytest.mark.parametrize(
    ("method", "target", "normal"),
    [
        ("GET", "/", "/"),
        ("GET", "/a/./b/../c?x=/../y", "/a/c?x=/../y"),
        ("GET", "/a//b//../c", "/a//b/c"),
        ("GET", "/../..", "/"),
        ("GET", "/a/.", "/a/"),
        ("GET", "/a/b/..", "/a/"),
        ("GET", "/%41%7e%2d%20%c3%a9?%41", "/A~-%20%C3%A9?%41"),
        ("GET", "/a/%2e%2e/b", "/b"),
        ("GET", "HTTP://a:80?q", "/?q"),
        ("GET", "http://a/b", "/b"),
        ("OPTIONS", "http://a", "*"),
        ("OPTIONS", "*", "*"),
    ],
)
def test_a_target_has_one_form(method: str, target: str, normal: str) -> None:
    assert normal_target(method, target) == normal


def test_a_stream_is_read_until_its_connection_ends() -> None:
    one, last = f"{HEAD}\r\n".encode(), f"{HEAD}Connection: close\r\n\r\n".encode()
    table = [(one + one, 2, b"", False), (one + b"GE", 1, b"GE", False), (one + last + one, 2, b"", True)]
    for stream, count, rest, ends in table:
        read = requests(stream)
        assert (len(read.whole), read.rest, read.ends) == (count, rest, ends)


def test_a_response_is_read_by_what_was_asked() -> None:
    stream = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcmore"
    assert response_of(stream, "GET", ended=False)[0].body == b"abc"
    assert response_of(stream, "HEAD", ended=False)[1] == len(stream) - len(b"abcmore")
    with pytest.raises(PartialError):
        response_of(b"HTTP/1.1 200 OK\r\n\r\nabc", "GET", ended=False)
    assert response_of(b"HTTP/1.1 200 OK\r\n\r\nabc", "GET", ended=True)[0].body == b"abc"


MEANT = Request("POST", "/x", 1, (("host", "a"), ("x-a", "1"), ("x-a", "2"), ("cookie", "b")), b"abc")


def shown(origin: Origin, changes: dict[str, Any] | None = None) -> Seen:
    """What an origin says of `MEANT` if it is right, with changes."""
    fields = tuple(filter(None, (origin.shown_field(*field) for field in MEANT.fields)))
    trailers = None if origin.trailers == "hidden" else ()
    return replace(
        Seen(MEANT.method, MEANT.target, fields, origin.shown_body(MEANT), trailers), **(changes or {})
    )


@pytest.mark.parametrize("origin", DAEMONS + APPS, ids=lambda origin: origin.name)
def test_no_difference_goes_unseen(origin: Origin) -> None:
    assert not origin.differs(MEANT, shown(origin))
    same = shown(origin).fields
    changes: list[dict[str, Any]] = [
        {"method": "post"},
        {"method": "GET"},
        {"target": "/y"},
        {"target": "/X"},
        {"target": "/x?"},
        {"target": "//x"},
        {"body": b"abd"},
        {"body": b"ab"},
        {"body": b""},
        {"trailers": (("x-t", "1"),)},
        {"fields": same[1:]},
        {"fields": (*same[:1], *same[2:])},
        {"fields": (*same, ("x-b", "1"))},
        {"fields": (*same, ("x-a", "3"))},
        {"fields": (("host", "b"), *same[1:])},
    ]
    for change in changes:
        assert origin.differs(MEANT, shown(origin, change)), change


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"target": "/y"},
        {"body": b"ab"},
        {"fields": MEANT.fields[1:]},
        {"fields": MEANT.fields[:1]},
        {"fields": (*MEANT.fields, ("x-b", "1"))},
        {"fields": (("host", "b"), *MEANT.fields[1:])},
        {"trailers": (("x-t", "1"),)},
    ],
)
def test_a_gateway_that_changes_a_request_is_seen(change: dict[str, Any]) -> None:
    assert not forwarded_differs(MEANT, MEANT)
    assert forwarded_differs(MEANT, replace(MEANT, **change))


def test_a_mutation_is_the_same_on_every_machine_and_hardly_ever_none() -> None:
    data = f"{HEAD}Content-Length: 3\r\n\r\nabc".encode()
    made = [mutated(data, f"seed/{number}") for number in range(200)]
    assert made == [mutated(data, f"seed/{number}") for number in range(200)]
    assert sum(one != data for one in made) > 180
    assert len(set(made)) > 150
    assert any(requests(one).refused for one in made)
    assert any(len(requests(one).whole) == 1 and not requests(one).rest for one in made)
