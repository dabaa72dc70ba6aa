"""Retries are on by default and free: the value that Airflow stores, and whether a retry may pay."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pendulum
import pytest
from airflow.sdk import DAG, TaskGroup

from airflow_provider_orux.compat import HAS_RETRY_POLICIES, serialized
from airflow_provider_orux.decorators.orux_image import orux_image_task
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.operators.base import FREE_RETRIES, FreeRetries
from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.midjourney import OruxImagineOperator

PLACES = ("nowhere", "argument", "task group", "DAG")
FORMS = ("plain", "mapped", "decorated", "decorated and mapped")


def make(form, place, retries, **more):
    """A DAG with one paying task; ``retries`` stands in one place."""
    given = {"retries": retries}
    with DAG(
        "d", schedule=None, start_date=pendulum.datetime(2026, 1, 1),
        default_args=given if place == "DAG" else {},
    ) as dag:  # fmt: skip
        with TaskGroup("g", default_args=given if place == "task group" else {}):
            arguments = {"task_id": "t", **(given if place == "argument" else {}), **more}
            if form == "plain":
                OruxImagineOperator(prompt="a fox", **arguments)
            elif form == "mapped":
                OruxImagineOperator.partial(**arguments).expand(prompt=["a fox"])
            else:
                function = orux_image_task(model="gpt-image-2", **arguments)(lambda what: f"a {what}")
                function("fox") if form == "decorated" else function.expand(what=["fox"])
    return dag


def stored(dag):
    """The task as the scheduler knows it."""
    return serialized(dag).get_task("g.t")


def stored_retries(dag):
    """What the scheduler knows: a retry happens while ``try_number <= max_tries``, which begins as this."""
    return stored(dag).retries


def as_it_runs(dag):
    """The operator that the worker executes."""
    task = dag.get_task("g.t")
    if task.is_mapped:
        mapped = {"op_kwargs": {"what": "fox"}} if hasattr(task, "python_callable") else {"prompt": "a fox"}
        task = task.unmap(mapped)
    return task


@pytest.mark.parametrize("form", FORMS)
def test_three_free_retries_where_the_author_set_none(form):
    dag = make(form, "nowhere", None)
    assert stored_retries(dag) == 3
    assert as_it_runs(dag).retries == 3
    assert as_it_runs(dag).free_retries


@pytest.mark.parametrize(("form", "place", "retries"), itertools.product(FORMS, PLACES[1:], (0, 2, 3)))
def test_the_authors_retries_are_the_authors(form, place, retries):
    """Also when their number is the default's, and wherever they stand: they may pay."""
    dag = make(form, place, retries)
    assert stored_retries(dag) == retries
    assert not as_it_runs(dag).free_retries


@pytest.mark.parametrize("form", FORMS)
def test_the_author_can_have_any_number_of_free_retries(form):
    dag = make(form, "argument", 7, free_retries=True)
    assert stored_retries(dag) == 7
    assert as_it_runs(dag).free_retries


@pytest.mark.parametrize("form", FORMS)
def test_without_a_ledger_there_is_no_free_retry(form):
    dag = make(form, "nowhere", None, durable=False)
    assert stored_retries(dag) == 0
    assert stored_retries(make(form, "argument", 2, durable=False)) == 2


def test_without_a_ledger_as_a_default_of_the_dag_there_is_none_either():
    with DAG("d", schedule=None, default_args={"durable": False}):
        mapped = OruxImagineOperator.partial(task_id="a").expand(prompt=["x"])
        plain = OruxImagineOperator(task_id="b", prompt="x")
    assert (mapped.retries, plain.retries) == (0, 0)


def test_what_each_instance_of_a_mapped_task_says_itself_is_refused_when_it_runs():
    """Airflow has read ``retries`` before: the second try of one without a ledger must not pay."""
    from airflow_provider_orux.durable.identity import TaskIdentity

    with DAG("d", schedule=None):
        mapped = OruxImagineOperator.partial(task_id="a").expand_kwargs([{"prompt": "x", "durable": False}])
    operator = mapped.unmap({"prompt": "x", "durable": False})
    assert (mapped.retries, operator.retries) == (3, 3)
    assert not TaskIdentity("d", "r", "a", 0, try_number=2, max_tries=3).is_first_try(operator.retries)


@pytest.mark.parametrize("form", FORMS)
def test_the_default_written_out_is_still_the_default(form):
    assert as_it_runs(make(form, "nowhere", None, free_retries=None)).free_retries


