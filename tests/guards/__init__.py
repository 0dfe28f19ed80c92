"""Guards: each rule of the house that a machine can check, as a test that says which line breaks it.

They read the tree and change nothing. A guard never tests behaviour of the product, and what a linter can
already refuse (long Rust functions, say) is left to it: then the guard is that the linter is on.
"""
