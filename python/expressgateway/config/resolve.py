"""From names to addresses: the engine connects to numbers, and an endpoint whose name has several addresses
is several endpoints. The resolver is asked here and nowhere else, once for each name of a configuration."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from expressgateway.config.addresses import Target
from expressgateway.config.catalogue import Code
from expressgateway.config.findings import Finding
from expressgateway.config.models import Config, Endpoint, Pool

__all__ = ["Lookup", "look_up", "resolve"]

Lookup = Callable[[str], Sequence[str]]
"""From a host's name to its IP addresses; raises OSError. Blocks."""

# Resolvers answer slowly or not at all, and then each of many names would wait for the one before it.
_AT_ONCE: Final = 16


def look_up(name: str) -> list[str]:
    """Ask the system's resolver; each address once, in its order of preference."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    # A link-local address comes with the interface it is valid on, which an endpoint cannot say.
    return [
        str(address) for address in dict.fromkeys(info[4][0] for info in found) if "%" not in str(address)
    ]


def resolve(config: Config, lookup: Lookup = look_up) -> tuple[Config, list[Finding]]:
    """The configuration with numbers for names, and a finding for each name without any. Where nothing is to
    be resolved, nothing changes."""
    hosts = {
        endpoint.address.host: None
        for pool in config.pools.values()
        for endpoint in pool.endpoints
        if endpoint.address.is_name
    }
    if not hosts:
        return config, []
    with ThreadPoolExecutor(min(len(hosts), _AT_ONCE), thread_name_prefix="resolve") as threads:
        answers = dict(zip(hosts, threads.map(lambda host: _ask(host, lookup), hosts), strict=True))
    findings = [
        Finding(
            Code.UNRESOLVED_NAME,
            f'"{endpoint.address.host}": {answer}',
            ("pools", name, "endpoints", index),
            hint,
        )
        for name, pool in config.pools.items()
        for index, endpoint in enumerate(pool.endpoints)
        if isinstance(answer := answers.get(endpoint.address.host), str)
        for hint in ["correct the name, or give the address itself"]
    ]
    if findings:
        return config, findings
    pools = {name: _resolved(pool, answers) for name, pool in config.pools.items()}
    return config.model_copy(update={"pools": pools}), []


def _ask(host: str, lookup: Lookup) -> list[str] | str:
    """Addresses, or why there are none."""
    try:
        addresses = list(lookup(host))
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        return f"the name cannot be resolved: {reason or error}"
    return addresses or "the name has no address"


def _resolved(pool: Pool, answers: dict[str, list[str] | str]) -> Pool:
    endpoints: list[Endpoint] = []
    for endpoint in pool.endpoints:
        addresses = answers.get(endpoint.address.host) if endpoint.address.is_name else None
        if not addresses:
            endpoints.append(endpoint)
            continue
        name = endpoint.name or str(endpoint.address)
        for address in addresses:
            of_one = name if len(addresses) == 1 else f"{name}/{address}"
            target = Target(address, endpoint.address.port)
            # Not validated again: with an address at its end a name may be longer than one is written.
            endpoints.append(endpoint.model_copy(update={"address": target, "name": of_one}))
    return pool.model_copy(update={"endpoints": tuple(endpoints)})
