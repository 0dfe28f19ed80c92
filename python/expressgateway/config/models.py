"""The configuration as values: every setting declared once, with its default and what it does. The reference
page, the suggestions for misspelt keys and the Python interface derive from here. Whether values go together
is asked in `meaning`; what the engine gets is made in `snapshot`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf

from expressgateway.config.addresses import Bind, Target
from expressgateway.config.fields import (
    Address,
    BindAddress,
    EndpointName,
    HostPattern,
    Kind,
    Listed,
    LogPath,
    Name,
    OptionalBind,
    OptionalFieldName,
    OptionalSize,
    OptionalTimeout,
    PathPrefix,
    Period,
    RouteName,
    Some,
    Timeout,
    as_tuple,
    auto,
    size_within,
)
from expressgateway.config.units import Duration, Size

__all__ = [
    "AccessLog",
    "Admin",
    "Check",
    "Config",
    "Endpoint",
    "Listener",
    "ListenerHeaders",
    "ListenerLimits",
    "ListenerTimeouts",
    "Logs",
    "Match",
    "Pool",
    "PoolTimeouts",
    "Route",
    "RouteTimeouts",
    "Runtime",
    "Table",
]


def _span(text: str) -> Duration:
    return Duration.parse(text)


class Table(BaseModel):
    """A table of the language: values do not change, and a key that is not declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Runtime(Table):
    """The process."""

    workers: Annotated[int | None, *auto(1024)] = Field(
        None,
        description="Worker threads. `auto`: one for each CPU this process may use. Needs a restart to "
        "change.",
    )
    max_connections: Annotated[int | None, *auto(4_000_000)] = Field(
        None,
        description="Most client connections at once; more wait in the kernel's queue. `auto`: what the "
        "limit of open files allows, at two files for each.",
    )
    drain_timeout: Period = Field(
        _span("10s"),
        description="How long requests may take to finish when the gateway ends, before they are cut.",
    )
    readiness_settle: Period = Field(
        _span("5s"),
        description="How long `/readyz` answers 503 before listeners close on SIGTERM: the time it takes "
        "whoever sends traffic here to notice. SIGINT skips it.",
    )


class Admin(Table):
    """Probes, metrics and the read-only API."""

    bind: OptionalBind = Field(
        Bind("127.0.0.1", 9090),
        description="Where `/livez`, `/readyz`, `/startupz`, `/metrics` and `/api/v1/status` are answered. "
        "A loopback address: whoever can connect may read. Needs a restart to change.",
    )


class ListenerHeaders(Table):
    """What a listener adds to the requests it forwards."""

    forward: Annotated[tuple[Literal["x-forwarded"], ...], *Listed] = Field(
        ("x-forwarded",),
        description="How endpoints learn of the client. `x-forwarded`: `X-Forwarded-For`, `-Proto`, `-Host`"
        " and `-Port`, replacing what the client sent. An empty list: not at all.",
    )
    request_id: OptionalFieldName = Field(
        "x-request-id", description="Field that carries an id made for each request."
    )
    via: bool = Field(True, description="Whether `Via` says that a message passed here (RFC 9110, 7.6.3).")


class ListenerLimits(Table):
    """What a request may ask of the gateway."""

    request_header: Annotated[InstanceOf[Size], *size_within("1B", "16MiB")] = Field(
        Size.parse("64KiB"),
        description="Start line and fields of a request; it is held in memory for each. More is answered "
        "with 431 or 414.",
    )
    headers: int = Field(128, ge=1, le=256, description="Fields of a request. More is answered with 431.")
    request_body: OptionalSize = Field(None, description="Body of a request. More is answered with 413.")


class ListenerTimeouts(Table):
    """How long a client may take."""

    header: Timeout = Field(
        _span("10s"), description="From the first byte of a request to the end of its head."
    )
    idle: Timeout = Field(_span("60s"), description="Between requests, and in a tunnel without traffic.")
    body_idle: Timeout = Field(_span("30s"), description="Without progress of a body, in either direction.")


class Listener(Table):
    """Where connections enter."""

    protocol: Literal["http"] = Field(description="What clients speak.", examples=['"http"'])
    bind: Annotated[tuple[BindAddress, ...], *Some] = Field(
        description='One address or a list. `"*:8080"` is both families, `"0.0.0.0:8080"` IPv4 and '
        '`"[::]:8080"` IPv6 only. Port 0 lets the system choose.',
        examples=['"*:8080"'],
    )
    http_versions: Annotated[tuple[Literal["h1", "h2"], ...], *Some] = Field(
        ("h1", "h2"),
        description="`h1`: HTTP/1.1 and 1.0. `h2`: HTTP/2, for clients that begin with its preface (prior "
        "knowledge).",
    )
    default_pool: Name | None = Field(
        None,
        description="The pool for what no route matches. Without it such requests are answered with 404.",
    )
    headers: ListenerHeaders = Field(
        ListenerHeaders(), description="What is added to the requests that are forwarded."
    )
    limits: ListenerLimits = Field(ListenerLimits(), description="What a request may ask of the gateway.")
    timeouts: ListenerTimeouts = Field(ListenerTimeouts(), description="How long a client may take.")


