"""A gateway inside a program: it serves one configuration, and then, without losing a connection, another.

The upstreams of this example live in the same event loop, so that it runs as it is. The gateway does not: its
workers are threads that never wait for Python.
"""

from __future__ import annotations

import asyncio

from expressgateway import AccessLog, Admin, Config, Gateway, Listener, Logs, Pool


async def upstream(name: str) -> asyncio.Server:
    """A server on a free port that answers every request with its name."""
    answer = f"HTTP/1.1 200 OK\r\ncontent-length: {len(name)}\r\n\r\n{name}".encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
        except asyncio.IncompleteReadError:
            writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


def leading_to(server: asyncio.Server) -> Config:
    """The same listener for every pool: its socket stays open from one configuration to the next."""
    host, port = server.sockets[0].getsockname()
    return Config(
        admin=Admin(bind="none"),
        logs=Logs(access=AccessLog(path="none")),
        listeners={"web": Listener(protocol="http", bind="127.0.0.1:0", default_pool="app")},
        pools={"app": Pool(endpoints=[f"{host}:{port}"])},
    )


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """One request on a connection that stays open."""
    writer.write(b"GET / HTTP/1.1\r\nhost: example.com\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
    return (await reader.readexactly(int(length.partition(b":")[2]))).decode()


async def main() -> None:
    """Serve blue, then green, to a client that stays connected."""
    blue, green = await upstream("blue"), await upstream("green")
    async with Gateway(leading_to(blue)) as gateway:
        host, _, port = gateway.addresses["web"][0].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        print("generation 1:", await ask(reader, writer))
        generation = await gateway.apply(leading_to(green))
        print(f"generation {generation}:", await ask(reader, writer))
        writer.close()
        cut = await gateway.drain(settle=False)
        print("connections that were cut:", cut)
    blue.close()
    green.close()


if __name__ == "__main__":
    asyncio.run(main())
