"""The part of a wrong document that is right: what is wrong is taken out until the rest is valid, so that its
meaning can be examined and nobody is told of their mistakes in two rounds. It refuses to report anything
itself."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from expressgateway.config.explain import path_of
from expressgateway.config.findings import Path
from expressgateway.config.models import Config

__all__ = ["Rest", "valid_rest"]

# What is dropped may be missed by the table around it, which is dropped then: no table is deeper than this.
_ROUNDS: Final = 8


class Rest:
    """A valid configuration, and where its parts stood in the document."""

    def __init__(self, config: Config, routes: Sequence[int]) -> None:
        self.config = config
        self._routes = routes

    def original(self, path: Path) -> Path:
        """A path into the configuration as one into the document: routes have moved up."""
        match path:
            case ("routes", int(number), *below):
                return ("routes", self._routes[number], *below)
            case _:
                return path


def valid_rest(document: dict[str, Any], wrong: Sequence[ErrorDetails]) -> Rest | None:
    """What is left of a document without what is wrong in it."""
    rest = copy.deepcopy(document)
    routes = rest.get("routes")
    numbers = list(range(len(routes))) if isinstance(routes, list) else []
    for _ in range(_ROUNDS):
        for details in wrong:
            _drop(rest, details)
        if isinstance(rest.get("routes"), list):
            kept = [
                (number, route)
                for number, route in zip(numbers, rest["routes"], strict=True)
                if route is not _GONE
            ]
            numbers, rest["routes"] = [number for number, _ in kept], [route for _, route in kept]
        try:
            return Rest(Config.model_validate(rest), numbers)
        except ValidationError as error:
            wrong = error.errors(include_url=False)
    return None


# In place of a route until all errors of a round, which count routes, are seen. No document contains it.
_GONE: Final = object()


def _drop(rest: dict[str, Any], details: ErrorDetails) -> None:
    """Take out the value with the error, or the table that misses one, or else the closest thing around it
    that has a name. The items of lists have none, but routes are tables that one can do without."""
    path = path_of(details)
    if details["type"] == "missing":
        path = path[:-1]
    holder: Any = rest
    for depth, step in enumerate(path):
        is_last = depth == len(path) - 1
        if depth == 1 and path[0] == "routes" and isinstance(holder, list) and isinstance(step, int):
            if is_last or not isinstance(holder[step], dict):
                holder[step] = _GONE
                return
            holder = holder[step]
            continue
        if not isinstance(holder, dict) or step not in holder:
            return
        is_table = isinstance(holder[step], dict) or (
            depth == 0 and isinstance(holder[step], list) and step == "routes"
        )
        if is_last or not is_table:
            del holder[step]
            return
        holder = holder[step]
