"""The configuration as values: every setting declared once, with its default and what it does. The reference
page, the suggestions for misspelt keys and the Python interface derive from here. Whether values go together
is asked in `meaning`; what the engine gets is made in `snapshot`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf

from expressgateway.config.addresses import Bind, Target
from expressgateway.config.fields import (
    Address,
    Authority,
    BindAddress,
    EditedField,
    EndpointName,
    FieldValue,
    HostPattern,
    Kind,
    Listed,
    LogPath,
    Name,
    OptionalBind,
    OptionalFieldName,
    OptionalRate,
    OptionalSize,
    OptionalTimeout,
    PathPrefix,
    Pattern,
    Period,
    Prefix,
    RedirectTarget,
    RouteName,
    Some,
    TextPattern,
    Timeout,
    Token,
    as_edition,
    as_tuple,
    auto,
    optional_count,
    size_within,
)
from expressgateway.config.units import Duration, Rate, Size

__all__ = [
    "AccessLog",
    "Admin",
    "Check",
    "Config",
    "Endpoint",
    "FieldEdits",
    "Listener",
    "ListenerClient",
    "ListenerHeaders",
    "ListenerLimits",
    "ListenerTimeouts",
    "Logs",
    "Match",
    "Pool",
    "PoolTimeouts",
    "Redirect",
    "Respond",
    "Rewrite",
    "Route",
    "RouteHeaders",
    "RouteTimeouts",
    "Runtime",
    "Table",
]


def _span(text: str) -> Duration:
    return Duration.parse(text)


def _redirect(value: object) -> object:
    """A place alone is a redirect with the usual status."""
    return {"to": value} if isinstance(value, str) else value


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

    forward: Annotated[tuple[Literal["x-forwarded", "forwarded"], ...], *Listed] = Field(
        ("x-forwarded",),
        description="How endpoints learn of the client. `x-forwarded`: `X-Forwarded-For`, `-Proto`, `-Host`"
        " and `-Port`; `forwarded`: `Forwarded` (RFC 7239). What the client sent is replaced, or, from a "
        "trusted proxy, continued. An empty list: not at all.",
    )
    request_id: OptionalFieldName = Field(
        "x-request-id",
        description="Field that carries an id made for each request; one from a trusted proxy is kept.",
    )
    via: bool = Field(True, description="Whether `Via` says that a message passed here (RFC 9110, 7.6.3).")
    underscores: Literal["reject", "drop", "allow"] = Field(
        "reject",
        description="What becomes of fields with `_` in their names, which some programs take for `-`. "
        "`reject`: the request is answered with 400. `drop`: they are left out.",
    )
    encoded_slashes: Literal["reject", "pass"] = Field(
        "reject",
        description="What becomes of `%2F` and `%5C` in paths, which some programs take for separators. "
        "`reject`: the request is answered with 400. `pass`: they stay encoded.",
    )


class ListenerLimits(Table):
    """What a request may ask of the gateway."""

    request_header: Annotated[InstanceOf[Size], *size_within("1B", "16MiB")] = Field(
        Size.parse("64KiB"),
        description="Start line and fields of a request; it is held in memory for each. More is answered "
        "with 431 or 414.",
    )
    headers: int = Field(128, ge=1, le=256, description="Fields of a request. More is answered with 431.")
    request_body: OptionalSize = Field(None, description="Body of a request. More is answered with 413.")
    requests_per_connection: Annotated[int | None, *optional_count(1_000_000_000)] = Field(
        None, description="Requests of one connection; the last response says that it is the last."
    )
    min_rate: OptionalRate = Field(
        Rate.parse("240B/s"),
        description="How fast a client must send or take a body while it is waited for. One that stays "
        "behind by more than ten seconds is cut.",
    )


class ListenerTimeouts(Table):
    """How long a client may take."""

    header: Timeout = Field(
        _span("10s"), description="From the first byte of a request to the end of its head."
    )
    idle: Timeout = Field(_span("60s"), description="Between requests, and in a tunnel without traffic.")
    body_idle: Timeout = Field(_span("30s"), description="Without progress of a body, in either direction.")


class ListenerClient(Table):
    """Who may connect, and who is believed."""

    trusted_proxies: Annotated[tuple[Prefix, ...], *Listed] = Field(
        (),
        description="Whose `X-Forwarded-*`, `Forwarded`, `X-Request-Id` and `traceparent` are believed: "
        "addresses, or prefixes of them. From others they are replaced.",
    )
    allow: Annotated[tuple[Prefix, ...], *Listed] = Field(
        ("0.0.0.0/0", "::/0"), description="Who may connect."
    )
    deny: Annotated[tuple[Prefix, ...], *Listed] = Field(
        (), description="Who may not connect, although allowed."
    )


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
    client: ListenerClient = Field(ListenerClient(), description="Who may connect, and who is believed.")
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
    path: PathPrefix | None = Field(None, description="Exactly this path, without its query.")
    path_regex: Pattern | None = Field(
        None,
        description="A regular expression that the whole path matches, in time linear in its length. Of "
        "`path`, `path_prefix` and `path_regex`, give one.",
    )
    methods: Annotated[tuple[Token, ...], *Listed] = Field((), description="One of these methods.")
    headers: dict[Token, TextPattern] = Field(
        {},
        description='For each field: a value that one of that name must have, `"*"` for any, or '
        '`"~regex"` for one that is matched from end to end.',
    )
    query: dict[str, TextPattern] = Field(
        {}, description="The same for parameters of the query, names and values decoded."
    )
    client_ip: Annotated[tuple[Prefix, ...], *Listed] = Field(
        (), description="Addresses, or prefixes of them, that the client has one of."
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


class Redirect(Table):
    """An answer that sends the client elsewhere."""

    to: RedirectTarget = Field(
        description="Where to. `{scheme}`, `{host}`, `{port}`, `{path}` and `{query}` are filled in from "
        'the request; the last with its `?`. `"https"` alone is the same place by HTTPS.',
        examples=['"https://{host}{path}{query}"'],
    )
    status: Literal[301, 302, 303, 307, 308] = Field(308, description="308 and 307 keep the method.")


class Respond(Table):
    """An answer of the gateway's own."""

    status: int = Field(200, ge=200, le=599, description="Its status.")
    body: str = Field("", description="Its body.")
    content_type: FieldValue = Field("text/plain; charset=utf-8", description="Its `Content-Type`.")


