"""From a file to a configuration, or to everything that is wrong with it, each with line and column. TOML is
parsed by the engine, values are read by the models, and whether they go together is asked in `meaning`."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from expressgateway import _engine
from expressgateway.config import meaning
from expressgateway.config.catalogue import Code
from expressgateway.config.explain import explain
from expressgateway.config.findings import Finding, Path, Source
from expressgateway.config.models import Config
from expressgateway.config.resolve import Lookup, look_up, resolve
from expressgateway.config.rest import valid_rest
from expressgateway.errors import ConfigError, TomlSyntaxError

__all__ = ["Loaded", "load_file", "load_text"]

Spans = Mapping[Path, tuple[int, int, int, int]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be run, and what should be said about it nevertheless."""

    config: Config
    warnings: tuple[Finding, ...]


def load_file(path: str | FilePath, *, lookup: Lookup = look_up) -> Loaded:
    """Read a file. Raises `ConfigError` with all findings, and OSError if the file cannot be read."""
    # Some editors begin a file with a byte order mark, and none of them counts it as a column.
    name, content = str(path), FilePath(path).read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        start = len(content[: error.start].decode())
        place = Source(name, content.decode(errors="replace")).place((start, start + 1))
        message = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise ConfigError(
            [Finding(Code.NOT_UTF8, message, hint="save the file as UTF-8", place=place)]
        ) from None
    return load_text(text, name, folder=FilePath(path).absolute().parent, lookup=lookup)


def load_text(
    text: str, name: str = "<text>", *, folder: FilePath | None = None, lookup: Lookup = look_up
) -> Loaded:
    """Read a text. `name` is what findings call it, `folder` where relative paths begin. Raises
    `ConfigError`."""
    source = Source(name, text)
    try:
        document, spans = _engine.parse_toml(text)
    except TomlSyntaxError as error:
        place = source.place((error.offset, error.offset + 1))
        raise ConfigError([Finding(Code.NOT_TOML, error.message, place=place)]) from None
    except UnicodeEncodeError as error:
        # No file contains one, but Python's strings can.
        message = f"U+{ord(text[error.start]):04X} is half of a character, which UTF-8 does not have"
        place = source.place((error.start, error.end))
        raise ConfigError([Finding(Code.NOT_UTF8, message, place=place)]) from None
    config, findings = _read(document)
    findings = _placed(findings, source, spans)
    if config is None or any(finding.is_error for finding in findings):
        raise ConfigError(findings)
    config, unresolved = resolve(config, lookup)
    if unresolved:
        raise ConfigError(_placed(findings + unresolved, source, spans))
    return Loaded(_rooted(config, folder or FilePath.cwd()), tuple(findings))


def _read(document: dict[str, Any]) -> tuple[Config | None, list[Finding]]:
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        findings = [explain(details) for details in wrong]
        rest = valid_rest(document, wrong)
        if rest:
            names = {
                key: document[key] for key in ("pools", "listeners") if isinstance(document.get(key), dict)
            }
            about = meaning.examine_part(rest.config, names.get("pools", {}), names.get("listeners", {}))
            findings += [replace(finding, path=rest.original(finding.path)) for finding in about]
        return None, findings
    return config, meaning.examine(config)


def _placed(findings: Iterable[Finding], source: Source, spans: Spans) -> list[Finding]:
    """In the order of the file, each at the closest thing around it that stands in the text."""

    def place(finding: Finding) -> Finding:
        path = finding.path
        while path and path not in spans:
            path = path[:-1]
        key_start, key_end, value_start, value_end = spans.get(path, (0, 0, 0, 0))
        span = (key_start, key_end) if finding.at_key else (value_start, value_end)
        return replace(finding, place=source.place(span))

    return sorted(
        map(place, findings), key=lambda finding: finding.place.position if finding.place else (0, 0)
    )


def _rooted(config: Config, folder: FilePath) -> Config:
    """Relative paths are relative to their file, not to where the gateway was started."""
    path = config.logs.access.path
    if path in ("-", "none"):
        return config
    access = config.logs.access.model_copy(update={"path": str(folder / path)})
    return config.model_copy(update={"logs": config.logs.model_copy(update={"access": access})})
