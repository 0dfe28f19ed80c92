"""What a request may cost without I/O is a test: the instructions and allocations that callgrind counts stay
within their budgets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from bench import budget, callgrind
from bench.budget import Budget, Cost
from bench.callgrind import Profile

from tests.support.programs import need

# As callgrind writes: names once, then their numbers; below a call, what it cost.
COUNTED = """\
version: 1
positions: line
events: Ir
summary: 99

ob=(1) /tmp/request
fl=(1) main.rs
fn=(1) request::main::h0123456789abcdef
16 400
+1 20
cfi=(2) alloc.rs
cfn=(2) alloc::vec::grow
calls=3 10
* 270
fi=(3) inlined.rs
7 5
fe=(1)
-2 1

fl=(2)
fn=(2)
10 90
cob=(2) /lib/libc.so.6
cfn=(3) malloc
calls=2 1
+4 60
cfn=(4) realloc
calls=1 1
+4 120

fn=(4)
3 9
cfn=(3)
calls=1 1
* 30

fn=(3)
5 6
"""


def counted(text: str = COUNTED) -> Profile:
    return callgrind.read(text.splitlines())


def cost(instructions: float, allocations: float = 0) -> Cost:
    return Cost("request", instructions, allocations, Profile())


def test_a_function_has_its_own_instructions_wherever_they_were_inlined_from() -> None:
    assert counted().instructions == {
        "request::main": 426,
        "alloc::vec::grow": 90,
        "realloc": 9,
        "malloc": 6,
    }


def test_memory_that_is_taken_counts_once_and_for_whoever_wanted_it() -> None:
    profile = counted()
    assert profile.allocations == 3
    assert profile.allocating() == {"request::main": 3}


def test_what_two_runs_have_in_common_is_not_counted() -> None:
    more = counted(COUNTED.replace("16 400", "16 1200").replace("calls=2 1", "calls=6 1"))
    difference = more - counted()
    assert (difference.total, difference.allocations) == (800, 4)
    assert not (counted() - counted()).total


@pytest.mark.parametrize(
    ("instructions", "allocations", "expected"),
    [
        (1000, 1, "good"),
        (1001, 1, "over"),
        (1000.5, 1, "over"),
        (920, 1, "good"),
        (900, 1, "loose"),
        (1000, 0, "loose"),
        (1000, 1.5, "over"),
        (500, 2, "over"),
    ],
)
def test_a_budget_is_held_and_told_when_it_is_loose(
    instructions: float, allocations: float, expected: str
) -> None:
    allowed = Budget("request", per="request", instructions=1000, allocations=1)
    assert budget.verdict(cost(instructions, allocations), allowed) == expected


def test_the_table_says_what_is_over_its_budget() -> None:
    budgets = budget.read_budgets('[request]\nper = "request"\ninstructions = 1000\nallocations = 0\n')
    (row,) = budget.table([cost(1234.4, 2)], budgets)[2:]
    assert row == "| request, per request | 1,234 | 1,000 | 2 | 0 | OVER ITS BUDGET |"
    assert budget.table([cost(1000)], budgets)[2].endswith("| 0 | 0 |  |")


def test_a_budget_that_is_proposed_is_one_that_is_held_and_not_loose() -> None:
    before = [Budget("request", per="KiB", instructions=1, allocations=0)]
    (proposed,) = budget.read_budgets(budget.proposal([cost(1234.4, 2)], before))
    assert (proposed.name, proposed.per, proposed.allocations) == ("request", "KiB", 2)
    assert budget.verdict(cost(1234.4, 2), proposed) == "good"


def test_the_functions_that_cost_most_come_first() -> None:
    many = Profile(Counter(small=80, large=8000), Counter({("large", "malloc"): 1600}))
    lines = budget.functions(Cost.of("request", many))
    assert [line.split()[-1] for line in lines[1:]] == ["large", "small", "large"]
    assert lines[-1].split()[0] == "2"


@need("valgrind")
@pytest.mark.timeout(300)
def test_no_request_costs_more_than_its_budget(tmp_path: Path) -> None:
    if not budget.is_comparable():
        pytest.skip("the budgets are for x86-64 with AVX2")
    budgets = budget.read_budgets(budget.BUDGETS.read_text())
    program = budget.build()
    assert {it.name for it in budgets} == set(budget.scenarios(program)) - budget.UNBUDGETED
    costs = [budget.measure(program, it.name, tmp_path) for it in budgets]
    over = [
        it.name for it, counted in zip(budgets, costs, strict=True) if budget.verdict(counted, it) == "over"
    ]
    assert not over, "\n".join(budget.table(costs, budgets))
    # A counter that sees nothing would find nothing: a program takes some memory to start.
    assert callgrind.run([program, "request_minimal", "1"], tmp_path / "once").allocations > 100