class Rewrite(Table):
    """What changes in a request on its way to the endpoint."""

    strip_prefix: PathPrefix | None = Field(None, description="Prefix of whole segments that the path loses.")
    host: Authority | None = Field(None, description="What `Host` says, instead of what the client said.")


class FieldEdits(Table):
    """Changes to the fields of a message, in this order."""

    remove: Annotated[tuple[EditedField, ...], *Listed] = Field((), description="Fields that go.")
    set: dict[EditedField, FieldValue] = Field({}, description="Fields that replace those of their name.")
    add: dict[EditedField, FieldValue] = Field({}, description="Fields that join those of their name.")


class RouteHeaders(Table):
    """Changes to fields on the way."""

    request: FieldEdits = Field(FieldEdits(), description="Of requests, before they are forwarded.")
    response: FieldEdits = Field(FieldEdits(), description="Of responses, those of the gateway's own too.")


class Route(Table):
    """What is done with a kind of request: give one of `pool`, `redirect` and `respond`. Within one host,
    the first route of the file that matches."""

    name: RouteName | None = Field(
        None, description="Shown in logs and metrics. By default `route-` and its place from 1."
    )
    listeners: Annotated[tuple[Name, ...], *Some] | None = Field(
        None, description="The listeners it applies to. By default all of them."
    )
    pool: Name | None = Field(None, description="The pool that requests go to.")
    redirect: Annotated[Redirect | None, BeforeValidator(_redirect)] = Field(
        None, description="Send the client elsewhere: a place, or a table."
    )
    respond: Respond | None = Field(None, description="Answer.")
    match: Match = Field(Match(), description="Which requests. An empty table matches all.")
    rewrite: Rewrite = Field(Rewrite(), description="What changes in a request on its way to the endpoint.")
    headers: RouteHeaders = Field(RouteHeaders(), description="Changes to fields on the way.")
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
    max_age: OptionalTimeout = Field(
        None, description="How old a connection may become before it is not used for another request."
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
    request_trailers: Literal["drop", "pass"] = Field(
        "drop",
        description="Fields behind a request's body. Some servers read them as fields of the next request, "
        "or as if they had stood at the front: `pass` is for endpoints that are known not to. Those of "
        "responses are always passed on.",
    )
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

    edition: Annotated[Literal[1], BeforeValidator(as_edition)] = Field(
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
