"""Mistakes that people make in a DAG file, and what they read: which task, which argument, that nothing was charged, and
what to do. All of them are found while the file is parsed, so before anything is paid."""

from __future__ import annotations

import copy

import pendulum
import pytest
from airflow.sdk import DAG, task

from airflow_provider_orux.models import orux
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.operators.budget import OruxBudgetOperator as Budget
from airflow_provider_orux.operators.images import OruxGenerateImageOperator as Generate
from airflow_provider_orux.operators.jobs import OruxSaveArtifactsOperator as Save
from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator as Submit
from airflow_provider_orux.operators.midjourney import (
    OruxBlendOperator as Blend,
)
from airflow_provider_orux.operators.midjourney import (
    OruxDescribeOperator as Describe,
)
from airflow_provider_orux.operators.midjourney import (
    OruxImagineOperator as Imagine,
)
from airflow_provider_orux.operators.midjourney import (
    OruxRerollOperator as Reroll,
)
from airflow_provider_orux.operators.midjourney import (
    OruxUpscaleOperator as Upscale,
)
from airflow_provider_orux.operators.midjourney import (
    OruxVariationOperator as Variation,
)
from airflow_provider_orux.operators.review import OruxReviewOperator as Review
from airflow_provider_orux.sensors.jobs import OruxJobSensor as Sensor

