"""What tests stand on: a gateway in a process of its own, upstreams and clients that say exactly what they
are told, and waiting for conditions instead of for time."""
