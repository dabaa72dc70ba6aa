"""The shipped pauses, shorter, for an Airflow in this process: what happens and in which order stays the same.

The sandbox of these tests is done with a job in less than half a second. The pauses themselves are tested where they
are decided (tests/lifecycle, tests/client, tests/storage).
"""

from __future__ import annotations

import importlib
import inspect
import sys
import time
from typing import Any

import pytest

#: Seconds.
SOON = 0.05


def shorten(patch: pytest.MonkeyPatch) -> None:
    """The pauses of the provider's clients, schedules and reschedules, and the one of ``dag.test()``."""
    from airflow_provider_orux.client.settings import ClientSettings
    from airflow_provider_orux.lifecycle.schedule import PollSchedule
    from airflow_provider_orux.storage import StorageSettings

    set_defaults(patch, ClientSettings, backoff_base=SOON / 5)
    set_defaults(patch, StorageSettings, backoff_base=SOON / 2)
    set_defaults(patch, PollSchedule, first=0.3, shortest=0.2)
    set_everywhere(patch, "LONGEST_CAPACITY_PAUSE", 0.3)
    sleep = time.sleep

    def sleep_less(seconds: float) -> None:
        # dag.test() looks again after a second when nothing can run yet.
        at = sys._getframe(1).f_globals.get("__name__")
        sleep(SOON if at == "airflow.sdk.definitions.dag" else seconds)

    patch.setattr(time, "sleep", sleep_less)


def set_defaults(patch: pytest.MonkeyPatch, cls: type, **values: Any) -> None:
    """Other defaults for fields of a dataclass."""
    init: Any = cls.__init__
    given = {n: p for n, p in inspect.signature(init).parameters.items() if p.default is not p.empty}
    assert set(values) <= set(given), f"{cls.__name__} has no default for {set(values) - set(given)}"
    patch.setattr(init, "__defaults__", tuple(values.get(n, p.default) for n, p in given.items()))


def set_everywhere(patch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    """Another value for a constant of the provider, wherever it is defined or was imported to."""
    importlib.import_module("airflow_provider_orux.operators.images")
    modules = [
        m for n, m in sys.modules.items() if n.startswith("airflow_provider_orux.") and hasattr(m, name)
    ]
    assert modules, f"{name} is nowhere"
    for module in modules:
        patch.setattr(module, name, value)
