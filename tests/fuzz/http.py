"""Raw HTTP answers against everything of ours that reads one, over real sockets.

    python -m tests.fuzz.http --seeds 20000 --start 0
    python -m tests.fuzz.http --seeds 1 --start 17 --verbose      one seed, told answer by answer

Each seed is an answer to a submission (sync and async), a poll in the worker (sync and async) and in the poller, a download
and a command of the CLI. Each ends with the right result or a typed error, within the time of an exchange, a second of CPU
and little memory; what is right in substance is read; "not charged" is said only of a refusal.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_orux.cli import airflow_api
from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.client.asynchronous import AsyncGatewayClient
from airflow_provider_orux.client.settings import SLOWEST_RATE, ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.client.timed import TimedTransport
from airflow_provider_orux.client.transport import open_transport, tls_context
from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.hooks.connection import GatewayConnection, read_connection
from airflow_provider_orux.models import orux
from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.poller.client import Answer, PollClient, TooLarge
from airflow_provider_orux.storage import StorageSettings
from airflow_provider_orux.storage.download import Downloader
from airflow_provider_orux.storage.media import inspect
from airflow_provider_orux.storage.spool import Spool
from tests.fuzz.http_answers import content_of, job_of, make

#: Seconds to connect, and between two bytes.
CONNECT, READ = 0.4, 0.4
#: Seconds that an exchange may take: twice what the settings allow, for the poller asks a tolerant parser once more.
MOST_TIME = 2 * (CONNECT + READ) + 2.0
#: Seconds of CPU, and bytes over the base.
MOST_CPU = 1.0
MOST_MEMORY = 64 * 2**20
IMAGINE = orux.MidjourneyV7(prompt="a fox")
#: A seed whose answers are right.
PLAIN = next(
    seed for seed in range(10**6) if all(not make(seed, t).notes for t in ("submit", "poll", "file", "cli"))
)
KEY = "sk-app-Ab3dEf9h_fuzz0123456789abcdefghij"


@dataclass
class Report:
    """What became of the answers."""

    outcomes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    slowest: float = 0.0
    most_cpu: float = 0.0
    most_cpu_of: str = ""
    memory: int = 0

    @property
    def answers(self) -> int:
        """How many were read."""
        return sum(self.outcomes.values())

    def __str__(self) -> str:
        read = sum(n for name, n in self.outcomes.items() if name.endswith(" result"))
        lines = [
            f"{self.answers} answers, {read} of them read to a result, {len(self.violations)} violations"
        ]
        lines.append(
            f"slowest {self.slowest:.2f} s, most CPU {self.most_cpu:.2f} s ({self.most_cpu_of}), memory over the base {self.memory / 2**20:.0f} MiB"
        )
        lines += [f"  {name}: {n}" for name, n in sorted(self.outcomes.items())]
        return "\n".join([*lines, *self.violations])


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The server, in a process of its own; its address."""
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.http_server"],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.communicate("", timeout=20)


def settings(url: str, seed: int, target: str) -> ClientSettings:
    return ClientSettings(
        f"{url}/f/{seed}/{target}",
        key=KEY,
        connect_timeout=CONNECT,
        read_timeout=READ,
        total_timeout=2 * READ,
        attempts=1,
    )