class Match(Table):
    """Which requests a route is for: those that all of its keys match."""

    host: Annotated[tuple[HostPattern, ...], *Listed] = Field(
        (),
        description='One host or a list, compared without port, case and trailing dot. `"*.example.com"` is'
        " any depth below, not `example.com` itself. Exact hosts come before wildcards, longer "
        "wildcards before shorter, and routes without a host last.",
    )
    path_prefix: PathPrefix | None = Field(
        None,
        description='Whole segments: `"/shop"` is `/shop` and `/shop/x`, not `/shops`. Compared with the '
        "path in its normal form, which is also what endpoints see.",
    )


class RouteTimeouts(Table):
    """How long an endpoint may take."""

    request: OptionalTimeout = Field(
        None, description="The whole request, retries included. Longer is answered with 504."
    )
    first_byte: OptionalTimeout = Field(
        _span("60s"),
        description="From the end of the request, or the response's last sign of life, to the response's "
        "head. Longer is answered with 504.",
    )


class Route(Table):
    """Which pool a kind of request goes to. Within one host, the first route of the file that matches."""

    name: RouteName | None = Field(
        None, description="Shown in logs and metrics. By default `route-` and its place from 1."
    )
    listeners: Annotated[tuple[Name, ...], *Some] | None = Field(
        None, description="The listeners it applies to. By default all of them."
    )
    pool: Name = Field(description="The pool that requests go to.", examples=['"app"'])
    match: Match = Field(Match(), description="Which requests. An empty table matches all.")
    timeouts: RouteTimeouts = Field(RouteTimeouts(), description="How long an endpoint may take.")


class Endpoint(Table):
    """One place to send requests to."""

    address: Address = Field(
        description="`IP:PORT`, `[IPv6]:PORT`, `NAME:PORT` or `unix:/path`. A name is resolved when the "
        "configuration is loaded, to one endpoint for each of its addresses.",
        examples=['"10.0.0.1:8080"'],
    )
    name: EndpointName | None = Field(None, description="Shown in logs and metrics. By default its address.")


class Check(Table):
    """How it is found out whether an endpoint works. The first check decides at once; later ones by `rise`
    and `fall`."""

    type: Literal["tcp"] = Field(description="`tcp`: a connection can be established.", examples=['"tcp"'])
    interval: Timeout = Field(_span("2s"), description="From the start of a check to the start of the next.")
    timeout: Timeout = Field(_span("1s"), description="How long a check may take.")
    rise: int = Field(2, ge=1, le=100, description="Successes in a row that bring an endpoint back.")
    fall: int = Field(3, ge=1, le=100, description="Failures in a row that take an endpoint out.")


class PoolTimeouts(Table):
    """How long connections to endpoints may take and last."""

    connect: Timeout = Field(
        _span("5s"),
        description="To establish a connection. When no endpoint is left to try, the answer is 504.",
    )
    keepalive: Period = Field(
        _span("90s"),
        description='How long an unused connection is kept for the next request. `"0s"`: not at all.',
    )


def _endpoint(value: object) -> object:
    """An address alone is an endpoint without a name."""
    return {"address": value} if isinstance(value, str | Target) else value


class Pool(Table):
    """Endpoints that are one to those who send requests."""

    policy: Literal["round_robin"] = Field(
        "round_robin", description="How an endpoint is chosen. `round_robin`: each that is healthy in turn."
    )
    endpoints: Annotated[
        tuple[Annotated[Endpoint, BeforeValidator(_endpoint)], ...],
        BeforeValidator(as_tuple),
        Kind("list of addresses or tables"),
    ] = Field(
        description="Where requests go: addresses, or tables with the keys below.",
        examples=['["10.0.0.1:8080"]'],
    )
    check: Check | None = Field(None, description="Without it an endpoint counts as healthy.")
    timeouts: PoolTimeouts = Field(PoolTimeouts(), description="How long connections may take and last.")


class AccessLog(Table):
    """One line for each request."""

    path: LogPath = Field(
        "-", description="A file, relative to that of the configuration. Needs a restart to change."
    )
    format: Literal["json"] = Field("json", description="One JSON object per line.")


class Logs(Table):
    """What is written down."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description="What of the gateway's own log is written to standard error: this and what is more "
        "serious.",
    )
    access: AccessLog = Field(AccessLog(), description="One line for each request.")


class Config(Table):
    """Everything. Listeners are where connections enter, pools where they go, routes lead from one to the
    other."""

    edition: Literal[1] = Field(
        1, description="The edition of the language. A later one may change what keys mean."
    )
    runtime: Runtime = Field(Runtime(), description="The process.")
    admin: Admin = Field(Admin(), description="Probes, metrics and the read-only API.")
    listeners: dict[Name, Listener] = Field({}, description="Where connections enter, by name.")
    routes: Annotated[tuple[Route, ...], BeforeValidator(as_tuple)] = Field(
        (), description="Which pool a kind of request goes to."
    )
    pools: dict[Name, Pool] = Field({}, description="Where connections go, by name.")
    logs: Logs = Field(Logs(), description="What is written down.")

    def route_names(self) -> tuple[str, ...]:
        """The name of every route, given or made from its place."""
        return tuple(route.name or f"route-{number}" for number, route in enumerate(self.routes, 1))
