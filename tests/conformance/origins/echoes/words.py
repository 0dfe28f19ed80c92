"""How an echo says what it saw. Servers import it in an environment of their own: it refuses to need more
than the standard library."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

Pair = tuple[bytes, bytes]


def words(
    method: bytes, target: bytes, fields: Iterable[Pair], body: bytes, trailers: Iterable[Pair] | None = None
) -> bytes:
    """One JSON object. `trailers` is None where the server does not show them."""
    return json.dumps(
        {
            "method": method.decode("latin-1"),
            "target": target.decode("latin-1"),
            "fields": _pairs(fields),
            "body": base64.b64encode(body).decode(),
            "trailers": None if trailers is None else _pairs(trailers),
        }
    ).encode()


def _pairs(pairs: Iterable[Pair]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in pairs]


def head_fields(method: bytes, said: bytes) -> list[Pair]:
    """The fields of the response. Where it cannot have a body, one of them has the words."""
    fields = [(b"Content-Length", b"%d" % len(said)), (b"Content-Type", b"application/json")]
    return [*fields, (b"X-Saw", base64.b64encode(said))] if method == b"HEAD" else fields