@pytest.mark.parametrize("form", FORMS)
def test_an_author_who_wants_the_default_number_to_pay_can_have_that(form):
    task = as_it_runs(make(form, "nowhere", None, free_retries=False))
    assert (task.retries, task.free_retries) == (3, False)


def test_the_configuration_is_not_the_author(monkeypatch):
    """``[core] default_task_retries`` gives more free retries, and never a paying one."""
    assert FREE_RETRIES == 3
    monkeypatch.setattr("airflow_provider_orux.operators.base.FREE_RETRIES", FreeRetries(5))
    task = as_it_runs(make("mapped", "nowhere", None))
    assert (task.retries, task.free_retries) == (5, True)


@pytest.mark.skipif(not HAS_RETRY_POLICIES, reason="this Airflow has no retry policies")
@pytest.mark.parametrize("form", FORMS)
def test_the_short_delays_come_along(form):
    assert type(as_it_runs(make(form, "nowhere", None)).retry_policy).__name__ == "OruxRetryPolicy"


def delays(task):
    return task.retry_delay.total_seconds(), bool(task.retry_exponential_backoff), task.max_retry_delay


@pytest.mark.parametrize("form", FORMS)
def test_the_scheduler_knows_short_delays(form):
    """It asks no policy: it computes the time of the next try from what is stored, also of a mapped task."""
    dag = make(form, "nowhere", None)
    assert delays(stored(dag)) == delays(as_it_runs(dag)) == (30.0, True, timedelta(minutes=10))


@pytest.mark.parametrize(
    "given", [{"retry_delay": timedelta(seconds=7)}, {"max_retry_delay": timedelta(hours=1)}]
)
@pytest.mark.parametrize("form", FORMS)
def test_the_authors_delays_are_the_authors(form, given):
    dag = make(form, "argument", 2, **given)
    for task in (stored(dag), as_it_runs(dag)):
        assert task.retry_delay == given.get("retry_delay", timedelta(minutes=5))
        assert task.max_retry_delay == given.get("max_retry_delay")
        assert not task.retry_exponential_backoff
        assert getattr(task, "retry_policy", None) is None


def test_another_operator_of_the_dag_keeps_its_own_default():
    from airflow.providers.standard.operators.empty import EmptyOperator

    dag = make("plain", "nowhere", None)
    other = EmptyOperator(task_id="other", dag=dag)
    assert other.retries == 0


def test_a_subclass_of_an_author_has_them_too():
    class Poster(OruxGenerateImageOperator):
        def __init__(self, *, subject, **kwargs):
            super().__init__(model="gpt-image-2", prompt=f"a poster of {subject}", **kwargs)

    with DAG("d", schedule=None):
        plain = Poster(task_id="a", subject="a fox")
        mapped = Poster.partial(task_id="b").expand(subject=["a fox"])
    assert (plain.retries, plain.free_retries) == (3, True)
    assert (mapped.retries, mapped.unmap({"subject": "a fox"}).free_retries) == (3, True)


@pytest.mark.parametrize(("try_number", "max_tries", "first"), [(1, 0, True), (1, 3, True), (2, 3, False), (4, 3, False),
                                                                (5, 7, True), (6, 7, False)])  # fmt: skip
def test_the_first_try_is_told_from_a_retry(try_number, max_tries, first):
    from airflow_provider_orux.durable.identity import TaskIdentity

    retries = 0 if max_tries == 0 else 3
    assert TaskIdentity("d", "r", "t", -1, try_number, max_tries).is_first_try(retries) is first


def test_ours_comes_first_and_the_authors_callbacks_are_kept():
    from airflow_provider_orux.operators.base import mark_delivered

    def told(context):
        """An author's."""

    for given in (told, [told]):
        with DAG("d", schedule=None):
            plain = OruxImagineOperator(task_id="a", prompt="x", on_success_callback=given)
            mapped = OruxImagineOperator.partial(task_id="b", on_success_callback=given).expand(prompt=["x"])
        assert plain.on_success_callback == [mark_delivered, told]
        assert mapped.unmap({"prompt": "x"}).on_success_callback == [mark_delivered, told]


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), 1e12, True, "60"])
def test_a_duration_that_could_not_be_waited_for_is_refused_before_anything_is_paid(timeout):
    with pytest.raises(InvalidRequestError, match="ten years"):
        OruxImagineOperator(task_id="t", prompt="a fox", timeout=timeout)
