"""Every row of the table of HTTP/1.1, and mutations of them, through the gateway to the servers that people
run behind one. Each of them has to see exactly the request that was meant, or none. It refuses to say what
servers should do with bytes that no gateway would let through.

- `reading.py` reads a stream of requests or responses in the strictest way there is.
- `mutations.py` makes more bytes out of a row.
- `tap.py` stands between the gateway and an origin, and keeps what both say.
- `judging.py` sends a payload, then a canary, and says whether gateway, origin and reader agree.
- `origin.py` is what an origin is; `daemons.py` and `apps.py` say how each is run, and what it does to a
  request.
- `echoes/` is what answers inside an origin, `recorder.py` behind one that is a proxy.
- `matrix.py` is the report; `ambiguous.py` is for origins without a gateway.
"""
