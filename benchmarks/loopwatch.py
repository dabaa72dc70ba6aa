"""How long an event loop kept everything waiting: from one look at its sockets to the next.

For each such time four numbers: by the clock; CPU of the loop's own thread, which says whether the work was long or the
machine was busy with something else; how much of it was the garbage collector, which runs in whatever code happens to
allocate; and, in a triggerer, how long it waited for the supervisor to take a log line: Airflow writes its own lines
("trigger starting" and the like) on the event loop, into a pipe that a busy supervisor does not empty.

``python -m benchmarks.loopwatch FILE COMMAND…`` is ``airflow COMMAND…`` with the loop of every forked child watched; the
child keeps what it found in FILE. ``BENCH_STACKS=1`` adds what ran meanwhile (a sampling thread: not for measuring).
"""

from __future__ import annotations

import collections
import gc
import json
import os
import select
import selectors
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

#: Seconds from which a time is kept by itself.
LONG = 0.1


class LoopWatch:
    """Watches the event loop of the thread that makes it.

    :param keep: file that is written again every two seconds; None: nowhere.
    """

    def __init__(self, keep: Path | None = None) -> None:
        self._kept_at = 0.0
        self.longest = self.longest_cpu = self.longest_work = self.longest_gc = self.longest_rest = 0.0
        self.long: list[dict[str, Any]] = []
        self._keep = keep
        self._thread = threading.get_ident()
        self._since: tuple[float, float, float, float] | None = None
        self._gc_began = self._gc = self._written = 0.0
        self._stacks: collections.Counter[str] = collections.Counter()
        gc.callbacks.append(self._collector)
        watch = self
        # The selector's class of this process: asyncio offers no place to look at.
        plain = selectors.EpollSelector.select

        def watched(selector: Any, timeout: float | None = None) -> Any:
            if threading.get_ident() != watch._thread:
                return plain(selector, timeout)
            watch._asks()
            found = plain(selector, timeout)
            watch._since = (time.perf_counter(), time.thread_time(), watch._gc, watch._written)
            return found

        selectors.EpollSelector.select = watched  # type: ignore[method-assign]
        if os.environ.get("BENCH_STACKS"):
            threading.Thread(target=self._sample, daemon=True).start()

    def restart(self) -> None:
        """Forget what was seen so far."""
        self.longest = self.longest_cpu = self.longest_work = self.longest_gc = self.longest_rest = 0.0
        self.long.clear()
        self._since = None

    def result(self) -> dict[str, Any]:
        """What was seen, in seconds."""
        return {
            "blocked_max": self.longest, "blocked_cpu_max": self.longest_cpu, "gc_max": self.longest_gc, "blocked_rest_max": self.longest_rest,
            "blocked_work_max": self.longest_work, "blocked_over_200": sum(b["wall"] > 0.2 for b in self.long),
        }  # fmt: skip

    def _asks(self) -> None:
        if self._since is None:
            return
        wall, used = time.perf_counter() - self._since[0], time.thread_time() - self._since[1]
        collector = self._gc - self._since[2]
        self.longest, self.longest_cpu = max(self.longest, wall), max(self.longest_cpu, used)
        written = self._written - self._since[3]
        self.longest_work = max(self.longest_work, used - collector)
        self.longest_rest = max(self.longest_rest, wall - written)
        if wall >= LONG:
            block = {"at": time.time(), "wall": wall, "cpu": used, "gc_cpu": collector, "log": written}
            if self._stacks:
                block["stacks"] = self._stacks.most_common(6)
            self.long.append(block)
        self._stacks.clear()
        self._since = None
        if self._keep is not None and time.time() - self._kept_at > 2:
            # Now and then: the process may end by a signal at any time.
            self._kept_at = time.time()
            self._keep.write_text(json.dumps({**self.result(), "long": self.long}))

    def times_log_lines(self) -> None:
        """Count the time that structlog waits for the pipe."""
        from structlog import BytesLogger

        plain, watch = BytesLogger.msg, self

        def msg(logger: Any, message: bytes) -> None:
            if threading.get_ident() != watch._thread:
                return plain(logger, message)
            began = time.perf_counter()
            try:
                return plain(logger, message)
            finally:
                watch._written += time.perf_counter() - began

        for name in (
            "msg",
            "debug",
            "info",
            "warning",
            "error",
            "critical",
            "fatal",
            "failure",
            "err",
            "log",
            "exception",
        ):
            if getattr(BytesLogger, name, None) is plain:
                setattr(BytesLogger, name, msg)

    def _collector(self, phase: str, info: dict[str, int]) -> None:
        if threading.get_ident() != self._thread:
            return
        if phase == "start":
            self._gc_began = time.thread_time()
        else:
            took = time.thread_time() - self._gc_began
            self._gc += took
            self.longest_gc = max(self.longest_gc, took)

    def _sample(self) -> None:
        while True:
            time.sleep(0.01)
            since = self._since
            if since is not None and time.perf_counter() - since[0] > 0.03:
                frame = sys._current_frames().get(self._thread)
                calls = [
                    f"{Path(f.filename).name}:{f.lineno}:{f.name}" for f in traceback.extract_stack(frame)
                ]
                self._stacks[" < ".join(calls[-7:][::-1])] += 1


def main() -> None:
    keep = Path(sys.argv[1])
    assert hasattr(select, "epoll")
    os.register_at_fork(after_in_child=lambda: _watch(keep))
    sys.argv = ["airflow", *sys.argv[2:]]
    from airflow.__main__ import main as airflow

    airflow()


_watched = threading.Event()


def _watch(keep: Path) -> None:
    # The runner of the triggers is the first child; what it forks itself is none of ours.
    if not _watched.is_set():
        _watched.set()
        LoopWatch(keep).times_log_lines()


if __name__ == "__main__":
    main()
