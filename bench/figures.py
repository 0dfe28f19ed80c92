"""The arithmetic of a comparison: drift, ratios and verdicts. It measures nothing and prints nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bench.rows import OURS, Target

# Two runs of one product that differ by more than this say that the machine cannot tell products apart.
TOLERANCE = 0.05

Verdict = Literal["aim met", "must met", "MISSED"]


@dataclass(frozen=True)
class Judgement:
    """Our figure beside a target."""

    target: Target
    best: str | None
    """Who of the others was best; None where the target is over nobody."""
    ratio: float
    verdict: Verdict


def drift(first: Sequence[float], again: Sequence[float]) -> float:
    """How far two series of one product are from each other."""
    one, other = median(first), median(again)
    return abs(one - other) / min(one, other)


def judge(target: Target, medians: Mapping[str, float]) -> Judgement | None:
    """What a target says of these figures, of which less is better; None if who it names took no part."""
    if OURS not in medians or not set(target.over) <= set(medians):
        return None
    best = min(target.over, key=lambda name: medians[name], default=None)
    ratio = medians[OURS] / (1.0 if best is None else medians[best])
    # As printed, so that nobody reads 1.00 beside a verdict that says otherwise.
    shown = round(ratio, 2)
    verdict: Verdict = "MISSED"
    if shown <= target.aim:
        verdict = "aim met"
    elif shown <= target.must:
        verdict = "must met"
    return Judgement(target, best, ratio, verdict)
