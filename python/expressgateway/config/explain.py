"""What validation complains about, in words for the author of the file. The models say what is wrong, this
file says it kindly; it refuses to find anything itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import ErrorDetails

from expressgateway.config import shape
from expressgateway.config.catalogue import Code
from expressgateway.config.fields import type_of
from expressgateway.config.findings import Finding, Path, written_key

__all__ = ["explain", "path_of"]

_EXPECTED: Final = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "int_type": "an integer",
    "model_type": "a table",
    "string_type": "a string",
    "tuple_type": "an array",
}


def path_of(details: ErrorDetails) -> Path:
    """Where in the document."""
    return details["loc"][:-1] if _is_about_key(details) else details["loc"]


def _is_about_key(details: ErrorDetails) -> bool:
    """Whether the name of a table is wrong. A table that is called like this may be wrong otherwise."""
    return details["loc"][-1:] == ("[key]",) and details["type"] == "finding"


def explain(details: ErrorDetails) -> Finding:
    """One complaint as a finding."""
    path, kind, context = path_of(details), details["type"], details.get("ctx", {})
    match kind:
        case "finding":
            code, message, hint = Code[context["code"]], context["message"], context["hint"]
            return Finding(code, message, path, hint, at_key=_is_about_key(details))
        case "extra_forbidden":
            message = f"there is no key `{path[-1]}` {_inside(path[:-1])}"
            return Finding(Code.UNKNOWN_KEY, message, path, shape.suggestion(path), at_key=True)
        case "missing":
            return _missing(path)
        case "literal_error":
            return _not_accepted(path, details["input"])
        case _ if kind in _EXPECTED:
            message = f"expected {_EXPECTED[kind]}, found {type_of(details['input'])}"
            return Finding(Code.WRONG_TYPE, message, path)
        case "greater_than_equal":
            message = f"{details['input']} is too small"
            return Finding(Code.OUT_OF_RANGE, message, path, f"give at least {context['ge']}")
        case "less_than_equal":
            message = f"{details['input']} is too large"
            return Finding(Code.OUT_OF_RANGE, message, path, f"give at most {context['le']}")
        case _:
            return Finding(Code.NOT_ACCEPTED, details["msg"], path)


def _inside(path: Path) -> str:
    """A table, called as its header would be; items of lists have no names."""
    name = written_key(*(step for step in path if isinstance(step, str)))
    if not path:
        return "at the top of a file"
    return f"in [[{name}]]" if isinstance(path[-1], int) else f"in [{name}]"


def _missing(path: Path) -> Finding:
    table = shape.table_at(path[:-1])
    field = table.model_fields.get(str(path[-1])) if table else None
    hint = f"add {path[-1]} = {field.examples[0]}" if field and field.examples else None
    message = f"`{path[-1]}` is missing {_inside(path[:-1])}"
    return Finding(Code.MISSING_KEY, message, path[:-1], hint, at_key=True)


def _not_accepted(path: Path, found: Any) -> Finding:  # noqa: ANN401 - whatever stands in a file
    accepted = shape.accepted_at(path)
    words = [str(one) if isinstance(one, int) else f'"{one}"' for one in accepted]
    if isinstance(found, Mapping | list | tuple):
        return Finding(Code.WRONG_TYPE, f"expected {' or '.join(words)}, found {type_of(found)}", path)
    written = f'"{found}"' if isinstance(found, str) else str(found).lower()
    return Finding(Code.NOT_ACCEPTED, f"{written} is not accepted here", path, f"write {' or '.join(words)}")
