"""Probes, metrics and the access log tell the truth, also while the interpreter is busy or a disk is full."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from tests.support.client import Client, get
from tests.support.gateway import RunningGateway, simple
from tests.support.upstreams import OK, Line, Upstream, answer
from tests.support.waiting import eventually

_SAMPLE: Final = re.compile(
    r'(?P<name>[a-z_]+)(?:\{(?P<labels>[a-z_]+="(?:[^"\\\n]|\\["\\n])*"'
    r'(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*)\})? (?P<value>\d+(?:\.\d+)?)'
)

_BUSY: Final = """
import asyncio, sys
from expressgateway import Gateway

async def main():
    async with Gateway.from_file(sys.argv[1]) as gateway:
        print(gateway.addresses["web"][0], gateway.admin_address, flush=True)
        # From here on no other Python runs in this process: a match that backtracks never gives up the lock.
        import re
        re.match(r"(a+)+b", "a" * 64)

asyncio.run(main())
"""


def parse(text: str) -> dict[tuple[str, str], float]:
    """Samples of the text format 0.0.4; each family is announced once, with its samples right behind."""
    assert text.endswith("\n")
    samples: dict[tuple[str, str], float] = {}
    kinds: dict[str, str] = {}
    helped: list[str] = []
    family = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ", 3)[2]
            assert family not in helped, f"{family} comes twice"
            helped.append(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family
            assert kind in ("counter", "gauge", "histogram")
            assert (kind == "counter") == name.endswith("_total"), name
            kinds[name] = kind
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample, f"not a sample: {line!r}"
            suffixes = ("_bucket", "_sum", "_count") if kinds[family] == "histogram" else ("",)
            assert sample["name"] in [family + suffix for suffix in suffixes], line
            key = (sample["name"].removeprefix("expressgateway_"), sample["labels"] or "")
            assert key not in samples, f"twice: {line}"
            samples[key] = float(sample["value"])
    assert set(helped) == set(kinds)
    return samples


def total(samples: dict[tuple[str, str], float], name: str, label: str = "") -> float:
    """The sum of the samples of this name, with this label if one is given."""
    return sum(value for (known, labels), value in samples.items() if known == name and label in labels)


def test_probes_answer_while_the_interpreter_does_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    with Upstream(answer(OK)) as upstream:
        file.write_text(
            '[admin]\nbind = "127.0.0.1:0"\n[logs.access]\npath = "none"\n' + simple([upstream.address])
        )
        running = subprocess.Popen(
            [sys.executable, "-c", _BUSY, str(file)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert running.stdout
            web, admin = (
                (host, int(port))
                for host, _, port in (place.rpartition(":") for place in running.stdout.readline().split())
            )
            for _ in range(5):
                for path in ("/livez", "/healthz", "/readyz", "/startupz", "/metrics", "/api/v1/status"):
                    assert get(admin, path).status == 200, path
                assert get(web).status == 200
            assert get(admin, "/nothing").status == 404
            assert running.poll() is None
        finally:
            running.kill()
            running.communicate()


def mixed(gateway: RunningGateway) -> None:
    """Requests that end in different ways."""
    assert get(gateway.address(), "/ok").status == 200
    assert get(gateway.address(), "/garbage").status == 502
    assert get(gateway.address(), '/"quoted"', fields='User-Agent: "\xff\\\t\r\n').status in (200, 400)
    with Client(gateway.address()) as client:
        assert client.send("GET / HTTP/1.1\r\n\r\n").response().status == 400
    with Client(gateway.address()) as client:
        client.send("POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc").reset()
    with Client(gateway.address()) as client:
        post = "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef"
        assert client.send(post).response().status == 200
    eventually(lambda: len(gateway.records()) == 6, "every request has a record")


def script(line: Line) -> None:
    while True:
        request = line.read_request()
        line.send(b"garbage\r\n\r\n" if b"GET /garbage" in request else OK)


def test_metrics_parse_and_add_up_with_the_access_log(tmp_path: Path) -> None:
    with Upstream(script) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        mixed(gateway)
        samples, records = parse(gateway.ask("/metrics")[1]), gateway.records()
        assert total(samples, "requests_total") == len(records)
        assert total(samples, "request_endings_total") == len(records)
        assert total(samples, "request_duration_seconds_count") == len(records)
        assert total(samples, "request_duration_seconds_bucket", 'le="+Inf"') == len(records)
        buckets = [value for (name, _), value in samples.items() if name == "request_duration_seconds_bucket"]
        assert buckets == sorted(buckets)
        for ending, count in Counter(record["ending"] for record in records).items():
            assert total(samples, "request_endings_total", f'ending="{ending}"') == count
        for code, count in Counter(record["status"] // 100 for record in records).items():
            assert total(samples, "requests_total", f'code="{code}xx"') == count
        for name in ("request_bytes", "response_bytes"):
            assert total(samples, f"{name}_total") == sum(record[name] for record in records)
        assert total(samples, "connections_total") == 6
        assert total(samples, "records_dropped_total") == total(samples, "panics_total") == 0
        used = total(samples, "upstream_connects_total") + total(samples, "upstream_reuses_total")
        assert used == sum(record["attempts"] for record in records)


def test_every_ending_leaves_a_line_of_json_with_the_same_keys(tmp_path: Path) -> None:
    always = {
        "time",
        "listener",
        "client",
        "protocol",
        "method",
        "authority",
        "target",
        "status",
        "ending",
        "by",
    }
    with Upstream(script) as upstream, RunningGateway(tmp_path, simple([upstream.address])) as gateway:
        mixed(gateway)
        records = gateway.records()
        assert all(always <= record.keys() for record in records)
        assert len({record["request_id"] for record in records}) == len(records)
        endings = {record["ending"] for record in records}
        assert {"complete", "malformed", "client_gone", "upstream_malformed"} <= endings


def test_a_full_disk_costs_records_which_are_counted_and_no_request(tmp_path: Path) -> None:
    log = '[logs.access]\npath = "/dev/full"\n'
    with (
        Upstream(answer(OK)) as upstream,
        RunningGateway(tmp_path, log + simple([upstream.address])) as gateway,
    ):
        for _ in range(2):
            assert {get(gateway.address()).status for _ in range(25)} == {200}
        eventually(lambda: gateway.metric("records_dropped_total") == 50, "every lost record is counted")
        assert gateway.metric("requests_total", code="2xx") == 50
