"""Payloads that servers are known to read in more than one way, or did until lately. The gateway refuses all
of them; it is origins without a gateway that get them, so that it is seen why."""

from __future__ import annotations

from typing import Final

_HEAD: Final = b"POST /1 HTTP/1.1\r\nHost: gateway.test\r\n"
_CHUNKED: Final = _HEAD + b"Transfer-Encoding: chunked\r\n"
_HIDDEN: Final = b"GET /2 HTTP/1.1\r\nHost: gateway.test\r\n\r\n"

AMBIGUOUS: Final = {
    "both lengths, the chunks hide a request": _CHUNKED
    + (b"Content-Length: 4\r\n\r\n2b\r\n" + _HIDDEN + b"\r\n\r\n0\r\n\r\n"),
    "both lengths, a request behind the last chunk": _CHUNKED
    + b"Content-Length: 0\r\n\r\n0\r\n\r\n"
    + _HIDDEN,
    "a bare LF ends the size of a chunk": _CHUNKED + b"\r\n3\nabc\r\n0\r\n\r\n",
    "a bare LF in the extension of a chunk": _CHUNKED + b"\r\n3;\nabc\r\n0\r\n\r\n",
    "a size with 0x in front": _CHUNKED + b"\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk that ends in LF": _CHUNKED + b"\r\n3\r\nabc\n0\r\n\r\n",
    "a coding that is not only chunked": _HEAD
    + b"Transfer-Encoding: identity, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": _CHUNKED.replace(b"1.1", b"1.0") + b"\r\n3\r\nabc\r\n0\r\n\r\n",
    "a length with a sign": _HEAD + b"Content-Length: +3\r\n\r\nabc",
    "a length twice": _HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a space before the colon": _HEAD + b"Content-Length : 3\r\n\r\nabc",
    "a folded line": _HEAD + b"X-A: b\r\n c\r\n\r\n",
    "bare LF everywhere": b"GET /1 HTTP/1.1\nHost: gateway.test\n\n",
    "two hosts": _HEAD + b"Host: other.test\r\n\r\n",
    "NUL in a value": _HEAD + b"X-A: b\0c\r\n\r\n",
}
