"""Many mutated answers to every reader: counts, times, memory, and what broke a rule."""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.models.errors import OruxError, UnexpectedResponseError
from tests.fuzz.check import check_error, check_result
from tests.fuzz.mutate import encoded, mutated
from tests.fuzz.readers import READERS, Reader

#: Seconds of CPU that one answer may take.
LONGEST = 1.0
#: MiB that reading one answer may take, over what there was before.
MOST_MIB = 64.0
#: Bytes from which an answer's memory is measured: no shorter one can take so much.
MEASURED = 64 * 1024
#: HTTP statuses that an answer comes with instead of its own, now and then.
OTHER_STATUSES = (
    200,
    201,
    202,
    302,
    307,
    400,
    401,
    402,
    403,
    404,
    408,
    409,
    413,
    422,
    425,
    429,
    500,
    502,
    503,
    504,
    524,
)


@dataclass
class Report:
    """What became of the answers to one reader."""

    name: str
    answers: int = 0
    #: Those that are JSON: they reach past the parser.
    parsed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_at: str = ""
    largest_mib: float = 0.0
    broken: list[str] = field(default_factory=list)


def run(
    per_reader: int, *, seed: int = 0, only: str = "", readers: Iterable[Reader] = READERS
) -> list[Report]:
    """Give each reader at least so many answers that are JSON; a report for each."""
    chosen = [reader for reader in readers if only in reader.name]
    for reader in chosen:
        for status, body in reader.bodies:  # what is imported at first use is not the answer's
            _one(reader, status, encoded(body, Random(0)), Report(""), "")
    return [_reader(reader, per_reader, seed) for reader in chosen]


def _reader(reader: Reader, wanted: int, seed: int) -> Report:
    report = Report(reader.name)
    number = 0
    while report.parsed < wanted:
        random = Random(f"{reader.name} {seed} {number}")
        status, body = random.choice(list(reader.bodies))
        if random.random() < 0.15:
            status = random.choice(OTHER_STATUSES)
        raw = encoded(mutated(body, random), random)
        where = f"{reader.name}, seed {seed}, answer {number}"
        _one(reader, status, raw, report, where)
        number += 1
    return report


def _one(reader: Reader, status: int, raw: bytes, report: Report, where: str) -> None:
    response = HttpResponse(status, {"content-type": "application/json"}, raw)
    try:
        value = response.json(gateway="")
    except UnexpectedResponseError:
        value = None
    else:
        report.parsed += 1
    report.answers += 1
    began = time.process_time()
    try:
        try:
            result = reader.read(response)
        finally:
            took = time.process_time() - began
            if took > report.slowest:
                report.slowest, report.slowest_at = took, where
            if took > LONGEST:
                report.broken.append(f"{where}: {took:.1f} s of CPU for {len(raw)} bytes")
        _measure(reader, response, report, where)
        check_result(result, reader, value)
        report.outcomes["read"] += 1
    except OruxError as e:
        _measure(reader, response, report, where)
        report.outcomes["not charged" if e.charged == "no" else type(e).__name__] += 1
        try:
            check_error(e, reader, response, value)
        except Exception as wrong:
            report.broken.append(f"{where}: {wrong!r} (HTTP {status}, {e!s:.200} from {raw[:400]!r})")
    except Exception as wrong:
        report.broken.append(f"{where}: {wrong!r} (HTTP {status}, {raw[:400]!r})")


def _measure(reader: Reader, response: HttpResponse, report: Report, where: str) -> None:
    if len(response.body) < MEASURED:
        return
    tracemalloc.start()
    try:
        with contextlib.suppress(OruxError):
            reader.read(response)
        mib = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    report.largest_mib = max(report.largest_mib, mib)
    if mib > MOST_MIB:
        report.broken.append(f"{where}: {mib:.0f} MiB for {len(response.body)} bytes")
