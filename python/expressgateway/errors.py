"""What the product raises on purpose, in one tree. Mistakes of the caller's own code stay `TypeError`.

    ExpressGatewayError
    ├── ConfigError          the configuration is wrong; carries every finding
    ├── TomlSyntaxError      a text is not TOML; carries where
    ├── SnapshotError        the engine refuses what it was asked to run; nothing has changed
    ├── EngineError          the engine is not in a state to do that
    ├── RestartRequiredError a setting changed that a running gateway cannot change; nothing has changed
    └── ResourceError        the machine does not give what the configuration asks for
        ├── SocketError      an address cannot be listened on
        └── LogFileError     a log cannot be opened

This file imports nothing of the product: the compiled engine raises from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expressgateway.config.findings import Finding

__all__ = [
    "ConfigError",
    "EngineError",
    "ExpressGatewayError",
    "LogFileError",
    "ResourceError",
    "RestartRequiredError",
    "SnapshotError",
    "SocketError",
    "TomlSyntaxError",
]


class ExpressGatewayError(Exception):
    """Root of everything below; catch it to catch what the product can explain."""


class ConfigError(ExpressGatewayError):
    """The configuration is wrong. As text: every finding with its place, an excerpt and a hint."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(findings)
        self.findings = tuple(findings)
        """Errors and warnings, in the order of the file."""

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)


class TomlSyntaxError(ExpressGatewayError):
    """A text is not TOML. `offset` counts characters from the start of the text."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message, offset)
        self.message = message
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.message} (at character {self.offset})"


class SnapshotError(ExpressGatewayError):
    """The engine refuses a snapshot; what it served before, it serves still."""


class EngineError(ExpressGatewayError):
    """The engine is not in a state to do that: not started, stopping, or on the other side of a fork."""


class RestartRequiredError(ExpressGatewayError):
    """Settings differ that hold for the life of a process. Nothing has changed."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(keys)
        self.keys = tuple(keys)
        """The settings, as they are written: ``runtime.workers``."""

    def __str__(self) -> str:
        return f"{', '.join(self.keys)}: a running gateway cannot change this; restart it, or undo the change"


class ResourceError(ExpressGatewayError):
    """The machine does not give what the configuration asks for."""


class SocketError(ResourceError):
    """An address cannot be listened on. `address` is as configured, `reason` says why and what to do."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.address}: {self.reason}"


class LogFileError(ResourceError):
    """A log cannot be opened. `path` is where it should be, `reason` says why it is not."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
