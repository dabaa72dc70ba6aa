"""A few seeds of ``python -m tests.fuzz.http``, and that it would see a defect."""

from __future__ import annotations

import pytest

from airflow_provider_orux.client import decoding, transport
from tests.fuzz.http import run
from tests.fuzz.http_answers import make

TARGETS = ("submit", "poll", "file", "cli")


def seeds_with(note: str, target: str, count: int, *, start: int = 0) -> list[int]:
    """The first seeds whose answers to a target have this done to them, and nothing else."""
    found = []
    seed = start
    while len(found) < count:
        if make(seed, target).notes == [note]:
            found.append(seed)
        seed += 1
    return found


def test_every_reader_gives_a_right_result_or_a_typed_error():
    report = run(range(15))
    assert not report.violations, str(report)
    assert report.answers == 15 * 7
    assert sum(n for name, n in report.outcomes.items() if name.endswith(" result")) > 40


def test_the_generator_reaches_every_kind():
    notes = {note for seed in range(120) for target in TARGETS for note in make(seed, target).notes}
    kinds = {note.rpartition(" ")[0] if note[-1].isdigit() else note for note in notes}
    assert len(kinds) > 30


def test_it_sees_an_answer_taken_for_another(monkeypatch: pytest.MonkeyPatch):
    several = [(s, make(s, "poll")) for s in seeds_with("an answer behind it", "poll", 12)]
    seeds = [
        s for s, spec in several if spec.end == "keep" and b"task_-1" in b"".join(map(bytes, spec.steps))
    ]
    assert not run(range(seeds[0], seeds[0] + 1)).violations
    monkeypatch.setattr(transport, "begin_body", lambda allowance: None)
    # Whether it is there before the second poll is a matter of milliseconds: on one of several tries it is.
    tries = (run(range(seed, seed + 1)).violations for _ in range(8) for seed in seeds)
    assert any("the second poll was given" in v for violations in tries for v in violations)


def test_it_sees_an_answer_given_up(monkeypatch: pytest.MonkeyPatch):
    (seed,) = seeds_with("packed: gzip", "submit", 1)
    assert not run(range(seed, seed + 1)).violations
    monkeypatch.setattr(decoding.Decoder, "feed", lambda self, data: iter((data,)))
    assert any("could be read, and was not" in v for v in run(range(seed, seed + 1)).violations)