class Readers:
    """Everything that reads an answer, behind one face: ``(seed) -> what it read``.

    :param url: the server.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.loop = asyncio.new_event_loop()
        self.all: dict[str, tuple[str, Callable[[int], Any]]] = {
            "sync submit": ("submit", self.submit),
            "async submit": ("submit", self.submit_async),
            "sync poll": ("poll", self.poll),
            "async poll": ("poll", self.poll_async),
            "poller": ("poll", self.poll_in_trigger),
            "download": ("file", self.download),
            "cli": ("cli", self.command),
        }

    def submit(self, seed: int) -> Any:
        with GatewayClient(OruxGateway(), settings(self.url, seed, "submit")) as client:
            return client.submit(IMAGINE).job_id

    def submit_async(self, seed: int) -> Any:
        async def go() -> Any:
            async with AsyncGatewayClient(OruxGateway(), settings(self.url, seed, "submit")) as client:
                return (await client.submit(IMAGINE)).job_id

        return self.loop.run_until_complete(go())

    def poll(self, seed: int) -> Any:
        with GatewayClient(OruxGateway(), settings(self.url, seed, "poll")) as client:
            try:
                return _read(client.poll(job_of(seed), attempts=1))
            finally:
                _only(seed, client.poll, attempts=1)

    def poll_async(self, seed: int) -> Any:
        async def go() -> Any:
            async with AsyncGatewayClient(OruxGateway(), settings(self.url, seed, "poll")) as client:
                try:
                    return _read(await client.poll(job_of(seed), attempts=1))
                finally:
                    with contextlib.suppress(OruxError):
                        _of_second(seed, await client.poll(job_of(seed, poll=1), attempts=1))

        return self.loop.run_until_complete(go())

    def poll_in_trigger(self, seed: int) -> Any:
        async def go() -> Any:
            client = PollClient(_connection(f"{self.url}/f/{seed}/poll"))
            try:
                found = await client.poll(job_of(seed))
                second = await client.poll(job_of(seed, poll=1))
                if isinstance(second, Answer):
                    _of_second(seed, second.jobs[job_of(seed, poll=1)])
            finally:
                await client.close_after([])
            if isinstance(found, Answer):
                return _read(found.jobs[job_of(seed)])
            if isinstance(found, TooLarge):
                raise OruxError("too large for a trigger")
            raise found.error

        return self.loop.run_until_complete(go())

    def download(self, seed: int) -> Any:
        file = io.BytesIO()
        patience = StorageSettings(
            allow_private_hosts=True,
            attempts=1,
            connect_timeout=CONNECT,
            read_timeout=READ,
            total_timeout=2 * READ,
            max_artifact_mib=1,
        )
        with Downloader(patience) as downloader:
            url = f"{self.url}/f/{seed}/file/x.png"

            def accept(spool: Spool) -> None:
                spool.finish()
                inspect(spool.file, spool.size, max_pixels=10**6)

            downloader.fetch(url, Spool(file, max_bytes=2**20), accept)
        return file.getvalue()

    def command(self, seed: int) -> Any:
        transport = open_transport(TimedTransport, self.url, verify=tls_context(None))
        with airflow_api.AirflowApi(f"{self.url}/f/{seed}/cli", token=KEY, transport=transport) as api:
            return [row.get("dag_id") for row in api.rows("/dags", "task_instances", limit=5)]


def _connection(host: str) -> GatewayConnection:
    return read_connection(
        conn_id="c",
        conn_type="orux",
        host=host,
        port=None,
        schema=None,
        password=KEY,
        extra={"connect_timeout": CONNECT, "read_timeout": READ},
    )


class WrongAnswerError(Exception):
    """A request was given the answer to another one."""


def _read(job: Any) -> Any:
    return (job.job_id, list(job.urls))


def _of_second(seed: int, job: Any) -> None:
    if _read(job) != expected(seed, "poll", poll=1):
        raise WrongAnswerError(f"the second poll was given {_read(job)}")


def _only(seed: int, poll: Callable[..., Any], **more: Any) -> None:
    """A second request on the same connection gets its own answer, or none."""
    with contextlib.suppress(OruxError):
        _of_second(seed, poll(job_of(seed, poll=1), **more))


def expected(seed: int, target: str, *, poll: int = 0) -> Any:
    """What the right answer of a seed is read as."""
    job = job_of(seed, poll=poll)
    if target == "file":
        return content_of(seed, "file")
    if target == "cli":
        return [job]
    return job if target == "submit" else (job, [f"https://cdn.example/{job}.png"])


def check(
    name: str, target: str, read: Callable[[int], Any], seed: int, report: Report, *, again: bool = False
) -> str:
    """One answer, one reader. Returns what became of it."""
    spec = make(seed, target)
    began, cpu = time.monotonic(), time.thread_time()
    problems = []
    try:
        value = read(seed)
    except (OruxError, CommandError) as e:
        outcome = f"{name} {type(e).__name__}"
        if spec.readable:
            if not again:
                return check(name, target, read, seed, report, again=True)  # the machine may have been busy
            problems.append(f"it could be read, and was not: {e}")
        refused = spec.refusal or any("flipped" in note or "not HTTP" in note for note in spec.notes)
        if target == "submit" and isinstance(e, OruxError) and e.charged == "no" and not refused:
            problems.append(f"called not charged: {e}")
        if KEY in str(e):
            problems.append("the key is in the error")
    except Exception as e:
        outcome = f"{name} {type(e).__name__}"
        problems.append(f"untyped: {type(e).__name__}: {e}")
    else:
        outcome = f"{name} result"
        # Of an artifact whose length is told wrongly, whatever is whole is right.
        if value != expected(seed, target) and (target != "file" or spec.readable):
            problems.append(f"a wrong result: {value!r:.200}")
    took, spent = time.monotonic() - began, time.thread_time() - cpu
    if spent > MOST_CPU:
        problems.append(f"{spent:.1f} s of CPU")
    size = sum(len(step) for step in spec.steps if isinstance(step, bytes))
    if took > MOST_TIME + 2 * spent + size / SLOWEST_RATE:
        problems.append(f"{took:.1f} s")
    report.slowest = max(report.slowest, took)
    if spent > report.most_cpu:
        report.most_cpu, report.most_cpu_of = spent, f"seed {seed}, {name}: {', '.join(spec.notes)}"
    report.outcomes[outcome] += 1
    report.violations += [f"seed {seed}, {name} ({', '.join(spec.notes) or 'plain'}): {p}" for p in problems]
    return outcome


def run(seeds: range, *, tell: Callable[[str], None] = lambda text: None) -> Report:
    """All readers, all seeds."""
    report = Report()
    airflow_api.PATIENCE, before = READ, airflow_api.PATIENCE
    try:
        with served() as url:
            readers = Readers(url)
            for _, read in readers.all.values():
                with contextlib.suppress(OruxError, CommandError):
                    read(PLAIN)  # imports
            base: int | None = None
            for seed in seeds:
                for name, (target, read) in readers.all.items():
                    tell(f"seed {seed}, {name}: {check(name, target, read, seed, report)}")
                # The first seeds import and allocate what stays.
                base = _peak() if base is None or seed < seeds.start + 20 else base
                report.memory = _peak() - base
            readers.loop.close()
    finally:
        airflow_api.PATIENCE = before
    if report.memory > MOST_MEMORY:
        report.violations.append(f"{report.memory / 2**20:.0f} MiB over the base")
    return report


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.http", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=2000, help="how many (%(default)s)")
    parser.add_argument("--start", type=int, default=0, help="the first (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="tell what becomes of each answer")
    args = parser.parse_args()
    report = run(
        range(args.start, args.start + args.seeds), tell=print if args.verbose else lambda text: None
    )
    print(report)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
