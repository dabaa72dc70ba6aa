"""A gateway that is fast and says nothing wrong: its jobs' ids hold when they end, so it keeps no state.

A process of its own (``python -m benchmarks.gateway``): asyncio, HTTP/1.1 over TLS, a fixed delay before each answer.
It speaks what the measured triggers ask for: Orux, YEScale's Midjourney with its batch, Relay's held requests, dbt
Cloud's runs, OpenAI's batches, and a plain 404-until-done for ``HttpSensorTrigger``. Under ``/control`` it counts and fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import ssl
import sys
import time
from datetime import datetime, timezone
from typing import Any

ID = re.compile(rb"(\d{13})(\d{7})(\d{5})")
ENDED = b"https://cdn.example/"
#: An image inside an answer.
INLINE = b"A" * (20 * 1024 * 1024)


def job_id(start: float, duration: float, number: int) -> str:
    """Milliseconds of start and duration, and a number: 25 digits."""
    return f"{int(start * 1000):013d}{int(duration * 1000):07d}{number % 100000:05d}"


def ends_at(job: str) -> float:
    """Epoch seconds at which a job ends."""
    digits = job[-25:]
    return (int(digits[:13]) + int(digits[13:20])) / 1000


class Counts:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.requests = self.connections = self.in_flight = self.most_in_flight = self.jobs = 0
        self.storm: dict[str, Any] = {}
        self.storm_requests = 0
        self.big_every = 0
        self.slots = 0
        self.numbers: set[bytes] = set()
        #: When a job was asked for that nobody had asked for before.
        self.last_new = 0.0

    def asked(self, numbers: list[bytes]) -> None:
        self.jobs += len(numbers)
        before = len(self.numbers)
        self.numbers.update(numbers)
        if len(self.numbers) > before:
            self.last_new = time.time()


class Gateway(asyncio.Protocol):
    def __init__(self, counts: Counts, delay: float) -> None:
        self.counts, self.delay = counts, delay
        self.buffer = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.counts.connections += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head, separator, rest = self.buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return
            self.buffer = rest[size:]
            self.request(head, rest[:size])

    def request(self, head: bytes, body: bytes) -> None:
        counts = self.counts
        target = head.split(b" ", 2)[1]
        loop = asyncio.get_running_loop()
        if target.startswith(b"/control"):
            self.control(target, body)
            return
        counts.requests += 1
        counts.in_flight += 1
        counts.most_in_flight = max(counts.most_in_flight, counts.in_flight)
        now = time.time()
        storm = counts.storm
        if storm and storm["from"] <= now < storm["until"]:
            counts.storm_requests += 1
            if storm["kind"] == "reset":
                counts.in_flight -= 1
                self.transport.abort()
                return
            status = int(storm["kind"][:3])
            retry = b""
            if storm["kind"].endswith("+"):
                retry = b"Retry-After: %d\r\n" % max(1, round(storm["until"] - now))
            error = (
                b'{"error":{"type":"rate_limit_error","code":"rate_limit_exceeded","message":"slow down"}}'
            )
            if status == 500:
                error = b'{"error":{"type":"api_error","code":"internal_error","message":"oops"}}'
            loop.call_later(self.delay, self.answer, error, status, retry)
            return
        if counts.slots and counts.in_flight > counts.slots:
            error = b'{"error":{"type":"rate_limit_error","code":"concurrency_exceeded","message":"full"}}'
            loop.call_later(self.delay, self.answer, error, 429, b"")
            return
        wait = re.search(rb"[?&]wait=(\d+)", target)
        delay = self.delay
        if wait:
            left = self.left(target, now)
            delay += max(0.0, min(float(wait[1]), left))
        loop.call_later(delay, self.work, target, body)

    @staticmethod
    def left(target: bytes, now: float) -> float:
        found = ID.search(target)
        return (int(found[1]) + int(found[2])) / 1000 - now if found else 0.0

    def work(self, target: bytes, body: bytes) -> None:
        now = time.time()
        counts = self.counts
        if b"list-by-condition" in target:
            ids = json.loads(body)["ids"]
            counts.asked([i[-5:].encode() for i in ids])
            self.answer(b"[" + b",".join(self.midjourney(i.encode(), now) for i in ids) + b"]")
            return
        found = ID.search(target)
        if found is None:
            self.answer(b'{"detail":"not found"}', 404)
            return
        counts.asked([found[3]])
        raw = found[0]
        ended = self.left(raw, now) <= 0
        big = ended and bool(counts.big_every) and int(found[3]) % counts.big_every == 0
        if target.startswith(b"/api/v1/tasks/"):
            if big:
                head = b'{"task_id":"%b","status":"SUCCESS","result_urls":["data:image/png;base64,' % raw
                self.answer(head + INLINE + b'"]}')
                return
            state = b'"SUCCESS","result_urls":["%b%b.png"]' % (ENDED, raw) if ended else b'"RUNNING"'
            times = b',"submit_time":"%b"' % _iso(int(found[1]) / 1000)
            if ended:
                times += b',"finish_time":"%b"' % _iso((int(found[1]) + int(found[2])) / 1000)
            self.answer(b'{"task_id":"%b","alias":"midjourney-v7","status":%b%b}' % (raw, state, times))
        elif target.startswith(b"/mj/"):
            self.answer(self.midjourney(raw, now))
        elif target.startswith(b"/v2/tasks/"):
            if big:
                head = b'{"task_id":"direct:%b","status":"completed","result":{"data":[{"b64_json":"' % raw
                self.answer(head + INLINE + b'"}]}}')
                return
            result = b'"completed","result":{"urls":["%b%b.png"]}' % (ENDED, raw) if ended else b'"running"'
            self.answer(b'{"task_id":"direct:%b","status":%b}' % (raw, result))
        elif target.startswith(b"/v1/batches/"):
            state = b"completed" if ended else b"in_progress"
            self.answer(
                b'{"id":"%b","object":"batch","endpoint":"/v1/images","input_file_id":"f","completion_window":"24h",'
                b'"created_at":1,"status":"%b"}' % (raw, state)
            )
        elif b"/runs/" in target:
            self.answer(b'{"data":{"id":%b,"status":%d}}' % (raw, 10 if ended else 3))
        elif ended:
            self.answer(b'{"status":"done"}')
        else:
            self.answer(b'{"status":"running"}', 404)

    @staticmethod
    def midjourney(raw: bytes, now: float) -> bytes:
        found = ID.search(raw)
        assert found is not None
        start, end = int(found[1]), int(found[1]) + int(found[2])
        if end / 1000 > now:
            return (
                b'{"id":"%b","action":"IMAGINE","status":"IN_PROGRESS","submitTime":%d,"progress":"50%%"}'
                % (raw, start)
            )
        return (
            b'{"id":"%b","action":"IMAGINE","status":"SUCCESS","submitTime":%d,"finishTime":%d,"progress":"100%%",'
            b'"imageUrl":"%b%b.png"}' % (raw, start, end, ENDED, raw)
        )

    def answer(self, body: bytes, status: int = 200, headers: bytes = b"") -> None:
        self.counts.in_flight -= 1
        if self.transport.is_closing():
            return
        self.transport.write(
            b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n"
            % (status, len(body), headers) + body
        )  # fmt: skip

    def control(self, target: bytes, body: bytes) -> None:
        counts = self.counts
        if target == b"/control/reset":
            counts.reset()
        elif target == b"/control/set":
            for name, value in json.loads(body).items():
                setattr(counts, name, value)
        counts.in_flight += 1
        self.answer(json.dumps({k: v for k, v in vars(counts).items() if k != "numbers"}).encode())


def _iso(moment: float) -> bytes:
    return datetime.fromtimestamp(moment, timezone.utc).isoformat().encode()


async def serve(certificate: str, key: str, delay: float) -> None:
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Gateway(counts, delay), "127.0.0.1", 0, ssl=context, backlog=8192
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with the process that started it.
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate", default="")
    parser.add_argument("--key", default="")
    parser.add_argument("--delay", type=float, default=0.04)
    given = parser.parse_args()
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
    asyncio.run(serve(given.certificate, given.key, given.delay))
