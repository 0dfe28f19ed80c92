"""One room of the package at a time: what each promise of a docstring means, in tables and conversations."""
