"""Named places in the product at which a test can end or hold the process. Only the tests load this.

A plan is a file for one DAG run (``plan/RUN.json`` under ``ORUX_CRASH_HOME``): a list of orders, each carried out
once. Every place that is passed is noted in ``trace/RUN.jsonl``, with the pids, so that a test can wait for it.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_here: dict[str, Any] = {}
_armed = False


def home() -> Path:
    """Where plans and traces lie."""
    return Path(os.environ["ORUX_CRASH_HOME"])


def reach(point: str) -> None:
    """Note that this process has come to a place, and do what is ordered for it."""
    run = _here.get("run")
    if run is None:
        return
    line = {"point": point, "pid": os.getpid(), "supervisor": os.getppid(), "at": time.time(), **_here}
    with (home() / "trace" / f"{run}.jsonl").open("a") as trace:
        trace.write(json.dumps(line) + "\n")
    try:
        orders = json.loads((home() / "plan" / f"{run}.json").read_text())
    except FileNotFoundError:
        return
    for number, order in enumerate(orders):
        if order["point"] != point or order.get("task", _here["task"]) != _here["task"]:
            continue
        used = home() / "plan" / f"{run}.{number}.used"
        try:
            used.touch(exist_ok=False)
        except FileExistsError:
            continue
        _obey(order["do"], home() / "plan" / f"{run}.{number}.release")
        return


def _obey(order: str, release: Path) -> None:
    if order == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif order == "kill_worker":
        # Both at once: the supervisor must not live to see its task die.
        supervisor = os.getppid()
        os.kill(supervisor, signal.SIGSTOP)
        os.kill(supervisor, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    elif order == "hold":
        while not release.exists():
            time.sleep(0.05)
    elif order != "pass":
        raise ValueError(f"no such order: {order}")


def arm(tell: Callable[[str], None] = reach) -> None:
    """Wrap the product's methods. Without a plan for the run the wrappers only take notes.

    :param tell: what is called with the name of each place that is passed.
    """
    global _armed
    if _armed:
        return
    _armed = True
    from airflow.sdk.execution_time import task_runner

    from airflow_provider_orux.client.sync import GatewayClient
    from airflow_provider_orux.durable import delivered
    from airflow_provider_orux.durable.log_store import LogStore
    from airflow_provider_orux.durable.stores import TaskStateStore
    from airflow_provider_orux.operators.base import OruxOperator
    from airflow_provider_orux.storage.destination import Folder

    def entered(place: str) -> Callable[..., Any]:
        """The context is the last argument of ``execute`` and of ``resume_execution``, by place or by name."""

        def decorate(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
                ti = (kwargs["context"] if "context" in kwargs else args[-1])["ti"]
                _here.update(run=ti.run_id, task=ti.task_id, ti=str(ti.id), try_number=ti.try_number)
                tell(place)
                return original(self, *args, **kwargs)

            return wrapper

        return decorate

    def around(before: Callable[..., str | None], after: Callable[..., str | None]) -> Callable[..., Any]:
        def decorate(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
                if (name := before(*args)) is not None:
                    tell(name)
                value = original(self, *args, **kwargs)
                if (name := after(*args)) is not None:
                    tell(name)
                return value

            return wrapper

        return decorate

    def at(name: str) -> Callable[..., str]:
        return lambda *args: name

    def artifact(prefix: str) -> Callable[[Any, str], str]:
        return lambda spool, name: f"{prefix}_artifact_{name.partition('.')[0]}"

    def state(prefix: str) -> Callable[[Any], str]:
        return lambda record: f"{prefix}_{record.state.value}"

    wrap: list[tuple[Any, str, Callable[..., Any]]] = [
        (OruxOperator, "execute", entered("at_execute")),
        (OruxOperator, "resume_execution", entered("at_resume")),
        *(
            (store, "write_intent", around(at("before_intent"), at("after_intent")))
            for store in (TaskStateStore, LogStore)
        ),
        *((store, "write", around(state("before"), state("after"))) for store in (TaskStateStore, LogStore)),
        (GatewayClient, "submit", around(at("before_post"), at("answer_arrived"))),
        (GatewayClient, "generate", around(at("before_post"), at("answer_arrived"))),
        (OruxOperator, "defer", around(at("before_defer"), lambda: None)),
        (delivered, "mark", around(at("before_delivered"), at("after_delivered"))),
        (Folder, "publish", around(artifact("before"), artifact("after"))),
        (
            Folder,
            "publish_bytes",
            around(lambda content, name: f"before_{name}", lambda content, name: f"after_{name}"),
        ),
    ]
    for owner, name, decorate in wrap:
        setattr(owner, name, decorate(getattr(owner, name)))

    # Airflow's own: the end of a task's process, after Airflow has answered to the state that the task ended in, and
    # before callbacks run.
    finalize = task_runner.finalize

    @functools.wraps(finalize)
    def finalized(ti: Any, state: Any, *args: Any, **kwargs: Any) -> None:
        tell(f"finalize_{state.value}")
        finalize(ti, state, *args, **kwargs)

    task_runner.finalize = finalized
