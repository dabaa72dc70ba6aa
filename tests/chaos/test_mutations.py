"""The checker sees a broken provider, as what it is: each defect within a schedule that is known to meet it.

Every mutation has unit tests of its own, see ``tests/durable/test_mutations.py``; here the checker is what is tested.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.checker import Kind
from tests.chaos.mutations import MUTATIONS
from tests.chaos.run import run_seeds
from tests.chaos.test_chaos import SEEDS

SEEN_BY: dict[str, tuple[int, set[Kind]]] = {
    "no-intent": (0, {Kind.INTENT_MISSING, Kind.DOUBLE_CHARGE}),
    "post-before-intent": (0, {Kind.INTENT_MISSING, Kind.DOUBLE_CHARGE}),
    "intent-swallowed": (9, {Kind.INTENT_MISSING, Kind.DOUBLE_CHARGE}),
    "fence-gone": (0, {Kind.INTENT_MISSING, Kind.DOUBLE_CHARGE}),
    "first-none-believed": (8, {Kind.DOUBLE_CHARGE}),
    "intent-resubmitted": (7, {Kind.INTENT_OVERWRITTEN, Kind.DOUBLE_CHARGE}),
    "withdrawn-without-proof": (7, {Kind.DOUBLE_CHARGE, Kind.LOST_RESULT}),
    "answer-resent": (7, {Kind.DOUBLE_CHARGE}),
    "clear-does-not-look": (2, {Kind.DOUBLE_CHARGE, Kind.LOST_RESULT}),
}
"""Mutation -> a schedule in which ``test_chaos.py`` finds nothing wrong with the whole provider, and what is seen."""


@pytest.mark.standalone
def test_each_defect_is_seen_as_what_it_is():
    with ThreadPoolExecutor(2) as hands:
        reports = hands.map(lambda name: run_seeds([SEEN_BY[name][0]], jobs=1, mutation=name), SEEN_BY)
        found = {
            name: {Kind[kind] for report in of_one for kind in report.kinds}
            for name, of_one in zip(SEEN_BY, reports, strict=True)
        }
    assert {name: kinds for name, kinds in found.items() if not SEEN_BY[name][1] <= kinds} == {}
    # A test that broke, or an error of no type, is no defect that was seen.
    broken = {Kind.HARNESS, Kind.UNTYPED_END}
    assert {name: kinds for name, kinds in found.items() if kinds & broken - SEEN_BY[name][1]} == {}


def test_the_defects_exist_and_the_whole_provider_passes_these_schedules():
    assert set(SEEN_BY) <= set(MUTATIONS)
    assert {seed for seed, _ in SEEN_BY.values()} <= set(SEEDS)
