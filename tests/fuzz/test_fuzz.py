"""A short part of ``make fuzz``, and that its rules can be broken."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from airflow_provider_orux.gateways import answers, base, wire
from airflow_provider_orux.gateways.yescale import errors, family
from airflow_provider_orux.models.errors import JobNotFoundError
from airflow_provider_orux.models.job import Artifact
from tests.fuzz.mutate import encoded, mutated
from tests.fuzz.readers import ORUX_TASK, READERS, RELAY_TASK, Reader
from tests.fuzz.run import run

#: JSON answers to each reader; ``make fuzz`` gives 4000.
SHORT = 120


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_every_reader_of_every_answer(reader: Reader) -> None:
    (report,) = run(SHORT, readers=[reader])
    assert report.broken == []
    assert report.parsed >= SHORT
    print(f"{report.name}: {report.answers} answers, {report.parsed} of them JSON, {dict(report.outcomes)}")


def test_a_seed_makes_the_same_answers() -> None:
    body = READERS[0].bodies[0][1]
    once, again = ([encoded(mutated(body, r), r) for _ in range(50)] for r in (Random("a"), Random("a")))
    assert once == again
    assert len(set(once)) > 40


def _broken(name: str, body: Any, *, answers: int = 60, status: int = 200) -> list[str]:
    """The rules that answers to one reader break, mutated from one body."""
    reader = replace(next(r for r in READERS if r.name == name), bodies=[(status, body)])
    (report,) = run(answers, readers=[reader])
    return report.broken


def test_a_reader_that_believes_any_id_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"task_id": "a/b", "status": "queued"}
    assert _broken("orux.tasks.submit", body) == []
    monkeypatch.setattr(
        base.Gateway, "accepted_id", lambda self, response, value, prefix="": f"{prefix}{value}"
    )
    assert _broken("orux.tasks.submit", body)


def test_a_reader_that_takes_any_text_for_a_url_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {**ORUX_TASK, "result_urls": ["javascript:x"]}
    assert _broken("orux.tasks.poll", body) == []
    monkeypatch.setattr(
        answers, "_artifact", lambda value, _: Artifact(url=value) if isinstance(value, str) else None
    )
    assert _broken("orux.tasks.poll", body)


def test_a_refusal_that_names_a_job_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"code": 1201, "message": "no", "data": {"task_id": "job-1"}}
    assert _broken("yescale.kling.submit", body) == []
    monkeypatch.setattr(family, "named_job", lambda _: None)
    assert _broken("yescale.kling.submit", body)


def test_an_answer_about_another_job_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {**RELAY_TASK, "task_id": "direct:another"}
    assert _broken("relay.2.poll", body) == []
    monkeypatch.setattr(base.Gateway, "check_same_job", lambda *_: None)
    assert _broken("relay.2.poll", body)


def test_a_code_that_is_not_what_python_calls_a_digit_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"code": "\u00b2", "description": "x", "properties": {}}
    assert _broken("yescale.mj.submit", body) == []
    monkeypatch.setattr(errors, "number_of", lambda value: int(value) if str(value).isdigit() else None)
    assert _broken("yescale.mj.submit", body)


def test_words_without_a_bound_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {**ORUX_TASK, "status": "FAILED", "error_message": "w" * 10_000}
    assert _broken("orux.tasks.poll", body) == []
    monkeypatch.setattr(answers, "words_of", lambda value, limit=500: str(value) if value else None)
    assert _broken("orux.tasks.poll", body)


def test_json_without_a_bound_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b'{"task_id": "task_01HZX", "status": "RUNNING", "x": [' + b"{}," * 1_200_000 + b"{}]}"
    monkeypatch.setattr("tests.fuzz.run.encoded", lambda *_: raw)
    assert _broken("orux.tasks.poll", {}, answers=0) == []
    monkeypatch.setattr(wire, "MOST_VALUES", 10**9)
    assert "MiB for" in " ".join(_broken("orux.tasks.poll", {}, answers=1))


def test_an_untyped_error_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("x")

    monkeypatch.setattr(base.Gateway, "json_object", broken)
    assert _broken("orux.tasks.poll", ORUX_TASK, answers=10)


def test_a_poll_that_says_not_charged_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise JobNotFoundError("x", charged="no")

    monkeypatch.setattr(base.Gateway, "json_object", broken)
    assert _broken("relay.2.poll", RELAY_TASK, answers=10)
