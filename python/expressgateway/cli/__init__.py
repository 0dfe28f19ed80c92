"""The command line: thin commands over the rest, which never imports from here."""

import os

# A process of its own may say how its memory is kept: in small pages, so that it holds what it uses. The
# allocator looks once, when the engine is loaded; a program that embeds the gateway decides for itself.
os.environ.setdefault("MIMALLOC_ALLOW_THP", "0")

from expressgateway.cli.app import main

__all__ = ["main"]
