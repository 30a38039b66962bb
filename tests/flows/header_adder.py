"""A proxy in the client's stead: adds one header to every request and passes all else on, byte for byte.

For clients that cannot send a header themselves, such as the conformance suite. One connection in, one connection out;
bodies and streams are never looked into. Run: `header_adder.py --port N --to M --header 'Authorization: Bearer ...'`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib

CHUNK_BYTES = 65536


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy answers until the server hangs up, then hang up too."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, header: bytes) -> None:
    """Copy requests, each with the header after its request line."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        line, _, rest = head.partition(b"\r\n")
        writer.write(line + b"\r\n" + header + b"\r\n" + rest)
        fields = {
            name.strip().lower(): value.strip()
            for name, _, value in (field.partition(b":") for field in rest.split(b"\r\n"))
        }
        if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
            await relay_chunks(reader, writer)
        elif length := int(fields.get(b"content-length", b"0")):
            writer.write(await reader.readexactly(length))
        await writer.drain()


async def relay_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one chunked body."""
    while True:
        size_line = await reader.readuntil(b"\r\n")
        size = int(size_line.split(b";")[0], 16)
        writer.write(size_line + await reader.readexactly(size + 2))
        if size == 0:
            return


async def serve(port: int, to: int, header: bytes) -> None:
    """Listen until cancelled."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", to)
        except OSError:
            writer.close()
            return
        back = asyncio.create_task(pump(up_reader, writer))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await relay(reader, up_writer, header)
        up_writer.close()
        await back

    server = await asyncio.start_server(connected, "127.0.0.1", port, limit=2**20)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--header", required=True)
    chosen = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(chosen.port, chosen.to, chosen.header.encode("latin-1")))
