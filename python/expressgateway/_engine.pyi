"""Typed face of the compiled data plane. `expressgateway.control` is its only user."""

from collections.abc import Mapping, Sequence
from typing import Any, final

__all__ = ["Engine", "parse_toml", "pattern_complaint", "__version__", "__build__"]

__version__: str
"""Version of the crate, equal to the package's."""
__build__: str
"""How this was built: ``release``, or ``testing`` with assertions on."""

def parse_toml(text: str) -> tuple[dict[str, Any], dict[tuple[str | int, ...], tuple[int, int, int, int]]]:
    """Parse TOML and say where everything stands.

    Returns the document as plain Python values, and for each path (keys and list indices from the
    top) ``(key_start, key_end, value_start, value_end)`` as character offsets into ``text``. List items
    have their value's span in both places. Dates and times are returned as strings.

    Raises `expressgateway.TomlSyntaxError` with ``message`` and ``offset``.
    """

def pattern_complaint(text: str) -> str | None:
    """What is wrong with a regular expression, in the words of the library that runs it; None if nothing."""

@final
class Engine:
    """One data plane: worker threads, their sockets and what they publish.

    Worker threads never touch the interpreter, and every method that waits releases it. After `fork`,
    in the child, each method raises `expressgateway.EngineError`.
    """

    def __new__(cls, *, workers: int, access_log: int | None = None, admin: int | None = None) -> Engine:
        """Start ``workers`` threads that serve nothing yet.

        ``access_log`` is a descriptor for one JSON object per line and request; ``admin`` a listening TCP
        socket on which the engine answers probes, ``/metrics`` and ``/api/v1/status``. Both are duplicated:
        the caller keeps and closes its own.
        """
    def apply(self, snapshot: bytes, sockets: Mapping[str, Sequence[int]]) -> int:
        """Compile, publish and wait until every worker acknowledged; returns the generation, from 1.

        ``snapshot`` is the JSON of `SnapshotSpec`. ``sockets`` names for every address of the snapshot its
        listening descriptors, one per worker or a single one that all share; they are duplicated on first
        sight of the address and closed, after what waits in their queue was accepted, when it is gone.
        Raises `expressgateway.SnapshotError` and changes nothing if the snapshot cannot be run.
        """
    def set_health(self, pool: str, endpoint: str, healthy: bool) -> bool:
        """Flip the health byte that workers read at each pick; False if there is no such endpoint."""
    def set_ready(self, ready: bool) -> None:
        """What ``/readyz`` answers: 200 or 503. A new engine is not ready."""
    def drain(self) -> None:
        """Accept what waits, close listeners and idle connections, let the rest finish its request."""
    def connections(self) -> int:
        """Downstream connections that are open now."""
    def status(self) -> bytes:
        """JSON: state, generation, workers, connections, panics, and pools with health and load."""
    def metrics(self) -> bytes:
        """Prometheus text format 0.0.4."""
    def stop(self) -> None:
        """Cut what is left, join every thread. Safe to call twice, and after it everything else raises."""
