"""One file per promise: a gateway in a process of its own, real sockets, real peers, port 0, no sleeping."""
