"""The reference page of the language, written from the models: ``python -m expressgateway.config.reference``
prints it. What it does not say cannot be configured, and it says nothing that the models do not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from expressgateway.config.catalogue import Code
from expressgateway.config.fields import Kind
from expressgateway.config.models import Config, Table
from expressgateway.config.shape import is_table, plain_type

__all__ = ["reference"]

_INTRODUCTION = """\
# Configuration

<!-- Written by `python -m expressgateway.config.reference` from the models; change those. -->

A gateway is described by one TOML file. Every key has the default shown here unless it is required; a key
that is not on this page is an error, and all errors of a file are reported at once, with line and column.

- A **duration** is a whole number and `ms`, `s`, `m` or `h`: `"250ms"`, `"10s"`.
- A **size** is a whole number and `B`, `KiB`, `MiB`, `GiB` or `TiB`: `"64KiB"`.
- A **name** has 1 to 64 letters, digits, `_`, `-` and `.`, and begins with none of the last two.
- Off is `"none"`.
"""

_FINDINGS = """\
## Findings

`expressgateway check` reports these. Errors refuse a configuration, warnings do not.

| code | | meaning |
|---|---|---|
"""


def reference() -> str:
    """The page, in Markdown."""
    page = [_INTRODUCTION, _section("At the top", Config, Config.__doc__)]
    page += [_section(f"`{header}`", table, table.__doc__) for header, table in _tables(Config, "")]
    page += [_FINDINGS + "".join(f"| {code.value} | {code.severity} | {code.meaning} |\n" for code in Code)]
    return "\n".join(page)


def _tables(table: type[Table], above: str) -> Iterator[tuple[str, type[Table]]]:
    """Every table below this one with its header, in the order of the models."""
    for key, field in table.model_fields.items():
        kind = plain_type(field.annotation)
        name = f"{above}{key}"
        if is_table(kind):
            below, header = kind, f"[{name}]"
        elif _is_table_by_name(kind):
            below, name = plain_type(get_args(kind)[1]), f"{name}.NAME"
            header = f"[{name}]"
        elif is_table(plain_type(_item(kind))):
            below, header = plain_type(_item(kind)), f"[[{name}]]"
        else:
            continue
        yield header, below
        yield from _tables(below, f"{name}.")


def _item(kind: Any) -> Any:  # noqa: ANN401 - whatever an annotation can be
    """What a list consists of."""
    return get_args(kind)[0] if get_origin(kind) is tuple else None


def _section(title: str, table: type[Table], text: str | None) -> str:
    optional = {key for key, field in table.model_fields.items() if not field.is_required()}
    # Each kind of value knows how it is written, and writes its default too.
    written = table.model_construct().model_dump(mode="json", include=optional)
    rows = "".join(
        _row(key, field, f"`{json.dumps(written[key])}`" if key in optional else "required")
        for key, field in table.model_fields.items()
        if not _has_section(field)
    )
    head = f"## {title}\n\n{' '.join((text or '').split())}\n"
    return f"{head}\n| key | value | default | |\n|---|---|---|---|\n{rows}" if rows else head


def _has_section(field: FieldInfo) -> bool:
    """Whether a section of its own says all there is to say: not if the table may be absent, or a value."""
    kind = field.annotation
    if any(isinstance(part, Kind) for part in field.metadata):
        return False
    return is_table(kind) or _is_table_by_name(kind) or is_table(_item(kind))


def _is_table_by_name(kind: Any) -> bool:  # noqa: ANN401 - whatever an annotation can be
    """Whether tables stand under names of their user's choice."""
    return get_origin(kind) is dict and is_table(plain_type(get_args(kind)[1]))


def _row(key: str, field: FieldInfo, default: str) -> str:
    default = "absent" if default == "`null`" else default
    cells = [f"`{key}`", _words(field.annotation, field.metadata), default, field.description or ""]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _words(kind: Any, metadata: Sequence[object] = ()) -> str:  # noqa: ANN401 - whatever an annotation can be
    """What may stand there."""
    for part in metadata:
        if isinstance(part, Kind):
            return part.words
    if get_origin(kind) is Annotated:
        return _words(get_args(kind)[0], get_args(kind)[1:])
    if None.__class__ in get_args(kind):
        return _words(next(part for part in get_args(kind) if part is not type(None)))
    if get_origin(kind) is Literal:
        return " or ".join(f"`{json.dumps(one)}`" for one in get_args(kind))
    if get_origin(kind) is tuple:
        return f"{_words(_item(kind))}, or a list"
    if get_origin(kind) is dict:
        return f"table of {_words(get_args(kind)[1])} by name"
    if kind is bool:
        return "`true` or `false`"
    if kind is str:
        return "text"
    if is_table(kind):
        return "table, see below"
    least = next(part.ge for part in metadata if isinstance(part, Ge))
    most = next(part.le for part in metadata if isinstance(part, Le))
    return f"number from {least} to {most}"


if __name__ == "__main__":
    sys.stdout.write(reference())
