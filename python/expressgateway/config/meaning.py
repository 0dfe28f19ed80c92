"""Do the values go together? Each question is a function from a valid configuration to findings. Names are
looked up and addresses compared; nothing outside the configuration is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain, combinations

from expressgateway.config.addresses import Bind
from expressgateway.config.catalogue import Code
from expressgateway.config.findings import Finding, Path, written_key
from expressgateway.config.models import Config, Match, Pool, Route
from expressgateway.config.suggest import did_you_mean

__all__ = ["examine", "examine_part"]


def examine(config: Config) -> list[Finding]:
    """Everything there is to say about a whole configuration."""
    return [
        *examine_part(config, config.pools, config.listeners),
        *_listeners_that_lead_nowhere(config),
        *_what_is_unused(config),
        *_shadowed_routes(config),
    ]


def examine_part(config: Config, pools: Collection[str], listeners: Collection[str]) -> list[Finding]:
    """What can be said when parts are missing because they are wrong: nothing about what is not there.
    `pools` and `listeners` are all names that the document defines."""
    return [
        *_unknown_names(config, pools, listeners),
        *_duplicate_names(config),
        *_addresses_taken_twice(config),
        *_public_admin(config),
        *_what_routes_do(config),
    ]


def endpoint_names(pool: Pool) -> list[str]:
    """The names of a pool's endpoints as they are written: those without one are called by their address."""
    return [endpoint.name or str(endpoint.address) for endpoint in pool.endpoints]


def _unknown_names(config: Config, pools: Collection[str], listeners: Collection[str]) -> Iterator[Finding]:
    used: list[tuple[Path, str]] = [
        (("listeners", name, "default_pool"), listener.default_pool)
        for name, listener in config.listeners.items()
        if listener.default_pool is not None
    ]
    used += [
        (("routes", index, "pool"), route.pool)
        for index, route in enumerate(config.routes)
        if route.pool is not None
    ]
    for path, pool in used:
        if pool not in pools:
            hint = did_you_mean(pool, pools) or f"define it as [{written_key('pools', pool)}]"
            yield Finding(Code.UNKNOWN_POOL, f'there is no pool "{pool}"', path, hint)
    for index, route in enumerate(config.routes):
        for place, listener in enumerate(route.listeners or ()):
            if listener not in listeners:
                hint = (
                    did_you_mean(listener, listeners)
                    or f"define it as [{written_key('listeners', listener)}]"
                )
                message = f'there is no listener "{listener}"'
                yield Finding(Code.UNKNOWN_LISTENER, message, ("routes", index, "listeners", place), hint)


def _duplicate_names(config: Config) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, route in enumerate(config.routes):
        if route.name in seen:
            message = f'there is another route "{route.name}"'
            yield Finding(Code.DUPLICATE_ROUTE, message, ("routes", index, "name"), "rename one of them")
        seen.update([route.name] if route.name else [])
    for name, pool in config.pools.items():
        seen = set()
        for index, endpoint in enumerate(endpoint_names(pool)):
            if endpoint in seen:
                message = f'pool "{name}" has another endpoint "{endpoint}"'
                hint = "list it once, or give one of them a name of its own"
                yield Finding(Code.DUPLICATE_ENDPOINT, message, ("pools", name, "endpoints", index), hint)
            seen.add(endpoint)


def _addresses_taken_twice(config: Config) -> Iterator[Finding]:
    by_port: dict[int, list[tuple[Bind, Path, str]]] = {}
    if config.admin.bind:
        by_port[config.admin.bind.port] = [(config.admin.bind, ("admin", "bind"), "the admin address")]
    for name, listener in config.listeners.items():
        for index, bind in enumerate(listener.bind):
            user = (bind, ("listeners", name, "bind", index), f'listener "{name}"')
            by_port.setdefault(bind.port, []).append(user)
    for (one, _, owner), (two, path, _) in chain.from_iterable(
        combinations(users, 2) for users in by_port.values()
    ):
        if one.overlaps(two):
            message = f'"{two}" is taken: {owner} is bound to "{one}"'
            yield Finding(Code.DUPLICATE_ADDRESS, message, path, "choose another port, or another address")


