"""The reference page of HTTP/1.1, written from the table: `python -m tests.spec.http1.page` prints it. It
refuses to say anything that no row says."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from . import rows
from .rows import Request, Response

Row = Request | Response

_INTRODUCTION: Final = """\
# HTTP/1.1, rule by rule

<!-- Written by `python -m tests.spec.http1.page` from tests/spec/http1/*.toml; change those. -->

What is forwarded is read as exactly one message by everybody who reads it next. What could be read in
two ways is refused, although many programs would take it. This page is written from the table of bytes
that [the tests](../../tests/spec/http1/rows.py) send through a gateway, whole and cut at every place:
each entry is a message, named after what is special about it, and what became of it.

A **request** that is framed badly is answered, and its connection closes. Nothing of it reaches an
endpoint, except that a fault in a body may be found after its head has left: then the endpoint never
sees the end of that body. The limits are those of `[listeners.NAME.limits]` in the
[configuration](configuration.md).

A **response** that is framed badly is a 502 to the client, or is cut off if its head has left already.
In either case the endpoint's connection is closed, and nothing that came on it later is believed.
"""

TITLES: Final = {
    "RFC 2817 3.1": "Upgrade to TLS",
    "RFC 3629 3": "Overlong UTF-8",
    "RFC 3986 2": "Characters of URIs",
    "RFC 3986 2.1": "Percent-encoding",
    "RFC 3986 3.2.2": "Hosts",
    "RFC 3986 3.2.3": "Ports",
    "RFC 3986 3.3": "Paths",
    "RFC 3986 3.4": "Queries",
    "RFC 3986 5.2.4": "Dot segments",
    "RFC 3986 6.2.2": "The normal form of a path",
    "RFC 6585 5": "Too many or too long fields",
    "RFC 7239 8.1": "Claims about others",
    "RFC 8297 2": "103 (Early Hints)",
    "RFC 9110 4.2.1": "http targets",
    "RFC 9110 4.2.4": "User information",
    "RFC 9110 5.1": "Field names with an underscore",
    "RFC 9110 5.3": "Fields that occur more than once",
    "RFC 9110 5.4": "As much as a head may hold",
    "RFC 9110 5.5": "Field values",
    "RFC 9110 5.6.2": "Tokens",
    "RFC 9110 5.6.4": "Quoted strings",
    "RFC 9110 6.5.1": "What may be a trailer",
    "RFC 9110 6.6.1": "Date",
    "RFC 9110 6.6.2": "Trailer",
    "RFC 9110 7.2": "Host",
    "RFC 9110 7.4": "Schemes of others",
    "RFC 9110 7.6": "Messages pass on",
    "RFC 9110 7.6.1": "Connection",
    "RFC 9110 7.6.2": "Max-Forwards",
    "RFC 9110 7.6.3": "Via",
    "RFC 9110 7.7": "Nothing is transformed",
    "RFC 9110 7.8": "Upgrade",
    "RFC 9110 8.4": "Content-Encoding",
    "RFC 9110 8.6": "Content-Length where there is no content",
    "RFC 9110 9": "Methods",
    "RFC 9110 9.1": "Names of methods",
    "RFC 9110 9.3.1": "GET",
    "RFC 9110 9.3.2": "HEAD",
    "RFC 9110 9.3.5": "DELETE",
    "RFC 9110 9.3.6": "CONNECT",
    "RFC 9110 9.3.7": "OPTIONS",
    "RFC 9110 9.3.8": "TRACE",
    "RFC 9110 10.1.1": "Expect",
    "RFC 9110 10.1.4": "TE",
    "RFC 9110 10.2.2": "Location",
    "RFC 9110 11.6.1": "WWW-Authenticate",
    "RFC 9110 15": "Status codes",
    "RFC 9110 15.2": "Interim responses",
    "RFC 9110 15.2.1": "100 (Continue)",
    "RFC 9110 15.2.2": "101 (Switching Protocols)",
    "RFC 9110 15.3.5": "204 (No Content)",
    "RFC 9110 15.3.6": "205 (Reset Content)",
    "RFC 9110 15.4.5": "304 (Not Modified)",
    "RFC 9110 15.5.9": "408 (Request Timeout)",
    "RFC 9110 15.5.14": "413 (Content Too Large)",
    "RFC 9110 15.5.15": "414 (URI Too Long)",
    "RFC 9110 15.5.22": "426 (Upgrade Required)",
    "RFC 9112 2.2": "Lines",
    "RFC 9112 2.3": "Versions",
    "RFC 9112 3": "The request line",
    "RFC 9112 3.2": "Targets",
    "RFC 9112 3.2.1": "Origin form",
    "RFC 9112 3.2.2": "Absolute form",
    "RFC 9112 3.2.3": "Authority form",
    "RFC 9112 3.2.4": "Asterisk form",
    "RFC 9112 4": "The status line",
    "RFC 9112 5": "Field lines",
    "RFC 9112 5.1": "Space before the colon",
    "RFC 9112 5.2": "Folded lines",
    "RFC 9112 6.1": "Transfer-Encoding",
    "RFC 9112 6.2": "Content-Length",
    "RFC 9112 6.3": "Where a body ends",
    "RFC 9112 7": "Names of codings",
    "RFC 9112 7.1": "Chunks",
    "RFC 9112 7.1.1": "Chunk extensions",
    "RFC 9112 7.1.2": "Trailers",
    "RFC 9112 8": "Messages that end early",
    "RFC 9112 9.3": "Connections that persist",
    "RFC 9112 9.3.2": "Pipelining",
    "RFC 9112 9.6": "Connections that close",
    "RFC 9112 C.2.2": "Connections that persist in HTTP/1.0",
    "RFC 9113 3.1": "Upgrade to HTTP/2",
    "RFC 9113 3.4": "The preface of HTTP/2",
}

_WIDTH: Final = 110
_CHARACTER: Final = re.compile(r"(0x[0-9A-F]{2}(?: \([A-Z]+\))?|\S) (in (?:a|the) .+)")


def page() -> str:
    """The page."""
    parts = [_INTRODUCTION]
    for title, table in (("Requests", rows.requests()), ("Responses", rows.responses())):
        parts += [f"## {title}\n", *_rules(table)]
    return "\n".join(parts)


def _rules(table: Iterable[Row]) -> Iterator[str]:
    by_rule: dict[str, list[Row]] = {}
    for row in table:
        by_rule.setdefault(row.rule, []).append(row)
    for rule, found in sorted(by_rule.items(), key=_place):
        number, section = rule.removeprefix("RFC ").split(" ")
        yield f"### {TITLES[rule]}: [RFC {number}, {section}]({_address(number, section)})\n"
        verdicts: dict[str, list[str]] = {}
        for row in found:
            verdicts.setdefault(_verdict(row), []).append(row.name)
        for verdict in sorted(verdicts):
            yield _wrapped(f"**{verdict}:** {'; '.join(_gathered(verdicts[verdict]))}.")


def _place(entry: tuple[str, list[Row]]) -> tuple[int, int, list[tuple[int, str]]]:
    """How messages are written, then what they mean, then the rest."""
    _, number, section = entry[0].split(" ")
    first = {"9112": 0, "9110": 1}.get(number, 2)
    return first, int(number), [(int(part) if part.isdigit() else 1000, part) for part in section.split(".")]


def _address(number: str, section: str) -> str:
    kind = "appendix" if section[0].isalpha() else "section"
    return f"https://www.rfc-editor.org/rfc/rfc{number}#{kind}-{section}"


def _verdict(row: Row) -> str:
    if row.answer is not None:
        return str(row.answer)
    if row.cut:
        return "Cut off on both sides"
    if isinstance(row, Response) and not (row.reused or row.closes):
        return "Accepted, and the endpoint's connection closed"
    if isinstance(row, Request) and row.then is not None and row.then.answer is not None:
        return f"Accepted, and what follows {row.then.answer}"
    return "Accepted"


def _gathered(names: Iterable[str]) -> Iterator[str]:
    """Names of the same place together: one character after the other."""
    places: dict[str, list[str]] = {}
    for name in names:
        character = _CHARACTER.fullmatch(name)
        place, what = (character[2], character[1]) if character else (name, "")
        places.setdefault(place, []).append(what)
    for place, characters in places.items():
        if characters == [""]:
            yield _escaped(place)
        else:
            yield f"{_escaped(place)}, each of {_escaped(' '.join(filter(None, characters)))}"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]{}<>#|~$])", r"\\\1", text)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
