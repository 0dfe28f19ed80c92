"""A page of everyday use: each client does all of it once, through one gateway, and a row is one use by one
client. The site is built once for all rows: they look at what a client found there, and none changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.programs import need

from .people import BY_NAME, PEOPLE, Results
from .site import KEPT, Site

USES: Final = (
    "a page and what it needs",
    "one request after the other",
    "a file that has not changed",
    "a part of a file",
    "only the head",
    "a file that travels compressed",
    "a form",
    "a form with a file",
    "a body of unknown length",
    "a body that waits for 100",
    "redirects",
    "cookies",
    "errors",
    "other methods",
    "a large file",
    "events as they happen",
    "a WebSocket",
    "trailers",
    "an upload that is refused",
    "many at once",
)
ROWS: Final = [(person.name, use) for person in PEOPLE for use in USES if use not in person.cannot]

pytestmark = need("nginx")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as built:
        yield built


class Found:
    """What clients found, each of which is asked once, when the first row wants to know."""

    def __init__(self, site: Site, folder: Callable[[str], Path]) -> None:
        self._site, self._folder = site, folder
        self._known: dict[str, Results | Exception] = {}

    def by(self, client: str) -> Results:
        """Skips, loudly, if it is not installed."""
        person = BY_NAME[client]
        missing = person.missing()
        if missing:
            pytest.skip(f"not installed: {missing} (make conformance as root)")
        if client not in self._known:
            try:
                self._known[client] = person.everyday(self._site, self._folder(person.key))
            except Exception as error:
                self._known[client] = error
        known = self._known[client]
        if isinstance(known, Exception):
            raise AssertionError(f"{client} did not come to its end") from known
        return known


@pytest.fixture(scope="module")
def found(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return Found(site, tmp_path_factory.mktemp)


@pytest.mark.parametrize(("client", "use"), ROWS, ids=[f"{client}: {use}" for client, use in ROWS])
def test_everyday_use(site: Site, found: Found, client: str, use: str) -> None:
    assert found.by(client)[use] == site.expected()[use]


@pytest.mark.parametrize("client", BY_NAME)
def test_a_client_does_all_that_it_can_and_nothing_is_left_out_in_silence(
    site: Site, found: Found, client: str
) -> None:
    assert list(USES) == list(site.expected())
    person = BY_NAME[client]
    assert set(found.by(client)) == set(USES) - set(person.cannot)
    assert set(person.cannot) <= set(USES)


@pytest.mark.parametrize("client", BY_NAME)
def test_a_client_speaks_the_version_that_it_is_meant_to(site: Site, found: Found, client: str) -> None:
    person = BY_NAME[client]
    assert found.by(client)["errors"]
    assert site.seen(f"/app/broken?client={person.key}", 1, of="protocol") == {person.version}


@pytest.mark.parametrize(
    "client", [person.name for person in PEOPLE if "one request after the other" not in person.cannot]
)
def test_requests_one_after_the_other_share_a_connection(site: Site, found: Found, client: str) -> None:
    assert found.by(client)["one request after the other"]
    person = BY_NAME[client]
    assert 1 <= len(site.seen(f"/app/echo?kept={person.key}", KEPT, of="peer")) <= person.kept


@pytest.mark.parametrize(
    "client", [person.name for person in PEOPLE if "a body that waits for 100" not in person.cannot]
)
def test_who_waits_for_100_got_it_from_the_endpoint(site: Site, found: Found, client: str) -> None:
    assert found.by(client)["a body that waits for 100"]
    assert BY_NAME[client].key in site.app.continued


def test_what_the_gateway_says_of_all_of_it(site: Site, found: Found) -> None:
    for person in PEOPLE:
        if not person.missing():
            assert found.by(person.name)
    records: list[dict[str, Any]] = site.gateway.records()
    # An endpoint that refuses an upload ends it; the sender of one may break off before it has read why.
    odd = [record for record in records if record["ending"] not in ("complete", "tunnelled")]
    assert not odd, odd
