"""What the models say about the places of a document: which tables there are, which keys they have. For those
who explain keys to people; validation does not need it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from expressgateway.config.findings import Path
from expressgateway.config.models import Config, Table
from expressgateway.config.suggest import closest

__all__ = ["accepted_at", "is_table", "nested_tables", "plain_type", "suggestion", "table_at"]


def table_at(path: Path) -> type[Table] | None:
    """The model of the table at a path, None if no table belongs there."""
    at: Any = Config
    for step in path:
        if is_table(at):
            field = at.model_fields.get(step)
            at = field.annotation if field else None
        else:
            at = _item(at)
        at = plain_type(at)
    return at if is_table(at) else None


def accepted_at(path: Path) -> tuple[str | int, ...]:
    """The values that may stand at a path, if they can be listed."""
    table, steps = table_at(path[:-1]), 1
    if table is None:
        table, steps = table_at(path[:-2]), 2
    field = table.model_fields.get(str(path[-steps])) if table else None
    kind = plain_type(field.annotation) if field else None
    if get_origin(kind) is tuple:
        kind = plain_type(get_args(kind)[0])
    return get_args(kind) if get_origin(kind) is Literal else ()


def nested_tables(table: type[Table]) -> Iterator[tuple[str, type[Table]]]:
    """The tables directly below a table, by their keys."""
    for key, field in table.model_fields.items():
        kind = plain_type(field.annotation)
        if is_table(kind):
            yield key, kind


def suggestion(path: Path) -> str:
    """What to do about the unknown key at the end of a path."""
    table, key = table_at(path[:-1]), str(path[-1])
    if table is None:
        return "leave it out"
    for name, nested in nested_tables(table):
        if key in nested.model_fields:
            return f"it belongs one table further down: `{name}.{key}`"
    meant = closest(key, table.model_fields)
    if meant:
        return f"did you mean `{meant}`?"
    return f"the keys here are {', '.join(sorted(table.model_fields))}"


def is_table(kind: Any) -> bool:  # noqa: ANN401 - whatever an annotation can be
    """Whether an annotation is one of the models."""
    return isinstance(kind, type) and issubclass(kind, Table)


def plain_type(kind: Any) -> Any:  # noqa: ANN401 - whatever an annotation can be
    """An annotation without what is attached to it and without None."""
    if get_origin(kind) is Annotated:
        return plain_type(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return plain_type(next(part for part in get_args(kind) if part is not type(None)))
    return kind


def _item(kind: Any) -> Any:  # noqa: ANN401 - whatever an annotation can be
    """What a table by name, or a list, consists of."""
    match get_origin(kind), get_args(kind):
        case (origin, (_, value)) if origin is dict:
            return value
        case (origin, (value, _)) if origin is tuple:
            return value
        case _:
            return None
