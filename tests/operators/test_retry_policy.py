"""The default retry policy chooses delays; whether there is a retry is decided by the exception."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import structlog
from airflow.sdk import DAG

from airflow_provider_orux.compat import HAS_RETRY_POLICIES
from airflow_provider_orux.exceptions import OruxTaskRetryException
from airflow_provider_orux.models.errors import ArtifactError, GatewayUnavailableError, RateLimitedError
from airflow_provider_orux.operators.midjourney import OruxImagineOperator
from airflow_provider_orux.operators.retry_policy import OruxRetryPolicy
from airflow_provider_orux.storage import DestinationError
from airflow_provider_orux.triggers.jobs import OruxJobTrigger

pytestmark = pytest.mark.skipif(not HAS_RETRY_POLICIES, reason="this Airflow has no retry policies")


def delay(error: Exception, try_number: int = 1) -> float:
    decision = OruxRetryPolicy().evaluate(error, try_number, 5)
    assert decision.action.value == "retry"
    assert decision.retry_delay is not None
    return decision.retry_delay.total_seconds()


def test_a_failed_save_is_tried_again_soon():
    assert 12 <= delay(OruxTaskRetryException(ArtifactError("cut"))) <= 18


def test_a_store_that_is_away_before_anything_is_sent_is_like_a_gateway_that_is():
    away = OruxTaskRetryException(DestinationError("away", charged="no"))
    assert 24 <= delay(away) <= 36
    assert 96 <= delay(away, 3) <= 144


def test_a_gateway_that_is_away_is_asked_ever_less_often_up_to_a_cap():
    away = OruxTaskRetryException(GatewayUnavailableError("away"))
    assert 24 <= delay(away) <= 36
    assert 96 <= delay(away, 3) <= 144
    assert delay(away, 20) <= 720


def test_the_gateways_own_pause_is_kept():
    assert delay(OruxTaskRetryException(RateLimitedError("full", retry_after=300))) >= 240


def test_other_errors_are_airflows():
    assert OruxRetryPolicy().evaluate(ValueError("x"), 1, 5).action.value == "default"


def test_it_is_the_default_only_where_the_author_chose_nothing():
    with DAG("d", schedule=None):
        mine = OruxImagineOperator(task_id="a", prompt="x")
        delayed = OruxImagineOperator(task_id="b", prompt="x", retry_delay=timedelta(seconds=7))
        own = OruxImagineOperator(task_id="c", prompt="x", retry_policy=OruxRetryPolicy(first_delay=1))
        doubling = OruxImagineOperator(task_id="e", prompt="x", retry_exponential_backoff=True)
        capped = OruxImagineOperator(task_id="f", prompt="x", max_retry_delay=timedelta(minutes=5))
        mapped = OruxImagineOperator.partial(task_id="g", retry_exponential_backoff=2.0).expand(prompt=["x"])
    with DAG("e", schedule=None, default_args={"retry_exponential_backoff": True}):
        by_default = OruxImagineOperator(task_id="h", prompt="x")
    assert [t.retry_policy for t in (doubling, capped, by_default)] == [None] * 3
    assert mapped.partial_kwargs.get("retry_policy") is None
    assert isinstance(mine.retry_policy, OruxRetryPolicy)
    assert delayed.retry_policy is None
    assert own.retry_policy.first_delay == 1


def test_it_survives_being_stored():
    policy = OruxRetryPolicy(save_delay=1, first_delay=2, longest_delay=3)
    assert vars(OruxRetryPolicy.deserialize(policy.serialize())) == vars(policy)


def test_on_kill_tells_the_truth(capfd):
    trigger = OruxJobTrigger("orux_default", "task_1", 0.0)
    with structlog.testing.capture_logs() as seen:
        asyncio.run(trigger.on_kill())
    said = str(seen) + "".join(capfd.readouterr())
    assert "continues at the gateway and will be charged" in said
