"""Listening sockets: nobody else's address, one socket for each worker, and all of a change or none of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence

import pytest

from expressgateway.control.sockets import SocketTable, bound_to, listen
from expressgateway.errors import SocketError


def descriptors() -> int:
    """Descriptors that are open in this process."""
    return len(os.listdir("/proc/self/fd"))


def closed(sockets: Sequence[socket.socket]) -> None:
    for one in sockets:
        one.close()


def accepts(address: str) -> bool:
    """Whether somebody listens there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def opened(table: SocketTable, wanted: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """What a reconciliation that succeeds says of addresses; its sockets are closed, as by nobody's wish."""
    with table.reconcile(wanted) as change:
        return dict(change.addresses)


def test_an_address_is_bound_alone_even_against_sockets_that_share() -> None:
    sockets = listen("127.0.0.1:0", 2)
    address = bound_to(sockets[0])
    try:
        for count in (1, 2):
            with pytest.raises(SocketError, match="somebody listens there already") as caught:
                listen(address, count)
            assert caught.value.address == address
            assert f"sport = :{address.rpartition(':')[2]}" in caught.value.reason
    finally:
        closed(sockets)


def test_every_worker_has_a_socket_of_its_own_on_one_address() -> None:
    sockets = listen("127.0.0.1:0", 3)
    try:
        assert len({one.fileno() for one in sockets}) == 3
        assert len({one.getsockname() for one in sockets}) == 1
        for one in sockets:
            assert one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
            assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    finally:
        closed(sockets)


def test_a_single_socket_is_shared_with_nobody() -> None:
    (one,) = listen("127.0.0.1:0")
    with one:
        assert not one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)


def test_a_port_whose_last_connections_linger_can_be_bound_again() -> None:
    (one,) = listen("127.0.0.1:0")
    address = bound_to(one)
    client = socket.create_connection(one.getsockname())
    server, _ = one.accept()
    # Who closes first is who lingers in TIME_WAIT.
    server.close()
    assert client.recv(1) == b""
    client.close()
    one.close()
    closed(listen(address, 2))


def test_ipv6_is_bound_without_ipv4() -> None:
    sockets = listen("[::1]:0", 2)
    try:
        assert bound_to(sockets[0]).startswith("[::1]:")
        assert all(one.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) for one in sockets)
        (other,) = listen(f"127.0.0.1:{sockets[0].getsockname()[1]}")
        other.close()
    finally:
        closed(sockets)


def test_any_address_of_both_families_can_have_one_port() -> None:
    (four,) = listen("0.0.0.0:0")
    with four:
        (six,) = listen(f"[::]:{four.getsockname()[1]}")
        six.close()


@pytest.mark.parametrize(
    ("address", "reason"),
    [("192.0.2.1:0", "no interface of this machine has this address"), ("[2001:db8::1]:0", "no interface")],
)
def test_what_cannot_be_listened_on_says_why_and_leaks_nothing(address: str, reason: str) -> None:
    before = descriptors()
    with pytest.raises(SocketError, match=reason) as caught:
        listen(address, 2)
    assert str(caught.value) == f"{address}: {caught.value.reason}"
    assert descriptors() == before


def test_a_table_opens_what_is_new_and_keeps_what_is_there() -> None:
    table = SocketTable(2)
    with table.reconcile({"web": ["127.0.0.1:0"]}) as change:
        (address,) = change.addresses["web"]
        assert [len(change.descriptors[one]) for one in change.descriptors] == [2]
        assert set(change.descriptors) == {address}
        assert accepts(address)
    with table.reconcile({"web": ["127.0.0.1:0"], "api": ["127.0.0.1:0"]}) as change:
        assert change.addresses["web"] == (address,)
        assert set(change.descriptors) == set(change.addresses["api"])


def test_sockets_are_closed_here_once_the_body_had_its_chance_to_duplicate_them() -> None:
    before = descriptors()
    table = SocketTable(3)
    with table.reconcile({"web": ["127.0.0.1:0", "[::1]:0"]}) as change:
        assert descriptors() == before + 6
        kept = os.dup(change.descriptors[change.addresses["web"][0]][0])
    assert descriptors() == before + 1
    assert accepts(change.addresses["web"][0])
    assert not accepts(change.addresses["web"][1])
    os.close(kept)


def test_ports_that_the_system_chooses_are_one_for_each_listener_and_place() -> None:
    table = SocketTable(1)
    wanted = {"a": ["127.0.0.1:0", "127.0.0.1:0"], "b": ["127.0.0.1:0"]}
    first = opened(table, wanted)
    assert len({*first["a"], *first["b"]}) == 3
    # In another order, and without one that had none of theirs.
    assert opened(table, {"b": wanted["b"], "a": wanted["a"]}) == first
    assert opened(table, {"a": wanted["a"][:1]}) == {"a": first["a"][:1]}


def test_an_address_belongs_to_no_listener_and_may_change_hands() -> None:
    (one,) = listen("127.0.0.1:0")
    address = bound_to(one)
    one.close()
    table = SocketTable(1)
    opened(table, {"web": [address]})
    with table.reconcile({"renamed": [address]}) as change:
        assert change.addresses == {"renamed": (address,)}
        assert not change.descriptors


def test_a_body_that_fails_leaves_the_table_and_the_descriptors_as_they_were() -> None:
    before = descriptors()
    table = SocketTable(2)
    first = opened(table, {"web": ["127.0.0.1:0"]})
    with pytest.raises(ZeroDivisionError), table.reconcile({"api": ["127.0.0.1:0"]}) as change:  # noqa: PT012
        (failed,) = change.addresses["api"]
        raise ZeroDivisionError
    assert descriptors() == before
    assert not accepts(failed)
    with table.reconcile({"web": ["127.0.0.1:0"]}) as change:
        assert change.addresses == first
        assert not change.descriptors


def test_an_address_that_is_taken_keeps_all_the_others_closed_too() -> None:
    (taken,) = listen("127.0.0.1:0")
    with taken:
        before = descriptors()
        table = SocketTable(2)
        wanted = {"web": ["127.0.0.1:0"], "api": [bound_to(taken)]}
        with pytest.raises(SocketError), table.reconcile(wanted):
            pytest.fail("there is nothing to hand over")
        assert descriptors() == before
    # What was not opened is not remembered either.
    with table.reconcile(wanted) as change:
        assert len(change.descriptors) == 2


def test_what_is_wanted_no_more_is_forgotten_and_can_be_opened_again() -> None:
    (one,) = listen("127.0.0.1:0")
    address = bound_to(one)
    one.close()
    table = SocketTable(1)
    opened(table, {"web": [address]})
    opened(table, {})
    with table.reconcile({"web": [address]}) as change:
        assert set(change.descriptors) == {address}
