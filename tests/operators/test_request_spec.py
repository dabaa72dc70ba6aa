"""What an operator's arguments ask for, and what is refused while a DAG is parsed."""

from __future__ import annotations

import itertools

import pytest
from airflow.sdk import DAG

from airflow_provider_orux.models.catalogue import RequestSpec
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.orux import GptImage2
from airflow_provider_orux.models.requests import CustomRequest
from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator
from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxRerollOperator

PARSED = DAG("d", schedule=None)
LATER = OruxRerollOperator(task_id="before", parent_job_id="j", dag=PARSED).output
NAMES = (f"t{n}" for n in itertools.count())


def spec(**arguments):
    return OruxGenerateImageOperator(task_id=next(NAMES), dag=PARSED, **arguments).request_spec()


def test_both_ways_ask_for_the_same():
    plain = spec(model="gpt-image-2", prompt="a fox", options={"n": 2})
    assert plain == RequestSpec(model="gpt-image-2", fields={"prompt": "a fox", "n": 2})
    assert spec(request=GptImage2(prompt="a fox", n=2)).build() == plain.build()


def test_a_custom_request_stays_one():
    request = CustomRequest(name="veo-9", body={"prompt": "a fox"})
    assert OruxSubmitJobOperator(task_id="t", request=request).request_spec().build() == request


def test_extra_body_beside_a_typed_request_is_added():
    request = GptImage2(prompt="a", extra_body={"a": 1, "b": 1})
    assert spec(request=request, extra_body={"b": 2}).extra_body == {"a": 1, "b": 2}


def test_the_request_is_kept_as_json_that_airflow_can_template():
    operator = OruxGenerateImageOperator(
        task_id="t", request=GptImage2(prompt="{{ ds }}", extra_body={"a": 1})
    )
    assert operator.request == {
        "model": "gpt-image-2", "verb": "generate", "fields": {"prompt": "{{ ds }}"}, "extra_body": {"a": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        {"model": LATER, "prompt": 1},
        {"model": "gpt-image-2", "options": LATER},
        {"model": "gpt-image-2", "options": "{{ params.options }}"},
        {"model": "gpt-image-2", "prompt": LATER, "options": {"n": "{{ params.n }}"}},
        {"model": "gpt-image-2", "prompt": "a", "extra_body": "{{ params.more }}"},
        {"request": LATER},
        {"request": {"model": "gpt-image-2", "verb": "generate", "fields": LATER}},
    ],
)
def test_what_only_a_run_knows_is_not_judged(arguments):
    spec(**arguments)


@pytest.mark.parametrize(
    ("arguments", "param"),
    [
        ({}, "model"),
        ({"model": "gpt-image-2"}, "prompt"),
        ({"model": "gpt-image-2", "prompt": "a", "options": {"prompt": "b"}}, "prompt"),
        ({"model": "gpt-image-2", "options": ["prompt"]}, "options"),
        ({"model": "gpt-image-2", "prompt": "{{ ds }}", "options": {"n": 9}}, "n"),
        ({"model": "gpt-image-2", "prompt": "a", "extra_body": ["b"]}, "extra_body"),
        ({"model": "gpt-image-2", "request": GptImage2(prompt="a")}, "request"),
        ({"request": "a fox"}, "request"),
        ({"request": {"prompt": "a lighthouse"}}, "request"),
    ],
)
def test_what_is_wrong_is_refused_while_the_dag_is_parsed(arguments, param):
    with pytest.raises(InvalidRequestError) as caught:
        spec(**arguments)
    assert caught.value.param == param
    assert caught.value.charged == "no"


def test_a_verb_sends_what_was_given():
    imagine = OruxImagineOperator(task_id="t", prompt="a fox", stylize=250)
    assert imagine.request_spec().build().fields() == {"prompt": "a fox", "stylize": 250}
