"""A load generator that people have, for a moment: every response is whole and none is late."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs import Wrk, need

from .site import Site


@need("nginx", "wrk")
@pytest.mark.parametrize("path", ["/style.css", "/image.png", "/app/echo"])
def test_wrk_gets_nothing_but_good_responses(tmp_path: Path, path: str) -> None:
    with Site(tmp_path) as site:
        answered, wrong = Wrk(site.gateway.url(path), connections=16, seconds=1).ended()
        assert answered > 100
        assert wrong == ""
        assert site.gateway.metric("requests_total", code="2xx") >= answered
