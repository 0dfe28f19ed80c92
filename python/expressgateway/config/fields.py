"""The kinds of values that settings have: how each is read from a file or from Python, how it is written
again, and how the reference names it. One annotation per kind; which setting has which is in `models`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Final, NoReturn, TypeVar

from pydantic import AfterValidator, BeforeValidator, InstanceOf, PlainSerializer
from pydantic_core import PydanticCustomError

from expressgateway.config import http
from expressgateway.config.addresses import AddressError, Bind, Target
from expressgateway.config.catalogue import Code
from expressgateway.config.units import Duration, OutOfRangeError, Rate, Size, UnitError

__all__ = [
    "Address",
    "Authority",
    "BindAddress",
    "EditedField",
    "EndpointName",
    "FieldValue",
    "HostPattern",
    "Kind",
    "Listed",
    "LogPath",
    "Name",
    "OptionalBind",
    "OptionalFieldName",
    "OptionalRate",
    "OptionalSize",
    "OptionalTimeout",
    "PathPrefix",
    "Pattern",
    "Period",
    "Prefix",
    "RedirectTarget",
    "RouteName",
    "Some",
    "TextPattern",
    "Timeout",
    "Token",
    "as_edition",
    "as_tuple",
    "auto",
    "optional_count",
    "refuse",
    "size_within",
    "type_of",
]

T = TypeVar("T")


class Kind:
    """How the reference names a kind of value."""

    def __init__(self, words: str) -> None:
        self.words = words


def refuse(code: Code, message: str, hint: str | None = None) -> NoReturn:
    """Fail a validation with a finding of the catalogue."""
    raise PydanticCustomError("finding", "{message}", {"code": code.name, "message": message, "hint": hint})


def type_of(value: object) -> str:
    """The type of a value, in TOML's words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a string"
        case Mapping():
            return "a table"
        case list() | tuple():
            return "an array"
        case _:
            return f"a {type(value).__name__}"


def _text(value: object, hint: str) -> str:
    return (
        value
        if isinstance(value, str)
        else refuse(Code.WRONG_TYPE, f"expected a string, found {type_of(value)}", hint)
    )


# --- durations and sizes --------------------------------------------------------------------------------


def _duration(value: object) -> Duration:
    match value:
        case Duration():
            return value
        case timedelta():
            return Duration.of(value)
    try:
        return Duration.parse(_text(value, 'durations are strings with a unit, such as "10s"'))
    except OutOfRangeError as error:
        refuse(Code.OUT_OF_RANGE, str(error), error.hint)
    except UnitError as error:
        refuse(Code.BAD_DURATION, str(error), error.hint)


def _timeout(value: object) -> Duration:
    duration = _duration(value)
    if not duration.milliseconds:
        refuse(Code.OUT_OF_RANGE, "a timeout of 0 would be over before it began", 'give at least "1ms"')
    return duration


def _size(value: object) -> Size:
    if isinstance(value, Size):
        return value
    try:
        return Size.parse(_text(value, 'sizes are strings with a unit, such as "64KiB"'))
    except OutOfRangeError as error:
        refuse(Code.OUT_OF_RANGE, str(error), error.hint)
    except UnitError as error:
        refuse(Code.BAD_SIZE, str(error), error.hint)


def _rate(value: object) -> Rate:
    if isinstance(value, Rate):
        return value
    try:
        return Rate.parse(_text(value, 'rates are strings with a unit, such as "240B/s"'))
    except OutOfRangeError as error:
        refuse(Code.OUT_OF_RANGE, str(error), error.hint)
    except UnitError as error:
        refuse(Code.BAD_RATE, str(error), error.hint)


def _or_none(read: Callable[[object], T]) -> Callable[[object], T | None]:
    """The same, and ``"none"`` (in Python, None too) for off."""
    return lambda value: None if value is None or value == "none" else read(value)


def _written(value: object) -> str:
    return "none" if value is None else str(value)


WRITTEN: Final = PlainSerializer(_written, return_type=str)

Period = Annotated[InstanceOf[Duration], BeforeValidator(_duration), WRITTEN, Kind("duration")]
"""A span of time that may be 0."""
Timeout = Annotated[InstanceOf[Duration], BeforeValidator(_timeout), WRITTEN, Kind("duration")]
"""A span of time in which something must happen."""
OptionalTimeout = Annotated[
    InstanceOf[Duration] | None, BeforeValidator(_or_none(_timeout)), WRITTEN, Kind('duration, or `"none"`')
]
OptionalSize = Annotated[
    InstanceOf[Size] | None, BeforeValidator(_or_none(_size)), WRITTEN, Kind('size, or `"none"`')
]


OptionalRate = Annotated[
    InstanceOf[Rate] | None, BeforeValidator(_or_none(_rate)), WRITTEN, Kind('rate, or `"none"`')
]


# --- addresses ------------------------------------------------------------------------------------------


