"""What a request and a connection cost, beside the products that one would choose instead, in one run.

`make bench` runs it, with `BENCH_ROWS='128b-64 idle' BENCH_ROUNDS=1 BENCH_SECONDS=1` some of it, shorter
than a result has to be. Proxy and load have a CPU each; products take turns round by round, each freshly
started; what is counted is the CPU time of a product's whole process tree. It is a comparison on one
machine over loopback: it says nothing about network cards, and requests per second are a by-product.
"""
