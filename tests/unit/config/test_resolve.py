"""From names to addresses, where the loader's tests do not look: long names, slow resolvers, and what stays
as it was."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

import pytest

from expressgateway.config import Code, Config, Target
from expressgateway.config.resolve import look_up, resolve
from tests.support.waiting import DEADLINE


def config(*endpoints: object, **more: object) -> Config:
    """One pool."""
    return Config.model_validate({"pools": {"app": {"endpoints": list(endpoints), **more}}})


def test_a_name_that_was_as_long_as_names_are_is_longer_with_its_address() -> None:
    longest = "x" * 300
    resolved, findings = resolve(
        config({"address": "a.test:80", "name": longest}), lambda _: ["10.0.0.1", "2001:db8::1"]
    )
    assert not findings
    assert [endpoint.name for endpoint in resolved.pools["app"].endpoints] == [
        f"{longest}/10.0.0.1",
        f"{longest}/2001:db8::1",
    ]


def test_all_but_the_endpoints_with_names_stays_as_it_was() -> None:
    before = config("a.test:80", "10.0.0.9:1", check={"type": "tcp", "rise": 7}, timeouts={"connect": "9s"})
    after, _ = resolve(before, lambda _: ["10.0.0.1"])
    pool = after.pools["app"]
    assert pool.model_copy(update={"endpoints": ()}) == before.pools["app"].model_copy(
        update={"endpoints": ()}
    )
    assert pool.endpoints[1] is before.pools["app"].endpoints[1]
    assert after.model_copy(update={"pools": {}}) == before.model_copy(update={"pools": {}})


def test_a_unix_socket_is_not_a_name_even_if_it_is_called_like_one() -> None:
    before = config("unix:/a.test", "a.test:80")
    after, _ = resolve(before, lambda _: ["10.0.0.1"])
    assert [str(endpoint.address) for endpoint in after.pools["app"].endpoints] == [
        "unix:/a.test",
        "10.0.0.1:80",
    ]


def test_names_are_asked_for_at_once_so_that_none_waits_for_another() -> None:
    together = threading.Barrier(16)

    def answer(_: str) -> list[str]:
        together.wait(DEADLINE)
        return ["10.0.0.1"]

    after, findings = resolve(config(*(f"h{number}.test:80" for number in range(16))), answer)
    assert (len(after.pools["app"].endpoints), findings) == (16, [])


def test_every_endpoint_whose_name_has_no_address_is_found_and_nothing_is_changed() -> None:
    def answer(name: str) -> Sequence[str]:
        if name == "empty.test":
            return ()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    before = config("a.test:80", "10.0.0.1:80", "empty.test:80", "a.test:81")
    after, findings = resolve(before, answer)
    assert after is before
    assert [(finding.code, finding.path[-1], finding.message) for finding in findings] == [
        (
            Code.UNRESOLVED_NAME,
            0,
            '"a.test": the name cannot be resolved: Temporary failure in name resolution',
        ),
        (Code.UNRESOLVED_NAME, 2, '"empty.test": the name has no address'),
        (
            Code.UNRESOLVED_NAME,
            3,
            '"a.test": the name cannot be resolved: Temporary failure in name resolution',
        ),
    ]


@pytest.mark.parametrize("mistake", [KeyError("x"), ValueError("x")])
def test_a_mistake_of_a_resolver_is_not_taken_for_an_answer(mistake: Exception) -> None:
    def fail(_: str) -> list[str]:
        raise mistake

    with pytest.raises(type(mistake)):
        resolve(config("a.test:80"), fail)


def test_the_system_is_asked_for_streams_and_each_address_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def answer(*arguments: object, **more: object) -> list[tuple[object, ...]]:
        asked.append((arguments, more))
        places = ["10.0.0.2", "10.0.0.1", "fe80::1%eth0", "10.0.0.2", "2001:db8::1"]
        return [(0, 0, 0, "", (place, 0)) for place in places]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    # A link-local address is only valid on its interface, which nobody can say to an endpoint.
    assert look_up("a.test") == ["10.0.0.2", "10.0.0.1", "2001:db8::1"]
    assert asked == [(("a.test", None), {"type": socket.SOCK_STREAM})]
    after, _ = resolve(config("a.test:80"))
    assert [endpoint.address for endpoint in after.pools["app"].endpoints] == [
        Target(host, 80) for host in ("10.0.0.2", "10.0.0.1", "2001:db8::1")
    ]
