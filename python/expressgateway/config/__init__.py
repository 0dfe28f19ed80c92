"""The configuration: its language, its models, its errors. Nothing here serves anything."""

from expressgateway.config.addresses import Bind, Target
from expressgateway.config.catalogue import Code, Severity
from expressgateway.config.findings import Finding, Place
from expressgateway.config.loader import Loaded, load_file, load_text
from expressgateway.config.models import (
    AccessLog,
    Admin,
    Check,
    Config,
    Endpoint,
    Listener,
    ListenerHeaders,
    ListenerLimits,
    ListenerTimeouts,
    Logs,
    Match,
    Pool,
    PoolTimeouts,
    Route,
    RouteTimeouts,
    Runtime,
)
from expressgateway.config.units import Duration, Size

__all__ = [
    "AccessLog",
    "Admin",
    "Bind",
    "Check",
    "Code",
    "Config",
    "Duration",
    "Endpoint",
    "Finding",
    "Listener",
    "ListenerHeaders",
    "ListenerLimits",
    "ListenerTimeouts",
    "Loaded",
    "Logs",
    "Match",
    "Place",
    "Pool",
    "PoolTimeouts",
    "Route",
    "RouteTimeouts",
    "Runtime",
    "Severity",
    "Size",
    "Target",
    "load_file",
    "load_text",
]
