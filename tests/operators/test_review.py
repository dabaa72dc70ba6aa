"""The operator that asks a person: what it refuses, what it asks, what it returns."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, Param
from airflow.sdk.definitions.param import ParamsDict

from airflow_provider_orux.compat import AirflowFailException, AirflowSkipException
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.operators.midjourney import OruxImagineOperator
from airflow_provider_orux.operators.review import OruxReviewOperator
from airflow_provider_orux.storage.served import Maker
from tests.plugins.conftest import write

MAKER = Maker("dag", "manual__1", "imagine", 2)
#: The UI of Airflow 3.1 shows four options neither as buttons nor as a list, and five as a list.
FIFTH = [] if hasattr(ParamsDict, "filter_params_by_source") else ["None of them"]
AT = datetime(2026, 3, 2, tzinfo=timezone.utc)


@pytest.fixture
def result(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY_ROOTS", str(tmp_path))
    return write(tmp_path / "x", MAKER, {"job_id": "j"}, verb="imagine", prompt="a `cat`")


def review(result, **more):
    return OruxReviewOperator(task_id="pick", result=result, **more)


def asked(operator, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.HITLOperator.execute",
        lambda self, context: seen.update(body=self.body, options=self.options),
    )
    operator.execute({})
    return seen


def answered(operator, *chosen, reject=False, by=None):
    pushed = {}
    event = {
        "chosen_options": list(chosen),
        "params_input": {"reject": reject},
        "responded_at": AT,
        "responded_by_user": by,
    }
    context = {"ti": SimpleNamespace(xcom_push=pushed.__setitem__)}
    return operator.execute_complete(context, event), pushed


def test_the_question_shows_the_images_by_the_gallery(result, monkeypatch):
    seen = asked(review(result, body="Mind the margins."), monkeypatch)
    assert seen["options"] == ["U1", "U2", "U3", "U4", *FIFTH]
    address = "orux/dags/dag/file?run_id=manual__1&task_id=imagine&map_index=2&name=1.png"
    assert f"![The images to choose from]({address})" in seen["body"]
    assert "`` a `cat` ``" in seen["body"]
    assert seen["body"].endswith("Mind the margins.")


def test_several_images(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY_ROOTS", str(tmp_path))
    result = write(tmp_path / "x", MAKER, {"job_id": "j"}, count=3, verb="generate")
    seen = asked(review(result), monkeypatch)
    assert seen["options"] == ["U1", "U2", "U3"]
    assert "name=3.thumb.webp" in seen["body"]


def test_the_answer(result):
    value, pushed = answered(review(result), "U2", by={"id": "7", "name": "ann"})
    assert value == pushed == {"index": 2, "by": "ann", "at": AT.isoformat()}


def test_several_answers(result):
    value, pushed = answered(review(result, multiple=True), "U4", "U1")
    assert value == pushed
    assert value["indices"] == [1, 4]
    assert value["by"] is None


def test_an_answer_that_was_not_offered(result):
    with pytest.raises(ValueError, match="U99"):
        answered(review(result), "U99")


def test_a_rejection_skips_what_follows(result):
    with pytest.raises(AirflowSkipException, match="rejected"):
        answered(review(result), "U1", reject=True, by={"id": "7", "name": "ann"})


def test_none_of_them_is_a_rejection(result):
    with pytest.raises(AirflowSkipException, match="rejected"):
        answered(review(result), "None of them", by={"id": "7", "name": "ann"})


def test_four_that_may_all_be_chosen_are_a_list_anyway(result, monkeypatch):
    assert asked(review(result, multiple=True), monkeypatch)["options"] == ["U1", "U2", "U3", "U4"]


def test_nobody_is_asked_for_the_params_of_the_dag(result):
    params = {"products": Param(["a tea pot"], type="array")}
    with DAG("d", params=params):
        pick = review(result, params={"note": Param("", type="string")})
    assert set(pick.serialized_params) == {"note", "reject"}


def test_a_task_that_saves_nothing_is_refused_when_the_dag_is_parsed():
    with DAG("d"):
        imagine = OruxImagineOperator(task_id="imagine", prompt="a cat")
        with pytest.raises(InvalidRequestError, match=r"'imagine', which saves nothing.*save_to"):
            review(imagine.output)


def test_what_is_no_result_is_refused_when_the_dag_is_parsed():
    with DAG("d"), pytest.raises(InvalidRequestError, match="takes a task's output"):
        review("job-1")


def test_a_task_that_saves_is_taken():
    with DAG("d"):
        review(OruxImagineOperator(task_id="imagine", prompt="a cat", save_to="/x").output)


@pytest.mark.parametrize("roots", ["", "/elsewhere"])
def test_images_that_nobody_could_see_fail_at_once(result, monkeypatch, roots):
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY_ROOTS", roots)
    with pytest.raises(AirflowFailException) as raised:
        review(result).execute({})
    assert "gallery_roots" in raised.value.error.message


@pytest.mark.parametrize("value", [None, "text", {}, {"manifest": None}])
def test_a_result_without_saved_images_fails_at_once(value):
    operator = review({"manifest": "x"})
    operator.result = value
    with pytest.raises(AirflowFailException) as raised:
        operator.execute({})
    assert "names no saved images" in raised.value.error.message


def test_the_default_after_a_while_must_be_one_of_the_choices(result):
    with pytest.raises(ValueError, match="U9"):
        review(result, defaults="U9")