GPT, JOB, P = "gpt-image-2", "task_01HZX", "a lighthouse"
#: operator, its arguments, what the message has to name.
MISTAKES = [
    # names
    (Imagine, {"prompt": P, "stylise": 250}, ["`stylise`", "`stylize`"]),
    (Imagine, {"prompt": P, "connection_id": "x"}, ["`connection_id`", "`conn_id`"]),
    (Imagine, {"prompt": P, "aspect": "16:9"}, ["`aspect`"]),
    (Imagine, {"prompt": P, "ratio": "16:9"}, ["`ratio`"]),
    (Imagine, {"prompt": P, "save_path": "/tmp/x"}, ["`save_path`"]),
    (Imagine, {"prompt": P, "on_ambigous_submit": "fail"}, ["`on_ambigous_submit`", "`on_ambiguous_submit`"]),
    (Generate, {"model": GPT, "prompt": P, "size": "1024x1024"}, ["`size`", "`options`"]),
    (Generate, {"model": GPT, "prompt": P, "n": 2}, ["`n`", "`options`"]),
    (Reroll, {"parent_job_id": JOB, "index": 1}, ["`index`"]),
    (Submit, {"modle": GPT, "prompt": P}, ["`modle`", "`model`"]),
    # what is missing
    (Imagine, {}, ["OruxImagineOperator needs `prompt` (what to make)"]),
    (Upscale, {"index": 1}, ["`parent_job_id` (the job that made the grid: imagine.output[\"job_id\"])"]),
    (Upscale, {}, ["`parent_job_id`", "and `index` (1 to 4, which image, row by row)"]),
    (Upscale, {"parent_job_id": JOB, "indx": 1}, ["no argument `indx`", "did you mean `index`"]),
    (Blend, {}, ["`images`"]),
    (Save, {"job_id": JOB}, ["`save_to` (folder for the artifacts"]),
    (Sensor, {}, ["`job_id` (the job: submit.output"]),
    (Review, {}, ["`result`"]),
    (Budget, {"limit": 5, "count": 3}, ["`model`"]),
    # models
    (Generate, {"model": "gpt-imag-2", "prompt": P}, ["`gpt-imag-2`", "`gpt-image-2`"]),
    (Generate, {"model": "midjourny-v7", "prompt": P}, ["`midjourny-v7`", "`midjourney-v7`"]),
    (Generate, {"model": "GPT Image 2", "prompt": P}, ["`GPT Image 2`"]),
    (Generate, {"prompt": P}, ["`model`", "missing"]),
    (Generate, {"model": "sora-99", "prompt": P}, ["`sora-99`", "CustomRequest"]),
    # values
    (Imagine, {"prompt": P, "stylize": 2500}, ["`stylize`", "0 to 1000"]),
    (Imagine, {"prompt": P, "stylize": -1}, ["`stylize`", "0 to 1000"]),
    (Imagine, {"prompt": P, "stylize": "high"}, ["`stylize`"]),
    (Imagine, {"prompt": P, "weird": 9000}, ["`weird`", "0 to 3000"]),
    (Imagine, {"prompt": P, "chaos": 101}, ["`chaos`", "0 to 100"]),
    (Imagine, {"prompt": P, "aspect_ratio": "wide"}, ["`aspect_ratio`"]),
    (Imagine, {"prompt": P, "aspect_ratio": "16/9"}, ["`aspect_ratio`"]),
    (Imagine, {"prompt": P, "webhook_url": "http://me"}, ["`webhook_url`", "https"]),
    (Imagine, {"prompt": ""}, ["`prompt`", "empty"]),
    (Imagine, {"prompt": "   "}, ["`prompt`", "empty"]),
    (Imagine, {"prompt": "None"}, ["`prompt`", "None"]),
    (Imagine, {"prompt": 5}, ["`prompt`", "int"]),
    (Imagine, {"prompt": ["a"]}, ["`prompt`", "list"]),
    (Upscale, {"parent_job_id": JOB, "index": 5}, ["`index`", "1 to 4"]),
    (Upscale, {"parent_job_id": JOB, "index": 0}, ["`index`", "1 to 4"]),
    (Upscale, {"parent_job_id": JOB, "index": "two"}, ["`index`"]),
    (Upscale, {"parent_job_id": "", "index": 1}, ["`parent_job_id`"]),
    (Variation, {"parent_job_id": JOB, "index": 1.5}, ["`index`"]),
    (Reroll, {"parent_job_id": " "}, ["`parent_job_id`"]),
    (Blend, {"images": ["/a.png"]}, ["`images`", "2"]),
    (Blend, {"images": [f"/{i}.png" for i in range(6)]}, ["`images`", "5"]),
    (Blend, {"images": ["/a.png", "/b.png"], "dimensions": "WIDE"}, ["`dimensions`", "SQUARE"]),
    (Describe, {"image": "a lion"}, ["`image`"]),
    (Generate, {"model": GPT, "prompt": P, "options": {"n": 9}}, ["`n`", "1 to 4"]),
    (Generate, {"model": GPT, "prompt": P, "options": {"size": "9x9"}}, ["`size`"]),
    (Generate, {"model": GPT, "prompt": P, "options": {"quallity": "high"}}, ["`quallity`", "`quality`", "extra_body"]),
    (Generate, {"model": GPT, "prompt": P, "options": {"prompt": P}}, ["`prompt`", "twice"]),
    (Generate, {"model": GPT, "prompt": P, "options": "n=2"}, ["`options`", "str"]),
    (Generate, {"model": GPT, "prompt": P * 400}, ["`prompt`", "4000"]),
    (Generate, {"model": GPT, "prompt": P, "extra_body": {"prompt": "x"}}, ["`prompt`", "extra_body"]),
    (Generate, {"model": GPT, "request": orux.GptImage2(prompt=P)}, ["`request`", "both"]),
    (Generate, {"request": "gpt-image-2"}, ["`request`", "str"]),
    # how the task behaves
    (Imagine, {"prompt": P, "timeout": 0}, ["`timeout`", "seconds"]),
    (Imagine, {"prompt": P, "timeout": "1h"}, ["`timeout`", "timedelta"]),
    (Imagine, {"prompt": P, "poll_interval": -3}, ["`poll_interval`"]),
    (Imagine, {"prompt": P, "capacity_timeout": None}, ["`capacity_timeout`"]),
    (Imagine, {"prompt": P, "on_clear": "again"}, ["`on_clear`", "reattach"]),
    (Imagine, {"prompt": P, "on_request_changed": "pay"}, ["`on_request_changed`", "resubmit"]),
    (Imagine, {"prompt": P, "on_ambiguous_submit": "retry"}, ["`on_ambiguous_submit`", "resubmit"]),
    (Imagine, {"prompt": P, "on_partial": "skip"}, ["`on_partial`", "accept"]),
    (Imagine, {"prompt": P, "record_prompt": True}, ["`record_prompt`", "hash"]),
    (Imagine, {"prompt": P, "reuse": "yes"}, ["`reuse`", "always"]),
    (Imagine, {"prompt": P, "reuse": "always"}, ["reuse", "save_to"]),
]  # fmt: skip
#: The same, with one argument mapped: what ``partial()`` is given is checked.
PARTIAL = [
    (Imagine, {"stylise": 3}, ["`stylise`", "`stylize`"]),
    (Imagine, {"stylize": 3000}, ["`stylize`", "0 to 1000"]),
    (Generate, {"model": GPT, "options": {"n": 99}}, ["`n`", "1 to 4"]),
    (Generate, {"model": "gpt-imag-2"}, ["`gpt-imag-2`", "`gpt-image-2`"]),
    (Generate, {"model": GPT, "size": "1x1"}, ["`size`", "`options`"]),
]


