"""One complaint of validation, as it is told to the author of a file. Every kind that a file provokes has a
golden file; here is what those cannot show."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from expressgateway.config import Code, Config
from expressgateway.config.explain import explain, path_of


def details(document: dict[str, Any]) -> list[ErrorDetails]:
    """What validation complains about."""
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(document)
    return caught.value.errors(include_url=False)


def complaint(**parts: object) -> ErrorDetails:
    """One that validation might make."""
    return cast("ErrorDetails", {"loc": ("runtime",), "msg": "Nobody knows", "input": 1} | parts)


def test_what_nobody_foresaw_is_still_said_in_validations_own_words() -> None:
    finding = explain(complaint(type="recursion_loop"))
    assert (finding.code, finding.message, finding.path) == (Code.NOT_ACCEPTED, "Nobody knows", ("runtime",))


@pytest.mark.parametrize(
    ("found", "called"),
    [
        (None, "nothing"),
        (True, "a boolean"),
        (7, "an integer"),
        (7.5, "a number"),
        ("x", "a string"),
        ({}, "a table"),
        ([], "an array"),
        ((), "an array"),
        (object(), "a object"),
    ],
)
def test_what_was_found_is_called_as_toml_calls_it(found: object, called: str) -> None:
    finding = explain(complaint(type="string_type", input=found))
    assert (finding.code, finding.message) == (Code.WRONG_TYPE, f"expected a string, found {called}")


@pytest.mark.parametrize(
    ("document", "path", "at_key"),
    [
        ({"pools": {"a b": {"endpoints": []}}}, ("pools", "a b"), True),
        ({"pools": {"[key]": {"endpoints": []}}}, ("pools", "[key]"), True),
        # A key that nobody knows may be called anything, even as validation calls keys.
        ({"[key]": 1}, ("[key]",), True),
        ({"pools": {"app": {"endpoints": [], "[key]": 1}}}, ("pools", "app", "[key]"), True),
        ({"pools": {"app": {"endpoints": [], "policy": 1}}}, ("pools", "app", "policy"), False),
    ],
)
def test_a_key_is_to_blame_or_its_value(
    document: dict[str, Any], path: tuple[str, ...], at_key: bool
) -> None:
    (only,) = details(document)
    finding = explain(only)
    assert (finding.path, finding.at_key) == (path, at_key)
    assert path_of(only) == path


def test_a_table_that_is_called_as_validation_calls_keys_can_be_wrong_in_both_ways() -> None:
    findings = [explain(one) for one in details({"pools": {"[key]": 5}})]
    assert sorted((finding.code.name, finding.path, finding.at_key) for finding in findings) == [
        ("BAD_NAME", ("pools", "[key]"), True),
        ("WRONG_TYPE", ("pools", "[key]"), False),
    ]


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"x": 1}, "at the top of a file"),
        ({"runtime": {"x": 1}}, "in [runtime]"),
        ({"pools": {"app": {"endpoints": [], "x": 1}}}, "in [pools.app]"),
        ({"pools": {"app.v2": {"endpoints": [], "x": 1}}}, 'in [pools."app.v2"]'),
        ({"pools": {"app": {"endpoints": [{"address": "a:1", "x": 1}]}}}, "in [[pools.app.endpoints]]"),
        ({"routes": [{"pool": "a", "x": 1}]}, "in [[routes]]"),
        ({"routes": [{"pool": "a", "match": {"x": 1}}]}, "in [routes.match]"),
    ],
)
def test_a_table_is_called_as_its_header_would_be(document: dict[str, Any], where: str) -> None:
    (only,) = details(document)
    assert explain(only).message == f"there is no key `x` {where}"


def test_what_is_missing_is_blamed_on_the_table_that_misses_it_and_shown_by_example() -> None:
    (only,) = details({"pools": {"app": {}}})
    finding = explain(only)
    assert (finding.code, finding.path, finding.at_key) == (Code.MISSING_KEY, ("pools", "app"), True)
    assert finding.message == "`endpoints` is missing in [pools.app]"
    assert finding.hint == 'add endpoints = ["10.0.0.1:8080"]'


def test_every_key_that_must_be_given_has_an_example() -> None:
    tables: list[Any] = [Config]
    for table in tables:
        tables += [one for one in type_tables(table) if one not in tables]
        bare = [
            key for key, field in table.model_fields.items() if field.is_required() and not field.examples
        ]
        assert not bare, table
    assert len(tables) > 10


def type_tables(table: Any) -> list[Any]:  # noqa: ANN401 - whatever an annotation can be
    """The models that the keys of a table name, in whatever way."""
    from expressgateway.config.models import Table

    found: list[Any] = []

    def walk(kind: Any) -> None:  # noqa: ANN401 - whatever an annotation can be
        if isinstance(kind, type) and issubclass(kind, Table):
            found.append(kind)
        for part in getattr(kind, "__args__", ()):
            walk(part)

    for field in table.model_fields.values():
        walk(field.annotation)
    return found
