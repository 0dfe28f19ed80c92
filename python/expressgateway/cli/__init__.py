"""The command line: thin commands over the rest, which never imports from here."""

from expressgateway.cli.app import main

__all__ = ["main"]
