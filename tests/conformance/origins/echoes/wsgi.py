"""An echo for servers that speak WSGI (PEP 3333)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.conformance.origins.echoes.words import head_fields, words


def echo(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The application."""
    method = environ["REQUEST_METHOD"].encode("latin-1")
    # The path of WSGI is decoded; these two are what servers add for those who need what was asked for.
    target = environ.get("RAW_URI", environ.get("REQUEST_URI", "")).encode("latin-1")
    fields = [
        (name.removeprefix("HTTP_").replace("_", "-").encode("latin-1"), value.encode("latin-1"))
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name == "CONTENT_TYPE" and value)
    ]
    said = words(method, target, fields, environ["wsgi.input"].read())
    start_response("200 OK", [(name.decode(), value.decode()) for name, value in head_fields(method, said)])
    return [b"" if method == b"HEAD" else said]
