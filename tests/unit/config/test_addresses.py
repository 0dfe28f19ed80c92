"""Addresses to listen on and to connect to: what is read, its one written form, and which meet each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expressgateway.config import Bind, Target
from expressgateway.config.addresses import AddressError

IP = st.ip_addresses().map(str)
LABEL = st.from_regex(r"[a-z_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "host", "port", "written"),
    [
        ("*:8080", "*", 8080, "*:8080"),
        ("127.0.0.1:0", "127.0.0.1", 0, "127.0.0.1:0"),
        ("0.0.0.0:65535", "0.0.0.0", 65535, "0.0.0.0:65535"),
        ("[::]:80", "::", 80, "[::]:80"),
        ("[0:0:0:0:0:0:0:1]:0080", "::1", 80, "[::1]:80"),
        ("[2001:DB8::0A]:443", "2001:db8::a", 443, "[2001:db8::a]:443"),
    ],
)
def test_a_bind_has_one_written_form(text: str, host: str, port: int, written: str) -> None:
    bind = Bind.parse(text)
    assert (bind.host, bind.port, str(bind)) == (host, port, written)
    assert Bind.parse(str(bind)) == bind


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", '"" has no port', "*:8080"),
        ("8080", '"8080" has no port', "*:8080"),
        ("127.0.0.1", '"127.0.0.1" has no port', "*:8080"),
        ("[::1]", '"[::1]" has no port', "[::1]:8080"),
        (":8080", '":8080" has no host', "*:8080"),
        ("a:", '"a:": "" is not a port', "a port is a number from 0 to 65535"),
        ("127.0.0.1:65536", '"127.0.0.1:65536": "65536" is not a port', "from 0 to 65535"),
        ("127.0.0.1:000080", '"127.0.0.1:000080": "000080" is not a port', "from 0 to 65535"),
        ("127.0.0.1:-1", '"127.0.0.1:-1": "-1" is not a port', "from 0 to 65535"),
        ("127.0.0.1:٨٠", '"127.0.0.1:٨٠": "٨٠" is not a port', "from 0 to 65535"),
        ("::1:80", '"::1:80": the colons of an IPv6 address need brackets', "[::1]:8080"),
        ("[127.0.0.1]:80", '"[127.0.0.1]:80": "127.0.0.1" is not an IPv6 address', "[::1]:8080"),
        ("[fe80::1%eth0]:80", '"[fe80::1%eth0]:80": "fe80::1%eth0" is not an IPv6 address', "[::1]:8080"),
        ("*:0", '"*:0" would be one port for IPv4 and another for IPv6', '"0.0.0.0:0" or "[::]:0"'),
        ("localhost:81", '"localhost:81": a name is not an address', '"127.0.0.1:81" or "[::1]:81"'),
        ("app:80", '"app:80" is not an address of this machine and a port', "*:8080"),
        ("127.1:80", '"127.1:80" is not an address of this machine and a port', "*:8080"),
        ("010.0.0.1:80", '"010.0.0.1:80" is not an address of this machine and a port', "*:8080"),
        ("unix:/run/a.sock", '"unix:/run/a.sock": this version listens on TCP ports only', "*:8080"),
        ("systemd:web", '"systemd:web": this version listens on TCP ports only', "*:8080"),
    ],
)
def test_what_cannot_be_bound_is_refused_with_what_can(text: str, message: str, hint: str) -> None:
    with pytest.raises(AddressError) as caught:
        Bind.parse(text)
    assert str(caught.value) == message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "written", "is_name"),
    [
        ("10.0.0.1:80", "10.0.0.1:80", False),
        ("[0::1]:1", "[::1]:1", False),
        ("App.Internal:8080", "app.internal:8080", True),
        ("localhost:80", "localhost:80", True),
        ("_srv.a-b.example.:80", "_srv.a-b.example.:80", True),
        ("1password.example:443", "1password.example:443", True),
        ("unix:/run/app.sock", "unix:/run/app.sock", False),
        ("unix:/run/ä b:80", "unix:/run/ä b:80", False),
        (f"unix:/{'a' * 106}", f"unix:/{'a' * 106}", False),
        (f"{'a' * 63}:80", f"{'a' * 63}:80", True),
    ],
)
def test_a_target_has_one_written_form(text: str, written: str, is_name: bool) -> None:
    target = Target.parse(text)
    assert (str(target), target.is_name) == (written, is_name)
    assert Target.parse(str(target)) == target


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("10.0.0.1", '"10.0.0.1" has no port', "10.0.0.1:8080"),
        ("10.0.0.1:0", '"10.0.0.1:0": nobody can be reached at port 0', "10.0.0.1:8080"),
        ("10.0.0:80", '"10.0.0:80" is not an address and a port', "10.0.0.1:8080"),
        ("10.0.0.256:80", '"10.0.0.256:80" is not an address and a port', "10.0.0.1:8080"),
        ("a b:80", '"a b:80" is not an address and a port', "10.0.0.1:8080"),
        ("-a:80", '"-a:80" is not an address and a port', "10.0.0.1:8080"),
        ("a-.b:80", '"a-.b:80" is not an address and a port', "10.0.0.1:8080"),
        ("a..b:80", '"a..b:80" is not an address and a port', "10.0.0.1:8080"),
        ("*:80", '"*:80" is not an address and a port', "10.0.0.1:8080"),
        ("bücher:80", '"bücher:80" is not an address and a port', "10.0.0.1:8080"),
        ("app\n:80", '"app\n:80" is not an address and a port', "10.0.0.1:8080"),
        ("http://a.b:80/x", '"http://a.b:80/x" is a URL, not an address', 'write "a.b:80"'),
        ("unix:run/a", '"unix:run/a" is not the absolute path of a socket', "unix:/run/app.sock"),
        ("unix:/run/", '"unix:/run/" is not the absolute path of a socket', "unix:/run/app.sock"),
        ("unix:", '"unix:" is not the absolute path of a socket', "unix:/run/app.sock"),
        (f"unix:/{'ä' * 54}", f'"unix:/{"ä" * 54}": the path of a socket has at most 107 bytes', "unix:/run"),
        ("unix:/a\0b", '"unix:/a\0b": the path of a socket has at most 107 bytes', "unix:/run"),
    ],
)
def test_what_cannot_be_connected_to_is_refused_with_what_can(text: str, message: str, hint: str) -> None:
    with pytest.raises(AddressError) as caught:
        Target.parse(text)
    assert str(caught.value) == message
    assert hint in caught.value.hint


@pytest.mark.parametrize("length", [64, 254])
def test_a_name_that_no_resolver_takes_is_refused(length: int) -> None:
    name = "a" * 64 if length == 64 else ".".join(["a" * 50] * 5)[:length] + "aaaaa"
    with pytest.raises(AddressError):
        Target.parse(f"{name}:80")


@given(IP, st.integers(0, 65535))
def test_every_bind_reads_back_as_it_was_written(host: str, port: int) -> None:
    bind = Bind(host, port)
    assert Bind.parse(str(bind)) == bind
    assert bind.families() == (bind,)


@given(IP | st.lists(LABEL, min_size=1, max_size=4).map(".".join), st.integers(1, 65535))
def test_every_target_reads_back_as_it_was_written(host: str, port: int) -> None:
    target = Target(host, port)
    assert Target.parse(str(target)) == target


@given(st.text() | st.from_regex(r"[*a-z0-9.:\[\]%/-]{0,30}:[0-9]{0,6}", fullmatch=True))
def test_any_text_is_an_address_or_an_address_error(text: str) -> None:
    for kind in (Bind, Target):
        try:
            address = kind.parse(text)
        except AddressError as error:
            assert error.hint  # noqa: PT017 - either ending is right
        else:
            assert kind.parse(str(address)) == address


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("127.0.0.1:80", "127.0.0.1:80", True),
        ("127.0.0.1:80", "127.0.0.1:81", False),
        ("127.0.0.1:80", "127.0.0.2:80", False),
        ("127.0.0.1:80", "0.0.0.0:80", True),
        ("127.0.0.1:80", "[::]:80", False),
        ("[::1]:80", "[::]:80", True),
        ("[::1]:80", "0.0.0.0:80", False),
        ("*:80", "127.0.0.1:80", True),
        ("*:80", "[::1]:80", True),
        ("*:80", "*:80", True),
        ("0.0.0.0:80", "[::]:80", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("0.0.0.0:0", "127.0.0.1:0", False),
    ],
)
def test_two_addresses_meet_if_one_socket_would_keep_the_other_away(one: str, other: str, meet: bool) -> None:
    assert Bind.parse(one).overlaps(Bind.parse(other)) is meet
    assert Bind.parse(other).overlaps(Bind.parse(one)) is meet


@pytest.mark.parametrize(
    ("text", "loopback"),
    [("127.0.0.1:1", True), ("127.9.9.9:1", True), ("[::1]:1", True), ("0.0.0.0:1", False), ("[::]:1", False),
     ("*:1", False), ("10.0.0.1:1", False)],
)  # fmt: skip
def test_loopback_is_what_only_this_machine_reaches(text: str, loopback: bool) -> None:
    assert Bind.parse(text).is_loopback is loopback


def test_a_star_is_a_socket_for_each_family() -> None:
    assert [str(one) for one in Bind.parse("*:80").families()] == ["0.0.0.0:80", "[::]:80"]
