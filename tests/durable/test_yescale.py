"""YEScale's words, where they decide about money."""

from __future__ import annotations

import pytest

from airflow_provider_orux.gateways.yescale.gateway import YEScaleGateway
from airflow_provider_orux.models import yescale
from airflow_provider_orux.models.errors import OruxError
from tests.durable.fakes import World, answer

ACCEPTED = answer({"code": 1, "description": "ok", "result": "123"})


def world(*answers):
    it = World(gateway=YEScaleGateway(), request=yescale.MidjourneyImagine(prompt="a lighthouse"))
    it.client.answers = list(answers)
    return it


def test_a_code_that_accepts_nothing_is_a_refusal():
    it = world(answer({"code": 4, "description": "invalid", "result": None}))
    with pytest.raises(OruxError) as caught:
        it.start()
    assert (caught.value.charged, it.state) == ("no", None)


def test_a_job_that_waits_for_a_click_is_continued_with():
    it = world(ACCEPTED, ACCEPTED)
    it.start()
    it.client.job_is = {"id": "123", "status": "MODAL", "imageUrl": ""}
    it.clear()
    it.start()
    assert it.record.job_id == "mj:123"
    assert len(it.client.sent) == 1
