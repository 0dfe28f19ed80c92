"""Hosts, paths and field names: the form that requests are compared with, or what to write instead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expressgateway.config.http import HttpError, field_name, host_pattern, path_prefix

SEGMENT = st.from_regex(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?:2[0-9A-E]|C3%A9)){0,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        ("example.com", "example.com"),
        ("Shop.Example.COM.", "shop.example.com"),
        ("*.Example.com", "*.example.com"),
        ("localhost", "localhost"),
        ("10.0.0.1", "10.0.0.1"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a_b~c!.example", "a_b~c!.example"),
        ("a%20b", "a%20b"),
    ],
)
def test_a_host_is_compared_in_lower_case_without_its_last_dot(text: str, compared: str) -> None:
    assert host_pattern(text) == compared
    assert host_pattern(compared) == compared


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "leave host out to match any"),
        (".", "leave host out to match any"),
        ("*", "leave host out to match any"),
        ("*.", "leave host out to match any"),
        ("a.*", 'write it in front, as in "*.example.com"'),
        ("*a.example", 'write it in front, as in "*.example.com"'),
        ("*.*.example", 'write it in front, as in "*.example.com"'),
        ("bücher.example", 'write "xn--bcher-kva.example"'),
        ("*.bücher.example", 'write "*.xn--bcher-kva.example"'),
        ("\u00e4" * 64 + ".example", 'write "its ASCII form (xn--…)"'),
        ("a.example:80", 'write "a.example"'),
        ("[::1]:80", 'write "[::1]"'),
        ("::1", 'write "[::1]"'),
        ("[::g]", 'write "[2001:db8::1]"'),
        ("[::1", 'write "[2001:db8::1]"'),
        ("[fe80::1%eth0]", 'write "[2001:db8::1]"'),
        (".example", 'write a name such as "shop.example.com"'),
        ("a..", 'write a name such as "shop.example.com"'),
        ("a b", 'write a name such as "shop.example.com"'),
        ("a,b", 'write a name such as "shop.example.com"'),
        ("a/b", 'write a name such as "shop.example.com"'),
        ("a%2", 'write a name such as "shop.example.com"'),
        ("https://a.example", "leave out everything but its host"),
        ("a" * 256, "shorten it"),
    ],
)
def test_what_no_request_can_have_as_host_is_refused_with_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(HttpError) as caught:
        host_pattern(text)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    "text",
    ["/", "//", "/a", "/a/", "/a//b", "/a.b", "/...", "/.a", "/a..", "/%20", "/%C3%A9", "/a:b@c", "/~a",
     "/%25", "/'\"<>{}|^`"],
)  # fmt: skip
def test_a_path_in_its_normal_form_is_taken_as_it_is(text: str) -> None:
    assert path_prefix(text) == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", 'write "/"'),
        ("shop", 'write "/shop"'),
        ("/a?b", "leave out everything from the first ? or #"),
        ("/a#b", "leave out everything from the first ? or #"),
        ("/a b", 'write "/a%20b"'),
        ("/é", 'write "/%C3%A9"'),
        ("/a\x7f", 'write "/a%7F"'),
        ("/./a", 'write "/a"'),
        ("/a/.", 'write "/a/"'),
        ("/a/..", 'write "/"'),
        ("/a/b/../c", 'write "/a/c"'),
        ("/..", 'write "/"'),
        ("/../../a", 'write "/a"'),
        ("/a/%2E%2e/b", 'write "/b"'),
        ("/%7Ea", 'write "/~a"'),
        ("/%c3%a9", 'write "/%C3%A9"'),
    ],
)
def test_a_path_that_is_not_normal_is_refused_with_its_normal_form(text: str, hint: str) -> None:
    with pytest.raises(HttpError) as caught:
        path_prefix(text)
    assert caught.value.hint == hint


@pytest.mark.parametrize("text", ["/a\\b", "/%2F", "/%2f", "/%5C", "/%00", "/%", "/%2", "/%GG", "/a%2fb/.."])
def test_a_path_that_servers_read_differently_is_refused_without_a_guess(text: str) -> None:
    with pytest.raises(HttpError, match=r"never matches$"):
        path_prefix(text)


@given(st.lists(SEGMENT, max_size=6).map(lambda segments: "/" + "/".join(segments)))
def test_the_form_that_is_proposed_is_accepted(path: str) -> None:
    try:
        assert path_prefix(path) == path
    except HttpError as error:
        proposed = error.hint.removeprefix('write "').removesuffix('"')
        assert path_prefix(proposed) == proposed


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_any_text_is_taken_or_refused_with_a_hint(text: str) -> None:
    for read in (host_pattern, path_prefix, field_name):
        try:
            taken = read(text)
        except HttpError as error:
            assert error.hint  # noqa: PT017 - either ending is right
        else:
            assert read(taken) == taken


@pytest.mark.parametrize("text", ["x-request-id", "X-Correlation-ID", "a", "!#$%&'*+-.^_`|~"])
def test_a_field_of_no_meaning_to_the_gateway_can_carry_an_id(text: str) -> None:
    assert field_name(text) == text


@pytest.mark.parametrize("text", ["", "x request", "x:y", "é", "x\n", "(x)", 'x"'])
def test_what_is_no_token_is_not_the_name_of_a_field(text: str) -> None:
    with pytest.raises(HttpError, match="is not the name of a field"):
        field_name(text)


@pytest.mark.parametrize(
    "text", ["Host", "content-length", "Transfer-Encoding", "X-Forwarded-For", "via", "TE"]
)
def test_a_field_with_a_meaning_of_its_own_is_not_overwritten(text: str) -> None:
    with pytest.raises(HttpError, match="a field with a meaning of its own"):
        field_name(text)
