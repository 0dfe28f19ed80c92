"""What a comparison says follows from its figures, and no figure comes from a product that does less."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from bench import fairness, figures, load, programs, report, rounds, rows
from bench.fairness import Observed
from bench.load import Load, Origin, Seen
from bench.memory import Held, Memory
from bench.products import PRODUCTS, fill
from bench.rounds import Round, Series
from bench.rows import ROWS, SPLICE, Row, Target
from bench.settings import HERE, Settings

ROW = Row("small", "Small answers", targets=(Target(("nginx", "haproxy"), must=1.00, aim=0.85),))


def series(name: str, *costs: float) -> Series:
    return Series(name, [Round(cost, 50000.0, 0.9, upstream_connections=3) for cost in costs])


def medians(ours: float, nginx: float, haproxy: float) -> dict[str, float]:
    return {"expressgateway": ours, "nginx": nginx, "haproxy": haproxy}


def test_one_series_against_another_drifts_by_the_difference_of_medians() -> None:
    assert figures.drift([10, 11, 90], [11, 11, 11]) == 0
    assert figures.drift([10, 10, 10], [8, 12, 12]) == pytest.approx(0.2)
    assert figures.drift([12], [10]) == figures.drift([10], [12]) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("ours", "best", "verdict"),
    [
        (8.5, "haproxy", "aim met"),
        (8.54, "haproxy", "aim met"),
        (8.6, "haproxy", "must met"),
        (10.0, "haproxy", "must met"),
        (10.04, "haproxy", "must met"),
        (10.1, "haproxy", "MISSED"),
    ],
)
def test_a_target_is_judged_against_the_best_and_as_printed(ours: float, best: str, verdict: str) -> None:
    judged = figures.judge(ROW.targets[0], medians(ours, nginx=20.0, haproxy=10.0))
    assert judged is not None
    assert (judged.best, judged.verdict) == (best, verdict)


def test_a_target_over_nobody_is_the_figure_itself() -> None:
    judged = figures.judge(Target((), must=2.0, aim=1.2), {"expressgateway": 1.5})
    assert judged is not None
    assert (judged.best, judged.ratio, judged.verdict) == (None, 1.5, "must met")


@pytest.mark.parametrize("absent", ["expressgateway", "haproxy"])
def test_nothing_is_judged_when_one_of_those_it_is_about_took_no_part(absent: str) -> None:
    present = {name: cost for name, cost in medians(1, 1, 1).items() if name != absent}
    assert figures.judge(ROW.targets[0], present) is None


def test_no_ratio_is_printed_where_one_product_differs_from_itself() -> None:
    both = [series("expressgateway", 9.0, 10.0, 10.0), series("nginx", 20.0, 20.0, 30.0)]
    quiet, noisy = report.cpu_table(both, drift=0.05), report.cpu_table(both, drift=0.051)
    assert quiet[3] == "| nginx | 20.00 | 20.00 to 30.00 | 0.50 | 50,000 | 90% |"
    assert noisy[3] == "| nginx | 20.00 | 20.00 to 30.00 | - | 50,000 | 90% |"
    (said,) = report.verdicts(ROW, medians(1, 1, 1), drift=0.051)
    assert "5.1%" in said
    assert "must" not in said


def test_a_verdict_names_what_was_asked_and_whom_it_is_about() -> None:
    (said,) = report.verdicts(ROW, medians(12.0, nginx=10.0, haproxy=11.0), drift=0.0)
    assert said == "Ours is 1.20 of the best of nginx and haproxy: MISSED (must 1.00, aim 0.85)."
    row = replace(ROW, targets=(Target((SPLICE,), must=1.1, aim=1.1),))
    (said,) = report.verdicts(row, {"expressgateway": 1.0, SPLICE: 1.0}, drift=0.0)
    assert said == "Ours is 1.00 of haproxy+splice: aim met (must 1.10)."


def test_memory_is_told_in_thousands_of_bytes() -> None:
    turns = [
        Memory(at_start=10**7, per_connection=each, kept_per_connection=100) for each in (900, 1234, 9000)
    ]
    assert report.memory_table([Held("nginx", turns)])[2] == "| nginx | 1.23 | 0.10 | 10.0 |"


def test_results_of_a_day_are_kept_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "results" / "day.json"
    report.keep(path, {"first": {"drift": 0.1}, "second": {"drift": 0.2}})
    report.keep(path, {"second": {"drift": 0.3}})
    kept = json.loads(path.read_text())
    assert kept["rows"] == {"first": {"drift": 0.1}, "second": {"drift": 0.3}}
    assert kept["configurations"]["nginx.conf"] == (HERE / "peers" / "nginx.conf").read_text()


def test_a_shortened_run_is_not_kept_as_a_result() -> None:
    settings = Settings.from_environment({"BENCH_ROWS": "idle, 128b-64", "BENCH_ROUNDS": ""})
    assert settings.rows == ("idle", "128b-64")
    assert report.place(settings).parent == HERE / "results"
    for shorter in ({"BENCH_ROUNDS": "1"}, {"BENCH_SECONDS": "1"}, {"BENCH_PRODUCTS": "nginx"}):
        assert HERE not in report.place(Settings.from_environment(shorter)).parents
    longer = Settings.from_environment({"BENCH_ROUNDS": "9"})
    assert report.place(longer).parent == HERE / "results"


def test_rows_are_chosen_by_name_and_a_wrong_name_is_told_the_right_ones() -> None:
    assert rows.chosen([]) == list(ROWS)
    assert [row.name for row in rows.chosen(["idle", "128b-64"])] == ["128b-64", "idle"]
    with pytest.raises(SystemExit, match=r"nosuch; there are 128b-64, .*idle"):
        rows.chosen(["nosuch"])


def test_rows_have_names_of_their_own_and_targets_over_those_who_take_part() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    names = {make().name for make in PRODUCTS}
    for row in ROWS:
        assert set(row.entries) <= names
        assert all(set(target.over) <= set(row.peers) and target.aim <= target.must for target in row.targets)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_value_of_a_configuration_is_given_and_has_its_effect(row: Row, tmp_path: Path) -> None:
    for product in (make() for make in PRODUCTS):
        template = HERE / "peers" / product.configuration
        filled = []
        for logging in (False, True):
            options = product.options(replace(row, logging=logging), tmp_path / "log")
            assert set(options) <= set(re.findall(r"@(\w+)@", template.read_text()))
            filled.append(fill(template, {"port": "1", "origin": "2", "folder": str(tmp_path)} | options))
        assert filled[0] != filled[1]


WRK = """\
Running 1s test @ http://127.0.0.1:1/128
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.02ms    1.01ms  11.06ms   90.00%
  {requests} requests in {seconds}, 33.11MB read