def _bind(value: object) -> Bind:
    if isinstance(value, Bind):
        return value
    try:
        return Bind.parse(_text(value, 'write "*:8080"'))
    except AddressError as error:
        refuse(Code.BAD_ADDRESS, str(error), error.hint)


def _prefix(value: str) -> str:
    """A prefix of addresses, in its shortest form."""
    if "%" in value:
        # A zone is a name of an interface of one machine.
        refuse(Code.BAD_ADDRESS, f'"{value}" has a zone, which the addresses of clients do not have')
    try:
        return str(ipaddress.ip_network(value)).removesuffix("/32" if "." in value else "/128")
    except ValueError:
        pass
    try:
        hint = f'write "{ipaddress.ip_network(value, strict=False)}"'
    except ValueError:
        refuse(Code.BAD_ADDRESS, f'"{value}" is not an address or a prefix of one', 'write "10.0.0.0/8"')
    refuse(Code.BAD_ADDRESS, f'"{value}" has bits behind its prefix', hint)


def _target(value: object) -> Target:
    if isinstance(value, Target):
        return value
    try:
        return Target.parse(_text(value, 'write "10.0.0.1:8080"'))
    except AddressError as error:
        refuse(Code.BAD_ADDRESS, str(error), error.hint)


BindAddress = Annotated[InstanceOf[Bind], BeforeValidator(_bind), WRITTEN, Kind("address to listen on")]
OptionalBind = Annotated[
    InstanceOf[Bind] | None,
    BeforeValidator(_or_none(_bind)),
    WRITTEN,
    Kind('address to listen on, or `"none"`'),
]
Prefix = Annotated[str, AfterValidator(_prefix), Kind("address or prefix")]
Address = Annotated[InstanceOf[Target], BeforeValidator(_target), WRITTEN, Kind("address to connect to")]


# --- names, and words of HTTP ---------------------------------------------------------------------------

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_NAME_HINT: Final = "names have 1 to 64 letters, digits, _, - and ., and begin with none of the last two"


def _name(value: str) -> str:
    return (
        value if _NAME.fullmatch(value) else refuse(Code.BAD_NAME, f'"{value}" cannot be a name', _NAME_HINT)
    )


def _route_name(value: str) -> str:
    """Some names are the gateway's: two things of one name could not be told apart in a log."""
    if value == "default":
        refuse(
            Code.BAD_NAME, '"default" is how requests to a default pool are recorded', "choose another name"
        )
    if re.fullmatch(r"route-[0-9]+", value):
        refuse(Code.BAD_NAME, f'"{value}" is how a route without a name is called', "choose another name")
    return _name(value)


def _endpoint_name(value: str) -> str:
    """Wider than other names: an endpoint without one is called by its address."""
    if 0 < len(value) <= 300 and value.isascii() and value.isprintable() and not set(value) & set(" \"'\\"):
        return value
    refuse(
        Code.BAD_NAME,
        f'"{value}" cannot be a name',
        "names have letters, digits and signs, no blanks or quotes",
    )


def _http(read: Callable[[str], str], code: Code) -> AfterValidator:
    def validate(value: str) -> str:
        try:
            return read(value)
        except http.HttpError as error:
            refuse(code, str(error), error.hint)

    return AfterValidator(validate)


def _optional_field_name(value: object) -> str | None:
    try:
        return http.field_name(_text(value, 'write "x-request-id"'))
    except http.HttpError as error:
        refuse(Code.BAD_FIELD_NAME, str(error), error.hint)


def _log_path(value: str) -> str:
    if not value or "\0" in value:
        refuse(Code.NOT_ACCEPTED, "a log needs a place", 'give a path, "-" for standard output, or "none"')
    return value


def _redirect_target(value: str) -> str:
    """A place that a browser cannot mistake for another host, made of texts and placeholders that exist."""
    target = "https://{host}{path}{query}" if value == "https" else value
    for name in re.findall(r"\{([^{}]*)\}?", target):
        if name not in ("scheme", "host", "port", "path", "query"):
            hint = "use {scheme}, {host}, {port}, {path} and {query}"
            refuse(Code.NOT_ACCEPTED, f'"{{{name}}}" is not filled in by anything', hint)
    if not re.match(r"(https?|\{scheme\})://.|/(?![/\\{])|/$", target):
        hint = 'begin with "https://", "http://", "{scheme}://" or the "/" of a path'
        refuse(Code.NOT_ACCEPTED, f'"{value}" is not a place to send a client to', hint)
    if not all("!" <= character <= "~" for character in target):
        refuse(Code.NOT_ACCEPTED, f'"{value}" has characters that a place cannot have', "write them as %XX")
    return target


def _pattern(value: str) -> str:
    complaint = http.pattern_complaint(value)
    return value if complaint is None else refuse(Code.BAD_PATTERN, f'"{value}": {complaint}')


def _text_pattern(value: str) -> str:
    return "~" + _pattern(value[1:]) if value.startswith("~") else value


