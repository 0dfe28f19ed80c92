"""Running a gateway: its life, its sockets, the checks of its endpoints. What a request is told is the
engine's."""

from expressgateway.control.gateway import Gateway

__all__ = ["Gateway"]
