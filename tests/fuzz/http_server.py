"""Plays the answers of ``http_answers``, in a process of its own, so that its memory and time are not the readers'.

The seed and the target stand in the path: ``/f/SEED/TARGET/…``. The first request of a seed gets the seed's answer, and so
does every further try of it; a request about a later poll gets a right answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import sys

from tests.fuzz.http_answers import good, make

_PATH = re.compile(rb"/f/(-?\d+)/(submit|poll|file|cli)/")
_LATER = re.compile(rb"task_\d+_([1-9])")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    gone = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError)
    with contextlib.suppress(*gone):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            if length:
                await reader.readexactly(int(length[1]))
            found = _PATH.search(head)
            if found is None:
                writer.write(b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n")
                continue
            seed, target = int(found[1]), found[2].decode()
            later = _LATER.search(head)
            if later is not None:
                writer.write(good(seed, target, poll=int(later[1])))
                continue
            spec = await asyncio.to_thread(make, seed, target)  # a bomb takes a while to make
            for step in spec.steps:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    writer.write(step)
                    await writer.drain()
            if spec.end == "reset":
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                writer.transport.abort()
            if spec.end != "keep":
                break
    writer.close()


async def main() -> None:
    """Listen, say where, and serve until standard input ends."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
