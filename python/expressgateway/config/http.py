"""What hosts, paths and field names of HTTP may be where a configuration names them. Each function returns
the form that the engine compares with, or raises `HttpError` with what to write instead. The engine checks
the same again, without a line number: it does not trust its callers."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final

from expressgateway import _engine

__all__ = [
    "HttpError",
    "edited_field",
    "field_name",
    "host_pattern",
    "is_authority",
    "is_field_value",
    "is_token",
    "path_prefix",
    "pattern_complaint",
]

_LONGEST_HOST: Final = 255
# RFC 3986, 3.2.2, without the comma, at which readers of lists would split.
_REGISTERED_NAME: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})?")

# Fields that frame, route or describe the hop: their values are the gateway's to write, by other rules.
_TAKEN_FIELDS: Final = frozenset(
    "te via host expect trailer upgrade forwarded connection keep-alive content-length proxy-connection "
    "transfer-encoding x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto http2-settings "
    "cookie user-agent referer traceparent tracestate".split()
)


class HttpError(ValueError):
    """A text cannot occur in a request. `hint` says what can."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def host_pattern(text: str) -> str:
    """A host, or ``*.`` and one, which stands for any depth below it; in lower case, without the last dot."""
    pattern = text.lower().removesuffix(".")
    name = pattern.removeprefix("*.")
    if pattern in ("", "*", "*."):
        raise HttpError(f'"{text}" is not a host', "leave host out to match any")
    if "*" in name:
        hint = 'write it in front, as in "*.example.com"'
        raise HttpError(f'"{text}": "*" stands for whole labels, and only in front', hint)
    if "://" in name:
        raise HttpError(f'"{text}" is a URL, not a host', "leave out everything but its host")
    if not name.isascii():
        raise HttpError(f'"{text}" is not a host as requests have it', f'write "{_punycode(pattern)}"')
    if name.startswith("["):
        _check_ipv6(text, name)
    elif ":" in name:
        hint = f'write "{pattern.split(":")[0]}"' if name.count(":") == 1 else f'write "[{name}]"'
        raise HttpError(f'"{text}": hosts are compared without their port', hint)
    elif name.startswith(".") or name.endswith(".") or not _REGISTERED_NAME.fullmatch(name):
        raise HttpError(f'"{text}" is not a host', 'write a name such as "shop.example.com"')
    if len(pattern) > _LONGEST_HOST:
        raise HttpError("a host has at most 255 characters", "shorten it")
    return pattern


def _check_ipv6(text: str, name: str) -> None:
    literal, bracket, port = name[1:].partition("]")
    if port:
        raise HttpError(f'"{text}": hosts are compared without their port', f'write "[{literal}]"')
    try:
        # A zone never leaves its machine (RFC 6874).
        valid = bool(bracket) and IPv6Address(literal).scope_id is None
    except ValueError:
        valid = False
    if not valid:
        raise HttpError(f'"{text}" is not an IPv6 address in brackets', 'write "[2001:db8::1]"')


def _punycode(pattern: str) -> str:
    try:
        return pattern.encode("idna").decode()
    except UnicodeError:
        return "its ASCII form (xn--…)"


def path_prefix(text: str) -> str:
    """A path in its normal form: no dot segments, no needless escapes, the others in upper case."""
    if not text.startswith("/"):
        raise HttpError(f'"{text}" is not a path', f'write "/{text}"')
    if any(mark in text for mark in "?#"):
        hint = "leave out everything from the first ? or #"
        raise HttpError(f'"{text}": neither query nor fragment is part of the path', hint)
    if not all("!" <= character <= "~" for character in text):
        raise HttpError(f'"{text}" has characters that paths have as escapes', f'write "{_escaped(text)}"')
    normal = _normal(text)
    if normal is None:
        hint = "requests with a backslash, %2F, %5C, %00 or an incomplete escape are refused"
        raise HttpError(f'"{text}" never matches', hint)
    if normal != text:
        raise HttpError(
            f'"{text}" never matches: paths are compared in their normal form', f'write "{normal}"'
        )
    return text


def _escaped(text: str) -> str:
    """Every character that is none of a path's, as the bytes of its UTF-8."""
    return "".join(
        character
        if "!" <= character <= "~"
        else "".join(f"%{byte:02X}" for byte in character.encode(errors="replace"))
        for character in text
    )


def _normal(path: str) -> str | None:
    """The normal form (RFC 3986, 5.2.4 and 6.2.2), or None if servers disagree on what the path means."""
    readable = True

    def unescape(match: re.Match[str]) -> str:
        nonlocal readable
        character = chr(int(match[1], 16)) if match[1] else "\0"
        readable = readable and character not in "/\\\0"
        return character if character in _UNRESERVED else match[0].upper()

    unescaped = _ESCAPE.sub(unescape, path)
    if not readable or "\\" in path:
        return None
    segments: list[str] = []
    steps = unescaped.split("/")[1:]
    for step in steps:
        if step == "..":
            del segments[-1:]
        elif step != ".":
            segments.append(step)
    # What a dot segment at the end leaves is a directory.
    return "/" + "/".join(segments + [""] * (steps[-1] in (".", "..")))


def field_name(text: str) -> str:
    """The name of a field that has no meaning of its own to the gateway (RFC 9110, 5.1)."""
    if not _TOKEN.fullmatch(text):
        raise HttpError(f'"{text}" is not the name of a field', 'write a name such as "x-request-id"')
    if text.lower() in _TAKEN_FIELDS:
        hint = 'choose another, such as "x-request-id"'
        raise HttpError(f'"{text}" is a field with a meaning of its own', hint)
    return text


# How a message is framed, and where it goes, is not an operator's to write.
_FRAMING_FIELDS: Final = frozenset(
    "te host expect trailer upgrade connection keep-alive content-length proxy-connection transfer-encoding "
    "http2-settings".split()
)


def edited_field(text: str) -> str:
    """The name of a field that may be set, added or removed (RFC 9110, 5.1)."""
    if not is_token(text):
        raise HttpError(f'"{text}" is not the name of a field', 'write a name such as "x-edge"')
    if text.lower() in _FRAMING_FIELDS:
        hint = "use rewrite.host" if text.lower() == "host" else "leave it to the gateway"
        raise HttpError(f'"{text}" says how a message is framed, or where it goes', hint)
    return text


def is_token(text: str) -> bool:
    """Whether a text is a token (RFC 9110, 5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def is_field_value(text: str) -> bool:
    """Whether a text can be the value of a field: no control characters, no blanks around it."""
    return text.strip(" \t") == text and all(one == "\t" or (" " <= one != "\x7f") for one in text)


def is_authority(text: str) -> bool:
    """Whether a text is a host with an optional port, as `Host` has it."""
    host, colon, port = text.rpartition(":")
    if (text.startswith("[") and text.endswith("]")) or not colon:
        host, port = text, "0"
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        return False
    if host.startswith("[") and host.endswith("]"):
        try:
            IPv6Address(host[1:-1])
        except ValueError:
            return False
        return True
    return _REGISTERED_NAME.fullmatch(host) is not None


def pattern_complaint(text: str) -> str | None:
    """What is wrong with a regular expression; None if nothing is. The engine compiles it: what Python's own
    would accept is not what runs."""
    complaint = _engine.pattern_complaint(text)
    # The lines before the last draw where it is: findings have an excerpt for that.
    return complaint.splitlines()[-1].removeprefix("error: ") if complaint else None
