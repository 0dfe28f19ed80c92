"""Clients and endpoints that mean harm: slow ones, endless ones, and ten thousand at once. What they do is
bounded, ends when the configuration says, and leaves its reason in the log; a client that behaves notices
nothing."""
