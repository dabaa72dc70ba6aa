"""The checker sees a broken provider: each of these defects, within a few schedules that are known to meet it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.breakages import BREAKAGES
from tests.chaos.run import run_seeds
from tests.chaos.test_chaos import SEEDS

SEEN_BY: dict[str, tuple[int, ...]] = {
    "intent-swallowed": (2, 3),
    "fence-gone": (2, 7),
    "first-none-believed": (6, 14),
    "ambiguous-forgotten": (0, 2),
    "clear-resubmits": (7,),
    "refusal-ambiguous": (17,),
}
"""Of the schedules in which ``test_chaos.py`` finds nothing wrong with the whole provider."""


@pytest.mark.standalone
def test_each_defect_is_seen():
    with ThreadPoolExecutor(2) as hands:
        found = dict(
            zip(
                SEEN_BY,
                hands.map(lambda name: run_seeds(SEEN_BY[name], jobs=1, breakage=name), SEEN_BY),
                strict=True,
            )
        )
    assert [name for name, reports in found.items() if not any(r.violations for r in reports)] == []


def test_the_defects_exist_and_the_whole_provider_passes_these_schedules():
    assert set(SEEN_BY) <= set(BREAKAGES)
    assert {seed for seeds in SEEN_BY.values() for seed in seeds} <= set(SEEDS)