@pytest.fixture(autouse=True)
def dag():
    with DAG("mistakes", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), schedule=None) as dag:
        yield dag


def message(make) -> str:
    with pytest.raises(InvalidRequestError) as caught:
        make()
    assert caught.value.charged == "no"
    return str(caught.value)


def check(said: str, names: list[str], task_id: str = "poster") -> None:
    assert said.startswith(f"Task '{task_id}': "), said
    for name in names:
        assert name in said, said
    assert "not charged" in said
    assert said.endswith(".")
    assert len(said) < 600


def ids(rows):
    return [f"{cls.__name__}-{i}" for i, (cls, _, _) in enumerate(rows)]


@pytest.mark.parametrize(("operator", "arguments", "names"), MISTAKES, ids=ids(MISTAKES))
def test_a_mistake_names_task_and_argument(operator, arguments, names):
    check(message(lambda: operator(task_id="poster", **arguments)), names)


@pytest.mark.parametrize(("operator", "arguments", "names"), PARTIAL, ids=ids(PARTIAL))
def test_a_mistake_beside_a_mapped_argument_does_too(operator, arguments, names):
    check(message(lambda: operator.partial(task_id="poster", **arguments).expand(prompt=[P])), names)


def test_what_neither_partial_nor_expand_is_given_is_missing_once_it_runs():
    grids = Upscale.partial(task_id="poster", index=2).expand(save_to=["/tmp/a"])
    check(
        message(lambda: grids.unmap({"save_to": "/tmp/a"})),
        ["OruxUpscaleOperator needs `parent_job_id` (the job that made the grid"],
    )


def test_what_default_args_give_is_not_missing(dag):
    given = {"parent_job_id": JOB}
    Upscale(task_id="own", index=1, default_args=given)
    Upscale.partial(task_id="of a run", index=1).expand_kwargs(Imagine(task_id="grid", prompt=P).output)
    with DAG("given", start_date=dag.start_date, schedule=None, default_args=given):
        assert copy.deepcopy(Upscale(task_id="one", index=1)).parent_job_id == JOB
        mapped = Upscale.partial(task_id="two").expand(index=[1, 2])
    assert mapped.unmap({"index": 2}).parent_job_id == JOB


def test_an_operator_of_one_s_own_may_fill_in_what_is_missing():
    class Lighthouse(Imagine):
        def __init__(self, *, sky: str, **kwargs):
            super().__init__(prompt=f"a lighthouse, {sky}", **kwargs)

    assert Lighthouse(task_id="poster", sky="stars").prompt == "a lighthouse, stars"
    check(message(lambda: Lighthouse(task_id="poster")), ["Lighthouse needs `sky`"])


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"model": GPT, "modle": "x"}, ["`modle`", "`model`"]),
        ({"model": GPT, "options": {"n": 9}}, ["`n`", "1 to 4"]),
        ({"model": "gpt-imag-2"}, ["`gpt-imag-2`", "`gpt-image-2`"]),
    ],
)
def test_a_mistake_in_the_decorator_does_too(arguments, names):
    def make():
        @task.orux_image(**arguments)
        def poster() -> str:
            return P

        poster()

    check(message(make), names)


@pytest.mark.parametrize(
    ("decorator", "arguments", "names"),
    [
        ("orux_imagine", {"stylize": 5000}, ["`stylize`", "0 to 1000"]),
        ("orux_imagine", {"prompt": P}, ["`prompt`", "@task.orux_imagine returns"]),
        ("orux_upscale", {"parent_job_id": "task_1", "index": 2}, ["`index`", "@task.orux_upscale returns"]),
        ("orux_upscale", {"parent_job_id": " "}, ["`parent_job_id`"]),
        ("orux_job", {"model": "suno-v5", "options": {"duration": 5}}, ["`duration`"]),
        ("orux_job", {"model": "suno-v5", "options": {"duration": 5, "lyrics": "{{ ds }}"}}, ["`duration`"]),
        ("orux_job", {"model": "suno-v5", "options": ["lyrics"]}, ["`options`", "list"]),
        ("orux_job", {"model": "suno-v6"}, ["`suno-v6`", "`suno-v5`"]),
    ],
)
def test_a_mistake_in_each_decorator_does_too(decorator, arguments, names):
    def make():
        @getattr(task, decorator)(**arguments)
        def poster() -> str:
            return P

        poster()

    check(message(make), names)