Requests/sec:  51234.56
"""


@pytest.mark.parametrize(("said", "seconds"), [("2.01s", 2.01), ("950.00ms", 0.95), ("1.10m", 66.0)])
def test_what_wrk_did_is_read(said: str, seconds: float) -> None:
    read = load.read_wrk(WRK.format(requests=102468, seconds=said))
    assert read.requests == 102468
    assert read.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    "trouble",
    ["  Non-2xx or 3xx responses: 1\n", "  Socket errors: connect 0, read 1, write 0, timeout 0\n"],
)
def test_a_request_that_failed_ends_the_run(trouble: str) -> None:
    with pytest.raises(RuntimeError, match="not every request"):
        load.read_wrk(WRK.format(requests=1, seconds="1.00s") + trouble)


STATUS = (
    "Active connections: 2 \nserver accepts handled requests\n {} {} {} \nReading: 0 Writing: 1 Waiting: 1 \n"
)


def test_what_the_origin_counts_is_read_without_those_who_ask() -> None:
    before, after = load.read_status(STATUS.format(10, 10, 100)), load.read_status(STATUS.format(13, 12, 151))
    assert Origin.between(before, after) == Seen(connections=2, requests=50)


@pytest.mark.parametrize(
    ("requests", "seen"),
    [
        (1000, Seen(connections=0, requests=1000)),
        (1000, Seen(connections=128, requests=1128)),
        (100_000, Seen(connections=1128, requests=100_000)),
    ],
)
def test_counts_agree_but_for_what_was_under_way(requests: int, seen: Seen) -> None:
    rounds.check(Load(requests, 1.0), seen, ROW)


@pytest.mark.parametrize(
    "seen",
    [
        Seen(connections=0, requests=999),
        Seen(connections=0, requests=1129),
        Seen(connections=139, requests=1000),
    ],
)
def test_an_answer_of_its_own_a_repeated_request_and_a_connection_not_kept_are_seen(seen: Seen) -> None:
    with pytest.raises(RuntimeError):
        rounds.check(Load(1000, 1.0), seen, ROW)


def observed(row: Row) -> Observed:
    """What a product that does all of it is seen to do."""
    ids = ["0" * 31 + digit for digit in "12"]
    asked = {
        "host": fairness.HOST,
        "via": "1.1 x",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-host": fairness.HOST,
        "x-forwarded-port": "8080",
    }
    answered = {"via": "1.1 x"} | ({"connection": "close"} if row.fresh else {})
    lines = [
        json.dumps({"c": "127.0.0.1:1", "h": fairness.HOST, "t": f"/{row.body}", "s": 200, "id": one})
        for one in ids
    ]
    return Observed(
        port=8080,
        requests=[(5000, asked | {"x-request-id": one}) for one in ids],
        answers=[(dict(answered), load.body(row.body)) for _ in ids],
        logged=lines if row.logging else [],
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_product_that_does_the_work_is_not_blamed(row: Row) -> None:
    assert list(fairness.judge(observed(row), row)) == []


@pytest.mark.parametrize(
    "name", ["via", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "host"]
)
def test_a_product_that_adds_less_is_named_with_what_it_leaves_out(name: str) -> None:
    seen = observed(ROW)
    del seen.requests[1][1][name]
    (fault,) = fairness.judge(seen, ROW)
    assert name in fault


def test_each_way_to_do_less_is_seen() -> None:
    logged = replace(ROW, logging=True)
    fresh = replace(ROW, fresh=True)

    def faults(row: Row, **changed: object) -> list[str]:
        return list(fairness.judge(replace(observed(row), **changed), row))  # type: ignore[arg-type]

    good = observed(logged)
    same_id = [(5000, good.requests[0][1])] * 2
    other_port = [good.requests[0], (5001, good.requests[1][1])]
    assert "request ids" in faults(ROW, requests=same_id)[0]
    assert "not kept" in faults(ROW, requests=other_port)[0]
    assert "3 requests" in faults(ROW, requests=[*good.requests, good.requests[0]])[0]
    assert "127 bytes" in faults(ROW, answers=[({"via": "x"}, load.body(127))])[0]
    assert "no via" in faults(ROW, answers=[({}, load.body(128))])[0]
    assert "connection: None" in faults(fresh, answers=[({"via": "x"}, load.body(128))])[0]
    assert "1 lines" in faults(logged, logged=good.logged[:1])[0]
    assert "is not logged" in faults(logged, logged=[good.logged[0], good.logged[0]])[0]
    assert "not JSON" in faults(logged, logged=[good.logged[0], good.logged[1][:-1]])[0]
    assert "2 lines are logged instead of 0" in faults(ROW, logged=good.logged)[0]


def test_a_program_of_another_distribution_runs_with_its_own_libraries(tmp_path: Path) -> None:
    program = tmp_path / "usr/sbin/nginx"
    loader = tmp_path / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    for path in (program, loader, tmp_path / "etc/os-release"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('NAME="Debian GNU/Linux"\nVERSION_CODENAME=trixie\n')
    found = programs.within(tmp_path, program)
    assert found is not None
    assert found.argv == (str(loader), "--library-path", str(loader.parent), str(program))
    assert found.source == "trixie"
    assert programs.within(tmp_path, tmp_path / "usr/sbin/haproxy") is None


def test_a_body_has_the_size_that_was_asked_for() -> None:
    assert {len(load.body(row.body).encode()) for row in ROWS} == {row.body for row in ROWS}