def _public_admin(config: Config) -> Iterator[Finding]:
    bind = config.admin.bind
    if bind and not bind.is_loopback:
        message = f'"{bind}" can be reached from other machines, and nothing there asks who is reading'
        hint = f'write "127.0.0.1:{bind.port}", and forward the port where it is needed'
        yield Finding(Code.ADMIN_IS_PUBLIC, message, ("admin", "bind"), hint)


def _what_routes_do(config: Config) -> Iterator[Finding]:
    for index, route in enumerate(config.routes):
        given = [name for name in ("pool", "redirect", "respond") if getattr(route, name) is not None]
        if len(given) != 1:
            what = f"with {' and '.join(given)}" if given else "without pool, redirect or respond"
            hint = "keep one of them" if given else 'add pool = "…"'
            path: Path = ("routes", index, *given[1:2])
            yield Finding(Code.NOT_ONE_ACTION, f"a route {what} cannot be followed", path, hint, at_key=True)
        match = route.match
        paths = [name for name in ("path", "path_prefix", "path_regex") if getattr(match, name) is not None]
        if len(paths) > 1:
            message = f"{' and '.join(paths)} are two ways to match a path"
            path = ("routes", index, "match", paths[1])
            yield Finding(Code.TWO_PATHS, message, path, "keep one of them", at_key=True)
        if route.respond and route.respond.body and route.respond.status in (204, 205, 304):
            message = f"a response with status {route.respond.status} has no body"
            path = ("routes", index, "respond", "body")
            yield Finding(Code.STATUS_HAS_NO_BODY, message, path, "remove it, or answer with 200")


def _listeners_that_lead_nowhere(config: Config) -> Iterator[Finding]:
    reached = set(chain.from_iterable(route.listeners or config.listeners for route in config.routes))
    for name, listener in config.listeners.items():
        if listener.default_pool is None and name not in reached:
            message = f'listener "{name}" leads nowhere: no route applies to it, and it has no default pool'
            hint = "add a default_pool, or a route for it"
            path = ("listeners", name)
            yield Finding(Code.LISTENER_LEADS_NOWHERE, message, path, hint, at_key=True)


def _what_is_unused(config: Config) -> Iterator[Finding]:
    if not config.listeners:
        hint = "define one, such as [listeners.web]"
        yield Finding(Code.NOTHING_IS_SERVED, "there is no listener: nothing is served", (), hint)
    used = {listener.default_pool for listener in config.listeners.values()}
    used |= {route.pool for route in config.routes}
    for name, pool in config.pools.items():
        if name not in used:
            message = f'nothing leads to pool "{name}"'
            hint = "use it in a route or as a default_pool, or remove it"
            yield Finding(Code.POOL_IS_UNUSED, message, ("pools", name), hint, at_key=True)
        if not pool.endpoints:
            message = f'pool "{name}" has no endpoint: each of its requests is answered with 503'
            yield Finding(Code.POOL_IS_EMPTY, message, ("pools", name, "endpoints"), "list an address")


def _shadowed_routes(config: Config) -> Iterator[Finding]:
    """Among routes of one listener and one host the order of the file decides; other hosts are other
    lists."""
    earlier: dict[tuple[str, str], list[tuple[str | None, str]]] = {}
    for index, (name, route) in enumerate(zip(config.route_names(), config.routes, strict=True)):
        prefix = route.match.path or route.match.path_prefix
        shadows: list[str] = []
        lists = [
            earlier.setdefault((listener, host), [])
            for listener in route.listeners or config.listeners
            for host in route.match.host or ("",)
        ]
        for rules in lists:
            shadows += next(([rule] for known, rule in rules if _covers(known, prefix)), [])
            if _asks_for_no_more(route):
                rules.append((prefix, name))
        if lists and len(shadows) == len(lists):
            message = f'route "{name}" never matches: "{shadows[0]}" stands before it and matches the same'
            hint = "move it up, or remove it"
            yield Finding(Code.ROUTE_IS_SHADOWED, message, ("routes", index), hint)


def _asks_for_no_more(route: Route) -> bool:
    """Whether host and prefix are all that the route asks for: then it matches all that later ones with
    more to ask do."""
    return route.match == Match(host=route.match.host, path_prefix=route.match.path_prefix)


def _covers(prefix: str | None, other: str | None) -> bool:
    """Whether every path that the other prefix matches is matched by this one."""
    if prefix is None or other is None:
        return prefix is None
    return other.startswith(prefix) and (other == prefix or prefix.endswith("/") or other[len(prefix)] == "/")
