"""The report: what became of every payload on its way to every origin, as JSON for programs and Markdown for
people. It refuses to judge."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import pytest

from .judging import Verdict
from .origin import ROOT, Origin

SHOWN = pytest.StashKey[str]()
"""Where the report waits for the end of the run."""
FOLDER = ROOT / "build" / "conformance"
_OUTCOMES = ("forwarded", "refused", "disliked", "cut")


class Matrix:
    """Origins by payloads."""

    def __init__(self) -> None:
        self._origins: list[Origin] = []
        self._rows: dict[str, tuple[list[Verdict], float]] = {}
        self.readings: dict[str, dict[str, str]] = {}
        """For payloads that the gateway refuses: what origins make of them that get them directly."""

    def add(self, origin: Origin, verdicts: list[Verdict], seconds: float) -> None:
        """Adds a row."""
        self._origins.append(origin)
        self._rows[origin.name] = verdicts, seconds

    def write(self) -> None:
        """Writes both files, if there is anything to say."""
        if self._rows or self.readings:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / "origins.json").write_text(json.dumps(self._document(), indent=1) + "\n")
            (FOLDER / "origins.md").write_text(self.text())

    def _document(self) -> dict[str, object]:
        return {
            "origins": {
                origin: {
                    "payloads": {
                        verdict.payload.name: {
                            "sent": verdict.payload.send.decode("latin-1"),
                            "outcome": verdict.outcome,
                            "statuses": verdict.statuses,
                            "same_connection": verdict.same_line,
                            "disagreements": verdict.disagreements,
                        }
                        for verdict in verdicts
                    },
                    "seconds": round(seconds, 2),
                }
                for origin, (verdicts, seconds) in self._rows.items()
            },
            "without_gateway": self.readings,
        }

    def text(self) -> str:
        """The Markdown."""
        return "\n".join([*self._counts(), *self._habits(), *self._disliked(), *self._without()]) + "\n"

    def _counts(self) -> Iterable[str]:
        yield "# Requests through the gateway, as origins see them\n"
        yield "Refused: by the gateway. Disliked: read by the origin as one message, and answered with an"
        yield "error. Cut: given up by the client, and never whole for anybody. Reused: the canary came"
        yield "on the same connection to the origin.\n"
        columns = ("origin", "payloads", *_OUTCOMES, "reused", "disagreements", "seconds")
        yield f"| {' | '.join(columns)} |"
        yield f"|{'---|' * len(columns)}"
        for origin, (verdicts, seconds) in self._rows.items():
            counts = Counter[str](verdict.outcome for verdict in verdicts)
            outcomes = " | ".join(f"{counts[outcome]}" for outcome in _OUTCOMES)
            reused = sum(verdict.same_line for verdict in verdicts)
            wrong = sum(bool(verdict.disagreements) for verdict in verdicts)
            yield f"| {origin} | {len(verdicts)} | {outcomes} | {reused} | {wrong} | {seconds:.1f} |"

    def _habits(self) -> Iterable[str]:
        yield "\n## What origins do on their own\n"
        yield "And what is therefore no disagreement; the rest is in their classes.\n"
        yield "| origin | adds fields | leaves fields out | joins fields of one name | trailers |"
        yield "|---|---|---|---|---|"
        for origin in self._origins:
            adds, removes = (", ".join(sorted(names)) for names in (origin.adds, origin.removes))
            joins = "yes" if origin.joins else "no"
            yield f"| {origin.name} | {adds} | {removes} | {joins} | {origin.trailers} |"

    def _disliked(self) -> Iterable[str]:
        disliked: dict[str, list[str]] = {}
        for origin, (verdicts, _) in self._rows.items():
            for verdict in verdicts:
                if verdict.statuses and verdict.payload.row is not None:
                    listed = disliked.setdefault(verdict.payload.name, [])
                    listed.append(f"{origin} {'/'.join(map(str, verdict.statuses))}")
        if disliked:
            yield "\n## Rows that an origin dislikes\n\n| row | origins |\n|---|---|"
            yield from (f"| {name} | {', '.join(origins)} |" for name, origins in sorted(disliked.items()))

    def _without(self) -> Iterable[str]:
        if self.readings:
            yield "\n## What origins make of what the gateway refuses\n"
            yield "Sent to them directly. These are the reason for which it refuses.\n"
            yield "| payload | reading | origins |\n|---|---|---|"
        for payload, by_origin in self.readings.items():
            readings: dict[str, list[str]] = {}
            for origin, reading in by_origin.items():
                readings.setdefault(reading, []).append(origin)
            for reading, origins in readings.items():
                yield f"| {payload} | {reading.replace('|', '&#124;')} | {', '.join(origins)} |"
