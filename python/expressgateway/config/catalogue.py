"""Every kind of finding, declared once: its number, how serious it is, and what it means. Numbers are never
reused: people search for them."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Self

__all__ = ["Code", "Severity"]


class Severity(StrEnum):
    """What a finding does to a load."""

    ERROR = "error"
    """The configuration is refused."""
    WARNING = "warning"
    """It is accepted, and probably not what was meant."""


class Code(Enum):
    """A kind of finding. The value is its number."""

    severity: Severity
    meaning: str

    def __new__(cls, number: str, severity: Severity, meaning: str) -> Self:
        """Make the number the value, and hang the rest on it."""
        code = object.__new__(cls)
        code._value_ = number
        code.severity = severity
        code.meaning = meaning
        return code

    # The text.
    NOT_TOML = "EG001", Severity.ERROR, "The file is not TOML."
    NOT_UTF8 = "EG002", Severity.ERROR, "The file is not UTF-8."

    # A single value.
    UNKNOWN_KEY = "EG101", Severity.ERROR, "There is no such key here. No key is accepted without effect."
    MISSING_KEY = "EG102", Severity.ERROR, "A key without a default is missing."
    WRONG_TYPE = "EG103", Severity.ERROR, "A value has the wrong type."
    NOT_ACCEPTED = "EG104", Severity.ERROR, "A value is not one of those that are accepted."
    OUT_OF_RANGE = (
        "EG105",
        Severity.ERROR,
        "A number, a duration, a size or a list is too small or too large.",
    )
    BAD_DURATION = "EG106", Severity.ERROR, "A duration is not a whole number and its unit."
    BAD_SIZE = "EG107", Severity.ERROR, "A size is not a whole number and its unit."
    BAD_ADDRESS = "EG108", Severity.ERROR, "An address cannot be listened on, or cannot be connected to."
    BAD_NAME = "EG109", Severity.ERROR, "A name has characters that names cannot have."
    BAD_HOST = "EG110", Severity.ERROR, "No request can have a host that matches this."
    BAD_PATH = "EG111", Severity.ERROR, "No request can have a path that matches this."
    BAD_FIELD_NAME = "EG112", Severity.ERROR, "A field that the gateway adds cannot have this name."
    BAD_RATE = "EG113", Severity.ERROR, "A rate is not a whole number, its unit, and `/s`."
    BAD_PATTERN = "EG114", Severity.ERROR, "A regular expression cannot be compiled."

    # Values that do not go together.
    UNKNOWN_POOL = "EG201", Severity.ERROR, "A pool is referred to that is not defined."
    UNKNOWN_LISTENER = "EG202", Severity.ERROR, "A listener is referred to that is not defined."
    DUPLICATE_ROUTE = "EG203", Severity.ERROR, "Two routes have the same name."
    DUPLICATE_ENDPOINT = "EG204", Severity.ERROR, "Two endpoints of a pool have the same name."
    DUPLICATE_ADDRESS = "EG205", Severity.ERROR, "An address is listened on twice."
    LISTENER_LEADS_NOWHERE = "EG206", Severity.ERROR, "A listener has neither a route nor a default pool."
    ADMIN_IS_PUBLIC = "EG207", Severity.ERROR, "The admin address can be reached from other machines."
    NOT_ONE_ACTION = (
        "EG208",
        Severity.ERROR,
        "A route has not exactly one of `pool`, `redirect` and `respond`.",
    )
    TWO_PATHS = "EG209", Severity.ERROR, "A route matches its path in more than one way."
    STATUS_HAS_NO_BODY = "EG210", Severity.ERROR, "A response of this status has no body."

    # What is allowed and probably not meant.
    POOL_IS_UNUSED = "EG301", Severity.WARNING, "No listener and no route leads to a pool."
    POOL_IS_EMPTY = (
        "EG302",
        Severity.WARNING,
        "A pool has no endpoint: each of its requests is answered with 503.",
    )
    ROUTE_IS_SHADOWED = "EG303", Severity.WARNING, "Routes before it match all that a route would."
    NOTHING_IS_SERVED = "EG304", Severity.WARNING, "There is no listener."

    # The world outside.
    UNRESOLVED_NAME = "EG401", Severity.ERROR, "The name of an endpoint's host cannot be resolved."