def _wire_text(is_valid: Callable[[str], bool], what: str) -> AfterValidator:
    def validate(value: str) -> str:
        return value if is_valid(value) else refuse(Code.NOT_ACCEPTED, f'"{value}" is not {what}')

    return AfterValidator(validate)


Token = Annotated[str, _wire_text(http.is_token, "a token"), Kind("token")]
FieldValue = Annotated[str, _wire_text(http.is_field_value, "the value of a field"), Kind("text")]
Authority = Annotated[str, _wire_text(http.is_authority, "a host"), Kind("host, with or without port")]
Pattern = Annotated[str, AfterValidator(_pattern), Kind("regular expression")]
TextPattern = Annotated[
    str, AfterValidator(_text_pattern), Kind('text, `"*"`, or `"~"` and a regular expression')
]
RedirectTarget = Annotated[str, AfterValidator(_redirect_target), Kind("place")]
Name = Annotated[str, AfterValidator(_name), Kind("name")]
RouteName = Annotated[str, AfterValidator(_route_name), Kind("name")]
EndpointName = Annotated[str, AfterValidator(_endpoint_name), Kind("name")]
HostPattern = Annotated[str, _http(http.host_pattern, Code.BAD_HOST), Kind("host")]
PathPrefix = Annotated[str, _http(http.path_prefix, Code.BAD_PATH), Kind("path")]
EditedField = Annotated[str, _http(http.edited_field, Code.BAD_FIELD_NAME), Kind("field name")]
OptionalFieldName = Annotated[
    str | None, BeforeValidator(_or_none(_optional_field_name)), WRITTEN, Kind('field name, or `"none"`')
]
LogPath = Annotated[str, AfterValidator(_log_path), Kind('path, `"-"` for standard output, or `"none"`')]


# --- shapes ---------------------------------------------------------------------------------------------


def _listed(value: object) -> object:
    """One value is a list of one."""
    match value:
        case str() | Bind():
            return (value,)
        case _:
            return as_tuple(value)


def _different(values: tuple[T, ...]) -> tuple[T, ...]:
    seen: list[T] = []
    for value in values:
        if value in seen:
            refuse(Code.NOT_ACCEPTED, f'"{value}" is listed twice', "list it once")
        seen.append(value)
    return values


def _some(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        refuse(Code.OUT_OF_RANGE, "the list is empty", "name at least one")
    return values


def as_tuple(value: object) -> object:
    """Lists become tuples, which nobody changes behind our back."""
    return tuple(value) if isinstance(value, list) else value


Listed: Final = (BeforeValidator(_listed), AfterValidator(_different))
"""A list in which each value stands once; a single value may stand for itself."""
Some: Final = (BeforeValidator(_listed), AfterValidator(_some), AfterValidator(_different))
"""The same, with at least one value."""


def as_edition(value: object) -> object:
    """A whole number as it is: to Python, and so to validation, `true` and 1.0 are equal to 1."""
    if isinstance(value, bool | float):
        refuse(Code.WRONG_TYPE, f"expected an integer, found {type_of(value)}", "write 1")
    return value


def optional_count(most: int) -> tuple[BeforeValidator, PlainSerializer, Kind]:
    """A whole number from 1, or None, which is written ``"none"``."""

    def read(value: object) -> int | None:
        if value is None or value == "none":
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            message = f"expected an integer, found {type_of(value)}"
            refuse(Code.WRONG_TYPE, message, 'write a number, or "none"')
        if not 1 <= value <= most:
            refuse(Code.OUT_OF_RANGE, f"{value} is not between 1 and {most}")
        return value

    def write(value: int | None) -> int | str:
        return "none" if value is None else value

    return BeforeValidator(read), PlainSerializer(write), Kind('number, or `"none"`')


def auto(most: int) -> tuple[BeforeValidator, PlainSerializer, Kind]:
    """A whole number from 1, or None, which is written ``"auto"``."""

    def read(value: object) -> int | None:
        if value is None or value == "auto":
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            refuse(
                Code.WRONG_TYPE, f"expected an integer, found {type_of(value)}", 'write a number, or "auto"'
            )
        if not 1 <= value <= most:
            refuse(Code.OUT_OF_RANGE, f"{value} is not between 1 and {most}")
        return value

    def write(value: int | None) -> int | str:
        return "auto" if value is None else value

    return BeforeValidator(read), PlainSerializer(write), Kind(f'number up to {most}, or `"auto"`')


def size_within(least: str, most: str) -> tuple[BeforeValidator, PlainSerializer, Kind]:
    """A size between two others."""
    bounds = Size.parse(least), Size.parse(most)

    def read(value: object) -> Size:
        size = _size(value)
        if not bounds[0] <= size <= bounds[1]:
            refuse(Code.OUT_OF_RANGE, f'"{size}" is not between {least} and {most}')
        return size

    return BeforeValidator(read), WRITTEN, Kind(f"size from {least} to {most}")
