"""ExpressGateway, a load balancer: configured and operated in Python, carried by a compiled data plane.

    from expressgateway import Config, Gateway, Listener, Pool

    config = Config(
        listeners={"web": Listener(protocol="http", bind="127.0.0.1:8080", default_pool="app")},
        pools={"app": Pool(endpoints=["127.0.0.1:9000", "127.0.0.1:9001"])},
    )
    async with Gateway(config) as gateway:
        print(gateway.addresses)

Names are imported when they are first used: a command that needs none of them starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from expressgateway.config import (
        AccessLog,
        Admin,
        Check,
        Config,
        Endpoint,
        FieldEdits,
        Finding,
        Listener,
        ListenerClient,
        ListenerHeaders,
        ListenerLimits,
        ListenerTimeouts,
        Logs,
        Match,
        Pool,
        PoolTimeouts,
        Redirect,
        Respond,
        Rewrite,
        Route,
        RouteHeaders,
        RouteTimeouts,
        Runtime,
        load_file,
        load_text,
    )
    from expressgateway.control import Gateway
    from expressgateway.errors import (
        ConfigError,
        EngineError,
        ExpressGatewayError,
        LogFileError,
        ResourceError,
        RestartRequiredError,
        SnapshotError,
        SocketError,
        TomlSyntaxError,
    )

__all__ = [
    "AccessLog",
    "Admin",
    "Check",
    "Config",
    "ConfigError",
    "Endpoint",
    "EngineError",
    "ExpressGatewayError",
    "FieldEdits",
    "Finding",
    "Gateway",
    "Listener",
    "ListenerClient",
    "ListenerHeaders",
    "ListenerLimits",
    "ListenerTimeouts",
    "LogFileError",
    "Logs",
    "Match",
    "Pool",
    "PoolTimeouts",
    "Redirect",
    "ResourceError",
    "Respond",
    "RestartRequiredError",
    "Rewrite",
    "Route",
    "RouteHeaders",
    "RouteTimeouts",
    "Runtime",
    "SnapshotError",
    "SocketError",
    "TomlSyntaxError",
    "load_file",
    "load_text",
]

# From the quickest to import to the slowest.
_HOMES: Final = ("expressgateway.errors", "expressgateway.config", "expressgateway.control")


def __getattr__(name: str) -> object:
    if name in __all__:
        for home in _HOMES:
            module = import_module(home)
            if name in module.__all__:
                value: object = getattr(module, name)
                globals()[name] = value
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
