"""Everything that is tested in Python.

`guards` hold the rules of the house, `unit` tests one module or command at a time, `spec` has one file per
promise, on real sockets, and `support` is what they stand on.
"""
