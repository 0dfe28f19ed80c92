"""``expressgateway version``: facts about this build."""

from __future__ import annotations

import json
import platform

from expressgateway import _engine
from expressgateway.cli.exits import Exit

__all__ = ["version"]


def version(*, as_json: bool) -> Exit:
    """Print them."""
    facts = {
        "version": _engine.__version__,
        "build": _engine.__build__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
    if as_json:
        print(json.dumps(facts))
    else:
        print("expressgateway {version} ({build} build, Python {python}, {platform})".format(**facts))
    return Exit.FINE
