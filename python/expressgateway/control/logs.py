"""What the gateway says about itself: ordinary `logging` below the logger ``expressgateway``, which embedders
configure as they like. A gateway that owns its process writes it to standard error, in the form below."""

from __future__ import annotations

import logging
import sys
import time
from typing import Final

__all__ = ["write_to_stderr"]

_ROOT: Final = "expressgateway"


class _Formatter(logging.Formatter):
    """``2026-01-31T23:59:59.123Z warning pool app: endpoint a is down``; UTC, as in the access log."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        record.levelname = record.levelname.lower()
        return super().format(record)


def write_to_stderr(level: str) -> None:
    """Write what is as serious as `level` or more to standard error, unless somebody has configured
    logging."""
    logger = logging.getLogger(_ROOT)
    logger.setLevel(level.upper())
    if logger.hasHandlers():
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    )
    logger.addHandler(handler)
    logger.propagate = False
